//! The in-memory store: the reference implementation, used by tests.

mod location;
mod size;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{
    AdmittedArtifact, ArtifactRow, ArtifactStore, Attestation, Attestations, Cursor, EventLog, EventStore, FlowSummary,
    Followed, Holder, Largest, Lease, LeaseRecord, Leases, NewEvent, PersistenceError, RunFilter, RunIndex, StoreSize,
    StoredResult, Stray, Writer, admit, admit_artifacts, append_time,
};
use crate::artifact::Artifact;
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId, StepFinished, event_variants};
use crate::fingerprint::{ArtifactHash, CacheKey, WorkKey, canonical_json};

/// Keeps events and artifacts in memory, for the lifetime of the value.
///
/// ```
/// use chem_runtime::store::{EventLog, InMemoryEventStore};
/// use chem_runtime::event::FlowId;
///
/// let store = InMemoryEventStore::new();
/// assert_eq!(store.next_position(FlowId::new())?, 0);
/// # Ok::<_, chem_runtime::store::PersistenceError>(())
/// ```
#[derive(Debug, Default)]
pub struct InMemoryEventStore {
    state: Mutex<State>,
    /// Wakes the readers that wait for the next event.
    appended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    flows: HashMap<FlowId, Vec<FlowEvent>>,
    /// The run and position of every event, ordered by `seq`, which counts from 1.
    log: Vec<(FlowId, u64)>,
    artifacts: BTreeMap<ArtifactHash, Artifact>,
    /// The run that stored each artifact first.
    produced_by: HashMap<ArtifactHash, FlowId>,
    /// The artifacts that were first stored with each event, by its number.
    produced_in: HashMap<u64, BTreeSet<ArtifactHash>>,
    /// The `StepFinished` events of each cache key, ordered by `seq`.
    results: HashMap<CacheKey, Vec<StoredResult>>,
    /// The same for each work key.
    work: HashMap<WorkKey, Vec<StoredResult>>,
    leases: HashMap<FlowId, HeldLease>,
    attestations: Vec<Attestation>,
}

#[derive(Debug)]
struct HeldLease {
    epoch: u64,
    holder: Holder,
    released: bool,
}

impl State {
    fn events(&self, flow_id: FlowId) -> &[FlowEvent] {
        self.flows.get(&flow_id).map_or(&[], Vec::as_slice)
    }

    fn event(&self, flow_id: FlowId, position: u64) -> Option<&FlowEvent> {
        self.events(flow_id).get(usize::try_from(position).ok()?)
    }

    fn read_log(&self, cursor: Cursor, limit: usize) -> Followed {
        let from = usize::try_from(cursor.seq()).unwrap_or(usize::MAX);
        let new = self.log.iter().skip(from).take(limit);
        Followed::by_seq(
            new.filter_map(|(flow_id, position)| self.event(*flow_id, *position).cloned()).collect(),
            cursor,
        )
    }

    fn lease(&self, flow_id: FlowId) -> Option<LeaseRecord> {
        let held = self.leases.get(&flow_id)?;
        let status = self.events(flow_id).last().map(|event| event.kind.status_after());
        let (holder, released) = (held.holder.clone(), held.released);
        Some(LeaseRecord { epoch: held.epoch, holder, lapsed: released, released, status })
    }

    fn record(&mut self, lease: &Lease) {
        let held = HeldLease { epoch: lease.epoch, holder: lease.holder.clone(), released: false };
        self.leases.insert(lease.flow_id, held);
    }
}

