//! Drives one run: load, decide, do, append, evolve. Submodules prepare a step, execute it, and write the log.

mod execute;
mod keep;
mod log;
mod prepare;
mod runner;
mod stop;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub(super) use self::execute::check_outputs;
use self::log::RunLog;
use super::clock::{after, wait_until};
use super::{CoreEngineError, EarlierResults, FlowEngine};
use crate::artifact::{Artifact, Handed};
use crate::event::{FlowCompleted, FlowEventKind, FlowId, FlowInitialized, Usage};
use crate::fingerprint::{ArtifactHash, CacheKey};
use crate::flow::{Decision, FlowInstance, FlowStep, OutputAddress, decide, evolve_own, flow_fingerprint};
use crate::step::shard_step::SHARD_STEP;
use crate::step::{Files, Inputs, ShardTables, StepId};
use crate::store::{EventStore, Holder, Lease, NewEvent};

/// How far to drive a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// To the end of one step.
    StepEnds,
    /// To the end of the run.
    FlowEnds,
}

/// A run in progress: its state, and what the log does not hold.
pub(super) struct Session {
    flow_id: FlowId,
    store: Arc<dyn EventStore>,
    instance: FlowInstance,
    /// Events that have been applied to `instance` and not yet appended.
    held: Vec<NewEvent>,
    log: RunLog,
    /// The cache keys of steps that finished since the last flush, whose events may not be in the store yet.
    unsettled: HashSet<CacheKey>,
    /// The earlier runs that results may come from.
    earlier: EarlierResults,
    /// The step that this process has prepared: its index, the step, and its inputs.
    ready: Option<(usize, FlowStep, Inputs)>,
    /// The artifact of the history that the prepared step takes; no step outputs it.
    history: Vec<Artifact>,
    /// The typed values that later steps take.
    handed: HashMap<OutputAddress, Handed>,
    /// The tables of which it is known that they have the rows of tables of the children, in their order.
    joined: HashMap<ArtifactHash, ShardTables>,
    /// What the step that has just run took, until its event is held.
    usage: Option<Usage>,
    files: Arc<Files>,
}

impl Session {
    pub(super) fn load(engine: &FlowEngine, flow_id: FlowId) -> Result<Self, CoreEngineError> {
        let mut instance = engine.load(flow_id)?;
        let lease = match decide(&instance) {
            Decision::Completed | Decision::Failed(_) => None,
            Decision::Initialize => Some(Lease::of_new_run(flow_id, Holder::this_process())),
            _ => {
                let (store, holder) = (&engine.store, Holder::this_process());
                let lease = store.acquire_lease(flow_id, &holder, engine.takeover)?;
                // The previous holder may have appended until we acquired the lease.
                if store.next_position(flow_id)? != instance.next_position() {
                    instance = engine.load(flow_id)?;
                }
                Some(lease)
            }
        };
        let session = Self::of(engine, instance, lease);
        if session.instance.flow_fingerprint().is_none() {
            engine.check_decisions(&session.instance)?;
        }
        Ok(session)
    }

    /// Begins a run that has no events, as far as this process can know.
    pub(super) fn begin(engine: &FlowEngine, flow_id: FlowId) -> Result<Self, CoreEngineError> {
        let instance = engine.repository.load(flow_id, &[], &engine.definition)?;
        Ok(Self::of(engine, instance, Some(Lease::of_new_run(flow_id, Holder::this_process()))))
    }

    fn of(engine: &FlowEngine, instance: FlowInstance, lease: Option<Lease>) -> Self {
        let (store, flow_id) = (engine.store.clone(), instance.flow_id());
        let log = RunLog::new(store.clone(), flow_id, lease, instance.next_position(), &engine.cancel);
        let (held, unsettled, ready, history) = (Vec::new(), HashSet::new(), None, Vec::new());
        let files = Arc::new(engine.place.files().beside_log(&store.files()).heeding(&engine.cancel));
        let (handed, earlier) = (HashMap::new(), EarlierResults::default());
        let (joined, usage) = (HashMap::new(), None);
        Self { joined, flow_id, store, instance, held, log, unsettled, earlier, ready, history, handed, usage, files }
    }

