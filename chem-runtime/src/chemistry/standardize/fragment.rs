//! The largest of the molecules that a record holds.

use std::cmp::Ordering;

use crate::chemistry::library::Structure;
use crate::chemistry::property::rounded;

/// The SMILES of the largest fragment of `smiles`, which is canonical; `None` if there is but one.
///
/// The largest has the most atoms, hydrogens among them; of several, the heaviest; of those, the one whose SMILES comes
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
            Some((before, shown)) => size.compare(before).then_with(|| shown.cmp(&text)) == Ordering::Greater,
        };
        if larger {
            best = Some((size, text));
        }
    }
    Ok(best.map(|(_, text)| text))
}

struct Size {
    atoms: i64,
    mass: f64,
}

impl Size {
    fn of(smiles: &str) -> Result<Self, String> {
        let structure = Structure::from_smiles(smiles)?;
        let atoms = structure.all_atoms().ok_or("the chemistry library failed to count its atoms")?;
        Ok(Self { atoms, mass: structure.exact_mass().map_or(0.0, rounded) })
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.atoms.cmp(&other.atoms).then(self.mass.total_cmp(&other.mass))
    }
}
