//! The schema of a store: how old it is, and how it is brought up to date.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postgres::error::SqlState;
use refinery::Migration;

use super::error::{Told, advice_on, store_error};
use super::follow::{finish_move, is_move_unfinished};
use super::provider::PgPool;
use super::session::Session;
use crate::store::schema::{SchemaStatus, Version};
use crate::store::{RetryPolicy, StoreError, with_retry};

mod embedded {
    #![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "generated")]
    refinery::embed_migrations!("../migrations/postgres");
}

/// Held while a schema is looked at and changed: refinery takes no lock of its own. The number says `chem` in ASCII.
const LOCK: i64 = 0x6368_656d;

/// How the schema stands.
pub fn status(pool: &PgPool) -> Result<SchemaStatus, StoreError> {
    patiently(|| read_status(&mut *pool.get()?, pool.shown()))
}

/// Does what may be done twice until it goes through, as what comes after the opening of a store is done.
fn patiently<T>(mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    with_retry(&RetryPolicy::default(), |_| work())
}

/// Brings the schema up to date, and returns the migrations that were applied for it.
///
/// # Errors
/// [`StoreError::Unusable`] if it was made by a later release, or is not what this program's migrations make.
pub fn migrate(pool: &PgPool) -> Result<Vec<Version>, StoreError> {
    under_lock(pool, |session, status| {
        refuse_obstacle(status)?;
        let applied = apply(session, status, pool.shown())?;
        finish_move(session).map_err(|error| unfinished(pool.shown(), error))?;
        Ok(applied)
    })
}

/// Sees to it that the store can be used: a new one, and one that holds no events, is brought up to date without being
/// asked.
///
/// # Errors
/// [`StoreError::Unusable`] if it holds events and is older, if it was made by a later release, or if it is not what
/// this program's migrations make.
pub(super) fn ensure(pool: &PgPool) -> Result<(), StoreError> {
    make_usable(pool, &status(pool)?, Purpose::Write)
}

/// The same for a store that is there.
///
/// # Errors
/// [`StoreError::Absent`] if no migration was ever applied, and then nothing is written; otherwise as [`ensure`].
pub(super) fn ensure_there(pool: &PgPool) -> Result<(), StoreError> {
    ensure_there_for(pool, Purpose::Write)
}

/// The same for a store that is only read: what a move leaves to write is left to others where it may not be written.
///
/// # Errors
/// As [`ensure_there`].
pub(super) fn ensure_readable(pool: &PgPool) -> Result<(), StoreError> {
    ensure_there_for(pool, Purpose::Read)
}

/// What a store is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Read,
    Write,
}

fn ensure_there_for(pool: &PgPool, purpose: Purpose) -> Result<(), StoreError> {
    let found = status(pool)?;
    if found.applied.is_empty() && found.obstacle.is_none() {
        return Err(StoreError::Absent { place: format!("in the database `{}` yet", pool.shown()) });
    }
    make_usable(pool, &found, purpose)
}

fn make_usable(pool: &PgPool, found: &SchemaStatus, purpose: Purpose) -> Result<(), StoreError> {
    let shown = pool.shown();
    refuse_obstacle(found)?;
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
            Err(error) if purpose == Purpose::Read && may_not_write(&error) => Ok(()),
            finished => finished.map_err(|error| unfinished(shown, error)),
        }
    })
}

/// Whether it is not for this user, or not for this server, to write.
fn may_not_write(error: &postgres::Error) -> bool {
    let refusals = [&SqlState::INSUFFICIENT_PRIVILEGE, &SqlState::READ_ONLY_SQL_TRANSACTION];
    error.code().is_some_and(|state| refusals.contains(&state))
}

/// Why what a move leaves to do was not done.
fn unfinished(shown: &str, error: postgres::Error) -> StoreError {
    if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return store_error(shown, "finish the move of", error);
    }
    let message = format!(
        "the store `{shown}` was moved here from elsewhere, and this user may not write what that leaves to be written; \
         its owner does so with `chem store migrate`"
    );
    StoreError::Unusable { message, source: Some(Box::new(Told(error))) }
}

