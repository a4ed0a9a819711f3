//! SHA-256 digests, and hashes over parts with their lengths.

use std::fmt;

use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub(super) [u8; 32]);

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the text in Base64, as in checkpoints.
    pub fn base64(&self) -> String {
        Base64::encode_string(&self.0)
    }

    /// Returns the digest with this text in Base64; `None` if it is none.
    pub fn from_base64(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let decoded = Base64::decode(text, &mut bytes).ok()?;
        (decoded.len() == 32).then_some(Self(bytes))
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Formats the digest as 64 lower-case hexadecimal characters.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Returns digests as one text in Base64.
pub(super) fn join(digests: &[Digest]) -> String {
    let bytes: Vec<u8> = digests.iter().flat_map(|digest| digest.0).collect();
    Base64::encode_string(&bytes)
}

/// Returns the digests in a text that [`join`] made; `None` for any other text.
pub(super) fn split(text: &str) -> Option<Vec<Digest>> {
    let bytes = Base64::decode_vec(text).ok()?;
    let (digests, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| digests.iter().map(|digest| Digest(*digest)).collect())
}

/// Appends a part to the bytes to hash: its length as eight bytes, most significant first, and the part itself.
pub(super) fn push_part(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
    bytes.extend_from_slice(part);
}
