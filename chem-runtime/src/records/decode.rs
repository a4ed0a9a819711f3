//! Decodes the bytes of a file: compression, byte order marks, encodings.
//!
//! The text may still contain invalid UTF-8. Each record is checked separately, so that one bad record does not make the
//! whole file unusable.

use std::io::{ErrorKind, Read};

use flate2::read::MultiGzDecoder;

use super::encoding::Encoding;
use crate::cancel::Interruptible;
use crate::step::StepError;
use crate::step::limits::{GROWTH, Limit, TEXT_BYTES};

/// The size to which compressed data of any size may expand: 16 MiB.
const SMALL_TEXT_BYTES: u64 = 16 << 20;

/// Returns the text of the file called `name`: decompressed if it is gzip, and without a byte order mark.
///
/// # Errors
/// Fails if a compressed file is truncated or damaged, if its text exceeds [`TEXT_BYTES`] or [`GROWTH`], or if it is UTF-16.
pub(crate) fn text_of(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, StepError> {
    let text = decompressed(name, bytes)?;
    if Encoding::is_marked_utf_16(&text) {
        return Err(StepError::new(format!("`{name}` is UTF-16 text; save it as UTF-8")));
    }
    Encoding::Utf8.decode(name, text)
}

/// Returns the text of a file like [`text_of`], for a step whose parameter `encoding` names the encoding.
///
/// # Errors
/// Fails like [`text_of`], or if the text is not in `encoding`.
pub(crate) fn text_in(encoding: Encoding, name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, StepError> {
    encoding.decode(name, decompressed(name, bytes)?)
}

fn decompressed(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, StepError> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        gunzip(name, &bytes, TEXT_BYTES.get(), GROWTH.get())
    } else if is_gzip_name(name) {
        Err(StepError::new(format!(
            "`{name}` is not gzip data although its name ends in `.gz`; is the download complete?"
        )))
    } else {
        Ok(bytes)
    }
}

/// Returns the complete lines in `bytes`, the beginning of a file; `None` if it is UTF-16 or damaged.
pub(crate) fn first_lines(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let mut text = beginning_of_text(bytes, Encoding::Utf8)?;
    // The last line may be truncated.
    text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1));
    Some(text)
}

/// Returns the text in `bytes`, the beginning of a file, which may end anywhere; `None` if it is damaged or not in
/// `encoding`.
pub(super) fn beginning_of_text(bytes: Vec<u8>, encoding: Encoding) -> Option<Vec<u8>> {
    const BYTES: u64 = 64 << 10;
    let text = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        match MultiGzDecoder::new(bytes.as_slice()).take(BYTES).read_to_end(&mut text) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => return None,
            _ => text,
        }
    } else {
        bytes
    };
    encoding.decode_beginning(text)
}

/// Returns the reason for refusing bytes that are not UTF-8, with advice for a step that has the parameter `encoding`.
/// `column` is the column of the cell, if known.
pub(crate) fn not_utf8(bytes: &[u8], column: Option<&str>) -> String {
    let location = column.map_or_else(String::new, |column| format!(" in the column `{column}`"));
    let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let byte = bytes.get(at).map_or_else(String::new, |byte| format!(": it has the byte 0x{byte:02x}"));
    format!("is not UTF-8 text{location}{byte}; name the encoding of the file, such as `encoding: windows-1252`")
}

/// Returns the extension of `name` in lower case, without `.gz`: `csv` for `a.CSV.gz`.
pub(crate) fn extension(name: &str) -> Option<String> {
    let name = if is_gzip_name(name) { &name[..name.len() - 3] } else { name };
    let file = name.rsplit(['/', '\\']).next()?;
    let (_, extension) = file.rsplit_once('.')?;
    Some(extension.to_ascii_lowercase())
}

/// Returns whether `name` ends in `.gz`, in any case.
pub(crate) fn is_gzip_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() >= 3 && bytes[bytes.len() - 3..].eq_ignore_ascii_case(b".gz")
}

fn gunzip(name: &str, bytes: &[u8], text_bytes: u64, growth: u64) -> Result<Vec<u8>, StepError> {
    let grown = growth.saturating_mul(bytes.len() as u64).max(SMALL_TEXT_BYTES);
    let limit = text_bytes.min(grown);
    let mut text = Vec::new();
    Interruptible(MultiGzDecoder::new(bytes).take(limit.saturating_add(1))).read_to_end(&mut text).map_err(
        |error| {
            let what = match error.kind() {
                _ if something_follows(bytes) => "uncompressed data follows the compressed data",
                ErrorKind::UnexpectedEof => "the compressed data is truncated",
                _ => "the compressed data is damaged",
            };
            StepError::context(format!("cannot read `{name}`: {what}"), error)
        },
    )?;
    if text.len() as u64 > limit {
        let refused: &Limit = if limit == text_bytes { &TEXT_BYTES } else { &GROWTH };
        let size = bytes.len();
        return Err(StepError::new(format!(
            "cannot read `{name}`: its {size} bytes of compressed data expand to more than {limit} bytes of text; {}",
            refused.advice()
        )));
    }
    Ok(text)
}

