//! The chemistry without the runtime: what somebody would write who calls the library in a loop.

use std::hint::black_box;

use cosmolkit::Molecule;

/// The properties of the flow, as `molecules.describe` calls them.
pub const PROPERTIES: [&str; 8] =
    ["molecular_weight", "logp", "tpsa", "hbd", "hba", "rotatable_bonds", "rings", "fraction_csp3"];

/// A molecule's canonical SMILES and its eight properties.
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
