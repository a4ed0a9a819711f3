//! The PostgreSQL store.
//!
//! An append is one call of a database function: one round trip and one commit. Concurrent writers of one process share
//! that commit. `write` handles commits whose answer was lost, `error` decides which errors are retried, and `lease`
//! fences a second writer. The schema is in `migrations/postgres/`.
//!
//! The store blocks. An asynchronous program must call it from a thread that may block, such as one of
//! `spawn_blocking`.

mod append;
mod artifacts;
mod attestations;
mod backend;
mod client;
mod dev_pool;
mod drift;
mod error;
mod follow;
mod lease;
mod parts;
mod passfile;
mod pending;
mod provider;
mod read;
mod repository;
mod rights;
mod rows;
mod runs;
mod schema;
mod session;
mod settings;
mod size;
mod sources;
mod tls;
mod url;
mod write;

use std::sync::Arc;
use std::time::Duration;

pub use client::Client;
pub use dev_pool::build_dev_pool_from_env;
pub use drift::{check, describe};
pub use provider::{BorrowedSession, ConnectionProvider, PgPool, PoolProvider, PoolSettings};
pub use repository::{PgFlowRepository, StoredRunError};
pub use rights::{grant, grants};
pub use schema::{migrate, status};
pub use session::Session;
pub use url::PostgresUrl;

use self::error::{is_ambiguous, store_error};
use self::lease::SignOfLife;
use super::admit::{pack, pack_artifacts};
use super::group::GroupWriter;
use super::log::poll;
use super::{
    ArtifactRow, ArtifactStore, Attestation, Attestations, Cursor, EventLog, EventStore, FlowSummary, Followed,
    Largest, Lease, LeaseRecord, LeaseTerms, Leases, NewEvent, OpenMode, PersistenceError, RetryPolicy, RunFilter,
    RunIndex, StoreSize, StoredEvent, StoredResult, Stray, Writer, admit, admit_artifacts, with_retry,
};
use crate::artifact::Artifact;
use crate::event::{FlowEvent, FlowId};
use crate::fingerprint::{ArtifactHash, CacheKey, WorkKey};

/// The number of concurrent commits: while one waits for the disk, the next is prepared.
const LEADERS: usize = 2;

/// An event store in a PostgreSQL database.
///
/// ```no_run
/// use chem_runtime::event::FlowId;
/// use chem_runtime::store::EventLog;
/// use chem_runtime::store::postgres::{PgEventStore, PoolProvider, build_dev_pool_from_env};
///
/// let store = PgEventStore::new(PoolProvider { pool: build_dev_pool_from_env()? });
/// assert_eq!(store.next_position(FlowId::new())?, 0);
/// # Ok::<_, chem_runtime::store::PersistenceError>(())
/// ```
pub struct PgEventStore {
    inner: Arc<Inner>,
    writer: GroupWriter,
    sign_of_life: SignOfLife,
}

impl PgEventStore {
    /// Opens the store in the database at `url`. Creates the schema in an empty database; an older schema with events
    /// is upgraded only by [`migrate`].
    ///
    /// # Errors
    /// [`PersistenceError::Unusable`], with what to do, if the address is invalid, the server refuses the connection, or the
    /// schema is not that of this program. [`PersistenceError::Backend`] if no server answers.
    pub fn open(url: &PostgresUrl) -> Result<Self, PersistenceError> {
        Self::open_with(url, OpenMode::Create)
    }

    /// Opens the store like [`open`](Self::open), in this mode. A user who may not write can read a store that was moved
    /// here and not yet opened by a writer, but not follow it.
    ///
    /// # Errors
    /// [`PersistenceError::Absent`] if the database has no store and `mode` does not create one, in which case nothing is
    /// written; otherwise as `open`.
    pub fn open_with(url: &PostgresUrl, mode: OpenMode) -> Result<Self, PersistenceError> {
        let pool = PgPool::open(url)?;
        schema::make_usable(&pool, mode)?;
        Ok(Self::new(PoolProvider { pool }))
    }

    /// Creates a store over the database of `provider`, whose schema must be current.
    pub fn new(provider: impl ConnectionProvider + 'static) -> Self {
        let inner = Arc::new(Inner::new(provider));
        Self { inner, writer: GroupWriter::new(LEADERS), sign_of_life: SignOfLife::default() }
    }

    /// Replaces the retry policy.
    pub fn with_retry_policy(self, policy: RetryPolicy) -> Self {
        self.with(|inner| inner.policy = policy)
    }

    /// Replaces the terms of the leases that the store takes. All processes that use a store should have the same
    /// terms.
    pub fn with_lease_terms(self, terms: LeaseTerms) -> Self {
        self.with(|inner| inner.terms = terms)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        // `inner` is not shared before the first append.
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            change(inner);
        }
        self
    }
}

