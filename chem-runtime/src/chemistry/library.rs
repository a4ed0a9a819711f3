//! The one module that touches `cosmolkit`: from SMILES to a structure, and from a structure to numbers and names.
//!
//! Hostile input meets its limits here (see [`limits`]), and a panic of the library becomes a refusal or a missing
//! value. The library's recursion needs the deep stacks of [`records::map_records`](crate::records::map_records).

mod canonical;
mod depict;
mod dummies;
mod edit;
mod fingerprint;
mod hydrogens;
mod mass;
mod matching;
mod mol_block;
mod pattern;
mod scaffold;
mod spelled;
mod standard;
mod written_block;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cosmolkit::{Molecule, SmilesError, SmilesParseError};

pub use self::fingerprint::{Fingerprint, FingerprintKind};
pub use self::matching::{MAX_MATCH_STEPS, Unmatched};
pub use self::pattern::{MAX_SMARTS_BYTES, MAX_SMARTS_DEPTH, NotAPattern, Pattern};
pub(super) use self::standard::{ChargedAtom, Recharged};
pub use self::written_block::MolBlock;
use super::limits::{self, MAX_INCHI_KEY_ATOMS};
use super::spelling;
use crate::step::Library;

/// The library and its version, as columns name what computed them.
pub const PROVIDER: &str = "cosmolkit@0.6.1";

inventory::submit! { Library { name: "cosmolkit", version: "0.6.1" } }

/// A molecule as the chemistry library holds it. It takes some 50 KB: keep SMILES, not structures.
///
/// ```
/// use chem_runtime::chemistry::{FingerprintKind, Structure};
///
/// let structure = |smiles| Structure::from_smiles(smiles).unwrap();
/// let aspirin = structure("OC(=O)c1ccccc1OC(C)=O");
/// assert_eq!(aspirin.canonical_smiles().unwrap(), "CC(=O)Oc1ccccc1C(=O)O");
/// let print = |of: &Structure| of.fingerprint(FingerprintKind::Ecfp4).unwrap();
/// assert!(print(&aspirin).tanimoto(&print(&structure("OC(=O)c1ccccc1O"))) > 0.4);
/// ```
pub struct Structure(Molecule);

impl Structure {
    /// The structure that `smiles`, a single word, spells.
    ///
    /// # Errors
    /// Says why there is none: the text is not a SMILES, the molecule is impossible, or it breaks a limit.
    pub fn from_smiles(smiles: &str) -> Result<Self, String> {
        limits::check(smiles)?;
        if smiles.is_empty() {
            return Err("the SMILES is empty".to_owned());
        }
        match guarded(|| Molecule::from_smiles(smiles)) {
            Some(Ok(molecule)) => Ok(Self(molecule)),
            // Of several rings that are open the library names any, another one each time.
            Some(Err(SmilesError::Parse(SmilesParseError::UnclosedRing { index }))) => {
                let index = spelling::open_ring(smiles).unwrap_or(index);
                Err(reason(&SmilesError::Parse(SmilesParseError::UnclosedRing { index })))
            }
            Some(Err(error)) => Err(reason(&error)),
            None => Err("the chemistry library failed on this SMILES".to_owned()),
        }
    }

    /// Molecular formula in Hill order, with isotopes merged and the charge at the end.
    pub fn formula(&self) -> Option<String> {
        guarded(|| self.0.molecular_formula().ok())?
    }

    /// Wildman-Crippen logP.
    pub fn logp(&self) -> Option<f64> {
        number(|| Some(self.0.crippen_descriptors().ok()?.logp))
    }

    /// Wildman-Crippen molar refractivity, cm³/mol.
    pub fn molar_refractivity(&self) -> Option<f64> {
        number(|| Some(self.0.crippen_descriptors().ok()?.molar_refractivity))
    }

    /// Topological polar surface area from nitrogen and oxygen, Å².
    pub fn tpsa(&self) -> Option<f64> {
        number(|| self.0.tpsa().ok())
    }

    /// Hydrogens on nitrogen and oxygen: Lipinski's donors.
    pub fn hbd(&self) -> Option<i64> {
        count(|| self.0.lipinski_hbd().ok())
    }

    /// Nitrogens and oxygens: Lipinski's acceptors.
    pub fn hba(&self) -> Option<i64> {
        count(|| self.0.lipinski_hba().ok())
    }

    /// Rotatable bonds, RDKit's strict definition: amides and the like do not turn.
    pub fn rotatable_bonds(&self) -> Option<i64> {
        count(|| self.0.num_rotatable_bonds().ok())
    }

    /// Atoms other than hydrogen.
    pub fn heavy_atoms(&self) -> Option<i64> {
        count(|| self.0.num_heavy_atoms().ok())
    }

    /// Rings of the symmetrised smallest set.
    pub fn rings(&self) -> Option<i64> {
        count(|| self.0.num_rings().ok())
    }

    /// Rings of which every bond is aromatic.
    pub fn aromatic_rings(&self) -> Option<i64> {
        count(|| self.0.num_aromatic_rings().ok())
    }

