//! What PostgreSQL's errors mean for the one who meets them.

use std::io;

use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// A run's next position is another one.
pub(super) const CONFLICT: &str = "CH001";
/// A lease has passed to another holder.
pub(super) const FENCED: &str = "CH002";

/// The server has ended a session that was idle for longer than `idle_session_timeout` allows.
const IDLE_SESSION_TIMEOUT: &str = "57P05";

/// Whether the same statement may go through later, on this connection or on another one.
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
                    // A primary that has become a standby; the next connection may find the new one.
                    SqlState::READ_ONLY_SQL_TRANSACTION,
                ]
                .contains(state)
        }
        None => is_connection_loss(error),
    }
}

/// Whether the connection is gone, so that nobody knows what has become of the last statement.
fn is_connection_loss(error: &tokio_postgres::Error) -> bool {
    if error.is_closed() {
        return true;
    }
    match std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>()) {
        // A certificate that is not trusted comes as an input or output error too. It will not be trusted later.
        Some(error) => !error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        None => is_silence(error),
    }
}

/// Whether the server has said nothing for longer than it may.
fn is_silence(error: &tokio_postgres::Error) -> bool {
    error.to_string() == "timeout waiting for server"
}

/// Whether `error` leaves it open if the statement took effect.
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

/// Why no connection was made.
#[derive(Debug)]
pub enum ConnectError {
    /// The server did not answer, or did not let us in.
    Database(tokio_postgres::Error),
    /// This process cannot wait for a connection.
    NoRuntime(io::Error),
    /// What stands between this process and the server does not keep sessions.
    Pooled,
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl ConnectError {
    /// Whether a server has answered, and refused.
    pub(super) fn is_an_answer(&self) -> bool {
        matches!(self, Self::Database(error) if error.code().is_some())
    }

    /// The store error for this one, met while the program tried to connect to the store at `shown`.
    pub(super) fn into_store_error(self, shown: &str) -> StoreError {
        match self {
            Self::Database(error) => store_error(shown, "connect to", error),
            other => StoreError::Unusable {
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

/// The store error for `error`, met while the program tried to `action` the store at `shown`.
pub(super) fn store_error(shown: &str, action: &str, error: tokio_postgres::Error) -> StoreError {
    let transient = is_transient(&error);
    let message = match advice(&error) {
        Some(advice) => format!("cannot {action} the store `{shown}`: {advice}"),
        None => format!("cannot {action} the store `{shown}`"),
    };
    match error.code() {
        Some(state) if is_unusable(state) => StoreError::Unusable { message, source: Some(Box::new(Told(error))) },
        _ => StoreError::Backend { message, transient, source: Box::new(Told(error)) },
    }
}

/// The same for an error somewhere in which there is one of PostgreSQL's.
pub(super) fn advice_on(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let found = std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref());
    found.and_then(advice)
}

/// Errors that no call to this store will be spared, until somebody sets it right.
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

/// What to do about it.
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
            // The client says this itself, about `target_session_attrs`.
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
            "the user may not do this; which rights a user of the store needs stands in `docs/tutorial.md`, under \
             \"Rights on the database\""
        }
        "3F000" => {
            "no schema of its `search_path` is there; make one, or name it with `options=-csearch_path%3DSCHEMA`"
        }
        "42P01" | "42703" | "42883" => "something of its schema is missing; `chem store check` says what",
        "53100" => "the server's disk is full; all that was stored before is there",
        "53300" => "the server has no connection to spare",
        "57014" => "the server gave up, because it took longer than `statement_timeout` allows",
        "55P03" => "somebody holds a lock on it for longer than `lock_timeout` allows",
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

/// PostgreSQL's error, which says no more than `db error` of what the server told, in the server's words.
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
            // It has been told.
            Some(_) => None,
            None => std::error::Error::source(&self.0),
        }
    }
}
