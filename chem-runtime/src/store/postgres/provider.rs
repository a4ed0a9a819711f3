//! The sources of connections.

use std::cell::Cell;
use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;

use super::session::{FailureKeeper, Session, SessionManager, Sessions};
use super::settings::PgSettings;
use super::url::PostgresUrl;
use crate::store::{ErrorClass, PersistenceError, RetryPolicy, with_retry};

/// A session, returned to its source on drop.
pub type BorrowedSession<'a> = Box<dyn DerefMut<Target = Session> + 'a>;

/// A source of connections for a store.
pub trait ConnectionProvider: Send + Sync {
    /// Returns a session for exclusive use.
    fn session(&self) -> Result<BorrowedSession<'_>, PersistenceError>;

    /// Records that a connection was lost, so that others of its age are tested before use.
    fn lost_one(&self);

    /// Returns the address of the database, without its password.
    fn shown(&self) -> &str;
}

/// The size of a connection pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSettings {
    /// The maximum number of connections.
    pub max_size: u32,
    /// The number of idle connections to keep open.
    pub min_idle: u32,
    /// How long a caller waits for a connection.
    pub wait: Duration,
}

impl Default for PoolSettings {
    /// Up to eight connections, made on demand; a caller waits up to ten seconds.
    fn default() -> Self {
        Self { max_size: 8, min_idle: 0, wait: Duration::from_secs(10) }
    }
}

impl PoolSettings {
    /// Reads the settings from `DATABASE_POOL_MAX`, `DATABASE_POOL_MIN` and `DATABASE_POOL_WAIT` (seconds), where they
    /// are set.
    ///
    /// # Errors
    /// [`PersistenceError::Unusable`] names the variable that is not a number or is out of range.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, PersistenceError> {
        let default = Self::default();
        let number = |name: &str, range: std::ops::RangeInclusive<u32>, default: u32| match variable(name) {
            None => Ok(default),
            Some(text) if text.is_empty() => Ok(default),
            Some(text) => text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                unusable(format!("`{name}` is `{text}`, where a number from {least} to {most} is expected"))
            }),
        };
        let max_size = number("DATABASE_POOL_MAX", 1..=1000, default.max_size)?;
        let min_idle = number("DATABASE_POOL_MIN", 0..=max_size, default.min_idle.min(max_size))?;
        let wait = number("DATABASE_POOL_WAIT", 1..=3600, 10)?;
        Ok(Self { max_size, min_idle, wait: Duration::from_secs(wait.into()) })
    }
}

/// A pool of connections to one database.
#[derive(Clone)]
pub struct PgPool {
    pool: r2d2::Pool<SessionManager>,
    sessions: Arc<Sessions>,
}

impl PgPool {
    /// Creates a pool for the database at `url`, of the size that the environment sets.
    ///
    /// # Errors
    /// As [`connect`](Self::connect) and [`PoolSettings::from_variables`].
    pub fn open(url: &PostgresUrl) -> Result<Self, PersistenceError> {
        Self::connect(url, PoolSettings::from_variables(|name| std::env::var(name).ok())?)
    }

    /// Creates a pool for the database at `url`, and connects once to check that the server is reachable.
    ///
    /// # Errors
    /// [`PersistenceError::Unusable`] if the address is invalid or the server refuses the connection; [`PersistenceError::Backend`]
    /// if no server answers.
    pub fn connect(url: &PostgresUrl, settings: PoolSettings) -> Result<Self, PersistenceError> {
        let sessions = Arc::new(Sessions::new(PgSettings::from_url(url)?));
        // A server that does not answer is reported at once; one that answers but has no capacity yet gets a few
        // seconds.
        let (answers, policy) = (Cell::new(false), RetryPolicy::default());
        let connect = || {
            sessions.connect().map_err(|error| {
                answers.set(error.is_an_answer());
                error.into_store_error(&sessions.settings.shown)
            })
        };
        let mut first = with_retry(&RetryPolicy { attempts: 4, ..policy }, |_| connect());
        if answers.get() && first.as_ref().is_err_and(|error| error.class() == ErrorClass::Transient) {
            first = with_retry(&RetryPolicy { within: Duration::from_secs(5), ..policy }, |_| connect());
        }
        let first = first?;
        sessions.keep(first);
        let pool = r2d2::Pool::builder()
            .max_size(settings.max_size)
            .min_idle(Some(settings.min_idle))
            .connection_timeout(settings.wait)
            .error_handler(Box::new(FailureKeeper(sessions.clone())))
            .build_unchecked(SessionManager(sessions.clone()));
        Ok(Self { pool, sessions })
    }

    /// Returns a session from the pool.
    pub fn get(&self) -> Result<BorrowedSession<'_>, PersistenceError> {
        let session = self.pool.get().map_err(|error| match self.sessions.take_failure() {
            Some(failure) => failure.into_store_error(self.shown()),
            None => PersistenceError::Backend {
                message: format!("all connections to the store `{}` are in use", self.shown()),
                transient: true,
                source: Box::new(error),
            },
        })?;
        Ok(Box::new(session))
    }

    /// Makes a session outside the pool.
    pub(super) fn connect_apart(&self) -> Result<Session, PersistenceError> {
        self.sessions.connect().map_err(|error| error.into_store_error(self.shown()))
    }

    /// Returns the address of the database, without its password.
    pub fn shown(&self) -> &str {
        &self.sessions.settings.shown
    }

    pub(super) fn settings(&self) -> &PgSettings {
        &self.sessions.settings
    }
}

impl std::fmt::Debug for PgPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PgPool({}, {:?})", self.shown(), self.pool.state())
    }
}

/// Takes connections from a pool.
#[derive(Debug, Clone)]
pub struct PoolProvider {
    /// The pool.
    pub pool: PgPool,
}

impl ConnectionProvider for PoolProvider {
    fn session(&self) -> Result<BorrowedSession<'_>, PersistenceError> {
        self.pool.get()
    }

    fn lost_one(&self) {
        self.pool.sessions.lost_one();
    }

    fn shown(&self) -> &str {
        self.pool.shown()
    }
}

fn unusable(message: String) -> PersistenceError {
    PersistenceError::Unusable { message, source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_pool_comes_from_the_environment() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            PoolSettings::from_variables(move |name| pairs.iter().find(|(key, _)| key == name).map(|(_, v)| v.clone()))
        };
        assert_eq!(of(&[]).unwrap(), PoolSettings::default());
        let small = of(&[("DATABASE_POOL_MAX", "2"), ("DATABASE_POOL_MIN", "1")]).unwrap();
        assert_eq!((small.max_size, small.min_idle), (2, 1));
        for (name, value) in [("DATABASE_POOL_MAX", "0"), ("DATABASE_POOL_MAX", "many"), ("DATABASE_POOL_MIN", "9")] {
            let error = of(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
