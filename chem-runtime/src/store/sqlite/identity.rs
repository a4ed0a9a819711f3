//! Whether the file at the path of a store is still the one that was opened.
//!
//! SQLite writes on into a file that was deleted, as the system lets it, and what it writes is gone with the process.

use std::path::Path;

use crate::store::StoreError;

/// Which file a path led to; `None` where the system does not tell files apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileIdentity(Option<(u64, u64)>);

impl FileIdentity {
    /// Returns the identity of the file at `path`.
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino())))
    }

    /// Returns no identity: a file that is open cannot be deleted here.
    #[cfg(not(unix))]
    pub(super) fn of(_: &Path) -> Self {
        Self(None)
    }

    /// Checks that the file is still at `path`.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if it was deleted, or if another file is there.
    pub(super) fn expect_there(&self, path: &Path) -> Result<(), StoreError> {
        if self.0.is_none() || Self::of(path) == *self {
            return Ok(());
        }
        let message = format!(
            "the store `{}` was deleted or replaced while this process had it open, and what the process has stored since is \
             lost; put the file back from a copy, or run the flow again",
            path.display()
        );
        Err(StoreError::Unusable { message, source: None })
    }
}
