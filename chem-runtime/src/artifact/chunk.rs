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

/// Returns whether a chunk of `rows` rows, with a text of `length` bytes, ends after the row with the canonical text `last`.
pub(super) fn ends_after(rows: usize, length: usize, last: &[u8]) -> bool {
    rows >= MAX_ROWS || length >= MAX_LENGTH || rows >= MIN_ROWS && (mix(fnv1a(last)) & (CUT_EVERY - 1)) == 0
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Improves the low bits of the hash, which are weak in FNV: the finalizer of MurmurHash3.
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}
