//! The newest checkpoint of each log, kept in a directory outside the stores.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, InvalidCheckpoint};
use super::error::EvidenceError;
use super::hash::Digest;
use crate::configuration;

/// What is kept of a log: its newest checkpoint, and a digest of the attestations up to it.
///
/// As text: the checkpoint, an empty line, the digest after `seal `, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The digest of the attestations in the store up to the checkpoint, with its signature and time.
    pub seal: Digest,
    /// The signature of the checkpoint.
    pub signature: Option<String>,
}

impl Kept {
    fn read(text: &str) -> Option<Self> {
        let (note, rest) = text.split_once("\n\n")?;
        let (seal, signature) = rest.strip_prefix("seal ")?.split_once('\n')?;
        let signature = (!signature.is_empty()).then(|| signature.to_owned());
        Some(Self { checkpoint: format!("{note}\n").parse().ok()?, seal: Digest::from_base64(seal)?, signature })
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checkpoint, seal, signature } = self;
        write!(f, "{checkpoint}\nseal {}\n{}", seal.base64(), signature.as_deref().unwrap_or_default())
    }
}

/// A directory with the newest checkpoint of each log: one file for a log, named after its first run.
///
/// It shows that a store was set back or rewritten, if the directory is better protected than the store.
#[derive(Debug, Clone)]
pub struct Witness {
    directory: PathBuf,
}

impl Witness {
    /// Returns the witness in `directory`, which is created with the first checkpoint.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Returns the witness in the directory that `CHEM_WITNESS` names, or else in the user's configuration; `None` if the
    /// system has no such place.
    pub fn of_user() -> Option<Self> {
        let directory = configuration::set("CHEM_WITNESS");
        directory.or_else(|| Some(configuration::directory()?.join("witness"))).map(Self::new)
    }

    /// Returns the file with the checkpoint of the log `origin`.
    pub fn file(&self, origin: &str) -> PathBuf {
        // An origin of this program is `chem/` and a UUID; those of others may be anything.
        let plain =
            |character: char| if character.is_ascii_alphanumeric() || character == '-' { character } else { '_' };
        let name: String = origin.strip_prefix("chem/").unwrap_or(origin).chars().map(plain).collect();
        self.directory.join(format!("{name}.checkpoint"))
    }

    /// Returns what is kept of the log `origin`; `None` if there is nothing.
    ///
    /// # Errors
    /// Fails if there is something and it cannot be read.
    pub fn newest(&self, origin: &str) -> Result<Option<Kept>, EvidenceError> {
        let path = self.file(origin);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(EvidenceError::Witness { action: "read", path, source: error.into() }),
        };
        match Kept::read(&text) {
            Some(kept) => Ok(Some(kept)),
            None => Err(EvidenceError::Witness { action: "read", path, source: Box::new(InvalidCheckpoint) }),
        }
    }

    /// Keeps a checkpoint, unless there is a later one.
    ///
    /// # Errors
    /// Fails if the directory cannot be written.
    pub fn keep(&self, kept: &Kept) -> Result<(), EvidenceError> {
        let checkpoint = &kept.checkpoint;
        let path = self.file(&checkpoint.origin);
        let failed =
            |error: io::Error| EvidenceError::Witness { action: "write", path: path.clone(), source: error.into() };
        fs::create_dir_all(&self.directory).map_err(failed)?;
        // Two processes that seal a log must not put the later checkpoint back.
        let lock = OpenOptions::new().create(true).append(true).open(path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let is_later = |Kept { checkpoint: other, .. }: &Kept| {
            (other.size, other.attestations) > (checkpoint.size, checkpoint.attestations)
        };
        if self.newest(&checkpoint.origin)?.as_ref().is_some_and(is_later) {
            return Ok(());
        }
        replace(&path, kept.to_string().as_bytes()).map_err(failed)
    }
}

/// Replaces the content of a file, so that a crash leaves the old or the new one.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
