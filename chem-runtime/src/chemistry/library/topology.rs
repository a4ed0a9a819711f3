//! Indices of the molecular graph: distances between atoms, and what is computed from them.
//!
//! The definitions are those of RDKit's `GraphDescriptors.py`, `EState.py` and `EState_VSA.py` (BSD-3-Clause).

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use cosmolkit::{Molecule, element_info};
use cosmolkit_core::{DenseMatrix, TopologicalDistanceMatrixParams, bond_type_as_double, topological_distance_matrix};

use super::{Structure, guarded, number};

/// The distance from which atoms count as not connected.
const NOT_CONNECTED: f64 = 1e6;

/// The number of nearest atoms by whose distances [`Structure::bertz_ct`] tells atoms apart.
const NEAREST: usize = 100;

/// The upper bounds of the intervals of electrotopological states in `EState_VSA`.
const STATES: [f64; 10] = [-0.390, 0.290, 0.717, 1.165, 1.540, 1.807, 2.05, 4.69, 9.17, 15.0];

/// The upper bounds of the intervals of surface areas in `VSA_EState`, in Å².
const AREAS: [f64; 9] = [4.78, 5.00, 5.410, 5.740, 6.00, 6.07, 6.45, 7.00, 11.0];

impl Structure {
    /// Computes Balaban's index J, with distances that account for bond orders: `GraphDescriptors.BalabanJ`.
    /// <https://doi.org/10.1016/0009-2614(82)80009-2>
    pub fn balaban_j(&self) -> Option<f64> {
        number(|| {
            let distances = distances(&self.0, true)?;
            let atoms = self.0.num_atoms();
            let sums: Vec<f64> =
                (0..atoms).map(|atom| (0..atoms).filter_map(|other| distances.get(other, atom)).sum()).collect();
            let bonds = self.0.bonds();
            let sum: f64 =
                bonds.iter().map(|bond| 1.0 / (sums[bond.begin().index()] * sums[bond.end().index()]).sqrt()).sum();
            let cycles = bonds.len() as i64 - atoms as i64 + 2;
            Some(if cycles == 0 { 0.0 } else { bonds.len() as f64 / cycles as f64 * sum })
        })
    }

    /// Computes the complexity of Bertz: the information content of connections and of elements: `GraphDescriptors.BertzCT`.
    /// <https://doi.org/10.1021/ja00402a071>
    pub fn bertz_ct(&self) -> Option<f64> {
        number(|| bertz_ct(&self.0))
    }

    /// Computes the electrotopological state of each atom of Hall, Mohney and Kier: `EStateIndices`.
    /// <https://doi.org/10.1021/ci00001a012>
    pub fn electrotopological_states(&self) -> Option<Vec<f64>> {
        guarded(|| states(&self.0))?.filter(|states| states.iter().all(|state| state.is_finite()))
    }

    /// Returns the surface area in Å² of the atoms in each interval of their electrotopological states: `EState_VSA_`.
    pub fn estate_vsa(&self) -> Option<Vec<f64>> {
        let (states, areas) = (self.electrotopological_states()?, self.areas()?);
        Some(binned(&STATES, &states, &areas))
    }

    /// Returns the sum of the electrotopological states of the atoms in each interval of their surface area: `VSA_EState_`.
    pub fn vsa_estate(&self) -> Option<Vec<f64>> {
        let (states, areas) = (self.electrotopological_states()?, self.areas()?);
        Some(binned(&AREAS, &areas, &states))
    }

    /// Returns Labute's approximate surface area of each atom, in Å².
    pub(super) fn areas(&self) -> Option<Vec<f64>> {
        Some(guarded(|| self.0.labute_asa_contributions().ok())??.atom_contributions)
    }

    /// Counts the valence electrons: `Descriptors.NumValenceElectrons`.
    pub fn valence_electrons(&self) -> Option<i64> {
        let electrons = |atom: &cosmolkit::MoleculeAtom| {
            let of_element = element_info(atom.element()).outer_electrons;
            Some(i64::from(of_element - i32::from(atom.formal_charge()) + atom.total_hydrogens().ok()?))
        };
        guarded(|| self.0.atoms().iter().map(electrons).sum())?
    }

    /// Counts the unpaired electrons: `Descriptors.NumRadicalElectrons`.
    pub fn radical_electrons(&self) -> Option<i64> {
        guarded(|| self.0.atoms().iter().map(|atom| i64::from(atom.radical_electrons())).sum())
    }

    /// Returns the 42 molecular quantum numbers of Nguyen and others: `MQNs_`. <https://doi.org/10.1002/cmdc.200900317>
    pub fn quantum_numbers(&self) -> Option<Vec<u32>> {
        guarded(|| self.0.mqns(false).ok())?
    }
}

