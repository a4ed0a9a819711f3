//! Edits molecules: the charges, hydrogens and isotope labels of atoms, and the bonds between them.

use cosmolkit::{
    Atom, BondId, BondOrder, CoordinateBlock, Molecule, MoleculeAtom, MoleculeProperties, SanitizeOperations,
    SanitizeParams, SmilesWriteParams, TopologyBlock, element_info,
};
use cosmolkit_core::bond_type_as_double;

use super::{Structure, guarded};

/// What the charge and the hydrogens of an atom depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtomState {
    /// The index among the atoms, from 0.
    pub index: usize,
    /// The atomic number.
    pub element: u8,
    /// Whether the atom is aromatic.
    pub aromatic: bool,
    /// The formal charge.
    pub charge: i32,
    /// The number of implicit and explicit hydrogens that are not atoms of the structure.
    pub hydrogens: i32,
    /// The number of those hydrogens that are explicit.
    pub explicit_hydrogens: i32,
    /// Whether the number of hydrogens is fixed, as for an atom in brackets. Otherwise it follows from the valence.
    pub fixed: bool,
    /// The number of bonded atoms of the structure.
    pub neighbours: usize,
    /// The number of unpaired electrons.
    pub radicals: i32,
    /// The sum of the bond orders, including bonds to hydrogens.
    pub valence: i32,
    /// The valences of the uncharged element; -1 for any.
    pub valences: &'static [i32],
}

impl AtomState {
    fn of(index: usize, atom: &MoleculeAtom) -> Option<Self> {
        Some(Self {
            index,
            element: atom.atomic_number(),
            aromatic: atom.is_aromatic(),
            charge: i32::from(atom.formal_charge()),
            hydrogens: atom.total_hydrogens().ok()?,
            explicit_hydrogens: i32::from(atom.explicit_hydrogens()),
            fixed: atom.no_implicit(),
            neighbours: atom.degree(),
            radicals: i32::from(atom.radical_electrons()),
            valence: atom.total_valence().ok()?,
            valences: element_info(atom.element()).valences,
        })
    }

    /// Returns an edit that gives the atom this charge and exactly this number of hydrogens.
    pub fn recharged(&self, charge: i32, hydrogens: i32) -> AtomEdit {
        AtomEdit { charge, explicit_hydrogens: hydrogens, fixed: true, ..self.unchanged() }
    }

    /// Returns an edit that changes nothing, for struct update syntax.
    pub fn unchanged(&self) -> AtomEdit {
        AtomEdit {
            index: self.index,
            charge: self.charge,
            explicit_hydrogens: self.explicit_hydrogens,
            fixed: self.fixed,
            radicals: self.radicals,
        }
    }

    /// Returns whether an uncharged atom of this element can have the valence.
    pub fn can_have(&self, valence: i32) -> bool {
        self.valences.iter().any(|known| *known == -1 || *known >= valence)
    }
}

/// The new state of an atom. The fields are those of [`AtomState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtomEdit {
    pub index: usize,
    pub charge: i32,
    pub explicit_hydrogens: i32,
    pub fixed: bool,
    pub radicals: i32,
}

impl AtomEdit {
    fn apply(&self, atoms: &mut [Atom]) {
        if let Some(atom) = atoms.get_mut(self.index)
            && let Ok(charge) = self.charge.try_into()
            && let Ok(hydrogens) = self.explicit_hydrogens.try_into()
            && let Ok(radicals) = self.radicals.try_into()
        {
            atom.set_formal_charge(charge);
            atom.set_explicit_hydrogens(hydrogens);
            atom.set_no_implicit(self.fixed);
            atom.set_radical_electrons(radicals);
        }
    }
}

/// A bond between two atoms of a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BondState {
    /// The indices of the atoms.
    pub ends: [usize; 2],
    /// The bond order, rounded down; 0 for a dative bond.
    pub order: i32,
}

