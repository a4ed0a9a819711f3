//! Maintains a store: reports and migrates its schema, and checks the file for damage and drift.

use std::path::Path;

use super::WAIT;
use super::error::{OpenError, sqlite_error};
use super::open::{Older, open};
use super::reading::connect_for_reading;
use super::schema::{describe, expected, read_status};
use crate::store::PersistenceError;
use crate::store::schema::{Drift, SchemaStatus, Version, compare};

/// Returns the state of the schema of the store at `path`. Changes nothing.
///
/// # Errors
/// Returns [`PersistenceError::Unusable`] if there is no store.
pub fn status(path: &Path) -> Result<SchemaStatus, PersistenceError> {
    if !path.is_file() {
        let message = format!("there is no store at `{}`; `chem store migrate` makes one", path.display());
        return Err(PersistenceError::Unusable { message, source: None });
    }
    let read = || -> Result<SchemaStatus, OpenError> {
        let connection = connect_for_reading(path, WAIT)?;
        read_status(path, &connection)
    };
    read().map_err(|error| match error {
        OpenError::Store(error) => error,
        OpenError::Sqlite(error) => sqlite_error(path, WAIT, "read", error),
    })
}

/// Brings the schema of the store at `path` up to date and returns the migrations that it applied. Creates the store if
/// it does not exist.
///
/// # Errors
/// Fails like [`SqliteEventStore::open`](super::SqliteEventStore::open), but accepts a store with an older schema.
pub fn migrate(path: &Path) -> Result<Vec<Version>, PersistenceError> {
    let before = if path.is_file() { status(path)?.applied } else { Vec::new() };
    open(path, WAIT, Older::Migrated)?;
    Ok(status(path)?.applied.into_iter().filter(|version| !before.contains(version)).collect())
}

/// Returns the objects in the schema of the store at `path` that differ from what the migrations create. Needs no write
/// permission.
///
/// # Errors
/// Returns [`PersistenceError::Corrupt`] if the file is damaged, and [`PersistenceError::Unusable`] if there is no store or its
/// schema is not the newest.
pub fn check(path: &Path) -> Result<Vec<Drift>, PersistenceError> {
    let found = status(path)?;
    if !found.is_current() {
        let message = found.obstacle.unwrap_or_else(|| {
            format!("the schema of the store `{}` is not the newest; run `chem store migrate` first", path.display())
        });
        return Err(PersistenceError::Unusable { message, source: None });
    }
    let failed = |error| sqlite_error(path, WAIT, "check", error);
    let said = |error| match error {
        OpenError::Store(error) => error,
        OpenError::Sqlite(error) => failed(error),
    };
    let connection = connect_for_reading(path, WAIT).map_err(said)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict != "ok" {
        let reason = format!("the file `{}` is damaged: {verdict}", path.display());
        return Err(PersistenceError::Corrupt { reason });
    }
    let expected = expected().map_err(said)?;
    Ok(compare(&expected, &describe(&connection).map_err(failed)?))
}
