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
    /// Says why there is none: the block cannot be read or is a query, the molecule is impossible, it breaks a limit, or
    /// some of its stereocentres are racemic or relative, which a SMILES does not say.
    pub fn from_mol_block(block: &str) -> Result<Self, String> {
        limits::check_mol_block(block)?;
        if let Some(group) = block.lines().find_map(stereo_group) {
            return Err(format!("has atoms in the stereo group `{group}`, which would be lost"));
        }
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

/// The collection of racemic or relative stereocentres that a line of a V3000 block begins: the groups `STERACn` and
/// `STERELn` of the CTfile formats. Those of `STEABS` are what they are drawn as.
fn stereo_group(line: &str) -> Option<&str> {
    let group = line.strip_prefix("M  V30 MDLV30/")?.split_whitespace().next()?;
    (group.starts_with("STERAC") || group.starts_with("STEREL")).then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_racemate_is_not_taken_for_one_enantiomer() {
        let of = |collection: &str| {
            let atoms: String = ["C", "F", "Cl", "Br"]
                .iter()
                .zip(["0 0", "1 0", "-1 0", "0 1"])
                .zip(1..)
                .map(|((element, at), number)| format!("M  V30 {number} {element} {at} 0 0\n"))
                .collect();
            Structure::from_mol_block(&format!(
                "t\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\nM  V30 COUNTS 4 3 0 0 1\n\
                 M  V30 BEGIN ATOM\n{atoms}M  V30 END ATOM\nM  V30 BEGIN BOND\nM  V30 1 1 1 2 CFG=1\n\
                 M  V30 2 1 1 3\nM  V30 3 1 1 4\nM  V30 END BOND\n{collection}M  V30 END CTAB\nM  END\n"
            ))
        };
        let group =
            |name: &str| format!("M  V30 BEGIN COLLECTION\nM  V30 MDLV30/{name} ATOMS=(1 1)\nM  V30 END COLLECTION\n");
        let drawn = of("").unwrap().canonical_smiles().unwrap();
        assert!(drawn.contains('@'), "{drawn}");
        assert_eq!(of(&group("STEABS")).unwrap().canonical_smiles().unwrap(), drawn);
        for name in ["STERAC1", "STEREL2"] {
            assert!(of(&group(name)).err().unwrap().contains(name));
        }
    }

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
