//! Identifies structures, for those that compare them without chemistry.

use super::Structure;
use crate::records::on_workers;
use crate::step::Structures;

inventory::submit! { Structures { canonical_smiles, inchi_key } }

/// Returns the canonical SMILES, computed on a thread whose stack is deep enough.
fn canonical_smiles(smiles: &str) -> Result<String, String> {
    let found = on_workers(|| Structure::from_smiles(smiles)?.canonical_smiles());
    found.unwrap_or_else(|error| Err(error.to_string()))
}

fn inchi_key(smiles: &str) -> Option<String> {
    on_workers(|| Structure::from_canonical(smiles).ok()?.inchi_key()).ok()?
}
