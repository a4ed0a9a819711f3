//! Edits the charges, hydrogens and isotope labels of atoms.

use cosmolkit::{Atom, CoordinateBlock, Molecule, MoleculeProperties, SanitizeOperations, SanitizeParams};

use super::{Structure, guarded};

impl Structure {
    /// Applies `edit` to the atoms, without changing bonds, aromaticity or chirality. Returns `None` if an atom then has an
    /// invalid valence.
    pub(super) fn edited(&self, edit: impl FnOnce(&mut [Atom])) -> Option<Self> {
        guarded(|| {
            let mut topology = self.0.topology().clone();
            edit(&mut topology.atoms);
            let (coordinates, properties) = (CoordinateBlock::default(), MoleculeProperties::default());
            let mut molecule = Molecule::from_parts(topology, coordinates, properties).ok()?;
            let operations = SanitizeOperations::PROPERTIES
                | SanitizeOperations::SYMM_RINGS
                | SanitizeOperations::SET_CONJUGATION
                | SanitizeOperations::SET_HYBRIDIZATION;
            molecule.sanitize_with_params_(&SanitizeParams { operations }).ok()?;
            Some(Self(molecule))
        })?
    }
}
