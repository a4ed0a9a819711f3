//! The schema of a store: its version, its migrations, changes made to it by other means, and the rights on it.
//!
//! A [`Backend`](super::Backend) returns these types.

use std::collections::BTreeMap;
use std::fmt;

/// A migration's number and name.
pub type Version = (u32, String);

/// The state of a store's schema, compared with the migrations that this program knows. The default is that of a store
/// without a schema, which needs no migrations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
            None if self.pending.is_empty() => return f.write_str("the store needs no schema"),
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

impl Drift {
    /// Returns what differs in one line, without SQL.
    pub fn summary(&self) -> String {
        match self.kind {
            DriftKind::Missing => format!("{} is missing", self.object),
            DriftKind::Changed => format!("{} has changed", self.object),
            DriftKind::Extra => format!("{} was not created by this program", self.object),
            DriftKind::Excessive => format!("{} exceeds what `chem store grant` grants", self.object),
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
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

/// The rights of a database role on a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// May read everything.
    Reader,
    /// May also run flows: append to runs and hold their leases, through the functions of the store.
    Runner,
}
