//! Partial charges of atoms, by the equalization of electronegativities of Gasteiger and Marsili.
//!
//! The algorithm and its parameters are those of RDKit's `GasteigerCharges.cpp` and `GasteigerParams.cpp` (BSD-3-Clause):
//! <https://doi.org/10.1016/0040-4020(80)80168-2>, and further elements after PyBabel.

use cosmolkit::{Hybridization, Molecule, MoleculeAtom};

use super::topology::binned;
use super::{Structure, guarded};

/// The number of rounds of equalization.
const ROUNDS: usize = 12;

/// The share of a difference that the first round moves. Each round moves half as much as the one before.
const DAMPING: f64 = 0.5;

/// The electronegativity of the cation of hydrogen.
const HYDROGEN_CATION: f64 = 20.02;

/// The upper bounds of the intervals of charges in `PEOE_VSA`.
const CHARGES: [f64; 13] = [-0.30, -0.25, -0.20, -0.15, -0.10, -0.05, 0.0, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30];

/// The electronegativity of an atom as a polynomial of its charge.
#[derive(Debug, Clone, Copy)]
struct Electronegativity(f64, f64, f64);

const HYDROGEN: Electronegativity = Electronegativity(7.17, 6.24, -0.56);

impl Electronegativity {
    /// Returns the parameters of an element in a state of hybridization, or in an oxidized state of sulphur. Elements without
    /// parameters have zeros, which make the charges of the atoms around them undefined.
    fn of(molecule: &Molecule, index: usize, atom: &MoleculeAtom) -> Self {
        use Hybridization::{Sp, Sp2, Sp3};
        let [a, b, c] = match (atom.atomic_number(), atom.hybridization()) {
            (1, Sp | Sp2 | Sp3) => [0.0; 3],
            (1, _) => return HYDROGEN,
            (4, Sp2) => [4.005, 6.725, 3.035],
            (4, Sp3) => [3.845, 6.755, 3.165],
            (5, Sp2) => [6.420, 6.807, 1.322],
            (5, Sp3) => [5.980, 6.820, 1.605],
            (6, Sp) => [10.39, 9.45, 0.73],
            (6, Sp2) => [8.79, 9.32, 1.51],
            (6, Sp3) => [7.98, 9.18, 1.88],
            (7, Sp) => [15.68, 11.7, -0.27],
            (7, Sp2) => [12.87, 11.15, 0.85],
            (7, Sp3) => [11.54, 10.82, 1.36],
            (8, Sp2) => [17.07, 13.79, 0.47],
            (8, Sp3) => [14.18, 12.92, 1.39],
            (9, Sp3) => [14.66, 13.85, 2.31],
            (12, Sp) => [4.040, 5.472, 1.823],
            (12, Sp2) => [3.565, 5.572, 2.197],
            (12, Sp3) => [3.300, 5.587, 2.447],
            (13, Sp2) => [5.795, 5.020, 0.695],
            (13, Sp3) => [5.375, 4.953, 0.867],
            (14, Sp) => [9.065, 7.027, -0.002],
            (14, Sp2) => [7.905, 6.748, 0.443],
            (14, Sp3) => [7.300, 6.567, 0.657],
            (15, Sp2) => [9.665, 8.530, 0.735],
            (15, Sp3) => [8.90, 8.24, 0.96],
            (16, Sp2) => [10.88, 9.49, 1.33],
            (16, Sp) => [0.0; 3],
            (16, Sp3) => [10.14, 9.13, 1.38],
            (16, _) if oxygens(molecule, index) == 2 => [12.00, 10.81, 1.20],
            (16, _) => [10.14, 9.13, 1.38],
            (17, Sp3) => [11.00, 9.69, 1.35],
            (35, Sp3) => [10.08, 8.47, 1.16],
            (53, Sp3) => [9.9, 7.96, 0.96],
            _ => [0.0; 3],
        };
        Self(a, b, c)
    }

    fn at(self, charge: f64) -> f64 {
        self.0 + charge * (self.1 + self.2 * charge)
    }

    /// Returns the electronegativity of the cation.
    fn of_cation(self) -> f64 {
        self.0 + self.1 + self.2
    }
}

impl Structure {
    /// Computes the partial charge of each atom, without its implicit hydrogens, in elementary charges:
    /// `ComputeGasteigerCharges`. Those of an element without parameters and of the atoms around it are not finite.
    pub fn partial_charges(&self) -> Option<Vec<f64>> {
        guarded(|| charges(&self.0))?
    }

    /// Returns the surface area in Å² of the atoms in each interval of their partial charge: `PEOE_VSA_`.
    pub fn peoe_vsa(&self) -> Option<Vec<f64>> {
        Some(binned(&CHARGES, &self.partial_charges()?, &self.areas()?))
    }
}

