//! The children of a step, which are combinations of values or shards of its rows: each is a run of its own, with its own log, lease and reuse of results.
//!
//! The id of a child follows from the run, from the fingerprint of the step and from the index of the child. So a resumed
//! run, a retry and another process find the same children without a list of them, and the first append decides who begins
//! one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::environment::RunPlace;
use super::shards::ShardFlows;
use super::{Clock, CoreEngineError, FlowEngine, ReusePolicy};
use crate::event::{
    ChildOf, FlowEvent, FlowEventKind, FlowId, FlowStatus, RecordedDefinition, Resources, StepPolicy, StepStarted,
};
use crate::fingerprint::canonical_text;
use crate::flow::{FlowDefinition, FlowInstance, StepState, StepStatus, replay, step_types_of};
use crate::step::children::{Advance, ChildEnd, ChildFailure, Children, MapParams, label};
use crate::step::{CancelToken, Files, Registry, StepError};
use crate::store::{ErrorClass, EventStore, PersistenceError};

/// Why a failed child is tried again, for its log.
const RETRIED: &str = "the step that runs it is tried again";

/// The signal by which a step records that it has submitted workers.
pub(super) const SUBMITTED: &str = "submitted";

/// The children of a step that has started, as the log has them.
pub(crate) struct RecordedChildren {
    parent: FlowId,
    step: StepStarted,
    flows: ChildFlows,
    store: Arc<dyn EventStore>,
}

/// The flows of the children of a step.
pub(crate) enum ChildFlows {
    /// One for each combination of values.
    Map(MapParams),
    /// One for each shard.
    Shards(Box<ShardFlows>),
}

impl ChildFlows {
    fn count(&self) -> usize {
        match self {
            Self::Map(params) => params.children.len(),
            Self::Shards(shards) => shards.count(),
        }
    }

    /// Returns what distinguishes the child at `index`.
    fn given(&self, index: usize) -> Map<String, Value> {
        match self {
            Self::Map(params) => params.children[index].given.clone(),
            Self::Shards(shards) => shards.given(index),
        }
    }

    fn recorded(&self, index: usize) -> Result<RecordedDefinition, StepError> {
        match self {
            Self::Map(params) => Ok(params.children[index].definition.clone()),
            Self::Shards(shards) => Ok(shards.definition(index)?.recorded()?),
        }
    }

    /// Returns the flow of the child at `index`, with the modules below `base`, the directory of the run. `files` are those of the run.
    fn definition(&self, index: usize, base: &Path, files: &Files) -> Result<FlowDefinition, StepError> {
        match self {
            Self::Map(params) => {
                let child = &params.children[index];
                if child.definition.step_sources.is_some() {
                    files.check_program("python")?;
                }
                let types = step_types_of(&child.definition, &params.directory_in(base), Registry::linked()?)?;
                Ok(FlowDefinition::from_recorded(&child.flow, &child.definition, &types)?)
            }
            Self::Shards(shards) => shards.definition(index),
        }
    }
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
        let found = match ShardFlows::of(&engine.definition, instance, index, engine.store.as_ref()) {
            Ok(Some((shards, step))) => Some((ChildFlows::Shards(Box::new(shards)), step)),
            Ok(None) => {
                let params = engine.definition.steps()[index].step().children();
                let started = instance.steps().get(index).and_then(|step| step.started.clone());
                params.cloned().map(ChildFlows::Map).zip(started)
            }
            Err(error) => return Err(CoreEngineError::Child(format!("{error:#}"))),
        };
        let Some((flows, step)) = found else { return Ok(None) };
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
            children: RecordedChildren { parent, step, flows, store: engine.store.clone() },
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