impl InMemoryEventStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below completes before the lock is released, so the state is consistent even if a panic poisoned
        // it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventLog for InMemoryEventStore {
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        let flow_id = writer.flow_id();
        let admitted = admit(flow_id, events)?;
        let mut state = self.state();
        let new_lease = writer.check(expected, state.lease(flow_id).as_ref())?;
        let found = state.events(flow_id).len() as u64;
        if found != expected {
            return Err(PersistenceError::Conflict { flow_id, expected, found });
        }
        if let Some(lease) = new_lease {
            state.record(lease);
        }
        let ts = append_time();
        let mut stored = Vec::with_capacity(events.len());
        for ((position, admitted), event) in (expected..).zip(admitted).zip(events) {
            state.log.push((flow_id, position));
            let seq = state.log.len() as u64;
            for AdmittedArtifact { artifact, .. } in admitted.artifacts {
                let hash = artifact.hash();
                if !state.artifacts.contains_key(&hash) {
                    state.produced_by.insert(hash, flow_id);
                    state.produced_in.entry(seq).or_default().insert(hash);
                    state.artifacts.insert(hash, artifact);
                }
            }
            let kind = admitted.reads_back_as.unwrap_or_else(|| event.kind.clone());
            if let FlowEventKind::StepFinished(StepFinished { cache_key, rows, .. }) = &kind {
                let result = StoredResult { seq, address: EventAddress { flow_id, position } };
                if let Some(key) = cache_key {
                    state.results.entry(*key).or_default().push(result);
                }
                if let Some(rows) = rows {
                    state.work.entry(rows.work_key).or_default().push(result);
                }
            }
            stored.push(FlowEvent { seq, flow_id, position, ts, kind });
        }
        state.flows.entry(flow_id).or_default().extend(stored);
        self.appended.notify_all();
        Ok(())
    }

    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError> {
        let from = usize::try_from(position).unwrap_or(usize::MAX);
        Ok(self.state().events(flow_id).get(from..).unwrap_or_default().to_vec())
    }

    fn read_log(&self, cursor: Cursor, limit: usize) -> Result<Followed, PersistenceError> {
        Ok(self.state().read_log(cursor, limit))
    }

    fn follow(&self, cursor: Cursor, limit: usize, wait: Duration) -> Result<Followed, PersistenceError> {
        let nothing_new = |state: &mut State| state.log.len() as u64 <= cursor.seq();
        let (state, _) =
            self.appended.wait_timeout_while(self.state(), wait, nothing_new).unwrap_or_else(PoisonError::into_inner);
        Ok(state.read_log(cursor, limit))
    }

    fn read_event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, PersistenceError> {
        Ok(self.state().event(flow_id, position).cloned())
    }

    fn next_position(&self, flow_id: FlowId) -> Result<u64, PersistenceError> {
        Ok(self.state().events(flow_id).len() as u64)
    }

    fn cursor_after(&self, flow_id: FlowId, position: u64) -> Result<Option<Cursor>, PersistenceError> {
        Ok(self.read_event(flow_id, position)?.map(|event| Cursor { seq: event.seq, ..Cursor::START }))
    }

    fn newest_seq(&self) -> Result<Option<u64>, PersistenceError> {
        Ok(Some(self.state().log.len() as u64))
    }
}

impl Leases for InMemoryEventStore {
    fn read_lease(&self, flow_id: FlowId) -> Result<Option<LeaseRecord>, PersistenceError> {
        Ok(self.state().lease(flow_id))
    }

    fn record_lease(&self, lease: &Lease) -> Result<bool, PersistenceError> {
        let mut state = self.state();
        let is_next = state.leases.get(&lease.flow_id).map_or(0, |held| held.epoch) + 1 == lease.epoch;
        if is_next {
            state.record(lease);
        }
        Ok(is_next)
    }

    fn release_lease(&self, lease: &Lease) -> Result<(), PersistenceError> {
        if let Some(held) = self.state().leases.get_mut(&lease.flow_id).filter(|held| held.epoch == lease.epoch) {
            held.released = true;
        }
        Ok(())
    }
}

impl ArtifactStore for InMemoryEventStore {
    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError> {
        Ok(self.state().artifacts.get(&hash).cloned())
    }

    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError> {
        let state = self.state();
        let matching = state.artifacts.keys().filter(|hash| hash.to_string().starts_with(prefix));
        Ok(matching.take(limit).copied().collect())
    }

    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError> {
        let (admitted, mut state) = (admit_artifacts(artifacts)?, self.state());
        let before = state.artifacts.len();
        for AdmittedArtifact { artifact, .. } in admitted {
            // An artifact in memory cannot become damaged, so only missing ones are stored.
            state.artifacts.entry(artifact.hash()).or_insert(artifact);
        }
        Ok((state.artifacts.len() - before) as u64)
    }
}

