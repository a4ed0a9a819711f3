//! The embedded store: one SQLite file, durable, without a server.
//!
//! The file is in WAL mode with `synchronous = FULL`, so an acknowledged append survives a crash of the program or the
//! system and a power failure. Several processes can use one store: readers never wait, and writers wait for each
//! other. `open.rs` opens a store; `migrations/sqlite/` defines its schema.

mod artifacts;
mod attestations;
mod error;
mod file;
mod identity;
mod lease;
mod network;
mod open;
mod reading;
mod rows;
mod runs;
mod schema;
mod size;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use file::SqliteFile;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use self::error::sqlite_error;
use self::file::expect_file;
use self::identity::FileIdentity;
use self::lease::LeaseError;
use self::open::Older;
use self::rows::{insert, newest_seq, next_position, signed};
use super::admit::{pack, pack_artifacts};
use super::{
    ArtifactRow, ArtifactStore, Attestation, Attestations, Cursor, EventLog, EventStore, FlowSummary, Followed,
    Largest, Lease, LeaseRecord, Leases, NewEvent, OpenMode, PersistenceError, RunFilter, RunIndex, StoreSize,
    StoredEvent, StoredResult, Stray, Writer, admit, admit_artifacts, append_time,
};
use crate::artifact::Artifact;
use crate::event::{FlowEvent, FlowId};
use crate::fingerprint::{ArtifactHash, CacheKey, WorkKey};

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
    connection: Mutex<Connection>,
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
        Ok(Self::on(path, WAIT, connection))
    }

    fn on(path: PathBuf, wait: Duration, connection: Connection) -> Self {
        Self { identity: FileIdentity::of(&path), path, wait, connection: Mutex::new(connection) }
    }

    /// Returns the absolute path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A transaction interrupted by a panic is rolled back on drop.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, action: &str) -> impl Fn(rusqlite::Error) -> PersistenceError {
        move |error| sqlite_error(&self.path, self.wait, action, error)
    }

    fn lease_failed(&self, action: &str, error: LeaseError) -> PersistenceError {
        match error {
            LeaseError::Sqlite(error) => self.failed(action)(error),
            LeaseError::Store(error) => error,
        }
    }
}

impl EventLog for SqliteEventStore {
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        let flow_id = writer.flow_id();
        let admitted = pack(admit(flow_id, events)?);
        let failed = self.failed("append to");
        let mut connection = self.connection();
        // Takes the write lock before reading the position, so no other writer can append in between.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        lease::check(&transaction, writer, expected).map_err(|error| self.lease_failed("append to", error))?;
        let found = next_position(&transaction, flow_id).map_err(&failed)?;
        if found != expected {
            return Err(PersistenceError::Conflict { flow_id, expected, found });
        }
        insert(&transaction, flow_id, expected, admitted).map_err(&failed)?;
        transaction.commit().map_err(failed)?;
        self.identity.expect_there(&self.path)
    }

    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError> {
        let Ok(position) = signed(position) else { return Ok(Vec::new()) };
        let failed = self.failed("read");
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached(
                "SELECT seq, flow_id, position, ts, event_type, payload FROM event_log
                 WHERE flow_id = ? AND position >= ? ORDER BY position",
            )
            .map_err(&failed)?;
        let mut rows = statement.query(params![flow_id.to_string(), position]).map_err(&failed)?;
        let mut events = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            events.push(rows::stored_event(row, 0).map_err(&failed)?.decode()?);
        }
        Ok(events)
    }

    fn read_log(&self, cursor: Cursor, limit: usize) -> Result<Followed, PersistenceError> {
        let mut followed = Followed::none(cursor);
        for (stored, after) in self.read_stored(cursor, limit)? {
            if !followed.push(stored.decode(), after)? {
                break;
            }
        }
        Ok(followed)
    }

    fn read_stored(&self, cursor: Cursor, limit: usize) -> Result<Vec<(StoredEvent, Cursor)>, PersistenceError> {
        // SQLite serialises writers, so the order of `seq` is the commit order.
        let failed = self.failed("read");
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached(
                "SELECT seq, flow_id, position, ts, event_type, payload FROM event_log WHERE seq > ? ORDER BY seq LIMIT ?",
            )
            .map_err(&failed)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = signed(cursor.seq).unwrap_or(i64::MAX);
        let mut rows = statement.query([after, limit]).map_err(&failed)?;
        let mut stored = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let event = rows::stored_event(row, 0).map_err(&failed)?;
            let after = Cursor { seq: event.seq, ..cursor };
            stored.push((event, after));
        }
        Ok(stored)
    }

    fn read_stored_run(&self, flow_id: &str, before: u64) -> Result<Vec<StoredEvent>, PersistenceError> {
        let failed = self.failed("read");
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached(
                "SELECT seq, flow_id, position, ts, event_type, payload FROM event_log
                 WHERE flow_id = ? AND position < ? ORDER BY position",
            )
            .map_err(&failed)?;
        let before = signed(before).unwrap_or(i64::MAX);
        let stored =
            statement.query_map(params![flow_id, before], |row| rows::stored_event(row, 0)).map_err(&failed)?;
        stored.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    fn read_event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, PersistenceError> {
        // No run reaches a position that exceeds SQLite's integers.
        let Ok(position) = signed(position) else { return Ok(None) };
        let stored = self
            .connection()
            .prepare_cached(
                "SELECT seq, flow_id, position, ts, event_type, payload FROM event_log WHERE flow_id = ? AND position = ?",
            )
            .and_then(|mut statement| {
                statement.query_row(params![flow_id.to_string(), position], |row| rows::stored_event(row, 0)).optional()
            })
            .map_err(self.failed("read"))?;
        stored.map(StoredEvent::decode).transpose()
    }

    fn next_position(&self, flow_id: FlowId) -> Result<u64, PersistenceError> {
        next_position(&self.connection(), flow_id).map_err(self.failed("read"))
    }

    fn cursor_after(&self, flow_id: FlowId, position: u64) -> Result<Option<Cursor>, PersistenceError> {
        Ok(self.read_event(flow_id, position)?.map(|event| Cursor { seq: event.seq, ..Cursor::START }))
    }

    fn newest_seq(&self) -> Result<Option<u64>, PersistenceError> {
        newest_seq(&self.connection()).map(Some).map_err(self.failed("read"))
    }
}

