//! The fingerprints of a library, made once, and what the steps that compare molecules have in common.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, PoisonError, RwLock};

use super::library::{Fingerprint, FingerprintKind, Structure};
use super::molecules::Molecules;
use crate::records::map_records;
use crate::step::{ExecutionContext, StepError};

/// The fingerprints of so many molecules are kept, of each kind: some 60 MB.
const KEPT: usize = 250_000;

static ECFP4: LazyLock<Kept> = LazyLock::new(|| Kept::of_at_most(KEPT));
static MACCS: LazyLock<Kept> = LazyLock::new(|| Kept::of_at_most(KEPT));

/// The fingerprint of each molecule; none for one that has none. Those of molecules that this process has seen before, in
/// whichever step and table, are not made again.
pub(super) fn fingerprints(
    context: &ExecutionContext<'_>,
    molecules: &Molecules,
    kind: FingerprintKind,
) -> Result<Vec<Option<Fingerprint>>, StepError> {
    let kept = match kind {
        FingerprintKind::Ecfp4 => &ECFP4,
        FingerprintKind::Maccs => &MACCS,
    };
    let make = |smiles: &[&str]| map_records(context, smiles, |smiles| fingerprint(smiles, kind));
    kept.fingerprints(molecules.smiles(), make)
}

/// The molecules that have a fingerprint of the kind called `kind`: their rows, and their fingerprints in the same order.
pub(super) fn fingerprinted(
    context: &ExecutionContext<'_>,
    molecules: &Molecules,
    kind: &str,
) -> Result<(Vec<usize>, Vec<Fingerprint>), StepError> {
    let prints = fingerprints(context, molecules, kind_of(kind)?)?;
    Ok(prints.into_iter().enumerate().filter_map(|(row, print)| Some((row, print?))).unzip())
}

pub(super) fn fingerprint(smiles: &str, kind: FingerprintKind) -> Option<Fingerprint> {
    Structure::from_canonical(smiles).ok()?.fingerprint(kind)
}

/// The kind that a parameter names.
pub(super) fn kind_of(name: &str) -> Result<FingerprintKind, StepError> {
    FingerprintKind::named(name).ok_or_else(|| StepError::new(format!("there is no fingerprint `{name}`")))
}

/// Fingerprints by canonical SMILES, which are all that they depend on.
struct Kept {
    prints: RwLock<HashMap<Box<str>, Option<Bits>>>,
    at_most: usize,
}

/// The bits that are set. Of 2048 a molecule has some 50.
type Bits = Box<[u16]>;

impl Kept {
    fn of_at_most(at_most: usize) -> Self {
        Self { prints: RwLock::default(), at_most }
    }

    /// The fingerprint of each molecule, where `make` makes those that are not kept. When there are too many to keep, those
    /// of earlier calls go.
    fn fingerprints(
        &self,
        smiles: &[Option<Box<str>>],
        make: impl FnOnce(&[&str]) -> Result<Vec<Option<Fingerprint>>, StepError>,
    ) -> Result<Vec<Option<Fingerprint>>, StepError> {
        let all = || smiles.iter().map(|smiles| smiles.as_deref().unwrap_or_default());
        let (mut found, missing): (HashMap<&str, Option<Fingerprint>>, Vec<&str>) = {
            // What a thread that panicked has put in is whole.
            let prints = self.prints.read().unwrap_or_else(PoisonError::into_inner);
            let mut seen = HashSet::new();
            let (kept, missing): (Vec<&str>, Vec<&str>) =
                all().filter(|smiles| seen.insert(*smiles)).partition(|smiles| prints.contains_key(*smiles));
            (kept.into_iter().map(|smiles| (smiles, prints[smiles].as_deref().map(unpacked))).collect(), missing)
        };
        if !missing.is_empty() {
            let made = make(&missing)?;
            let mut prints = self.prints.write().unwrap_or_else(PoisonError::into_inner);
            if prints.len() + made.len() > self.at_most {
                prints.clear();
            }
            for (smiles, print) in missing.into_iter().zip(made) {
                if prints.len() < self.at_most {
                    prints.insert(smiles.into(), print.as_ref().map(packed));
                }
                found.insert(smiles, print);
            }
        }
        Ok(all().map(|smiles| found.get(smiles).cloned().flatten()).collect())
    }
}

fn packed(print: &Fingerprint) -> Bits {
    print.bits().filter_map(|bit| u16::try_from(bit).ok()).collect()
}

fn unpacked(bits: &[u16]) -> Fingerprint {
    Fingerprint::of_bits(bits.iter().map(|bit| u32::from(*bit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(smiles: &[&str]) -> Vec<Option<Box<str>>> {
        smiles.iter().map(|smiles| Some((*smiles).into())).collect()
    }

    /// The fingerprints of the molecules, and those that were made for it.
    fn made(kept: &Kept, smiles: &[&str]) -> (Vec<Option<Fingerprint>>, Vec<String>) {
        let mut made = Vec::new();
        let prints = kept.fingerprints(&table(smiles), |missing| {
            made = missing.iter().map(|smiles| (*smiles).to_owned()).collect();
            Ok(missing.iter().map(|smiles| fingerprint(smiles, FingerprintKind::Ecfp4)).collect())
        });
        (prints.unwrap(), made)
    }

    #[test]
    fn a_fingerprint_is_made_once_whatever_table_the_molecule_is_in() {
        let kept = Kept::of_at_most(10);
        let fresh = |smiles: &[&str]| -> Vec<Option<Fingerprint>> {
            smiles.iter().map(|smiles| fingerprint(smiles, FingerprintKind::Ecfp4)).collect()
        };
        for (molecules, new) in [
            (vec!["CCO", "c1ccccc1", "CCO"], vec!["CCO", "c1ccccc1"]),
            (vec!["c1ccccc1", "CCO"], vec![]),
            (vec!["CCN", "CCO", "C1CC"], vec!["CCN", "C1CC"]),
            (vec!["C1CC", "CCN"], vec![]),
        ] {
            let (prints, made) = made(&kept, &molecules);
            assert_eq!(made, new, "{molecules:?}");
            assert_eq!(prints, fresh(&molecules), "{molecules:?}");
        }
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let kept = Kept::of_at_most(2);
        assert_eq!(made(&kept, &["C", "CC"]).1, ["C", "CC"]);
        assert_eq!(made(&kept, &["C", "CC"]).1, [""; 0]);
        let (prints, new) = made(&kept, &["C", "CCC", "CCCC", "N"]);
        assert_eq!((new, prints.iter().flatten().count()), (vec!["CCC".into(), "CCCC".into(), "N".into()], 4));
        assert_eq!(made(&kept, &["CCC", "CCCC"]).1, [""; 0]);
        assert_eq!(made(&kept, &["N"]).1, ["N"]);
    }

    #[test]
    fn what_cannot_be_made_is_not_kept() {
        let kept = Kept::of_at_most(2);
        assert!(kept.fingerprints(&table(&["C"]), |_| Err(StepError::new("stop"))).is_err());
        assert_eq!(made(&kept, &["C"]).1, ["C"]);
    }
}
