//! Decodes a file that is compressed, or in another encoding than UTF-8, into a temporary one, so that its text need not be in
//! memory.

use std::io::{BufReader, Write};

use tempfile::{SpooledTempFile, spooled_tempfile};

use super::decode::{Compression, Growth, expect_uncompressed, gunzip, unzip};
use super::encoding::{Decoder, Encoding};
use crate::cancel;
use crate::step::{Files, InputFile, StepError};

/// The length up to which a text is kept in memory, in bytes.
const IN_MEMORY: usize = 16 << 20;

/// Returns the text of a file as UTF-8 but for damaged records: in memory if it is short, or else in a temporary file that has
/// no name.
///
/// # Errors
/// Fails if the file cannot be read, decompressed or decoded, or has changed since the step started, or if the temporary file
/// cannot be written.
pub(super) fn unpacked(file: &InputFile, files: &Files, encoding: Encoding) -> Result<SpooledTempFile, StepError> {
    let name = file.as_str();
    let (mut text, mut decoder, mut decoded) = (spooled_tempfile(IN_MEMORY), Decoder::new(encoding, name), Vec::new());
    let take = &mut |piece: &[u8], is_last: bool| {
        decoder.push(piece, is_last, &mut decoded)?;
        text.write_all(&decoded).map_err(|error| cannot_keep(name, error))?;
        decoded.clear();
        Ok(())
    };
    match Compression::of(&file.beginning(files, 4)?) {
        Some(Compression::Gzip) => {
            let size = file.length(files)?;
            file.pass_over(files, |bytes| {
                gunzip(BufReader::new(bytes), Growth::of(name, size), &mut |piece| take(piece, false))
            })?;
        }
        Some(Compression::Zip) => {
            // The table of an archive is at its end.
            let (archive, size) = copied(file, files)?;
            unzip(archive, Growth::of(name, size), &mut |piece| take(piece, false))?;
        }
        None => {
            expect_uncompressed(name)?;
            each_piece(file, files, &mut |piece| take(piece, false))?;
        }
    }
    take(&[], true)?;
    Ok(text)
}

/// Returns a copy of a file, in memory if it is short, or else in a temporary file that has no name; and its length. The copy is
/// that of the bytes which the step's fingerprint covers.
///
/// # Errors
/// Fails like [`unpacked`].
pub(super) fn copied(file: &InputFile, files: &Files) -> Result<(SpooledTempFile, u64), StepError> {
    let (mut copy, mut length) = (spooled_tempfile(IN_MEMORY), 0);
    each_piece(file, files, &mut |piece| {
        length += piece.len() as u64;
        copy.write_all(piece).map_err(|error| cannot_keep(file.as_str(), error))
    })?;
    Ok((copy, length))
}

fn each_piece(
    file: &InputFile,
    files: &Files,
    take: &mut dyn FnMut(&[u8]) -> Result<(), StepError>,
) -> Result<(), StepError> {
    let mut buffer = vec![0; 1 << 20];
    file.pass_over(files, |bytes| {
        loop {
            cancel::check()?;
            match bytes.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => take(&buffer[..read])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StepError::context(format!("cannot read `{}`", file.as_str()), error)),
            }
        }
    })
}

fn cannot_keep(name: &str, error: std::io::Error) -> StepError {
    let directory = std::env::temp_dir();
    StepError::context(format!("cannot keep the text of `{name}` in `{}`", directory.display()), error)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};

    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_text_is_unpacked_in_bounded_memory_whatever_it_is_packed_in() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::relative_to(directory.path());
        let unpack = |name: &str, bytes: &[u8], encoding: &str| {
            std::fs::write(directory.path().join(name), bytes).unwrap();
            let mut text = unpacked(&InputFile::new(name), &files, Encoding::of(Some(encoding)))?;
            text.rewind().unwrap();
            let mut found = String::new();
            text.read_to_string(&mut found).unwrap();
            Ok::<_, StepError>((found, text.is_rolled()))
        };
        let gz = |text: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        let text: String = (0..200_000).map(|line| format!("é{line};\u{1f600}\r\n")).collect();
        let utf_16: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        for (name, bytes, encoding) in [
            ("a.csv.gz", gz(text.as_bytes()), "utf-8"),
            ("b.csv.gz", [gz(b"\xef\xbb"), gz(b"\xbf"), gz(text.as_bytes())].concat(), "utf-8"),
            ("c.csv", utf_16.clone(), "utf-16"),
            ("d.csv.gz", gz(&utf_16), "utf-16be"),
        ] {
            assert!(unpack(name, &bytes, encoding).unwrap() == (text.clone(), false), "{name}");
        }
        let latin1 = b"\xb5M;\xe9\n".repeat(5 << 19);
        assert!(unpack("e.csv", &latin1, "latin1").unwrap() == ("µM;é\n".repeat(5 << 19), true));
        let cp1252 = [b"\x80\n".repeat(1 << 20), b"\x81\n".to_vec()].concat();
        let refused = |name: &str, bytes: &[u8], encoding: &str| unpack(name, bytes, encoding).unwrap_err().to_string();
        assert!(refused("f.csv", &cp1252, "windows-1252").starts_with("line 1048577 of `f.csv` is not Windows-1252"));
        assert!(refused("g.csv", &utf_16[..utf_16.len() - 1], "utf-16").contains("an odd number of bytes"));
        assert!(refused("h.csv.gz", b"a,b\n", "utf-8").contains("is not gzip data"));
        assert!(refused("i.csv.gz", &gz(&utf_16), "utf-8").contains("write `encoding: utf-16`"));
        assert!(refused("j.csv.gz", &gz(text.as_bytes())[..1_000], "utf-8").contains("is truncated"));
    }
}