impl Leases for SqliteEventStore {
    fn read_lease(&self, flow_id: FlowId) -> Result<Option<LeaseRecord>, PersistenceError> {
        lease::read(&self.connection(), flow_id).map_err(|error| self.lease_failed("read", error))
    }

    fn record_lease(&self, lease: &Lease) -> Result<bool, PersistenceError> {
        lease::record(&self.connection(), lease).map_err(self.failed("append to"))
    }

    fn release_lease(&self, held: &Lease) -> Result<(), PersistenceError> {
        lease::release(&self.connection(), held).map_err(self.failed("append to"))
    }
}

impl ArtifactStore for SqliteEventStore {
    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError> {
        let failed = self.failed("read");
        // The guard lives until the end of the statement: decoding, which hashes, is left to the next one.
        let first = artifacts::first_copy(&self.connection(), hash).map_err(&failed)?;
        match first.map(|copy| copy.decode(hash)) {
            Some(Ok(artifact)) => Ok(Some(artifact)),
            other => match artifacts::repaired(&self.connection(), hash).map_err(failed)? {
                Some(artifact) => Ok(Some(artifact)),
                None => other.transpose(),
            },
        }
    }

    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError> {
        if !prefix.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Vec::new());
        }
        let failed = self.failed("read");
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached(
                // Every hash with this prefix sorts before the prefix followed by `g`.
                "SELECT artifact_hash FROM workflow_step_artifacts
                 WHERE artifact_hash >= ?1 AND artifact_hash < ?1 || 'g' ORDER BY artifact_hash LIMIT ?2",
            )
            .map_err(&failed)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![prefix, limit]).map_err(&failed)?;
        let mut hashes = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let text: String = row.get(0).map_err(&failed)?;
            hashes.push(text.parse().map_err(|error| PersistenceError::Corrupt { reason: format!("{error}") })?);
        }
        Ok(hashes)
    }

    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError> {
        let (admitted, now) = (pack_artifacts(admit_artifacts(artifacts)?), append_time());
        let failed = self.failed("repair");
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let mut repaired = 0;
        for artifact in &admitted {
            repaired += u64::from(artifacts::repair(&transaction, artifact, now).map_err(&failed)?);
        }
        transaction.commit().map_err(failed)?;
        Ok(repaired)
    }
}

impl RunIndex for SqliteEventStore {
    fn find_runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowSummary>, PersistenceError> {
        runs::listed(&self.connection(), filter, before, limit, self.failed("read"))
    }