    /// Whether this session may append: not to a run that has ended or that another process has begun.
    pub(super) fn may_write(&self) -> bool {
        self.log.may_write()
    }

    /// Returns the epoch of the lease on the run; `None` if this session has none.
    pub(super) fn epoch(&self) -> Option<u64> {
        self.log.epoch()
    }

    /// Drives the run as far as `until` says. On an error, also flushes the events so far, unless the flush itself
    /// fails.
    pub(super) fn drive(&mut self, engine: &FlowEngine, until: Until) -> Result<FlowInstance, CoreEngineError> {
        let driven = self.drive_on(engine, until);
        if driven.is_err() && !self.held.is_empty() && self.may_write() {
            // Return the first error, log the second.
            if let Err(error) = self.flush() {
                tracing::warn!(flow_id = %self.flow_id, %error, "the last events of the run could not be stored");
            }
        }
        driven
    }

    fn drive_on(&mut self, engine: &FlowEngine, until: Until) -> Result<FlowInstance, CoreEngineError> {
        match decide(&self.instance) {
            Decision::Completed => return Err(CoreEngineError::FlowCompleted { flow_id: self.flow_id }),
            Decision::Failed(index) => {
                let (step, (error, _)) = (engine.step_id(index), self.error_of(index));
                return Err(CoreEngineError::FlowHasFailed { flow_id: self.flow_id, step, error });
            }
            _ => {}
        }
        let mut ran = false;
        loop {
            match decide(&self.instance) {
                Decision::Initialize => self.hold(engine.initialized()?.into())?,
                Decision::Complete => self.hold(self.completed().into())?,
                Decision::Completed => {
                    self.flush()?;
                    return Ok(self.instance.clone());
                }
                Decision::Failed(index) => {
                    self.flush()?;
                    let (step, (error, causes)) = (engine.step_id(index), self.error_of(index));
                    return Err(CoreEngineError::StepFailed { flow_id: self.flow_id, step, error, causes });
                }
                Decision::Wait(index) => {
                    self.flush()?;
                    return Err(self.waiting(engine, index));
                }
                Decision::Start(_) | Decision::Ask(_) | Decision::Execute(_) if engine.cancel.is_cancelled() => {
                    self.flush()?;
                    return Err(CoreEngineError::Interrupted { flow_id: self.flow_id });
                }
                Decision::Start(_) | Decision::Ask(_) if ran && until == Until::StepEnds => {
                    self.flush()?;
                    return Ok(self.instance.clone());
                }
                Decision::Retry(index) => self.hold(engine.retry_of(&self.instance, index, None)?.into())?,
                Decision::Ask(index) | Decision::Start(index) => {
                    if !self.wait_for(engine, index)? {
                        return Err(CoreEngineError::Interrupted { flow_id: self.flow_id });
                    }
                    let event = self.prepare(engine, index)?;
                    self.hold_start(event)?;
                }
                Decision::Execute(index) => {
                    let resumed = self.ready.as_ref().is_none_or(|(ready, ..)| *ready != index);
                    if resumed && !self.prepare_again(engine, index)? {
                        continue;
                    }
                    if !self.reuse(engine, index)? {
                        let planned = &engine.definition.steps()[index];
                        if !engine.runs_ahead || !runs_ahead(planned) {
                            self.flush()?;
                        } else if !is_immediate(planned) {
                            self.log.append_behind(std::mem::take(&mut self.held))?;
                        }
                        self.execute(engine, index, resumed)?;
                    }
                    ran = true;
                }
            }
        }
    }

    /// Waits until the step's next attempt is due. Returns `false` if the run is asked to stop meanwhile.
    fn wait_for(&mut self, engine: &FlowEngine, index: usize) -> Result<bool, CoreEngineError> {
        let Some(step) = self.instance.steps().get(index) else { return Ok(true) };
        let (Some(begin), attempt) = (step.not_before, step.attempt) else { return Ok(true) };
        self.flush()?;
        // The process that recorded the failure set the time, perhaps by a wrong clock. Wait no longer than the
        // manifest says.
        let policy = self.instance.recorded(index).and_then(|step| step.retry.as_ref());
        let longest = policy.map_or(0, |policy| policy.wait_ms(attempt));
        let begin = begin.min(after(engine.clock.now(), longest));
        Ok(wait_until(engine.clock.as_ref(), begin, &engine.cancel))
    }

