//! The chemistry without the runtime: a loop that calls the library directly.

use std::hint::black_box;

use cosmolkit::Molecule;

/// The properties that the flow computes, as `molecules.describe` names them.
pub const PROPERTIES: [&str; 8] =
    ["molecular_weight", "logp", "tpsa", "hbd", "hba", "rotatable_bonds", "rings", "fraction_csp3"];

/// Computes the canonical SMILES and the eight properties of a molecule.
pub fn describe(smiles: &str) {
    let Ok(molecule) = Molecule::from_smiles(smiles) else { return };
    let _ = black_box(molecule.to_smiles());
    let _ = black_box((
        molecule.molecular_weight(),
        molecule.crippen_descriptors(),
        molecule.tpsa(),
        molecule.lipinski_hbd(),
        molecule.lipinski_hba(),
        molecule.num_rotatable_bonds(),
        molecule.num_rings(),
        molecule.fraction_csp3(),
    ));
}
