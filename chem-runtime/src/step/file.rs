//! Reads and writes the files of steps.
//!
//! The content of an input file is part of the step's identity: it is hashed when the step starts, and what the step
//! then reads must have that hash. An output file appears whole or not at all.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::confine::Confinement;
use super::error::StepError;
use super::limits::{INPUT_BYTES, Limit, TEXT_BYTES};
use super::param::{InvalidParam, ParamType, ParamValue};
use super::place::place_of;
use super::reading::Reading;
use super::unfinished;
use crate::artifact::JsonArtifact;
use crate::cancel::{self, CancelToken, Interruptible};
use crate::fingerprint::ContentHash;

/// The directory at which a run's relative paths start, and the hashes of its input files. Clones share the hashes.
#[derive(Debug, Clone)]
pub struct Files {
    directory: PathBuf,
    outputs: PathBuf,
    /// Whether outputs are redirected from where the flow puts them.
    elsewhere: bool,
    /// The files of the run's log, which outputs must not overwrite.
    log: Vec<PathBuf>,
    confinement: Option<Confinement>,
    cancel: CancelToken,
    hashes: Arc<Mutex<HashMap<PathBuf, ContentHash>>>,
}

impl Files {
    /// Creates the files of a run, with paths relative to `directory`.
    pub fn relative_to(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self {
            outputs: directory.clone(),
            directory,
            elsewhere: false,
            log: Vec::new(),
            confinement: None,
            cancel: CancelToken::default(),
            hashes: Arc::default(),
        }
    }

    /// Redirects outputs below `outputs`, for tests.
    pub fn writing_to(mut self, outputs: impl Into<PathBuf>) -> Self {
        self.outputs = outputs.into();
        self.elsewhere = true;
        self
    }

    /// Refuses to overwrite the files `log`, which hold the log of the run.
    pub fn beside_log(mut self, log: &[PathBuf]) -> Self {
        self.log = log.iter().map(|path| place_of(path)).collect();
        self
    }

    /// Restricts files and programs to those that `confinement` allows; `None` allows all.
    pub fn confined(mut self, confinement: Option<Confinement>) -> Self {
        self.confinement = confinement;
        self
    }

