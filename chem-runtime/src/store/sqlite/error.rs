//! Translates SQLite's errors into messages for users.

use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::store::PersistenceError;

/// An error of opening a store, before it is translated.
pub(super) enum OpenError {
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// The store cannot be used.
    Store(PersistenceError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl OpenError {
    /// Returns an error for a store that cannot be used, without a source.
    pub(super) fn unusable(message: String) -> Self {
        Self::Store(PersistenceError::Unusable { message, source: None })
    }
}

/// Returns the store error for a failure of SQLite to `action` the store at `path`. `wait` is the lock timeout.
pub(super) fn sqlite_error(path: &Path, wait: Duration, action: &str, error: rusqlite::Error) -> PersistenceError {
    let path = path.display();
    let unusable = |message: String, error| PersistenceError::Unusable { message, source: Some(Box::new(error)) };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => PersistenceError::Backend {
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
        Some(ErrorCode::DatabaseCorrupt) => PersistenceError::Corrupt {
            reason: format!(
                "the file `{path}` is damaged ({error}); put a copy from before in its place, or save what can be read with `sqlite3 {path} .recover`"
            ),
        },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            unusable(not_writable(&path), error)
        }
        _ => PersistenceError::Backend {
            message: format!("cannot {action} the store `{path}`"),
            transient: false,
            source: Box::new(error),
        },
    }
}

/// Returns the message for a path where no store can be written.
pub(super) fn not_writable(path: &dyn std::fmt::Display) -> String {
    format!(
        "the store `{path}` cannot be opened for writing: allow this user to write the file and its directory, or name another place with `--store sqlite:PATH`"
    )
}

/// Returns the message for a file that is not an SQLite database.
pub(super) fn of_another_kind(path: &dyn std::fmt::Display) -> String {
    format!("`{path}` is not a store: it is a file of another kind; name another one with `--store sqlite:PATH`")
}
