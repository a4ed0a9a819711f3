//! Structures from MDL mol blocks, as SD files hold them, and back.

use std::borrow::Cow;
use std::ops::Range;

use cosmolkit::{MolBlockWriteParams, Molecule, SdfError, SdfFormat};

use super::{Structure, guarded, limits};

/// A V2000 block counts its atoms and bonds in three digits.
const MAX_V2000: usize = 999;

/// So many lines stand before the atoms of a V2000 block.
const HEADER_LINES: usize = 4;

/// Where the symbol stands in the line of a V2000 atom.
const SYMBOL: Range<usize> = 31..34;

impl Structure {
    /// The structure that a mol block draws, V2000 or V3000. Stereochemistry is read off wedges, or else off coordinates
    /// in space.
    ///
    /// # Errors
    /// Says why there is none: the block cannot be read or is a query, the molecule is impossible, it breaks a limit, or
    /// some of its stereocentres are racemic or relative, which a SMILES does not say.
    pub fn from_mol_block(block: &str) -> Result<Self, String> {
        let drawn = limits::check_mol_block(block)?;
        if let Some(group) = drawn.stereo_group {
            return Err(format!("has atoms in the stereo group `{group}`, which would be lost"));
        }
        let block = if drawn.v3000 { Cow::Borrowed(block) } else { with_dummies(block, drawn.atoms) };
        match guarded(|| Molecule::from_mol(&block)) {
            Some(Ok(molecule)) => Ok(Self(molecule)),
            Some(Err(SdfError::QueryRecord)) => {
                Err("is a query: it has an atom or bond that stands for several kinds; draw one of them, or a dummy atom as `R`"
                    .to_owned())
            }
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

/// A V2000 block whose dummy atoms, `R` and `*`, are written as `R#`. The library takes the first two, which it writes
/// itself, for queries, and the third for an atom without an element.
fn with_dummies(block: &str, atoms: usize) -> Cow<'_, str> {
    let is_dummy = |line: &str| line.get(SYMBOL).is_some_and(|symbol| matches!(symbol.trim(), "R" | "*"));
    let rows = HEADER_LINES..HEADER_LINES + atoms;
    if !block.lines().skip(rows.start).take(atoms).any(is_dummy) {
        return Cow::Borrowed(block);
    }
    let mut text = String::with_capacity(block.len());
    for (at, line) in block.split_inclusive('\n').enumerate() {
        match (line.get(..SYMBOL.start), line.get(SYMBOL.end..)) {
            (Some(before), Some(after)) if rows.contains(&at) && is_dummy(line) => {
                text.extend([before, "R# ", after]);
            }
            _ => text.push_str(line),
        }
    }
    Cow::Owned(text)
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
            let (start, end) = name.split_at(4);
            for written in [name, &format!("{start}-\nM  V30 {end}")] {
                assert!(of(&group(written)).err().unwrap().contains(name));
            }
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
    fn a_dummy_atom_reads_back() {
        for smiles in ["*CCO", "[1*]c1ccccc1", "CC[*:1]", "*[C@H](N)CC"] {
            let structure = Structure::from_smiles(smiles).unwrap();
            let block = structure.mol_block().unwrap();
            for block in [block.replace('\n', "\r\n"), block] {
                let again = Structure::from_mol_block(&block).unwrap();
                assert_eq!(again.canonical_smiles().unwrap(), structure.canonical_smiles().unwrap(), "{block}");
            }
        }
    }

    #[test]
    fn a_query_is_refused() {
        let block = Structure::from_smiles("CCO").unwrap().mol_block().unwrap();
        for query in [block.replacen(" O  ", " A  ", 1), block.replacen(" O  ", " Q  ", 1)] {
            assert!(Structure::from_mol_block(&query).err().unwrap().contains("query"), "{query}");
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
