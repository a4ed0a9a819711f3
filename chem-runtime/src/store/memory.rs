//! The store in memory: the reference for what every store does, and what tests use.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::admit::{AdmittedArtifact, admit, now};
use super::{EventStore, FlowSummary, NewEvent, StoreError};
use crate::artifact::Artifact;
use crate::event::{FlowEvent, FlowId, event_variants};
use crate::fingerprint::ArtifactHash;

/// Keeps events and artifacts for as long as it lives.
///
/// ```
/// use chem_runtime::store::{EventStore, InMemoryEventStore};
/// use chem_runtime::event::FlowId;
///
/// let store = InMemoryEventStore::new();
/// assert_eq!(store.next_position(FlowId::new())?, 0);
/// # Ok::<_, chem_runtime::store::StoreError>(())
/// ```
#[derive(Debug, Default)]
pub struct InMemoryEventStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seq: u64,
    flows: HashMap<FlowId, Vec<FlowEvent>>,
    /// The runs in the order in which they began.
    order: Vec<FlowId>,
    artifacts: BTreeMap<ArtifactHash, Artifact>,
}

impl InMemoryEventStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below is made whole before the lock is let go, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventStore for InMemoryEventStore {
    fn append(&self, flow_id: FlowId, expected: u64, events: &[NewEvent]) -> Result<Vec<FlowEvent>, StoreError> {
        let admitted = admit(flow_id, events)?;
        let mut state = self.state();
        let found = state.flows.get(&flow_id).map_or(0, |events| events.len() as u64);
        if found != expected {
            return Err(StoreError::Conflict { flow_id, expected, found });
        }
        let ts = now();
        let mut stored = Vec::with_capacity(events.len());
        for event in admitted {
            state.seq += 1;
            for AdmittedArtifact { artifact, .. } in event.artifacts {
                state.artifacts.entry(artifact.hash()).or_insert(artifact);
            }
            let position = expected + stored.len() as u64;
            stored.push(FlowEvent { seq: state.seq, flow_id, position, ts, kind: event.kind });
        }
        if expected == 0 && !stored.is_empty() {
            state.order.push(flow_id);
        }
        state.flows.entry(flow_id).or_default().extend(stored.iter().cloned());
        Ok(stored)
    }

    fn list(&self, flow_id: FlowId) -> Result<Vec<FlowEvent>, StoreError> {
        Ok(self.state().flows.get(&flow_id).cloned().unwrap_or_default())
    }

    fn artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, StoreError> {
        Ok(self.state().artifacts.get(&hash).cloned())
    }

    fn artifacts_with_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, StoreError> {
        let state = self.state();
        let matching = state.artifacts.keys().filter(|hash| hash.to_string().starts_with(prefix));
        Ok(matching.take(limit).copied().collect())
    }

    fn flows(&self) -> Result<Vec<FlowSummary>, StoreError> {
        let state = self.state();
        let summary = |flow_id| {
            let events: &Vec<FlowEvent> = state.flows.get(flow_id)?;
            let (first, last) = (events.first()?.clone(), events.last()?.clone());
            Some(FlowSummary { first, last, event_variants: event_variants(events) })
        };
        Ok(state.order.iter().filter_map(summary).collect())
    }

    fn next_position(&self, flow_id: FlowId) -> Result<u64, StoreError> {
        Ok(self.state().flows.get(&flow_id).map_or(0, |events| events.len() as u64))
    }
}
