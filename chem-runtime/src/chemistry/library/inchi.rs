//! Parses InChIs.

use cosmolkit::Molecule;

use super::{Structure, guarded, without_stages};
use crate::chemistry::limits::{MAX_INCHI_KEY_ATOMS, MAX_SMILES_BYTES};

impl Structure {
    /// Parses a standard InChI, such as `InChI=1S/CH4/h1H4`. The tautomer is the one that InChI draws, which need not be the
    /// one whose InChI was taken.
    ///
    /// # Errors
    /// Fails if the text is not a standard InChI, if the molecule exceeds a limit, or if the molecule has another InChI.
    pub fn from_inchi(inchi: &str) -> Result<Self, String> {
        if inchi.len() > MAX_SMILES_BYTES {
            return Err(format!("the InChI has {} characters, and {MAX_SMILES_BYTES} are allowed", inchi.len()));
        }
        let Some(layers) = inchi.strip_prefix("InChI=1S/") else {
            return Err("not a standard InChI, which begins with `InChI=1S/`".to_owned());
        };
        let atoms = heavy_atoms(layers.split('/').next().unwrap_or_default());
        if atoms > u64::from(MAX_INCHI_KEY_ATOMS) {
            return Err(format!("the InChI has {atoms} heavy atoms, and {MAX_INCHI_KEY_ATOMS} are allowed"));
        }
        let molecule = match guarded(|| Molecule::from_inchi(inchi)) {
            Some(Ok(molecule)) => molecule,
            Some(Err(error)) => return Err(format!("not an InChI: {}", without_stages(&error.to_string()))),
            None => return Err("the chemistry library failed on this InChI".to_owned()),
        };
        let smiles = match guarded(|| molecule.to_smiles()) {
            Some(Ok(smiles)) => String::from_utf8_lossy(&smiles.into_bytes()).into_owned(),
            _ => return Err("the chemistry library failed to write its SMILES".to_owned()),
        };
        let structure = Self::from_smiles(&smiles)?;
        match guarded(|| structure.0.to_inchi().ok()).flatten() {
            Some(again) if again == inchi => Ok(structure),
            Some(again) => Err(format!("the molecule `{smiles}` of this InChI has another one, `{again}`")),
            None => Err(format!("the molecule `{smiles}` of this InChI has none")),
        }
    }
}

/// Counts the atoms other than hydrogen in the formula of an InChI, `C2H6O.2ClH`. The count of an invalid formula is
/// arbitrary.
fn heavy_atoms(formula: &str) -> u64 {
    let number = |digits: &str| if digits.is_empty() { 1 } else { digits.parse().unwrap_or(u64::MAX) };
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut atoms: u64 = 0;
    for component in formula.split('.') {
        let (copies, mut rest) = component.split_at(digits(component));
        while let Some(first) = rest.chars().next() {
            let symbol = first.len_utf8() + rest[first.len_utf8()..].bytes().take_while(u8::is_ascii_lowercase).count();
            let (symbol, after) = rest.split_at(symbol);
            let (count, after) = after.split_at(digits(after));
            rest = after;
            if symbol != "H" {
                atoms = atoms.saturating_add(number(copies).saturating_mul(number(count)));
            }
        }
    }
    atoms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smiles(inchi: &str) -> Result<String, String> {
        Structure::from_inchi(inchi)?.canonical_smiles()
    }

    /// RDKit 2026.09.1: `MolToSmiles(MolFromInchi(…))`.
    #[test]
    fn an_inchi_is_the_molecule_that_rdkit_reads() {
        for (inchi, expected) in [
            ("InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)", "CC(=O)Oc1ccccc1C(=O)O"),
            ("InChI=1S/C3H7NO2/c1-2(4)3(5)6/h2H,4H2,1H3,(H,5,6)/t2-/m0/s1", "C[C@H](N)C(=O)O"),
            ("InChI=1S/C4H8/c1-3-4-2/h3-4H,1-2H3/b4-3+", "C/C=C/C"),
            ("InChI=1S/ClH.Na/h1H;/q;+1/p-1", "[Cl-].[Na+]"),
            ("InChI=1S/CH4O/c1-2/h2H,1H3/i1D3", "[2H]C([2H])([2H])O"),
            ("InChI=1S/C5H5NO/c7-5-1-3-6-4-2-5/h1-4H,(H,6,7)", "O=c1cc[nH]cc1"),
            ("InChI=1S/C4H12N/c1-5(2,3)4/h1-4H3/q+1", "C[N+](C)(C)C"),
        ] {
            assert_eq!(smiles(inchi).as_deref(), Ok(expected), "{inchi}");
        }
    }

    #[test]
    fn another_text_is_refused() {
        for (text, why) in [
            ("", "begins with `InChI=1S/`"),
            ("CCO", "begins with `InChI=1S/`"),
            ("InChI=1/CH4/h1H4", "begins with `InChI=1S/`"),
            ("InChI=1S/C501H1004/c1-2", "501 heavy atoms"),
            ("InChI=1S/2C300H602/c1-2", "600 heavy atoms"),
        ] {
            let reason = smiles(text).unwrap_err();
            assert!(reason.contains(why), "{text}: {reason}");
        }
        for text in ["InChI=1S/", "InChI=1S/garbage", "InChI=1S/CH4", "InChI=1S/C2H6O/c1-2-9/h3H,2H2,1H3"] {
            assert!(smiles(text).is_err(), "{text}");
        }
    }

    #[test]
    fn heavy_atoms_of_a_formula() {
        for (formula, atoms) in [("CH4", 1), ("C2H6O", 3), ("C2H6O.2ClH", 5), ("H2O", 1), ("", 0), ("é3", 3)] {
            assert_eq!(heavy_atoms(formula), atoms, "{formula}");
        }
    }
}
