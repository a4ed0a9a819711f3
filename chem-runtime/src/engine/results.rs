//! Results of earlier runs that can be believed.
//!
//! A store is a file or a database that others may write, so that a row which says that a step has finished proves nothing.
//! A result counts if the run that it belongs to replays as far as the step, with every fingerprint and cache key recomputed
//! from its components, and if no later event of that run contradicts it. Each run is replayed once for each run that asks.

use std::collections::HashMap;
use std::fmt;

use super::CoreEngineError;
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId, StepFinished};
use crate::fingerprint::CacheKey;
use crate::flow::{FlowInstance, evolve};
use crate::store::{ErrorClass, EventStore, StoreError};

/// So many results of one work are looked at. Behind as many that cannot be believed, the step is run.
const MOST_LOOKED_AT: usize = 1_000;
/// So many are asked for at first, since the newest is nearly always good, and later.
const FIRST_PAGE: usize = 1;
const PAGE: usize = 64;

/// The runs that results were taken from so far.
#[derive(Debug, Default)]
pub struct EarlierResults {
    runs: HashMap<FlowId, EarlierRun>,
    /// What could not be believed since this was last asked for.
    doubted: Vec<Unbelievable>,
}

/// What can be believed of a run.
#[derive(Debug, Default)]
struct EarlierRun {
    results: HashMap<u64, StepFinished>,
    /// How many events it had.
    events: u64,
    /// Why no more than that, if there is more.
    broken: Option<String>,
}

/// A result that cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbelievable {
    /// The event that claims it.
    pub source: EventAddress,
    /// Why its run does not bear it out.
    pub reason: String,
}

impl fmt::Display for Unbelievable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EventAddress { flow_id, position } = self.source;
        write!(
            f,
            "event {position} of run {flow_id} claims its result, and is not what that run came to: {}",
            self.reason
        )
    }
}

impl EarlierResults {
    /// The newest results of the work named `key`, one after the other, until `judge` has found one that will do: it is
    /// given where the result is and what it is, and returns `None` to see the next. What cannot be believed is noted.
    pub(super) fn find<T>(
        &mut self,
        store: &dyn EventStore,
        key: CacheKey,
        mut judge: impl FnMut(EventAddress, &StepFinished) -> Result<Option<T>, CoreEngineError>,
    ) -> Result<Option<T>, CoreEngineError> {
        let (mut before, mut seen, mut limit) = (None, 0, FIRST_PAGE);
        while seen < MOST_LOOKED_AT {
            let page = store.results(key, before, limit)?;
            for found in &page {
                match self.result(store, found.address, key)? {
                    Err(reason) => self.doubted.push(Unbelievable { source: found.address, reason }),
                    Ok(finished) => {
                        if let Some(verdict) = judge(found.address, finished)? {
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

    /// Returns what could not be believed since this was last called.
    pub fn take_doubted(&mut self) -> Vec<Unbelievable> {
        std::mem::take(&mut self.doubted)
    }

    /// The first that could not be believed since [`take_doubted`](Self::take_doubted) was last called.
    pub(super) fn first_doubted(&self) -> Option<&Unbelievable> {
        self.doubted.first()
    }

    /// The result at `address`, or why it is not to be believed.
    fn result(
        &mut self,
        store: &dyn EventStore,
        address: EventAddress,
        key: CacheKey,
    ) -> Result<Result<&StepFinished, String>, StoreError> {
        let EventAddress { flow_id, position } = address;
        // A run that is under way has more events than when it was replayed.
        if self.runs.get(&flow_id).is_none_or(|run| run.events <= position && run.broken.is_none()) {
            self.runs.insert(flow_id, EarlierRun::replayed(store, address)?);
        }
        let run = &self.runs[&flow_id];
        Ok(match run.results.get(&position) {
            Some(finished) if finished.cache_key == Some(key) => Ok(finished),
            _ => Err(run.broken.clone().unwrap_or_else(|| "the log of its run has another event there".to_owned())),
        })
    }
}

impl EarlierRun {
    /// Replays the run of the event at `address`.
    fn replayed(store: &dyn EventStore, address: EventAddress) -> Result<Self, StoreError> {
        let flow_id = address.flow_id;
        let mut run = Self::default();
        let events = match store.list(flow_id) {
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
                && finished.cache_key.is_some()
            {
                run.results.insert(event.position, finished.clone());
            }
        }
        Ok(run)
    }
}

/// The step that finished with the event at `position`.
fn step_of(events: &[FlowEvent], position: u64) -> Option<usize> {
    match &events.get(usize::try_from(position).ok()?)?.kind {
        FlowEventKind::StepFinished(finished) => Some(finished.step_index),
        _ => None,
    }
}

/// The events of a run before the first that cannot be read.
fn readable(store: &dyn EventStore, flow_id: FlowId) -> Result<Vec<FlowEvent>, StoreError> {
    let mut events = Vec::new();
    loop {
        match store.event(flow_id, events.len() as u64) {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return Ok(events),
            Err(error) if error.class() == ErrorClass::Corrupt => return Ok(events),
            Err(error) => return Err(error),
        }
    }
}
