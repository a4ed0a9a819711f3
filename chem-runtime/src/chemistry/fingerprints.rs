//! A cache of molecular fingerprints, shared by the steps that compare molecules.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use arrow_array::LargeStringArray;

use super::library::{DEFAULT_BITS, Fingerprint, FingerprintKind, Structure};
use super::molecules::Molecules;
use super::params::FingerprintSize;
use crate::records::map_records;
use crate::step::{ExecutionContext, Misfit, StepError};

/// The capacity of the cache for each kind of fingerprint, in molecules: about 60 MB in the usual size.
const CAPACITY: usize = 250_000;

static CACHES: LazyLock<Mutex<HashMap<Sort, Arc<Cache>>>> = LazyLock::new(Mutex::default);

/// A kind of fingerprint and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sort {
    pub(super) kind: FingerprintKind,
    /// The number of bits; ignored for MACCS keys.
    pub(super) bits: u32,
}

impl Sort {
    /// Returns what the parameters `fingerprint` and `bits` name.
    ///
    /// # Errors
    /// Fails if the fingerprint has a fixed size and `bits` is given.
    pub(super) fn of_params(kind: FingerprintKind, bits: Option<FingerprintSize>) -> Result<Self, Misfit> {
        if bits.is_some() && kind == FingerprintKind::Maccs {
            return Err(Misfit::new("bits", "`bits` has no effect on `maccs`, which has 166 keys").with_help("omit it"));
        }
        Ok(Self { kind, bits: bits.map_or(DEFAULT_BITS, FingerprintSize::bits) })
    }

    /// Returns the fingerprint of the molecule with the canonical SMILES `smiles`; `None` if it cannot be computed. Only
    /// ECFP4 and MACCS keys may be empty: no molecule is more or less similar to another because it has no features.
    pub(super) fn of(self, smiles: &str) -> Option<Fingerprint> {
        let print = Structure::from_canonical(smiles).ok()?.fingerprint_of_size(self.kind, self.bits)?;
        let may_be_empty = matches!(self.kind, FingerprintKind::Ecfp4 | FingerprintKind::Maccs);
        (may_be_empty || print.ones() > 0).then_some(print)
    }

    fn cache(self) -> Arc<Cache> {
        // A panicking thread leaves only complete entries, so a poisoned lock is safe to use.
        let mut caches = CACHES.lock().unwrap_or_else(PoisonError::into_inner);
        caches.entry(self).or_insert_with(|| Arc::new(Cache::of_capacity(CAPACITY))).clone()
    }
}

/// Returns the fingerprint of each molecule; `None` if it cannot be computed. Fingerprints that any step of this process
/// computed before come from the cache.
pub(super) fn fingerprints(
    context: &ExecutionContext<'_>,
    molecules: &Molecules,
    sort: Sort,
) -> Result<Vec<Option<Fingerprint>>, StepError> {
    let compute = |smiles: &[&str]| map_records(context, smiles, |smiles| sort.of(smiles));
    sort.cache().fingerprints(molecules.smiles(), compute)
}

/// Returns the rows of the molecules that have a fingerprint of this sort, and their fingerprints in the same order.
pub(super) fn fingerprinted(
    context: &ExecutionContext<'_>,
    molecules: &Molecules,
    sort: Sort,
) -> Result<(Vec<usize>, Vec<Fingerprint>), StepError> {
    let prints = fingerprints(context, molecules, sort)?;
    Ok(prints.into_iter().enumerate().filter_map(|(row, print)| Some((row, print?))).unzip())
}

/// Fingerprints by canonical SMILES, which determines them.
struct Cache {
    prints: RwLock<HashMap<Box<str>, Option<Bits>>>,
    capacity: usize,
}

/// A fingerprint in the smaller of two forms.
enum Bits {
    /// The indices of the bits that are set: about 50 of 2048 in a typical ECFP4.
    Few(Box<[u16]>),
    Many(Fingerprint),
}

impl Cache {
    fn of_capacity(capacity: usize) -> Self {
        Self { prints: RwLock::default(), capacity }
    }

    /// Returns the fingerprint of each molecule, and calls `compute` for those that are not cached. Evicts all earlier
    /// entries if the new ones would exceed the capacity.
    fn fingerprints(
        &self,
        smiles: &LargeStringArray,
        compute: impl FnOnce(&[&str]) -> Result<Vec<Option<Fingerprint>>, StepError>,
    ) -> Result<Vec<Option<Fingerprint>>, StepError> {
        let all = || smiles.iter().map(Option::unwrap_or_default);
        let (mut found, missing): (HashMap<&str, Option<Fingerprint>>, Vec<&str>) = {
            // A panicking thread leaves only complete entries, so a poisoned lock is safe to use.
            let prints = self.prints.read().unwrap_or_else(PoisonError::into_inner);
            let mut seen = HashSet::new();
            let (cached, missing): (Vec<&str>, Vec<&str>) =
                all().filter(|smiles| seen.insert(*smiles)).partition(|smiles| prints.contains_key(*smiles));
            (cached.into_iter().map(|smiles| (smiles, prints[smiles].as_ref().map(unpacked))).collect(), missing)
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
    const FEW: u32 = 128;
    let indices = || print.bits().map(|bit| u16::try_from(bit).ok()).collect::<Option<Box<[u16]>>>();
    match (print.ones() <= FEW).then(indices).flatten() {
        Some(indices) => Bits::Few(indices),
        None => Bits::Many(print.clone()),
    }
}

fn unpacked(bits: &Bits) -> Fingerprint {
    match bits {
        Bits::Few(indices) => Fingerprint::of_bits(indices.iter().map(|bit| u32::from(*bit))),
        Bits::Many(print) => print.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECFP4: Sort = Sort { kind: FingerprintKind::Ecfp4, bits: DEFAULT_BITS };

    fn table(smiles: &[&str]) -> LargeStringArray {
        LargeStringArray::from_iter_values(smiles)
    }

    /// Returns the fingerprints of the molecules, and the SMILES that were not cached.
    fn look_up(cache: &Cache, smiles: &[&str]) -> (Vec<Option<Fingerprint>>, Vec<String>) {
        let mut computed = Vec::new();
        let prints = cache.fingerprints(&table(smiles), |missing| {
            computed = missing.iter().map(|smiles| (*smiles).to_owned()).collect();
            Ok(missing.iter().map(|smiles| ECFP4.of(smiles)).collect())
        });
        (prints.unwrap(), computed)
    }

    #[test]
    fn a_fingerprint_is_computed_once_for_all_tables() {
        let cache = Cache::of_capacity(10);
        let fresh =
            |smiles: &[&str]| -> Vec<Option<Fingerprint>> { smiles.iter().map(|smiles| ECFP4.of(smiles)).collect() };
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
    fn both_forms_in_the_cache_are_the_fingerprint() {
        for print in [Fingerprint::of_bits([]), Fingerprint::of_bits([3, 40_000]), Fingerprint::of_bits(0..500)] {
            assert_eq!(unpacked(&packed(&print)), print);
        }
    }

    #[test]
    fn a_molecule_without_features_has_no_fingerprint() {
        let sort = |name: &str| Sort::of_params(FingerprintKind::named(name).unwrap(), None).unwrap();
        assert_eq!(sort("topological_torsion").of("CCO"), None);
        assert!(sort("topological_torsion").of("CCCO").is_some() && sort("maccs").of("C").is_some());
        assert!(Sort::of_params(FingerprintKind::Maccs, Some(1024.into())).is_err());
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
