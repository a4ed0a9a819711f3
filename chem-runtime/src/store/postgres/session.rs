//! A connection with its prepared statements, and how it is made.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow, Statement};

use super::client::Client;
use super::error::ConnectError;
use super::settings::PgSettings;

/// The tables of a store, by which its schema is recognized.
pub(super) const TABLES: [&str; 7] = [
    "event_log",
    "refinery_schema_history",
    "workflow_step_artifacts",
    "artifact_repairs",
    "delivery_eras",
    "flow_leases",
    "attestations",
];

/// Queries the schemas in which the session looks for tables, the server process that serves it, the start time of that
/// process, and the server's clock. Every name is qualified and there is no operator: a schema on the path may contain
/// functions that another user planted there.
const WHO_IS_THERE: &str = "
     SELECT pg_catalog.array_to_json(pg_catalog.current_schemas(false)), backend.pid,
            pg_catalog.date_part('epoch', backend.backend_start),
            pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())
     FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS backend";

/// The settings that the store relies on, regardless of the defaults of the server and the database.
///
/// The search path contains no schema in which a user can create anything; tables are qualified with their schema. An
/// append waits for the preceding one and must then see what that one stored. An acknowledged commit is on the local
/// disk and on the synchronous standby, if there is one; a stricter setting is kept. Plans are generic: the statements
/// are few and know their indexes, and planning an append anew for the length of its arrays takes longer than the
/// append. A plan that was made while a table was small must serve when it is large, so plans do not scan tables that have an
/// index. They are not compiled either: the planner overestimates them, and compiling one takes longer than running it. Idle sessions do not time out, because the session of a run is idle while a step works.
const SETTINGS: &str = "
     SET search_path = pg_catalog, pg_temp;
     SET standard_conforming_strings = on;
     SET default_transaction_isolation = 'read committed';
     SET client_min_messages = 'warning';
     SET plan_cache_mode = 'force_generic_plan';
     SET enable_seqscan = off;
     SET jit = off;
     SELECT set_config('synchronous_commit', 'on', false)
     WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
     SELECT set_config('idle_session_timeout', '0', false)
     WHERE current_setting('server_version_num')::integer >= 140000;";

/// A connection to the database, with its prepared statements.
pub struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// Whether the server has sent a warning since this was last read.
    warned: Arc<AtomicBool>,
    /// The number of lost connections when this session was made or last tested.
    tested_after: u64,
    /// The schemas in which the store is looked for, in search order.
    path: Vec<String>,
    /// The schema that contains the store, or in which it would be created.
    schema: Option<String>,
    /// The server process of this session, registered until the session ends.
    _served_by: Served,
}

impl Session {
    /// Returns the prepared statement for `sql`, in which `store` names the schema of the store.
    pub(super) fn prepared(&mut self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&self.in_schema(sql))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// Replaces `store.` in `sql` with the schema of the store.
    pub(super) fn in_schema(&self, sql: &str) -> String {
        let qualifier = self.schema().map_or_else(String::new, |schema| format!("{}.", quoted(schema)));
        sql.replace("store.", &qualifier)
    }

    /// Whether the server has sent a warning since the last call: for example, of a commit that did not wait for its
    /// standby.
    pub(super) fn was_warned(&self) -> bool {
        self.warned.swap(false, Ordering::AcqRel)
    }

    /// Returns the schemas in which the store is looked for, in search order.
    pub(super) fn path(&self) -> &[String] {
        &self.path
    }

    /// Returns the schema that contains the store, or in which it would be created; `None` if there is no such schema.
    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Records that the store is in `schema`.
    pub(super) fn store_is_in(&mut self, schema: &str) {
        if self.schema.as_deref() != Some(schema) {
            self.schema = Some(schema.to_owned());
            self.statements.clear();
        }
    }

