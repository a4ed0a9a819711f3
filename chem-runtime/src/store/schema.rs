//! The schema of a store: how old it is, how it is brought up to date, and whether it is still what it was made.
//!
//! What a person asks of it goes through [`status`], [`migrate`] and [`check`], whichever store it is. How a store finds
//! out is for each of them to know.

use std::collections::BTreeMap;
use std::fmt;

use super::{StoreError, StoreUrl, sqlite};

/// A migration by number and name.
pub type Version = (u32, String);

/// How the schema of a store stands to this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatus {
    /// The migrations that were applied.
    pub applied: Vec<Version>,
    /// The migrations that this program knows and the store has not seen.
    pub pending: Vec<Version>,
    /// Whether the store holds any event.
    pub has_events: bool,
    /// What keeps this program from using the store, however it is migrated.
    pub obstacle: Option<String>,
}

impl SchemaStatus {
    /// Whether the store can be used as it is.
    pub fn is_current(&self) -> bool {
        self.pending.is_empty() && self.obstacle.is_none()
    }
}

impl fmt::Display for SchemaStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(obstacle) = &self.obstacle {
            return f.write_str(obstacle);
        }
        match self.applied.last() {
            None => f.write_str("the store has no schema yet")?,
            Some((number, name)) => write!(f, "the schema has version {number} ({})", name.replace('_', " "))?,
        }
        if self.pending.is_empty() {
            return f.write_str(", which is the newest");
        }
        f.write_str("; to be applied:")?;
        self.pending.iter().try_for_each(|(number, name)| write!(f, "\n  {number}  {}", name.replace('_', " ")))
    }
}

/// What has become of an object of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftKind {
    /// It is gone.
    Missing,
    /// It is another one.
    Changed,
    /// It is not the program's.
    Extra,
    /// It is a right that nobody needs to read and to run.
    Excessive,
}

impl DriftKind {
    /// The kind as the command line prints it for scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Extra => "extra",
            Self::Excessive => "excessive",
        }
    }
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
            DriftKind::Excessive => write!(f, "{} is more than `chem store grant` gives", self.object)?,
        }
        let mut line = |label: &str, sql: &Option<String>| match sql {
            Some(sql) => write!(f, "\n  {label} {}", sql.replace('\n', "\n  ")),
            None => Ok(()),
        };
        line("expected", &self.expected)?;
        line("found   ", &self.found)
    }
}

/// What differs between two schemas, each as the SQL of its objects by name.
pub(super) fn compare(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Vec<Drift> {
    let drift = |kind, object: &String| {
        let (expected, found) = (expected.get(object).cloned(), found.get(object).cloned());
        Drift { kind, object: object.clone(), expected, found }
    };
    let made = expected.iter().filter_map(|(object, sql)| match found.get(object) {
        None => Some(drift(DriftKind::Missing, object)),
        Some(other) if other != sql => Some(drift(DriftKind::Changed, object)),
        Some(_) => None,
    });
    let extra = found.keys().filter(|object| !expected.contains_key(*object));
    made.chain(extra.map(|object| drift(DriftKind::Extra, object))).collect()
}

/// How the schema of the store at `url` stands. Changes nothing.
pub fn status(url: &StoreUrl) -> Result<SchemaStatus, StoreError> {
    match url {
        StoreUrl::Memory => Ok(no_schema()),
        StoreUrl::Sqlite(path) => sqlite::status(path),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => super::postgres::status(&postgres_pool(url)?),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(super::url::no_postgres(url)),
    }
}

/// Brings the schema of the store at `url` up to date, and returns the migrations that were applied for it. A store that
/// is not there yet is made.
///
/// # Errors
/// [`StoreError::Unusable`] if it was made by a later release, or is not what this program's migrations make.
pub fn migrate(url: &StoreUrl) -> Result<Vec<Version>, StoreError> {
    match url {
        StoreUrl::Memory => Ok(Vec::new()),
        StoreUrl::Sqlite(path) => sqlite::migrate(path),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => super::postgres::migrate(&postgres_pool(url)?),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(super::url::no_postgres(url)),
    }
}

/// What of the schema of the store at `url` has drifted.
///
/// # Errors
/// [`StoreError::Unusable`] if the store has an older or a newer schema, with which this one cannot be compared;
/// [`StoreError::Corrupt`] if the store is damaged.
pub fn check(url: &StoreUrl) -> Result<Vec<Drift>, StoreError> {
    match url {
        StoreUrl::Memory => Ok(Vec::new()),
        StoreUrl::Sqlite(path) => sqlite::check(path),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => super::postgres::check(&postgres_pool(url)?),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(super::url::no_postgres(url)),
    }
}

/// What a role of a database may do with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Everything that only reads.
    Reader,
    /// Besides, run flows: append to runs and hold their leases, by the functions of the store.
    Runner,
}

/// Gives the role `role` of the database these rights on the store at `url`, and takes all others from it. Returns the
/// statements that do so; with `only_tell` they are not executed.
///
/// # Errors
/// [`StoreError::Unusable`] if the store has no roles, there is no such role, or it is not for this user to do so.
pub fn grant(url: &StoreUrl, role: &str, rights: Rights, only_tell: bool) -> Result<Vec<String>, StoreError> {
    match url {
        StoreUrl::Memory | StoreUrl::Sqlite(_) => {
            let message =
                format!("only a store in PostgreSQL has roles, and `{url}` has none; `chmod` says who may use a file");
            Err(StoreError::Unusable { message, source: None })
        }
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => {
            let pool = postgres_pool(url)?;
            if only_tell {
                super::postgres::grants(&pool, role, rights)
            } else {
                super::postgres::grant(&pool, role, rights)
            }
        }
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => {
            let _ = (role, rights, only_tell);
            Err(super::url::no_postgres(url))
        }
    }
}

/// Memory has no schema that could be old.
fn no_schema() -> SchemaStatus {
    SchemaStatus { applied: Vec::new(), pending: Vec::new(), has_events: false, obstacle: None }
}

#[cfg(feature = "postgres")]
fn postgres_pool(url: &super::PostgresUrl) -> Result<super::postgres::PgPool, StoreError> {
    use super::postgres::{PgPool, PoolSettings};
    PgPool::connect(url, PoolSettings::from_variables(|name| std::env::var(name).ok())?)
}
