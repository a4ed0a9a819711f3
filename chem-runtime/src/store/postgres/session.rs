//! One connection, with what is prepared on it, and how it is made.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow, Statement};

use super::client::Client;
use super::error::ConnectError;
use super::settings::PgSettings;

/// The tables of a store, which its schema is known by.
pub(super) const TABLES: [&str; 6] = [
    "event_log",
    "refinery_schema_history",
    "workflow_step_artifacts",
    "artifact_repairs",
    "delivery_eras",
    "flow_leases",
];

/// Which schemas the session finds its tables in, and which process of the server serves it, since when and by what
/// clock. Every name is written with its schema, and there is no operator: a schema on the path may hold functions that
/// another user has put there to be run.
const WHO_IS_THERE: &str = "
     SELECT pg_catalog.array_to_json(pg_catalog.current_schemas(false)), backend.pid,
            pg_catalog.date_part('epoch', backend.backend_start),
            pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())
     FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS backend";

/// What the store relies on, whatever the server or the database has as its default.
///
/// No schema in which a user can create anything is on the path: the tables are named with their schema. An append waits
/// for the one before it, and then has to see what that one stored. What is acknowledged is on the disk here and, where there
/// is one, on the synchronous standby; a setting that asks for more than that is left as it is. The statements are few and
/// know their indexes: to plan an append anew for the length of its arrays takes longer than the append. While a step
/// works, its run's session is idle for as long as that takes.
const SETTINGS: &str = "
     SET search_path = pg_catalog, pg_temp;
     SET standard_conforming_strings = on;
     SET default_transaction_isolation = 'read committed';
     SET client_min_messages = 'warning';
     SET plan_cache_mode = 'force_generic_plan';
     SELECT set_config('synchronous_commit', 'on', false)
     WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
     SELECT set_config('idle_session_timeout', '0', false)
     WHERE current_setting('server_version_num')::integer >= 140000;";

/// A connection to the database, with the statements that have been prepared on it.
pub struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// The server has warned of something since this was last asked.
    warned: Arc<AtomicBool>,
    /// How many connections had been lost when this one was made or last tested.
    tested_after: u64,
    /// The schemas in which the store is looked for, the first one first.
    path: Vec<String>,
    /// The schema of the store, or in which it would be made.
    schema: Option<String>,
    /// Who serves this session, as long as it lasts.
    _served_by: Served,
}

impl Session {
    /// The prepared statement for `sql`, in which the schema of the store is written as `store`.
    pub(super) fn prepared(&mut self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&self.in_schema(sql))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// `sql` with the schema of the store in the place of `store`.
    pub(super) fn in_schema(&self, sql: &str) -> String {
        let qualifier = self.schema().map_or_else(String::new, |schema| format!("{}.", quoted(schema)));
        sql.replace("store.", &qualifier)
    }

    /// Whether the server has warned of something since this was last asked: of a commit that was not waited for, for one.
    pub(super) fn was_warned(&self) -> bool {
        self.warned.swap(false, Ordering::AcqRel)
    }

    /// The schemas in which the store is looked for, the first one first.
    pub(super) fn path(&self) -> &[String] {
        &self.path
    }

    /// The schema of the store, or in which it would be made; `None` if there is no schema for it.
    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Notes that the store is in this schema.
    pub(super) fn store_is_in(&mut self, schema: &str) {
        if self.schema.as_deref() != Some(schema) {
            self.schema = Some(schema.to_owned());
            self.statements.clear();
        }
    }

    /// Sets what the store relies on, and finds the schema of the store. Returns which process of the server has done so.
    pub(super) fn set_up(&mut self, settings: &PgSettings) -> Result<Option<Process>, tokio_postgres::Error> {
        let mut setup = String::from(SETTINGS);
        for (name, limit) in
            [("statement_timeout", settings.statement_timeout), ("lock_timeout", settings.lock_timeout)]
        {
            if limit > 0 {
                setup.push_str(&format!("SET {name} = {limit};"));
            }
        }
        // As the server reads it whatever it is set to.
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

/// A name as SQL has it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn last_row(messages: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    messages.iter().rev().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

/// A process of the server: its number, and when it began, for numbers come again.
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

/// The process that serves a session, known to the other sessions for as long as that lasts.
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

/// How sessions are made, and what is known about those that were.
pub(super) struct Sessions {
    pub(super) settings: PgSettings,
    /// How many connections have been lost. A session that is older than the last loss is asked for a sign of life
    /// before it is used: after a restart of the server the whole pool is dead, and does not know it.
    lost: AtomicU64,
    /// A session that was made before there was a pool.
    spare: Mutex<Option<Session>>,
    /// Why the last connection could not be made.
    failure: Mutex<Option<ConnectError>>,
    /// The processes of the server that serve the sessions of this program.
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

    /// A new session.
    ///
    /// # Errors
    /// [`ConnectError::Pooled`] where something hands transactions of one session to several processes of the server, or
    /// several sessions to one process.
    pub(super) fn connect(&self) -> Result<Session, ConnectError> {
        let tested_after = self.lost.load(Ordering::Acquire);
        let warned = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let (mut client, seen) = self.reach(&warned)?;
        let served_by = self.served_by(seen.process.clone())?;
        // A server begins a process for each connection. One that is older than this connection was there for another,
        // and somebody keeps it: for the next session, which is good, or for the next transaction.
        if seen.age > begun.elapsed() + CLOCK_GRAIN && self.served().len() == 1 {
            let other = self.reach(&warned)?.1.process;
            if other.is_some() && other == seen.process {
                return Err(ConnectError::Pooled);
            }
        }
        // A failure of an earlier time is not why a later caller gets no session.
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

    /// Connects to the first server that can be reached, and sees who is there.
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

    /// Notes who serves a session.
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

    /// Gives `session` to the pool in the place of the next one that it asks for.
    pub(super) fn keep(&self, session: Session) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    /// Notes that a connection was lost.
    pub(super) fn lost_one(&self) {
        self.lost.fetch_add(1, Ordering::AcqRel);
    }

    /// Why the last connection could not be made, for the one who waited for it in vain.
    pub(super) fn take_failure(&self) -> Option<ConnectError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// By how much two readings of a server's clock may be out of order.
const CLOCK_GRAIN: Duration = Duration::from_millis(10);

/// What a new connection finds at its other end.
#[derive(Default)]
struct Seen {
    path: Vec<String>,
    process: Option<Process>,
    /// How old the process is.
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

/// Makes sessions for a pool.
pub struct SessionManager(pub(super) Arc<Sessions>);

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

/// Keeps the error for which a connection could not be made. The pool itself passes on no more than its text.
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
