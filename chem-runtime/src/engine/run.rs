//! One run under way: load, decide, do, append, evolve.

use std::collections::HashMap;
use std::sync::Arc;

use super::attempt::Attempt;
use super::begin::begin_step;
use super::clock::wait_until;
use super::reuse::Verdict;
use super::{CoreEngineError, FlowEngine};
use crate::artifact::{Artifact, ArtifactValue as _, Handed};
use crate::event::{
    FlowCompleted, FlowEventKind, FlowId, FlowInitialized, OutputRef, StepFailed, StepFinished, StepReused, StepSignal,
};
use crate::flow::{
    Decision, FlowInstance, FlowStep, OutputAddress, StepIdentity, decide, evolve, flow_fingerprint, history_of,
};
use crate::step::{
    ANY_KIND, Files, Inputs, PortSpec, Signal, StepDefinition, StepError, StepId, StepOutput, StepRunResult,
};
use crate::store::{EventStore, Holder, Lease, NewEvent, Takeover, Writer};

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
    /// The right to write the run; none for one that has ended.
    lease: Option<Lease>,
    instance: FlowInstance,
    /// Events that have been decided and are not in the store yet.
    held: Vec<NewEvent>,
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
        let (store, holder) = (engine.store.clone(), Holder::this_process());
        let mut instance = engine.instance_for(flow_id)?;
        let lease = match decide(&instance) {
            Decision::Completed | Decision::Failed(_) => None,
            Decision::Initialize => Some(Lease::of_new_run(flow_id, holder)),
            _ => {
                let lease = store.lease(flow_id, &holder, Takeover::IfFree)?;
                // Whoever had the run before us may have written until we took it.
                if store.next_position(flow_id)? != instance.next_position() {
                    instance = engine.instance_for(flow_id)?;
                }
                Some(lease)
            }
        };
        let (held, ready, history) = (Vec::new(), None, Vec::new());
        let (handed, files) = (HashMap::new(), Arc::new(engine.place.files()));
        Ok(Self { flow_id, store, lease, instance, held, ready, history, handed, files })
    }

    pub(super) fn drive(&mut self, engine: &FlowEngine, until: Until) -> Result<FlowInstance, CoreEngineError> {
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
                        self.flush()?;
                        self.execute(engine, index, resumed)?;
                    }
                    ran = true;
                }
            }
        }
    }

    /// Lets the time pass that is to lie before the step's next attempt. `false` if the run is asked to stop meanwhile.
    fn wait_for(&mut self, engine: &FlowEngine, index: usize) -> Result<bool, CoreEngineError> {
        let Some(begin) = self.instance.steps().get(index).and_then(|step| step.not_before) else { return Ok(true) };
        self.flush()?;
        Ok(wait_until(engine.clock.as_ref(), begin, &engine.cancel))
    }

    /// The state of the run, with what is held.
    pub(super) fn instance(&self) -> &FlowInstance {
        &self.instance
    }

    /// Takes the right to go on with a run that had ended.
    pub(super) fn take_lease(&mut self) -> Result<(), CoreEngineError> {
        if self.lease.is_none() {
            self.lease = Some(self.store.lease(self.flow_id, &Holder::this_process(), Takeover::IfFree)?);
        }
        Ok(())
    }

    /// Takes an event as having happened; the store hears of it with the next [`flush`](Self::flush).
    pub(super) fn hold(&mut self, event: NewEvent) -> Result<(), CoreEngineError> {
        let before = std::mem::replace(&mut self.instance, FlowInstance::new(self.flow_id));
        self.instance = evolve(before, &event.kind)?;
        self.held.push(event);
        Ok(())
    }

    /// Holds what `prepare` made of a step, with the history that the step takes.
    fn hold_start(&mut self, event: FlowEventKind) -> Result<(), CoreEngineError> {
        let artifacts = std::mem::take(&mut self.history);
        self.hold(NewEvent { kind: event, artifacts })
    }

    /// Appends what is held, in one transaction.
    pub(super) fn flush(&mut self) -> Result<(), CoreEngineError> {
        if !self.held.is_empty() {
            let expected = self.instance.next_position() - self.held.len() as u64;
            let writer = self.lease.as_ref().map_or(Writer::Anyone(self.flow_id), Writer::Holder);
            self.store.append_as(writer, expected, &self.held)?;
            tracing::debug!(flow_id = %self.flow_id, position = expected, events = self.held.len(), "appended");
            self.held.clear();
        }
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

    /// Makes the step ready to run: the event says so, or says why it cannot be, or asks whether it may be.
    pub(super) fn prepare(&mut self, engine: &FlowEngine, index: usize) -> Result<FlowEventKind, CoreEngineError> {
        let planned = &engine.definition.steps()[index];
        let inputs = match self.gather(engine, index) {
            Ok(inputs) => inputs,
            Err(error) => {
                self.flush()?;
                return Err(error);
            }
        };
        let begin =
            |step: &dyn StepDefinition| begin_step(engine.definition.hash(), index, step, &self.files, inputs.hashes());
        let started = begin(planned.step());
        if let Some(question) = started.as_ref().ok().and_then(|started| self.question(index, started)) {
            return Ok(FlowEventKind::UserInteractionRequested(question));
        }
        // What is set anew has to be hashed anew; otherwise the files that it reads are read once.
        let ready = started.and_then(|started| match self.approved(index, planned)? {
            Some(step) => Ok((begin(step.step())?, step)),
            None => Ok((started, planned.clone())),
        });
        match ready {
            Ok((started, step)) => {
                self.ready = Some((index, step, inputs));
                Ok(FlowEventKind::StepStarted(started))
            }
            Err(error) => Ok(self.failed(index, planned.step().id(), &error)),
        }
    }

    /// Makes ready a step that an earlier process had started. `false` if that comes out otherwise than it did then,
    /// because a file has changed or is gone; the event that says so is then held.
    fn prepare_again(&mut self, engine: &FlowEngine, index: usize) -> Result<bool, CoreEngineError> {
        let before = self.instance.steps()[index].fingerprint();
        let event = self.prepare(engine, index)?;
        match &event {
            // Not compared part by part: a parameter that is 5.0 here reads back from the log as 5.
            FlowEventKind::StepStarted(now) if before == Some(now.fingerprint) => Ok(true),
            _ => {
                self.hold_start(event)?;
                Ok(false)
            }
        }
    }

    fn gather(&mut self, engine: &FlowEngine, index: usize) -> Result<Inputs, CoreEngineError> {
        let planned = &engine.definition.steps()[index];
        let mut inputs = Inputs::default();
        for (port, address) in planned.inputs() {
            let from = &self.instance.steps()[address.step];
            let Some(output) = from.output(&address.output) else {
                return Err(CoreEngineError::MissingInputs {
                    flow_id: self.flow_id,
                    step: planned.step().id().clone(),
                    port: port.clone(),
                    from: format!("{}.{}", from.id, address.output),
                });
            };
            inputs.wire(port, output.hash, self.handed.get(address).cloned());
        }
        self.history.clear();
        let open = |port: &&PortSpec| port.takes_history() && !planned.inputs().contains_key(port.name);
        if let Some(port) = planned.step().inputs().iter().find(open)
            && let Some(history) = history_of(&engine.definition, &self.instance, index)
        {
            let artifact = history.artifact()?;
            inputs.wire(port.name, artifact.hash(), Some(Arc::new(history).hand_on()));
            self.history.push(artifact);
        }
        Ok(inputs)
    }

    /// Spares the step if a finished result stands in for running it; the event that says so is then held.
    fn reuse(&mut self, engine: &FlowEngine, index: usize) -> Result<bool, CoreEngineError> {
        let step = engine.definition.steps()[index].step();
        if engine.reuse.refusal(step).is_some() {
            return Ok(false);
        }
        // A step of this run may have done the same work, and the store has to know of it.
        if self.held.iter().any(|event| matches!(event.kind, FlowEventKind::StepFinished(_))) {
            self.flush()?;
        }
        let Some(started) = self.instance.steps()[index].started.as_ref() else {
            return Ok(false);
        };
        match engine.reuse.judge(self.store.as_ref(), &self.files, step, started)? {
            Verdict::Run(because) => {
                if because.is_alarming() {
                    tracing::warn!(flow_id = %self.flow_id, step = %step.id(), %because, "an earlier result is of no use");
                }
                engine.observer.step_not_reused(step.id(), &because);
                Ok(false)
            }
            Verdict::Reuse { source, outputs } => {
                tracing::info!(flow_id = %self.flow_id, step = %step.id(), source = %source.flow_id, "step reused");
                engine.observer.step_reused(&self.instance, started, source);
                let (step_id, fingerprint) = (step.id().to_string(), started.fingerprint);
                self.ready = None;
                self.forget_used(engine, index);
                let reused = StepReused { step_id, step_index: index, fingerprint, outputs, source };
                self.hold(FlowEventKind::StepReused(reused).into())?;
                Ok(true)
            }
        }
    }

    /// Runs the step and holds what it has to say.
    fn execute(&mut self, engine: &FlowEngine, index: usize, resumed: bool) -> Result<(), CoreEngineError> {
        let Some((_, planned, inputs)) = self.ready.take() else {
            return Ok(());
        };
        let step = planned.step();
        if let Some(started) = &self.instance.steps()[index].started {
            tracing::info!(flow_id = %self.flow_id, step = %step.id(), fingerprint = %started.fingerprint, resumed, "step starts");
            engine.observer.step_starts(&self.instance, started, resumed);
        }
        let attempt = Attempt {
            step: planned.clone(),
            inputs,
            files: self.files.clone(),
            store: self.store.clone(),
            observer: engine.observer.clone(),
            cancel: engine.cancel.clone(),
        };
        let (result, signals) = match attempt.make() {
            StepRunResult::Success { outputs, signals } => (check_outputs(step, outputs), signals),
            StepRunResult::Failure { error, signals } => (Err(error), signals),
        };
        if result.as_ref().is_err_and(StepError::is_interrupted) {
            return Err(CoreEngineError::Interrupted { flow_id: self.flow_id });
        }
        let result = self.hold_signals(engine, index, step.id(), signals)?.and(result);
        tracing::info!(flow_id = %self.flow_id, step = %step.id(), well = result.is_ok(), "step ends");
        engine.observer.step_ends(step.id(), result.is_ok());
        match result {
            Ok(outputs) => self.finish(engine, index, step.id(), outputs),
            Err(error) => self.hold(self.failed(index, step.id(), &error).into()),
        }
    }

    /// Holds the step's signals; the inner error is a signal that cannot be stored, which fails the step.
    fn hold_signals(
        &mut self,
        engine: &FlowEngine,
        index: usize,
        step: &StepId,
        signals: Vec<Signal>,
    ) -> Result<Result<(), StepError>, CoreEngineError> {
        for Signal { name, data } in signals {
            let signal = StepSignal { step_id: step.to_string(), step_index: index, signal: name, data };
            let event = FlowEventKind::StepSignal(signal.clone());
            if let Err(error) = event.payload_text() {
                let message = format!("the step's signal `{}` cannot be stored", signal.signal.replace('\0', "\\0"));
                return Ok(Err(StepError::context(message, error)));
            }
            engine.observer.step_signals(&signal);
            self.hold(event.into())?;
        }
        Ok(Ok(()))
    }

    fn finish(
        &mut self,
        engine: &FlowEngine,
        index: usize,
        step: &StepId,
        outputs: Vec<StepOutput>,
    ) -> Result<(), CoreEngineError> {
        let Some(started) = &self.instance.steps()[index].started else {
            return Ok(());
        };
        let reusable = engine.definition.steps()[index].step().is_reusable();
        let mut finished = StepFinished {
            step_id: step.to_string(),
            step_index: index,
            fingerprint: started.fingerprint,
            outputs: Vec::new(),
            cache_key: reusable.then(|| StepIdentity::of(started).cache_key()).transpose()?,
        };
        let mut artifacts = Vec::new();
        for StepOutput { name, packed, handed } in outputs {
            let (kind, hash) = (packed.root.kind().to_owned(), packed.root.hash());
            finished.outputs.push(OutputRef { name: name.to_owned(), kind, hash });
            artifacts.extend(packed.parts);
            artifacts.push(packed.root);
            let address = OutputAddress { step: index, output: name.to_owned() };
            if let Some(value) = handed.filter(|_| engine.last_use.contains_key(&address)) {
                self.handed.insert(address, value);
            }
        }
        self.forget_used(engine, index);
        self.hold(NewEvent { kind: FlowEventKind::StepFinished(finished), artifacts })
    }

    /// Lets go of the typed values that no step after the one at `index` takes.
    fn forget_used(&mut self, engine: &FlowEngine, index: usize) {
        self.handed.retain(|address, _| engine.last_use.get(address).is_some_and(|last| *last > index));
    }

    fn failed(&self, index: usize, step: &StepId, error: &StepError) -> FlowEventKind {
        // A message may quote anything; the log must be able to hold it.
        let storable = |text: &str| text.replace('\0', "\\0");
        FlowEventKind::StepFailed(StepFailed {
            step_id: step.to_string(),
            step_index: index,
            fingerprint: self.instance.steps().get(index).and_then(|step| step.fingerprint()),
            error: storable(error.message()),
            causes: error.causes().iter().map(|cause| storable(cause)).collect(),
            transient: error.is_transient(),
        })
    }
}

