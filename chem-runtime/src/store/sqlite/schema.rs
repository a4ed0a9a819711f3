//! The schema of a store: identifies it, reads its version and brings it up to date.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use refinery::Migration;
use rusqlite::Connection;

use super::error::OpenError;
use crate::store::PersistenceError;
use crate::store::schema::SchemaStatus;

mod embedded {
    #![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "generated")]
    refinery::embed_migrations!("migrations/sqlite");
}

/// The application id that the first migration writes into the file header: `chem` in ASCII.
const APPLICATION_ID: i64 = 0x6368_656d;

/// The table in which refinery records the applied migrations.
const HISTORY: &str = "refinery_schema_history";

/// Brings the schema up to date.
///
/// The caller must hold the lock that keeps other processes from doing the same.
pub(super) fn bring_up_to_date(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let runner = embedded::migrations::runner();
    let applied = applied(path, connection)?;
    check(path, runner.get_migrations(), &applied)?;
    if runner.get_migrations().iter().all(|known| applied.contains_key(&i64::from(known.version()))) {
        return Ok(());
    }
    // A migration that rebuilds the log drops the old table, which the artifacts reference. The pragma has no effect
    // within a transaction, so a migration cannot set it.
    connection.pragma_update(None, "foreign_keys", false)?;
    let applied = apply(path, connection);
    connection.pragma_update(None, "foreign_keys", true)?;
    applied
}

fn apply(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let runner = embedded::migrations::runner();
    // Grouped, because refinery otherwise records a migration in a separate transaction, and a program killed between
    // the two could never open the store again.
    match runner.set_grouped(true).run(connection) {
        Ok(_) => Ok(()),
        Err(error) => match std::error::Error::source(&error).and_then(|source| source.downcast_ref()) {
            Some(rusqlite::Error::SqliteFailure(code, message)) => {
                Err(rusqlite::Error::SqliteFailure(*code, message.clone()).into())
            }
            _ => Err(OpenError::Store(PersistenceError::Unusable {
                message: format!("the schema of the store `{}` cannot be brought up to date", path.display()),
                source: Some(Box::new(error)),
            })),
        },
    }
}

/// Returns the state of the open database's schema.
pub(super) fn read_status(path: &Path, connection: &Connection) -> Result<SchemaStatus, OpenError> {
    let runner = embedded::migrations::runner();
    let applied = applied(path, connection)?;
    let obstacle = match check(path, runner.get_migrations(), &applied) {
        Ok(()) => None,
        Err(OpenError::Store(PersistenceError::Unusable { message, .. })) => Some(message),
        Err(error) => return Err(error),
    };
    let has_events = connection.table_exists(None, "event_log")?
        && connection.query_row("SELECT EXISTS (SELECT 1 FROM event_log)", [], |row| row.get(0))?;
    let version = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let pending = runner
        .get_migrations()
        .iter()
        .map(|known| (i64::from(known.version()), known.name().to_owned()))
        .filter(|(number, _)| !applied.contains_key(number))
        .map(|(number, name)| (version(number), name))
        .collect();
    let applied = applied.into_iter().map(|(number, (name, _))| (version(number), name)).collect();
    Ok(SchemaStatus { applied, pending, has_events, obstacle })
}

/// Returns the SQL of every object of the open database, by type and name.
pub(super) fn describe(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare(
        "SELECT type || ' ' || CASE WHEN name = tbl_name THEN name ELSE tbl_name || '.' || name END, sql
         FROM sqlite_schema WHERE sql IS NOT NULL",
    )?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Returns the SQL of every object that the migrations create, by type and name.
pub(super) fn expected() -> Result<BTreeMap<String, String>, OpenError> {
    let mut fresh = Connection::open_in_memory()?;
    bring_up_to_date(Path::new(":memory:"), &mut fresh)?;
    Ok(describe(&fresh)?)
}

/// Refuses the database of another program and leaves it unchanged.
///
/// A store that was restored from its SQL text, as by `.dump`, has lost the application id. It is known by its history.
pub(super) fn refuse_foreign(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE name NOT IN (?1, 'sqlite_autoindex_' || ?1 || '_1')",
        [HISTORY],
        |row| row.get(0),
    )?;
    // An interrupted opening leaves an empty history and nothing else.
    if id == APPLICATION_ID || (id == 0 && (tables == 0 || began_here(path, connection)?)) {
        return Ok(());
    }
    Err(OpenError::unusable(format!(
        "`{}` is not a store: it is the SQLite database of another program; name another one with `--store sqlite:PATH`",
        path.display()
    )))
}

/// Returns whether the history begins with the first migration of this program.
fn began_here(path: &Path, connection: &Connection) -> Result<bool, OpenError> {
    let runner = embedded::migrations::runner();
    let applied = applied(path, connection)?;
    Ok(runner.get_migrations().iter().find(|known| known.version() == 1).is_some_and(|first| {
        applied
            .get(&1)
            .is_some_and(|(name, checksum)| name == first.name() && *checksum == first.checksum().to_string())
    }))
}

/// Returns the names and checksums of the migrations in the history, by version.
fn applied(path: &Path, connection: &Connection) -> Result<BTreeMap<i64, (String, String)>, OpenError> {
    if !connection.table_exists(None, HISTORY)? {
        return Ok(BTreeMap::new());
    }
    let mut statement =
        connection.prepare(&format!("SELECT version, name, checksum, applied_on FROM {HISTORY} ORDER BY version"))?;
    let mut rows = statement.query([])?;
    let mut applied = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let applied_on: String = row.get(3)?;
        // Refinery panics on a time that it cannot parse.
        if applied_on.parse::<Timestamp>().is_err() {
            return Err(OpenError::Store(PersistenceError::Corrupt {
                reason: format!("the list of migrations in `{}` has `{applied_on}` as a time", path.display()),
            }));
        }
        applied.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
    }
    Ok(applied)
}

/// Refuses a schema made by a later release, or with migrations that differ from this release's.
fn check(path: &Path, known: &[Migration], applied: &BTreeMap<i64, (String, String)>) -> Result<(), OpenError> {
    let path = path.display();
    for (version, (name, checksum)) in applied {
        let message = match known.iter().find(|known| i64::from(known.version()) == *version) {
            Some(known) if known.name() == name && known.checksum().to_string() == *checksum => continue,
            Some(known) => format!(
                "the schema of the store `{path}` is not the one that this program makes: its migration {version} is `{name}` with checksum {checksum}, here it is `{}` with checksum {}; open it with the program that made it",
                known.name(),
                known.checksum()
            ),
            None => {
                let newest = known.iter().map(Migration::version).max().unwrap_or(0);
                format!(
                    "the store `{path}` was made by a later release of this program: its schema has version {version} (`{name}`), and this release knows {newest}; use the later release"
                )
            }
        };
        return Err(OpenError::unusable(message));
    }
    Ok(())
}
