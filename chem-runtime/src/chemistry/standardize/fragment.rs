//! The largest of the molecules that a record holds.

use std::cmp::Ordering;

use crate::chemistry::library::Structure;

/// The SMILES of the largest fragment of `smiles`, which is canonical; `None` if there is but one.
///
/// The largest has the most atoms, hydrogens among them; of several, the heaviest elements; of those, the SMILES that comes
/// first. It is the rule of RDKit's `LargestFragmentChooser`.
///
/// # Errors
/// Says that a fragment cannot be understood by itself.
pub(super) fn largest(smiles: &str) -> Result<Option<&str>, String> {
    if !smiles.contains('.') {
        return Ok(None);
    }
    let mut best: Option<(Size, &str)> = None;
    for text in smiles.split('.') {
        let size = Size::of(text)?;
        let larger = match &best {
            None => true,
            Some((before, shown)) => size.cmp(before).then_with(|| shown.cmp(&text)) == Ordering::Greater,
        };
        if larger {
            best = Some((size, text));
        }
    }
    Ok(best.map(|(_, text)| text))
}

/// What fragments are compared by, first by atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Size {
    atoms: i64,
    weight: i64,
}

impl Size {
    fn of(smiles: &str) -> Result<Self, String> {
        let structure = Structure::from_smiles(smiles)?;
        let size = || Some(Self { atoms: structure.all_atoms()?, weight: structure.rank_among_fragments()? });
        size().ok_or_else(|| "the chemistry library failed to count its atoms".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_of_two_fragments_of_as_many_atoms_is_kept() {
        for (smiles, largest_is) in [
            ("[1*]F.[2*]Cl", "[2*]Cl"),
            ("[2*]F.[1*]Cl", "[1*]Cl"),
            ("[999CH4].[SiH4]", "[999CH4]"),
            ("[13CH4].C", "[13CH4]"),
            ("C[NH3+].CCl", "C[NH3+]"),
        ] {
            assert_eq!(largest(smiles), Ok(Some(largest_is)), "{smiles}");
        }
        assert_eq!(largest("CC"), Ok(None));
    }
}
