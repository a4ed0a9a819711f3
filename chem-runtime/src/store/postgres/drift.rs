//! Detects changes of a store's schema since its migrations.
//!
//! A database is described as a list of objects, each with the SQL that creates it. The description of a fresh store is
//! checked in as `snapshots/schema.sql`; every difference from it is drift.

use std::collections::BTreeMap;

use super::error::store_error;
use super::follow::is_behind;
use super::provider::PgPool;
use super::rights;
use super::schema::status;
use crate::store::PersistenceError;
use crate::store::schema::{Drift, DriftKind, compare};

/// The description of a fresh store.
const EXPECTED: &str = include_str!("schema.sql");

/// The prefix of the description of an object.
const OBJECT: &str = "-- object: ";

/// Everything about the store's tables that a person could have changed, in an order in which it can be recreated.
const DESCRIBE: &str = include_str!("describe.sql");

/// Returns the drift of a store's schema.
///
/// # Errors
/// [`PersistenceError::Unusable`] if the store has an older or a newer schema, with which this one cannot be compared.
pub fn check(pool: &PgPool) -> Result<Vec<Drift>, PersistenceError> {
    let status = status(pool)?;
    if !status.is_current() {
        let message = status.obstacle.clone().unwrap_or_else(|| {
            format!("the schema of the store `{}` is not the newest; run `chem store migrate` first", pool.shown())
        });
        return Err(PersistenceError::Unusable { message, source: None });
    }
    let found = describe(pool)?;
    let mut drifts = compare(&parse(EXPECTED), &parse(&found));
    let failed = |error| store_error(pool.shown(), "read the schema of", error);
    drifts.extend(rights::excess(&mut *pool.get()?).map_err(failed)?);
    if is_behind(&mut *pool.get()?).map_err(failed)? {
        drifts.push(Drift {
            kind: DriftKind::Changed,
            object: "sequence event_log_seq_seq".to_owned(),
            expected: Some("SELECT setval('event_log_seq_seq', max(seq)) FROM event_log".to_owned()),
            found: None,
        });
    }
    Ok(drifts)
}

/// Describes the schema of a store as SQL, with one or two statements for each object.
pub fn describe(pool: &PgPool) -> Result<String, PersistenceError> {
    let failed = |error| store_error(pool.shown(), "read the schema of", error);
    let mut description = String::from("-- The schema of a store after all migrations, as the program describes it.\n");
    let mut session = pool.get()?;
    let schema = session.schema().map(str::to_owned);
    for row in session.query(DESCRIBE, &[&schema]).map_err(failed)? {
        let (object, sql): (String, String) =
            row.try_get(0).and_then(|object| Ok((object, row.try_get(1)?))).map_err(failed)?;
        description.push_str(&format!("\n{OBJECT}{object}\n{}\n", sql.trim_end()));
    }
    Ok(description)
}

/// Returns the objects of a description, by name.
fn parse(description: &str) -> BTreeMap<String, String> {
    let objects = description.split(OBJECT).skip(1);
    objects
        .filter_map(|object| object.split_once('\n'))
        .map(|(name, sql)| (name.to_owned(), sql.trim().to_owned()))
        .collect()
}
