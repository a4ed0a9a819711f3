//! The atoms that a pattern cannot do without: a molecule that lacks one is not searched.

use cosmolkit::{AtomQueryPredicate, Molecule, QueryGraph, QueryNode};

/// Numbers of atoms: by atomic number, and of aromatic atoms. Those that a pattern needs at least, or a molecule has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Atoms {
    elements: [u16; 119],
    aromatic: u16,
}

impl Atoms {
    /// Counts the atoms that every match of `query` contains.
    pub(super) fn needed_by(query: &QueryGraph) -> Self {
        let mut atoms = Self { elements: [0; 119], aromatic: 0 };
        for atom in query.atoms() {
            let (mut element, mut aromatic) = (None, false);
            look(atom.predicate(), &mut element, &mut aromatic);
            atoms.add(element, aromatic);
        }
        atoms
    }

    /// Counts the atoms of `molecule`.
    pub(super) fn of(molecule: &Molecule) -> Self {
        let mut atoms = Self { elements: [0; 119], aromatic: 0 };
        molecule.topology().atoms.iter().for_each(|atom| atoms.add(Some(atom.atomic_number()), atom.is_aromatic()));
        atoms
    }

    /// Returns whether there are as many atoms of each kind as `needed`.
    pub(super) fn suffice_for(&self, needed: &Self) -> bool {
        self.aromatic >= needed.aromatic && self.elements.iter().zip(&needed.elements).all(|(has, needs)| has >= needs)
    }

    fn add(&mut self, element: Option<u8>, aromatic: bool) {
        if let Some(count) = element.and_then(|element| self.elements.get_mut(usize::from(element))) {
            *count = count.saturating_add(1);
        }
        self.aromatic = self.aromatic.saturating_add(aromatic.into());
    }
}

/// Finds what is true of every atom that matches `query`: its element, and that it is aromatic.
fn look(query: &QueryNode<AtomQueryPredicate>, element: &mut Option<u8>, aromatic: &mut bool) {
    match query {
        QueryNode::And(parts) => parts.iter().for_each(|part| look(part, element, aromatic)),
        QueryNode::Predicate(AtomQueryPredicate::AtomicNumber(number)) => *element = Some(*number),
        QueryNode::Predicate(AtomQueryPredicate::AtomType { atomic_number, aromatic: is }) => {
            *element = Some(*atomic_number);
            *aromatic |= *is;
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::{Pattern, Structure};

    #[test]
    fn a_molecule_that_lacks_an_atom_is_not_searched() {
        for (smiles, smarts, suffices) in [
            ("CCO", "C.C", true),
            ("CCO", "C.C.C", false),
            ("CCO", "[C,N].[C,N].[C,N].[C,N]", true),
            ("CCO", "[#6;X4][!#6]", true),
            ("CCO", "S", false),
            ("CCO", "[$(S)]", true),
            ("CCO", "c", false),
            ("c1ccccc1", "c1ccccc1", true),
            ("c1ccccc1", "c1cccccc1", false),
            ("c1ccccc1", "[#6]", true),
            ("*", "[#6]", false),
        ] {
            let (structure, pattern) = (Structure::from_smiles(smiles).unwrap(), Pattern::from_smarts(smarts).unwrap());
            assert_eq!(Atoms::of(&structure.0).suffice_for(pattern.needed()), suffices, "{smarts} in {smiles}");
        }
    }
}
