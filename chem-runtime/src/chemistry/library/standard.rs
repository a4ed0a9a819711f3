//! The operations of standardization: charged atoms, fragment size, and the canonical tautomer.

use cosmolkit::{SmilesWriteParams, element_info};
use cosmolkit_core::{CanonicalRankParams, rank_mol_atoms_with_params};

use super::{Pattern, Structure, guarded};

/// A charged atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargedAtom {
    /// The index among the atoms, from 0.
    pub index: usize,
    /// The atomic number.
    pub element: u8,
    /// The formal charge.
    pub charge: i32,
    /// The number of implicit and explicit hydrogens.
    pub hydrogens: i32,
    /// The sum of the bond orders, including bonds to hydrogens.
    pub valence: i32,
    /// The valences of the uncharged element; -1 for any.
    valences: &'static [i32],
}

impl ChargedAtom {
    /// Returns a change of this atom's charge and hydrogens.
    pub fn recharged(&self, charge: i32, hydrogens: i32) -> Recharged {
        Recharged { index: self.index, charge, hydrogens }
    }

    /// Returns whether an uncharged atom of this element can have the valence.
    pub fn can_have(&self, valence: i32) -> bool {
        self.valences.iter().any(|known| *known == -1 || *known >= valence)
    }
}

/// A new charge and number of hydrogens for an atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recharged {
    /// The index among the atoms, from 0.
    pub index: usize,
    /// The new formal charge.
    pub charge: i32,
    /// The new number of hydrogens.
    pub hydrogens: i32,
}

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

    /// Returns the charged atoms in the order of the atoms.
    pub fn charged_atoms(&self) -> Option<Vec<ChargedAtom>> {
        guarded(|| {
            let atoms = self.0.atoms();
            let charged = atoms.iter().enumerate().filter(|(_, atom)| atom.formal_charge() != 0);
            let read = |(index, atom): (usize, &cosmolkit::MoleculeAtom)| {
                Some(ChargedAtom {
                    index,
                    element: atom.atomic_number(),
                    charge: i32::from(atom.formal_charge()),
                    hydrogens: atom.total_hydrogens().ok()?,
                    valence: atom.total_valence().ok()?,
                    valences: element_info(atom.element()).valences,
                })
            };
            charged.map(read).collect()
        })?
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

    /// Applies changes of charges and hydrogens. Returns `None` if the resulting molecule is impossible.
    ///
    /// # Errors
    /// Fails if the library cannot write the result, or writes another molecule.
    pub fn recharged(&self, changes: &[Recharged]) -> Result<Option<Self>, String> {
        let edited = self.edited(|atoms| {
            for change in changes {
                if let Some(atom) = atoms.get_mut(change.index)
                    && let Ok(charge) = change.charge.try_into()
                    && let Ok(hydrogens) = change.hydrogens.try_into()
                {
                    atom.set_formal_charge(charge);
                    atom.set_explicit_hydrogens(hydrogens);
                    atom.set_no_implicit(true);
                }
            }
        });
        let Some(edited) = edited else { return Ok(None) };
        // Aromaticity and stereochemistry depend on the charges and are perceived again when the SMILES is parsed. A
        // formerly aromatic atom may now have two hydrogens, which must be explicit.
        let written_out = SmilesWriteParams { all_hydrogens_explicit: true, ..SmilesWriteParams::default() };
        match Self::from_smiles(&edited.written_with(&written_out)?) {
            Ok(read) if edited.is_same_as(&read) => Ok(Some(read)),
            Ok(_) => Err("its SMILES with other charges reads as another molecule".to_owned()),
            Err(_) => Ok(None),
        }
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
