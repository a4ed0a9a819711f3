//! The archive: a zip file with exactly one form.
//!
//! The entries and their directory have fixed times, no extra fields and no gaps between them, and the comment at the end has
//! the SHA-256 of all bytes before the end record. A reader writes the headers again and compares them, so that every program
//! that reads the zip file sees the same files, and any changed byte is noticed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use sha2::{Digest as _, Sha256};

use super::error::HandoverError;
use super::names::is_safe;
use crate::evidence::Digest;
use crate::step::limits::{GROWTH, TEXT_BYTES};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// The flag for names in UTF-8.
const UTF_8: u16 = 1 << 11;
const DEFLATED: u16 = 8;
/// 1 January 1980, the first day that a zip file can name.
const DATE: u16 = 1 << 5 | 1;
/// The permissions of an entry, `rw-r--r--`, as of a regular file of Unix.
const MODE: u32 = 0o100_644 << 16;
/// What the comment begins with; 64 hexadecimal characters follow.
const COMMENT: &str = "chem sha256 ";
const END_BYTES: u64 = 22 + COMMENT.len() as u64 + 64;
/// The size to which an entry of any size may expand: 16 MiB.
const SMALL: u64 = 16 << 20;

/// A file in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// The path in the archive.
    name: String,
    /// Whether the content is compressed.
    is_deflated: bool,
    crc: u32,
    /// The number of bytes in the archive.
    stored: u32,
    /// The number of bytes of the content.
    size: u32,
    /// The position of the header before the content.
    offset: u32,
}

impl Entry {
    /// Returns what the local header and the directory have in common.
    fn common(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(26);
        for part in [20, UTF_8, if self.is_deflated { DEFLATED } else { 0 }, 0, DATE] {
            bytes.extend_from_slice(&u16::to_le_bytes(part));
        }
        for part in [self.crc, self.stored, self.size] {
            bytes.extend_from_slice(&part.to_le_bytes());
        }
        bytes.extend_from_slice(&(self.name.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes
    }

    fn local_header(&self) -> Vec<u8> {
        [&LOCAL.to_le_bytes(), self.common().as_slice(), self.name.as_bytes()].concat()
    }

    fn directory_record(&self) -> Vec<u8> {
        let made_by_unix = 3 << 8 | 20_u16;
        let mut bytes = [&CENTRAL.to_le_bytes(), made_by_unix.to_le_bytes().as_slice(), &self.common()].concat();
        bytes.extend_from_slice(&[0; 6]);
        bytes.extend_from_slice(&MODE.to_le_bytes());
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }

    /// Returns the position of the content.
    fn content_at(&self) -> u64 {
        u64::from(self.offset) + 30 + self.name.len() as u64
    }
}

/// Returns the directory and the end record; `digest` is that of all bytes before the end record.
fn end_of(entries: &[Entry], directory: &[u8], offset: u32, digest: &Digest) -> Vec<u8> {
    let mut bytes = END.to_le_bytes().to_vec();
    bytes.extend_from_slice(&[0; 4]);
    let count = (entries.len() as u16).to_le_bytes();
    bytes.extend_from_slice(&[count, count].concat());
    bytes.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&offset.to_le_bytes());
    let comment = format!("{COMMENT}{digest}");
    bytes.extend_from_slice(&(comment.len() as u16).to_le_bytes());
    bytes.extend_from_slice(comment.as_bytes());
    bytes
}

/// Writes an archive.
pub(super) struct Writer<W> {
    inner: W,
    digest: Sha256,
    written: u64,
    entries: Vec<Entry>,
    /// The folder that all names begin with, with its slash.
    folder: String,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(inner: W, folder: String) -> Self {
        Self { inner, digest: Sha256::new(), written: 0, entries: Vec::new(), folder }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.written += bytes.len() as u64;
        self.inner.write_all(bytes)
    }

