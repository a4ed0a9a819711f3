//! The characteristic polynomial of the molecular graph, and its information content.

use cosmolkit::Molecule;

use super::topology::entropy;
use super::{Structure, number};

/// The largest number of atoms for which the polynomial is computed. Beyond it, the rounding errors of the method exceed the
/// digits that are kept.
const MAX_ATOMS: usize = 64;

impl Structure {
    /// Computes the information content of the coefficients of the characteristic polynomial of the graph, of Bonchev and
    /// Trinajstić, in bits: `GraphDescriptors.Ipc`. `None` for more than 64 atoms. <https://doi.org/10.1063/1.434593>
    pub fn ipc(&self) -> Option<f64> {
        number(|| {
            let coefficients = coefficients(&self.0)?;
            Some(coefficients.iter().sum::<f64>() * entropy(&coefficients))
        })
    }

    /// Computes the mean information content of the coefficients: `GraphDescriptors.AvgIpc`. `None` for more than 64 atoms.
    pub fn average_ipc(&self) -> Option<f64> {
        number(|| Some(entropy(&coefficients(&self.0)?)))
    }
}

/// Returns the absolute coefficients of the characteristic polynomial of the adjacency matrix, by the method of Le Verrier and
/// Faddeev; `None` for a large molecule.
fn coefficients(molecule: &Molecule) -> Option<Vec<f64>> {
    let atoms = molecule.num_atoms();
    if atoms > MAX_ATOMS {
        return None;
    }
    let mut neighbours = vec![Vec::new(); atoms];
    for bond in molecule.bonds() {
        let [one, other] = [bond.begin(), bond.end()].map(|atom| atom.index());
        neighbours[one].push(other);
        neighbours[other].push(one);
    }
    let mut product = vec![vec![0.0; atoms]; atoms];
    for (row, neighbours) in product.iter_mut().zip(&neighbours) {
        neighbours.iter().for_each(|other| row[*other] = 1.0);
    }
    let mut coefficients = vec![1.0];
    for power in 1..=atoms {
        let trace: f64 = (0..atoms).map(|atom| product[atom][atom]).sum();
        let coefficient = trace / power as f64;
        coefficients.push(coefficient.abs());
        (0..atoms).for_each(|atom| product[atom][atom] -= coefficient);
        let mut next = vec![vec![0.0; atoms]; atoms];
        for (row, neighbours) in next.iter_mut().zip(&neighbours) {
            for other in neighbours {
                row.iter_mut().zip(&product[*other]).for_each(|(sum, value)| *sum += value);
            }
        }
        product = next;
    }
    Some(coefficients)
}
