//! The directory of a spool: its URL, how it is recognized, and how it is made.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::SpoolEventStore;
use super::files::Directory;
use crate::store::opening::local_path;
use crate::store::schema::SchemaStatus;
use crate::store::{Backend, EventStore, InvalidStoreUrl, OpenMode, PersistenceError};

/// The file by which a spool is recognized.
const LABEL: &str = "chem-spool.json";

/// The version of the layout of the files.
const FORMAT: u32 = 1;

/// The directories in a spool.
const DIRECTORIES: [&str; 5] = ["runs", "begun", "results", "artifacts", "alive"];

#[derive(Debug, Serialize, Deserialize)]
struct Label {
    format: u32,
}

/// The directory of a spool: `spool:DIR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolDirectory {
    path: PathBuf,
}

crate::register_backend!(SpoolDirectory);

impl SpoolDirectory {
    /// Creates the location of a spool in the directory at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl fmt::Display for SpoolDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spool:{}", self.path.display())
    }
}

impl Backend for SpoolDirectory {
    fn schemes() -> &'static [&'static str] {
        &["spool"]
    }

    fn form() -> &'static str {
        "spool:DIR"
    }

    fn parse(_: &str, rest: &str) -> Result<Self, InvalidStoreUrl> {
        // The path may have the form of a URL: `spool:///scratch/spool` is `/scratch/spool`.
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() {
            return Err(InvalidStoreUrl::new("`spool:` is followed by the path of a directory"));
        }
        if path.contains('\0') {
            return Err(InvalidStoreUrl::new("the path of a directory has no NUL in it"));
        }
        local_path(path).map(Self::new)
    }

    fn open(&self, mode: OpenMode) -> Result<Arc<dyn EventStore>, PersistenceError> {
        Ok(Arc::new(SpoolEventStore::open(&self.path, mode)?))
    }

    fn status(&self) -> Result<SchemaStatus, PersistenceError> {
        open(&self.path, OpenMode::Read)?;
        Ok(SchemaStatus::default())
    }
}

/// Returns the directory of the spool at `path`, made if `mode` says so.
pub(super) fn open(path: &Path, mode: OpenMode) -> Result<Directory, PersistenceError> {
    let unusable = |message: String| PersistenceError::Unusable { message, source: None };
    let path = std::path::absolute(path).map_err(|error| PersistenceError::Unusable {
        message: "the path of the spool is empty".into(),
        source: Some(error.into()),
    })?;
    let shown = path.display();
    if path.exists() && !path.is_dir() {
        return Err(unusable(format!(
            "`{shown}` is not a spool: it is no directory; a store in a file is `sqlite:{shown}`"
        )));
    }
    let files = Directory::new(path.clone());
    let label = path.join(LABEL);
    if let Some(content) = files.read(&label)? {
        return match serde_json::from_slice(&content) {
            // A process that made the spool may have been killed before it had made all directories.
            Ok(Label { format: FORMAT }) if mode != OpenMode::Read => with_directories(files),
            Ok(Label { format: FORMAT }) => Ok(files),
            Ok(Label { format }) => Err(unusable(format!(
                "the spool `{shown}` was made by a later release of this program: its files have format {format}, and this \
                 release knows {FORMAT}; use the later release"
            ))),
            Err(error) => Err(PersistenceError::Corrupt {
                reason: format!("the file `{}` cannot be read: {error}", label.display()),
            }),
        };
    }
    let is_there = path.exists();
    if is_there && !files.names(&path)?.is_empty() {
        // Another process may have made the spool since.
        if files.read(&label)?.is_some() {
            return open(&path, mode);
        }
        return Err(unusable(format!(
            "`{shown}` is not a spool: it is a directory with other files; name an empty or a new one with `--store spool:DIR`"
        )));
    }
    if mode != OpenMode::Create {
        return Err(PersistenceError::Absent { location: format!("at `{shown}`") });
    }
    if !is_there {
        make(&path)?;
    }
    let content = serde_json::json!(Label { format: FORMAT }).to_string();
    // Another process may make the same spool. The label comes first, so that it never finds a directory with other files.
    files.publish(&label, content.as_bytes())?;
    with_directories(files)
}

/// Makes the directories in a spool unless they exist.
fn with_directories(files: Directory) -> Result<Directory, PersistenceError> {
    DIRECTORIES.iter().try_for_each(|name| files.make(&files.path().join(name)))?;
    Ok(files)
}

/// Makes the directory of a spool, which only this user may read.
fn make(path: &Path) -> Result<(), PersistenceError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| PersistenceError::Unusable {
        message: format!("cannot make the directory `{}` for the spool", path.display()),
        source: Some(error.into()),
    })
}
