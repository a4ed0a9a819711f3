//! Computes Murcko scaffolds.

use cosmolkit::SmilesWriteParams;

use super::{Structure, guarded};

impl Structure {
    /// Returns RDKit's variant of the Murcko scaffold, without stereochemistry: rings, the chains between them, and the
    /// atoms bonded to either by a double bond. Returns `Some(None)` for a molecule without a ring, and `None` if the
    /// library fails.
    pub fn scaffold(&self) -> Option<Option<String>> {
        let scaffold = guarded(|| self.0.murcko_decompose().ok())??;
        if scaffold.num_atoms() == 0 {
            return Some(None);
        }
        let flat = SmilesWriteParams { isomeric_smiles: false, ..Default::default() };
        let spelled = guarded(|| scaffold.to_smiles_with_params(&flat).ok())??;
        let spelled = String::from_utf8(spelled.into_bytes()).ok()?;
        // The canonical SMILES of the scaffold as a separate molecule may differ.
        Self::from_smiles(&spelled).ok()?.canonical_smiles().ok().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_and_their_linkers_remain() {
        for (smiles, scaffold) in [
            ("CCO", None),
            ("CC(=O)Oc1ccccc1C(=O)O", Some("c1ccccc1")),
            ("O=C1CCCCC1C", Some("O=C1CCCCC1")),
            ("Cc1ccccc1CC(=O)N[C@@H]1CCCC1F", Some("O=C(Cc1ccccc1)NC1CCCC1")),
        ] {
            let found = Structure::from_smiles(smiles).unwrap().scaffold().unwrap();
            assert_eq!(found.as_deref(), scaffold, "{smiles}");
        }
    }
}
