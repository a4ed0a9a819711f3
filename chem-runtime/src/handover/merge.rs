//! Brings the runs of one store into another.
//!
//! A run is merged if its events in one store are the beginning of its events in the other. Everything is decided by what both
//! stores have, so a merge that was interrupted and is repeated has the same end, in whatever order stores are merged.

use std::collections::HashSet;

use super::contents::artifacts_of;
use super::error::HandoverError;
use crate::artifact::{Artifact, TableRoot};
use crate::event::{FlowEventKind, FlowId};
use crate::fingerprint::ArtifactHash;
use crate::step::CancelToken;
use crate::store::{ArtifactStore, ErrorClass, EventStore, NewEvent, PersistenceError, RunFilter, StoredEvent};

/// The total length of payloads in bytes after which a part of a run is appended. A merge holds this much, and the artifacts
/// of one event.
const ENOUGH: usize = 16 << 20;

/// What a merge has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// The runs that the target did not have.
    pub new: Vec<FlowId>,
    /// The runs of which the target had the beginning.
    pub continued: Vec<FlowId>,
    /// The number of runs that the target had already, with the same events or further ones.
    pub present: u64,
    /// The number of events that were appended.
    pub events: u64,
    /// The number of artifacts that were read from the source for these events. Those that the target had are not stored again.
    pub artifacts: u64,
    /// The runs that were left out, each with the reason.
    pub refused: Vec<Refused>,
    /// The artifacts that the source cannot return, each with the run that names it. The events that name them were merged.
    pub lost: Vec<(FlowId, ArtifactHash)>,
}

/// A run that was left out, or of which only the beginning was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The run; `None` if the source cannot tell its id.
    pub flow_id: Option<FlowId>,
    /// The reason.
    pub reason: String,
}

/// Appends to `into` all events of runs in `from` that it does not have, with their artifacts. Attestations, such as
/// statements of people and checkpoints, are left where they are.
///
/// The events are appended now: their times are those of the merge.
///
/// # Errors
/// Fails if a store fails. A run that cannot be merged is no error: it is in the result, and the others are merged.
pub fn merge(from: &dyn EventStore, into: &dyn EventStore, cancel: &CancelToken) -> Result<Merged, HandoverError> {
    let mut merge = Merge { from, into, copied: HashSet::new(), merged: Merged::default() };
    for flow_id in merge.runs()? {
        if cancel.is_cancelled() {
            return Err(PersistenceError::Unusable {
                message: "interrupted; the same command merges what is left".to_owned(),
                source: None,
            }
            .into());
        }
        if let Err(error) = merge.run(flow_id) {
            // What was read for this run may not have been stored.
            merge.copied.clear();
            merge.refuse(Some(flow_id), error)?;
        }
    }
    Ok(merge.merged)
}

struct Merge<'a> {
    from: &'a dyn EventStore,
    into: &'a dyn EventStore,
    /// The artifacts that were copied, which need not be read again.
    copied: HashSet<ArtifactHash>,
    merged: Merged,
}