    /// Returns the indices of the children that have completed, as the index of the store has them.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(super) fn completed(&self) -> Result<Vec<usize>, StepError> {
        let RecordedChildren { parent, step, store, .. } = &self.children;
        let completed: HashSet<FlowId> = store.completed_children(*parent)?.into_iter().collect();
        let has_completed = |index: &usize| completed.contains(&child_id(*parent, step, *index));
        Ok((0..self.count()).filter(has_completed).collect())
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
        let (instance, events) = self.children.child(index)?;
        let end = end_of(&instance).filter(|_| !self.is_due_again(&instance, &events));
        Ok((events.last().map(|event| event.seq), end))
    }

    /// Returns whether a process runs the child at `index`.
    ///
    /// # Errors
    /// Fails if the lease cannot be read.
    pub(super) fn is_held(&self, index: usize) -> Result<bool, PersistenceError> {
        let flow_id = self.children.id(index);
        Ok(self.children.store.lease_holder(flow_id)?.is_some())
    }

    /// Returns what each child needs of a machine, if the step has this `policy`.
    pub(super) fn needs(&self, policy: &StepPolicy) -> Resources {
        match &self.children.flows {
            ChildFlows::Map(params) => params.needs(policy.resources),
            ChildFlows::Shards(shards) => shards.needs(policy.resources),
        }
    }

    /// Returns whether a child failed before the current attempt at the step, so that it is tried again.
    fn is_due_again(&self, instance: &FlowInstance, events: &[FlowEvent]) -> bool {
        let last = events.last().map(|event| event.seq);
        let before = self.scheduled.zip(last).is_some_and(|(scheduled, last)| last < scheduled);
        before && instance.status() == FlowStatus::Failed
    }

    /// Returns an engine for the child at `index`.
    pub(super) fn engine(&self, index: usize, cancel: &CancelToken) -> Result<FlowEngine, StepError> {
        let RecordedChildren { flows, store, .. } = &self.children;
        let mut builder = FlowEngine::on(store.clone());
        builder.place = RunPlace { child_of: Some(self.children.child_of(index)), ..self.place.clone() };
        let mut reuse = self.reuse.clone();
        let base = self.place.directory.clone().unwrap_or_else(|| PathBuf::from("."));
        match flows {
            ChildFlows::Map(params) => {
                let below = |directory: &PathBuf| params.directory_in(directory);
                builder.place.directory = Some(below(&base));
                builder.place.outputs = self.place.outputs.as_ref().map(below);
                builder.place.manifest =
                    Path::new(&params.flow).file_name().map(|name| name.to_string_lossy().into_owned());
            }
            // The newest result of the same work on other rows is that of another shard.
            ChildFlows::Shards(shards) => {
                reuse = shards.sources()?.into_iter().fold(reuse.computing_all_rows(), ReusePolicy::refreshing);
            }
        }
        builder.clock = self.clock.clone();
        Ok(builder.cancel_token(cancel.clone()).reuse(reuse).definition(flows.definition(
            index,
            &base,
            &self.place.files(),
        )?))
    }

    /// Returns the children as the log has them.
    pub(super) fn recorded(&self) -> &RecordedChildren {
        &self.children
    }

    /// Returns the store with their logs.
    pub(super) fn store(&self) -> &dyn EventStore {
        self.children.store.as_ref()
    }

    /// Returns the shards that the children work on; `None` if they work on combinations of values.
    pub(super) fn shards(&self) -> Option<&ShardFlows> {
        match &self.children.flows {
            ChildFlows::Shards(shards) => Some(shards),
            ChildFlows::Map(_) => None,
        }
    }
}

/// Returns the id of the child at `index` of a step that has started.
pub(crate) fn child_id(parent: FlowId, step: &StepStarted, index: usize) -> FlowId {
    parent.child(step.fingerprint, index)
}

impl RecordedChildren {
    /// Returns the children of the step with `map:` of `parent` that started as `step` says.
    pub(crate) fn of(store: Arc<dyn EventStore>, parent: FlowId, step: StepStarted, params: MapParams) -> Self {
        Self { parent, step, flows: ChildFlows::Map(params), store }
    }

    /// Returns the number of children.
    pub(crate) fn count(&self) -> usize {
        self.flows.count()
    }

