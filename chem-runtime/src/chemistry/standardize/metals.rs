//! Disconnection of metals: removes bonds between metals and non-metals, and turns both into ions.
//!
//! The elements and the rules for the charges are those of RDKit's `MetalDisconnector`
//! (`Code/GraphMol/MolStandardize/Metal.cpp`, BSD-3-Clause) in 2026.09.1, with its default options: a carbon-metal bond of
//! a Grignard reagent stays, and so does a bond to an aromatic carbon.

use std::collections::BTreeMap;

use crate::chemistry::library::{AtomEdit, AtomState, Structure};

/// Returns the molecule without bonds between metals and non-metals; `None` if there are none.
///
/// # Errors
/// Fails if the library does, or if the ions are impossible.
pub(super) fn disconnected(structure: &Structure) -> Result<Option<Structure>, String> {
    let failed = || "the chemistry library failed to look at its metals".to_owned();
    let atoms = structure.atom_states().ok_or_else(failed)?;
    let mut cuts = Cuts::default();
    for (index, bond) in structure.bond_states().iter().enumerate() {
        let [begin, end] = bond.ends;
        for (metal, ligand) in [(begin, end), (end, begin)] {
            if is_disconnected(&atoms[metal], &atoms[ligand]) {
                cuts.bonds.push(index);
                cuts.metals.entry(metal).or_default();
                let cut = cuts.ligands.entry(ligand).or_default();
                cut.order += bond.order;
                cut.metals.push(metal);
            }
        }
    }
    if cuts.bonds.is_empty() {
        return Ok(None);
    }
    let bonds = std::mem::take(&mut cuts.bonds);
    let edits = cuts.edits(&atoms);
    let impossible = || "without bonds to metals, an atom has an impossible valence".to_owned();
    let ions = structure.changed(&bonds, &edits).ok_or_else(impossible)?;
    Structure::from_smiles(&ions.written()?).map(Some)
}

/// Returns whether the bond between the two atoms is removed: that of any metal to nitrogen, oxygen or fluorine, and that of
/// a transition metal or aluminium to any other aliphatic non-metal.
fn is_disconnected(metal: &AtomState, ligand: &AtomState) -> bool {
    match ligand.element {
        7..=9 => is_transition_metal(metal.element) || is_other_metal(metal.element),
        5 | 6 | 14 | 15 | 16 | 17 | 33 | 34 | 35 | 51 | 52 | 53 | 85 => {
            !ligand.aromatic && is_transition_metal(metal.element)
        }
        _ => false,
    }
}

/// Returns whether the element is aluminium or a transition metal other than mercury.
fn is_transition_metal(element: u8) -> bool {
    matches!(element, 13 | 21..=30 | 39..=48 | 72..=79)
}

/// Returns whether the element is another metal in RDKit's list.
fn is_other_metal(element: u8) -> bool {
    matches!(element, 3 | 4 | 11 | 12 | 19 | 20 | 31 | 37 | 38 | 49 | 50 | 55 | 56 | 80..=83 | 87 | 88)
}

/// The bonds to remove, and the atoms that they connect.
#[derive(Default)]
struct Cuts {
    bonds: Vec<usize>,
    ligands: BTreeMap<usize, Ligand>,
    /// The number of electrons that each metal loses.
    metals: BTreeMap<usize, i32>,
}

/// A non-metal that loses bonds to metals.
#[derive(Default)]
struct Ligand {
    /// The sum of the orders of the bonds.
    order: i32,
    metals: Vec<usize>,
}

/// The state of a non-metal after its bonds to metals are removed.
struct Ion {
    charge: i32,
    radicals: i32,
    /// The number of electrons taken from metals.
    taken: i32,
}

impl Cuts {
    fn edits(mut self, atoms: &[AtomState]) -> Vec<AtomEdit> {
        let mut edits = Vec::new();
        for (index, ligand) in &mut self.ligands {
            let (atom, ion) = (&atoms[*index], Ion::of(&atoms[*index], ligand));
            edits.push(AtomEdit { charge: ion.charge, radicals: ion.radicals, ..atom.unchanged() });
            ligand.metals.sort_unstable();
            ligand.metals.sort_by_key(|metal| self.metals.get(metal));
            let givers = ligand.metals.iter().cycle().take(ion.taken.try_into().unwrap_or_default());
            for metal in givers {
                *self.metals.entry(*metal).or_default() += 1;
            }
        }
        edits.extend(self.metals.iter().filter_map(|(index, lost)| cation(&atoms[*index], *lost)));
        edits
    }
}

impl Ion {
    fn of(atom: &AtomState, ligand: &Ligand) -> Self {
        let (mut charge, mut radicals, mut unpaired, mut valence) = (-ligand.order, atom.radicals, 0, 0);
        // The recorded charge is often wrong, so the new one follows from the valence that remains.
        if atom.valences.first().is_some_and(|lowest| *lowest != -1) {
            valence = atom.valence + atom.radicals - ligand.order;
            match atom.valences.iter().find(|known| valence <= **known) {
                Some(known) => {
                    charge = valence - known;
                    // A carbene and the like.
                    if atom.radicals % 2 == 1 && charge < 0 {
                        (charge, unpaired) = (charge + 1, 1);
                        radicals = if atom.element < 7 { atom.radicals + 1 } else { 0 };
                    }
                }
                None => valence = atom.valences.last().copied().unwrap_or_default(),
            }
        }
        let bonded = atom.neighbours as i32 - ligand.metals.len() as i32 + atom.hydrogens;
        // No negative charge goes to an sp2 carbon.
        if charge == -1 && valence == bonded + 1 {
            charge = 0;
        }
        // A ligand bonded by its own electrons, such as carbon monoxide, takes none from the metal.
        let is_dative = ligand.order == 0 || (charge == -1 && atom.element == 6 && valence == bonded + 2);
        let taken = if is_dative { 0 } else { -charge } - unpaired;
        Self { charge, radicals, taken }
    }
}

/// Returns the metal without `lost` electrons and without hydrogens; `None` if its charge is already as high as its valences.
fn cation(atom: &AtomState, lost: i32) -> Option<AtomEdit> {
    let highest = atom.valences.iter().copied().max().unwrap_or(-1);
    if highest != -1 && atom.charge >= highest {
        return None;
    }
    let mut charge = lost + atom.charge.max(0);
    if let [lowest, ..] = atom.valences
        && *lowest != -1
        && atom.valences.last() != Some(&-1)
    {
        charge = charge.min(highest);
    }
    Some(AtomEdit {
        charge: charge.max(atom.charge),
        explicit_hydrogens: 0,
        fixed: false,
        radicals: 0,
        ..atom.unchanged()
    })
}
