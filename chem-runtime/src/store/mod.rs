//! Event stores: persist events and artifacts.
//!
//! [`EventStore`] appends at an expected position, lists events, finds artifacts, queries runs and follows the log. All
//! stores obey the same laws, which one test suite checks: the positions of a run are contiguous from 0, an append is
//! atomic, events and artifacts never change, and every store refuses the values that some store could not return
//! unchanged. The meaning of events is left to the flow.
//!
//! ```
//! use chem_runtime::engine::FlowEngine;
//! use chem_runtime::store::{EventStore, InMemoryEventStore, PersistenceError};
//! use chem_runtime::steps::demo::Seed;
//!
//! let engine = FlowEngine::new().first_step(Seed { text: "CCO".into() }).build().unwrap();
//! engine.run_to_end().unwrap();
//!
//! // Events written by one store can be appended to another, where they mean the same.
//! let other = InMemoryEventStore::new();
//! for event in engine.events().unwrap() {
//!     other.append_kind(event.flow_id, event.kind)?;
//! }
//! // A writer that is wrong about where the run is gets a conflict, and the log never forks.
//! let again = engine.events().unwrap()[0].clone();
//! assert!(matches!(other.append(again.flow_id, 0, &[again.kind.into()]), Err(PersistenceError::Conflict { .. })));
//! # Ok::<_, PersistenceError>(())
//! ```

// What the databases share has no other user.
#![cfg_attr(not(any(feature = "postgres", feature = "sqlite")), allow(dead_code))]

mod admit;
mod error;
mod follow;
mod lease;
mod memory;
mod opening;
mod page;
#[cfg(feature = "postgres")]
pub mod postgres;
mod repository;
mod retry;
pub mod schema;
mod size;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod summary;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use error::{ErrorClass, PersistenceError, UnreadableRun};
pub use follow::{Cursor, Followed, Follower, InvalidCursor, RunFollower, UnreadableEvent};
pub use lease::{Holder, Lease, Takeover, Writer};
pub use memory::InMemoryEventStore;
pub use opening::{Backend, BackendRegistration, InvalidStoreUrl, OpenMode, StoreUrl};
pub use repository::{FlowRepository, InMemoryFlowRepository, LoadError};
pub use retry::{RetryPolicy, with_retry};
pub use size::{Contents, FlowSize, Largest, RunSize, StoreSize, TableSize};
pub use summary::{FlowSummary, RunFilter};

use crate::artifact::{Artifact, ArtifactError, ArtifactSource};
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId};
use crate::fingerprint::{ArtifactHash, CacheKey};

/// An event to append, with the artifacts it names, which are stored in the same transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The event's kind and payload.
    pub kind: FlowEventKind,
    /// The artifacts it produced. Those that the store already has a sound copy of are not stored again.
    pub artifacts: Vec<Artifact>,
}

impl From<FlowEventKind> for NewEvent {
    fn from(kind: FlowEventKind) -> Self {
        Self { kind, artifacts: Vec::new() }
    }
}

/// The location of a step's stored result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredResult {
    /// The number of the step's `StepFinished` event in the store's global order.
    pub seq: u64,
    /// The run and position of that event.
    pub address: EventAddress,
}

/// Stores events and artifacts.
pub trait EventStore: Send + Sync {
    /// Appends `events` to a run at the position `expected`, together with their artifacts, in one transaction. The
    /// positions of the events are contiguous from `expected`.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Fenced`] if the writer's lease has passed to another holder, or if the writer has no lease
    /// and the run is held; [`PersistenceError::Conflict`] if the run's next position is not `expected`, because another
    /// writer has appended; [`PersistenceError::Refused`] or [`PersistenceError::RefusedArtifact`] if an event or an artifact has
    /// no canonical form. Nothing is stored in any of these cases.
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError>;

    /// Acquires the lease on an existing run, fencing earlier holders.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Held`] if another process holds the lease and `takeover` does not override it.
    fn acquire_lease(&self, flow_id: FlowId, holder: &Holder, takeover: Takeover) -> Result<Lease, PersistenceError>;

