//! One connection, with what is prepared on it, and how it is made.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use postgres::{Client, Statement};

use super::error::Told;
use super::settings::PgSettings;

/// A connection to the database, with the statements that have been prepared on it.
pub struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// The server has warned of something since this was last asked.
    warned: Arc<AtomicBool>,
    /// How many connections had been lost when this one was made or last tested.
    tested_after: u64,
}

impl Session {
    /// The prepared statement for `sql`.
    pub(super) fn prepared(&mut self, sql: &'static str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// Whether the server has warned of something since this was last asked: of a commit that was not waited for, for one.
    pub(super) fn was_warned(&self) -> bool {
        self.warned.swap(false, Ordering::AcqRel)
    }

    /// Sets what the store relies on, whatever the server or the database has as its default.
    pub(super) fn set_up(&mut self, settings: &PgSettings) -> Result<(), postgres::Error> {
        // An append waits for the one before it, and then has to see what that one stored. And what is acknowledged is
        // on the disk here and, where there is one, on the synchronous standby; a setting that asks for more than that is
        // left as it is. The statements are few and know their
        // indexes: to plan an append anew for the length of its arrays takes longer than the append. While a step works,
        // its run's session is idle for as long as that takes.
        let mut setup = String::from(
            "SET default_transaction_isolation = 'read committed';
             SET client_min_messages = 'warning';
             SET plan_cache_mode = 'force_generic_plan';
             SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
             SELECT set_config('idle_session_timeout', '0', false)
             WHERE current_setting('server_version_num')::integer >= 140000;",
        );
        for (name, limit) in
            [("statement_timeout", settings.statement_timeout), ("lock_timeout", settings.lock_timeout)]
        {
            if limit > 0 {
                setup.push_str(&format!("SET {name} = {limit};"));
            }
        }
        self.client.batch_execute(&setup)
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

/// How sessions are made, and what is known about those that were.
pub(super) struct Sessions {
    pub(super) settings: PgSettings,
    /// How many connections have been lost. A session that is older than the last loss is asked for a sign of life
    /// before it is used: after a restart of the server the whole pool is dead, and does not know it.
    lost: AtomicU64,
    /// A session that was made before there was a pool.
    spare: Mutex<Option<Session>>,
    /// Why the last connection could not be made.
    failure: Mutex<Option<postgres::Error>>,
}

impl Sessions {
    pub(super) fn new(settings: PgSettings) -> Self {
        Self { settings, lost: AtomicU64::new(0), spare: Mutex::default(), failure: Mutex::default() }
    }

    /// A new session.
    pub(super) fn connect(&self) -> Result<Session, postgres::Error> {
        let tested_after = self.lost.load(Ordering::Acquire);
        let warned = Arc::new(AtomicBool::new(false));
        let (mut config, heard) = (self.settings.config.clone(), warned.clone());
        config.notice_callback(move |notice| {
            tracing::debug!(severity = notice.severity(), message = notice.message(), "the server says");
            heard.store(true, Ordering::Release);
        });
        let client = config.connect(self.settings.tls.connector())?;
        // A failure of an earlier time is not why a later caller gets no session.
        drop(self.take_failure());
        let mut session = Session { client, statements: HashMap::new(), warned, tested_after };
        session.set_up(&self.settings)?;
        Ok(session)
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
    pub(super) fn take_failure(&self) -> Option<postgres::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Makes sessions for a pool.
pub struct SessionManager(pub(super) Arc<Sessions>);

impl r2d2::ManageConnection for SessionManager {
    type Connection = Session;
    type Error = postgres::Error;

    fn connect(&self) -> Result<Session, postgres::Error> {
        let spare = self.0.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        spare.map_or_else(|| self.0.connect(), Ok)
    }

    fn is_valid(&self, session: &mut Session) -> Result<(), postgres::Error> {
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

impl r2d2::HandleError<postgres::Error> for FailureKeeper {
    fn handle_error(&self, error: postgres::Error) {
        let told = Told(error);
        tracing::debug!(error = %told, "a connection to the store could not be made");
        *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(told.0);
    }
}