    /// Applies the settings that the store relies on, and finds its schema. Returns the server process that did so.
    pub(super) fn set_up(&mut self, settings: &PgSettings) -> Result<Option<Process>, tokio_postgres::Error> {
        let mut setup = String::from(SETTINGS);
        for (name, limit) in
            [("statement_timeout", settings.statement_timeout), ("lock_timeout", settings.lock_timeout)]
        {
            if limit > 0 {
                setup.push_str(&format!("SET {name} = {limit};"));
            }
        }
        // This literal does not depend on `standard_conforming_strings`.
        let text = |text: &str| format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
        let schemas: Vec<String> = self.path.iter().map(|schema| text(schema)).collect();
        let tables = TABLES.map(text);
        setup.push_str(&format!(
            "SELECT pid, date_part('epoch', backend_start),
                    (SELECT schema
                     FROM unnest(ARRAY[{}]::text[]) WITH ORDINALITY AS path (schema, place)
                     JOIN pg_namespace ON nspname = schema
                     JOIN pg_class ON relnamespace = pg_namespace.oid
                     JOIN unnest(ARRAY[{}]) WITH ORDINALITY AS known (name, rank) ON relname = name
                     ORDER BY rank, place LIMIT 1) AS schema
             FROM pg_stat_get_activity(pg_backend_pid())",
            schemas.join(", "),
            tables.join(", "),
        ));
        let answer = self.client.simple_query(&setup)?;
        self.client.answer_within(settings.answer_timeout);
        let Some(row) = last_row(&answer) else { return Ok(None) };
        let schema = row.get(2).map(str::to_owned).or_else(|| self.path.first().cloned());
        if let Some(schema) = schema {
            self.store_is_in(&schema);
        }
        Ok(Process::read(row.get(0), row.get(1)))
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// Quotes a name as an SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn last_row(messages: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    messages.iter().rev().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

/// A process of the server. The start time distinguishes it from others with the same number, since numbers are reused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pid: u32,
    began: String,
}

impl Process {
    fn read(pid: Option<&str>, began: Option<&str>) -> Option<Self> {
        Some(Self { pid: pid?.parse().ok()?, began: began?.to_owned() })
    }
}

/// Registers the server process of a session until the session ends.
struct Served {
    all: Arc<Mutex<HashSet<Process>>>,
    by: Option<Process>,
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(process) = &self.by {
            self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(process);
        }
    }
}

/// Makes sessions, and records what is known about them.
pub(super) struct Sessions {
    pub(super) settings: PgSettings,
    /// The number of lost connections. A session older than the last loss is tested before it is used: after a restart
    /// of the server, every connection in the pool is dead.
    lost: AtomicU64,
    /// A session that was made before the pool.
    spare: Mutex<Option<Session>>,
    /// The error of the last failed connection attempt.
    failure: Mutex<Option<ConnectError>>,
    /// The server processes that serve the sessions of this program.
    served: Arc<Mutex<HashSet<Process>>>,
}

impl Sessions {
    pub(super) fn new(settings: PgSettings) -> Self {
        Self {
            settings,
            lost: AtomicU64::new(0),
            spare: Mutex::default(),
            failure: Mutex::default(),
            served: Arc::default(),
        }
    }

    /// Makes a session.
    ///
    /// # Errors
    /// [`ConnectError::Pooled`] if a pooler spreads the transactions of one session over several server processes, or
    /// several sessions share one process.
    pub(super) fn connect(&self) -> Result<Session, ConnectError> {
        let tested_after = self.lost.load(Ordering::Acquire);
        let warned = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let (mut client, seen) = self.reach(&warned)?;
        let served_by = self.served_by(seen.process.clone())?;
        // The server starts a process for each connection. A process older than this connection has served another one,
        // so a pooler keeps it: for the next session, which is fine, or for the next transaction.
        if seen.age > begun.elapsed() + CLOCK_GRAIN && self.served().len() == 1 {
            let other = self.reach(&warned)?.1.process;
            if other.is_some() && other == seen.process {
                return Err(ConnectError::Pooled);
            }
        }
        // An earlier failure must not be reported to a later caller.
        drop(self.take_failure());
        client.answer_within(self.settings.answer_timeout);
        let mut session = Session {
            client,
            statements: HashMap::new(),
            warned,
            tested_after,
            path: seen.path,
            schema: None,
            _served_by: served_by,
        };
        if session.set_up(&self.settings)? != seen.process {
            return Err(ConnectError::Pooled);
        }
        Ok(session)
    }

