//! What the SQLite store guarantees beyond the laws.

mod append_only;
mod files;
mod moved;
mod processes;
mod released;

use std::path::PathBuf;

use chem_runtime::store::PersistenceError;
use chem_runtime::store::sqlite::SqliteEventStore;
use tempfile::TempDir;

/// A directory for a store that does not exist yet.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("store.db")
    }

    fn open(&self) -> Result<SqliteEventStore, PersistenceError> {
        SqliteEventStore::open(self.path())
    }

    /// Returns the names of the files in the directory.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Opens the file directly, as another program would.
    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

/// Returns the message of an error with its causes.
fn told(error: &PersistenceError) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
