//! Decodes the bytes of a file: compression, byte order marks, encodings.
//!
//! The text may still contain invalid UTF-8. Each record is checked separately, so that one bad record does not make the
//! whole file unusable.

use std::io::{BufRead, Cursor, ErrorKind, Read, Seek};

use flate2::bufread::GzDecoder;
use flate2::read::MultiGzDecoder;
use zip::ZipArchive;
use zip::read::read_zipfile_from_stream;
use zip::result::ZipError;

use super::encoding::Encoding;
use crate::cancel;
use crate::step::limits::{GROWTH, Limit, TEXT_BYTES};
use crate::step::{StepError, listed};

/// The size to which compressed data of any size may expand: 16 MiB.
const SMALL_TEXT_BYTES: u64 = 16 << 20;

/// The length of the pieces in which text is decompressed, in bytes.
const PIECE: usize = 64 << 10;

/// Returns the text of the file called `name`: decompressed if it is gzip or zip, and without a byte order mark.
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

fn decompressed(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, StepError> {
    let (size, mut text) = (bytes.len() as u64, Vec::new());
    let take = &mut |piece: &[u8]| {
        text.extend_from_slice(piece);
        Ok(())
    };
    match Compression::of(&bytes) {
        Some(Compression::Gzip) => gunzip(bytes.as_slice(), Growth::of(name, size), take)?,
        Some(Compression::Zip) => unzip(Cursor::new(bytes), Growth::of(name, size), take)?,
        None => {
            expect_uncompressed(name)?;
            return Ok(bytes);
        }
    }
    Ok(text)
}

/// Checks that the name of a file that is not compressed does not say that it is.
pub(super) fn expect_uncompressed(name: &str) -> Result<(), StepError> {
    match compression(name) {
        Some(".zip") => Err(StepError::new(format!("`{name}` is not a zip archive although its name ends in `.zip`"))),
        Some(_) => Err(StepError::new(format!(
            "`{name}` is not gzip data although its name ends in `.gz`; is the download complete?"
        ))),
        None => Ok(()),
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
    let text = if is_gzip(&bytes) {
        let mut text = Vec::new();
        match MultiGzDecoder::new(bytes.as_slice()).take(BYTES).read_to_end(&mut text) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => return None,
            _ => text,
        }
    } else if is_zip(&bytes) {
        first_of_zip(&bytes, BYTES)?
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

/// Returns the extension of `name` in lower case, without `.gz` and `.zip`: `csv` for `a.CSV.gz`.
pub(crate) fn extension(name: &str) -> Option<String> {
    let name = &name[..name.len() - compression(name).map_or(0, str::len)];
    let file = name.rsplit(['/', '\\']).next()?;
    let (_, extension) = file.rsplit_once('.')?;
    Some(extension.to_ascii_lowercase())
}

/// Returns the extension of `name` that says how the file is compressed, in lower case.
pub(crate) fn compression(name: &str) -> Option<&'static str> {
    [".gz", ".zip"].into_iter().find(|extension| has_extension(name, extension))
}

/// Returns whether `name` ends in `extension`, in any case.
fn has_extension(name: &str, extension: &str) -> bool {
    let (name, extension) = (name.as_bytes(), extension.as_bytes());
    name.len() >= extension.len() && name[name.len() - extension.len()..].eq_ignore_ascii_case(extension)
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zip,
}

impl Compression {
    /// Returns how a file with this beginning is compressed; `None` if it is not.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            _ if is_gzip(bytes) => Some(Self::Gzip),
            _ if is_zip(bytes) => Some(Self::Zip),
            _ => None,
        }
    }
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Returns whether `bytes` begin like a zip archive that is not empty.
fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// How much text a compressed file has, and may have.
pub(super) struct Growth<'n> {
    /// The name of the file, for messages.
    name: &'n str,
    /// The size of the file.
    size: u64,
    length: u64,
    limit: u64,
    limited_by: &'static Limit,
}

impl<'n> Growth<'n> {
    /// Returns the limits for the file called `name`, of this size.
    pub(super) fn of(name: &'n str, size: u64) -> Self {
        Self::within(name, size, TEXT_BYTES.get(), GROWTH.get())
    }

