//! The schema of a store: its version and its migration.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use refinery::Migration;
use tokio_postgres::error::SqlState;

use super::client::Transaction;
use super::error::{Told, advice_on, store_error};
use super::follow::{finish_move, is_move_unfinished};
use super::provider::PgPool;
use super::session::{Session, TABLES, quoted};
use crate::store::schema::{SchemaStatus, Version};
use crate::store::{OpenMode, PersistenceError, RetryPolicy, with_retry};

/// The table in which refinery records applied migrations.
const HISTORY: &str = "refinery_schema_history";

mod embedded {
    #![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "generated")]
    refinery::embed_migrations!("migrations/postgres");
}

/// The key of the advisory lock under which a schema is read and changed; refinery takes no lock itself. It is `chem`
/// in ASCII.
const LOCK: i64 = 0x6368_656d;

/// How long to wait for the lock.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before logging the lock holder.
const SILENCE: Duration = Duration::from_secs(1);
/// The log target of messages about waiting and retrying, which the command line always shows.
const TOLD: &str = "chem_runtime::store::retry";
/// The interval between attempts to take the lock.
const TRIED_EVERY: Duration = Duration::from_millis(50);

/// The server process that holds the lock.
const LOCK_HOLDER: &str = "
     SELECT pid, coalesce(nullif(application_name, ''), 'unknown'), coalesce(state, 'unknown')
     FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid::bigint = $1 AND objsubid = 1
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Returns the applied and pending migrations, and what prevents the use of the store.
pub fn status(pool: &PgPool) -> Result<SchemaStatus, PersistenceError> {
    patiently(|| read_status(&mut *pool.get()?, pool.shown()))
}

/// Runs `work` with retries, as operations on an open store do; `work` must be safe to repeat.
fn patiently<T>(mut work: impl FnMut() -> Result<T, PersistenceError>) -> Result<T, PersistenceError> {
    with_retry(&RetryPolicy::default(), |_| work())
}

/// Migrates the schema to the newest version and returns the applied migrations.
///
/// # Errors
/// [`PersistenceError::Unusable`] if a later release made the schema, or if it is not what this program's migrations make.
pub fn migrate(pool: &PgPool) -> Result<Vec<Version>, PersistenceError> {
    under_lock(pool, |session, status| {
        refuse_obstacle(status)?;
        let applied = apply(session, status, pool.shown())?;
        finish_move(session).map_err(|error| unfinished(pool.shown(), error))?;
        Ok(applied)
    })
}

/// Ensures that the store can be used in this mode. Migrates a new store, and one without events, unasked. If a user who
/// may not write opens it to read, leaves a move unfinished.
///
/// # Errors
/// [`PersistenceError::Absent`] if no migration was ever applied and `mode` creates no store, in which case nothing is
/// written; [`PersistenceError::Unusable`] if an older store has events, if a later release made the store, or if its
/// schema is not what this program's migrations make.
pub(super) fn make_usable(pool: &PgPool, mode: OpenMode) -> Result<(), PersistenceError> {
    let (found, shown) = (status(pool)?, pool.shown());
    if mode != OpenMode::Create && found.applied.is_empty() && found.obstacle.is_none() {
        return Err(PersistenceError::Absent { location: format!("in the database `{shown}` yet") });
    }
    refuse_obstacle(&found)?;
    let failed = |error| store_error(shown, "read", error);
    if found.is_current() && !patiently(|| is_move_unfinished(&mut *pool.get()?).map_err(failed))? {
        return Ok(());
    }
    under_lock(pool, |session, status| {
        refuse_obstacle(status)?;
        if status.has_events && !status.pending.is_empty() {
            let version = status.applied.last().map_or(0, |(number, _)| *number);
            let newest = status.pending.last().map_or(0, |(number, _)| *number);
            return Err(unusable(format!(
                "the schema of the store `{shown}` has version {version}, and this program needs {newest}; make a \
                 backup, then run `chem store migrate`"
            )));
        }
        apply(session, status, shown)?;
        match finish_move(session) {
            Err(error) if mode == OpenMode::Read && may_not_write(&error) => Ok(()),
            finished => finished.map_err(|error| unfinished(shown, error)),
        }
    })
}