    /// Connects to the first reachable server, and reads which process serves the connection.
    fn reach(&self, warned: &Arc<AtomicBool>) -> Result<(Client, Seen), ConnectError> {
        let limit = self.settings.connect_timeout;
        let mut client = self.settings.try_each(|config| {
            let warned = warned.clone();
            Client::connect(config, self.settings.tls.connector(), limit, move |notice| {
                tracing::debug!(severity = notice.severity(), message = notice.message(), "the server says");
                warned.store(true, Ordering::Release);
            })
        })?;
        client.answer_within(limit.or(self.settings.answer_timeout));
        let answer = client.simple_query(WHO_IS_THERE)?;
        let seen = last_row(&answer).map(Seen::read).unwrap_or_default();
        Ok((client, seen))
    }

    /// Registers the server process of a session.
    fn served_by(&self, process: Option<Process>) -> Result<Served, ConnectError> {
        if let Some(process) = &process
            && !self.served().insert(process.clone())
        {
            return Err(ConnectError::Pooled);
        }
        Ok(Served { all: self.served.clone(), by: process })
    }

    fn served(&self) -> MutexGuard<'_, HashSet<Process>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores `session`, which the pool gets as its next connection.
    pub(super) fn keep(&self, session: Session) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    /// Records that a connection was lost.
    pub(super) fn lost_one(&self) {
        self.lost.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes the error of the last failed connection attempt, for the caller that waited for it.
    pub(super) fn take_failure(&self) -> Option<ConnectError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The tolerance in comparisons of two readings of the server's clock.
const CLOCK_GRAIN: Duration = Duration::from_millis(10);

/// What a new connection reads from its server.
#[derive(Default)]
struct Seen {
    path: Vec<String>,
    process: Option<Process>,
    /// The age of the process.
    age: Duration,
}

impl Seen {
    fn read(row: &SimpleQueryRow) -> Self {
        let seconds = |index: usize| row.get(index).and_then(|text| text.parse::<f64>().ok());
        let age = seconds(2).zip(seconds(3)).map_or(0.0, |(began, now)| now - began);
        Self {
            path: row.get(0).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
            process: Process::read(row.get(1), row.get(2)),
            age: Duration::try_from_secs_f64(age).unwrap_or_default(),
        }
    }
}

/// Makes the sessions of a pool.
pub(super) struct SessionManager(pub(super) Arc<Sessions>);

impl r2d2::ManageConnection for SessionManager {
    type Connection = Session;
    type Error = ConnectError;

    fn connect(&self) -> Result<Session, ConnectError> {
        let spare = self.0.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        spare.map_or_else(|| self.0.connect(), Ok)
    }

    fn is_valid(&self, session: &mut Session) -> Result<(), ConnectError> {
        let lost = self.0.lost.load(Ordering::Acquire);
        if session.tested_after < lost {
            session.client.batch_execute("")?;
            session.tested_after = lost;
        }
        Ok(())
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        session.client.is_closed()
    }
}

/// Keeps the error of a failed connection attempt; the pool itself passes on only its text.
pub(super) struct FailureKeeper(pub(super) Arc<Sessions>);

impl std::fmt::Debug for FailureKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FailureKeeper")
    }
}

impl r2d2::HandleError<ConnectError> for FailureKeeper {
    fn handle_error(&self, error: ConnectError) {
        tracing::debug!(%error, "a connection to the store could not be made");
        *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}