    /// Returns the id of the child at `index`.
    pub(super) fn id(&self, index: usize) -> FlowId {
        child_id(self.parent, &self.step, index)
    }

    /// Returns the flows of the children.
    pub(super) fn flows(&self) -> &ChildFlows {
        &self.flows
    }

    fn child_of(&self, index: usize) -> ChildOf {
        let (step_id, step_index) = (self.step.step_id.clone(), self.step.step_index);
        ChildOf { given: self.flows.given(index), index, parent: self.parent, step_id, step_index }
    }

    /// Reads the log of the child at `index` and its state, and checks that it is that child.
    pub(crate) fn child(&self, index: usize) -> Result<(FlowInstance, Vec<FlowEvent>), StepError> {
        let flow_id = self.id(index);
        let events = self.store.list(flow_id)?;
        let instance = replay(flow_id, &events)?;
        if let Some(begun) = instance.initialized() {
            let (expected, found) = (self.flows.recorded(index)?, &begun.definition);
            let same_flow = canonical_text(&expected)?.text == canonical_text(found)?.text;
            // Numbers of the log may be written otherwise than they were given.
            let same_place = canonical_text(&self.child_of(index))?.text == canonical_text(&begun.child_of)?.text;
            if !same_flow || !same_place {
                let message = format!("run {flow_id} has the id of child {index}, and is another run");
                return Err(StepError::new(message));
            }
        }
        Ok((instance, events))
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

/// What became of a child that was to be run.
pub(super) enum Ran {
    /// It had ended before.
    Before(ChildEnd),
    /// It has ended.
    Now(ChildEnd),
    /// Another process runs it.
    Held,
}

impl Children for ChildRuns {
    fn advance(&self, index: usize, cancel: &CancelToken) -> Result<Advance, StepError> {
        Ok(match self.run(index, cancel)? {
            Ran::Before(end) | Ran::Now(end) => Advance::Ended(end),
            Ran::Held => Advance::Held,
        })
    }
}

impl ChildRuns {
    /// Runs the child at `index` to its end, unless it has ended or another process runs it.
    ///
    /// # Errors
    /// Fails like [`Children::advance`].
    pub(super) fn run(&self, index: usize, cancel: &CancelToken) -> Result<Ran, StepError> {
        let (instance, events) = self.children.child(index)?;
        let flow_id = instance.flow_id();
        let again = self.is_due_again(&instance, &events);
        if !again && let Some(end) = end_of(&instance) {
            return Ok(Ran::Before(end));
        }
        let engine = self.engine(index, cancel)?;
        let ran = match (again, events.is_empty()) {
            (true, _) => engine.retry(flow_id, RETRIED),
            (false, true) => engine.begin(flow_id),
            (false, false) => engine.run(flow_id),
        };
        match ran {
            Ok(instance) => return Ok(end_of(&instance).map_or(Ran::Held, Ran::Now)),
            Err(CoreEngineError::StepFailed { .. } | CoreEngineError::NoAttemptsLeft { .. }) => {}
            // Another process was faster.
            Err(
                CoreEngineError::FlowCompleted { .. }
                | CoreEngineError::FlowHasFailed { .. }
                | CoreEngineError::NotFailed { .. },
            ) => {}
            Err(CoreEngineError::Store(error)) if error.class() == ErrorClass::Conflict => return Ok(Ran::Held),
            Err(CoreEngineError::Interrupted { .. }) => return Err(StepError::interrupted()),
            Err(error) => {
                let child = label(&self.children.flows.given(index));
                // The child can be resumed when the store answers again.
                let is_store = matches!(error, CoreEngineError::Store(_));
                let error = StepError::context(format!("run {flow_id}, the child with {child}, stopped"), error);
                return Err(if is_store { error.transient() } else { error });
            }
        }
        let (instance, _) = self.children.child(index)?;
        Ok(end_of(&instance).map_or(Ran::Held, Ran::Now))
    }
}