/// Returns the other atoms of the bonds of an atom, with the indices of the bonds.
fn neighbours(molecule: &Molecule) -> Vec<Vec<(usize, usize)>> {
    let mut neighbours = vec![Vec::new(); molecule.num_atoms()];
    for (index, bond) in molecule.bonds().iter().enumerate() {
        let [one, other] = [bond.begin(), bond.end()].map(|atom| atom.index());
        neighbours[one].push((other, index));
        neighbours[other].push((one, index));
    }
    neighbours
}

/// Counts the oxygen atoms at an atom.
fn oxygens(molecule: &Molecule, atom: usize) -> usize {
    let atoms = molecule.atoms();
    neighbours(molecule)[atom].iter().filter(|(other, _)| atoms[*other].atomic_number() == 8).count()
}

fn charges(molecule: &Molecule) -> Option<Vec<f64>> {
    let (atoms, neighbours) = (molecule.atoms(), neighbours(molecule));
    let mut charges = spread(molecule, &neighbours);
    let element = |(index, atom)| Electronegativity::of(molecule, index, atom);
    let elements: Vec<Electronegativity> = atoms.iter().enumerate().map(element).collect();
    let cation = |(atom, element): (&MoleculeAtom, &Electronegativity)| match atom.atomic_number() {
        1 => HYDROGEN_CATION,
        _ => element.of_cation(),
    };
    let cations: Vec<f64> = atoms.iter().zip(&elements).map(cation).collect();
    let hydrogens = atoms.iter().map(|atom| atom.total_hydrogens().ok());
    let hydrogens: Vec<f64> = hydrogens.map(|count| count.map(f64::from)).collect::<Option<_>>()?;
    let (mut of_hydrogens, mut damping) = (vec![0.0; charges.len()], DAMPING);
    for _ in 0..ROUNDS {
        let now: Vec<f64> = charges.iter().zip(&elements).map(|(charge, element)| element.at(*charge)).collect();
        for atom in 0..charges.len() {
            // Charge moves to the more electronegative atom, by the share of the cation's that it gives charge to.
            let moved = |other: f64, cation: f64| {
                let difference = other - now[atom];
                difference / if difference < 0.0 { cation } else { cations[atom] }
            };
            let mut change: f64 = neighbours[atom].iter().map(|(other, _)| moved(now[*other], cations[*other])).sum();
            let count = hydrogens[atom];
            if count > 0.0 {
                let change_of_each = moved(HYDROGEN.at(of_hydrogens[atom] / count), HYDROGEN_CATION);
                change += count * change_of_each;
                of_hydrogens[atom] -= count * change_of_each * damping;
            }
            charges[atom] += damping * change;
        }
        damping *= 0.5;
    }
    Some(charges)
}

/// Spreads formal charges over atoms of the same element that are conjugated over one atom, such as the oxygens of a carboxylate.
fn spread(molecule: &Molecule, neighbours: &[Vec<(usize, usize)>]) -> Vec<f64> {
    let (atoms, bonds) = (molecule.atoms(), molecule.bonds());
    let formal = |atom: usize| f64::from(atoms[atom].formal_charge());
    let mut charges = vec![0.0; atoms.len()];
    for atom in 0..atoms.len() {
        if formal(atom) == 0.0 || charges[atom] != 0.0 {
            continue;
        }
        let mut alike = vec![atom];
        for (middle, first) in neighbours[atom].iter().filter(|(_, bond)| bonds[*bond].is_conjugated()) {
            let others = neighbours[*middle].iter().filter(|(_, bond)| bond != first && bonds[*bond].is_conjugated());
            let others = others.map(|(other, _)| *other);
            alike.extend(others.filter(|other| atoms[*other].atomic_number() == atoms[atom].atomic_number()));
        }
        let share = alike.iter().map(|atom| formal(*atom)).sum::<f64>() / alike.len() as f64;
        for atom in alike {
            charges[atom] = share;
        }
    }
    charges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_oxygens_have_the_same_charge() {
        let acetate = Structure::from_smiles("CC(=O)[O-]").unwrap().partial_charges().unwrap();
        assert!((acetate[2] - acetate[3]).abs() < 1e-3, "{acetate:?}");
        let sum: f64 = Structure::from_smiles("[Cl-].[Na+]").unwrap().partial_charges().unwrap().iter().sum();
        assert_eq!(sum, 0.0);
    }

    #[test]
    fn an_element_without_parameters_has_no_charge() {
        let charges = Structure::from_smiles("C[Hg]C").unwrap().partial_charges().unwrap();
        assert!(charges.iter().any(|charge| !charge.is_finite()), "{charges:?}");
    }
}
