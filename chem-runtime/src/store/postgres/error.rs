//! What PostgreSQL's errors mean for the store and its users.

use std::io;

use tokio_postgres::error::SqlState;

use crate::store::PersistenceError;

/// The run's next position is not the expected one.
pub(super) const CONFLICT: &str = "CH001";
/// The lease has passed to another holder.
pub(super) const FENCED: &str = "CH002";

/// The server ended a session that was idle for longer than `idle_session_timeout`.
const IDLE_SESSION_TIMEOUT: &str = "57P05";

/// Whether the same statement may succeed later, on this connection or another one.
pub(super) fn is_transient(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(state) => {
            state.code().starts_with("08")
                || state.code() == IDLE_SESSION_TIMEOUT
                || [
                    SqlState::T_R_SERIALIZATION_FAILURE,
                    SqlState::T_R_DEADLOCK_DETECTED,
                    SqlState::TOO_MANY_CONNECTIONS,
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CRASH_SHUTDOWN,
                    SqlState::CANNOT_CONNECT_NOW,
                    // A former primary that is now a standby; the next connection may find the new primary.
                    SqlState::READ_ONLY_SQL_TRANSACTION,
                ]
                .contains(state)
        }
        None => is_connection_loss(error),
    }
}

/// Whether the connection is gone, which leaves the result of the last statement unknown.
fn is_connection_loss(error: &tokio_postgres::Error) -> bool {
    if error.is_closed() {
        return true;
    }
    match std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>()) {
        // An untrusted certificate is an I/O error too, but a retry does not make it trusted.
        Some(error) => !error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        None => is_silence(error),
    }
}

/// Whether the server was silent for longer than allowed.
fn is_silence(error: &tokio_postgres::Error) -> bool {
    error.to_string() == "timeout waiting for server"
}

/// Whether `error` leaves open if the statement took effect.
pub(super) fn is_ambiguous(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(state) => {
            state.code().starts_with("08")
                || state.code() == IDLE_SESSION_TIMEOUT
                || [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN].contains(state)
        }
        None => is_connection_loss(error),
    }
}

/// Why a connection attempt failed.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// The server did not answer, or refused the connection.
    Database(tokio_postgres::Error),
    /// This process could not create the runtime for a connection.
    NoRuntime(io::Error),
    /// A pooler between this process and the server does not keep sessions.
    Pooled,
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl ConnectError {
    /// Whether a server answered with a refusal.
    pub(super) fn is_an_answer(&self) -> bool {
        matches!(self, Self::Database(error) if error.code().is_some())
    }

    /// Converts an error that occurred during a connection attempt to the store at `shown`.
    pub(super) fn into_store_error(self, shown: &str) -> PersistenceError {
        match self {
            Self::Database(error) => store_error(shown, "connect to", error),
            other => PersistenceError::Unusable {
                message: format!("cannot connect to the store `{shown}`: {other}"),
                source: None,
            },
        }
    }
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Database(error) => describe(error, f),
            Self::NoRuntime(error) => error.fmt(f),
            Self::Pooled => f.write_str(TRANSACTION_POOLING),
        }
    }
}

impl std::error::Error for ConnectError {}

const TRANSACTION_POOLING: &str = "a pooler before the server gives every transaction another session (transaction \
     pooling), so that settings and prepared statements get lost and reach other programs; name the server itself, or let \
     the pooler keep sessions (`pool_mode = session`)";

/// Converts an error that occurred during an attempt to `action` the store at `shown`.
pub(super) fn store_error(shown: &str, action: &str, error: tokio_postgres::Error) -> PersistenceError {
    let transient = is_transient(&error);
    let message = match advice(&error) {
        Some(advice) => format!("cannot {action} the store `{shown}`: {advice}"),
        None => format!("cannot {action} the store `{shown}`"),
    };
    match error.code() {
        Some(state) if is_unusable(state) => {
            PersistenceError::Unusable { message, source: Some(Box::new(Told(error))) }
        }
        _ => PersistenceError::Backend { message, transient, source: Box::new(Told(error)) },
    }
}

/// Returns the advice on the first error of PostgreSQL in a chain of sources.
pub(super) fn advice_on(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let found = std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref());
    found.and_then(advice)
}

/// Whether every call to this store fails until a person fixes the cause.
fn is_unusable(state: &SqlState) -> bool {
    // Authentication, no such database, no such schema.
    ["28", "3D", "3F"].iter().any(|class| state.code().starts_with(class))
        || [
            SqlState::INSUFFICIENT_PRIVILEGE,
            SqlState::UNDEFINED_TABLE,
            SqlState::UNDEFINED_COLUMN,
            SqlState::UNDEFINED_FUNCTION,
            SqlState::DISK_FULL,
        ]
        .contains(state)
}

/// Returns what the user can do about an error.
fn advice(error: &tokio_postgres::Error) -> Option<&'static str> {
    let Some(state) = error.code() else {
        if is_silence(error) {
            return Some(
                "the server has not answered in time; is it stopped, or cut off? `answer_timeout` in its address changes \
                 how long it may be silent",
            );
        }
        let source = std::error::Error::source(error)?;
        if source.to_string() == "server does not support TLS" {
            return Some(
                "the server does not offer TLS, without which no password is sent over a network; let it offer TLS, or \
                 accept that the password can be read on its way with `sslmode=disable`",
            );
        }
        let error = source.downcast_ref::<io::Error>()?;
        return match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
                Some("no server answers there; is it running?")
            }
            // The client itself raises this error, about `target_session_attrs`.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
                Some("none of its hosts is as `target_session_attrs` asks")
            }
            io::ErrorKind::TimedOut => Some("no server has answered in time"),
            _ => None,
        };
    };
    Some(match state.code() {
        "28P01" | "28000" => "the server does not accept this user, or the password",
        "3D000" => "there is no such database; create it first",
        "42501" => {
            "the user may not do this; `docs/tutorial.md` lists the rights that a user of the store needs, under \
             \"Rights on the database\""
        }
        "3F000" => {
            "no schema of its `search_path` is there; make one, or name it with `options=-csearch_path%3DSCHEMA`"
        }
        "42P01" | "42703" | "42883" => "something of its schema is missing; `chem store check` says what",
        "53100" => "the server's disk is full; all that was stored before is there",
        "53300" => "the server has no connection to spare",
        "57014" => "the server gave up, because it took longer than `statement_timeout` allows",
        "55P03" => "another session holds a lock on it for longer than `lock_timeout` allows",
        "26000" | "42P05" => TRANSACTION_POOLING,
        "54000" => "a value is larger than PostgreSQL can hold",
        "22P05" => {
            "a text has a character that the encoding of the database does not have; a store needs a database in UTF-8, \
             as `createdb -E UTF8 -T template0` makes it"
        }
        "25006" => "it takes no writes from here: the server is a standby, or `default_transaction_read_only` is on",
        _ => return None,
    })
}

/// Displays an error of PostgreSQL with the server's message; by itself, it displays only `db error`.
#[derive(Debug)]
pub(super) struct Told(pub(super) tokio_postgres::Error);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        describe(&self.0, f)
    }
}

fn describe(error: &tokio_postgres::Error, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    match error.as_db_error() {
        Some(told) => {
            write!(f, "{} (SQLSTATE {})", told.message(), told.code().code())?;
            told.detail().map_or(Ok(()), |detail| write!(f, ": {detail}"))
        }
        None => write!(f, "{error}"),
    }
}

impl std::error::Error for Told {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.0.as_db_error() {
            // `Display` contains the server's message already.
            Some(_) => None,
            None => std::error::Error::source(&self.0),
        }
    }
}