/// Returns the distances between the atoms. Each bond counts 1, or the inverse of its order.
fn distances(molecule: &Molecule, use_bond_order: bool) -> Option<DenseMatrix> {
    let params = TopologicalDistanceMatrixParams { use_bond_order, ..TopologicalDistanceMatrixParams::default() };
    topological_distance_matrix(molecule.topology(), &params).ok()
}

/// Sums `values` by the interval in which the key of each is.
pub(super) fn binned(bounds: &[f64], keys: &[f64], values: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; bounds.len() + 1];
    for (key, value) in keys.iter().zip(values) {
        // A dummy atom has no area, NaN, which sorts last.
        sums[bounds.partition_point(|bound| key.partial_cmp(bound) != Some(Ordering::Less))] += value;
    }
    sums
}

fn states(molecule: &Molecule) -> Option<Vec<f64>> {
    let intrinsic = |atom: &cosmolkit::MoleculeAtom| {
        let element = element_info(atom.element());
        if atom.degree() == 0 {
            return Some(0.0);
        }
        let free = f64::from(element.outer_electrons - atom.total_hydrogens().ok()?);
        let row = f64::from(element.period.max(1));
        Some((4.0 / (row * row) * free + 1.0) / atom.degree() as f64)
    };
    let intrinsic: Vec<f64> = molecule.atoms().iter().map(intrinsic).collect::<Option<_>>()?;
    let distances = distances(molecule, false)?;
    let mut changes = vec![0.0; intrinsic.len()];
    for one in 0..intrinsic.len() {
        for other in one + 1..intrinsic.len() {
            let apart = distances.get(one, other)? + 1.0;
            if apart < NOT_CONNECTED {
                let change = (intrinsic[one] - intrinsic[other]) / (apart * apart);
                changes[one] += change;
                changes[other] -= change;
            }
        }
    }
    Some(changes.iter().zip(&intrinsic).map(|(change, intrinsic)| change + intrinsic).collect())
}

fn bertz_ct(molecule: &Molecule) -> Option<f64> {
    let atoms = molecule.num_atoms();
    if atoms < 2 {
        return Some(0.0);
    }
    let mut neighbours: Vec<BTreeMap<usize, f64>> = vec![BTreeMap::new(); atoms];
    for bond in molecule.bonds() {
        let [one, other] = [bond.begin(), bond.end()].map(|atom| atom.index());
        let order = if bond.is_aromatic() { 1.5 } else { bond_type_as_double(bond.order()).ok()? };
        neighbours[one].insert(other, order);
        neighbours[other].insert(one, order);
    }
    let classes = classes(molecule)?;
    let mut elements: BTreeMap<u8, f64> = BTreeMap::new();
    // A connection is a multiple bond, or two bonds at one atom, between atoms of these classes.
    let mut connections: BTreeMap<(Option<usize>, usize, usize), f64> = BTreeMap::new();
    let mut connect = |centre: Option<usize>, one: usize, other: usize, count: f64| {
        *connections.entry((centre, one.min(other), one.max(other))).or_default() += count;
    };
    for (index, atom) in molecule.atoms().iter().enumerate() {
        *elements.entry(atom.atomic_number()).or_default() += 1.0;
        for (at, (neighbour, order)) in neighbours[index].iter().enumerate() {
            if *order > 1.0 && *neighbour > index {
                connect(None, classes[index], classes[*neighbour], order * (order - 1.0) / 2.0);
            }
            for (other, other_order) in neighbours[index].iter().skip(at + 1) {
                connect(Some(classes[index]), classes[*neighbour], classes[*other], order * other_order);
            }
        }
    }
    let connections: Vec<f64> = if connections.is_empty() { vec![1.0] } else { connections.into_values().collect() };
    let elements: Vec<f64> = elements.into_values().collect();
    let total: f64 = connections.iter().sum();
    let of_connections = if total > 0.0 { total * (entropy(&connections) + total.log2()) } else { 0.0 };
    Some(atoms as f64 * entropy(&elements) + of_connections)
}

/// Numbers the classes of atoms that have the same distances to their nearest atoms.
fn classes(molecule: &Molecule) -> Option<Vec<usize>> {
    let distances = distances(molecule, true)?;
    let atoms = molecule.num_atoms();
    let mut known: HashMap<Vec<String>, usize> = HashMap::new();
    let mut classes = Vec::with_capacity(atoms);
    for atom in 0..atoms {
        let mut row: Vec<f64> = (0..atoms).map(|other| distances.get(atom, other)).collect::<Option<_>>()?;
        row.sort_unstable_by(f64::total_cmp);
        row.truncate(NEAREST);
        let next = known.len();
        classes.push(*known.entry(row.iter().map(|distance| format!("{distance:.4}")).collect()).or_insert(next));
    }
    Some(classes)
}

/// Returns the information content of a distribution, in bits.
pub(super) fn entropy(counts: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    let part = |count: &f64| if *count > 0.0 { count / total * (count / total).log2() } else { 0.0 };
    -counts.iter().map(part).sum::<f64>()
}
