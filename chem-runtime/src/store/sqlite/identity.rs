//! Detects whether the file at a store's path is still the one that was opened.
//!
//! Where the system allows it, SQLite continues to write to a deleted file, and the writes are lost when the process
//! exits.

use std::path::Path;

use crate::store::PersistenceError;

/// The device and inode of the file at a path; `None` if the file was not found or the system has no such numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileIdentity(Option<(u64, u64)>);

impl FileIdentity {
    /// Returns the identity of the file at `path`.
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino())))
    }

    /// Returns no identity: on this system an open file cannot be deleted.
    #[cfg(not(unix))]
    pub(super) fn of(_: &Path) -> Self {
        Self(None)
    }

    /// Checks that the file is still at `path`.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Unusable`] if it was deleted or replaced by another file.
    pub(super) fn expect_there(&self, path: &Path) -> Result<(), PersistenceError> {
        if self.0.is_none() || Self::of(path) == *self {
            return Ok(());
        }
        let message = format!(
            "the store `{}` was deleted or replaced while this process had it open, and what the process has stored since is \
             lost; put the file back from a copy, or run the flow again",
            path.display()
        );
        Err(PersistenceError::Unusable { message, source: None })
    }
}