    fn newest_runs(
        &self,
        flow: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowEvent>, PersistenceError> {
        runs::newest(&self.connection(), flow, before, limit, self.failed("read"))
    }

    fn find_run_ids(&self, prefix: &str, limit: usize) -> Result<Vec<FlowId>, PersistenceError> {
        let failed = self.failed("read");
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached(
                // Every id with this prefix sorts before the prefix followed by `g`.
                "SELECT flow_id FROM event_log
                 WHERE flow_id >= ?1 AND flow_id < ?1 || 'g' AND position = 0 ORDER BY flow_id LIMIT ?2",
            )
            .map_err(&failed)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        run_ids(statement.query(params![prefix, limit]).map_err(&failed)?, &failed)
    }

    fn completed_children(&self, parent: FlowId) -> Result<Vec<FlowId>, PersistenceError> {
        let failed = self.failed("read");
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached(
                "SELECT flow_id FROM event_log
                 WHERE flow_id BETWEEN ?1 AND ?2 AND event_type = 'flowcompleted'",
            )
            .map_err(&failed)?;
        let (least, greatest) = parent.range_of_children();
        run_ids(statement.query(params![least.to_string(), greatest.to_string()]).map_err(&failed)?, &failed)
    }

    fn find_cached(
        &self,
        key: CacheKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        // The condition has to match the index's word for word.
        let sql = "SELECT seq, flow_id, position FROM event_log
                   WHERE event_type = 'stepfinished' AND payload ->> '$.cache_key' = ?1 AND seq < ?2
                   ORDER BY seq DESC";
        self.results(sql, &key.to_string(), before, limit)
    }

    fn find_work(
        &self,
        key: WorkKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        // The condition has to match the index's word for word.
        let sql = "SELECT seq, flow_id, position FROM event_log
                   WHERE event_type = 'stepfinished' AND payload ->> '$.rows.work_key' = ?1 AND payload ->> '$.rows.work_key' IS NOT NULL AND seq < ?2
                   ORDER BY seq DESC";
        self.results(sql, &key.to_string(), before, limit)
    }
}

/// Returns the ids of runs, which are the first column of `rows`.
fn run_ids(
    mut rows: rusqlite::Rows<'_>,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Vec<FlowId>, PersistenceError> {
    let mut runs = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let text: String = row.get(0).map_err(&failed)?;
        let run = text.parse().map_err(|_| PersistenceError::Corrupt { reason: format!("a run is named `{text}`") })?;
        runs.push(run);
    }
    Ok(runs)
}

impl SqliteEventStore {
    /// Returns up to `limit` results, newest first. `sql` takes the key and the number below which they must be.
    fn results(
        &self,
        sql: &str,
        key: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        let failed = self.failed("read");
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql).map_err(&failed)?;
        let before = before.and_then(|before| signed(before).ok()).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![key, before]).map_err(&failed)?;
        let mut results = Vec::new();
        // Rows with an invalid run id do not count. Reads no more rows than needed.
        while results.len() < limit
            && let Some(row) = rows.next().map_err(&failed)?
        {
            results.extend(rows::result(row).map_err(&failed)?);
        }
        Ok(results)
    }
}

impl Attestations for SqliteEventStore {
    fn append_attestations(&self, new: &[Attestation]) -> Result<bool, PersistenceError> {
        let failed = self.failed("append to");
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        if !attestations::insert(&transaction, new).map_err(&failed)? {
            return Ok(false);
        }
        transaction.commit().map_err(failed)?;
        self.identity.expect_there(&self.path)?;
        Ok(true)
    }

    fn read_attestations(&self, from: u64, limit: usize) -> Result<Vec<Attestation>, PersistenceError> {
        attestations::from(&self.connection(), from, limit, self.failed("read"))
    }

    fn next_attestation(&self) -> Result<u64, PersistenceError> {
        attestations::next(&self.connection()).map_err(self.failed("read"))
    }

    fn newest_attestation(&self, kind: &str) -> Result<Option<Attestation>, PersistenceError> {
        attestations::newest(&self.connection(), kind, self.failed("read"))
    }

    fn first_attestation(&self, kind: &str, from: u64) -> Result<Option<Attestation>, PersistenceError> {
        attestations::first(&self.connection(), kind, from, self.failed("read"))
    }

    fn first_signed(&self, kind: &str, from: u64) -> Result<Option<Attestation>, PersistenceError> {
        attestations::first_signed(&self.connection(), kind, from, self.failed("read"))
    }

    fn attestations_about(&self, kind: &str, flow_id: FlowId) -> Result<Vec<Attestation>, PersistenceError> {
        attestations::about(&self.connection(), kind, flow_id, self.failed("read"))
    }

    fn artifacts_of(&self, events: &[u64]) -> Result<Vec<ArtifactRow>, PersistenceError> {
        attestations::artifacts_of(&self.connection(), events).map_err(self.failed("read"))
    }

    fn strays(&self, limit: usize) -> Result<Vec<Stray>, PersistenceError> {
        attestations::strays(&self.connection(), limit).map_err(self.failed("read"))
    }
}

impl EventStore for SqliteEventStore {
    fn attestations(&self) -> Option<&dyn Attestations> {
        Some(self)
    }

    fn size(&self) -> Result<Option<StoreSize>, PersistenceError> {
        size::size(&self.connection()).map(Some).map_err(self.failed("read"))
    }

    fn largest(&self, limit: usize) -> Result<Option<Largest>, PersistenceError> {
        size::largest(&self.connection(), limit).map(Some).map_err(self.failed("read"))
    }

    fn files(&self) -> Vec<PathBuf> {
        ["", "-wal", "-shm", ".lock"].map(|ending| open::beside(&self.path, ending)).into()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::event::{FlowEventKind, StepSignal};

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