    /// Makes reading fail with [`StepError::interrupted`] once `cancel` asks to stop.
    pub fn heeding(mut self, cancel: &CancelToken) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Returns whether `path`, with links resolved, is in the folder that the run is confined to, or, for a run that is
    /// not confined, below the directory at which relative paths start.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        match &self.confinement {
            Some(confinement) => confinement.holds(path),
            None => Confinement::to(&self.directory).holds(path),
        }
    }

    /// Checks that a step may start the program called `name`.
    ///
    /// # Errors
    /// Fails if the run is confined and may not start programs.
    pub fn check_program(&self, name: &str) -> Result<(), StepError> {
        self.confinement.as_ref().map_or(Ok(()), |confinement| confinement.check_program(name))
    }

    /// Checks that the file at `path` may be written.
    ///
    /// # Errors
    /// Fails if the file is outside the folder to which the run is confined.
    pub(crate) fn check_output(&self, path: &str) -> Result<(), StepError> {
        match &self.confinement {
            Some(confinement) if !self.elsewhere => confinement.check(&self.output(path), "write"),
            _ => Ok(()),
        }
    }

    /// Returns the path of an input file.
    pub fn input(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// Returns the path of an output file. If outputs are redirected, neither an absolute path nor `..` leads out of
    /// their directory.
    pub fn output(&self, path: &str) -> PathBuf {
        if !self.elsewhere {
            return self.outputs.join(path);
        }
        let normal = |part: &Component<'_>| matches!(part, Component::Normal(_));
        self.outputs.join(Path::new(path).components().filter(normal).collect::<PathBuf>())
    }

    /// Returns the path of the file to replace when writing `path`: the target of a link, so that the link stays.
    ///
    /// # Errors
    /// Fails if something other than a regular file exists there, such as a directory or a device, if it is part of the
    /// log, or if it is write-protected. A write-protected file could still be replaced, since only its directory
    /// decides that.
    fn place_for(&self, path: &str) -> Result<PathBuf, StepError> {
        self.check_output(path)?;
        let full = self.output(path);
        let place = place_of(&full);
        let refused = |because: &str| Err(StepError::new(format!("cannot write `{}`: {because}", full.display())));
        if self.log.contains(&place) {
            return refused("the log of this run is kept there; give the file another name");
        }
        match std::fs::metadata(&place) {
            Ok(there) if there.is_dir() => refused("it is a directory"),
            Ok(there) if !there.is_file() => refused("it is no regular file; give the file another name"),
            Ok(there) if is_protected(&place, &there) => {
                refused("it is protected from writing; make it writable, or give the file another name")
            }
            _ => Ok(place),
        }
    }

    /// Hashes the file at `path`, at most as large as `limit`, and remembers the hash.
    fn hash(&self, path: &str, limit: &'static Limit) -> Result<ContentHash, StepError> {
        let full = self.input(path);
        self.check_input(&full)?;
        let (hash, _) = Reading::open(&full, limit, &self.cancel)?.then(|file| ContentHash::of_reader(file))?;
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).insert(full, hash);
        Ok(hash)
    }

    fn check_input(&self, full: &Path) -> Result<(), StepError> {
        self.confinement.as_ref().map_or(Ok(()), |confinement| confinement.check(full, "read"))
    }

    /// Checks that `hash`, the current hash of the file at `full`, is the one from the start of the step.
    fn check_unchanged(&self, full: &Path, hash: ContentHash) -> Result<(), StepError> {
        match self.hashes.lock().unwrap_or_else(PoisonError::into_inner).get(full) {
            Some(expected) if *expected != hash => Err(StepError::new(format!(
                "`{}` changed while the step was reading it; run the flow again once it is at rest",
                full.display()
            ))),
            _ => Ok(()),
        }
    }
}

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
        let more = members.keys().any(|name| name != "sha256" && name != "extension");
        members.get("sha256").filter(|_| !more)?.as_str()
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
        let reading = Reading::open(&full, &TEXT_BYTES, &files.cancel)?;
        let mut bytes = Vec::with_capacity(usize::try_from(reading.length()).unwrap_or_default());
        let hash = reading.then(|file| {
            let (hash, _) = ContentHash::of_reader(Kept { reader: file, bytes: &mut bytes })?;
            Ok(hash)
        })?;
        files.check_unchanged(&full, hash)?;
        Ok(bytes)
    }

    /// Checks that the file's bytes are those that the step's fingerprint covers, for a program that reads the file
    /// itself.
    ///
    /// # Errors
    /// Fails like [`read`](Self::read), but the file may be as large as [`INPUT_BYTES`].
    pub fn check_unchanged(&self, files: &Files) -> Result<(), StepError> {
        let full = files.input(&self.0);
        files.check_input(&full)?;
        let (hash, _) = Reading::open(&full, &INPUT_BYTES, &files.cancel)?.then(|file| ContentHash::of_reader(file))?;
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

/// Returns whether the file at `path` is write-protected, by its permissions or for this process.
fn is_protected(path: &Path, there: &std::fs::Metadata) -> bool {
    let opened = || std::fs::OpenOptions::new().append(true).open(path);
    there.permissions().readonly() || opened().is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
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
    fn what_is_written_elsewhere_stays_there() {
        let files = Files::relative_to("/flows").writing_to("/elsewhere");
        for (path, expected) in [("out/a.csv", "out/a.csv"), ("/tmp/a.csv", "tmp/a.csv"), ("../../a.csv", "a.csv")] {
            assert_eq!(files.output(path), Path::new("/elsewhere").join(expected));
        }
        assert_eq!(Files::relative_to("/flows").output("/tmp/a.csv"), Path::new("/tmp/a.csv"));
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
            ("pipe", "no regular file"),
            ("to-pipe", "no regular file"),
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
