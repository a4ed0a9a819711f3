//! A cache of molecular fingerprints, shared by the steps that compare molecules.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, PoisonError, RwLock};

use super::library::{Fingerprint, FingerprintKind, Structure};
use super::molecules::Molecules;
use crate::records::map_records;
use crate::step::{ExecutionContext, StepError};

/// The capacity of the cache for each kind of fingerprint, in molecules: about 60 MB.
const CAPACITY: usize = 250_000;

static ECFP4: LazyLock<Cache> = LazyLock::new(|| Cache::of_capacity(CAPACITY));
static MACCS: LazyLock<Cache> = LazyLock::new(|| Cache::of_capacity(CAPACITY));

/// Returns the fingerprint of each molecule; `None` if it cannot be computed. Fingerprints that any step of this process
/// computed before come from the cache.
pub(super) fn fingerprints(
    context: &ExecutionContext<'_>,
    molecules: &Molecules,
    kind: FingerprintKind,
) -> Result<Vec<Option<Fingerprint>>, StepError> {
    let cache = match kind {
        FingerprintKind::Ecfp4 => &ECFP4,
        FingerprintKind::Maccs => &MACCS,
    };
    let compute = |smiles: &[&str]| map_records(context, smiles, |smiles| fingerprint(smiles, kind));
    cache.fingerprints(molecules.smiles(), compute)
}

/// Returns the rows of the molecules that have a fingerprint of the kind called `kind`, and their fingerprints in the same
/// order.
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

/// Returns the kind that a parameter names.
pub(super) fn kind_of(name: &str) -> Result<FingerprintKind, StepError> {
    FingerprintKind::named(name).ok_or_else(|| StepError::new(format!("there is no fingerprint `{name}`")))
}

/// Fingerprints by canonical SMILES, which determines them.
struct Cache {
    prints: RwLock<HashMap<Box<str>, Option<Bits>>>,
    capacity: usize,
}

/// The indices of the bits that are set: about 50 of 2048 for a typical molecule.
type Bits = Box<[u16]>;

impl Cache {
    fn of_capacity(capacity: usize) -> Self {
        Self { prints: RwLock::default(), capacity }
    }

    /// Returns the fingerprint of each molecule, and calls `compute` for those that are not cached. Evicts all earlier
    /// entries if the new ones would exceed the capacity.
    fn fingerprints(
        &self,
        smiles: &[Option<Box<str>>],
        compute: impl FnOnce(&[&str]) -> Result<Vec<Option<Fingerprint>>, StepError>,
    ) -> Result<Vec<Option<Fingerprint>>, StepError> {
        let all = || smiles.iter().map(|smiles| smiles.as_deref().unwrap_or_default());
        let (mut found, missing): (HashMap<&str, Option<Fingerprint>>, Vec<&str>) = {
            // A panicking thread leaves only complete entries, so a poisoned lock is safe to use.
            let prints = self.prints.read().unwrap_or_else(PoisonError::into_inner);
            let mut seen = HashSet::new();
            let (cached, missing): (Vec<&str>, Vec<&str>) =
                all().filter(|smiles| seen.insert(*smiles)).partition(|smiles| prints.contains_key(*smiles));
            (cached.into_iter().map(|smiles| (smiles, prints[smiles].as_deref().map(unpacked))).collect(), missing)
        };
        if !missing.is_empty() {
            let computed = compute(&missing)?;
            let mut prints = self.prints.write().unwrap_or_else(PoisonError::into_inner);
            if prints.len() + computed.len() > self.capacity {
                prints.clear();
            }
            for (smiles, print) in missing.into_iter().zip(computed) {
                if prints.len() < self.capacity {
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

    /// Returns the fingerprints of the molecules, and the SMILES that were not cached.
    fn look_up(cache: &Cache, smiles: &[&str]) -> (Vec<Option<Fingerprint>>, Vec<String>) {
        let mut computed = Vec::new();
        let prints = cache.fingerprints(&table(smiles), |missing| {
            computed = missing.iter().map(|smiles| (*smiles).to_owned()).collect();
            Ok(missing.iter().map(|smiles| fingerprint(smiles, FingerprintKind::Ecfp4)).collect())
        });
        (prints.unwrap(), computed)
    }

    #[test]
    fn a_fingerprint_is_computed_once_for_all_tables() {
        let cache = Cache::of_capacity(10);
        let fresh = |smiles: &[&str]| -> Vec<Option<Fingerprint>> {
            smiles.iter().map(|smiles| fingerprint(smiles, FingerprintKind::Ecfp4)).collect()
        };
        for (molecules, new) in [
            (vec!["CCO", "c1ccccc1", "CCO"], vec!["CCO", "c1ccccc1"]),
            (vec!["c1ccccc1", "CCO"], vec![]),
            (vec!["CCN", "CCO", "C1CC"], vec!["CCN", "C1CC"]),
            (vec!["C1CC", "CCN"], vec![]),
        ] {
            let (prints, computed) = look_up(&cache, &molecules);
            assert_eq!(computed, new, "{molecules:?}");
            assert_eq!(prints, fresh(&molecules), "{molecules:?}");
        }
    }

    #[test]
    fn the_capacity_is_not_exceeded() {
        let cache = Cache::of_capacity(2);
        assert_eq!(look_up(&cache, &["C", "CC"]).1, ["C", "CC"]);
        assert_eq!(look_up(&cache, &["C", "CC"]).1, [""; 0]);
        let (prints, new) = look_up(&cache, &["C", "CCC", "CCCC", "N"]);
        assert_eq!((new, prints.iter().flatten().count()), (vec!["CCC".into(), "CCCC".into(), "N".into()], 4));
        assert_eq!(look_up(&cache, &["CCC", "CCCC"]).1, [""; 0]);
        assert_eq!(look_up(&cache, &["N"]).1, ["N"]);
    }

    #[test]
    fn a_failed_computation_is_not_cached() {
        let cache = Cache::of_capacity(2);
        assert!(cache.fingerprints(&table(&["C"]), |_| Err(StepError::new("stop"))).is_err());
        assert_eq!(look_up(&cache, &["C"]).1, ["C"]);
    }
}