    /// Returns the state of the run, including held events.
    pub(super) fn instance(&self) -> &FlowInstance {
        &self.instance
    }

    /// Acquires the lease on a run that had ended, so that it can continue.
    pub(super) fn take_lease(&mut self, engine: &FlowEngine) -> Result<(), CoreEngineError> {
        if !self.may_write() {
            self.log.take(self.store.acquire_lease(self.flow_id, &Holder::this_process(), engine.takeover)?);
        }
        Ok(())
    }

    /// Applies an event to the state; the next [`flush`](Self::flush) appends it.
    pub(super) fn hold(&mut self, event: NewEvent) -> Result<(), CoreEngineError> {
        self.apply(&event.kind)?;
        self.held.push(event);
        Ok(())
    }

    /// Applies an event that is in the log, or waits to be appended, to the state.
    fn apply(&mut self, event: &FlowEventKind) -> Result<(), CoreEngineError> {
        let before = std::mem::replace(&mut self.instance, FlowInstance::new(self.flow_id));
        self.instance = evolve_own(before, event)?;
        Ok(())
    }

    /// Holds the event that `prepare` returned, with the history that the step takes.
    pub(super) fn hold_start(&mut self, event: FlowEventKind) -> Result<(), CoreEngineError> {
        let artifacts = std::mem::take(&mut self.history);
        self.hold(NewEvent { kind: event, artifacts })
    }

    /// Appends the held events. On return, all events of the run are in the store.
    pub(super) fn flush(&mut self) -> Result<(), CoreEngineError> {
        self.log.append(std::mem::take(&mut self.held))?;
        self.unsettled.clear();
        Ok(())
    }

    fn completed(&self) -> FlowEventKind {
        let fingerprints = self.instance.steps().iter().filter_map(|step| step.fingerprint());
        FlowEventKind::FlowCompleted(FlowCompleted { flow_fingerprint: flow_fingerprint(fingerprints) })
    }

    fn error_of(&self, index: usize) -> (String, Vec<String>) {
        self.instance.steps().get(index).and_then(|step| step.error.clone()).unwrap_or_default()
    }

    fn waiting(&self, engine: &FlowEngine, index: usize) -> CoreEngineError {
        let question = self.instance.steps().get(index).and_then(|step| step.question.as_ref());
        let message = question.map(|question| question.message.clone()).unwrap_or_default();
        CoreEngineError::Waiting { flow_id: self.flow_id, step: engine.step_id(index), message }
    }
}

/// Whether the step may work while the log still records its start. A reusable step without side effects depends only
/// on its inputs, so nothing is lost if it ran and the log does not say so. A step with side effects waits until all
/// earlier events are in the store, and so does one in shards, whose children others may run.
fn runs_ahead(planned: &FlowStep) -> bool {
    let step = planned.step();
    step.is_reusable() && !step.has_effects() && planned.policy().shards.is_none()
}

/// Whether the step works on no rows and takes no time, so that its start need not be in the log before its end.
fn is_immediate(planned: &FlowStep) -> bool {
    planned.step().step_type().name == SHARD_STEP
}

impl FlowEngine {
    pub(super) fn initialized(&self) -> Result<FlowEventKind, CoreEngineError> {
        Ok(FlowEventKind::FlowInitialized(FlowInitialized {
            child_of: self.place.child_of.clone().map(Box::new),
            flow: self.definition.name().unwrap_or(&self.default_name).to_owned(),
            definition_hash: self.definition.hash(),
            step_count: self.definition.steps().len(),
            definition: self.definition.recorded()?,
            environment: self.place.environment(),
        }))
    }

    pub(super) fn step_id(&self, index: usize) -> StepId {
        self.definition.steps()[index].step().id().clone()
    }
}