impl Structure {
    /// Returns the atoms in their order.
    pub fn atom_states(&self) -> Option<Vec<AtomState>> {
        guarded(|| self.0.atoms().iter().enumerate().map(|(index, atom)| AtomState::of(index, atom)).collect())?
    }

    /// Returns the bonds in their order.
    pub fn bond_states(&self) -> Vec<BondState> {
        let state = |bond: &cosmolkit::Bond| BondState {
            ends: [bond.begin().index(), bond.end().index()],
            order: electron_pairs(bond.order()),
        };
        self.0.topology().bonds.iter().map(state).collect()
    }

    /// Changes atoms. Returns `None` if the resulting molecule is impossible.
    ///
    /// # Errors
    /// Fails if the library cannot write the result, or writes another molecule.
    pub fn recharged(&self, edits: &[AtomEdit]) -> Result<Option<Self>, String> {
        let Some(edited) = self.changed(&[], edits) else { return Ok(None) };
        // Aromaticity and stereochemistry depend on the charges and are perceived again when the SMILES is parsed. A
        // formerly aromatic atom may now have two hydrogens, which must be explicit.
        let written_out = SmilesWriteParams { all_hydrogens_explicit: true, ..SmilesWriteParams::default() };
        match Self::from_smiles(&edited.written_with(&written_out)?) {
            Ok(read) if edited.is_same_as(&read) => Ok(Some(read)),
            Ok(_) => Err("its SMILES with other charges reads as another molecule".to_owned()),
            Err(_) => Ok(None),
        }
    }

    /// Removes the bonds with the indices `cut` and changes atoms, without perceiving aromaticity and stereochemistry again:
    /// parse the SMILES for that. Returns `None` if an atom then has an invalid valence.
    pub fn changed(&self, cut: &[usize], edits: &[AtomEdit]) -> Option<Self> {
        guarded(|| {
            let mut topology = self.0.topology().clone();
            if !cut.is_empty() {
                let mut batch = topology.into_batch_edit().ok()?;
                cut.iter().try_for_each(|bond| batch.remove_bond(BondId::new(*bond))).ok()?;
                topology = batch.finish().ok()?.0;
            }
            edits.iter().for_each(|edit| edit.apply(&mut topology.atoms));
            rebuilt(topology)
        })?
    }

    /// Applies `edit` to the atoms, without changing bonds, aromaticity or chirality. Returns `None` if an atom then has an
    /// invalid valence.
    pub(super) fn edited(&self, edit: impl FnOnce(&mut [Atom])) -> Option<Self> {
        self.reshaped(|topology| edit(&mut topology.atoms))
    }

    /// Applies `edit` to the atoms and bonds, without perceiving aromaticity and stereochemistry again. Returns `None` if an
    /// atom then has an invalid valence.
    pub(super) fn reshaped(&self, edit: impl FnOnce(&mut TopologyBlock)) -> Option<Self> {
        guarded(|| {
            let mut topology = self.0.topology().clone();
            edit(&mut topology);
            rebuilt(topology)
        })?
    }
}

fn rebuilt(topology: TopologyBlock) -> Option<Structure> {
    let (coordinates, properties) = (CoordinateBlock::default(), MoleculeProperties::default());
    let mut molecule = Molecule::from_parts(topology, coordinates, properties).ok()?;
    let operations = SanitizeOperations::PROPERTIES
        | SanitizeOperations::SYMM_RINGS
        | SanitizeOperations::SET_CONJUGATION
        | SanitizeOperations::SET_HYBRIDIZATION;
    molecule.sanitize_with_params_(&SanitizeParams { operations }).ok()?;
    Some(Structure(molecule))
}

/// Returns the bond order, rounded down. The electrons of a dative bond belong to one of its atoms.
fn electron_pairs(order: BondOrder) -> i32 {
    match order {
        BondOrder::DativeOne | BondOrder::Dative | BondOrder::DativeLeft | BondOrder::DativeRight => 0,
        _ => bond_type_as_double(order).map_or(0, |order| order as i32),
    }
}