impl Drop for Session {
    /// Lets go of a run that has not ended, so that another process finds it free.
    fn drop(&mut self) {
        let ended = matches!(decide(&self.instance), Decision::Completed | Decision::Failed(_)) && self.held.is_empty();
        if let Some(lease) = self.lease.as_ref().filter(|_| !ended && self.instance.next_position() > 0)
            && let Err(error) = self.store.release(lease)
        {
            tracing::warn!(flow_id = %self.flow_id, %error, "the run could not be let go of");
        }
    }
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

/// A step's outputs, if they are those that it declares.
pub(super) fn check_outputs(step: &dyn StepDefinition, outputs: Vec<StepOutput>) -> Result<Vec<StepOutput>, StepError> {
    for (index, output) in outputs.iter().enumerate() {
        let Some(declared) = step.outputs().iter().find(|declared| declared.name == output.name) else {
            return Err(StepError::new(format!("the step put out `{}`, which it does not declare", output.name)));
        };
        let kind = output.packed.root.kind();
        if declared.kind != ANY_KIND && declared.kind != kind {
            let message = format!("the step put out `{kind}` as `{}`, which is `{}`", output.name, declared.kind);
            return Err(StepError::new(message));
        }
        if outputs[..index].iter().any(|other| other.name == output.name) {
            return Err(StepError::new(format!("the step put out `{}` twice", output.name)));
        }
    }
    Ok(outputs)
}
