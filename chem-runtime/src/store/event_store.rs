//! A whole store: the parts that a backend provides together, and how an engine takes one.

use std::path::PathBuf;
use std::sync::Arc;

use super::{ArtifactStore, Attestations, EventLog, Largest, Leases, PersistenceError, RunIndex, StoreSize};
use crate::event::{FlowEvent, FlowEventKind, FlowId};

/// A store of events and artifacts. A caller that needs a part of it takes that part: [`EventLog`], [`Leases`],
/// [`ArtifactStore`] or [`RunIndex`].
pub trait EventStore: EventLog + Leases + ArtifactStore + RunIndex {
    /// Returns all events of a run in order; an empty list if there is no such run.
    fn list(&self, flow_id: FlowId) -> Result<Vec<FlowEvent>, PersistenceError> {
        self.read_run(flow_id, 0)
    }

    /// Appends one event at the run's next position and returns it as stored. For logs with a single writer; the engine
    /// passes the position it expects instead.
    fn append_kind(&self, flow_id: FlowId, kind: FlowEventKind) -> Result<FlowEvent, PersistenceError> {
        let expected = self.next_position(flow_id)?;
        self.append(flow_id, expected, &[kind.into()])?;
        let stored = self.read_event(flow_id, expected)?;
        stored.ok_or_else(|| PersistenceError::Corrupt {
            reason: format!("run {flow_id} has no event at position {expected}, where one was just appended"),
        })
    }

    /// Returns the number of runs and the size of each table; `None` if the store does not measure itself.
    fn size(&self) -> Result<Option<StoreSize>, PersistenceError> {
        Ok(None)
    }

    /// Returns the `limit` largest flows and the `limit` largest runs; `None` if the store does not measure itself.
    /// Reads the whole log.
    fn largest(&self, limit: usize) -> Result<Option<Largest>, PersistenceError> {
        let _ = limit;
        Ok(None)
    }

    /// Returns the attestations in the store; `None` if it cannot keep any, so that its log cannot be sealed.
    fn attestations(&self) -> Option<&dyn Attestations> {
        None
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
}

/// A store, or an `Arc` or a `Box` of one, that an engine can share between its threads.
///
/// ```
/// use std::sync::Arc;
///
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::store::{EventStore, InMemoryEventStore};
///
/// let boxed: Box<dyn EventStore> = Box::new(InMemoryEventStore::new());
/// let shared: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
/// FlowEngine::on(InMemoryEventStore::new());
/// FlowEngine::on(Arc::new(InMemoryEventStore::new()));
/// FlowEngine::on(shared);
/// FlowEngine::on(boxed);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event store",
    label = "expected a type that implements `EventStore`, or an `Arc` or a `Box` of one"
)]
pub trait IntoEventStore {
    /// Returns the store to share.
    fn into_event_store(self) -> Arc<dyn EventStore>;
}

impl<S: EventStore + 'static> IntoEventStore for S {
    fn into_event_store(self) -> Arc<dyn EventStore> {
        Arc::new(self)
    }
}

impl<S: EventStore + 'static> IntoEventStore for Arc<S> {
    fn into_event_store(self) -> Arc<dyn EventStore> {
        self
    }
}

impl IntoEventStore for Arc<dyn EventStore> {
    fn into_event_store(self) -> Self {
        self
    }
}

impl IntoEventStore for Box<dyn EventStore> {
    fn into_event_store(self) -> Arc<dyn EventStore> {
        self.into()
    }
}
