//! Molecular fingerprints: structural features as bits, and their similarity.

use cosmolkit::{MorganFingerprintParams, MorganGeneratorParams};

use super::{Structure, guarded};

/// The radius of ECFP4; the 4 in its name is the diameter.
const ECFP4_RADIUS: u32 = 2;

/// The number of bits of an ECFP4 fingerprint.
const ECFP4_BITS: u32 = 2048;

/// The kinds of fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FingerprintKind {
    /// Environments of atoms up to two bonds away, folded to 2048 bits: RDKit's Morgan fingerprint of radius 2.
    /// <https://doi.org/10.1021/ci100050t>
    Ecfp4,
    /// The 166 public MACCS keys. <https://doi.org/10.1021/ci010132r>
    Maccs,
}

impl FingerprintKind {
    /// Returns the kind with this name in manifests.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ecfp4" => Some(Self::Ecfp4),
            "maccs" => Some(Self::Maccs),
            _ => None,
        }
    }
}

/// The features of a molecule as bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    words: Box<[u64]>,
    ones: u32,
}

impl Fingerprint {
    /// Creates a fingerprint with these bits set.
    pub fn of_bits(bits: impl IntoIterator<Item = u32>) -> Self {
        let mut words = vec![0; ECFP4_BITS as usize / 64];
        for bit in bits {
            if let Some(word) = words.get_mut(bit as usize / 64) {
                *word |= 1_u64 << (bit % 64);
            }
        }
        let ones = words.iter().map(|word: &u64| word.count_ones()).sum();
        Self { words: words.into(), ones }
    }

    /// Returns the number of bits that are set.
    pub fn ones(&self) -> u32 {
        self.ones
    }

    /// Returns the indices of the bits that are set, in ascending order.
    pub fn bits(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip(0_u32..).flat_map(|(word, index)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(64 * index + bit)
            })
        })
    }

    /// Returns the Tanimoto coefficient: the number of common bits divided by the number of bits set in either, from 0 to
    /// 1. For two fingerprints without bits it is 1.
    pub fn tanimoto(&self, other: &Self) -> f64 {
        let both: u32 = self.words.iter().zip(&other.words).map(|(a, b)| (a & b).count_ones()).sum();
        match self.ones + other.ones - both {
            0 => 1.0,
            either => f64::from(both) / f64::from(either),
        }
    }
}

impl Structure {
    /// Returns the identifiers of the environments in an unfolded Morgan fingerprint of radius 2, each with the number of its
    /// occurrences; `None` if the library fails.
    pub(in crate::chemistry) fn morgan_counts(&self) -> Option<Vec<(u32, i64)>> {
        let generator = MorganGeneratorParams { radius: ECFP4_RADIUS, ..Default::default() };
        let params = MorganFingerprintParams::from(generator);
        let print = guarded(|| self.0.fingerprint_morgan_sparse_count_with_params(&params, None).ok())??;
        // An identifier has 32 bits.
        Some(print.nonzero_elements().iter().map(|(id, count)| (*id as u32, i64::from(*count))).collect())
    }

    /// Computes the fingerprint of this kind; `None` if the library fails.
    pub fn fingerprint(&self, kind: FingerprintKind) -> Option<Fingerprint> {
        let bits = match kind {
            FingerprintKind::Ecfp4 => {
                let generator =
                    MorganGeneratorParams { radius: ECFP4_RADIUS, fp_size: ECFP4_BITS, ..Default::default() };
                let params = MorganFingerprintParams::from(generator);
                guarded(|| self.0.fingerprint_morgan_with_params(&params, None).ok())??.on_bits()
            }
            FingerprintKind::Maccs => guarded(|| self.0.fingerprint_maccs().ok())??.on_bits(),
        };
        Some(Fingerprint::of_bits(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_go_in_and_come_out() {
        let print = Fingerprint::of_bits([0, 63, 64, 2047, 64]);
        assert_eq!(print.bits().collect::<Vec<_>>(), [0, 63, 64, 2047]);
        assert_eq!(print.ones(), 4);
    }

    #[test]
    fn similarity_counts_common_bits() {
        let (none, a, b) =
            (Fingerprint::of_bits([]), Fingerprint::of_bits([1, 2, 3]), Fingerprint::of_bits([2, 3, 70]));
        assert_eq!((a.tanimoto(&b), b.tanimoto(&a), a.tanimoto(&a)), (0.5, 0.5, 1.0));
        assert_eq!((none.tanimoto(&none), none.tanimoto(&a)), (1.0, 0.0));
    }
}
