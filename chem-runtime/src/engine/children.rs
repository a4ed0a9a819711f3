//! The children of a step with `map:`: each is a run of its own, with its own log, lease and reuse of results.
//!
//! The id of a child follows from the run, from the fingerprint of the step and from the index of the child. So a resumed
//! run, a retry and another process find the same children without a list of them, and the first append decides who begins
//! one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::environment::RunPlace;
use super::{Clock, CoreEngineError, FlowEngine, ReusePolicy};
use crate::event::{ChildOf, FlowEvent, FlowEventKind, FlowId, FlowStatus, Resources, StepPolicy, StepStarted};
use crate::fingerprint::canonical_text;
use crate::flow::{FlowDefinition, FlowInstance, StepState, StepStatus, replay};
use crate::step::children::{Advance, ChildEnd, ChildFailure, Children, MapParams};
use crate::step::{CancelToken, Registry, StepError};
use crate::store::{ErrorClass, EventStore, PersistenceError};

/// Why a failed child is tried again, for its log.
const RETRIED: &str = "the step that runs it is tried again";

/// The signal by which a step records that it has submitted workers.
pub(super) const SUBMITTED: &str = "submitted";

/// The children of a step that has started, as the log has them.
pub(crate) struct RecordedChildren {
    parent: FlowId,
    step: StepStarted,
    params: MapParams,
    store: Arc<dyn EventStore>,
}

/// The children of a step that runs.
pub(super) struct ChildRuns {
    children: RecordedChildren,
    /// The number of the event that scheduled the current attempt at the step; `None` for the first attempt.
    scheduled: Option<u64>,
    /// The last submission of workers in the current attempt.
    submission: Option<Value>,
    place: RunPlace,
    reuse: ReusePolicy,
    clock: Arc<dyn Clock>,
}

impl ChildRuns {
    /// Returns the children of the step at `index` of a run; `None` if it has none, or has not started.
    ///
    /// # Errors
    /// Fails if the log cannot be read.
    pub(super) fn of(
        engine: &FlowEngine,
        instance: &FlowInstance,
        index: usize,
    ) -> Result<Option<Self>, CoreEngineError> {
        let params = engine.definition.steps()[index].step().children();
        let started = instance.steps().get(index).and_then(|step| step.started.clone());
        let Some((params, step)) = params.zip(started) else { return Ok(None) };
        let parent = instance.flow_id();
        let scheduled = |event: &FlowEvent| {
            matches!(&event.kind, FlowEventKind::RetryScheduled(retry) if retry.step_index == index)
                .then_some(event.seq)
        };
        let events = engine.store.list(parent)?;
        let scheduled = events.iter().rev().find_map(scheduled);
        let submission = |event: &FlowEvent| match &event.kind {
            FlowEventKind::StepSignal(signal) if signal.step_index == index && signal.signal == SUBMITTED => {
                Some(signal.data.clone())
            }
            _ => None,
        };
        let begins = |event: &FlowEvent| match &event.kind {
            FlowEventKind::StepStarted(started) => started.step_index == index,
            _ => Some(event.seq) == scheduled,
        };
        let submission = events.iter().rev().take_while(|event| !begins(event)).find_map(submission);
        Ok(Some(Self {
            submission,
            children: RecordedChildren::of(engine.store.clone(), parent, step, params.clone()),
            scheduled,
            place: engine.place.clone(),
            reuse: engine.reuse.clone(),
            clock: engine.clock.clone(),
        }))
    }

    /// Returns the number of children.
    pub(super) fn count(&self) -> usize {
        self.children.count()
    }

    /// Returns whether the child at `index` has ended in the current attempt at the step.
    ///
    /// # Errors
    /// Fails if the log cannot be read.
    pub(super) fn has_ended(&self, index: usize) -> Result<bool, StepError> {
        let (instance, last) = self.children.child(index)?;
        Ok(end_of(&instance).is_some() && !self.is_due_again(&instance, last))
    }

    /// Returns the last submission of workers in the current attempt; `None` if there was none.
    pub(super) fn submission(&self) -> Option<&Value> {
        self.submission.as_ref()
    }

    /// Returns the number of the last event of the child at `index`, and its end if it has ended in the current attempt.
    ///
    /// # Errors
    /// Fails if the log cannot be read.
    pub(super) fn end(&self, index: usize) -> Result<(Option<u64>, Option<ChildEnd>), StepError> {
        let (instance, last) = self.children.child(index)?;
        let end = end_of(&instance).filter(|_| !self.is_due_again(&instance, last));
        Ok((last, end))
    }

    /// Returns whether a process runs the child at `index`.
    ///
    /// # Errors
    /// Fails if the lease cannot be read.
    pub(super) fn is_held(&self, index: usize) -> Result<bool, PersistenceError> {
        let flow_id = child_id(self.children.parent, &self.children.step, index);
        Ok(self.children.store.lease_holder(flow_id)?.is_some())
    }

    /// Returns what each child needs of a machine, if the step has this `policy`.
    pub(super) fn needs(&self, policy: &StepPolicy) -> Resources {
        self.children.params.needs(policy.resources)
    }

    /// Returns whether a child failed before the current attempt at the step, so that it is tried again.
    fn is_due_again(&self, instance: &FlowInstance, last: Option<u64>) -> bool {
        let before = self.scheduled.zip(last).is_some_and(|(scheduled, last)| last < scheduled);
        before && instance.status() == FlowStatus::Failed
    }