impl RunIndex for InMemoryEventStore {
    fn find_runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowSummary>, PersistenceError> {
        let state = self.state();
        let begun = state.log.iter().rev().filter(|(_, position)| *position == 0);
        let runs = begun.map(|(flow_id, _)| state.events(*flow_id)).filter_map(|events| {
            let (first, last) = (events.first()?, events.last()?);
            (before.is_none_or(|before| first.seq < before) && filter.selects(first, &last.kind)).then_some(events)
        });
        let summary = |events: &[FlowEvent]| {
            let (first, last) = (events.first()?.clone(), events.last()?.clone());
            Some(FlowSummary { first, last, event_variants: filter.letters.then(|| event_variants(events)) })
        };
        Ok(runs.take(limit).filter_map(summary).collect())
    }

    fn find_cached(
        &self,
        key: CacheKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        Ok(newest_first(self.state().results.get(&key), before, limit))
    }

    fn find_work(
        &self,
        key: WorkKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        Ok(newest_first(self.state().work.get(&key), before, limit))
    }
}

fn newest_first(results: Option<&Vec<StoredResult>>, before: Option<u64>, limit: usize) -> Vec<StoredResult> {
    let newest_first = results.into_iter().flatten().rev();
    newest_first.filter(|result| before.is_none_or(|before| result.seq < before)).take(limit).copied().collect()
}

impl Attestations for InMemoryEventStore {
    fn append_attestations(&self, new: &[Attestation]) -> Result<bool, PersistenceError> {
        let mut state = self.state();
        let is_next = (state.attestations.len() as u64..).zip(new).all(|(number, new)| new.number == number);
        if is_next {
            state.attestations.extend_from_slice(new);
        }
        Ok(is_next)
    }

    fn read_attestations(&self, from: u64, limit: usize) -> Result<Vec<Attestation>, PersistenceError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(self.state().attestations.iter().skip(from).take(limit).cloned().collect())
    }

    fn next_attestation(&self) -> Result<u64, PersistenceError> {
        Ok(self.state().attestations.len() as u64)
    }

    fn newest_attestation(&self, kind: &str) -> Result<Option<Attestation>, PersistenceError> {
        Ok(self.state().attestations.iter().rev().find(|attestation| attestation.kind == kind).cloned())
    }

    fn first_attestation(&self, kind: &str, from: u64) -> Result<Option<Attestation>, PersistenceError> {
        let is_it = |it: &&Attestation| it.number >= from && it.kind == kind;
        Ok(self.state().attestations.iter().find(is_it).cloned())
    }

    fn first_signed(&self, kind: &str, from: u64) -> Result<Option<Attestation>, PersistenceError> {
        let is_it = |it: &&Attestation| it.number >= from && it.kind == kind && it.signature.is_some();
        Ok(self.state().attestations.iter().find(is_it).cloned())
    }

    fn attestations_about(&self, kind: &str, flow_id: FlowId) -> Result<Vec<Attestation>, PersistenceError> {
        let is_it = |it: &&Attestation| it.kind == kind && it.flow_id == Some(flow_id);
        Ok(self.state().attestations.iter().filter(is_it).cloned().collect())
    }

    fn artifacts_of(&self, events: &[u64]) -> Result<Vec<ArtifactRow>, PersistenceError> {
        let state = self.state();
        let row = |(seq, hash): (u64, ArtifactHash)| {
            let metadata = state.artifacts.get(&hash).and_then(Artifact::metadata);
            let metadata = metadata.map(|metadata| canonical_json(metadata).unwrap_or_else(|_| metadata.to_string()));
            ArtifactRow { seq, hash: hash.to_string(), metadata }
        };
        let hashes = |seq: u64| state.produced_in.get(&seq).into_iter().flatten().map(move |hash| (seq, *hash));
        Ok(events.iter().copied().flat_map(hashes).map(row).collect())
    }

    fn strays(&self, _: usize) -> Result<Vec<Stray>, PersistenceError> {
        // The log is the list of all events.
        Ok(Vec::new())
    }
}

impl EventStore for InMemoryEventStore {
    fn attestations(&self) -> Option<&dyn Attestations> {
        Some(self)
    }

    fn size(&self) -> Result<Option<StoreSize>, PersistenceError> {
        Ok(Some(size::size(&self.state())))
    }

    fn largest(&self, limit: usize) -> Result<Option<Largest>, PersistenceError> {
        Ok(Some(size::largest(&self.state(), limit)))
    }

    fn is_durable(&self) -> bool {
        false
    }
}
