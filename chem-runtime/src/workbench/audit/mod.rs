//! `chem store check --deep`: verifies the content of a store.
//!
//! Replays every run, which recomputes its hashes; compares every reused result with its source; hashes every artifact. Reads
//! the log once from its beginning, and keeps the state of each run that has not completed; a spool, whose log has no order, is read run by
//! run. `describe` formats the findings.

mod describe;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::WorkbenchError;
use crate::artifact::TableRoot;
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId, OutputRef, StepReused};
use crate::fingerprint::{ArtifactHash, CacheKey};
use crate::flow::{FlowInstance, StepIdentity, evolve};
use crate::step::{CancelToken, Registry};
use crate::store::{Cursor, ErrorClass, EventStore, PersistenceError};

/// The number of events that are read at once.
const PAGE: usize = 1_000;

/// The result of an audit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Audit {
    /// The number of runs that can be replayed.
    pub sound_runs: usize,
    /// The number of runs that cannot.
    pub unsound_runs: usize,
    /// The number of artifacts with an intact copy.
    pub sound_artifacts: usize,
    /// The artifacts without an intact copy, with the reasons.
    pub unsound_artifacts: BTreeMap<ArtifactHash, String>,
    /// The findings in the log, in the order of the log.
    pub findings: Vec<Finding>,
}

/// A finding about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The kind of the finding.
    pub kind: FindingKind,
    /// The address of the event; `None` if it is unreadable too.
    pub event: Option<EventAddress>,
    /// What is wrong with the event.
    pub reason: String,
}

/// The kinds of findings about events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// The event cannot be read.
    Unreadable,
    /// The event contradicts the earlier ones.
    Misfit,
    /// The event reuses a result that is missing or different.
    Reuse,
    /// The event has another result for the same work than an earlier event. Not a fault by itself, because the step may be
    /// nondeterministic.
    Disagreement,
}

impl FindingKind {
    /// Returns the kind as scripts read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Misfit => "misfit",
            Self::Reuse => "reuse",
            Self::Disagreement => "disagreement",
        }
    }

    /// Returns whether the finding shows that the store is damaged.
    pub fn is_fault(self) -> bool {
        self != Self::Disagreement
    }
}

/// Verifies all events and artifacts of `store`. `registry` knows which steps give approximate results.
///
/// # Errors
/// Fails if the store cannot be read, apart from damaged content, and with [`WorkbenchError::Cancelled`] after a
/// cancellation.
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
    /// The first result for each cache key.
    results: HashMap<CacheKey, (EventAddress, Vec<ArtifactHash>)>,
    /// The artifacts to which events and tables refer, each with an event that does.
    needed: HashMap<ArtifactHash, EventAddress>,
    audit: Audit,
}

/// The state of a run's replay.
enum Progress {
    Going(Box<FlowInstance>),
    /// The run is complete.
    Ended,
    Broken,
}