/// Returns whether other data follows complete compressed data.
fn something_follows(mut bytes: &[u8]) -> bool {
    while bytes.starts_with(&[0x1f, 0x8b]) {
        let mut member = flate2::bufread::GzDecoder::new(bytes);
        if std::io::copy(&mut Interruptible(&mut member), &mut std::io::sink()).is_err() {
            return false;
        }
        bytes = member.into_inner();
    }
    !bytes.is_empty()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn data_after_compressed_data_is_distinguished_from_truncation() {
        let refused = |bytes: Vec<u8>| text_of("a.smi.gz", bytes).unwrap_err().to_string();
        for behind in [&b"x"[..], b"something else"] {
            assert!(refused([&gz(b"CCO\n")[..], behind].concat()).contains("uncompressed data follows"));
        }
        let whole = gz(b"CCO\n");
        assert!(refused(whole[..whole.len() - 3].to_vec()).contains("truncated"));
    }

    #[test]
    fn gzip_is_recognised_by_its_content_and_may_have_several_members() {
        let two = [gz(b"CCO\n"), gz(b"CCN\n")].concat();
        assert_eq!(text_of("a.smi.gz", two.clone()).unwrap(), b"CCO\nCCN\n");
        assert_eq!(text_of("a.smi", two).unwrap(), b"CCO\nCCN\n");
        assert_eq!(text_of("a.smi", b"CCO".to_vec()).unwrap(), b"CCO");
    }

    #[test]
    fn truncated_damaged_and_bomb_files_are_refused() {
        let whole = gz(b"CCO ethanol\nCCN ethylamine\n");
        for end in 3..whole.len() {
            let error = text_of("a.smi.gz", whole[..end].to_vec()).unwrap_err();
            assert!(error.to_string().contains("`a.smi.gz`"), "{end}: {error}");
        }
        let error = text_of("a.smi.gz", whole[..20].to_vec()).unwrap_err();
        assert!(error.to_string().contains("truncated"), "{error}");
        let mut damaged = whole.clone();
        damaged[14] ^= 0x55;
        assert!(text_of("a.smi.gz", damaged).is_err());
        assert!(text_of("a.smi.GZ", b"CCO".to_vec()).unwrap_err().to_string().contains("not gzip"));
        assert!(text_of("a.smi.gz", Vec::new()).is_err());
        let bomb = gz(&vec![b'C'; 1 << 20]);
        assert!(gunzip("bomb.gz", &bomb, 1 << 20, 1).is_ok());
        let error = gunzip("bomb.gz", &bomb, (1 << 20) - 1, 1).unwrap_err().to_string();
        assert!(error.contains("more than 1048575 bytes") && error.contains("`CHEM_LIMIT_TEXT_BYTES`"), "{error}");
        let bomb = gz(&vec![b'C'; 17 << 20]);
        assert!(gunzip("bomb.gz", &bomb, 1 << 30, 1_100).is_ok());
        let error = gunzip("bomb.gz", &bomb, 1 << 30, 200).unwrap_err().to_string();
        assert!(error.contains("more than 16777216 bytes") && error.contains("`CHEM_LIMIT_GROWTH`"), "{error}");
    }

    #[test]
    fn the_beginning_of_a_text_may_be_truncated() {
        let header = b"\xef\xbb\xbfsmiles,name\n";
        assert_eq!(beginning_of_text(header.to_vec(), Encoding::Utf8).unwrap(), b"smiles,name\n");
        let random: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut cut = gz(&[&header[..], &random].concat());
        cut.truncate(cut.len() / 2);
        assert!(beginning_of_text(cut, Encoding::Utf8).unwrap().starts_with(b"smiles,name\n"));
        assert_eq!(beginning_of_text(b"\xff\xfes\0".to_vec(), Encoding::Utf8), None);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_and_utf_16_refused() {
        assert_eq!(text_of("a.csv", b"\xef\xbb\xbfsmiles".to_vec()).unwrap(), b"smiles");
        assert!(text_of("a.csv", b"\xff\xfes\0".to_vec()).unwrap_err().to_string().contains("UTF-8"));
    }

    #[test]
    fn the_refusal_of_another_encoding_names_the_byte_and_a_remedy() {
        let reason = not_utf8(b"25 \xb0C", Some("temp"));
        assert_eq!(
            reason,
            "is not UTF-8 text in the column `temp`: it has the byte 0xb0; name the encoding of the file, such as \
             `encoding: windows-1252`"
        );
        assert!(not_utf8(b"25 \xb0C", None).starts_with("is not UTF-8 text: it has the byte 0xb0; name"));
    }

    #[test]
    fn extensions() {
        for (name, expected) in [
            ("a.smi", Some("smi")),
            ("dir.d/a.CSV.GZ", Some("csv")),
            ("a.b.tsv", Some("tsv")),
            ("dir.d/a", None),
            ("a.gz", None),
            (".gz", None),
        ] {
            assert_eq!(extension(name).as_deref(), expected, "{name}");
        }
    }
}