    /// Returns an engine for the child at `index`.
    fn engine(&self, index: usize, cancel: &CancelToken) -> Result<FlowEngine, StepError> {
        let RecordedChildren { params, store, .. } = &self.children;
        let child = &params.children[index];
        let definition = FlowDefinition::from_recorded(&child.flow, &child.definition, Registry::linked()?)?;
        let below = |directory: &PathBuf| params.directory_in(directory);
        let base = self.place.directory.clone().unwrap_or_else(|| PathBuf::from("."));
        let mut builder = FlowEngine::on(store.clone());
        builder.place = RunPlace {
            directory: Some(below(&base)),
            outputs: self.place.outputs.as_ref().map(below),
            manifest: Path::new(&params.flow).file_name().map(|name| name.to_string_lossy().into_owned()),
            child_of: Some(self.children.child_of(index)),
            ..self.place.clone()
        };
        builder.clock = self.clock.clone();
        Ok(builder.cancel_token(cancel.clone()).reuse(self.reuse.clone()).definition(definition))
    }
}

/// Returns the id of the child at `index` of a step that has started.
pub(crate) fn child_id(parent: FlowId, step: &StepStarted, index: usize) -> FlowId {
    parent.child(step.fingerprint, index)
}

impl RecordedChildren {
    /// Returns the children of the step of `parent` that started as `step` says.
    pub(crate) fn of(store: Arc<dyn EventStore>, parent: FlowId, step: StepStarted, params: MapParams) -> Self {
        Self { parent, step, params, store }
    }

    /// Returns the number of children.
    pub(crate) fn count(&self) -> usize {
        self.params.children.len()
    }

    fn child_of(&self, index: usize) -> ChildOf {
        let (step_id, step_index) = (self.step.step_id.clone(), self.step.step_index);
        ChildOf { given: self.params.children[index].given.clone(), index, parent: self.parent, step_id, step_index }
    }

    /// Reads the state of the child at `index`, and checks that it is that child.
    pub(crate) fn child(&self, index: usize) -> Result<(FlowInstance, Option<u64>), StepError> {
        let flow_id = child_id(self.parent, &self.step, index);
        let events = self.store.list(flow_id)?;
        let instance = replay(flow_id, &events)?;
        if let Some(begun) = instance.initialized() {
            let (expected, found) = (&self.params.children[index].definition, &begun.definition);
            let same_flow = canonical_text(expected)?.text == canonical_text(found)?.text;
            // Numbers of the log may be written otherwise than they were given.
            let same_place = canonical_text(&self.child_of(index))?.text == canonical_text(&begun.child_of)?.text;
            if !same_flow || !same_place {
                let message = format!("run {flow_id} has the id of child {index}, and is another run");
                return Err(StepError::new(message));
            }
        }
        Ok((instance, events.last().map(|event| event.seq)))
    }
}

/// Finds the children that have ended, and runs none.
impl Children for RecordedChildren {
    fn advance(&self, index: usize, cancel: &CancelToken) -> Result<Advance, StepError> {
        if cancel.is_cancelled() {
            return Err(StepError::interrupted());
        }
        let (instance, _) = self.child(index)?;
        let unfinished = || StepError::new(format!("run {}, its child {index}, has not ended", instance.flow_id()));
        end_of(&instance).map(Advance::Ended).ok_or_else(unfinished)
    }
}

/// Returns the end of a child; `None` if it has not ended.
fn end_of(instance: &FlowInstance) -> Option<ChildEnd> {
    let flow_id = instance.flow_id();
    let outputs = |step: &StepState| (step.id.clone(), step.outputs.clone());
    let result = match (instance.status(), instance.flow_fingerprint()) {
        (FlowStatus::Completed, Some(fingerprint)) => Ok((fingerprint, instance.steps().iter().map(outputs).collect())),
        (FlowStatus::Failed, _) => {
            let step = instance.steps().iter().find(|step| step.status == StepStatus::Failed)?;
            let (error, _) = step.error.clone().unwrap_or_default();
            Err(ChildFailure { step: step.id.clone(), error, transient: step.transient })
        }
        _ => return None,
    };
    Some(ChildEnd { flow_id, result })
}

impl Children for ChildRuns {
    fn advance(&self, index: usize, cancel: &CancelToken) -> Result<Advance, StepError> {
        let (instance, last) = self.children.child(index)?;
        let flow_id = instance.flow_id();
        let again = self.is_due_again(&instance, last);
        if !again && let Some(end) = end_of(&instance) {
            return Ok(Advance::Ended(end));
        }
        let engine = self.engine(index, cancel)?;
        match if again { engine.retry(flow_id, RETRIED) } else { engine.run(flow_id) } {
            Ok(_) | Err(CoreEngineError::StepFailed { .. } | CoreEngineError::NoAttemptsLeft { .. }) => {}
            // Another process was faster.
            Err(
                CoreEngineError::FlowCompleted { .. }
                | CoreEngineError::FlowHasFailed { .. }
                | CoreEngineError::NotFailed { .. },
            ) => {}
            Err(CoreEngineError::Store(error)) if error.class() == ErrorClass::Conflict => return Ok(Advance::Held),
            Err(CoreEngineError::Interrupted { .. }) => return Err(StepError::interrupted()),
            Err(error) => {
                let child = self.children.params.children[index].label();
                // The child can be resumed when the store answers again.
                let is_store = matches!(error, CoreEngineError::Store(_));
                let error = StepError::context(format!("run {flow_id}, the child with {child}, stopped"), error);
                return Err(if is_store { error.transient() } else { error });
            }
        }
        let (instance, _) = self.children.child(index)?;
        Ok(end_of(&instance).map_or(Advance::Held, Advance::Ended))
    }
}