/// Does `work` while no other process looks at the schema or changes it. It may be done twice.
fn under_lock<T>(
    pool: &PgPool,
    work: impl Fn(&mut Session, &SchemaStatus) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    patiently(|| once_under_lock(pool, &work))
}

fn once_under_lock<T>(
    pool: &PgPool,
    work: impl Fn(&mut Session, &SchemaStatus) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut session = pool.get()?;
    let failed = |error| store_error(pool.shown(), "migrate", error);
    // A migration takes as long as it takes, and so does the one that another process is at.
    session.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0").map_err(failed)?;
    session.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).map_err(failed)?;
    let result = read_status(&mut session, pool.shown()).and_then(|status| work(&mut session, &status));
    // If this fails, the connection is lost and the lock with it.
    let unlocked = session
        .batch_execute("RESET statement_timeout; RESET lock_timeout")
        .and_then(|()| session.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).map(drop))
        .and_then(|()| session.set_up(pool.settings()));
    result.and_then(|value| unlocked.map(|()| value).map_err(failed))
}

fn apply(session: &mut Session, status: &SchemaStatus, shown: &str) -> Result<Vec<Version>, StoreError> {
    if status.pending.is_empty() {
        return Ok(Vec::new());
    }
    // Grouped: refinery otherwise notes a migration in a transaction after the one that made it, and a program killed
    // between the two could never open the store again.
    match embedded::migrations::runner().set_grouped(true).run(&mut **session) {
        Ok(_) => Ok(status.pending.clone()),
        Err(error) => {
            let advice = advice_on(&error).map_or_else(String::new, |advice| format!(": {advice}"));
            let message = format!("the schema of the store `{shown}` cannot be brought up to date{advice}");
            Err(StoreError::Unusable { message, source: Some(Box::new(error)) })
        }
    }
}

fn read_status(session: &mut Session, shown: &str) -> Result<SchemaStatus, StoreError> {
    let failed = |error| store_error(shown, "read the schema of", error);
    let row = session
        .query_one(
            "SELECT to_regclass('refinery_schema_history') IS NOT NULL, to_regclass('event_log') IS NOT NULL,
                    (SELECT coalesce(array_agg(DISTINCT relnamespace::regnamespace::text), '{}')
                     FROM unnest(ARRAY['refinery_schema_history', 'event_log', 'workflow_step_artifacts',
                                       'delivery_eras', 'flow_leases']) AS name
                     JOIN pg_class ON pg_class.oid = to_regclass(name))",
            &[],
        )
        .map_err(failed)?;
    let read = || -> Result<(bool, bool, Vec<String>), postgres::Error> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    };
    let (has_history, has_log, schemas) = read().map_err(failed)?;
    let has_events = has_log && session.query_opt("SELECT 1 FROM event_log LIMIT 1", &[]).map_err(failed)?.is_some();
    let mut applied = BTreeMap::new();
    if has_history {
        let query = "SELECT version, name, checksum, applied_on FROM refinery_schema_history ORDER BY version";
        for row in session.query(query, &[]).map_err(failed)? {
            let read = || -> Result<(i32, String, String, String), postgres::Error> {
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
            };
            let (version, name, checksum, applied_on) = read().map_err(failed)?;
            // Refinery panics on what it cannot read here.
            let readable = applied_on.parse::<Timestamp>().is_ok() && checksum.parse::<u64>().is_ok();
            let version = u32::try_from(version).ok().filter(|_| readable).ok_or_else(|| StoreError::Corrupt {
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
    } else if has_log && applied.is_empty() {
        Some(format!(
            "the database `{shown}` has a table `event_log` that is not this program's; name another database, or another schema with `options=-csearch_path%3DSCHEMA`"
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

/// What is wrong with the migrations that were applied.
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

fn refuse_obstacle(status: &SchemaStatus) -> Result<(), StoreError> {
    status.obstacle.clone().map_or(Ok(()), |message| Err(unusable(message)))
}

fn unusable(message: String) -> StoreError {
    StoreError::Unusable { message, source: None }
}
