//! Event stores: where events and artifacts live.
//!
//! [`EventStore`] is small: append at an expected position, list, find artifacts, look over the runs, read on. Every store keeps
//! the same laws, which one suite checks on all of them: positions of a run are contiguous from 0, an append lands whole
//! or not at all, events and artifacts are never changed, and what a store could not give back unchanged is refused by
//! all of them alike. What events mean is the flow's to know.
//!
//! ```
//! use chem_runtime::engine::FlowEngine;
//! use chem_runtime::store::{EventStore, InMemoryEventStore, StoreError};
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
//! assert!(matches!(other.append(again.flow_id, 0, &[again.kind.into()]), Err(StoreError::Conflict { .. })));
//! # Ok::<_, StoreError>(())
//! ```

mod admit;
mod error;
mod follow;
mod lease;
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod repository;
mod retry;
pub mod schema;
mod size;
pub mod sqlite;
mod summary;
mod url;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use error::{ErrorClass, StoreError};
pub use follow::{Cursor, Followed, Follower, InvalidCursor, RunFollower, UnreadableEvent};
pub use lease::{Holder, Lease, Takeover, Writer};
pub use memory::InMemoryEventStore;
pub use repository::{FlowRepository, InMemoryFlowRepository, LoadError};
pub use retry::{RetryPolicy, with_retry};
pub use size::{Contents, FlowSize, Largest, RunSize, StoreSize, TableSize};
pub use summary::{FlowSummary, RunFilter};
pub use url::{InvalidStoreUrl, PostgresUrl, StoreUrl, open, open_existing, open_to_read};

use crate::artifact::{Artifact, ArtifactError, ArtifactSource};
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId};
use crate::fingerprint::{ArtifactHash, CacheKey};

/// An event to be appended, with the artifacts that it names, which land with it or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What happened.
    pub kind: FlowEventKind,
    /// The artifacts that it produced. Those of which the store has a sound copy are not stored again.
    pub artifacts: Vec<Artifact>,
}

impl From<FlowEventKind> for NewEvent {
    fn from(kind: FlowEventKind) -> Self {
        Self { kind, artifacts: Vec::new() }
    }
}

/// Where the result of a step is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredResult {
    /// The number of the event in the store's global order.
    pub seq: u64,
    /// The event: a `StepFinished`, as the store has it.
    pub address: EventAddress,
}

/// Where events and artifacts live.
pub trait EventStore: Send + Sync {
    /// Appends `events` to a run whose next position is `expected`, in one transaction with their artifacts. They have the
    /// positions from there.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the lease under which the writer writes has passed to another holder, or the writer has none
    /// and another holds the run.
    /// [`StoreError::Conflict`] if the run's next position is another one: somebody else has appended.
    /// [`StoreError::Refused`] if an event has no canonical form. Nothing is stored in any of these cases.
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), StoreError>;

    /// Takes a run in hand that has begun: later appends under an earlier lease are refused.
    ///
    /// # Errors
    /// [`StoreError::Held`] if another holder has it, and `takeover` does not take it all the same.
    fn lease(&self, flow_id: FlowId, holder: &Holder, takeover: Takeover) -> Result<Lease, StoreError>;

    /// Lets go of a run, so that whoever comes next finds it free. It is no error if somebody else has it by now.
    fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Who has a run in hand; nobody, if it has ended, was let go of, or its holder is known to be gone.
    fn holder(&self, flow_id: FlowId) -> Result<Option<Holder>, StoreError>;

    /// The events of all runs after `cursor`, at most `limit`, in an order that is the same for everybody and in which
    /// the events of a run stand in theirs. If there are none yet, the first is waited for, for as long as `wait` allows.
    ///
    /// Whoever reads on at the cursor that comes back gets every event once.
    ///
    /// # Errors
    /// [`StoreError::NotInLog`] if `cursor` is known to be a place that the log does not have.
    /// [`StoreError::Unreadable`] if the first event after `cursor` cannot be read; the events before one that cannot are
    /// delivered.
    fn follow(&self, cursor: Cursor, limit: usize, wait: Duration) -> Result<Followed, StoreError>;

    /// The event of a run at a position, if the run has got so far.
    fn event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, StoreError>;

    /// Returns the events of a run from `position` on, in order; none if the run has not got so far.
    fn list_from(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, StoreError>;

    /// The artifact of this name, checked against it: of several copies, one that has this hash.
    fn artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, StoreError>;

    /// The hashes of the artifacts whose text begins with `prefix`, at most `limit`, in order.
    fn artifacts_with_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, StoreError>;

    /// Stores a further copy of each of these artifacts of which the store has no sound copy: its hash is taken by another
    /// content, or nothing is stored under it. Returns how many copies were stored.
    ///
    /// # Errors
    /// [`StoreError::RefusedArtifact`] if an artifact has metadata without a canonical form.
    fn repair(&self, artifacts: &[Artifact]) -> Result<u64, StoreError>;

    /// Where results of the work named `key` are: the `StepFinished` events of all runs that carry it, at most `limit`, the
    /// newest first, of those numbered below `before` if that is given. Whether a result is to be believed, its run shows.
    fn results(&self, key: CacheKey, before: Option<u64>, limit: usize) -> Result<Vec<StoredResult>, StoreError>;

    /// Returns up to `limit` runs that `filter` takes, the newest first: of all runs, or of those whose first event comes
    /// before the one numbered `before`, so that one page follows on another.
    fn runs(&self, filter: &RunFilter, before: Option<u64>, limit: usize) -> Result<Vec<FlowSummary>, StoreError>;

    /// How the newest runs began: their first events, at most `limit`, the newest run first. Of all flows, or of the one
    /// called `flow`; of all runs, or of those whose first event comes before the one numbered `before`, so that one page
    /// follows on another.
    fn newest(&self, flow: Option<&str>, before: Option<u64>, limit: usize) -> Result<Vec<FlowEvent>, StoreError>;

    /// The runs whose id, as it is written, begins with `prefix`, at most `limit`, in the order of their ids.
    fn flows_with_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<FlowId>, StoreError>;

    /// The position that the next event of a run will have.
    fn next_position(&self, flow_id: FlowId) -> Result<u64, StoreError>;

    /// Returns how many runs the store holds, and how much room each of its tables takes.
    fn size(&self) -> Result<StoreSize, StoreError>;

    /// Returns the `limit` flows and the `limit` runs that take the most room. Reads the whole log.
    fn largest(&self, limit: usize) -> Result<Largest, StoreError>;

    /// Returns all events of a run in order; none if there is no such run.
    fn list(&self, flow_id: FlowId) -> Result<Vec<FlowEvent>, StoreError> {
        self.list_from(flow_id, 0)
    }

    /// The files that the store is kept in, on this machine.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Whether what is appended outlives the process, and appending takes the time that this takes.
    fn is_durable(&self) -> bool {
        true
    }

    /// Returns all runs with their letters, the oldest first. Reads the whole log; a caller that looks for a few runs asks for
    /// [`runs`](Self::runs).
    fn flows(&self) -> Result<Vec<FlowSummary>, StoreError> {
        const PAGE: usize = 1_000;
        let all = RunFilter { letters: true, ..RunFilter::default() };
        let mut flows: Vec<FlowSummary> = Vec::new();
        loop {
            let page = self.runs(&all, flows.last().map(|oldest| oldest.first.seq), PAGE)?;
            let last = page.len() < PAGE;
            flows.extend(page);
            if last {
                flows.reverse();
                return Ok(flows);
            }
        }
    }

    /// Appends as [`append_as`](Self::append_as) does, under no lease.
    fn append(&self, flow_id: FlowId, expected: u64, events: &[NewEvent]) -> Result<(), StoreError> {
        self.append_as(flow_id.into(), expected, events)
    }

    /// Appends one event, wherever the run has got to, and gives it as it is stored. For logs that one writer owns; the
    /// engine says where it expects the run to be.
    fn append_kind(&self, flow_id: FlowId, kind: FlowEventKind) -> Result<FlowEvent, StoreError> {
        let expected = self.next_position(flow_id)?;
        self.append(flow_id, expected, &[kind.into()])?;
        let stored = self.event(flow_id, expected)?;
        stored.ok_or_else(|| StoreError::Corrupt { reason: "the store took an event and has none in its place".into() })
    }
}