    /// Adds a file. Texts that a person may want to look up or repair stay uncompressed.
    pub(super) fn add(&mut self, name: &str, content: &[u8], is_deflated: bool) -> Result<(), HandoverError> {
        let name = format!("{}{name}", self.folder);
        let deflated = if is_deflated {
            let mut deflated = Vec::new();
            DeflateEncoder::new(content, Compression::new(6)).read_to_end(&mut deflated)?;
            deflated
        } else {
            Vec::new()
        };
        let stored = if is_deflated { deflated.as_slice() } else { content };
        let too_large = |_| HandoverError::TooLarge { name: name.clone() };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let entry = Entry {
            is_deflated,
            crc: crc.sum(),
            stored: stored.len().try_into().map_err(too_large)?,
            size: content.len().try_into().map_err(too_large)?,
            offset: self.written.try_into().map_err(too_large)?,
            name: name.clone(),
        };
        self.put(&entry.local_header())?;
        self.put(stored)?;
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the directory, and returns what was written to.
    pub(super) fn finish(mut self) -> Result<W, HandoverError> {
        let too_large = || HandoverError::TooLarge { name: "the directory of the archive".into() };
        let offset = u32::try_from(self.written).map_err(|_| too_large())?;
        let directory: Vec<u8> = self.entries.iter().flat_map(Entry::directory_record).collect();
        if self.entries.len() >= usize::from(u16::MAX) || u32::try_from(directory.len()).is_err() {
            return Err(too_large());
        }
        self.put(&directory)?;
        let digest = Digest::from(<[u8; 32]>::from(self.digest.finalize()));
        self.inner.write_all(&end_of(&self.entries, &directory, offset, &digest))?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}

/// An archive that is open to read.
pub(super) struct Archive {
    file: BufReader<File>,
    entries: BTreeMap<String, Entry>,
}

/// Reads integers from the front of a slice.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}

/// Reads a record of the directory; `None` if it is none.
fn read_record(fields: &mut Fields<'_>) -> Option<Entry> {
    let signature = fields.u32().filter(|signature| *signature == CENTRAL);
    signature?;
    fields.take(6)?;
    let is_deflated = fields.u16()? == DEFLATED;
    fields.take(4)?;
    let (crc, stored, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let length = fields.u16()?;
    fields.take(12)?;
    let offset = fields.u32()?;
    let name = String::from_utf8(fields.take(usize::from(length))?.to_vec()).ok()?;
    Some(Entry { name, is_deflated, crc, stored, size, offset })
}

impl Archive {
    /// Opens the archive at `path`, and compares its headers and its digest. Adds to `wrong` what is not as it was written, but
    /// leaves the contents readable.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is no archive of this program, or has no directory.
    pub(super) fn open(path: &Path, wrong: &mut Vec<(String, String)>) -> Result<Self, HandoverError> {
        let not = |reason: &str| HandoverError::NotAnExport { path: path.to_owned(), reason: reason.to_owned() };
        let unreadable = |source| HandoverError::Unreadable { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut first = [0; 4];
        if length < END_BYTES || file.read_exact(&mut first).is_err() {
            return Err(not("it is too short"));
        }
        let end_at = length - END_BYTES;
        file.seek(SeekFrom::Start(end_at)).map_err(unreadable)?;
        let mut end = Vec::new();
        file.read_to_end(&mut end).map_err(unreadable)?;
        let mut fields = Fields(&end);
        let is_end = fields.u32() == Some(END);
        if !is_end && first != LOCAL.to_le_bytes() {
            return Err(not("it is not a zip archive"));
        }
        let parts = (|| {
            fields.take(8)?;
            Some((fields.u32()?, fields.u32()?))
        })();
        let (Some((size, offset)), true) = (parts, is_end) else {
            return Err(not("its end is missing or changed: it is truncated, or another program wrote it"));
        };
        // The directory is between the entries and the end record, whatever that says.
        let directory_at = end_at.checked_sub(u64::from(size)).filter(|at| *at == u64::from(offset));
        let Some(directory_at) = directory_at else {
            return Err(not("its end record does not name the place of its directory: it is truncated or changed"));
        };
        file.seek(SeekFrom::Start(directory_at)).map_err(unreadable)?;
        let mut directory = Vec::new();
        Read::by_ref(&mut file).take(u64::from(size)).read_to_end(&mut directory).map_err(unreadable)?;
        let (mut fields, mut entries) = (Fields(&directory), Vec::new());
        while !fields.0.is_empty() {
            let at = directory_at + (directory.len() - fields.0.len()) as u64;
            let record = read_record(&mut fields);
            let record = record.ok_or_else(|| not(&format!("its directory is changed at byte {at}")))?;
            let expected = record.directory_record();
            let found = &directory[usize::try_from(at - directory_at).unwrap_or_default()..];
            if !found.starts_with(&expected) {
                wrong.push((record.name.clone(), "its record in the directory of the archive is changed".into()));
            }
            entries.push(record);
        }
        let digest = digest_to(&mut file, end_at).map_err(unreadable)?;
        if end != end_of(&entries, &directory, offset, &digest) {
            wrong.push(("the archive".into(), "its bytes do not have the digest at its end".into()));
        }
        let mut at = 0;
        for entry in &entries {
            if u64::from(entry.offset) != at {
                return Err(not(&format!("`{}` is not where its directory says", entry.name.escape_debug())));
            }
            let expected = entry.local_header();
            let mut found = vec![0; expected.len()];
            file.seek(SeekFrom::Start(at)).map_err(unreadable)?;
            file.read_exact(&mut found).map_err(unreadable)?;
            if found != expected {
                wrong.push((entry.name.clone(), "its header in the archive is changed".into()));
            }
            at = entry.content_at() + u64::from(entry.stored);
        }
        if at != directory_at {
            return Err(not("there are bytes between its files"));
        }
        let folder = folder_of(&entries).ok_or_else(|| not("it has no `ro-crate-metadata.json`"))?;
        let mut named = BTreeMap::new();
        for entry in entries {
            let refused = |reason: &str| not(&format!("`{}` {reason}", entry.name.escape_debug()));
            let Some(name) = entry.name.strip_prefix(&folder).filter(|name| is_safe(name)) else {
                return Err(refused("is not a path of a file in it"));
            };
            let name = name.to_owned();
            if named.contains_key(&name) {
                return Err(refused("is in it twice"));
            }
            named.insert(name, entry);
        }
        for (name, _) in wrong {
            if let Some(below) = name.strip_prefix(&folder).map(str::to_owned) {
                *name = below;
            }
        }
        Ok(Self { file: BufReader::new(file), entries: named })
    }

    /// Returns the names of the files, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Reads a file; `None` if there is none with this name.
    ///
    /// # Errors
    /// Fails if its bytes are damaged, or expand to more than the limits allow.
    pub(super) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, HandoverError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let damaged = |reason: String| HandoverError::Damaged { name: name.to_owned(), reason };
        let size = u64::from(entry.size);
        let grown = GROWTH.get().saturating_mul(u64::from(entry.stored)).max(SMALL);
        if size > TEXT_BYTES.get() {
            return Err(damaged(format!("it has {size} bytes; {}", TEXT_BYTES.advice())));
        }
        if size > grown {
            return Err(damaged(format!("it expands to {size} bytes; {}", GROWTH.advice())));
        }
        self.file.seek(SeekFrom::Start(entry.content_at()))?;
        let mut stored = self.file.by_ref().take(entry.stored.into());
        let mut content = Vec::new();
        let read = if entry.is_deflated {
            DeflateDecoder::new(stored).take(size + 1).read_to_end(&mut content)
        } else {
            stored.read_to_end(&mut content)
        };
        read.map_err(|error| damaged(format!("its compressed bytes are damaged: {error}")))?;
        if content.len() as u64 != size {
            return Err(damaged(format!("it has {} bytes, expected {size}", content.len())));
        }
        // The checksum is not compared: the list of files has a better one, and a reader who gets the content can name the record.
        Ok(Some(content))
    }
}

/// Returns the folder with all entries, with its slash; empty if there is none, and `None` without the file that every export
/// has.
fn folder_of(entries: &[Entry]) -> Option<String> {
    const EVERY: &str = "ro-crate-metadata.json";
    let metadata = entries.iter().filter_map(|entry| entry.name.strip_suffix(EVERY));
    let folder = metadata.min_by_key(|folder| folder.len())?;
    let is_one = folder.is_empty() || (folder.ends_with('/') && is_safe(folder.trim_end_matches('/')));
    is_one.then(|| folder.to_owned())
}

fn digest_to(file: &mut File, end: u64) -> io::Result<Digest> {
    file.seek(SeekFrom::Start(0))?;
    let (mut digest, mut buffer, mut left) = (Sha256::new(), vec![0; 1 << 16], end);
    while left > 0 {
        let some = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = file.read(&mut buffer[..some])?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        left -= read as u64;
    }
    Ok(Digest::from(<[u8; 32]>::from(digest.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an archive with these files.
    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), String::new());
        for (name, content) in files {
            writer.add(name, content, name.ends_with(".z")).unwrap();
        }
        writer.finish().unwrap()
    }

    /// Opens an archive and reads all of it. Returns what is wrong with it.
    fn read(bytes: &[u8]) -> Result<Vec<String>, HandoverError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut wrong = Vec::new();
        let mut archive = Archive::open(file.path(), &mut wrong)?;
        let names: Vec<String> = archive.names().map(str::to_owned).collect();
        for name in names {
            archive.read(&name)?;
        }
        Ok(wrong.into_iter().map(|(name, reason)| format!("{name}: {reason}")).collect())
    }

    #[test]
    fn what_was_written_is_read_and_any_flipped_bit_is_found() {
        let good =
            archive(&[("ro-crate-metadata.json", b"{}"), ("a.z", &[b'a'; 200]), ("empty.z", b""), ("b", b"text")]);
        assert_eq!(read(&good).unwrap(), Vec::<String>::new());
        let zip = zip::ZipArchive::new(std::io::Cursor::new(&good)).unwrap();
        assert_eq!(zip.len(), 4);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(!read(&bad).is_ok_and(|wrong| wrong.is_empty()), "bit {bit} of byte {at} does not matter");
            }
        }
    }

    #[test]
    fn what_leads_elsewhere_or_expands_without_end_is_refused() {
        let metadata: (&str, &[u8]) = ("ro-crate-metadata.json", b"{}");
        for name in ["../a", "/a", "a/../../b", "c:\\a", "a//b", "a/"] {
            let refused = read(&archive(&[metadata, (name, b"x")])).unwrap_err().to_string();
            assert!(refused.contains("is not a path of a file in it"), "{name}: {refused}");
        }
        let refused = read(&archive(&[metadata, ("a", b"x"), ("a", b"y")])).unwrap_err().to_string();
        assert!(refused.contains("`a` is in it twice"), "{refused}");
        let refused = read(&archive(&[("b", b"x")])).unwrap_err().to_string();
        assert!(refused.contains("it has no `ro-crate-metadata.json`"), "{refused}");
        let refused = read(&archive(&[metadata, ("a.z", &vec![0; 17 << 20])])).unwrap_err().to_string();
        assert!(refused.contains("expands to 17825792 bytes") && refused.contains("CHEM_LIMIT_GROWTH"), "{refused}");
    }
}