    /// Releases a lease, so that the next caller finds the run free. Succeeds without effect if another process has
    /// acquired the lease since.
    fn release_lease(&self, lease: &Lease) -> Result<(), PersistenceError>;

    /// Returns the current lease holder, or `None` if the run has ended, its lease was released, or the holder is known
    /// to be dead.
    fn lease_holder(&self, flow_id: FlowId) -> Result<Option<Holder>, PersistenceError>;

    /// Returns up to `limit` events after `cursor`, across all runs, in a total order every reader agrees on. The
    /// events of each run are in the order of their positions. Blocks up to `wait` if there are none yet.
    ///
    /// A reader that continues at the returned cursor gets every event exactly once.
    ///
    /// # Errors
    /// Returns [`PersistenceError::NotInLog`] if the log is known not to contain `cursor`, and [`PersistenceError::Unreadable`] if
    /// the first event after `cursor` cannot be read. Events before an unreadable one are returned first.
    fn follow(&self, cursor: Cursor, limit: usize, wait: Duration) -> Result<Followed, PersistenceError>;

    /// Returns the event of a run at `position`, or `None` if the run has no such position yet.
    fn read_event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, PersistenceError>;

    /// Returns the events of a run from `position` on, in order; an empty list if the run has no such position yet.
    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError>;

    /// Returns the artifact with this hash, or `None` if there is none. Verifies the hash, and if there are several
    /// copies, returns one that matches it.
    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError>;

    /// Returns up to `limit` artifact hashes whose text begins with `prefix`, in order.
    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError>;

    /// Stores another copy of each artifact that the store has no sound copy of, because it is missing or its stored
    /// content does not match its hash. Returns how many copies were stored.
    ///
    /// # Errors
    /// Returns [`PersistenceError::RefusedArtifact`] if an artifact has metadata without a canonical form.
    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError>;

