//! Molecular fingerprints: structural features as bits, and their similarity.

use cosmolkit::{
    AtomPairFingerprintParams, AtomPairGeneratorParams, MorganFingerprintParams, MorganGeneratorParams,
    MorganInvariants, SparseCountFingerprint32, TopologicalFingerprintParams, TopologicalTorsionFingerprintParams,
    TopologicalTorsionGeneratorParams,
};

use super::{Structure, guarded};

/// The radius of ECFP4; the 4 in its name is the diameter.
const ECFP4_RADIUS: u32 = 2;

/// The number of bits of a fingerprint, except MACCS keys, where nothing else is asked for.
pub(in crate::chemistry) const DEFAULT_BITS: u32 = 2048;

/// The kinds of fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FingerprintKind {
    /// Environments of atoms up to one bond away: RDKit's Morgan fingerprint of radius 1.
    /// <https://doi.org/10.1021/ci100050t>
    Ecfp2,
    /// Environments of atoms up to two bonds away: RDKit's Morgan fingerprint of radius 2.
    Ecfp4,
    /// Environments of atoms up to three bonds away: RDKit's Morgan fingerprint of radius 3.
    Ecfp6,
    /// Like ECFP2, with atoms told apart by their role: donor, acceptor, aromatic, halogen, basic, acidic.
    Fcfp2,
    /// Like ECFP4, with atoms told apart by their role.
    Fcfp4,
    /// Like ECFP6, with atoms told apart by their role.
    Fcfp6,
    /// Pairs of atoms and the number of bonds between them, with their counts. <https://doi.org/10.1021/ci00046a002>
    AtomPair,
    /// Chains of four atoms, with their counts. <https://doi.org/10.1021/ci00054a008> As in RDKit, those of some molecules
    /// with rings of three atoms depend on the order of the atoms, which here is that of the canonical SMILES.
    TopologicalTorsion,
    /// Paths and branched fragments of one to seven bonds: RDKit's own fingerprint.
    RdkitPath,
    /// The 166 public MACCS keys. <https://doi.org/10.1021/ci010132r>
    Maccs,
}

impl FingerprintKind {
    const ALL: [(&'static str, Self); 10] = [
        ("ecfp2", Self::Ecfp2),
        ("ecfp4", Self::Ecfp4),
        ("ecfp6", Self::Ecfp6),
        ("fcfp2", Self::Fcfp2),
        ("fcfp4", Self::Fcfp4),
        ("fcfp6", Self::Fcfp6),
        ("atom_pair", Self::AtomPair),
        ("topological_torsion", Self::TopologicalTorsion),
        ("rdkit_path", Self::RdkitPath),
        ("maccs", Self::Maccs),
    ];

    /// The names in manifests.
    pub(in crate::chemistry) const NAMES: [&'static str; 10] = {
        let (mut names, mut index) = ([""; 10], 0);
        while index < names.len() {
            names[index] = Self::ALL[index].0;
            index += 1;
        }
        names
    };

    /// Returns the name in manifests.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Returns the kind with this name in manifests.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, kind)| kind)
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
        let mut words = vec![0; DEFAULT_BITS as usize / 64];
        for bit in bits {
            let index = bit as usize / 64;
            if index >= words.len() {
                words.resize(index + 1, 0);
            }
            words[index] |= 1_u64 << (bit % 64);
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
        let both = self.common(other);
        match self.ones + other.ones - both {
            0 => 1.0,
            either => f64::from(both) / f64::from(either),
        }
    }

    /// Returns the number of bits that are set in both.
    pub fn common(&self, other: &Self) -> u32 {
        self.words.iter().zip(&other.words).map(|(a, b)| (a & b).count_ones()).sum()
    }
}

impl Structure {
    /// Returns the identifiers of the environments in an unfolded Morgan fingerprint of radius 2, each with the number of its
    /// occurrences; `None` if the library fails.
    pub(in crate::chemistry) fn morgan_counts(&self) -> Option<Vec<(u32, i64)>> {
        self.morgan_counts_of(ECFP4_RADIUS)
    }

    fn morgan_counts_of(&self, radius: u32) -> Option<Vec<(u32, i64)>> {
        let generator = MorganGeneratorParams { radius, ..Default::default() };
        let params = MorganFingerprintParams::from(generator);
        let print = guarded(|| self.0.fingerprint_morgan_sparse_count_with_params(&params, None).ok())??;
        // An identifier has 32 bits.
        Some(print.nonzero_elements().iter().map(|(id, count)| (*id as u32, i64::from(*count))).collect())
    }

    /// Computes the number of different environments in a Morgan fingerprint of this radius for each heavy atom; 0 without heavy
    /// atoms: `FpDensityMorgan1` and so on.
    pub fn morgan_density(&self, radius: u32) -> Option<f64> {
        let environments = self.morgan_counts_of(radius)?.len() as f64;
        Some(match self.heavy_atoms()? {
            0 => 0.0,
            heavy => environments / heavy as f64,
        })
    }

