//! A connection that blocks, and that gives up on a server that stops answering.
//!
//! TCP notices a host that is gone, not a server that holds the connection open and says nothing: one that was stopped, or
//! that a proxy swallows. So whatever is asked of the server has a limit, which begins anew with everything that it sends
//! or takes.

use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::error::DbError;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::ToSql;
use tokio_postgres::{
    AsyncMessage, Config, Connection, Error, Row, SimpleQueryMessage, Socket, Statement, ToStatement,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::ConnectError;

/// How long a connection that ends may take to say so.
const PARTING: Duration = Duration::from_secs(1);

/// What is handed to a statement.
pub(super) type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// A connection to a server, which is used by one thread at a time.
pub struct Client {
    // Dropped first, so that the line knows that it is no longer needed.
    client: tokio_postgres::Client,
    line: Line,
}

type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// What carries the messages of a client.
struct Line {
    runtime: Runtime,
    /// `None` once it is closed, or given up.
    connection: Option<Connection<Socket, TlsStream>>,
    on_notice: Box<dyn Fn(DbError) + Send>,
    answer_within: Option<Duration>,
}

impl Client {
    /// Connects, which takes at most `within` for the whole of the handshake.
    pub(super) fn connect(
        config: &Config,
        tls: MakeRustlsConnect,
        within: Option<Duration>,
        on_notice: impl Fn(DbError) + Send + 'static,
    ) -> Result<Self, ConnectError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(ConnectError::NoRuntime)?;
        let (client, connection) = runtime.block_on(async {
            let connect = config.connect(tls);
            match within {
                Some(limit) => timeout(limit, connect).await.unwrap_or_else(|_| Err(Error::__private_api_timeout())),
                None => connect.await,
            }
        })?;
        let line = Line { runtime, connection: Some(connection), on_notice: Box::new(on_notice), answer_within: None };
        Ok(Self { client, line })
    }

    /// Sets how long the server may be silent while something is asked of it; `None` is no limit.
    pub(super) fn answer_within(&mut self, limit: Option<Duration>) {
        self.line.answer_within = limit;
    }

    /// Prepares a statement.
    pub fn prepare(&mut self, sql: &str) -> Result<Statement, Error> {
        self.line.drive(self.client.prepare(sql))?
    }

    /// The rows that a statement gives.
    pub fn query<T>(&mut self, statement: &T, parameters: &Parameters<'_>) -> Result<Vec<Row>, Error>
    where
        T: ?Sized + ToStatement,
    {
        self.line.drive(self.client.query(statement, parameters))?
    }

    /// The one row that a statement gives.
    pub fn query_one<T>(&mut self, statement: &T, parameters: &Parameters<'_>) -> Result<Row, Error>
    where
        T: ?Sized + ToStatement,
    {
        self.line.drive(self.client.query_one(statement, parameters))?
    }

    /// The row that a statement gives, or none.
    pub fn query_opt<T>(&mut self, statement: &T, parameters: &Parameters<'_>) -> Result<Option<Row>, Error>
    where
        T: ?Sized + ToStatement,
    {
        self.line.drive(self.client.query_opt(statement, parameters))?
    }

    /// Executes a statement, and returns how many rows it has changed.
    pub fn execute<T>(&mut self, statement: &T, parameters: &Parameters<'_>) -> Result<u64, Error>
    where
        T: ?Sized + ToStatement,
    {
        self.line.drive(self.client.execute(statement, parameters))?
    }

    /// Executes statements that are separated by semicolons.
    pub fn batch_execute(&mut self, sql: &str) -> Result<(), Error> {
        self.line.drive(self.client.batch_execute(sql))?
    }

    /// The same, with the values that they give as text.
    pub(super) fn simple_query(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        self.line.drive(self.client.simple_query(sql))?
    }

    /// Begins a transaction, which is rolled back unless it is committed.
    pub fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        self.batch_execute("BEGIN")?;
        Ok(Transaction { client: self, open: true })
    }

    /// Does `work` with the asynchronous client, without a limit.
    pub(super) fn without_limit<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut tokio_postgres::Client) -> T,
    ) -> Result<T, Error> {
        let limit = self.line.answer_within.take();
        let done = self.line.drive(work(&mut self.client));
        self.line.answer_within = limit;
        done
    }

    /// Whether the connection is of no more use.
    pub fn is_closed(&self) -> bool {
        self.line.connection.is_none() || self.client.is_closed()
    }
}

impl Line {
    /// Waits for `work`, and passes on what the server sends meanwhile.
    fn drive<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Error> {
        let Self { runtime, connection, on_notice, answer_within } = self;
        runtime.block_on(async {
            let mut work = pin!(work);
            let mut patience = pin!(sleep(answer_within.unwrap_or_default()));
            poll_fn(|context| {
                pass_on(connection, on_notice.as_ref(), context)?;
                if let Poll::Ready(done) = work.as_mut().poll(context) {
                    return Poll::Ready(Ok(done));
                }
                let Some(limit) = *answer_within else { return Poll::Pending };
                if patience.as_mut().poll(context).is_ready() {
                    *connection = None;
                    return Poll::Ready(Err(Error::__private_api_timeout()));
                }
                // It was not the clock that woke this task.
                patience.as_mut().reset(Instant::now() + limit);
                patience.as_mut().poll(context).map(|()| Err(Error::__private_api_timeout()))
            })
            .await
        })
    }
}

/// Moves the messages of a connection that is open, until there is nothing to be moved.
fn pass_on(
    connection: &mut Option<Connection<Socket, TlsStream>>,
    on_notice: &dyn Fn(DbError),
    context: &mut Context<'_>,
) -> Result<(), Error> {
    while let Some(open) = connection {
        match open.poll_message(context) {
            Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => on_notice(notice),
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => {
                *connection = None;
                return Err(error);
            }
            Poll::Ready(None) => *connection = None,
            Poll::Pending => break,
        }
    }
    Ok(())
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { runtime, connection, on_notice, .. } = self;
        // The server is told that this is the end; whether it hears that matters no more.
        let _ = runtime.block_on(async {
            let ended = poll_fn(|context| match pass_on(connection, on_notice.as_ref(), context) {
                Ok(()) if connection.is_some() => Poll::Pending,
                _ => Poll::Ready(()),
            });
            timeout(PARTING, ended).await
        });
    }
}

/// A transaction, which is rolled back when it is dropped before its end.
pub struct Transaction<'a> {
    client: &'a mut Client,
    open: bool,
}

impl Transaction<'_> {
    /// Ends it, and keeps what was done in it.
    pub fn commit(mut self) -> Result<(), Error> {
        self.open = false;
        self.client.batch_execute("COMMIT")
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // A transaction of a connection that is gone is rolled back by the server.
        if self.open && !self.client.is_closed() {
            let _ = self.client.batch_execute("ROLLBACK");
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Client {
        self.client
    }
}
