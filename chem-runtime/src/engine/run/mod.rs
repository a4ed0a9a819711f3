//! One run under way: load, decide, do, append, evolve. How a step is made ready, how it is done, and how the log is
//! written stand in files of their own.

mod execute;
mod log;
mod prepare;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub(super) use self::execute::check_outputs;
use self::log::RunLog;
use super::clock::{after, wait_until};
use super::{CoreEngineError, EarlierResults, FlowEngine};
use crate::artifact::{Artifact, Handed};
use crate::event::{FlowCompleted, FlowEventKind, FlowId, FlowInitialized};
use crate::fingerprint::CacheKey;
use crate::flow::{Decision, FlowInstance, FlowStep, OutputAddress, decide, evolve_own, flow_fingerprint};
use crate::step::{Files, Inputs, StepDefinition, StepId};
use crate::store::{EventStore, Holder, Lease, NewEvent};

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// To the end of one step.
    StepEnds,
    /// To the end of the run.
    FlowEnds,
}

/// A run under way: its state, and what the log does not need to know of it.
pub(super) struct Session {
    flow_id: FlowId,
    store: Arc<dyn EventStore>,
    instance: FlowInstance,
    /// Events that have been decided and that the log has not been given yet.
    held: Vec<NewEvent>,
    log: RunLog,
    /// The work that was finished since the log was last known to be in the store.
    unsettled: HashSet<CacheKey>,
    /// What is known of the runs that results come from.
    earlier: EarlierResults,
    /// The step that this process has made ready to run, with its inputs.
    ready: Option<(usize, FlowStep, Inputs)>,
    /// The history that it takes, which no step has put out.
    history: Vec<Artifact>,
    /// Typed values that later steps will take.
    handed: HashMap<OutputAddress, Handed>,
    files: Arc<Files>,
}

impl Session {
    pub(super) fn load(engine: &FlowEngine, flow_id: FlowId) -> Result<Self, CoreEngineError> {
        let mut instance = engine.instance_for(flow_id)?;
        let lease = match decide(&instance) {
            Decision::Completed | Decision::Failed(_) => None,
            Decision::Initialize => Some(Lease::of_new_run(flow_id, Holder::this_process())),
            _ => {
                let (store, holder) = (&engine.store, Holder::this_process());
                let lease = store.lease(flow_id, &holder, engine.takeover)?;
                // Whoever had the run before us may have written until we took it.
                if store.next_position(flow_id)? != instance.next_position() {
                    instance = engine.instance_for(flow_id)?;
                }
                Some(lease)
            }
        };
        Ok(Self::of(engine, instance, lease))
    }

    /// A run of which nothing is stored, as far as this process can know.
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
        Self { flow_id, store, instance, held, log, unsettled, earlier, ready, history, handed, files }
    }

    /// Whether this session may write the run: not one that has ended, nor one that somebody else has begun.
    pub(super) fn may_write(&self) -> bool {
        self.log.may_write()
    }

    /// Goes on to where `until` says. Whatever stops it, what the run has been through by then is in the store, unless
    /// that is what failed.
    pub(super) fn drive(&mut self, engine: &FlowEngine, until: Until) -> Result<FlowInstance, CoreEngineError> {
        let driven = self.drive_on(engine, until);
        if driven.is_err() && !self.held.is_empty() && self.may_write() {
            // The first error is the one to tell.
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
                        match runs_ahead(engine.definition.steps()[index].step()) {
                            true => self.log.append_behind(std::mem::take(&mut self.held))?,
                            false => self.flush()?,
                        }
                        self.execute(engine, index, resumed)?;
                    }
                    ran = true;
                }
            }
        }
    }

    /// Lets the time pass that is to lie before the step's next attempt. `false` if the run is asked to stop meanwhile.
    fn wait_for(&mut self, engine: &FlowEngine, index: usize) -> Result<bool, CoreEngineError> {
        let Some(step) = self.instance.steps().get(index) else { return Ok(true) };
        let (Some(begin), attempt) = (step.not_before, step.attempt) else { return Ok(true) };
        self.flush()?;
        // The time was set by the clock of whoever met the failure, which may have been wrong. No wait is longer than the
        // manifest says.
        let policy = self.instance.recorded(index).and_then(|step| step.retry.as_ref());
        let longest = policy.map_or(0, |policy| policy.wait_ms(attempt));
        let begin = begin.min(after(engine.clock.now(), longest));
        Ok(wait_until(engine.clock.as_ref(), begin, &engine.cancel))
    }

    /// The state of the run, with what is held.
    pub(super) fn instance(&self) -> &FlowInstance {
        &self.instance
    }

    /// Takes the right to go on with a run that had ended.
    pub(super) fn take_lease(&mut self, engine: &FlowEngine) -> Result<(), CoreEngineError> {
        if !self.may_write() {
            self.log.take(self.store.lease(self.flow_id, &Holder::this_process(), engine.takeover)?);
        }
        Ok(())
    }

    /// Takes an event as having happened; the store hears of it with the next [`flush`](Self::flush).
    pub(super) fn hold(&mut self, event: NewEvent) -> Result<(), CoreEngineError> {
        let before = std::mem::replace(&mut self.instance, FlowInstance::new(self.flow_id));
        self.instance = evolve_own(before, &event.kind)?;
        self.held.push(event);
        Ok(())
    }

    /// Holds what `prepare` made of a step, with the history that the step takes.
    pub(super) fn hold_start(&mut self, event: FlowEventKind) -> Result<(), CoreEngineError> {
        let artifacts = std::mem::take(&mut self.history);
        self.hold(NewEvent { kind: event, artifacts })
    }

    /// Appends what is held. When it returns, all that the run has been through is in the store.
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

/// Whether the step may work while the log is still told that it starts. One whose result may stand in for running it is
/// a function of what it is given, so that nothing is lost if it has worked and nobody knows; what leaves something
/// behind waits until all before it is in the store.
fn runs_ahead(step: &dyn StepDefinition) -> bool {
    step.is_reusable() && !step.has_effects()
}

impl FlowEngine {
    pub(super) fn initialized(&self) -> Result<FlowEventKind, CoreEngineError> {
        Ok(FlowEventKind::FlowInitialized(FlowInitialized {
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
