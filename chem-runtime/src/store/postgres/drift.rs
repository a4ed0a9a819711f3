//! Whether the schema of a store is still what the migrations made of it.
//!
//! A database is described as a list of objects, each as the SQL that makes it. The description of a fresh store is
//! checked in as `snapshots/schema.sql`; what differs from it has drifted.

use std::collections::BTreeMap;
use std::fmt;

use super::error::store_error;
use super::provider::PgPool;
use super::schema::status;
use crate::store::StoreError;

/// The description of a fresh store.
const EXPECTED: &str = include_str!("../../../../snapshots/schema.sql");

/// What begins the description of an object.
const OBJECT: &str = "-- object: ";

/// Everything about the store's tables that a person could have changed, in an order in which it can be made again.
const DESCRIBE: &str = include_str!("describe.sql");

/// What has become of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftKind {
    /// It is gone.
    Missing,
    /// It is another one.
    Changed,
    /// It is not the program's.
    Extra,
}

/// An object that is not as the migrations made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// What has become of it.
    pub kind: DriftKind,
    /// Which one, as in `trigger event_log.event_log_is_append_only`.
    pub object: String,
    /// The SQL that makes it as it should be.
    pub expected: Option<String>,
    /// The SQL that makes it as it is.
    pub found: Option<String>,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DriftKind::Missing => write!(f, "{} is missing", self.object)?,
            DriftKind::Changed => write!(f, "{} is not as it was made", self.object)?,
            DriftKind::Extra => write!(f, "{} is not the program's", self.object)?,
        }
        let mut line = |label: &str, sql: &Option<String>| match sql {
            Some(sql) => write!(f, "\n  {label} {}", sql.replace('\n', "\n  ")),
            None => Ok(()),
        };
        line("expected", &self.expected)?;
        line("found   ", &self.found)
    }
}

/// What of the schema of a store has drifted.
///
/// # Errors
/// [`StoreError::Unusable`] if the store has an older or a newer schema, with which this one cannot be compared.
pub fn check(pool: &PgPool) -> Result<Vec<Drift>, StoreError> {
    let status = status(pool)?;
    if !status.is_current() {
        let message = status.obstacle.clone().unwrap_or_else(|| {
            format!("the schema of the store `{}` is not the newest; run `chem store migrate` first", pool.shown())
        });
        return Err(StoreError::Unusable { message, source: None });
    }
    let found = describe(pool)?;
    Ok(compare(&parse(EXPECTED), &parse(&found)))
}

/// The schema of a store as SQL, one statement or two for each object.
pub fn describe(pool: &PgPool) -> Result<String, StoreError> {
    let failed = |error| store_error(pool.shown(), "read the schema of", error);
    let mut description = String::from("-- The schema of a store after all migrations, as the program describes it.\n");
    for row in pool.get()?.query(DESCRIBE, &[]).map_err(failed)? {
        let (object, sql): (String, String) =
            row.try_get(0).and_then(|object| Ok((object, row.try_get(1)?))).map_err(failed)?;
        description.push_str(&format!("\n{OBJECT}{object}\n{}\n", sql.trim_end()));
    }
    Ok(description)
}

/// The objects of a description, by name.
fn parse(description: &str) -> BTreeMap<&str, &str> {
    let objects = description.split(OBJECT).skip(1);
    objects.filter_map(|object| object.split_once('\n')).map(|(name, sql)| (name, sql.trim())).collect()
}

fn compare(expected: &BTreeMap<&str, &str>, found: &BTreeMap<&str, &str>) -> Vec<Drift> {
    let drift = |kind, object: &str, expected: Option<&&str>, found: Option<&&str>| Drift {
        kind,
        object: object.to_owned(),
        expected: expected.map(|sql| (*sql).to_owned()),
        found: found.map(|sql| (*sql).to_owned()),
    };
    let mut drifts = Vec::new();
    for (object, sql) in expected {
        match found.get(object) {
            None => drifts.push(drift(DriftKind::Missing, object, Some(sql), None)),
            Some(other) if other != sql => drifts.push(drift(DriftKind::Changed, object, Some(sql), Some(other))),
            Some(_) => {}
        }
    }
    for (object, sql) in found.iter().filter(|(object, _)| !expected.contains_key(*object)) {
        drifts.push(drift(DriftKind::Extra, object, None, Some(sql)));
    }
    drifts
}