impl Auditor<'_> {
    /// Replays all runs.
    fn log(&mut self, cancel: &CancelToken) -> Result<(), WorkbenchError> {
        if self.store.is_ordered() {
            self.follow(cancel)?;
        } else {
            self.each_run(cancel)?;
        }
        self.audit.unsound_runs = self.runs.values().filter(|run| matches!(run, Progress::Broken)).count();
        self.audit.sound_runs = self.runs.len() - self.audit.unsound_runs;
        Ok(())
    }

    /// Replays one run after another: no finding depends on the order of the events of different runs.
    fn each_run(&mut self, cancel: &CancelToken) -> Result<(), WorkbenchError> {
        for run in self.store.find_run_ids("", usize::MAX)? {
            heed(cancel)?;
            match self.store.list(run) {
                Ok(events) => events.iter().try_for_each(|event| self.event(event))?,
                Err(error) if error.class() == ErrorClass::Corrupt => {
                    self.unreadable(&error);
                    self.runs.insert(run, Progress::Broken);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Replays all runs at once, in the order of the log.
    fn follow(&mut self, cancel: &CancelToken) -> Result<(), WorkbenchError> {
        let mut cursor = Cursor::START;
        loop {
            heed(cancel)?;
            match self.store.follow(cursor, PAGE, Duration::ZERO) {
                Ok(followed) if followed.events.is_empty() => break,
                Ok(followed) => {
                    followed.events.iter().try_for_each(|event| self.event(event))?;
                    cursor = followed.cursor;
                }
                Err(PersistenceError::Unreadable(unreadable)) => {
                    self.unreadable(unreadable.error());
                    cursor = unreadable.after();
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, error: &PersistenceError) {
        let event = match error {
            PersistenceError::Event { flow_id, position, .. } => {
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

    fn event(&mut self, event: &FlowEvent) -> Result<(), PersistenceError> {
        let (flow_id, position) = (event.flow_id, event.position);
        let address = EventAddress { flow_id, position };
        let progress =
            self.runs.remove(&flow_id).unwrap_or_else(|| Progress::Going(Box::new(FlowInstance::new(flow_id))));
        let after = match progress {
            // Report only the first fault of a run, because later ones may follow from it.
            Progress::Broken => Ok(Progress::Broken),
            Progress::Ended => Err("found an event after the end of the run".to_owned()),
            Progress::Going(instance) if instance.next_position() != position => {
                Err(format!("the previous event has position {}", instance.next_position().saturating_sub(1)))
            }
            Progress::Going(instance) => match evolve(*instance, &event.kind) {
                Ok(after) => {
                    self.check_references(address, &event.kind, &after)?;
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

    /// Checks the references of a valid event to other runs, and collects those to artifacts.
    fn check_references(
        &mut self,
        address: EventAddress,
        kind: &FlowEventKind,
        after: &FlowInstance,
    ) -> Result<(), PersistenceError> {
        let started = |index: usize| after.steps().get(index).and_then(|step| step.started.as_ref());
        match kind {
            FlowEventKind::StepStarted(started) => self.need(address, started.inputs.values().copied()),
            FlowEventKind::StepFinished(finished) => {
                self.need(address, hashes(&finished.outputs));
                self.need(address, finished.rows.iter().filter_map(|rows| rows.outcomes));
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
                    "its result differs from that of event {} of run {}, which has the same cache key: the step is \
                     nondeterministic, or one of the two was changed",
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

    /// Returns why the event that a reused step names as its source does not match it; `None` if it does.
    fn misfit_of(&self, reused: &StepReused, key: Option<CacheKey>) -> Result<Option<String>, PersistenceError> {
        let EventAddress { flow_id, position } = reused.source;
        let source = format!("event {position} of run {flow_id}, the source of its result,");
        let found = match self.store.read_event(flow_id, position) {
            Err(error) if error.class() == ErrorClass::Corrupt => return Ok(Some(format!("{source} cannot be read"))),
            found => found?,
        };
        let Some(found) = found else { return Ok(Some(format!("{source} is not in the store"))) };
        let FlowEventKind::StepFinished(finished) = found.kind else {
            return Ok(Some(format!("{source} does not finish a step")));
        };
        if finished.outputs != reused.outputs {
            Ok(Some(format!("{source} has different outputs")))
        } else if finished.cache_key.is_some() && finished.cache_key != key {
            Ok(Some(format!("{source} has a different cache key")))
        } else {
            Ok(None)
        }
    }

    /// Hashes all artifacts.
    fn artifacts(&mut self, cancel: &CancelToken) -> Result<(), WorkbenchError> {
        let mut seen = HashSet::new();
        for first in 0..=u8::MAX {
            for hash in self.store.find_artifact_hashes(&format!("{first:02x}"), usize::MAX)? {
                heed(cancel)?;
                seen.insert(hash);
                self.artifact(hash)?;
            }
        }
        // Artifacts to which events and tables refer, but which the store does not list.
        while let Some(hash) = self.needed.keys().find(|hash| !seen.contains(*hash)).copied() {
            heed(cancel)?;
            seen.insert(hash);
            self.artifact(hash)?;
            self.needed.retain(|hash, _| !seen.contains(hash));
        }
        Ok(())
    }

    fn artifact(&mut self, hash: ArtifactHash) -> Result<(), PersistenceError> {
        let needed = self.needed.get(&hash).copied();
        let reason = match self.store.read_artifact(hash) {
            Ok(Some(artifact)) => {
                self.audit.sound_artifacts += 1;
                if let Some(address) = needed {
                    // Only tables consist of several artifacts.
                    let chunks = TableRoot::of(&artifact).map(|root| root.chunks).unwrap_or_default();
                    self.need(address, chunks.into_iter().map(|chunk| chunk.hash));
                }
                return Ok(());
            }
            Ok(None) => {
                let named = needed.map(|it| format!(", to which event {} of run {} refers,", it.position, it.flow_id));
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

/// Fails if the work is cancelled.
pub(super) fn heed(cancel: &CancelToken) -> Result<(), WorkbenchError> {
    if cancel.is_cancelled() { Err(WorkbenchError::Cancelled) } else { Ok(()) }
}
