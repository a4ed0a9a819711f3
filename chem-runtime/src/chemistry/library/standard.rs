//! What standardizing asks of a structure: its charged atoms, its size, and its canonical tautomer.

use super::{Pattern, Structure, guarded};

/// A charged atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargedAtom {
    /// Its place among the atoms of the SMILES, from 0.
    pub place: usize,
    /// Its atomic number.
    pub element: u8,
    /// Its charge.
    pub charge: i32,
    /// The hydrogens on it.
    pub hydrogens: i32,
    /// The sum of the orders of its bonds, those to hydrogens too.
    pub valence: i32,
}

impl Structure {
    /// How many atoms there are, hydrogens among them.
    pub fn all_atoms(&self) -> Option<i64> {
        guarded(|| {
            let hydrogens = self.0.atoms().into_iter().map(|atom| atom.total_hydrogens().map(i64::from));
            let hydrogens: i64 = hydrogens.sum::<Result<i64, _>>().ok()?;
            Some(hydrogens + self.0.num_atoms() as i64)
        })?
    }

    /// How many atoms a SMILES of the structure spells out.
    pub fn spelled_atoms(&self) -> usize {
        self.0.num_atoms()
    }

    /// The charged atoms, in the order in which they stand in the SMILES that the structure was read from.
    pub fn charged_atoms(&self) -> Option<Vec<ChargedAtom>> {
        guarded(|| {
            let atoms = self.0.atoms();
            let charged = atoms.iter().enumerate().filter(|(_, atom)| atom.formal_charge() != 0);
            let read = |(place, atom): (usize, &cosmolkit::MoleculeAtom)| {
                Some(ChargedAtom {
                    place,
                    element: atom.atomic_number(),
                    charge: i32::from(atom.formal_charge()),
                    hydrogens: atom.total_hydrogens().ok()?,
                    valence: atom.total_valence().ok()?,
                })
            };
            charged.map(read).collect()
        })?
    }

    /// The places of the atoms bonded to the atom at `place`, in the order of the bonds.
    pub fn neighbours(&self, place: usize) -> Vec<usize> {
        let ends = self.0.bonds().iter().map(|bond| (bond.begin().index(), bond.end().index()));
        let other = |(one, end): (usize, usize)| match place {
            _ if one == place => Some(end),
            _ if end == place => Some(one),
            _ => None,
        };
        ends.filter_map(other).collect()
    }

    /// The places of the atoms that match the first atom of `pattern`.
    pub fn atoms_like(&self, pattern: &Pattern) -> Option<Vec<usize>> {
        let found = guarded(|| self.0.substruct_matches(pattern.query()).ok())??;
        Some(found.iter().filter_map(|one| one.atom_mapping.first().copied()).collect())
    }

    /// The canonical tautomer: of the tautomers that hydrogens can move to (1,000 at most, by 1,000 moves), the one of
    /// the highest score. <https://doi.org/10.1007/s10822-010-9346-4>, as RDKit has it.
    ///
    /// # Errors
    /// Says that the library found none.
    pub fn canonical_tautomer(&self) -> Result<Self, String> {
        match guarded(|| self.0.canonical_tautomer()) {
            Some(Ok(molecule)) => Ok(Self(molecule)),
            Some(Err(error)) => Err(format!("its canonical tautomer cannot be found: {error}")),
            None => Err("the chemistry library failed to find its canonical tautomer".to_owned()),
        }
    }
}
