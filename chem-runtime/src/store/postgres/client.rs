//! A blocking connection that gives up on a server that stops answering.
//!
//! TCP detects a host that is gone, but not a server that keeps the connection open without answering: one that was
//! stopped, or whose messages a proxy drops. Every request therefore has a time limit, which starts again whenever the
//! server sends or accepts data.

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

/// The time limit for closing a connection.
const PARTING: Duration = Duration::from_secs(1);

/// The parameters of a statement.
pub(super) type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// A connection to a server, used by one thread at a time.
pub struct Client {
    // Dropped before `line`, which then knows that it is no longer needed.
    client: tokio_postgres::Client,
    line: Line,
}

type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// Transports the messages of a client.
struct Line {
    runtime: Runtime,
    /// `None` once the connection is closed or abandoned.
    connection: Option<Connection<Socket, TlsStream>>,
    on_notice: Box<dyn Fn(DbError) + Send>,
    answer_within: Option<Duration>,
}

impl Client {
    /// Connects within at most `within`, including the whole handshake.
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

    /// Sets how long the server may be silent during a request; `None` means no limit.
    pub(super) fn answer_within(&mut self, limit: Option<Duration>) {
        self.line.answer_within = limit;
    }

    /// Prepares a statement.
    pub(super) fn prepare(&mut self, sql: &str) -> Result<Statement, Error> {
        self.line.drive(self.client.prepare(sql))?
    }

    /// Executes a statement, and returns its rows.
    pub fn query<T>(&mut self, statement: &T, parameters: &Parameters<'_>) -> Result<Vec<Row>, Error>
    where
        T: ?Sized + ToStatement,
    {
        self.line.drive(self.client.query(statement, parameters))?
    }

    /// Executes a statement that returns exactly one row.
    pub fn query_one<T>(&mut self, statement: &T, parameters: &Parameters<'_>) -> Result<Row, Error>
    where
        T: ?Sized + ToStatement,
    {
        self.line.drive(self.client.query_one(statement, parameters))?
    }

    /// Executes a statement that returns at most one row.
    pub fn query_opt<T>(&mut self, statement: &T, parameters: &Parameters<'_>) -> Result<Option<Row>, Error>
    where
        T: ?Sized + ToStatement,
    {
        self.line.drive(self.client.query_opt(statement, parameters))?
    }

    /// Executes a statement, and returns the number of affected rows.
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

    /// Executes statements that are separated by semicolons, and returns their values as text.
    pub(super) fn simple_query(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        self.line.drive(self.client.simple_query(sql))?
    }

    /// Begins a transaction, which is rolled back unless [`Transaction::commit`] is called.
    pub(super) fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        self.batch_execute("BEGIN")?;
        Ok(Transaction { client: self, open: true })
    }

    /// Runs `work` with the asynchronous client, without a limit on the server's silence.
    pub(super) fn without_limit<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut tokio_postgres::Client) -> T,
    ) -> Result<T, Error> {
        let limit = self.line.answer_within.take();
        let done = self.line.drive(work(&mut self.client));
        self.line.answer_within = limit;
        done
    }

    /// Whether the connection can no longer be used.
    pub fn is_closed(&self) -> bool {
        self.line.connection.is_none() || self.client.is_closed()
    }
}

impl Line {
    /// Waits for `work`, and processes the server's messages meanwhile.
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
                // Something other than the timer woke this task, so the limit starts again.
                patience.as_mut().reset(Instant::now() + limit);
                patience.as_mut().poll(context).map(|()| Err(Error::__private_api_timeout()))
            })
            .await
        })
    }
}

/// Processes the messages of an open connection until none is ready.
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
        // Notifies the server of the end; it does not matter whether the server receives this.
        let _ = runtime.block_on(async {
            let ended = poll_fn(|context| match pass_on(connection, on_notice.as_ref(), context) {
                Ok(()) if connection.is_some() => Poll::Pending,
                _ => Poll::Ready(()),
            });
            timeout(PARTING, ended).await
        });
    }
}

/// A transaction, which is rolled back if it is dropped without a commit.
pub(super) struct Transaction<'a> {
    client: &'a mut Client,
    open: bool,
}

impl Transaction<'_> {
    /// Commits the transaction.
    pub(super) fn commit(mut self) -> Result<(), Error> {
        self.open = false;
        self.client.batch_execute("COMMIT")
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // If the connection is gone, the server rolls the transaction back.
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