impl<S: EventStore + ?Sized> EventStore for Arc<S> {
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), StoreError> {
        (**self).append_as(writer, expected, events)
    }

    fn lease(&self, flow_id: FlowId, holder: &Holder, takeover: Takeover) -> Result<Lease, StoreError> {
        (**self).lease(flow_id, holder, takeover)
    }

    fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        (**self).release(lease)
    }

    fn holder(&self, flow_id: FlowId) -> Result<Option<Holder>, StoreError> {
        (**self).holder(flow_id)
    }

    fn follow(&self, cursor: Cursor, limit: usize, wait: Duration) -> Result<Followed, StoreError> {
        (**self).follow(cursor, limit, wait)
    }

    fn event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, StoreError> {
        (**self).event(flow_id, position)
    }

    fn list_from(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, StoreError> {
        (**self).list_from(flow_id, position)
    }

    fn list(&self, flow_id: FlowId) -> Result<Vec<FlowEvent>, StoreError> {
        (**self).list(flow_id)
    }

    fn artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, StoreError> {
        (**self).artifact(hash)
    }

    fn artifacts_with_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, StoreError> {
        (**self).artifacts_with_prefix(prefix, limit)
    }

    fn repair(&self, artifacts: &[Artifact]) -> Result<u64, StoreError> {
        (**self).repair(artifacts)
    }

    fn results(&self, key: CacheKey, before: Option<u64>, limit: usize) -> Result<Vec<StoredResult>, StoreError> {
        (**self).results(key, before, limit)
    }

    fn runs(&self, filter: &RunFilter, before: Option<u64>, limit: usize) -> Result<Vec<FlowSummary>, StoreError> {
        (**self).runs(filter, before, limit)
    }

    fn flows(&self) -> Result<Vec<FlowSummary>, StoreError> {
        (**self).flows()
    }

    fn newest(&self, flow: Option<&str>, before: Option<u64>, limit: usize) -> Result<Vec<FlowEvent>, StoreError> {
        (**self).newest(flow, before, limit)
    }

    fn flows_with_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<FlowId>, StoreError> {
        (**self).flows_with_prefix(prefix, limit)
    }

    fn next_position(&self, flow_id: FlowId) -> Result<u64, StoreError> {
        (**self).next_position(flow_id)
    }

    fn size(&self) -> Result<StoreSize, StoreError> {
        (**self).size()
    }

    fn largest(&self, limit: usize) -> Result<Largest, StoreError> {
        (**self).largest(limit)
    }

    fn files(&self) -> Vec<PathBuf> {
        (**self).files()
    }

    fn is_durable(&self) -> bool {
        (**self).is_durable()
    }
}

/// Reads artifacts from an event store, by a reference to it or by a share in it.
pub struct StoredArtifacts<S>(pub S);

impl<S: Deref<Target: EventStore> + Sync> ArtifactSource for StoredArtifacts<S> {
    fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
        match self.0.artifact(hash) {
            Ok(Some(artifact)) => Ok(artifact),
            Ok(None) => Err(ArtifactError::Missing { hash }),
            Err(error) => Err(error.of_reading(hash)),
        }
    }
}
