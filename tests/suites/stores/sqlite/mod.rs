//! What the SQLite store promises besides the laws.

mod append_only;
mod files;
mod processes;
mod released;

use std::path::PathBuf;

use chem_runtime::store::StoreError;
use chem_runtime::store::sqlite::SqliteEventStore;
use tempfile::TempDir;

/// A place for a store, which is not there yet.
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

    fn open(&self) -> Result<SqliteEventStore, StoreError> {
        SqliteEventStore::open(self.path())
    }

    /// The names of the files in it.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The file as any other program would open it.
    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

/// The message of an error with its causes.
fn told(error: &StoreError) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
