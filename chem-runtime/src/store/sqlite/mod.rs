//! The embedded store: one SQLite file, durable, without a server.
//!
//! The file is in WAL mode with `synchronous = FULL`, so an acknowledged append survives a crash of the program or the
//! system and a power failure. Several processes can use one store: readers never wait, and writers wait for each
//! other; the threads of a process share a commit (`log.rs`). `open.rs` opens a store; `migrations/sqlite/` defines its schema.

mod artifacts;
mod attestations;
mod error;
mod file;
mod identity;
mod lease;
mod log;
mod network;
mod open;
mod reading;
mod rows;
mod runs;
mod schema;
mod size;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

pub use file::SqliteFile;
use rusqlite::Connection;

use self::error::sqlite_error;
use self::file::expect_file;
use self::identity::FileIdentity;
use self::open::Older;
use super::group::GroupWriter;
use super::{Attestations, EventStore, Largest, OpenMode, PersistenceError, StoreSize};

/// How long a writer waits for another process before it fails.
const WAIT: Duration = Duration::from_secs(30);

/// Keeps events and artifacts in an SQLite file.
///
/// ```
/// use chem_runtime::event::FlowId;
/// use chem_runtime::store::{EventLog, sqlite::SqliteEventStore};
///
/// # let directory = tempfile::tempdir()?;
/// let store = SqliteEventStore::open(directory.path().join(".chem/store.db"))?;
/// assert_eq!(store.next_position(FlowId::new())?, 0);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqliteEventStore {
    path: PathBuf,
    /// The identity of the file when it was opened.
    identity: FileIdentity,
    wait: Duration,
    /// Reads while `connection` commits; opened when it is first needed. Closed first, so that the last connection to close can
    /// tidy up.
    reader: OnceLock<Option<Mutex<Connection>>>,
    connection: Mutex<Connection>,
    writer: GroupWriter,
}

impl SqliteEventStore {
    /// Opens the store in the file at `path`. Creates the file and its directory if they are missing. Refuses an older
    /// schema that contains events until [`migrate`](super::Backend::migrate) upgrades it.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Unusable`] with advice if the path is a directory, cannot be written, is not a store of
    /// this program, or has the schema of another release; [`PersistenceError::Corrupt`] if the file is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PersistenceError> {
        Self::open_with_wait(path, WAIT)
    }

    /// Opens the store like [`open`](Self::open). `wait` is how long a writer waits for another process before it
    /// fails, 30 seconds by default.
    pub fn open_with_wait(path: impl AsRef<Path>, wait: Duration) -> Result<Self, PersistenceError> {
        let (path, connection) = open::open(path.as_ref(), wait, Older::Refused)?;
        Ok(Self::on(path, wait, connection))
    }

    /// Opens the store like [`open`](Self::open), in this mode. If a store that is only read is not writable, appends
    /// fail; in that case an older schema is refused, with or without events.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Absent`] if there is no file and `mode` does not create one; otherwise fails like
    /// `open`.
    pub fn open_with(path: impl AsRef<Path>, mode: OpenMode) -> Result<Self, PersistenceError> {
        let path = path.as_ref();
        if mode != OpenMode::Create {
            expect_file(path)?;
        }
        if mode != OpenMode::Read {
            return Self::open(path);
        }
        let is_local = network::kind_of(path).is_none();
        if is_local && !reading::is_kept_from_writing(path) {
            match Self::open(path) {
                Err(error) if reading::was_kept_from_writing(&error) => {}
                opened => return opened,
            }
        }
        let (path, connection) = reading::open_for_reading(path, WAIT)?;
        // Nothing keeps its only connection from reading.
        Ok(Self { reader: OnceLock::from(None), ..Self::on(path, WAIT, connection) })
    }

    fn on(path: PathBuf, wait: Duration, connection: Connection) -> Self {
        let (identity, connection) = (FileIdentity::of(&path), Mutex::new(connection));
        // SQLite has one writer at a time.
        Self { path, identity, wait, reader: OnceLock::new(), connection, writer: GroupWriter::new(1) }
    }

    /// Returns the absolute path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A transaction interrupted by a panic is rolled back on drop.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a connection to read with: a second one while the first is in use, so that readers do not wait for the disk.
    fn reading(&self) -> MutexGuard<'_, Connection> {
        if let Ok(free) = self.connection.try_lock() {
            return free;
        }
        let reader = self.reader.get_or_init(|| {
            let opened = reading::open_beside(&self.path, self.wait).ok();
            // The path may name another file by now.
            opened.filter(|_| self.identity.expect_there(&self.path).is_ok()).map(Mutex::new)
        });
        match reader {
            Some(reader) => reader.lock().unwrap_or_else(PoisonError::into_inner),
            None => self.connection(),
        }
    }

    fn failed(&self, action: &str) -> impl Fn(rusqlite::Error) -> PersistenceError {
        move |error| sqlite_error(&self.path, self.wait, action, error)
    }
}

impl EventStore for SqliteEventStore {
    fn attestations(&self) -> Option<&dyn Attestations> {
        Some(self)
    }

    fn size(&self) -> Result<Option<StoreSize>, PersistenceError> {
        size::size(&self.reading()).map(Some).map_err(self.failed("read"))
    }

    fn largest(&self, limit: usize) -> Result<Option<Largest>, PersistenceError> {
        size::largest(&self.reading(), limit).map(Some).map_err(self.failed("read"))
    }

    fn files(&self) -> Vec<PathBuf> {
        ["", "-wal", "-shm", ".lock"].map(|ending| open::beside(&self.path, ending)).into()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::event::{FlowEventKind, FlowId, StepSignal};
    use crate::store::EventLog as _;

    fn signal(data: impl Into<serde_json::Value>) -> FlowEventKind {
        FlowEventKind::StepSignal(StepSignal {
            step_id: "a".into(),
            step_index: 0,
            signal: "note".into(),
            data: data.into(),
        })
    }

    #[test]
    fn a_full_disk_is_said_to_be_one_and_what_was_stored_stays() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteEventStore::open(directory.path().join("store.db")).unwrap();
        let flow_id = FlowId::new();
        let event = store.append_kind(flow_id, signal("small")).unwrap();

        // SQLite treats a file that must not grow like a full disk.
        store.connection().pragma_update(None, "max_page_count", 1).unwrap();
        let error = store.append_kind(flow_id, signal("big".repeat(10_000))).unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}: {:?}", error.source());
        assert_eq!(store.list(flow_id).unwrap(), std::slice::from_ref(&event));

        store.connection().pragma_update(None, "max_page_count", 100_000).unwrap();
        store.append_kind(flow_id, signal("small again")).unwrap();
        assert_eq!(store.list(flow_id).unwrap()[0], event);
        assert_eq!(store.next_position(flow_id).unwrap(), 2);
    }
}
