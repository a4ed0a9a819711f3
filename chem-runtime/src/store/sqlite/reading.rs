//! Reads a store that this process must not or cannot write: a colleague's, an archive, read-only media, or a full
//! disk.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::{OpenError, sqlite_error};
use super::open::{beside, refuse_other_kinds};
use super::schema::{read_status, refuse_foreign};
use crate::store::PersistenceError;

/// Returns whether there is a file at `path` that this user cannot write.
pub(super) fn is_kept_from_writing(path: &Path) -> bool {
    path.is_file() && OpenOptions::new().append(true).open(path).is_err_and(|error| is_refusal(&error))
}

/// Returns whether a store could not be opened because the files that a writer creates beside it are not permitted or
/// do not fit on the disk.
pub(super) fn was_kept_from_writing(error: &PersistenceError) -> bool {
    let PersistenceError::Unusable { source: Some(source), .. } = error else { return false };
    source.downcast_ref().is_some_and(is_refusal) || source.downcast_ref().is_some_and(has_no_room)
}

fn is_refusal(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
    )
}

/// Returns whether SQLite could not create or extend a file.
fn has_no_room(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen))
}

/// Returns a connection that writes nothing to the store at `path`, and the absolute path.
pub(super) fn open_for_reading(path: &Path, wait: Duration) -> Result<(PathBuf, Connection), PersistenceError> {
    let said = |error| match error {
        OpenError::Store(error) => error,
        OpenError::Sqlite(error) => sqlite_error(path, wait, "read", error),
    };
    refuse_other_kinds(path)?;
    let connection = connect_for_reading(path, wait).map_err(said)?;
    let status = read_status(path, &connection).map_err(said)?;
    if !status.is_current() {
        let message = status.obstacle.unwrap_or_else(|| {
            format!(
                "the store `{}` is of an earlier release and may not be written here, so that its schema cannot be brought up to date; read a copy of it",
                path.display()
            )
        });
        return Err(PersistenceError::Unusable { message, source: None });
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Ok((path, connection))
}

/// Returns a connection that writes nothing, to a store that this process has open and may write.
pub(super) fn open_beside(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Returns a connection that writes nothing, to a store with a schema of any age.
pub(super) fn connect_for_reading(path: &Path, wait: Duration) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = |connection: Connection| -> Result<Connection, OpenError> {
        connection.busy_timeout(wait)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        refuse_foreign(path, &connection)?;
        Ok(connection)
    };
    match Connection::open_with_flags(path, flags).map_err(OpenError::from).and_then(opened) {
        // In WAL mode readers and writers share an index, in a file that only a writer can create. If the `-wal` file
        // is missing too, there are no writers, and the database file is the whole store.
        Err(OpenError::Sqlite(error)) if !beside(path, "-wal").exists() => {
            let whole = Connection::open_with_flags(unchanging(path), flags | OpenFlags::SQLITE_OPEN_URI);
            opened(whole.map_err(|_| error)?)
        }
        // If there is no room for an index, no other process has one.
        Err(OpenError::Sqlite(error)) if has_no_room(&error) => {
            let log = beside(path, "-wal").metadata().map_or(0, |log| log.len());
            opened(if log == 0 {
                Connection::open_with_flags(unchanging(path), flags | OpenFlags::SQLITE_OPEN_URI)?
            } else {
                with_index_in_memory(path)?
            })
        }
        result => result,
    }
}

/// Returns a connection with a private index of the WAL, in memory. It writes nothing unless asked to.
fn with_index_in_memory(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    Ok(connection)
}

/// The bytes of a path that a `file:` URI has to encode.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-');

/// Returns the URI by which SQLite opens a file that no process changes.
fn unchanging(path: &Path) -> String {
    format!("file:{}?immutable=1", percent_encode(path.as_os_str().as_encoded_bytes(), ENCODED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_every_odd_character_escaped() {
        assert_eq!(unchanging(Path::new("/a b/ü?#%.db")), "file:/a%20b/%C3%BC%3F%23%25.db?immutable=1");
    }
}
