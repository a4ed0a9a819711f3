//! Structures from MDL mol blocks, as SD files hold them, and back.

use cosmolkit::{MolBlockWriteParams, Molecule, SdfFormat};

use super::{Structure, guarded, limits};

/// A V2000 block counts its atoms and bonds in three digits.
const MAX_V2000: usize = 999;

impl Structure {
    /// The structure that a mol block draws, V2000 or V3000. Stereochemistry is read off wedges, or else off coordinates
    /// in space.
    ///
    /// # Errors
    /// Says why there is none: the block cannot be read or is a query, the molecule is impossible, or it breaks a limit.
    pub fn from_mol_block(block: &str) -> Result<Self, String> {
        limits::check_mol_block(block)?;
        match guarded(|| Molecule::from_mol(block)) {
            Some(Ok(molecule)) => Ok(Self(molecule)),
            Some(Err(error)) => Err(format!("not a possible molecule: {error}")),
            None => Err("the chemistry library failed on this mol block".to_owned()),
        }
    }

    /// The structure as a mol block, laid out in the plane.
    ///
    /// # Errors
    /// Says that the library cannot draw it.
    pub fn mol_block(&self) -> Result<String, String> {
        let large = self.0.num_atoms() > MAX_V2000 || self.0.num_bonds() > MAX_V2000;
        let format = if large { SdfFormat::V3000 } else { SdfFormat::V2000 };
        let params = MolBlockWriteParams { format, force_2d: true, precision: 4, ..MolBlockWriteParams::default() };
        let drawn = guarded(|| {
            let laid_out = self.0.with_2d_coordinates().map_err(|error| error.to_string())?;
            laid_out.to_mol_with_params(&params).map_err(|error| error.to_string())
        });
        match drawn {
            Some(Ok(block)) => Ok(block),
            Some(Err(error)) => Err(format!("cannot be drawn: {error}")),
            None => Err("the chemistry library failed to draw it".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_reads_back() {
        for smiles in ["CCO", "C[C@H](N)C(=O)O", "F/C=C/Cl", "[Na+].[O-]c1ccccc1", "[13CH4]", "C[N+](C)(C)CC(=O)[O-]"] {
            let structure = Structure::from_smiles(smiles).unwrap();
            let block = structure.mol_block().unwrap();
            let again = Structure::from_mol_block(&block).unwrap();
            assert_eq!(again.canonical_smiles().unwrap(), structure.canonical_smiles().unwrap(), "{block}");
        }
    }

    #[test]
    fn what_is_no_block_says_why() {
        let block = Structure::from_smiles("CCO").unwrap().mol_block().unwrap();
        for wrong in ["", "\n\n\n", &block[..block.len() / 2], &block.replace("  3  2", "  9  2")] {
            assert!(Structure::from_mol_block(wrong).is_err(), "{wrong}");
        }
    }
}
