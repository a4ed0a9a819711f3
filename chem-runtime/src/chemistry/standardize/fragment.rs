//! Selects the largest fragment of a molecule.

use std::cmp::Ordering;

use crate::chemistry::library::Structure;

/// Returns the SMILES of the largest fragment of `smiles`, which must be canonical; `None` if there is only one fragment.
///
/// The largest fragment has the most atoms including hydrogens; ties are broken by the heaviest elements, then by the order
/// of the SMILES. This is the rule of RDKit's `LargestFragmentChooser`.
///
/// # Errors
/// Fails if a fragment cannot be parsed by itself.
pub(super) fn largest(smiles: &str) -> Result<Option<&str>, String> {
    if !smiles.contains('.') {
        return Ok(None);
    }
    let mut best: Option<(Size, &str)> = None;
    for text in smiles.split('.') {
        let size = Size::of(text)?;
        let larger = match &best {
            None => true,
            Some((best, smiles)) => size.cmp(best).then_with(|| smiles.cmp(&text)) == Ordering::Greater,
        };
        if larger {
            best = Some((size, text));
        }
    }
    Ok(best.map(|(_, text)| text))
}

/// The size of a fragment. Compares the number of atoms first.
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
