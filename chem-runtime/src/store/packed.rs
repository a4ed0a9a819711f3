//! Payloads of artifacts as stores keep them: compressed where that pays.
//!
//! The hash of an artifact is that of its canonical text, so that it does not depend on the codec. A store records the codec
//! of each payload.

use std::io::{self, Read};

use flate2::read::DeflateDecoder;

use crate::artifact::Artifact;

/// The codec of payloads in the format of Zstandard: RFC 8878.
const ZSTD: &str = "zstd";

/// The codec of payloads in the format of Deflate, RFC 1951. Spools were written so once.
const DEFLATE: &str = "deflate";

/// The least length of a text that is compressed, in bytes. A shorter one fits into a page of a database with others, and a
/// file takes a block of the file system in any case.
const WORTHWHILE: usize = 1 << 10;

/// Level 1 makes 32 % of the rows of tables of molecules and 1 GB/s when it is read; level 6 makes 29 % and takes four times
/// as long to write.
const LEVEL: i32 = 1;

/// The most that a payload may become, so that a damaged one does not fill the memory. No store keeps a longer one.
const LONGEST: u64 = 1 << 30;

/// A compressed payload.
#[derive(Debug, Clone)]
pub(super) struct PackedPayload {
    /// The name of the codec.
    pub(super) codec: &'static str,
    /// The payload in the codec's format.
    pub(super) bytes: Vec<u8>,
}

impl PackedPayload {
    /// Compresses the payload of `artifact`; returns `None` if it is short, or does not become shorter.
    pub(super) fn of(artifact: &Artifact) -> Option<Self> {
        let text = artifact.payload_text().as_bytes();
        if text.len() < WORTHWHILE {
            return None;
        }
        // Without memory for it, the text is stored as it is.
        let bytes = zstd::bulk::compress(text, LEVEL).ok()?;
        (bytes.len() < text.len()).then_some(Self { codec: ZSTD, bytes })
    }
}

/// Returns the text of a stored payload: `payload`, or what is `packed` with the codec.
///
/// # Errors
/// Returns the reason why it is not one.
pub(super) fn unpacked(payload: Option<Vec<u8>>, codec: Option<&str>, packed: Option<&[u8]>) -> Result<String, String> {
    let undone = |error: io::Error| format!("it cannot be decompressed: {error}");
    let bytes = match (payload, codec, packed) {
        (Some(payload), None, None) => payload,
        (None, Some(ZSTD), Some(packed)) => zstd::Decoder::new(packed).and_then(all_of).map_err(undone)?,
        (None, Some(DEFLATE), Some(packed)) => all_of(DeflateDecoder::new(packed)).map_err(undone)?,
        (None, Some(codec), Some(_)) => return Err(format!("this version of chem does not know its codec `{codec}`")),
        _ => return Err("it has no payload, or two".to_owned()),
    };
    String::from_utf8(bytes).map_err(|error| format!("it is not text: {error}"))
}

fn all_of(decoder: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = decoder.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if read as u64 > LONGEST {
        return Err(io::Error::other(format!("it has more than {LONGEST} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn packed(payload: serde_json::Value) -> Option<PackedPayload> {
        PackedPayload::of(&Artifact::new("rows", &payload).unwrap())
    }

    #[test]
    fn a_long_text_is_packed_and_comes_back() {
        let payload = json!((0..500).map(|row| json!([format!("CC(=O)N{row}"), row])).collect::<Vec<_>>());
        let artifact = Artifact::new("rows", &payload).unwrap();
        let PackedPayload { codec, bytes } = PackedPayload::of(&artifact).unwrap();
        assert!(bytes.len() < artifact.payload_text().len() / 2);
        assert_eq!(unpacked(None, Some(codec), Some(&bytes)).unwrap(), artifact.payload_text());
    }

    #[test]
    fn a_short_text_stays_as_it_is() {
        assert!(packed(json!("x".repeat(1000))).is_none());
        assert!(packed(json!("x".repeat(1100))).is_some());
    }

    #[test]
    fn no_bytes_are_taken_for_a_payload_that_they_are_not() {
        let PackedPayload { bytes, .. } = packed(json!("ab".repeat(5_000))).unwrap();
        for length in 0..bytes.len() {
            unpacked(None, Some(ZSTD), Some(&bytes[..length])).unwrap_err();
        }
        for (payload, codec, bytes) in [
            (None, None, None),
            (None, Some(ZSTD), None),
            (None, None, Some(&bytes[..])),
            (Some(b"1".to_vec()), Some(ZSTD), Some(&bytes[..])),
            (None, Some("lzma"), Some(&bytes[..])),
        ] {
            unpacked(payload, codec, bytes).unwrap_err();
        }
    }

    #[test]
    fn a_payload_that_would_fill_the_memory_is_refused() {
        // Zeros become next to nothing.
        let bomb = zstd::bulk::compress(&vec![0; LONGEST as usize + 1], LEVEL).unwrap();
        assert!(bomb.len() < 1 << 20);
        assert!(unpacked(None, Some(ZSTD), Some(&bomb)).unwrap_err().contains("more than"));
    }
}
