//! What SQLite's errors mean for the person who meets them.

use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// Why a store could not be opened, before it is put into words.
pub(super) enum OpenError {
    /// SQLite said so.
    Sqlite(rusqlite::Error),
    /// What was found cannot be used.
    Store(StoreError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl OpenError {
    /// What was found cannot be used, for a reason of its own.
    pub(super) fn unusable(message: String) -> Self {
        Self::Store(StoreError::Unusable { message, source: None })
    }
}

/// The store error for what SQLite said while the program tried to `action` the store at `path`.
pub(super) fn sqlite_error(path: &Path, wait: Duration, action: &str, error: rusqlite::Error) -> StoreError {
    let path = path.display();
    let unusable = |message: String, error| StoreError::Unusable { message, source: Some(Box::new(error)) };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Backend {
            message: format!(
                "waited {} s for another process that is writing to the store `{path}`; nothing was stored, try again when it is done",
                wait.as_secs_f64()
            ),
            transient: true,
            source: Box::new(error),
        },
        Some(ErrorCode::DiskFull) => unusable(
            format!(
                "the disk is full: cannot {action} the store `{path}`; free some room and try again, all that was stored before is there"
            ),
            error,
        ),
        Some(ErrorCode::SystemIoFailure) => unusable(
            format!(
                "cannot {action} the store `{path}`: the system refuses to read or write the file; see that the disk has room and is in order, then try again"
            ),
            error,
        ),
        Some(ErrorCode::NotADatabase) => unusable(of_another_kind(&path), error),
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt {
            reason: format!(
                "the file `{path}` is damaged ({error}); put a copy from before in its place, or save what can be read with `sqlite3 {path} .recover`"
            ),
        },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            unusable(not_writable(&path), error)
        }
        _ => StoreError::Backend {
            message: format!("cannot {action} the store `{path}`"),
            transient: false,
            source: Box::new(error),
        },
    }
}

/// The words for a place where no store can be written.
pub(super) fn not_writable(path: &dyn std::fmt::Display) -> String {
    format!(
        "the store `{path}` cannot be opened for writing: allow this user to write the file and its directory, or name another place with `--store sqlite:PATH`"
    )
}

/// The words for a file that is no SQLite database.
pub(super) fn of_another_kind(path: &dyn std::fmt::Display) -> String {
    format!("`{path}` is not a store: it is a file of another kind; name another one with `--store sqlite:PATH`")
}
