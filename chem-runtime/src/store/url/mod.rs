//! The URL of a store: `sqlite:PATH`, `postgres://…` or `memory:`.
//!
//! A URL may contain a password. It is never printed: `Display` and `Debug` mask it, and errors name only the invalid
//! part.

mod postgres;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

pub use self::postgres::PostgresUrl;
#[cfg(feature = "postgres")]
pub(super) use self::postgres::{Parameter, may_be_port};
#[cfg(feature = "sqlite")]
use super::sqlite::SqliteEventStore;
use super::{EventStore, InMemoryEventStore, PersistenceError};

/// The default store of the command line.
const DEFAULT: &str = ".chem/store.db";

/// The location of a store.
///
/// ```
/// use chem_runtime::store::StoreUrl;
///
/// let url: StoreUrl = "postgres://ada:secret@db.example/chem".parse()?;
/// assert_eq!(url.to_string(), "postgres://ada:***@db.example/chem");
/// # Ok::<_, chem_runtime::store::InvalidStoreUrl>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite:PATH`: an SQLite file.
    Sqlite(PathBuf),
    /// `postgres://…`: a PostgreSQL database.
    Postgres(PostgresUrl),
    /// `memory:`: a store in this process, lost when it exits.
    Memory,
}

/// The text is not the URL of a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}{reason}; a store is `sqlite:PATH`, `postgres://USER@HOST/DATABASE` or `memory:`")]
pub struct InvalidStoreUrl {
    /// The option or variable that contained the text, followed by a colon; empty if the caller knows it.
    origin: String,
    reason: String,
}

impl StoreUrl {
    /// Returns the URL of the store that a command uses: the value of `--store`, else of `CHEM_STORE`, else of
    /// `DATABASE_URL`, else `.chem/store.db` in the working directory. `variable` looks up an environment variable; an
    /// empty value counts as unset.
    ///
    /// # Errors
    /// Returns an error that names the option or variable if its value is invalid; later ones are not tried.
    pub fn choose(
        option: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<StoreUrl, InvalidStoreUrl> {
        if let Some(text) = option {
            return text.parse().map_err(|error: InvalidStoreUrl| error.found_in("`--store`"));
        }
        for name in ["CHEM_STORE", "DATABASE_URL"] {
            if let Some(text) = variable(name).filter(|text| !text.is_empty()) {
                return text.parse().map_err(|error: InvalidStoreUrl| error.found_in(&format!("`{name}`")));
            }
        }
        Ok(StoreUrl::Sqlite(DEFAULT.into()))
    }
}

/// Opens the store at `url`. Creates it if it is missing and its kind can be created.
///
/// # Errors
/// Returns [`PersistenceError::Unusable`] with the problem and how to fix it.
pub fn open(url: &StoreUrl) -> Result<Arc<dyn EventStore>, PersistenceError> {
    match url {
        StoreUrl::Memory => Ok(Arc::new(InMemoryEventStore::new())),
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) => Ok(Arc::new(SqliteEventStore::open(path)?)),
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite(_) => Err(no_sqlite(url)),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Ok(Arc::new(super::postgres::PgEventStore::open(url)?)),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(no_postgres(url)),
    }
}

/// Opens the store at `url` without creating it.
///
/// # Errors
/// Returns [`PersistenceError::Absent`] if there is no store; otherwise fails like [`open`].
pub fn open_existing(url: &StoreUrl) -> Result<Arc<dyn EventStore>, PersistenceError> {
    match url {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) if !path.exists() => {
            Err(PersistenceError::Absent { place: format!("at `{}`", path.display()) })
        }
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Ok(Arc::new(super::postgres::PgEventStore::open_existing(url)?)),
        url => open(url),
    }
}

/// Opens the store at `url` for reading, even if it is not writable, without creating it.
///
/// # Errors
/// Fails like [`open_existing`].
pub fn open_to_read(url: &StoreUrl) -> Result<Arc<dyn EventStore>, PersistenceError> {
    match url {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) if path.exists() => Ok(Arc::new(SqliteEventStore::open_to_read(path)?)),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Ok(Arc::new(super::postgres::PgEventStore::open_to_read(url)?)),
        url => open_existing(url),
    }
}

#[cfg(not(feature = "postgres"))]
pub(super) fn no_postgres(url: &StoreUrl) -> PersistenceError {
    not_built(url, "PostgreSQL", "postgres")
}

#[cfg(not(feature = "sqlite"))]
pub(super) fn no_sqlite(url: &StoreUrl) -> PersistenceError {
    not_built(url, "SQLite", "sqlite")
}

#[cfg(not(all(feature = "postgres", feature = "sqlite")))]
fn not_built(url: &StoreUrl, kind: &str, feature: &str) -> PersistenceError {
    let message = format!(
        "this program has no {kind} support, and the store is `{url}`; build it with the feature `{feature}` of \
         chem-runtime, or use another store"
    );
    PersistenceError::Unusable { message, source: None }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
            return Err(InvalidStoreUrl::new(no_scheme(text)));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => sqlite_path(rest).map(Self::Sqlite),
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => Err(InvalidStoreUrl::new("`memory:` takes nothing after it")),
            known @ ("postgres" | "postgresql") => match rest.strip_prefix("//") {
                Some(place) if !place.is_empty() => Ok(Self::Postgres(PostgresUrl::new(format!("{known}:{rest}")))),
                _ => Err(InvalidStoreUrl::new(format!("`{known}:` is followed by `//` and a place"))),
            },
            _ => Err(InvalidStoreUrl::new(format!("`{scheme}:` is no kind of store"))),
        }
    }
}