    /// Returns up to `limit` `StepFinished` events with the cache key `key`, across all runs, newest first; with
    /// `before`, only those whose `seq` is below it. The run of a result shows whether to trust it.
    fn find_cached(
        &self,
        key: CacheKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError>;

    /// Returns up to `limit` runs that match `filter`, newest first. With `before`, returns only runs whose first event
    /// has a `seq` below it; pass that of a page's last run to get the next page. An empty page is the end of the list.
    ///
    /// # Errors
    /// Returns [`PersistenceError::UnreadableRun`] if the first or last event of the first run of the page cannot be read.
    /// Runs before an unreadable one are returned first.
    fn find_runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowSummary>, PersistenceError>;

    /// Returns the first events of up to `limit` runs, newest run first. With `flow`, returns only runs of the flow
    /// with that name; with `before`, only runs whose first event has a `seq` below it, as in [`find_runs`](Self::find_runs).
    fn newest_runs(
        &self,
        flow: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowEvent>, PersistenceError>;

    /// Returns up to `limit` runs whose id, as text, begins with `prefix`, ordered by id.
    fn find_run_ids(&self, prefix: &str, limit: usize) -> Result<Vec<FlowId>, PersistenceError>;

    /// Returns the position of the run's next event; 0 for an unknown run.
    fn next_position(&self, flow_id: FlowId) -> Result<u64, PersistenceError>;

    /// Returns the number of runs and the size of each table.
    fn size(&self) -> Result<StoreSize, PersistenceError>;

    /// Returns the `limit` largest flows and the `limit` largest runs. Reads the whole log.
    fn largest(&self, limit: usize) -> Result<Largest, PersistenceError>;

    /// Returns all events of a run in order; an empty list if there is no such run.
    fn list(&self, flow_id: FlowId) -> Result<Vec<FlowEvent>, PersistenceError> {
        self.read_run(flow_id, 0)
    }

    /// Returns the local files that make up the store; an empty list if it has no local files.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Returns whether appended events outlive the process. Appends to a durable store take the time that durability
    /// costs.
    fn is_durable(&self) -> bool {
        true
    }

    /// Returns all runs with their event letters, oldest first. Reads the whole log; to find a few runs, use
    /// [`find_runs`](Self::find_runs).
    fn all_runs(&self) -> Result<Vec<FlowSummary>, PersistenceError> {
        const PAGE: usize = 1_000;
        let all = RunFilter { letters: true, ..RunFilter::default() };
        let mut flows: Vec<FlowSummary> = Vec::new();
        loop {
            let page = self.find_runs(&all, flows.last().map(|oldest| oldest.first.seq), PAGE)?;
            if page.is_empty() {
                flows.reverse();
                return Ok(flows);
            }
            flows.extend(page);
        }
    }

    /// Appends like [`append_as`](Self::append_as), without a lease.
    fn append(&self, flow_id: FlowId, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        self.append_as(flow_id.into(), expected, events)
    }

    /// Appends one event at the run's next position and returns it as stored. For logs with a single writer; the engine
    /// passes the position it expects instead.
    fn append_kind(&self, flow_id: FlowId, kind: FlowEventKind) -> Result<FlowEvent, PersistenceError> {
        let expected = self.next_position(flow_id)?;
        self.append(flow_id, expected, &[kind.into()])?;
        let stored = self.read_event(flow_id, expected)?;
        stored.ok_or_else(|| PersistenceError::Corrupt {
            reason: "the store took an event and has none in its place".into(),
        })
    }
}

impl<S: EventStore + ?Sized> EventStore for Arc<S> {
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        (**self).append_as(writer, expected, events)
    }

    fn acquire_lease(&self, flow_id: FlowId, holder: &Holder, takeover: Takeover) -> Result<Lease, PersistenceError> {
        (**self).acquire_lease(flow_id, holder, takeover)
    }

    fn release_lease(&self, lease: &Lease) -> Result<(), PersistenceError> {
        (**self).release_lease(lease)
    }

    fn lease_holder(&self, flow_id: FlowId) -> Result<Option<Holder>, PersistenceError> {
        (**self).lease_holder(flow_id)
    }

    fn follow(&self, cursor: Cursor, limit: usize, wait: Duration) -> Result<Followed, PersistenceError> {
        (**self).follow(cursor, limit, wait)
    }

    fn read_event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, PersistenceError> {
        (**self).read_event(flow_id, position)
    }

    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError> {
        (**self).read_run(flow_id, position)
    }

    fn list(&self, flow_id: FlowId) -> Result<Vec<FlowEvent>, PersistenceError> {
        (**self).list(flow_id)
    }

    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError> {
        (**self).read_artifact(hash)
    }

    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError> {
        (**self).find_artifact_hashes(prefix, limit)
    }

    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError> {
        (**self).repair_artifacts(artifacts)
    }

    fn find_cached(
        &self,
        key: CacheKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        (**self).find_cached(key, before, limit)
    }

    fn find_runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowSummary>, PersistenceError> {
        (**self).find_runs(filter, before, limit)
    }

    fn all_runs(&self) -> Result<Vec<FlowSummary>, PersistenceError> {
        (**self).all_runs()
    }

    fn newest_runs(
        &self,
        flow: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowEvent>, PersistenceError> {
        (**self).newest_runs(flow, before, limit)
    }

    fn find_run_ids(&self, prefix: &str, limit: usize) -> Result<Vec<FlowId>, PersistenceError> {
        (**self).find_run_ids(prefix, limit)
    }

    fn next_position(&self, flow_id: FlowId) -> Result<u64, PersistenceError> {
        (**self).next_position(flow_id)
    }

    fn size(&self) -> Result<StoreSize, PersistenceError> {
        (**self).size()
    }

    fn largest(&self, limit: usize) -> Result<Largest, PersistenceError> {
        (**self).largest(limit)
    }

    fn files(&self) -> Vec<PathBuf> {
        (**self).files()
    }

    fn is_durable(&self) -> bool {
        (**self).is_durable()
    }
}

/// Reads artifacts from an event store, given as a reference or an [`Arc`].
pub struct StoredArtifacts<S>(pub S);

impl<S: Deref<Target: EventStore> + Sync> ArtifactSource for StoredArtifacts<S> {
    fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
        match self.0.read_artifact(hash) {
            Ok(Some(artifact)) => Ok(artifact),
            Ok(None) => Err(ArtifactError::Missing { hash }),
            Err(error) => Err(error.of_reading(hash)),
        }
    }
}
