//! Parameters that name files, and reading and writing these.
//!
//! The content of an input file is part of the step's identity: it is hashed when the step starts, and what the step
//! then reads must have that hash. An output file appears whole or not at all.

use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::StepError;
use super::files::Files;
use super::limits::{INPUT_BYTES, Limit, TEXT_BYTES};
use super::param::{InvalidParam, ParamType, ParamValue};
use super::reading::Reading;
use super::unfinished;
use crate::artifact::JsonArtifact;
use crate::cancel::{self, Interruptible};
use crate::fingerprint::{ContentHash, ContentHasher};

/// A parameter that names a file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile(String);

impl InputFile {
    /// Creates a parameter for the file at `path`, relative to the manifest unless it is absolute.
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// Returns the path as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the SHA-256 of a file's content, if `identity` is the identity of a file.
    pub fn content_in(identity: &Value) -> Option<&str> {
        let members = identity.as_object()?;
        let more = members.keys().any(|name| !matches!(name.as_str(), "sha256" | "extension" | "name"));
        members.get("sha256").filter(|_| !more)?.as_str()
    }

    /// Returns the name of a file, if `identity` is the identity of one of several files.
    pub(crate) fn name_in(identity: &Value) -> Option<&str> {
        Self::content_in(identity)?;
        identity.get("name")?.as_str()
    }

    /// Returns the identity of a file, at most as large as `limit`.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is larger, or is outside the folder to which the run is confined.
    pub(crate) fn identity_within(&self, files: &Files, limit: &'static Limit) -> Result<Value, StepError> {
        Ok(json!({ "sha256": files.hash(&self.0, limit)? }))
    }

    /// Reads the file's bytes, which are those that the step's fingerprint covers.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is larger than [`TEXT_BYTES`], is outside the folder to which the run is
    /// confined, or has changed since the step started.
    pub fn read(&self, files: &Files) -> Result<Vec<u8>, StepError> {
        let full = files.input(&self.0);
        files.check_input(&full)?;
        let reading = Reading::open(&full, &TEXT_BYTES, files.cancel())?;
        let mut bytes = Vec::with_capacity(usize::try_from(reading.length()).unwrap_or_default());
        let hash = reading.then(|file| {
            let (hash, _) = ContentHash::of_reader(Kept { reader: file, bytes: &mut bytes })?;
            Ok(hash)
        })?;
        files.check_unchanged(&full, hash)?;
        Ok(bytes)
    }

    /// Reads up to `count` bytes from the beginning of the file.
    pub(crate) fn beginning(&self, files: &Files, count: u64) -> Result<Vec<u8>, StepError> {
        let full = files.input(&self.0);
        files.check_input(&full)?;
        let mut bytes = Vec::new();
        let reading = Reading::open(&full, &TEXT_BYTES, files.cancel())?;
        reading.then(|file| file.take(count).read_to_end(&mut bytes))?;
        Ok(bytes)
    }

    /// Returns the length of the file, in bytes.
    ///
    /// # Errors
    /// Fails if the file is outside the folder to which the run is confined, cannot be opened, or is larger than
    /// [`TEXT_BYTES`].
    pub(crate) fn length(&self, files: &Files) -> Result<u64, StepError> {
        let full = files.input(&self.0);
        files.check_input(&full)?;
        Ok(Reading::open(&full, &TEXT_BYTES, files.cancel())?.length())
    }

    /// Passes over the file's bytes, which are those that the step's fingerprint covers, without keeping them in memory.
    ///
    /// # Errors
    /// Fails like [`read`](Self::read) and like `work`. If the file has changed, this is the error.
    pub fn pass_over<T>(
        &self,
        files: &Files,
        work: impl FnOnce(&mut dyn Read) -> Result<T, StepError>,
    ) -> Result<T, StepError> {
        let full = files.input(&self.0);
        files.check_input(&full)?;
        let (done, hash) = Reading::open(&full, &TEXT_BYTES, files.cancel())?.then(|file| {
            let mut file = ContentHasher::new(file);
            let done = work(&mut file);
            Ok((done, file.finish()?))
        })?;
        files.check_unchanged(&full, hash)?;
        done
    }