impl Merge<'_> {
    /// Returns the runs of the source, oldest first, so that results come before the runs that reuse them.
    fn runs(&mut self) -> Result<Vec<FlowId>, PersistenceError> {
        const PAGE: usize = 1_000;
        let (mut runs, mut before) = (Vec::new(), None);
        loop {
            match self.from.find_runs(&RunFilter::default(), before, PAGE) {
                Ok(page) if page.is_empty() => break,
                Ok(page) => {
                    before = page.last().map(|oldest| oldest.first.seq);
                    runs.extend(page.iter().map(|run| run.flow_id()));
                }
                Err(PersistenceError::UnreadableRun(unreadable)) => {
                    before = Some(unreadable.seq());
                    let reason = PersistenceError::UnreadableRun(unreadable).with_causes();
                    self.merged.refused.push(Refused { flow_id: None, reason });
                }
                Err(error) => return Err(error),
            }
        }
        runs.reverse();
        Ok(runs)
    }

    /// Records why a run was left out.
    ///
    /// # Errors
    /// Returns the error if it is not about this run alone.
    fn refuse(&mut self, flow_id: Option<FlowId>, error: PersistenceError) -> Result<(), PersistenceError> {
        match error.class() {
            ErrorClass::Conflict | ErrorClass::Corrupt => {
                self.merged.refused.push(Refused { flow_id, reason: error.with_causes() });
                Ok(())
            }
            ErrorClass::Transient | ErrorClass::Permanent => Err(error),
        }
    }

    fn run(&mut self, flow_id: FlowId) -> Result<(), PersistenceError> {
        let id = flow_id.to_string();
        let (source, target) = (self.from.read_stored_run(&id, u64::MAX)?, self.into.read_stored_run(&id, u64::MAX)?);
        let refuse = |reason: String| Refused { flow_id: Some(flow_id), reason };
        let differ = |(one, other): (&StoredEvent, &StoredEvent)| {
            (&one.event_type, &one.payload) != (&other.event_type, &other.payload)
        };
        if let Some(position) = source.iter().zip(&target).position(differ) {
            let reason = format!("the stores have different events of run {flow_id} from position {position} on");
            self.merged.refused.push(refuse(reason));
            return Ok(());
        }
        let Some(rest) = source.get(target.len()..).filter(|rest| !rest.is_empty()) else {
            self.merged.present += 1;
            return Ok(());
        };
        let mut new = Vec::new();
        for row in rest {
            let event = row.clone().decode()?;
            if StoredEvent::of(&event)?.payload != row.payload {
                let position = event.position;
                let reason = format!("event {position} of run {flow_id} has fields that this release does not know");
                self.merged.refused.push(refuse(reason));
                return Ok(());
            }
            new.push(event.kind);
        }
        self.append(flow_id, target.len() as u64, new)?;
        let list = if target.is_empty() { &mut self.merged.new } else { &mut self.merged.continued };
        list.push(flow_id);
        Ok(())
    }

    /// Appends events from `position` on, with their artifacts, in parts of limited size.
    fn append(
        &mut self,
        flow_id: FlowId,
        mut position: u64,
        kinds: Vec<FlowEventKind>,
    ) -> Result<(), PersistenceError> {
        let (mut part, mut size) = (Vec::new(), 0);
        let mut kinds = kinds.into_iter().peekable();
        while let Some(kind) = kinds.next() {
            let artifacts = self.artifacts_of(flow_id, &kind)?;
            size += artifacts.iter().map(|artifact| artifact.payload_text().len()).sum::<usize>();
            part.push(NewEvent { kind, artifacts });
            if size >= ENOUGH || kinds.peek().is_none() {
                self.into.append(flow_id, position, &part)?;
                position += part.len() as u64;
                self.merged.events += part.len() as u64;
                (part, size) = (Vec::new(), 0);
            }
        }
        Ok(())
    }

    /// Reads the artifacts that an event brings along, unless they were copied before.
    fn artifacts_of(&mut self, flow_id: FlowId, kind: &FlowEventKind) -> Result<Vec<Artifact>, PersistenceError> {
        let mut open = artifacts_of(kind);
        if let FlowEventKind::StepStarted(started) = kind {
            // The history of a step is stored when the step starts; its other inputs were outputs before.
            open.extend(started.inputs.values());
        }
        let mut found = Vec::new();
        while let Some(hash) = open.pop() {
            if !self.copied.insert(hash) {
                continue;
            }
            match self.from.read_artifact(hash) {
                Ok(Some(artifact)) => {
                    if let Ok(root) = TableRoot::of(&artifact) {
                        open.extend(root.chunks.iter().map(|chunk| chunk.hash));
                    }
                    found.push(artifact);
                }
                Err(error) if error.class() != ErrorClass::Corrupt => return Err(error),
                // The target may have a sound copy.
                Ok(None) | Err(_) => {
                    if !has(self.into, hash)? {
                        self.merged.lost.push((flow_id, hash));
                    }
                }
            }
        }
        self.merged.artifacts += found.len() as u64;
        Ok(found)
    }
}

/// Returns whether a store has a sound copy of an artifact.
fn has(store: &(impl ArtifactStore + ?Sized), hash: ArtifactHash) -> Result<bool, PersistenceError> {
    match store.read_artifact(hash) {
        Ok(found) => Ok(found.is_some()),
        Err(error) if error.class() == ErrorClass::Corrupt => Ok(false),
        Err(error) => Err(error),
    }
}
