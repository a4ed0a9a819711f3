//! The stores on which every law is checked.

use std::path::PathBuf;
use std::sync::Arc;

use chem_runtime::event::FlowId;
use chem_runtime::fingerprint::ArtifactHash;
#[cfg(all(feature = "postgres", unix))]
use chem_runtime::store::postgres::PgEventStore;
use chem_runtime::store::spool::SpoolEventStore;
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore, InMemoryEventStore, OpenMode, StoreUrl};
use tempfile::TempDir;

#[cfg(all(feature = "postgres", unix))]
use crate::postgres_server::{self, TestDatabase};

/// Passes the list of stores to a macro. To run all suites on a new store, add a line here.
#[macro_export]
macro_rules! stores {
    ($callback:ident) => {
        $callback! {
            memory => $crate::stores::Memory,
            sqlite => $crate::stores::Sqlite,
            jsonl => $crate::stores::Lines,
            spool => $crate::stores::Spool,
            #[cfg(all(feature = "postgres", unix))]
            postgres => $crate::stores::Postgres,
        }
    };
}

/// A kind of store, with one store of it created for a test.
pub trait Backend: Send + Sync {
    /// Creates an empty store. Returns `None` if this machine has no such store, after printing a notice.
    fn fresh() -> Option<Self>
    where
        Self: Sized;

    /// Returns the store that [`Backend::fresh`] created.
    fn store(&self) -> Arc<dyn EventStore>;

    /// Opens the same store again, as another process would. Returns `None` if the store ends with its process.
    fn reopen(&self) -> Option<Arc<dyn EventStore>>;