    fn within(name: &'n str, size: u64, text_bytes: u64, growth: u64) -> Self {
        let grown = growth.saturating_mul(size).max(SMALL_TEXT_BYTES);
        let limited_by: &Limit = if text_bytes <= grown { &TEXT_BYTES } else { &GROWTH };
        Self { name, size, length: 0, limit: text_bytes.min(grown), limited_by }
    }

    /// Takes everything from `reader`. `cannot` converts an error of it.
    fn take_all(
        &mut self,
        reader: &mut dyn Read,
        take: &mut dyn FnMut(&[u8]) -> Result<(), StepError>,
        cannot: impl Fn(std::io::Error) -> StepError,
    ) -> Result<(), StepError> {
        let mut buffer = vec![0; PIECE];
        loop {
            cancel::check()?;
            let read = match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(cannot(error)),
            };
            self.length += read as u64;
            if self.length > self.limit {
                let Self { name, size, limit, limited_by, .. } = self;
                return Err(StepError::new(format!(
                    "cannot read `{name}`: its {size} bytes of compressed data expand to more than {limit} bytes of text; {}",
                    limited_by.advice()
                )));
            }
            take(&buffer[..read])?;
        }
    }
}

/// Calls `take` with the pieces of the text of gzip data.
///
/// # Errors
/// Fails like `take`, if the data is damaged, or if the text is too long.
pub(super) fn gunzip(
    mut bytes: impl BufRead,
    mut growth: Growth<'_>,
    take: &mut dyn FnMut(&[u8]) -> Result<(), StepError>,
) -> Result<(), StepError> {
    let mut is_stray = false;
    loop {
        let mut member = GzDecoder::new(bytes);
        let name = growth.name;
        growth.take_all(&mut member, take, |error| {
            let what = match error.kind() {
                _ if is_stray => "uncompressed data follows the compressed data",
                ErrorKind::UnexpectedEof => "the compressed data is truncated",
                _ => "the compressed data is damaged",
            };
            StepError::context(format!("cannot read `{name}`: {what}"), error)
        })?;
        bytes = member.into_inner();
        match bytes.fill_buf().map_err(|error| StepError::context(format!("cannot read `{name}`"), error))? {
            [] => return Ok(()),
            next => is_stray = next[0] != 0x1f,
        }
    }
}

/// Calls `take` with the pieces of the only file in an archive. Directories and what macOS adds do not count.
///
/// # Errors
/// Fails like `take`, if there is not one file, if the archive is damaged, or if the text is too long.
pub(super) fn unzip(
    archive: impl Read + Seek,
    mut growth: Growth<'_>,
    take: &mut dyn FnMut(&[u8]) -> Result<(), StepError>,
) -> Result<(), StepError> {
    let name = growth.name;
    let damaged = || format!("cannot read `{name}`: the zip archive is damaged");
    let mut archive = ZipArchive::new(archive).map_err(|error| StepError::context(damaged(), error))?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index).map_err(|error| StepError::context(damaged(), error))?;
        let path = file.name().map_err(|error: ZipError| StepError::context(damaged(), error))?.into_owned();
        if !file.is_dir() && !path.starts_with("__MACOSX/") {
            files.push((index, path));
        }
    }
    let [(index, _)] = files.as_slice() else {
        let paths: Vec<&str> = files.iter().map(|(_, path)| path.as_str()).collect();
        return Err(StepError::new(format!(
            "cannot read `{name}`: expected a zip archive with one file, found {}; extract the file to read",
            if paths.is_empty() { "none".to_owned() } else { listed(&paths) }
        )));
    };
    let mut file = archive.by_index(*index).map_err(|error| {
        StepError::context(
            format!("cannot read `{name}`: the zip archive is encrypted or compressed in another way"),
            error,
        )
    })?;
    growth.take_all(&mut file, take, |error| StepError::context(damaged(), error))
}