/// What a store and a repository share: connections, the retry policy and the lease terms.
struct Inner {
    provider: Box<dyn ConnectionProvider>,
    policy: RetryPolicy,
    terms: LeaseTerms,
}

/// An error of the database, or a fault in what it stores.
enum Fault {
    Database(tokio_postgres::Error),
    Store(PersistenceError),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<PersistenceError> for Fault {
    fn from(error: PersistenceError) -> Self {
        Self::Store(error)
    }
}

impl Inner {
    fn new(provider: impl ConnectionProvider + 'static) -> Self {
        Self { provider: Box::new(provider), policy: RetryPolicy::default(), terms: LeaseTerms::default() }
    }

    /// Runs `work`, which must be safe to repeat, on a session of its own, until it succeeds or fails permanently.
    fn with_session<T>(
        &self,
        action: &str,
        work: impl FnMut(&mut Session) -> Result<T, Fault>,
    ) -> Result<T, PersistenceError> {
        self.with_session_under(&self.policy, action, work)
    }

    fn with_session_under<T>(
        &self,
        policy: &RetryPolicy,
        action: &str,
        mut work: impl FnMut(&mut Session) -> Result<T, Fault>,
    ) -> Result<T, PersistenceError> {
        with_retry(policy, |_| {
            let mut session = self.provider.session()?;
            work(&mut session).map_err(|fault| self.of_fault(action, fault))
        })
    }

    fn of_fault(&self, action: &str, fault: Fault) -> PersistenceError {
        match fault {
            Fault::Store(error) => error,
            Fault::Database(error) => self.failed(action, error),
        }
    }

    fn failed(&self, action: &str, error: tokio_postgres::Error) -> PersistenceError {
        if is_ambiguous(&error) {
            self.provider.lost_one();
        }
        store_error(self.provider.shown(), action, error)
    }
}

impl EventLog for PgEventStore {
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        let admitted = pack(admit(writer.flow_id(), events)?);
        let stored = write::append(&self.inner, &self.writer, writer, expected, admitted);
        if let Some(lease) = writer.lease() {
            let stopped = events.last().is_some_and(|last| last.kind.status_after().is_stopped());
            match &stored {
                Ok(_) if !stopped => self.sign_of_life.holds(lease, &self.inner),
                Ok(_) | Err(PersistenceError::Fenced { .. }) => self.sign_of_life.releases(lease),
                Err(_) => {}
            }
        }
        stored
    }

    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError> {
        self.inner.with_session("read", |session| {
            let mut events = Vec::new();
            read::events(session, flow_id, position, |event| {
                events.push(event);
                Ok(())
            })?;
            Ok(events)
        })
    }

    fn read_log(&self, cursor: Cursor, limit: usize) -> Result<Followed, PersistenceError> {
        self.follow(cursor, limit, Duration::ZERO)
    }

    fn follow(&self, cursor: Cursor, limit: usize, wait: Duration) -> Result<Followed, PersistenceError> {
        // An unfinished move is looked for once and not on every poll.
        self.inner
            .with_session("read", |session| follow::refuse_unfinished_move(session, self.inner.provider.shown()))?;
        poll(
            wait,
            || self.inner.with_session("read", |session| follow::read_on(session, cursor, limit)),
            |read| !read.events.is_empty(),
        )
    }

    fn read_stored(&self, cursor: Cursor, limit: usize) -> Result<Vec<(StoredEvent, Cursor)>, PersistenceError> {
        self.inner
            .with_session("read", |session| follow::refuse_unfinished_move(session, self.inner.provider.shown()))?;
        self.inner.with_session("read", |session| follow::read_stored(session, cursor, limit))
    }

    fn read_stored_run(&self, flow_id: &str, before: u64) -> Result<Vec<StoredEvent>, PersistenceError> {
        let Ok(flow_id) = flow_id.parse() else { return Ok(Vec::new()) };
        self.inner.with_session("read", |session| read::stored_before(session, flow_id, before))
    }

    fn read_event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, PersistenceError> {
        self.inner.with_session("read", |session| Ok(read::events_between(session, flow_id, position, 1)?.pop()))
    }

    fn next_position(&self, flow_id: FlowId) -> Result<u64, PersistenceError> {
        self.inner.with_session("read", |session| read::next_position(session, flow_id))
    }

    fn cursor_after(&self, flow_id: FlowId, position: u64) -> Result<Option<Cursor>, PersistenceError> {
        self.inner.with_session("read", |session| follow::cursor_of(session, flow_id, position))
    }

    fn newest_seq(&self) -> Result<Option<u64>, PersistenceError> {
        self.inner.with_session("read", read::newest_seq).map(Some)
    }
}

impl Leases for PgEventStore {
    fn read_lease(&self, flow_id: FlowId) -> Result<Option<LeaseRecord>, PersistenceError> {
        self.inner.with_session("read", |session| lease::read(session, flow_id, self.inner.terms))
    }

