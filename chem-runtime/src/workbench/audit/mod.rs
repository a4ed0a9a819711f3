//! `chem store check --deep`: whether all that a store holds is what it says to be.
//!
//! Every run is replayed, with its hashes recomputed; every result that was reused is looked up; every artifact is hashed.
//! The log is read once, from its beginning, with the state of each run that has not ended kept meanwhile. How findings are
//! put is in `describe`.

mod describe;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::WorkbenchError;
use crate::artifact::TableRoot;
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId, OutputRef, StepReused};
use crate::fingerprint::{ArtifactHash, CacheKey};
use crate::flow::{FlowInstance, StepIdentity, evolve};
use crate::step::{CancelToken, Registry};
use crate::store::{Cursor, ErrorClass, EventStore, StoreError};

/// So many events are read at once.
const PAGE: usize = 1_000;

/// What was looked at, and what of it is not as it should be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Audit {
    /// How many runs replay.
    pub sound_runs: usize,
    /// How many do not.
    pub unsound_runs: usize,
    /// How many artifacts have a copy with their hash.
    pub sound_artifacts: usize,
    /// For each artifact that has none, why.
    pub unsound_artifacts: BTreeMap<ArtifactHash, String>,
    /// What was found in the log, in its order.
    pub findings: Vec<Finding>,
}

/// Something about an event that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// The event; `None` if not even that can be told.
    pub event: Option<EventAddress>,
    /// What is wrong.
    pub reason: String,
}

/// What can be wrong with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// It cannot be read.
    Unreadable,
    /// It does not follow from the events before it.
    Misfit,
    /// It takes over a result that is not there, or is another one.
    Reuse,
    /// It finished work with another result than an earlier event. A step that is not deterministic does so too, and
    /// so this is no fault by itself.
    Disagreement,
}

impl FindingKind {
    /// The kind as scripts read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Misfit => "misfit",
            Self::Reuse => "reuse",
            Self::Disagreement => "disagreement",
        }
    }

    /// Whether the store is not sound because of it.
    pub fn is_fault(self) -> bool {
        self != Self::Disagreement
    }
}

/// Looks at all events and artifacts of `store`. Which steps give approximate results, `registry` tells.
///
/// # Errors
/// What the store has to complain of, other than of what it holds; [`WorkbenchError::Cancelled`] if `cancel` asks to stop.
pub fn audit(store: &dyn EventStore, registry: &Registry, cancel: &CancelToken) -> Result<Audit, WorkbenchError> {
    let mut auditor = Auditor {
        store,
        registry,
        runs: HashMap::new(),
        results: HashMap::new(),
        needed: HashMap::new(),
        audit: Audit::default(),
    };
    auditor.log(cancel)?;
    auditor.artifacts(cancel)?;
    Ok(auditor.audit)
}

struct Auditor<'a> {
    store: &'a dyn EventStore,
    registry: &'a Registry,
    runs: HashMap<FlowId, Progress>,
    /// The first result of each work.
    results: HashMap<CacheKey, (EventAddress, Vec<ArtifactHash>)>,
    /// The artifacts that events and tables name, each with the event that does.
    needed: HashMap<ArtifactHash, EventAddress>,
    audit: Audit,
}

/// How far a run has been replayed.
enum Progress {
    Going(Box<FlowInstance>),
    /// It is complete.
    Ended,
    Broken,
}

