//! The schema of a store: its version, its migrations, and changes made to it by other means.
//!
//! [`status`], [`migrate`] and [`check`] work on every kind of store and leave the details to its module.

use std::collections::BTreeMap;
use std::fmt;

use super::{PersistenceError, StoreUrl};

/// A migration's number and name.
pub type Version = (u32, String);

/// The state of a store's schema, compared with the migrations that this program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatus {
    /// The migrations that were applied to the store.
    pub applied: Vec<Version>,
    /// The migrations that this program knows and the store lacks.
    pub pending: Vec<Version>,
    /// Whether the store contains any events.
    pub has_events: bool,
    /// The reason why this program cannot use the store, even after a migration; `None` if there is none.
    pub obstacle: Option<String>,
}

impl SchemaStatus {
    /// Returns whether the store can be used without a migration.
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

/// How an object of the schema differs from what the migrations create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftKind {
    /// The object is missing.
    Missing,
    /// The object has a different definition.
    Changed,
    /// The migrations do not create the object.
    Extra,
    /// The object is a right that neither readers nor runners need.
    Excessive,
}

impl DriftKind {
    /// Returns the name that the command line prints for scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Extra => "extra",
            Self::Excessive => "excessive",
        }
    }
}

/// An object that differs from what the migrations create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// How it differs.
    pub kind: DriftKind,
    /// The object's type and name, as in `trigger event_log.event_log_is_append_only`.
    pub object: String,
    /// The SQL that creates the object as expected; `None` if it is not expected.
    pub expected: Option<String>,
    /// The SQL that creates the object as found; `None` if it was not found.
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

/// Returns the differences between two schemas, each given as the SQL of its objects by name.
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

/// Returns the state of the schema of the store at `url`. Changes nothing.
pub fn status(url: &StoreUrl) -> Result<SchemaStatus, PersistenceError> {
    match url {
        StoreUrl::Memory => Ok(no_schema()),
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) => super::sqlite::status(path),
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite(_) => Err(super::url::no_sqlite(url)),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => super::postgres::status(&postgres_pool(url)?),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(super::url::no_postgres(url)),
    }
}

/// Brings the schema of the store at `url` up to date and returns the migrations that it applied. Creates the store if
/// it does not exist.
///
/// # Errors
/// Returns [`PersistenceError::Unusable`] if a later release made the store, or its schema is not one that this program's
/// migrations create.
pub fn migrate(url: &StoreUrl) -> Result<Vec<Version>, PersistenceError> {
    match url {
        StoreUrl::Memory => Ok(Vec::new()),
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) => super::sqlite::migrate(path),
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite(_) => Err(super::url::no_sqlite(url)),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => super::postgres::migrate(&postgres_pool(url)?),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(super::url::no_postgres(url)),
    }
}

/// Returns the objects in the schema of the store at `url` that differ from what the migrations create.
///
/// # Errors
/// Returns [`PersistenceError::Unusable`] if the schema is older or newer than this program's and cannot be compared with it,
/// and [`PersistenceError::Corrupt`] if the store is damaged.
pub fn check(url: &StoreUrl) -> Result<Vec<Drift>, PersistenceError> {
    match url {
        StoreUrl::Memory => Ok(Vec::new()),
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) => super::sqlite::check(path),
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite(_) => Err(super::url::no_sqlite(url)),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => super::postgres::check(&postgres_pool(url)?),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(super::url::no_postgres(url)),
    }
}

/// The rights of a database role on a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// May read everything.
    Reader,
    /// May also run flows: append to runs and hold their leases, through the functions of the store.
    Runner,
}

/// Grants the database role `role` exactly these rights on the store at `url`, and revokes all others. Returns the
/// statements that do so; with `only_tell`, does not execute them.
///
/// # Errors
/// Returns [`PersistenceError::Unusable`] if the store has no roles, the role does not exist, or this user may not grant the
/// rights.
pub fn grant(url: &StoreUrl, role: &str, rights: Rights, only_tell: bool) -> Result<Vec<String>, PersistenceError> {
    match url {
        StoreUrl::Memory | StoreUrl::Sqlite(_) => {
            let message =
                format!("only a store in PostgreSQL has roles, and `{url}` has none; `chmod` says who may use a file");
            Err(PersistenceError::Unusable { message, source: None })
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

/// Returns the status of a store without a schema.
fn no_schema() -> SchemaStatus {
    SchemaStatus { applied: Vec::new(), pending: Vec::new(), has_events: false, obstacle: None }
}

#[cfg(feature = "postgres")]
fn postgres_pool(url: &super::PostgresUrl) -> Result<super::postgres::PgPool, PersistenceError> {
    use super::postgres::{PgPool, PoolSettings};
    PgPool::connect(url, PoolSettings::from_variables(|name| std::env::var(name).ok())?)
}