    /// Checks that the file's bytes are those that the step's fingerprint covers, for a program that reads the file
    /// itself.
    ///
    /// # Errors
    /// Fails like [`read`](Self::read), but the file may be as large as [`INPUT_BYTES`].
    pub fn check_unchanged(&self, files: &Files) -> Result<(), StepError> {
        let full = files.input(&self.0);
        files.check_input(&full)?;
        let (hash, _) =
            Reading::open(&full, &INPUT_BYTES, files.cancel())?.then(|file| ContentHash::of_reader(file))?;
        files.check_unchanged(&full, hash)
    }
}

/// Reads, and copies what it reads to `bytes`.
struct Kept<'a, R> {
    reader: R,
    bytes: &'a mut Vec<u8>,
}

impl<R: Read> Read for Kept<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

impl From<&str> for InputFile {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

impl ParamValue for InputFile {
    fn ty() -> ParamType {
        ParamType::InputFile
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        read_path(value, "data/molecules.smi").map(Self)
    }

    fn write(&self) -> Value {
        self.0.as_str().into()
    }

    fn identity(&self, files: &Files) -> Result<Value, StepError> {
        self.identity_within(files, &INPUT_BYTES)
    }
}

/// A parameter that names a file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile(String);

impl OutputFile {
    /// Creates a parameter for the file at `path`, relative to the manifest unless it is absolute.
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// Returns the path as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Writes the file: `fill` writes to a temporary file in the same directory, which then replaces the file
    /// atomically. Creates missing directories and follows links. If anything fails, an existing file stays unchanged.
    /// A replaced file keeps its permissions. Removes unfinished files that killed processes left in the directory.
    ///
    /// # Errors
    /// Fails if the path leads to something other than a regular file, to a write-protected file or to the log of the
    /// run, or if writing fails.
    pub fn write(
        &self,
        files: &Files,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), StepError>,
    ) -> Result<FileWritten, StepError> {
        let full = files.place_for(&self.0)?;
        let cannot = |error| StepError::context(format!("cannot write `{}`", full.display()), error);
        let directory = full.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(directory).map_err(cannot)?;
        let before = std::fs::metadata(&full).ok();
        let mut temporary = unfinished::beside(directory).map_err(cannot)?;
        let mut writer = std::io::BufWriter::new(Naming { file: temporary.as_file_mut(), path: &full });
        fill(&mut writer)?;
        writer.flush()?;
        drop(writer);
        temporary.as_file().sync_all().map_err(cannot)?;
        let written = std::fs::File::open(temporary.path()).map_err(cannot)?;
        let (sha256, bytes) = ContentHash::of_reader(Interruptible(written)).map_err(cannot)?;
        if let Some(before) = before {
            temporary.as_file().set_permissions(before.permissions()).map_err(cannot)?;
        }
        temporary.persist(&full).map_err(|error| cannot(error.error))?;
        sync_directory(directory).map_err(cannot)?;
        Ok(FileWritten { path: self.0.clone(), sha256, bytes })
    }
}

/// Writes to a file, and adds its path to errors: a full disk is noticed inside `fill`, which does not know the path.
struct Naming<'a> {
    file: &'a mut std::fs::File,
    path: &'a Path,
}

impl Naming<'_> {
    fn named(&self, error: &std::io::Error) -> std::io::Error {
        std::io::Error::new(error.kind(), format!("cannot write `{}`: {error}", self.path.display()))
    }
}

impl Write for Naming<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        cancel::check().map_err(std::io::Error::other)?;
        self.file.write(bytes).map_err(|error| self.named(&error))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush().map_err(|error| self.named(&error))
    }
}

/// Makes a rename in `directory` survive a power failure.
fn sync_directory(directory: &Path) -> std::io::Result<()> {
    if cfg!(unix) { std::fs::File::open(directory)?.sync_all() } else { Ok(()) }
}