/// Returns whether `text` looks like a URL scheme. A single letter is the drive of a Windows path.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(in_scheme)
}

fn in_scheme(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.')
}

/// Returns the error message for a text without a scheme. It repeats the text only if that cannot contain a password.
fn no_scheme(text: &str) -> String {
    if text.is_empty() {
        "the address is empty".into()
    } else if text.contains(['@', '=']) {
        "the address does not begin with a kind of store".into()
    } else {
        format!("`{text}` does not begin with a kind of store; for a file write `sqlite:{text}`")
    }
}

/// Returns the path after `sqlite:`, which may have the form of a URL: `sqlite:///tmp/store.db` is `/tmp/store.db`.
fn sqlite_path(rest: &str) -> Result<PathBuf, InvalidStoreUrl> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        Err(InvalidStoreUrl::new("`sqlite:` is followed by the path of a file"))
    } else if path == ":memory:" {
        Err(InvalidStoreUrl::new("a store in memory is `memory:`"))
    } else if path.contains(['?', '\0']) {
        Err(InvalidStoreUrl::new("`sqlite:` takes a path and no options, so the path cannot have a `?` in it"))
    } else {
        at_home(path)
    }
}

/// Returns `path` with a leading `~` replaced by the user's home directory, because shells expand `~` only at the
/// beginning of a word.
fn at_home(path: &str) -> Result<PathBuf, InvalidStoreUrl> {
    match path.split_once('/').unwrap_or((path, "")) {
        ("~", rest) => match std::env::home_dir().filter(|home| !home.as_os_str().is_empty()) {
            Some(home) => Ok(home.join(rest)),
            None => {
                Err(InvalidStoreUrl::new(format!("`{path}` is in a home directory, and `HOME` does not say which")))
            }
        },
        (user, _) if user.starts_with('~') => Err(InvalidStoreUrl::new(format!(
            "the home directory `{user}` of another user is not looked up; write its path, or `./{path}` for a file here"
        ))),
        _ => Ok(path.into()),
    }
}

impl InvalidStoreUrl {
    fn new(reason: impl Into<String>) -> Self {
        Self { origin: String::new(), reason: reason.into() }
    }

    fn found_in(mut self, origin: &str) -> Self {
        self.origin = format!("{origin}: ");
        self
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> StoreUrl {
        text.parse().unwrap()
    }

    #[test]
    fn each_kind_of_store_has_its_form() {
        assert_eq!(parse("memory:"), StoreUrl::Memory);
        assert_eq!(parse("sqlite:a/b.db"), StoreUrl::Sqlite("a/b.db".into()));
        assert_eq!(parse("sqlite:///tmp/b.db"), StoreUrl::Sqlite("/tmp/b.db".into()));
        assert_eq!(parse("sqlite:/tmp/b.db").to_string(), "sqlite:/tmp/b.db");
        let home = std::env::home_dir().unwrap();
        assert_eq!(parse("sqlite:~/a/b.db"), StoreUrl::Sqlite(home.join("a/b.db")));
        assert_eq!(parse("sqlite:a/~/b~.db"), StoreUrl::Sqlite("a/~/b~.db".into()));
        assert_eq!(parse("sqlite:./~/b.db"), StoreUrl::Sqlite("./~/b.db".into()));
        let StoreUrl::Postgres(url) = parse("PostgreSQL://u:p@h/d") else { panic!() };
        assert_eq!(url.with_password(), "postgresql://u:p@h/d");
    }

    #[test]
    fn an_error_names_the_part_that_is_wrong() {
        for (text, part) in [
            ("", "is empty"),
            ("store.db", "write `sqlite:store.db`"),
            ("C:\\chem\\store.db", "write `sqlite:C:\\chem\\store.db`"),
            ("mysql://h/d", "`mysql:` is no kind of store"),
            ("sqlite:", "followed by the path"),
            ("sqlite::memory:", "is `memory:`"),
            ("sqlite:a.db?mode=ro", "no options"),
            ("sqlite:~ada/a.db", "write its path, or `./~ada/a.db`"),
            ("memory:x", "takes nothing"),
            ("postgres:h/d", "followed by `//`"),
            ("postgres://", "followed by `//`"),
        ] {
            let error = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_option_comes_before_the_environment_and_both_before_the_default() {
        let both = |name: &str| match name {
            "CHEM_STORE" => Some("memory:".to_owned()),
            "DATABASE_URL" => Some("postgres://h/d".to_owned()),
            _ => None,
        };
        assert_eq!(StoreUrl::choose(Some("sqlite:a.db"), both), Ok(StoreUrl::Sqlite("a.db".into())));
        assert_eq!(StoreUrl::choose(None, both), Ok(StoreUrl::Memory));
        let one = |name: &str| if name == "CHEM_STORE" { Some(String::new()) } else { both(name) };
        assert_eq!(StoreUrl::choose(None, one), Ok(parse("postgres://h/d")));
        assert_eq!(StoreUrl::choose(None, |_| None), Ok(parse("sqlite:.chem/store.db")));
        let error = StoreUrl::choose(None, |_| Some("mysql://u:hunter2@h/d".to_owned())).unwrap_err().to_string();
        assert!(error.starts_with("`CHEM_STORE`: `mysql:` is no kind of store"), "{error}");
    }
}
