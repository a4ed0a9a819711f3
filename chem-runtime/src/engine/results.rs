//! Finds results of earlier runs that can be trusted.
//!
//! Others may write to the store, so a row that claims that a step finished proves nothing. A result counts only if its
//! run replays up to that step, with every fingerprint and cache key recomputed from its components, and if no later
//! event of the run contradicts it. A run that looks for results replays each earlier run at most once, unless that run
//! has grown.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::CoreEngineError;
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId, StepFinished};
use crate::fingerprint::{ArtifactHash, CacheKey, WorkKey};
use crate::flow::{FlowInstance, evolve};
use crate::store::{ErrorClass, PersistenceError, RunIndex, StoredResult};

/// The maximum number of results to examine for one step. If none of them can be trusted, the step is run.
const MOST_LOOKED_AT: usize = 1_000;
/// How many results to fetch first, since the newest is nearly always good, and how many in each later page.
const FIRST_PAGE: usize = 1;
const PAGE: usize = 64;

/// The earlier runs that were replayed so far.
#[derive(Debug, Default)]
pub(crate) struct EarlierResults {
    runs: HashMap<FlowId, EarlierRun>,
    /// Untrusted results since the last `take_doubted`.
    doubted: Vec<Unbelievable>,
}

/// The trusted part of a run.
#[derive(Debug, Default)]
struct EarlierRun {
    results: HashMap<u64, EarlierResult>,
    /// The number of events that replayed.
    events: u64,
    /// Why replay stopped before the end; `None` if it did not.
    broken: Option<String>,
}

/// A finished step of an earlier run.
#[derive(Debug)]
pub(super) struct EarlierResult {
    pub(super) finished: StepFinished,
    /// The artifact at each port.
    pub(super) inputs: BTreeMap<String, ArtifactHash>,
}

/// What results are found by.
#[derive(Debug, Clone, Copy)]
pub(super) enum ResultKey {
    /// The work on these inputs.
    Cache(CacheKey),
    /// The work on any rows.
    Work(WorkKey),
}

impl ResultKey {
    fn find(
        self,
        store: &dyn RunIndex,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        match self {
            Self::Cache(key) => store.find_cached(key, before, limit),
            Self::Work(key) => store.find_work(key, before, limit),
        }
    }

    fn is_of(self, finished: &StepFinished) -> bool {
        match self {
            Self::Cache(key) => finished.cache_key == Some(key),
            Self::Work(key) => finished.rows.as_ref().is_some_and(|rows| rows.work_key == key),
        }
    }
}

/// A result that its run does not confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbelievable {
    /// The event that claims the result.
    pub source: EventAddress,
    /// How its run contradicts it.
    pub reason: String,
}

impl fmt::Display for Unbelievable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EventAddress { flow_id, position } = self.source;
        write!(
            f,
            "event {position} of run {flow_id} claims its result, but that run does not confirm it: {}",
            self.reason
        )
    }
}

impl EarlierResults {
    /// Calls `judge` with each trusted result under `key` and its address, newest first, until it returns a verdict;
    /// `None` asks for the next result. Collects untrusted results for `take_doubted`.
    pub(super) fn find<T>(
        &mut self,
        store: &dyn RunIndex,
        key: ResultKey,
        mut judge: impl FnMut(EventAddress, &EarlierResult) -> Result<Option<T>, CoreEngineError>,
    ) -> Result<Option<T>, CoreEngineError> {
        let (mut before, mut seen, mut limit) = (None, 0, FIRST_PAGE);
        while seen < MOST_LOOKED_AT {
            let page = key.find(store, before, limit)?;
            for found in &page {
                match self.result(store, found.address, key)? {
                    Err(reason) => self.doubted.push(Unbelievable { source: found.address, reason }),
                    Ok(result) => {
                        if let Some(verdict) = judge(found.address, result)? {
                            return Ok(Some(verdict));
                        }
                    }
                }
            }
            if page.len() < limit {
                break;
            }
            before = page.last().map(|oldest| oldest.seq);
            (seen, limit) = (seen + page.len(), PAGE);
        }
        Ok(None)
    }

    /// Returns the untrusted results since the last call.
    pub(crate) fn take_doubted(&mut self) -> Vec<Unbelievable> {
        std::mem::take(&mut self.doubted)
    }

    /// Returns the first untrusted result since [`take_doubted`](Self::take_doubted) was last called.
    pub(super) fn first_doubted(&self) -> Option<&Unbelievable> {
        self.doubted.first()
    }

    /// Returns the result at `address`, or why it cannot be trusted.
    fn result(
        &mut self,
        store: &dyn RunIndex,
        address: EventAddress,
        key: ResultKey,
    ) -> Result<Result<&EarlierResult, String>, PersistenceError> {
        let EventAddress { flow_id, position } = address;
        // A run in progress may have grown since it was replayed.
        if self.runs.get(&flow_id).is_none_or(|run| run.events <= position && run.broken.is_none()) {
            self.runs.insert(flow_id, EarlierRun::replayed(store, address)?);
        }
        let run = &self.runs[&flow_id];
        Ok(match run.results.get(&position) {
            Some(result) if key.is_of(&result.finished) => Ok(result),
            _ => Err(run.broken.clone().unwrap_or_else(|| "the log of its run has another event there".to_owned())),
        })
    }
}

impl EarlierRun {
    /// Replays the run of the event at `address`.
    fn replayed(store: &dyn RunIndex, address: EventAddress) -> Result<Self, PersistenceError> {
        let flow_id = address.flow_id;
        let mut run = Self::default();
        let events = match store.read_run(flow_id, 0) {
            Err(error) if error.class() == ErrorClass::Corrupt => {
                run.broken = Some(error.with_causes());
                readable(store, flow_id)?
            }
            events => events?,
        };
        let mut instance = FlowInstance::new(flow_id);
        for event in &events {
            if event.position != instance.next_position() {
                run.broken = Some(format!("the log of run {flow_id} has no event {}", instance.next_position()));
                break;
            }
            match evolve(instance, &event.kind) {
                Ok(after) => instance = after,
                Err(error) => {
                    if let Some(doubted) = error.doubts {
                        run.results.retain(|position, _| step_of(&events, *position) != Some(doubted));
                    }
                    run.broken = Some(error.to_string());
                    break;
                }
            }
            run.events += 1;
            if let FlowEventKind::StepFinished(finished) = &event.kind
                && (finished.cache_key.is_some() || finished.rows.is_some())
            {
                let started = instance.steps().get(finished.step_index).and_then(|step| step.started.as_ref());
                let inputs = started.map(|started| started.inputs.clone()).unwrap_or_default();
                run.results.insert(event.position, EarlierResult { finished: finished.clone(), inputs });
            }
        }
        Ok(run)
    }
}

/// Returns the index of the step that the event at `position` finished.
fn step_of(events: &[FlowEvent], position: u64) -> Option<usize> {
    match &events.get(usize::try_from(position).ok()?)?.kind {
        FlowEventKind::StepFinished(finished) => Some(finished.step_index),
        _ => None,
    }
}

/// Returns the events of a run up to the first that cannot be read.
fn readable(store: &dyn RunIndex, flow_id: FlowId) -> Result<Vec<FlowEvent>, PersistenceError> {
    let mut events = Vec::new();
    loop {
        match store.read_event(flow_id, events.len() as u64) {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return Ok(events),
            Err(error) if error.class() == ErrorClass::Corrupt => return Ok(events),
            Err(error) => return Err(error),
        }
    }
}
