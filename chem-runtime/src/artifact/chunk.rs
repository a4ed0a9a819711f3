//! Content-defined chunking of tables.
//!
//! A boundary depends only on the row before it, unless a chunk reaches its maximum size. Inserting or removing a row
//! therefore moves only the boundaries near it.

/// The minimum number of rows in a chunk, except the last.
const MIN_ROWS: usize = 256;
/// The maximum number of rows in a chunk.
const MAX_ROWS: usize = 4096;
/// The length of the text at which a chunk ends, in bytes, so that long rows do not make it too long to store.
const MAX_LENGTH: usize = 4 << 20;
/// Beyond the minimum, one in this many rows ends its chunk. A power of two.
const CUT_EVERY: u64 = 1024;

/// Returns whether a chunk of `rows` rows, with a text of `length` bytes, ends after the last of them. `may_end` says whether
/// that is one of the rows after which a chunk ends: see [`ends`].
pub(super) fn ends_after(rows: usize, length: usize, may_end: bool) -> bool {
    rows >= MAX_ROWS || length >= MAX_LENGTH || rows >= MIN_ROWS && may_end
}

/// Returns, for each row, whether its canonical text ends a chunk that is long enough.
pub(super) fn ends<'t>(rows: impl ExactSizeIterator<Item = &'t [u8]>) -> Vec<bool> {
    fnv1a_of_each(rows).into_iter().map(|hash| mix(hash) & (CUT_EVERY - 1) == 0).collect()
}

/// The number of texts that are hashed at once.
const LANES: usize = 4;

/// Returns the FNV-1a hash of each text, with 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
///
/// Each byte of a text waits for the multiplication of the byte before it, so several texts are hashed side by side.
fn fnv1a_of_each<'t>(mut texts: impl ExactSizeIterator<Item = &'t [u8]>) -> Vec<u64> {
    let mut hashes = vec![0; texts.len()];
    let mut next = 0..texts.len();
    let mut begin = || Some(Lane { text: next.next()?, hash: 0xcbf2_9ce4_8422_2325, rest: texts.next()? });
    let mut lanes: [Option<Lane<'t>>; LANES] = [(); LANES].map(|()| begin());
    while let [Some(a), Some(b), Some(c), Some(d)] = &mut lanes {
        let all = [a, b, c, d];
        let length = all.iter().map(|lane| lane.rest.len()).min().unwrap_or_default();
        let heads = all.each_ref().map(|lane| &lane.rest[..length]);
        let mut of_lanes = all.each_ref().map(|lane| lane.hash);
        // Written out, as a loop over the lanes takes ten times as long without optimization.
        #[expect(clippy::needless_range_loop, reason = "four slices are read side by side")]
        for at in 0..length {
            of_lanes[0] = with_byte(of_lanes[0], heads[0][at]);
            of_lanes[1] = with_byte(of_lanes[1], heads[1][at]);
            of_lanes[2] = with_byte(of_lanes[2], heads[2][at]);
            of_lanes[3] = with_byte(of_lanes[3], heads[3][at]);
        }
        for (lane, hash) in all.into_iter().zip(of_lanes) {
            (lane.hash, lane.rest) = (hash, &lane.rest[length..]);
        }
        for lane in &mut lanes {
            if let Some(ended) = lane.take_if(|lane| lane.rest.is_empty()) {
                hashes[ended.text] = ended.hash;
                *lane = begin();
            }
        }
    }
    for Lane { text, hash, rest } in lanes.into_iter().flatten() {
        hashes[text] = rest.iter().fold(hash, |hash, byte| with_byte(hash, *byte));
    }
    hashes
}

/// A text that is being hashed.
struct Lane<'t> {
    /// The index of the text.
    text: usize,
    hash: u64,
    rest: &'t [u8],
}

fn with_byte(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

/// Improves the low bits of the hash, which are weak in FNV: the finalizer of MurmurHash3.
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_hash_side_by_side_as_they_do_alone() {
        let alone = |text: &[u8]| text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| with_byte(hash, *byte));
        // Published test vectors.
        assert_eq!(
            fnv1a_of_each([&b""[..], b"a", b"foobar"].into_iter()),
            [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]
        );
        for count in 0..40 {
            let texts: Vec<Vec<u8>> = (0..count).map(|n| vec![n as u8; n * 37 % 23]).collect();
            let expected: Vec<u64> = texts.iter().map(|text| alone(text)).collect();
            assert_eq!(fnv1a_of_each(texts.iter().map(Vec::as_slice)), expected, "{count}");
        }
    }
}