/// Returns up to `limit` bytes of the first file in an archive of which `bytes` is the beginning.
fn first_of_zip(mut bytes: &[u8], limit: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let file = read_zipfile_from_stream(&mut bytes).ok()??;
    match file.take(limit).read_to_end(&mut text) {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => None,
        _ => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::GzEncoder;

    use super::*;

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Returns how long the text of a compressed file is, within limits.
    fn length(bytes: &[u8], text_bytes: u64, growth: u64) -> Result<usize, String> {
        let (growth, mut length) = (Growth::within("bomb", bytes.len() as u64, text_bytes, growth), 0);
        let take = &mut |piece: &[u8]| {
            length += piece.len();
            Ok(())
        };
        let read = if is_zip(bytes) { unzip(Cursor::new(bytes), growth, take) } else { gunzip(bytes, growth, take) };
        read.map(|()| length).map_err(|error| error.to_string())
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
        assert_eq!(length(&bomb, 1 << 20, 1), Ok(1 << 20));
        let error = length(&bomb, (1 << 20) - 1, 1).unwrap_err();
        assert!(error.contains("more than 1048575 bytes") && error.contains("`CHEM_LIMIT_TEXT_BYTES`"), "{error}");
        let bomb = gz(&vec![b'C'; 17 << 20]);
        assert_eq!(length(&bomb, 1 << 30, 1_100), Ok(17 << 20));
        let error = length(&bomb, 1 << 30, 200).unwrap_err();
        assert!(error.contains("more than 16777216 bytes") && error.contains("`CHEM_LIMIT_GROWTH`"), "{error}");
    }

    /// A zip archive with the file `a.csv`.
    const ZIP: &str = "504b0304140000000800000021587984eca21a0000001800000005000000612e6373762bcecdcc492dd6c94bcc4de5f27776\
                       d6492dc948cccbcfe10200504b01021403140000000800000021587984eca21a00000018000000050000000000000000000000\
                       800100000000612e637376504b05060000000001000100330000003d0000000000";

    /// The same with a directory, and a file that macOS adds.
    const MAC: &str = "504b03041400000008000000215800000000020000000000000002000000612f0300504b030414000000080000002158\
                       7984eca21a0000001800000007000000612f612e6373762bcecdcc492dd6c94bcc4de5f27776d6492dc948cccbcfe10200504b\
                       0304140000000800000021588316dc8c0300000001000000120000005f5f4d41434f53582f612f2e5f612e637376ab0000504b\
                       0102140314000000080000002158000000000200000000000000020000000000000000000000800100000000612f504b010214\
                       03140000000800000021587984eca21a00000018000000070000000000000000000000800122000000612f612e637376504b01\
                       021403140000000800000021588316dc8c03000000010000001200000000000000000000008001610000005f5f4d41434f5358\
                       2f612f2e5f612e637376504b05060000000003000300a5000000940000000000";

    /// An archive with two files.
    const TWO: &str = "504b030414000000080000002158821f9f1b0b0000000900000005000000612e6373762bcecdcc492de672e60200504b0304\
                       14000000080000002158821f9f1b0b0000000900000005000000622e6373762bcecdcc492de672e60200504b010214031400\
                       0000080000002158821f9f1b0b00000009000000050000000000000000000000800100000000612e637376504b0102140314\
                       000000080000002158821f9f1b0b0000000900000005000000000000000000000080012e000000622e637376504b05060000\
                       000002000200660000005c0000000000";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_only_file_of_a_zip_archive_is_read() {
        let text = b"smiles,name\nOCC,ethanol\n";
        for archive in [ZIP, MAC] {
            assert_eq!(text_of("a.csv.zip", bytes(archive)).unwrap(), text);
        }
        assert_eq!(beginning_of_text(bytes(ZIP), Encoding::Utf8).unwrap(), text);
        assert!(beginning_of_text(bytes(ZIP)[..60].to_vec(), Encoding::Utf8).unwrap().starts_with(b"smiles"));
        let refused = |name: &str, bytes: Vec<u8>| text_of(name, bytes).unwrap_err().to_string();
        assert!(
            refused("a.zip", bytes(TWO)).contains("expected a zip archive with one file, found `a.csv` and `b.csv`")
        );
        assert!(refused("a.csv.zip", b"smiles\n".to_vec()).contains("not a zip archive"));
        let whole = bytes(ZIP);
        for end in 4..whole.len() {
            assert!(text_of("a.csv.zip", whole[..end].to_vec()).is_err(), "{end}");
        }
        let mut damaged = whole.clone();
        damaged[40] ^= 0x55;
        assert!(text_of("a.csv.zip", damaged).is_err());
        assert!(length(&whole, 23, 1).unwrap_err().contains("more than 23 bytes"));
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
            ("a.sdf.ZIP", Some("sdf")),
            ("a.zip", None),
        ] {
            assert_eq!(extension(name).as_deref(), expected, "{name}");
        }
    }
}