    /// The share of carbons with four single bonds, from 0 to 1.
    pub fn fraction_csp3(&self) -> Option<f64> {
        number(|| self.0.fraction_csp3().ok())
    }

    /// The sum of the charges that the atoms are written with.
    pub fn formal_charge(&self) -> Option<i64> {
        guarded(|| self.0.atoms().iter().map(|atom| i64::from(atom.formal_charge())).sum())
    }

    /// The standard InChIKey. None for a molecule of more than [`MAX_INCHI_KEY_ATOMS`] heavy atoms, and none where InChI
    /// has no name for it.
    pub fn inchi_key(&self) -> Option<String> {
        guarded(|| {
            let small_enough = self.0.num_heavy_atoms().is_ok_and(|atoms| atoms <= MAX_INCHI_KEY_ATOMS);
            if small_enough { self.0.to_inchi_key().ok() } else { None }
        })?
    }
}

/// What `work` gives, or nothing if it panics. A structure that has panicked is at worst asked again: nothing is
/// changed through it.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn number(work: impl FnOnce() -> Option<f64>) -> Option<f64> {
    guarded(work)?.filter(|number| number.is_finite())
}

fn count(work: impl FnOnce() -> Option<u32>) -> Option<i64> {
    guarded(work)?.map(i64::from)
}

/// Why the library refuses a SMILES, without the names of its stages.
fn reason(error: &SmilesError) -> String {
    let about = match error {
        SmilesError::Parse(_) => "not a SMILES",
        _ => "not a possible molecule",
    };
    format!("{about}: {}", without_stages(&error.to_string()))
}

/// A message of the library without the names of the stages that it went through.
fn without_stages(text: &str) -> String {
    let mut said = text;
    while let Some((stage, rest)) = said.split_once(": ")
        && (stage.contains("failed") || stage.contains("SMILES parsing"))
    {
        said = rest;
    }
    without_wrapping(said)
}

/// `AtomId(9)` as `9`.
fn without_wrapping(said: &str) -> String {
    let mut parts = said.split("AtomId(");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + &part.replacen(')', "", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_version_is_the_one_that_is_linked() {
        let lock = include_str!("../../../Cargo.lock");
        let entry = lock.split("[[package]]").find(|entry| entry.contains("name = \"cosmolkit\"\n")).unwrap();
        let version = entry.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"');
        assert_eq!(Library::linked()["cosmolkit"], version);
        assert_eq!(PROVIDER, format!("cosmolkit@{version}"));
    }

    #[test]
    fn one_molecule_has_one_spelling() {
        for spelling in ["OCC", "C(O)C", "[CH3][CH2][OH]", "[H]OC([H])([H])C"] {
            assert_eq!(Structure::from_smiles(spelling).unwrap().canonical_smiles().unwrap(), "CCO");
        }
        let alanine = |spelling| Structure::from_smiles(spelling).unwrap().canonical_smiles().unwrap();
        assert_eq!(alanine("N[C@@H](C)C(=O)O"), alanine("OC(=O)[C@@H](N)C"));
        assert_ne!(alanine("N[C@@H](C)C(=O)O"), alanine("N[C@H](C)C(=O)O"));
    }

    #[test]
    fn refusals_say_why() {
        for (smiles, why) in [
            ("", "the SMILES is empty"),
            ("C1CC", "not a SMILES: unclosed ring index 1"),
            ("C(", "not a SMILES: invalid SMILES syntax at byte 2: unclosed branch"),
            ("hello", "not a SMILES: invalid atom at byte 0: hello"),
            ("c1cc(C)cc1", "not a possible molecule: could not kekulize molecule; remaining atoms: [0, 1, 2, 4, 5]"),
            ("CN(C)(C)(C)C", "not a possible molecule: Explicit valence for atom # 1 N, 5, is greater than permitted"),
        ] {
            let said = Structure::from_smiles(smiles).err().unwrap();
            assert!(said.starts_with(why), "{smiles}: {said}");
        }
    }

    #[test]
    fn a_refusal_says_the_same_each_time() {
        for _ in 0..50 {
            let said = Structure::from_smiles("C3CC2CC5CC1CCC4").err().unwrap();
            assert_eq!(said, "not a SMILES: unclosed ring index 1");
        }
    }

    #[test]
    fn a_panic_is_caught() {
        assert_eq!(guarded(|| -> u8 { panic!("caught on purpose") }), None);
        assert_eq!(number(|| Some(f64::NAN)), None);
    }

    #[test]
    fn what_cannot_be_computed_is_missing() {
        let dummy = Structure::from_smiles("*").unwrap();
        assert_eq!((dummy.inchi_key(), dummy.heavy_atoms()), (None, Some(0)));
        assert_eq!(Structure::from_smiles("[999C]").unwrap().molecular_weight(), None);
        let many = |atoms: u32| Structure::from_smiles(&vec!["C"; atoms as usize].join(".")).unwrap().inchi_key();
        assert!(many(MAX_INCHI_KEY_ATOMS).is_some());
        assert_eq!(many(MAX_INCHI_KEY_ATOMS + 1), None);
    }
}
