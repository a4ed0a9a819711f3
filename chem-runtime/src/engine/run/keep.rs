//! Stores what a running step has finished, in the log of its run.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::log::Appender;
use crate::event::{FlowEventKind, StepProgressed, StepSignal, StepStarted};
use crate::step::{Keeper, Reached, StepError};
use crate::store::NewEvent;

/// The keeper of one attempt at a step.
pub(super) struct StepKeeper {
    log: Appender,
    step: StepStarted,
    code: Option<String>,
    /// The events so far; `None` once the attempt has ended. A step that was left behind after its timeout may still work.
    events: Mutex<Option<Vec<FlowEventKind>>>,
}

impl StepKeeper {
    pub(super) fn new(log: Appender, step: StepStarted, code: Option<&str>) -> Self {
        Self { log, step, code: code.map(str::to_owned), events: Mutex::new(Some(Vec::new())) }
    }

    /// Ends the attempt, and returns its events, which were appended in this order.
    pub(super) fn close(&self) -> Vec<FlowEventKind> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }
}

impl Keeper for StepKeeper {
    fn keep(&self, reached: Reached) -> Result<(), StepError> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(events) = events.as_mut() else { return Err(StepError::interrupted()) };
        let Reached { after, position, outputs, mut artifacts, rest } = reached;
        let kind = FlowEventKind::StepProgressed(StepProgressed {
            after,
            code: self.code.clone(),
            fingerprint: self.step.fingerprint,
            outputs,
            position,
            rest: rest.hash(),
            step_id: self.step.step_id.clone(),
            step_index: self.step.step_index,
        });
        artifacts.push(rest);
        tracing::debug!(step = %self.step.step_id, position, "step progressed");
        if !self.log.append(NewEvent { kind: kind.clone(), artifacts }) {
            return Err(StepError::interrupted());
        }
        events.push(kind);
        Ok(())
    }

    fn keep_signal(&self, name: &str, data: Value) -> Result<(), StepError> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(events) = events.as_mut() else { return Err(StepError::interrupted()) };
        let (step_id, step_index) = (self.step.step_id.clone(), self.step.step_index);
        let kind = FlowEventKind::StepSignal(StepSignal { data, signal: name.to_owned(), step_id, step_index });
        if !self.log.append(kind.clone().into()) {
            return Err(StepError::interrupted());
        }
        events.push(kind);
        Ok(())
    }
}
