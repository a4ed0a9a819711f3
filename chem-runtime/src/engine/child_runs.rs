//! Runs the children of a step: each to its end, unless it has ended or another process runs it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use super::children::{Child, ChildFlows, RecordedChildren, end_of};
use super::completed_logs::CompletedLogs;
use super::deaths::{self, Predecessor};
use super::environment::RunPlace;
use super::shards::ShardFlows;
use super::stop::{Stop, cannot_run};
use super::taken::Taken;
use super::{Clock, CoreEngineError, FlowEngine, ReusePolicy};
use crate::event::{FlowEvent, FlowEventKind, FlowStatus, Resources, StepPolicy};
use crate::flow::FlowInstance;
use crate::step::children::{Advance, ChildEnd, Children, label};
use crate::step::{CancelToken, StepError};
use crate::store::{ErrorClass, EventStore};

/// Why a failed child is tried again, for its log.
const RETRIED: &str = "the step that runs it is tried again";

/// The signal by which a step records that it has submitted workers.
pub(super) const SUBMITTED: &str = "submitted";

/// The children of a step that runs.
pub(super) struct ChildRuns {
    children: RecordedChildren,
    /// The number of the event that scheduled the current attempt at the step; `None` for the first attempt.
    scheduled: Option<u64>,
    /// The last submission of workers in the current attempt.
    submission: Option<Value>,
    /// The logs of those that have completed.
    logs: Arc<CompletedLogs>,
    place: RunPlace,
    reuse: ReusePolicy,
    clock: Arc<dyn Clock>,
    /// Held for writing by a job whose child may be the cause of a death, so that no child of another job dies with it.
    alone: RwLock<()>,
    /// Why this process cannot go on with the children, although nothing is wrong with them.
    pub(super) stop: Stop,
}