impl From<&str> for OutputFile {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

impl ParamValue for OutputFile {
    fn ty() -> ParamType {
        ParamType::OutputFile
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        read_path(value, "out/table.csv").map(Self)
    }

    fn write(&self) -> Value {
        self.0.as_str().into()
    }
}

fn read_path(value: &Value, example: &str) -> Result<String, InvalidParam> {
    let path = String::read(value)
        .map_err(|error| error.with_help(format!("write a path relative to the manifest, such as `{example}`")))?;
    if path.trim().is_empty() || path.contains('\0') {
        return Err(InvalidParam::new("the path is empty or has a NUL character"));
    }
    Ok(path)
}

/// The artifact of a sink that writes a file: describes the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWritten {
    /// The path as written in the manifest.
    pub path: String,
    /// The hash of the file's content.
    pub sha256: ContentHash,
    /// The length of the file.
    pub bytes: u64,
}

impl JsonArtifact for FileWritten {
    const KIND: &'static str = "file";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_after_it_was_hashed_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::relative_to(directory.path());
        std::fs::write(directory.path().join("a.smi"), "CCO").unwrap();
        let file = InputFile::new("a.smi");
        file.identity(&files).unwrap();
        assert_eq!(file.read(&files).unwrap(), b"CCO");
        std::fs::write(directory.path().join("a.smi"), "CCN").unwrap();
        assert!(file.read(&files).unwrap_err().to_string().contains("changed"));
    }

    #[test]
    #[cfg(unix)]
    fn nothing_but_a_regular_file_is_written_over_and_a_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let files = Files::relative_to(directory.path()).beside_log(&[at("store.db")]);
        std::fs::write(at("store.db"), "the log").unwrap();
        let _pipe = std::os::unix::net::UnixListener::bind(at("pipe")).unwrap();
        std::os::unix::fs::symlink("pipe", at("to-pipe")).unwrap();
        std::fs::create_dir(at("sub")).unwrap();
        for (path, because) in [
            ("pipe", "not a regular file"),
            ("to-pipe", "not a regular file"),
            ("sub", "it is a directory"),
            ("sub/../store.db", "the log of this run"),
        ] {
            let said = OutputFile::new(path).write(&files, |w| Ok(w.write_all(b"new")?)).unwrap_err().to_string();
            assert!(said.contains(because) && said.contains(path), "{said}");
        }
        assert_eq!(std::fs::read(at("store.db")).unwrap(), b"the log");

        std::fs::write(at("old.csv"), "old").unwrap();
        std::os::unix::fs::symlink("../old.csv", at("sub/link.csv")).unwrap();
        OutputFile::new("sub/link.csv").write(&files, |w| Ok(w.write_all(b"new")?)).unwrap();
        assert_eq!(std::fs::read(at("old.csv")).unwrap(), b"new");
        assert!(at("sub/link.csv").is_symlink());
    }

    #[test]
    #[cfg(unix)]
    fn a_protected_file_is_refused_and_another_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let files = Files::relative_to(directory.path());
        let path = directory.path().join("out.csv");
        let write = |text: &str| OutputFile::new("out.csv").write(&files, |w| Ok(w.write_all(text.as_bytes())?));
        write("old").unwrap();
        for mode in [0o444, 0o400] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let said = write("new").unwrap_err().to_string();
            assert!(said.contains("protected from writing"), "{said}");
            assert_eq!(std::fs::read(&path).unwrap(), b"old");
        }
        for mode in [0o600, 0o640, 0o666, 0o755] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            write("new").unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_failed_write_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::relative_to(directory.path());
        let out = OutputFile::new("deep/out.csv");
        let written = out.write(&files, |w| Ok(w.write_all(b"old")?)).unwrap();
        assert_eq!((written.bytes, written.sha256), (3, ContentHash::of(b"old")));
        let result = out.write(&files, |w| {
            w.write_all(b"half")?;
            Err(StepError::new("no"))
        });
        assert!(result.is_err());
        assert_eq!(std::fs::read(directory.path().join("deep/out.csv")).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(directory.path().join("deep")).unwrap().count(), 1);
    }
}
