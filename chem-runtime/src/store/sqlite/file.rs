//! The file of a store: its URL, and how it is opened and maintained.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{OpenError, sqlite_error};
use super::open::{Older, open};
use super::reading::connect_for_reading;
use super::schema::{describe, expected, read_status};
use super::{SqliteEventStore, WAIT};
use crate::store::opening::local_path;
use crate::store::schema::{Drift, SchemaStatus, Version, compare};
use crate::store::{Backend, EventStore, InvalidStoreUrl, OpenMode, PersistenceError};

/// The file of an SQLite store: `sqlite:PATH`.
///
/// ```
/// use chem_runtime::store::{Backend, sqlite::SqliteFile};
///
/// # let directory = tempfile::tempdir()?;
/// let file = SqliteFile::new(directory.path().join("store.db"));
/// assert!(!file.migrate()?.is_empty());
/// assert!(file.status()?.is_current());
/// assert_eq!(file.check()?, []);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteFile {
    path: PathBuf,
}

crate::register_backend!(SqliteFile);

impl SqliteFile {
    /// Creates the location of a store in the file at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn failed(&self, action: &str) -> impl Fn(OpenError) -> PersistenceError {
        move |error| match error {
            OpenError::Store(error) => error,
            OpenError::Sqlite(error) => sqlite_error(&self.path, WAIT, action, error),
        }
    }
}

impl fmt::Display for SqliteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite:{}", self.path.display())
    }
}

impl Backend for SqliteFile {
    fn schemes() -> &'static [&'static str] {
        &["sqlite"]
    }

    fn form() -> &'static str {
        "sqlite:PATH"
    }

    fn parse(_: &str, rest: &str) -> Result<Self, InvalidStoreUrl> {
        // The path may have the form of a URL: `sqlite:///tmp/store.db` is `/tmp/store.db`.
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() {
            Err(InvalidStoreUrl::new("`sqlite:` is followed by the path of a file"))
        } else if path == ":memory:" {
            Err(InvalidStoreUrl::new("a store in memory is `memory:`"))
        } else if path.contains(['?', '\0']) {
            let reason = "`sqlite:` takes a path and no options, so the path cannot have a `?` in it";
            Err(InvalidStoreUrl::new(reason))
        } else {
            local_path(path).map(Self::new)
        }
    }

    fn open(&self, mode: OpenMode) -> Result<Arc<dyn EventStore>, PersistenceError> {
        Ok(Arc::new(SqliteEventStore::open_with(&self.path, mode)?))
    }

    fn status(&self) -> Result<SchemaStatus, PersistenceError> {
        if !self.path.is_file() {
            let message = format!("there is no store at `{}`; `chem store migrate` creates one", self.path.display());
            return Err(PersistenceError::Unusable { message, source: None });
        }
        let connection = connect_for_reading(&self.path, WAIT);
        connection.and_then(|connection| read_status(&self.path, &connection)).map_err(self.failed("read"))
    }

    fn migrate(&self) -> Result<Vec<Version>, PersistenceError> {
        let before = if self.path.is_file() { self.status()?.applied } else { Vec::new() };
        open(&self.path, WAIT, Older::Migrated)?;
        Ok(self.status()?.applied.into_iter().filter(|version| !before.contains(version)).collect())
    }

    /// Needs no permission to write.
    fn check(&self) -> Result<Vec<Drift>, PersistenceError> {
        let path = self.path.display();
        let found = self.status()?;
        if !found.is_current() {
            let message = found.obstacle.unwrap_or_else(|| {
                format!("the schema of the store `{path}` is not the newest; run `chem store migrate` first")
            });
            return Err(PersistenceError::Unusable { message, source: None });
        }
        let compared = || -> Result<Vec<Drift>, OpenError> {
            let connection = connect_for_reading(&self.path, WAIT)?;
            let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
            if verdict != "ok" {
                let reason = format!("the file `{path}` is damaged: {verdict}");
                return Err(OpenError::Store(PersistenceError::Corrupt { reason }));
            }
            Ok(compare(&expected()?, &describe(&connection)?))
        };
        compared().map_err(self.failed("check"))
    }
}

/// Checks that there is a file at the path of a store that may not be created.
pub(super) fn expect_file(path: &Path) -> Result<(), PersistenceError> {
    if path.exists() { Ok(()) } else { Err(PersistenceError::Absent { location: format!("at `{}`", path.display()) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_have_the_form_of_a_url_or_begin_at_home() {
        let home = std::env::home_dir().unwrap();
        for (rest, path) in [
            ("a/b.db", PathBuf::from("a/b.db")),
            ("///tmp/b.db", "/tmp/b.db".into()),
            ("/tmp/b.db", "/tmp/b.db".into()),
            ("~/a/b.db", home.join("a/b.db")),
            ("a/~/b~.db", "a/~/b~.db".into()),
            ("./~/b.db", "./~/b.db".into()),
        ] {
            assert_eq!(SqliteFile::parse("sqlite", rest), Ok(SqliteFile::new(path)), "{rest}");
        }
        assert_eq!(SqliteFile::new("/tmp/b.db").to_string(), "sqlite:/tmp/b.db");
    }
}