    fn record_lease(&self, lease: &Lease) -> Result<bool, PersistenceError> {
        let recorded =
            self.inner.with_session("take the lease on a run in", |session| lease::record(session, lease))?;
        if recorded {
            self.sign_of_life.holds(lease, &self.inner);
        }
        Ok(recorded)
    }

    fn release_lease(&self, held: &Lease) -> Result<(), PersistenceError> {
        self.sign_of_life.releases(held);
        // An unreleased lease lapses by itself, so the caller need not wait for a server that is gone.
        let briefly = RetryPolicy { within: Duration::from_secs(2), ..self.inner.policy };
        self.inner
            .with_session_under(&briefly, "release the lease on a run in", |session| lease::release(session, held))
    }
}

impl ArtifactStore for PgEventStore {
    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError> {
        self.inner.with_session("read", |session| read::artifact(session, hash))
    }

    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError> {
        if !prefix.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Vec::new());
        }
        self.inner.with_session("read", |session| read::artifact_hashes(session, prefix, limit))
    }

    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError> {
        let admitted = pack_artifacts(admit_artifacts(artifacts)?);
        self.inner.with_session("repair", |session| artifacts::repair(session, &admitted))
    }
}

impl RunIndex for PgEventStore {
    fn find_runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowSummary>, PersistenceError> {
        // PostgreSQL text cannot contain NUL.
        if filter.flow.as_deref().is_some_and(|flow| flow.contains('\0')) {
            return Ok(Vec::new());
        }
        self.inner.with_session("read", |session| runs::listed(session, filter, before, limit))
    }

    fn newest_runs(
        &self,
        flow: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowEvent>, PersistenceError> {
        // PostgreSQL text cannot contain NUL.
        if flow.is_some_and(|flow| flow.contains('\0')) {
            return Ok(Vec::new());
        }
        self.inner.with_session("read", |session| runs::newest(session, flow, before, limit))
    }

    fn find_run_ids(&self, prefix: &str, limit: usize) -> Result<Vec<FlowId>, PersistenceError> {
        let Some(range) = runs::beginning_with(prefix) else { return Ok(Vec::new()) };
        self.inner.with_session("read", |session| runs::between(session, range, limit))
    }

    fn completed_children(&self, parent: FlowId) -> Result<Vec<FlowId>, PersistenceError> {
        self.inner.with_session("read", |session| runs::completed(session, parent.range_of_children()))
    }

    fn find_cached(
        &self,
        key: CacheKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        self.inner.with_session("read", |session| read::results(session, &key.to_string(), before, limit))
    }

    fn find_work(
        &self,
        key: WorkKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        self.inner.with_session("read", |session| read::results_of_work(session, &key.to_string(), before, limit))
    }
}

impl Attestations for PgEventStore {
    fn append_attestations(&self, new: &[Attestation]) -> Result<bool, PersistenceError> {
        self.inner.with_session("append to", |session| attestations::append(session, new))
    }

    fn read_attestations(&self, from: u64, limit: usize) -> Result<Vec<Attestation>, PersistenceError> {
        self.inner.with_session("read", |session| attestations::from(session, from, limit))
    }

    fn next_attestation(&self) -> Result<u64, PersistenceError> {
        self.inner.with_session("read", attestations::next)
    }

    fn newest_attestation(&self, kind: &str) -> Result<Option<Attestation>, PersistenceError> {
        self.inner.with_session("read", |session| attestations::newest(session, kind))
    }

    fn first_attestation(&self, kind: &str, from: u64) -> Result<Option<Attestation>, PersistenceError> {
        self.inner.with_session("read", |session| attestations::first(session, kind, from))
    }

    fn first_signed(&self, kind: &str, from: u64) -> Result<Option<Attestation>, PersistenceError> {
        self.inner.with_session("read", |session| attestations::first_signed(session, kind, from))
    }

    fn attestations_about(&self, kind: &str, flow_id: FlowId) -> Result<Vec<Attestation>, PersistenceError> {
        self.inner.with_session("read", |session| attestations::about(session, kind, flow_id))
    }

    fn artifacts_of(&self, events: &[u64]) -> Result<Vec<ArtifactRow>, PersistenceError> {
        self.inner.with_session("read", |session| attestations::artifacts_of(session, events))
    }

    fn strays(&self, limit: usize) -> Result<Vec<Stray>, PersistenceError> {
        self.inner.with_session("read", |session| attestations::strays(session, limit))
    }
}

impl EventStore for PgEventStore {
    fn attestations(&self) -> Option<&dyn Attestations> {
        Some(self)
    }

    fn size(&self) -> Result<Option<StoreSize>, PersistenceError> {
        self.inner.with_session("read", size::size).map(Some)
    }

    fn largest(&self, limit: usize) -> Result<Option<Largest>, PersistenceError> {
        self.inner.with_session("read", |session| size::largest(session, limit)).map(Some)
    }
}
