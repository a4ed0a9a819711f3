//! Where a table is cut into chunks, and how rows become their text.
//!
//! A cut depends on the row before it alone, unless a chunk grows too large, so that a row put in or taken out moves the
//! cuts near it and no others.

/// A chunk has at least so many rows, unless it is the last.
const MIN_ROWS: usize = 256;
/// A chunk has at most so many rows.
const MAX_ROWS: usize = 4096;
/// A chunk ends with the row that makes its text this long, in bytes, so that rows with much in them do not make a chunk
/// that is too long to store.
const MAX_LENGTH: usize = 4 << 20;
/// Past the minimum, one row in so many ends its chunk. A power of two.
const CUT_EVERY: u64 = 1024;

/// Whether a chunk of `rows` rows, with a text of `length` bytes, ends after the row whose canonical text is `last`.
pub(super) fn ends_after(rows: usize, length: usize, last: &[u8]) -> bool {
    rows >= MAX_ROWS || length >= MAX_LENGTH || rows >= MIN_ROWS && (mix(fnv1a(last)) & (CUT_EVERY - 1)) == 0
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Spreads the hash over its low bits, which FNV leaves weak (the finalizer of MurmurHash3).
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}
