//! The only module that calls `cosmolkit`: parses SMILES into structures and computes their properties.
//!
//! Checks the [`limits`] on hostile input, and turns panics of the library into errors or missing values. The library's
//! recursion requires the deep stacks of [`records::map_records`](crate::records::map_records).

#![allow(clippy::result_large_err, reason = "the library returns large errors")]

mod canonical;
mod charges;
mod depict;
mod descriptor;
mod dummies;
mod edit;
mod fingerprint;
mod hydrogens;
mod identity;
mod inchi;
mod mass;
mod matching;
mod mol_block;
mod needs;
mod pattern;
mod polynomial;
mod reaction;
mod scaffold;
mod spelled;
mod standard;
mod topology;
mod written_block;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cosmolkit::{Molecule, SmilesError, SmilesParseError};

pub(super) use self::depict::Drawing;
pub(super) use self::edit::{AtomEdit, AtomState};
pub(super) use self::fingerprint::DEFAULT_BITS;
pub use self::fingerprint::{Fingerprint, FingerprintKind};
pub use self::matching::{MAX_MATCH_STEPS, Unmatched};
pub(super) use self::mol_block::Dropped;
pub use self::pattern::{MAX_SMARTS_BYTES, MAX_SMARTS_DEPTH, NotAPattern, Pattern};
pub(super) use self::reaction::Transformation;
pub use self::written_block::MolBlock;
use super::limits::{self, MAX_INCHI_KEY_ATOMS};
use super::spelling;
use crate::step::Library;

/// The library and its version, which columns name as their provider.
pub(super) const PROVIDER: &str = "cosmolkit@0.6.1";

inventory::submit! { Library { name: "cosmolkit", version: "0.6.1" } }

/// A molecule parsed by the chemistry library. It takes about 50 KB: keep SMILES, not structures.
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
    /// Parses `smiles`, a SMILES without a name or extension after it.
    ///
    /// # Errors
    /// Fails if the text is not a SMILES, the molecule is impossible, or it exceeds a limit.
    pub fn from_smiles(smiles: &str) -> Result<Self, String> {
        limits::check(smiles)?;
        if smiles.is_empty() {
            return Err("the SMILES is empty".to_owned());
        }
        match guarded(|| Molecule::from_smiles(smiles)) {
            Some(Ok(molecule)) => Ok(Self(molecule)),
            // Of several open rings the library names an arbitrary one, which differs from call to call.
            Some(Err(SmilesError::Parse(SmilesParseError::UnclosedRing { index }))) => {
                let index = spelling::open_ring(smiles).unwrap_or(index);
                Err(reason(&SmilesError::Parse(SmilesParseError::UnclosedRing { index })))
            }
            Some(Err(error)) => Err(reason(&error)),
            None => Err("the chemistry library failed on this SMILES".to_owned()),
        }
    }

    /// Computes the molecular formula in Hill order, with isotopes merged and the charge at the end.
    pub fn formula(&self) -> Option<String> {
        guarded(|| self.0.molecular_formula().ok())?
    }

    /// Computes the Wildman-Crippen logP.
    pub fn logp(&self) -> Option<f64> {
        number(|| Some(self.0.crippen_descriptors().ok()?.logp))
    }

    /// Computes the Wildman-Crippen molar refractivity, in cm³/mol.
    pub fn molar_refractivity(&self) -> Option<f64> {
        number(|| Some(self.0.crippen_descriptors().ok()?.molar_refractivity))
    }

    /// Computes the topological polar surface area of nitrogen and oxygen, in Å².
    pub fn tpsa(&self) -> Option<f64> {
        number(|| self.0.tpsa().ok())
    }

    /// Counts the hydrogens on nitrogen and oxygen: Lipinski's donors.
    pub fn hbd(&self) -> Option<i64> {
        count(|| self.0.lipinski_hbd().ok())
    }

    /// Counts nitrogens and oxygens: Lipinski's acceptors.
    pub fn hba(&self) -> Option<i64> {
        count(|| self.0.lipinski_hba().ok())
    }

    /// Counts the rotatable bonds by RDKit's strict definition, which excludes amides and similar bonds.
    pub fn rotatable_bonds(&self) -> Option<i64> {
        count(|| self.0.num_rotatable_bonds().ok())
    }

    /// Counts the atoms other than hydrogen.
    pub fn heavy_atoms(&self) -> Option<i64> {
        count(|| self.0.num_heavy_atoms().ok())
    }

    /// Returns the number of atoms of the structure, including hydrogens that remain atoms.
    pub(in crate::chemistry) fn size(&self) -> usize {
        self.0.num_atoms()
    }

    /// Counts the rings of the symmetrised smallest set.
    pub fn rings(&self) -> Option<i64> {
        count(|| self.0.num_rings().ok())
    }

    /// Counts the rings whose bonds are all aromatic.
    pub fn aromatic_rings(&self) -> Option<i64> {
        count(|| self.0.num_aromatic_rings().ok())
    }

    /// Computes the fraction of carbons with four single bonds, from 0 to 1.
    pub fn fraction_csp3(&self) -> Option<f64> {
        number(|| self.0.fraction_csp3().ok())
    }

    /// Sums the formal charges of the atoms.
    pub fn formal_charge(&self) -> Option<i64> {
        guarded(|| self.0.atoms().iter().map(|atom| i64::from(atom.formal_charge())).sum())
    }

    /// Computes the standard InChIKey. Returns `None` for a molecule of more than [`MAX_INCHI_KEY_ATOMS`] heavy atoms, and
    /// for one that InChI cannot represent.
    pub fn inchi_key(&self) -> Option<String> {
        guarded(|| {
            let small_enough = self.0.num_heavy_atoms().is_ok_and(|atoms| atoms <= MAX_INCHI_KEY_ATOMS);
            if small_enough { self.0.to_inchi_key().ok() } else { None }
        })?
    }
}

/// Runs `work`, and returns `None` if it panics. Unwind safety holds because `work` only reads structures.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn number(work: impl FnOnce() -> Option<f64>) -> Option<f64> {
    guarded(work)?.filter(|number| number.is_finite())
}

fn count(work: impl FnOnce() -> Option<u32>) -> Option<i64> {
    guarded(work)?.map(i64::from)
}

/// Describes why the library refused a SMILES, without the names of its stages.
fn reason(error: &SmilesError) -> String {
    let about = match error {
        SmilesError::Parse(_) => "not a SMILES",
        _ => "not a possible molecule",
    };
    format!("{about}: {}", without_stages(&error.to_string()))
}

/// Removes the names of processing stages from a message of the library.
fn without_stages(text: &str) -> String {
    let mut message = text;
    while let Some((stage, rest)) = message.split_once(": ")
        && (stage.contains("failed") || stage.contains("SMILES parsing"))
    {
        message = rest;
    }
    without_wrapping(message)
}

/// Replaces `AtomId(9)` by `9`.
fn without_wrapping(message: &str) -> String {
    let mut parts = message.split("AtomId(");
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
            let reason = Structure::from_smiles(smiles).err().unwrap();
            assert!(reason.starts_with(why), "{smiles}: {reason}");
        }
    }

    #[test]
    fn the_reason_of_a_refusal_is_deterministic() {
        for _ in 0..50 {
            let reason = Structure::from_smiles("C3CC2CC5CC1CCC4").err().unwrap();
            assert_eq!(reason, "not a SMILES: unclosed ring index 1");
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