/// What became of a child that was to be run.
pub(super) enum Ran {
    /// It had ended before.
    Before(ChildEnd),
    /// It has ended.
    Now(ChildEnd),
    /// Another process or thread runs it.
    Held,
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
            Err(error) => return Err(cannot_run(error)),
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
            logs: CompletedLogs::of(&engine.completed_logs, parent, step.fingerprint),
            children: RecordedChildren::new(engine.store.clone(), parent, step, flows),
            scheduled,
            place: engine.place.clone(),
            reuse: engine.reuse.clone(),
            clock: engine.clock.clone(),
            alone: RwLock::default(),
            stop: Stop::default(),
        }))
    }

    /// Returns the number of children, not counting the parts of those that were cut.
    pub(super) fn count(&self) -> usize {
        self.children.count()
    }

    /// Returns the last submission of workers in the current attempt; `None` if there was none.
    pub(super) fn submission(&self) -> Option<&Value> {
        self.submission.as_ref()
    }

    /// Returns what each child needs of a machine, if the step has this `policy`.
    pub(super) fn needs(&self, policy: &StepPolicy) -> Resources {
        match self.children.flows() {
            ChildFlows::Map(params) => params.needs(policy.resources),
            ChildFlows::Shards(shards) => shards.needs(policy.resources),
        }
    }

    /// Returns whether the event with this number is of the current attempt at the step.
    pub(super) fn is_of_this_attempt(&self, seq: u64) -> bool {
        self.scheduled.is_none_or(|scheduled| seq >= scheduled)
    }

    /// Returns whether a child failed before the current attempt at the step, so that it is tried again.
    pub(super) fn is_due_again(&self, instance: &FlowInstance, events: &[FlowEvent]) -> bool {
        let last = events.last().map(|event| event.seq);
        let before = last.is_some_and(|last| !self.is_of_this_attempt(last));
        before && instance.status() == FlowStatus::Failed
    }

    /// Returns an engine for a child. One that works `alone` records how far it has got before it goes on.
    pub(super) fn engine(&self, child: &Child, alone: bool, cancel: &CancelToken) -> Result<FlowEngine, StepError> {
        let mut builder = FlowEngine::on(self.children.store().clone());
        builder.place = RunPlace { child_of: Some(child.place.clone()), ..self.place.clone() };
        builder.runs_ahead = !alone;
        let mut reuse = self.reuse.clone();
        let base = self.place.directory.clone().unwrap_or_else(|| PathBuf::from("."));
        match self.children.flows() {
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
        let definition = self.children.flows().definition(child, &base, &self.place.files())?;
        Ok(builder.cancel_token(cancel.clone()).reuse(reuse).definition(definition))
    }

    /// Returns the logs of those that have completed.
    pub(super) fn logs(&self) -> &CompletedLogs {
        &self.logs
    }

    /// Returns the children as the log has them.
    pub(super) fn recorded(&self) -> &RecordedChildren {
        &self.children
    }

    /// Returns the store with their logs.
    pub(super) fn store(&self) -> &dyn EventStore {
        self.children.store().as_ref()
    }

    /// Returns the shards that the children work on; `None` if they work on combinations of values.
    pub(super) fn shards(&self) -> Option<&ShardFlows> {
        match self.children.flows() {
            ChildFlows::Shards(shards) => Some(shards),
            ChildFlows::Map(_) => None,
        }
    }
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
    /// Runs the child at `index` to its end, with the parts of one that is cut, unless it has ended or another process runs it.
    ///
    /// # Errors
    /// Fails like [`Children::advance`].
    pub(super) fn run(&self, index: usize, cancel: &CancelToken) -> Result<Ran, StepError> {
        let ran = self.children.at(index).and_then(|child| self.run_with_parts(&child, cancel));
        ran.map_err(|error| self.stop.keep_of_store(error))
    }

    fn run_with_parts(&self, child: &Child, cancel: &CancelToken) -> Result<Ran, StepError> {
        let ran = self.run_one(child, cancel)?;
        let died = |end: &ChildEnd| end.result.as_ref().is_err_and(|failure| failure.deaths > 0);
        let (mut is_new, end) = match ran {
            Ran::Before(end) if died(&end) => (false, end),
            Ran::Now(end) if died(&end) => (true, end),
            ran => return Ok(ran),
        };
        let (instance, _) = self.children.read(child)?;
        let Some(parts) = self.children.parts(child, &instance) else {
            return Ok(if is_new { Ran::Now(end) } else { Ran::Before(end) });
        };
        let (mut is_held, mut ends) = (false, Vec::new());
        for part in &parts {
            match self.run_with_parts(part, cancel)? {
                Ran::Held => is_held = true,
                Ran::Before(end) => ends.push(end),
                Ran::Now(end) => {
                    is_new = true;
                    ends.push(end);
                }
            }
        }
        if is_held {
            return Ok(Ran::Held);
        }
        // The end of the shard is that of a part with a failure of its own, or of any other.
        let failed = |end: &ChildEnd| end.result.as_ref().is_err_and(|failure| failure.deaths == 0);
        let end =
            ends.iter().position(failed).map(|index| ends.swap_remove(index)).or_else(|| ends.pop()).unwrap_or(end);
        Ok(if is_new { Ran::Now(end) } else { Ran::Before(end) })
    }

    fn run_one(&self, child: &Child, cancel: &CancelToken) -> Result<Ran, StepError> {
        if cancel.is_cancelled() {
            return Err(StepError::interrupted());
        }
        let Some(_taken) = Taken::of(child.flow_id) else { return Ok(Ran::Held) };
        let (instance, events) = self.children.read(child)?;
        let flow_id = child.flow_id;
        let again = self.is_due_again(&instance, &events);
        if !again && let Some(end) = end_of(&instance) {
            return Ok(Ran::Before(end));
        }
        let resumes = !again && !events.is_empty();
        let before = match &child.rows {
            Some(_) if resumes => Predecessor::of(self.store(), flow_id)?,
            _ => Predecessor::Released,
        };
        if before == Predecessor::Alive {
            return Ok(Ran::Held);
        }
        let is_suspect = child.is_part || matches!(before, Predecessor::Dead { .. }) || deaths::count(&events) > 0;
        let ran = self.in_turn(child.rows.is_some(), is_suspect, || {
            let engine = self.engine(child, is_suspect, cancel)?;
            Ok::<_, StepError>(match (again, before) {
                (true, _) => engine.retry(flow_id, RETRIED),
                (false, Predecessor::Dead { holder, epoch }) => {
                    let judge = |instance: &FlowInstance, step, deaths| self.verdict(child, instance, step, deaths);
                    engine.run_after_death(flow_id, &holder, epoch, &judge)
                }
                (false, _) if events.is_empty() => engine.begin(flow_id),
                (false, _) => engine.run(flow_id),
            })
        })?;
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
            Err(stop @ (CoreEngineError::Store(_) | CoreEngineError::OutOfSpace { .. })) => {
                return Err(self.stop.keep(stop));
            }
            Err(error) => {
                let child = label(&child.place.given);
                return Err(StepError::context(format!("run {flow_id}, the child with {child}, stopped"), error));
            }
        }
        let (instance, _) = self.children.read(child)?;
        Ok(end_of(&instance).map_or(Ran::Held, Ran::Now))
    }

    /// Calls `run` when no suspect child runs in this process or, for a suspect, when no other child does.
    fn in_turn<T>(&self, has_rows: bool, is_suspect: bool, run: impl FnOnce() -> T) -> T {
        // The lock guards no data, so a panic leaves nothing half done.
        let shared = || self.alone.read().unwrap_or_else(PoisonError::into_inner);
        let exclusive = || self.alone.write().unwrap_or_else(PoisonError::into_inner);
        let (_shared, _exclusive);
        if has_rows && is_suspect {
            _exclusive = exclusive();
        } else if has_rows {
            _shared = shared();
        }
        run()
    }
}