    /// Computes the fingerprint of this kind in its usual size; `None` if the library fails.
    pub fn fingerprint(&self, kind: FingerprintKind) -> Option<Fingerprint> {
        self.fingerprint_of_size(kind, DEFAULT_BITS)
    }

    /// Computes the fingerprint of this kind, folded to `bits` bits, which must not be 0. MACCS keys are never folded. `None`
    /// if the library fails.
    pub fn fingerprint_of_size(&self, kind: FingerprintKind, bits: u32) -> Option<Fingerprint> {
        let molecule = &self.0;
        let found = match Algorithm::of(kind, bits) {
            Algorithm::Morgan(params) => guarded(|| molecule.fingerprint_morgan_with_params(&params, None).ok())?,
            Algorithm::AtomPair(params) => guarded(|| molecule.fingerprint_atom_pair_with_params(&params, None).ok())?,
            Algorithm::Torsion(params) => {
                guarded(|| molecule.fingerprint_topological_torsion_with_params(&params, None).ok())?
            }
            Algorithm::Path(params) => guarded(|| molecule.fingerprint_topological_with_params(&params).ok())?,
            Algorithm::Maccs => guarded(|| molecule.fingerprint_maccs().ok())?,
        };
        Some(Fingerprint::of_bits(found?.on_bits()))
    }

    /// Counts the features of this kind, folded to `bits` positions: RDKit's `GetCountFingerprint`. Returns the positions
    /// with a count above 0 in ascending order; `None` if the library fails, or for kinds that have no counts: MACCS keys
    /// and RDKit's paths.
    pub fn feature_counts(&self, kind: FingerprintKind, bits: u32) -> Option<Vec<(u32, i32)>> {
        let molecule = &self.0;
        let counts: SparseCountFingerprint32 = match Algorithm::of(kind, bits) {
            Algorithm::Morgan(params) => guarded(|| molecule.fingerprint_morgan_count_with_params(&params, None).ok())?,
            Algorithm::AtomPair(params) => {
                guarded(|| molecule.fingerprint_atom_pair_count_with_params(&params, None).ok())?
            }
            Algorithm::Torsion(params) => {
                guarded(|| molecule.fingerprint_topological_torsion_count_with_params(&params, None).ok())?
            }
            Algorithm::Path(_) | Algorithm::Maccs => None,
        }?;
        Some(counts.nonzero_elements().iter().map(|(position, count)| (*position, *count)).collect())
    }
}

/// The library's parameters for a kind of fingerprint.
enum Algorithm {
    Morgan(MorganFingerprintParams),
    AtomPair(AtomPairFingerprintParams),
    Torsion(TopologicalTorsionFingerprintParams),
    Path(TopologicalFingerprintParams),
    Maccs,
}

impl Algorithm {
    fn of(kind: FingerprintKind, bits: u32) -> Self {
        let morgan = |radius, invariants| {
            let generator = MorganGeneratorParams { radius, fp_size: bits, ..Default::default() };
            Self::Morgan(MorganFingerprintParams { invariants, ..MorganFingerprintParams::from(generator) })
        };
        match kind {
            FingerprintKind::Ecfp2 => morgan(1, MorganInvariants::Connectivity),
            FingerprintKind::Ecfp4 => morgan(ECFP4_RADIUS, MorganInvariants::Connectivity),
            FingerprintKind::Ecfp6 => morgan(3, MorganInvariants::Connectivity),
            FingerprintKind::Fcfp2 => morgan(1, MorganInvariants::Features),
            FingerprintKind::Fcfp4 => morgan(2, MorganInvariants::Features),
            FingerprintKind::Fcfp6 => morgan(3, MorganInvariants::Features),
            FingerprintKind::AtomPair => {
                Self::AtomPair(AtomPairGeneratorParams { fp_size: bits, ..Default::default() }.into())
            }
            FingerprintKind::TopologicalTorsion => {
                Self::Torsion(TopologicalTorsionGeneratorParams { fp_size: bits, ..Default::default() }.into())
            }
            FingerprintKind::RdkitPath => {
                Self::Path(TopologicalFingerprintParams { fp_size: bits, ..Default::default() })
            }
            FingerprintKind::Maccs => Self::Maccs,
        }
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
        let longer = Fingerprint::of_bits([63, 4096]);
        assert_eq!((longer.bits().collect::<Vec<_>>(), longer.common(&print)), (vec![63, 4096], 1));
    }

    #[test]
    fn similarity_counts_common_bits() {
        let (none, a, b) =
            (Fingerprint::of_bits([]), Fingerprint::of_bits([1, 2, 3]), Fingerprint::of_bits([2, 3, 70]));
        assert_eq!((a.tanimoto(&b), b.tanimoto(&a), a.tanimoto(&a)), (0.5, 0.5, 1.0));
        assert_eq!((none.tanimoto(&none), none.tanimoto(&a)), (1.0, 0.0));
    }
}
