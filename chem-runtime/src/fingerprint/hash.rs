//! Hash types, and SHA-256 with a domain tag.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// The version of the rules for fingerprints. It is part of every tagged hash, so that hashes by later rules cannot collide
/// with those by these.
pub const SCHEME: u32 = 1;

/// The domain of a hash. Its name is part of the hashed bytes, so hashes of different domains cannot collide.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tag {
    Artifact,
    Step,
    Flow,
    Definition,
    CacheKey,
    WorkKey,
    Divergence,
    Child,
}

impl Tag {
    fn name(self) -> &'static str {
        match self {
            Tag::Artifact => "artifact",
            Tag::Step => "step",
            Tag::Flow => "flow",
            Tag::Definition => "definition",
            Tag::CacheKey => "cache-key",
            Tag::WorkKey => "work-key",
            Tag::Divergence => "divergence",
            Tag::Child => "child",
        }
    }
}

/// Computes SHA-256 over `chem NUL scheme NUL tag NUL part NUL part …`. Only the last part may contain NUL.
pub(crate) fn tagged_sha256(tag: Tag, parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"chem\0");
    hasher.update(SCHEME.to_string());
    hasher.update(b"\0");
    hasher.update(tag.name());
    for part in parts {
        hasher.update(b"\0");
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Error for a text that is not 64 lower-case hexadecimal characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a hash: expected 64 lower-case hexadecimal characters")]
pub struct ParseHashError(String);

macro_rules! hashes {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Returns the first twelve characters, for tables that people read.
            pub fn short(&self) -> String {
                self.to_string()[..12].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(as_text(&hex(&self.0)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseHashError;

            fn from_str(text: &str) -> Result<Self, ParseHashError> {
                parse_hex(text).map(Self).ok_or_else(|| ParseHashError(text.to_owned()))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(as_text(&hex(&self.0)))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("64 lower-case hexadecimal characters")
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    )*};
}

impl ArtifactHash {
    /// Returns the bytes of the hash.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

hashes! {
    /// Identifies an artifact: the hash of its kind and canonical payload.
    ArtifactHash,
    /// Identifies the work of a step in its flow, or of a whole flow.
    Fingerprint,
    /// Identifies the ids of a flow's steps and their order.
    DefinitionHash,
    /// Identifies the work of a step, independent of its id and its flow.
    CacheKey,
    /// Identifies the work of a step on each row of one of its inputs, whatever rows there are.
    WorkKey,
    /// Identifies the changes between a run and its branch.
    DivergenceHash,
    /// The plain SHA-256 of a file's bytes, as printed by `sha256sum`.
    ContentHash,
}

impl ContentHash {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_bytes(Sha256::digest(bytes).into())
    }

    /// Hashes everything from `reader` in pieces, and returns the hash and the number of bytes.
    pub fn of_reader(reader: impl std::io::Read) -> std::io::Result<(Self, u64)> {
        let mut hasher = ContentHasher::new(reader);
        let length = hasher.drain()?;
        Ok((hasher.finish()?, length))
    }
}

/// A reader that hashes the bytes that pass through it.
#[derive(Debug)]
pub struct ContentHasher<R> {
    reader: R,
    hasher: Sha256,
}

impl<R: std::io::Read> ContentHasher<R> {
    /// Starts with the next byte of `reader`.
    pub fn new(reader: R) -> Self {
        Self { reader, hasher: Sha256::new() }
    }

    /// Reads to the end, and returns the hash of all bytes.
    ///
    /// # Errors
    /// Fails if reading fails.
    pub fn finish(mut self) -> std::io::Result<ContentHash> {
        self.drain()?;
        Ok(ContentHash::from_bytes(self.hasher.finalize().into()))
    }

    /// Reads to the end, and returns the number of bytes that were left.
    fn drain(&mut self) -> std::io::Result<u64> {
        let mut buffer = vec![0; 64 * 1024];
        let mut length = 0;
        loop {
            match std::io::Read::read(self, &mut buffer) {
                Ok(0) => return Ok(length),
                Ok(count) => length += count as u64,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: std::io::Read> std::io::Read for ContentHasher<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// Formats a hash as 64 hexadecimal digits.
fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 64];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    digits
}

fn as_text(digits: &[u8; 64]) -> &str {
    // The digits are ASCII.
    std::str::from_utf8(digits).unwrap_or_default()
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_from_its_text_and_from_no_other() {
        let hash = ContentHash::of(b"aspirin");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!(hash.to_string().to_uppercase().parse::<ContentHash>().is_err());
        assert!("".parse::<ContentHash>().is_err());
        assert!("é".repeat(32).parse::<ContentHash>().is_err());
    }

    #[test]
    fn the_tag_keeps_kinds_apart() {
        assert_ne!(tagged_sha256(Tag::Step, &["x"]), tagged_sha256(Tag::Flow, &["x"]));
        assert_ne!(tagged_sha256(Tag::Step, &["a", "b"]), tagged_sha256(Tag::Step, &["ab"]));
    }
}
