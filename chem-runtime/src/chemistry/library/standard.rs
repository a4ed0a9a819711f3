//! What standardization asks about a molecule: the size of fragments, the canonical order of atoms and tautomer.

use cosmolkit_core::{CanonicalRankParams, rank_mol_atoms_with_params};

use super::{Pattern, Structure, guarded};

impl Structure {
    /// Returns the number of atoms including all hydrogens.
    pub fn all_atoms(&self) -> Option<i64> {
        let hydrogens: i64 = self.hydrogens()?.iter().map(|count| i64::from(*count)).sum();
        Some(hydrogens + self.0.num_atoms() as i64)
    }

    /// Returns the weight by which RDKit's `LargestFragmentChooser` orders fragments with the same number of atoms: the sum
    /// of 1000 for each unit of atomic number, 10 for each hydrogen and unit of an isotope label, and -1 for each charge.
    pub fn rank_among_fragments(&self) -> Option<i64> {
        let weight = |(atom, hydrogens): (&cosmolkit::Atom, i32)| {
            let isotope = atom.isotope().map_or(0, i64::from);
            1_000 * i64::from(atom.atomic_number()) + 10 * (isotope + i64::from(hydrogens))
                - i64::from(atom.formal_charge())
        };
        Some(self.0.topology().atoms.iter().zip(self.hydrogens()?).map(weight).sum())
    }

    /// Returns the number of hydrogens on each atom that are not atoms of the structure.
    fn hydrogens(&self) -> Option<Vec<i32>> {
        guarded(|| self.0.atoms().iter().map(|atom| atom.total_hydrogens().ok()).collect())?
    }

    /// Returns the atoms bonded to the atom at `index`, in the order of the bonds.
    pub fn neighbours(&self, index: usize) -> Vec<usize> {
        self.0.topology().adjacency.neighbors_of(index).iter().map(|neighbour| neighbour.atom_index).collect()
    }

    /// Returns the atoms that match the first atom of `pattern`.
    pub fn atoms_like(&self, pattern: &Pattern) -> Option<Vec<usize>> {
        let found = guarded(|| self.0.substruct_matches(pattern.query()).ok())??;
        Some(found.iter().filter_map(|one| one.atom_mapping.first().copied()).collect())
    }

    /// Returns the rank of each atom in a canonical order: RDKit's `Canon::rankMolAtoms`.
    pub fn canonical_ranks(&self) -> Option<Vec<usize>> {
        guarded(|| rank_mol_atoms_with_params(self.0.topology(), &CanonicalRankParams::default()).ok())?
    }

    /// Returns the canonical tautomer: the highest-scoring of the tautomers that moving hydrogens can reach (at most 1,000,
    /// by 1,000 moves). Follows <https://doi.org/10.1007/s10822-010-9346-4> as implemented in RDKit.
    ///
    /// # Errors
    /// Fails if the library finds none.
    pub fn canonical_tautomer(&self) -> Result<Self, String> {
        match guarded(|| self.0.canonical_tautomer()) {
            Some(Ok(molecule)) => Ok(Self(molecule)),
            Some(Err(error)) => Err(format!("its canonical tautomer cannot be found: {error}")),
            None => Err("the chemistry library failed to find its canonical tautomer".to_owned()),
        }
    }
}