/// Whether the user may not write, or the server accepts no writes.
fn may_not_write(error: &tokio_postgres::Error) -> bool {
    let refusals = [&SqlState::INSUFFICIENT_PRIVILEGE, &SqlState::READ_ONLY_SQL_TRANSACTION];
    error.code().is_some_and(|state| refusals.contains(&state))
}

/// Describes why a move could not be finished.
fn unfinished(shown: &str, error: tokio_postgres::Error) -> PersistenceError {
    if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return store_error(shown, "finish the move of", error);
    }
    let message = format!(
        "the store `{shown}` was moved here from elsewhere, and this user may not write what that leaves to be written; \
         its owner does so with `chem store migrate`"
    );
    PersistenceError::Unusable { message, source: Some(Box::new(Told(error))) }
}

/// Runs `work` while no other process reads or changes the schema. `work` must be safe to repeat.
fn under_lock<T>(
    pool: &PgPool,
    work: impl Fn(&mut Session, &SchemaStatus) -> Result<T, PersistenceError>,
) -> Result<T, PersistenceError> {
    patiently(|| once_under_lock(pool, &work))
}

fn once_under_lock<T>(
    pool: &PgPool,
    work: impl Fn(&mut Session, &SchemaStatus) -> Result<T, PersistenceError>,
) -> Result<T, PersistenceError> {
    let failed = |error| store_error(pool.shown(), "migrate", error);
    // Refinery begins and ends transactions itself, so the lock needs its own session. A transaction holds the lock and
    // releases it when it ends, whatever happens to this process or to a pooler between it and the server.
    let mut holder = pool.connect_apart()?;
    let lock = take_lock(&mut holder, pool.shown())?;
    let mut session = pool.get()?;
    // A migration has no time limit.
    session.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0").map_err(failed)?;
    let result = read_status(&mut session, pool.shown()).and_then(|status| work(&mut session, &status));
    let reset = session
        .batch_execute("RESET statement_timeout; RESET lock_timeout")
        .and_then(|()| session.set_up(pool.settings()).map(drop));
    drop(lock);
    result.and_then(|value| reset.map(|()| value).map_err(failed))
}

/// Begins a transaction that holds the lock. Logs the lock holder if it has to wait.
fn take_lock<'a>(session: &'a mut Session, shown: &str) -> Result<Transaction<'a>, PersistenceError> {
    let failed = |error| store_error(shown, "lock the schema of", error);
    let mut transaction = session.transaction().map_err(failed)?;
    // The transaction is idle while the schema is changed.
    transaction
        .batch_execute(
            "SET LOCAL idle_in_transaction_session_timeout = 0;
             SELECT set_config('transaction_timeout', '0', true)
             WHERE current_setting('server_version_num')::integer >= 170000",
        )
        .map_err(failed)?;
    let (begin, mut said) = (Instant::now(), false);
    loop {
        let row = transaction.query_one("SELECT pg_try_advisory_xact_lock($1)", &[&LOCK]).map_err(failed)?;
        if row.try_get(0).map_err(failed)? {
            return Ok(transaction);
        }
        let waited = begin.elapsed();
        if waited >= PATIENCE || waited >= SILENCE && !said {
            let holder = lock_holder(&mut transaction).map_err(failed)?;
            if waited >= PATIENCE {
                return Err(unusable(format!(
                    "the schema of the store `{shown}` has been held for {} seconds by {}; try again when that is done, or \
                     end it with `SELECT pg_terminate_backend(PID)` if it is stuck",
                    PATIENCE.as_secs(),
                    holder.as_deref().unwrap_or("one process after another")
                )));
            }
            if let Some(holder) = holder {
                tracing::warn!(target: TOLD, "waiting for the schema of the store `{shown}`, which is held by {holder}");
                said = true;
            }
        }
        thread::sleep(TRIED_EVERY);
    }
}