    /// Changes rows that the store protects. Returns `false` if that is impossible, as in memory.
    fn by_force(&self, tampering: Tampering<'_>) -> bool;

    /// Returns the tables of the store with the columns of each; empty if it has no tables.
    fn columns(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Returns whether the events of all runs have one order, which readers can follow. One that has none refuses to.
    fn orders_all_events(&self) -> bool {
        true
    }

    /// Returns whether the store tells its size.
    fn measures_itself(&self) -> bool {
        true
    }

    /// Returns the number of repair copies of artifacts in the store.
    fn repairs(&self) -> usize;
}

/// A change to a store by a user who may write its rows.
#[derive(Debug, Clone, Copy)]
pub enum Tampering<'a> {
    /// Changes the first copy of an artifact.
    Payload { hash: ArtifactHash, payload: &'a str },
    /// Changes all repair copies of an artifact.
    Repairs { hash: ArtifactHash, payload: &'a str },
    /// Inserts a row under the hash of an artifact that does not exist yet.
    Squatter { hash: ArtifactHash, payload: &'a str },
    /// Changes the payload of an event.
    Event { flow_id: FlowId, position: u64, payload: &'a str },
    /// Executes any statements.
    Sql { table: &'a str, statement: &'a str },
}

impl<'a> Tampering<'a> {
    /// Returns the table whose triggers forbid the change, and the SQL of the change.
    fn statement(self) -> (&'a str, String) {
        let quoted = |text: &str| text.replace('\'', "''");
        match self {
            Self::Payload { hash, payload } => (
                "workflow_step_artifacts",
                format!(
                    "UPDATE workflow_step_artifacts SET payload = '{}', codec = NULL, packed = NULL WHERE artifact_hash = '{hash}'",
                    quoted(payload)
                ),
            ),
            Self::Repairs { hash, payload } => (
                "artifact_repairs",
                format!(
                    "UPDATE artifact_repairs SET payload = '{}', codec = NULL, packed = NULL WHERE artifact_hash = '{hash}'",
                    quoted(payload)
                ),
            ),
            Self::Squatter { hash, payload } => (
                "workflow_step_artifacts",
                format!(
                    "INSERT INTO workflow_step_artifacts (artifact_hash, kind, payload, produced_in_seq)
                     VALUES ('{hash}', 'note', '{}', (SELECT max(seq) FROM event_log))",
                    quoted(payload)
                ),
            ),
            Self::Sql { table, statement } => (table, statement.to_owned()),
            Self::Event { flow_id, position, payload } => (
                "event_log",
                format!(
                    "UPDATE event_log SET payload = '{}' WHERE flow_id = '{flow_id}' AND position = {position}",
                    quoted(payload)
                ),
            ),
        }
    }
}

/// Creates one store of each kind that this machine has.
pub fn fresh() -> Vec<(&'static str, Box<dyn Backend>)> {
    let mut stores: Vec<(&'static str, Box<dyn Backend>)> = Vec::new();
    macro_rules! push {
        ($($(#[$meta:meta])* $name:ident => $backend:ty,)*) => {$(
            $(#[$meta])*
            if let Some(backend) = <$backend as Backend>::fresh() {
                stores.push((stringify!($name), Box::new(backend)));
            }
        )*};
    }
    stores!(push);
    stores
}

pub struct Memory(Arc<InMemoryEventStore>);

impl Backend for Memory {
    fn fresh() -> Option<Self> {
        Some(Self(Arc::new(InMemoryEventStore::new())))
    }

    fn store(&self) -> Arc<dyn EventStore> {
        self.0.clone()
    }

    fn reopen(&self) -> Option<Arc<dyn EventStore>> {
        None
    }

    fn by_force(&self, _: Tampering<'_>) -> bool {
        false
    }

    fn repairs(&self) -> usize {
        0
    }
}

pub struct Sqlite {
    store: Arc<SqliteEventStore>,
    /// Removed at the end of the test.
    _directory: TempDir,
}

impl Backend for Sqlite {
    fn fresh() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteEventStore::open(directory.path().join(".chem/store.db")).unwrap());
        Some(Self { store, _directory: directory })
    }

    fn store(&self) -> Arc<dyn EventStore> {
        self.store.clone()
    }

    fn reopen(&self) -> Option<Arc<dyn EventStore>> {
        Some(Arc::new(SqliteEventStore::open(self.store.path()).unwrap()))
    }

    fn by_force(&self, tampering: Tampering<'_>) -> bool {
        let raw = rusqlite::Connection::open(self.store.path()).unwrap();
        let (table, statement) = tampering.statement();
        let triggers: Vec<(String, String)> = raw
            .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?")
            .and_then(|mut query| query.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
            .unwrap();
        for (name, _) in &triggers {
            raw.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        raw.execute_batch(&format!("PRAGMA foreign_keys = OFF; {statement}")).unwrap();
        triggers.iter().for_each(|(_, sql)| raw.execute_batch(sql).unwrap());
        true
    }

    fn columns(&self) -> Vec<(String, String)> {
        let columns = "SELECT m.name, c.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c
                       WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
        let raw = rusqlite::Connection::open(self.store.path()).unwrap();
        let mut query = raw.prepare(columns).unwrap();
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn repairs(&self) -> usize {
        let raw = rusqlite::Connection::open(self.store.path()).unwrap();
        let count = raw.query_row("SELECT count(*) FROM artifact_repairs", [], |row| row.get::<_, i64>(0)).unwrap();
        usize::try_from(count).unwrap()
    }
}

/// The store of a backend that is not part of chem-runtime, opened by its URL.
pub struct Lines {
    url: StoreUrl,
    store: Arc<dyn EventStore>,
    /// Removed at the end of the test.
    _directory: TempDir,
}

impl Backend for Lines {
    fn fresh() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let url: StoreUrl = format!("jsonl:{}", directory.path().join("store.jsonl").display()).parse().unwrap();
        let store = url.open(OpenMode::Create).unwrap();
        Some(Self { url, store, _directory: directory })
    }

    fn store(&self) -> Arc<dyn EventStore> {
        self.store.clone()
    }

    fn reopen(&self) -> Option<Arc<dyn EventStore>> {
        Some(self.url.open(OpenMode::Existing).unwrap())
    }

    fn by_force(&self, _: Tampering<'_>) -> bool {
        false
    }

    fn measures_itself(&self) -> bool {
        false
    }

    fn repairs(&self) -> usize {
        0
    }
}

/// A directory that machines share.
pub struct Spool {
    store: Arc<SpoolEventStore>,
    /// Removed at the end of the test.
    _directory: TempDir,
}

impl Spool {
    /// Rewrites every file in a directory of the spool for which `change` returns a content.
    fn rewrite(&self, directory: PathBuf, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) {
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if let Some(content) = change(name, std::fs::read(&path).unwrap()) {
                std::fs::write(&path, content).unwrap();
            }
        }
    }

    fn artifacts_beside(&self, hash: ArtifactHash) -> PathBuf {
        self.store.path().join("artifacts").join(&hash.to_string()[..2])
    }
}

impl Backend for Spool {
    fn fresh() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SpoolEventStore::open(directory.path().join("spool"), OpenMode::Create).unwrap());
        Some(Self { store, _directory: directory })
    }

    fn store(&self) -> Arc<dyn EventStore> {
        self.store.clone()
    }

    fn reopen(&self) -> Option<Arc<dyn EventStore>> {
        Some(Arc::new(SpoolEventStore::open(self.store.path(), OpenMode::Existing).unwrap()))
    }

    fn by_force(&self, tampering: Tampering<'_>) -> bool {
        let note = |payload: &str| format!("{{\"kind\":\"note\"}}\n{payload}").into_bytes();
        match tampering {
            Tampering::Payload { hash, payload } => {
                let first = hash.to_string();
                let as_text = |content: &[u8]| {
                    let header = content.split(|byte| *byte == b'\n').next().unwrap();
                    let mut header: serde_json::Value = serde_json::from_slice(header).unwrap();
                    header.as_object_mut().unwrap().remove("codec");
                    format!("{header}\n{payload}").into_bytes()
                };
                self.rewrite(self.artifacts_beside(hash), |name, content| (name == first).then(|| as_text(&content)));
            }
            Tampering::Repairs { hash, payload } => {
                let repairs = format!("{hash}.");
                self.rewrite(self.artifacts_beside(hash), |name, _| name.starts_with(&repairs).then(|| note(payload)));
            }
            Tampering::Squatter { hash, payload } => {
                std::fs::create_dir_all(self.artifacts_beside(hash)).unwrap();
                std::fs::write(self.artifacts_beside(hash).join(hash.to_string()), note(payload)).unwrap();
            }
            Tampering::Event { flow_id, position, payload } => {
                let run = self.store.path().join("runs").join(flow_id.to_string());
                self.rewrite(run, |_, content| {
                    let mut commit: serde_json::Value = serde_json::from_slice(&content).unwrap();
                    let index = usize::try_from(position.checked_sub(commit["position"].as_u64().unwrap())?).unwrap();
                    *commit["events"].get_mut(index)?.get_mut("payload")? = payload.into();
                    Some(commit.to_string().into_bytes())
                });
            }
            Tampering::Sql { .. } => return false,
        }
        true
    }

    fn orders_all_events(&self) -> bool {
        false
    }

    fn measures_itself(&self) -> bool {
        false
    }

    fn repairs(&self) -> usize {
        let directories = std::fs::read_dir(self.store.path().join("artifacts")).unwrap();
        let files = directories.flat_map(|directory| std::fs::read_dir(directory.unwrap().path()).unwrap());
        files.filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().contains('.')).count()
    }
}

#[cfg(all(feature = "postgres", unix))]
pub struct Postgres {
    store: Arc<PgEventStore>,
    /// Removed at the end of the test.
    database: TestDatabase,
}

#[cfg(all(feature = "postgres", unix))]
impl Backend for Postgres {
    fn fresh() -> Option<Self> {
        let database = postgres_server::database()?;
        let store = Arc::new(PgEventStore::open(&database.address()).unwrap());
        Some(Self { store, database })
    }

    fn store(&self) -> Arc<dyn EventStore> {
        self.store.clone()
    }

    fn reopen(&self) -> Option<Arc<dyn EventStore>> {
        Some(Arc::new(PgEventStore::open(&self.database.address()).unwrap()))
    }

    fn by_force(&self, tampering: Tampering<'_>) -> bool {
        let (table, mut statement) = tampering.statement();
        if let Tampering::Sql { table: "event_log", .. } = tampering {
            statement =
                format!("ALTER TABLE event_log DROP CONSTRAINT IF EXISTS event_log_event_type_check1; {statement}");
        }
        // A replica checks no foreign keys.
        let batch = format!(
            "SET session_replication_role = replica; ALTER TABLE {table} DISABLE TRIGGER USER; {statement};
             ALTER TABLE {table} ENABLE TRIGGER USER"
        );
        self.database.client().batch_execute(&batch).unwrap();
        true
    }

    fn columns(&self) -> Vec<(String, String)> {
        let columns = "SELECT table_name::text, column_name::text FROM information_schema.columns
                       WHERE table_schema = 'public'";
        let rows = self.database.client().query(columns, &[]).unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    fn repairs(&self) -> usize {
        let row = self.database.client().query_one("SELECT count(*) FROM artifact_repairs", &[]).unwrap();
        usize::try_from(row.get::<_, i64>(0)).unwrap()
    }
}
