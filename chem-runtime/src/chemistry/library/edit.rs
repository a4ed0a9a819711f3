//! Structures with other charges, hydrogens or labels on their atoms.

use cosmolkit::{Atom, CoordinateBlock, Molecule, MoleculeProperties, SanitizeOperations, SanitizeParams};

use super::{Structure, guarded};

impl Structure {
    /// The structure after `edit` of its atoms, whose bonds, aromaticity and chirality stay. `None` if an atom of it then
    /// has a valence that its element does not have.
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