/// Describes the lock holder; `None` if the lock is free again.
fn lock_holder(transaction: &mut Transaction<'_>) -> Result<Option<String>, tokio_postgres::Error> {
    let Some(row) = transaction.query_opt(LOCK_HOLDER, &[&LOCK])? else { return Ok(None) };
    let (pid, program, state): (i32, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(Some(format!("the server's process {pid} (program `{program}`, {state})")))
}

fn apply(session: &mut Session, status: &SchemaStatus, shown: &str) -> Result<Vec<Version>, PersistenceError> {
    if status.pending.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error| store_error(shown, "migrate", error);
    let Some(schema) = session.schema().map(quoted) else {
        return Err(unusable(format!(
            "there is no schema for the store `{shown}`: no schema of its `search_path` is there; make one, or name it \
             with `options=-csearch_path%3DSCHEMA`"
        )));
    };
    refuse_impostors(session, shown)?;
    // Migrations name their tables without a schema.
    session.batch_execute(&format!("SET search_path = {schema}, pg_temp")).map_err(failed)?;
    // Grouped: refinery otherwise records a migration in a second transaction, and a program killed between the two
    // could never open the store again.
    let runner = embedded::migrations::runner().set_grouped(true);
    let ran = session.without_limit(async |client| runner.run_async(client).await);
    if !session.is_closed() {
        session.batch_execute("SET search_path = pg_catalog, pg_temp").map_err(failed)?;
    }
    match ran.map_err(failed)? {
        Ok(_) => Ok(status.pending.clone()),
        Err(error) => {
            let advice = advice_on(&error).map_or_else(String::new, |advice| format!(": {advice}"));
            let message = format!("the schema of the store `{shown}` cannot be brought up to date{advice}");
            Err(PersistenceError::Unusable { message, source: Some(Box::new(error)) })
        }
    }
}

/// Functions and operators in the schema that could take precedence over PostgreSQL's own of the same name, and whose
/// owner is neither the current user nor a superuser.
const IMPOSTORS: &str = "
     SELECT found.what, pg_get_userbyid(found.owner)
     FROM (
         SELECT 'function `' || oid::regprocedure || '`' AS what, proowner AS owner
         FROM pg_proc
         WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
           AND proname IN (SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace)
         UNION ALL
         SELECT 'operator `' || oid::regoperator || '`', oprowner
         FROM pg_operator
         WHERE oprnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
     ) AS found
     JOIN pg_roles ON pg_roles.oid = found.owner
     WHERE rolname <> current_user AND NOT rolsuper
     ORDER BY found.what
     LIMIT 1";

/// Refuses a migration that could run another user's code.
fn refuse_impostors(session: &mut Session, shown: &str) -> Result<(), PersistenceError> {
    let failed = |error| store_error(shown, "read the schema of", error);
    let schema = session.schema().map(str::to_owned);
    let Some(row) = session.query_opt(IMPOSTORS, &[&schema]).map_err(failed)? else { return Ok(()) };
    let (what, owner): (String, String) =
        row.try_get(0).and_then(|what| Ok((what, row.try_get(1)?))).map_err(failed)?;
    Err(unusable(format!(
        "the schema of the store `{shown}` has a {what} of the role `{owner}`, which would run in the place of PostgreSQL's \
         own; drop it, or name another schema with `options=-csearch_path%3DSCHEMA`"
    )))
}

/// The existing tables of a store, each in the first schema of `$1` that has it.
const FOUND: &str = "
     SELECT DISTINCT ON (relname) relname::text, schema
     FROM unnest($1::text[]) WITH ORDINALITY AS path (schema, place)
     JOIN pg_namespace ON nspname = schema
     JOIN pg_class ON relnamespace = pg_namespace.oid
     WHERE relname = ANY ($2)
     ORDER BY relname, place";

fn read_status(session: &mut Session, shown: &str) -> Result<SchemaStatus, PersistenceError> {
    let failed = |error| store_error(shown, "read the schema of", error);
    let (path, names) = (session.path().to_vec(), TABLES.map(str::to_owned).to_vec());
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for row in session.query(FOUND, &[&path, &names]).map_err(failed)? {
        found.insert(row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    }
    // Another process may have created the store since this session began.
    if let Some(schema) = TABLES.iter().find_map(|table| found.get(*table)) {
        session.store_is_in(schema);
    }
    let schemas: BTreeSet<&String> = found.values().collect();
    let schemas: Vec<&str> = schemas.into_iter().map(String::as_str).collect();
    let is_one = schemas.len() <= 1;
    let has_history = is_one && found.contains_key(HISTORY);
    let tables: Vec<&str> =
        TABLES.into_iter().filter(|table| *table != HISTORY && found.contains_key(*table)).collect();
    let encoding: String = session
        .query_one("SELECT current_setting('server_encoding')", &[])
        .and_then(|row| row.try_get(0))
        .map_err(failed)?;
    let has_log = is_one && tables.contains(&"event_log");
    let any = session.in_schema("SELECT 1 FROM store.event_log LIMIT 1");
    let has_events = has_log && session.query_opt(&any, &[]).map_err(failed)?.is_some();
    let mut applied = BTreeMap::new();
    if has_history {
        let query = "SELECT version, name, checksum, applied_on FROM store.refinery_schema_history ORDER BY version";
        let query = session.in_schema(query);
        for row in session.query(&query, &[]).map_err(failed)? {
            let read = || -> Result<(i32, String, String, String), tokio_postgres::Error> {
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
            };
            let (version, name, checksum, applied_on) = read().map_err(failed)?;
            // Refinery panics on values that it cannot parse.
            let readable = applied_on.parse::<Timestamp>().is_ok() && checksum.parse::<u64>().is_ok();
            let version =
                u32::try_from(version).ok().filter(|_| readable).ok_or_else(|| PersistenceError::Corrupt {
                    reason: format!("the list of migrations in `{shown}` cannot be read at version {version}"),
                })?;
            applied.insert(version, (name, checksum));
        }
    }
    let runner = embedded::migrations::runner();
    let mut known = runner.get_migrations().clone();
    known.sort_unstable_by_key(Migration::version);
    let obstacle = if schemas.len() > 1 {
        Some(format!(
            "the `search_path` of the store `{shown}` finds its tables in several schemas ({}); name the one that is meant with `options=-csearch_path%3DSCHEMA`",
            schemas.join(", ")
        ))
    } else if let Some(table) = tables.first().filter(|_| applied.is_empty()) {
        Some(format!(
            "the database `{shown}` has a table `{table}` that is not this program's; name another database, or another schema with `options=-csearch_path%3DSCHEMA`"
        ))
    } else if applied.is_empty() && !["UTF8", "SQL_ASCII"].contains(&encoding.as_str()) {
        Some(format!(
            "the database `{shown}` is in the encoding `{encoding}`, which does not have every character; name one in UTF-8, as `createdb -E UTF8 -T template0` makes it"
        ))
    } else {
        obstacle(shown, &known, &applied)
    };
    let pending = known
        .iter()
        .map(|known| (known.version().unsigned_abs(), known.name().to_owned()))
        .filter(|(version, _)| !applied.contains_key(version))
        .collect();
    let applied = applied.into_iter().map(|(version, (name, _))| (version, name)).collect();
    Ok(SchemaStatus { applied, pending, has_events, obstacle })
}

/// Describes what is wrong with the applied migrations; `None` if nothing is.
fn obstacle(shown: &str, known: &[Migration], applied: &BTreeMap<u32, (String, String)>) -> Option<String> {
    let newest = known.last().map_or(0, |known| known.version().unsigned_abs());
    let missing = known.iter().map(|known| known.version().unsigned_abs()).find(|version| {
        applied.keys().next_back().is_some_and(|newest| version < newest) && !applied.contains_key(version)
    });
    if let Some(version) = missing {
        return Some(format!("the schema of the store `{shown}` lacks migration {version}, and has later ones"));
    }
    applied.iter().find_map(|(version, (name, checksum))| {
        match known.iter().find(|known| known.version().unsigned_abs() == *version) {
            Some(known) if known.name() == name && known.checksum().to_string() == *checksum => None,
            Some(known) => Some(format!(
                "the schema of the store `{shown}` is not the one that this program makes: its migration {version} is `{name}` with checksum {checksum}, here it is `{}` with checksum {}; open it with the program that made it",
                known.name(),
                known.checksum()
            )),
            None => Some(format!(
                "the store `{shown}` was made by a later release of this program: its schema has version {version} (`{name}`), and this release knows {newest}; use the later release"
            )),
        }
    })
}

fn refuse_obstacle(status: &SchemaStatus) -> Result<(), PersistenceError> {
    status.obstacle.clone().map_or(Ok(()), |message| Err(unusable(message)))
}

fn unusable(message: String) -> PersistenceError {
    PersistenceError::Unusable { message, source: None }
}