impl Auditor<'_> {
    /// Replays all runs.
    fn log(&mut self, cancel: &CancelToken) -> Result<(), WorkbenchError> {
        let mut cursor = Cursor::START;
        loop {
            heed(cancel)?;
            match self.store.follow(cursor, PAGE, Duration::ZERO) {
                Ok(followed) if followed.events.is_empty() => break,
                Ok(followed) => {
                    followed.events.iter().try_for_each(|event| self.event(event))?;
                    cursor = followed.cursor;
                }
                Err(StoreError::Unreadable(unreadable)) => {
                    self.unreadable(unreadable.error());
                    cursor = unreadable.after();
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.audit.unsound_runs = self.runs.values().filter(|run| matches!(run, Progress::Broken)).count();
        self.audit.sound_runs = self.runs.len() - self.audit.unsound_runs;
        Ok(())
    }

    fn unreadable(&mut self, error: &StoreError) {
        let event = match error {
            StoreError::Event { flow_id, position, .. } => {
                Some(EventAddress { flow_id: *flow_id, position: *position })
            }
            _ => None,
        };
        if let Some(event) = event {
            self.runs.insert(event.flow_id, Progress::Broken);
        }
        let reason = error.with_causes();
        self.audit.findings.push(Finding { kind: FindingKind::Unreadable, event, reason });
    }

    fn event(&mut self, event: &FlowEvent) -> Result<(), StoreError> {
        let (flow_id, position) = (event.flow_id, event.position);
        let address = EventAddress { flow_id, position };
        let progress =
            self.runs.remove(&flow_id).unwrap_or_else(|| Progress::Going(Box::new(FlowInstance::new(flow_id))));
        let after = match progress {
            // Whatever comes behind the first fault follows from it.
            Progress::Broken => Ok(Progress::Broken),
            Progress::Ended => Err("there is an event after the end of the run".to_owned()),
            Progress::Going(instance) if instance.next_position() != position => {
                Err(format!("the event before has position {}", instance.next_position().saturating_sub(1)))
            }
            Progress::Going(instance) => match evolve(*instance, &event.kind) {
                Ok(after) => {
                    self.look_at(address, &event.kind, &after)?;
                    Ok(match after.flow_fingerprint() {
                        Some(_) => Progress::Ended,
                        None => Progress::Going(Box::new(after)),
                    })
                }
                Err(error) => Err(error.reason),
            },
        };
        let after = after.unwrap_or_else(|reason| {
            self.audit.findings.push(Finding { kind: FindingKind::Misfit, event: Some(address), reason });
            Progress::Broken
        });
        self.runs.insert(flow_id, after);
        Ok(())
    }

    /// Looks at what an event that fits to its run says of other runs and of artifacts.
    fn look_at(&mut self, address: EventAddress, kind: &FlowEventKind, after: &FlowInstance) -> Result<(), StoreError> {
        let started = |index: usize| after.steps().get(index).and_then(|step| step.started.as_ref());
        match kind {
            FlowEventKind::StepStarted(started) => self.need(address, started.inputs.values().copied()),
            FlowEventKind::StepFinished(finished) => {
                self.need(address, hashes(&finished.outputs));
                let uses = started(finished.step_index).map(|started| started.uses.as_str()).unwrap_or_default();
                let approximate = self.registry.get(uses).is_some_and(|registration| registration.spec().approximate);
                if let Some(key) = finished.cache_key.filter(|_| !approximate) {
                    self.compare(address, key, hashes(&finished.outputs).collect());
                }
            }
            FlowEventKind::StepReused(reused) => {
                self.need(address, hashes(&reused.outputs));
                let key = started(reused.step_index).and_then(|started| StepIdentity::of(started).cache_key().ok());
                if let Some(reason) = self.misfit_of(reused, key)? {
                    self.audit.findings.push(Finding { kind: FindingKind::Reuse, event: Some(address), reason });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn need(&mut self, address: EventAddress, artifacts: impl Iterator<Item = ArtifactHash>) {
        for hash in artifacts {
            self.needed.entry(hash).or_insert(address);
        }
    }

    fn compare(&mut self, address: EventAddress, key: CacheKey, outputs: Vec<ArtifactHash>) {
        match self.results.get(&key) {
            Some((first, before)) if *before != outputs => {
                let reason = format!(
                    "its result is not that of event {} of run {}, which finished the same work: the step is not \
                     deterministic, or one of the two was changed",
                    first.position, first.flow_id
                );
                self.audit.findings.push(Finding { kind: FindingKind::Disagreement, event: Some(address), reason });
            }
            Some(_) => {}
            None => {
                self.results.insert(key, (address, outputs));
            }
        }
    }

    /// Why the event that a step was reused from does not bear that out.
    fn misfit_of(&self, reused: &StepReused, key: Option<CacheKey>) -> Result<Option<String>, StoreError> {
        let EventAddress { flow_id, position } = reused.source;
        let source = format!("event {position} of run {flow_id}, which it takes its result from,");
        let found = match self.store.event(flow_id, position) {
            Err(error) if error.class() == ErrorClass::Corrupt => return Ok(Some(format!("{source} cannot be read"))),
            found => found?,
        };
        let Some(found) = found else { return Ok(Some(format!("{source} is not in the store"))) };
        let FlowEventKind::StepFinished(finished) = found.kind else {
            return Ok(Some(format!("{source} does not finish a step")));
        };
        if finished.outputs != reused.outputs {
            Ok(Some(format!("{source} has other outputs")))
        } else if finished.cache_key.is_some() && finished.cache_key != key {
            Ok(Some(format!("{source} finished other work")))
        } else {
            Ok(None)
        }
    }

    /// Hashes all artifacts.
    fn artifacts(&mut self, cancel: &CancelToken) -> Result<(), WorkbenchError> {
        let mut seen = HashSet::new();
        for first in 0..=u8::MAX {
            for hash in self.store.artifacts_with_prefix(&format!("{first:02x}"), usize::MAX)? {
                heed(cancel)?;
                seen.insert(hash);
                self.artifact(hash)?;
            }
        }
        // What events and tables name, and the list has not.
        while let Some(hash) = self.needed.keys().find(|hash| !seen.contains(*hash)).copied() {
            heed(cancel)?;
            seen.insert(hash);
            self.artifact(hash)?;
            self.needed.retain(|hash, _| !seen.contains(hash));
        }
        Ok(())
    }

    fn artifact(&mut self, hash: ArtifactHash) -> Result<(), StoreError> {
        let needed = self.needed.get(&hash).copied();
        let reason = match self.store.artifact(hash) {
            Ok(Some(artifact)) => {
                self.audit.sound_artifacts += 1;
                if let Some(address) = needed {
                    // Only tables are more than their root.
                    let chunks = TableRoot::of(&artifact).map(|root| root.chunks).unwrap_or_default();
                    self.need(address, chunks.into_iter().map(|chunk| chunk.hash));
                }
                return Ok(());
            }
            Ok(None) => {
                let named = needed.map(|it| format!(", which event {} of run {} names,", it.position, it.flow_id));
                format!("artifact {hash}{} is missing", named.unwrap_or_default())
            }
            Err(error) if error.class() == ErrorClass::Corrupt => error.with_causes(),
            Err(error) => return Err(error),
        };
        self.audit.unsound_artifacts.insert(hash, reason);
        Ok(())
    }
}

fn hashes(outputs: &[OutputRef]) -> impl Iterator<Item = ArtifactHash> + '_ {
    outputs.iter().map(|output| output.hash)
}

/// Stops where that is asked for.
pub(super) fn heed(cancel: &CancelToken) -> Result<(), WorkbenchError> {
    if cancel.is_cancelled() { Err(WorkbenchError::Cancelled) } else { Ok(()) }
}
