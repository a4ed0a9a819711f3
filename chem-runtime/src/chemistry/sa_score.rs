//! The synthetic accessibility score of Ertl and Schuffenhauer, <https://doi.org/10.1186/1758-2946-1-8>, as
//! `Contrib/SA_Score/sascorer.py` of RDKit computes it.
//!
//! `data/sa_fragments.bin.gz` contains the scores of 705,292 fragments of molecules in PubChem, the frequent ones with high scores.
//! They are RDKit's (BSD-3-Clause, Copyright (c) 2013, Novartis Institutes for BioMedical Research Inc.; see NOTICE), in the
//! form that `tests/reference/sa_fragments.py` describes.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;

use super::library::Structure;

/// The score of a fragment that is not in the table.
const UNKNOWN: f64 = -4.0;

/// The raw scores that become 10 and 1.
const RAW: (f64, f64) = (-4.0, 2.5);

/// The scores of fragments, by their identifiers in Morgan fingerprints of radius 2. `None` if the embedded table is damaged,
/// which a test excludes.
static FRAGMENTS: LazyLock<Option<Fragments>> =
    LazyLock::new(|| Fragments::read(include_bytes!("../../data/sa_fragments.bin.gz")));

/// Computes the score, from 1 for molecules that are easy to make to 10. `None` for a molecule without atoms, or if the
/// library fails.
pub(super) fn sa_score(structure: &Structure) -> Option<f64> {
    let table = FRAGMENTS.as_ref()?;
    let fragments = structure.morgan_counts()?;
    let occurrences: i64 = fragments.iter().map(|(_, count)| count).sum();
    if occurrences == 0 {
        return None;
    }
    let score = |(fragment, count): &(u32, i64)| table.score(*fragment).unwrap_or(UNKNOWN) * *count as f64;
    let familiar = fragments.iter().map(score).sum::<f64>() / occurrences as f64;

    let atoms = structure.size() as f64;
    let penalty = |count: Option<i64>| Some((count? as f64 + 1.0).log10());
    let macrocycle = if structure.ring_sizes()?.iter().any(|size| *size > 8) { 2_f64.log10() } else { 0.0 };
    let complex = atoms.powf(1.005) - atoms
        + penalty(structure.stereocentres())?
        + penalty(structure.spiro_atoms())?
        + penalty(structure.bridgehead_atoms())?
        + macrocycle;
    // Symmetric molecules have few different fragments.
    let kinds = fragments.len() as f64;
    let symmetric = if atoms > kinds { (atoms / kinds).ln() * 0.5 } else { 0.0 };

    let score = 11.0 - (familiar - complex + symmetric - RAW.0 + 1.0) / (RAW.1 - RAW.0) * 9.0;
    let score = if score > 8.0 { 8.0 + (score - 8.0).ln() } else { score };
    Some(score.clamp(1.0, 10.0))
}

struct Fragments {
    /// The identifiers, in ascending order.
    ids: Vec<u32>,
    /// The score of each fragment, in units of 0.0001.
    scores: Vec<i16>,
}

impl Fragments {
    fn score(&self, fragment: u32) -> Option<f64> {
        let index = self.ids.binary_search(&fragment).ok()?;
        Some(f64::from(*self.scores.get(index)?) / 10_000.0)
    }

    fn read(compressed: &[u8]) -> Option<Self> {
        let mut bytes = Vec::new();
        GzDecoder::new(compressed).read_to_end(&mut bytes).ok()?;
        let mut rest = bytes.as_slice();
        let different = u32::from_le_bytes(taken(&mut rest)?);
        let scores = (0..different).map(|_| Some(i16::from_le_bytes(taken(&mut rest)?))).collect::<Option<Vec<_>>>()?;
        let count = u32::from_le_bytes(taken(&mut rest)?);
        let mut last = 0_u32;
        let mut ids = Vec::with_capacity(count as usize);
        for _ in 0..count {
            last = last.checked_add(leb128(&mut rest)?)?;
            ids.push(last);
        }
        let of_index = |index: u32| scores.get(index as usize).copied();
        let scores = (0..count).map(|_| of_index(leb128(&mut rest)?)).collect::<Option<Vec<_>>>()?;
        rest.is_empty().then_some(Self { ids, scores })
    }
}

/// Takes the first bytes of `rest`.
fn taken<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, more) = rest.split_first_chunk()?;
    *rest = more;
    Some(*first)
}

/// Takes a number in LEB128: seven bits in each byte, the lowest first.
fn leb128(rest: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u32;
    for shift in (0..32).step_by(7) {
        let [byte] = taken(rest)?;
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        let table = FRAGMENTS.as_ref().unwrap();
        assert_eq!((table.ids.len(), table.scores.len()), (705_292, 705_292));
        assert!(table.ids.is_sorted_by(|a, b| a < b));
        assert_eq!((table.score(1_449_131_080), table.score(910_163_969)), (Some(1.2233), Some(-2.8254)));
        assert_eq!(table.score(0), None);
        assert!(Fragments::read(&[]).is_none());
    }

    #[test]
    fn numbers_of_several_bytes_are_read() {
        for (bytes, number) in [(&[0x7f_u8][..], Some(127)), (&[0x80, 0x01], Some(128)), (&[0x80], None)] {
            assert_eq!(leb128(&mut &*bytes), number);
        }
    }
}
