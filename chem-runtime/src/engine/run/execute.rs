//! Executes a step or reuses its result, and holds the events.

use std::sync::Arc;

use super::Session;
use super::keep::StepKeeper;
use super::runner::Runner;
use crate::engine::attempt::Attempt;
use crate::engine::earlier_rows::earlier_rows;
use crate::engine::meter::Meter;
use crate::engine::reuse::Verdict;
use crate::engine::{CoreEngineError, FlowEngine, development};
use crate::event::{
    FinishedRows, FlowEventKind, OutputRef, StepFailed, StepFinished, StepProgress, StepReused, StepSignal,
};
use crate::flow::{OutputAddress, StepIdentity};
use crate::step::{
    ANY_KIND, Keeper, RowsRecord, Signal, StepDefinition, StepError, StepId, StepOutput, StepRunResult, secret,
};
use crate::store::NewEvent;

impl Session {
    /// Reuses a finished result instead of running the step, and holds the event. Returns `false` if there is none.
    pub(super) fn reuse(&mut self, engine: &FlowEngine, index: usize) -> Result<bool, CoreEngineError> {
        let step = engine.definition.steps()[index].step();
        if engine.reuse.refusal(step).is_some() {
            return Ok(false);
        }
        let Some(started) = self.instance.steps()[index].started.clone() else {
            return Ok(false);
        };
        // An earlier step of this run may have done the same work; its result has to be in the store first.
        if self.unsettled.contains(&StepIdentity::of(&started).cache_key()?) {
            self.flush()?;
        }
        let verdict = engine.reuse.judge(self.store.as_ref(), &self.files, step, &started, &mut self.earlier)?;
        self.warn_of_doubted(engine, step.id());
        match verdict {
            Verdict::Run(because) => {
                if because.is_alarming() {
                    tracing::warn!(flow_id = %self.flow_id, step = %step.id(), %because, "an earlier result is of no use");
                }
                engine.observer.step_not_reused(step.id(), &because);
                Ok(false)
            }
            Verdict::Reuse { source, outputs, by_other_code } => {
                tracing::info!(flow_id = %self.flow_id, step = %step.id(), source = %source.flow_id, "step reused");
                engine.observer.step_reused(&self.instance, &started, source);
                if by_other_code && development::is_on() {
                    let uses = &started.uses;
                    tracing::warn!(flow_id = %self.flow_id, step = %step.id(), %uses, "the code has changed since the result");
                    engine.observer.code_changed(&started, source);
                }
                let (step_id, fingerprint) = (step.id().to_string(), started.fingerprint);
                self.ready = None;
                self.forget_used(engine, index);
                let reused = StepReused { step_id, step_index: index, fingerprint, outputs, source };
                self.hold(FlowEventKind::StepReused(reused).into())?;
                Ok(true)
            }
        }
    }

    /// Warns of the earlier results that were passed over because their runs do not confirm them.
    fn warn_of_doubted(&mut self, engine: &FlowEngine, step: &StepId) {
        for doubted in self.earlier.take_doubted() {
            tracing::warn!(flow_id = %self.flow_id, %step, %doubted, "an earlier result is passed over");
            engine.observer.result_doubted(step, &doubted);
        }
    }

    /// Runs the step and holds its events.
    pub(super) fn execute(&mut self, engine: &FlowEngine, index: usize, resumed: bool) -> Result<(), CoreEngineError> {
        let Some((_, planned, inputs)) = self.ready.take() else {
            return Ok(());
        };
        let step = planned.step();
        let (mut keeper, mut so_far, mut earlier) = (None, None, None);
        let is_whole = planned.policy().shards.is_none();
        if let Some(started) = self.instance.steps()[index].started.as_ref().filter(|_| is_whole) {
            earlier = earlier_rows(&engine.reuse, self.store.as_ref(), step, started, &mut self.earlier)?;
        }
        if let Some(started) = &self.instance.steps()[index].started {
            keeper = Some(Arc::new(StepKeeper::new(self.log.appender(), started.clone(), step.code())));
            so_far = self.progress(index, step);
            tracing::info!(flow_id = %self.flow_id, step = %step.id(), fingerprint = %started.fingerprint, resumed, "step starts");
            engine.observer.step_starts(&self.instance, started, resumed);
        }
        self.warn_of_doubted(engine, step.id());
        let rows = Arc::default();
        let runner = self.runner(engine, index, keeper.as_ref(), resumed)?;
        let shards = runner.as_ref().filter(|runner| runner.is_in_shards());
        let (shards, failed) = match shards.map(|runner| self.gather_shards(engine, index, runner)).transpose() {
            Ok(shards) => (shards, None),
            Err(error) => (None, Some(error)),
        };
        let attempt = Attempt {
            step: planned.clone(),
            inputs,
            files: self.files.clone(),
            artifacts: self.log.artifacts(),
            observer: engine.observer.clone(),
            cancel: self.log.cancel().clone(),
            keeper: keeper.clone().map(|keeper| keeper as Arc<dyn Keeper>),
            so_far,
            earlier_rows: earlier,
            rows: Arc::clone(&rows),
            children: runner.as_ref().map(Runner::children),
            shards,
            is_part: engine.definition.is_of_shard(),
            sample: None,
        };
        let meter = engine.place.measures.then(Meter::start);
        let made = match failed {
            Some(error) => StepRunResult::failure(error),
            None => attempt.make(),
        };
        self.usage = meter.map(Meter::stop);
        for kind in keeper.iter().flat_map(|keeper| keeper.close()) {
            self.apply(&kind)?;
        }
        let (result, signals) = match made {
            StepRunResult::Success { outputs, signals } => (check_outputs(step, outputs), signals),
            StepRunResult::Failure { error, signals } => (Err(error), signals),
        };
        let result = match result {
            Ok(outputs) => Ok(outputs),
            Err(error) => Err(self.failure_of(engine, index, error, runner.as_ref())?),
        };
        let result = self.hold_signals(engine, index, step.id(), signals)?.and(result);
        tracing::info!(flow_id = %self.flow_id, step = %step.id(), well = result.is_ok(), "step ends");
        engine.observer.step_ends(step.id(), result.is_ok());
        match result {
            Ok(outputs) => self.finish(engine, index, step.id(), outputs, rows.get()),
            Err(error) => {
                let mut failed = self.failed(index, step.id(), &error);
                if let FlowEventKind::StepFailed(failed) = &mut failed {
                    failed.usage = self.usage.take();
                }
                self.hold(failed.into())
            }
        }
    }

    /// Returns how far an earlier attempt at the same work has got, unless other code did it.
    fn progress(&self, index: usize, step: &dyn StepDefinition) -> Option<StepProgress> {
        let progress = self.instance.steps()[index].progress.clone()?;
        if progress.code.as_deref() != step.code() {
            tracing::warn!(flow_id = %self.flow_id, step = %step.id(), "the code has changed since the step was interrupted");
            return None;
        }
        Some(progress)
    }

    /// Holds the step's signals. The inner error is a signal that cannot be stored, which fails the step.
    fn hold_signals(
        &mut self,
        engine: &FlowEngine,
        index: usize,
        step: &StepId,
        signals: Vec<Signal>,
    ) -> Result<Result<(), StepError>, CoreEngineError> {
        for Signal { name, data } in signals {
            let (name, data) = (secret::mask(&name).into_owned(), secret::mask_json(data));
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
        rows: Option<&RowsRecord>,
    ) -> Result<(), CoreEngineError> {
        let Some(started) = &self.instance.steps()[index].started else {
            return Ok(());
        };
        let definition = engine.definition.steps()[index].step();
        let is_row_step = definition.is_reusable();
        // What kills a process on one machine need not on another, so a result that lacks rows is found by no later run.
        let reusable = is_row_step && rows.is_none_or(|rows| rows.is_whole);
        let mut finished = StepFinished {
            step_id: step.to_string(),
            step_index: index,
            fingerprint: started.fingerprint,
            outputs: Vec::new(),
            cache_key: reusable.then(|| StepIdentity::of(started).cache_key()).transpose()?,
            code: definition.code().map(str::to_owned),
            usage: self.usage.take(),
            rows: None,
        };
        let mut artifacts = Vec::new();
        let port = definition.inputs().iter().find(|port| port.rows).filter(|_| is_row_step);
        if let Some(port) = port.filter(|port| started.inputs.contains_key(port.name)) {
            finished.rows = Some(FinishedRows {
                outcomes: rows.map(|rows| rows.outcomes.hash()),
                port: port.name.to_owned(),
                taken_over: rows.and_then(|rows| rows.taken_over).filter(|taken| taken.rows > 0),
                work_key: StepIdentity::of(started).work_key(port.name)?,
            });
            artifacts.extend(rows.map(|rows| rows.outcomes.clone()));
        }
        for StepOutput { name, packed, handed } in outputs {
            let (kind, hash) = (packed.root.kind().to_owned(), packed.root.hash());
            finished.outputs.push(OutputRef { name: name.to_owned(), kind, hash });
            if let Some(joined) = rows.and_then(|rows| rows.joined.get(name)) {
                self.joined.insert(hash, joined.clone());
            }
            artifacts.extend(packed.parts);
            artifacts.push(packed.root);
            let address = OutputAddress { step: index, output: name.to_owned() };
            if let Some(value) = handed.filter(|_| engine.last_use.contains_key(&address)) {
                self.handed.insert(address, value);
            }
        }
        self.forget_used(engine, index);
        self.unsettled.extend(finished.cache_key);
        self.hold(NewEvent { kind: FlowEventKind::StepFinished(finished), artifacts })
    }

    /// Drops the typed values that no step after `index` takes.
    fn forget_used(&mut self, engine: &FlowEngine, index: usize) {
        self.handed.retain(|address, _| engine.last_use.get(address).is_some_and(|last| *last > index));
    }

    pub(super) fn failed(&self, index: usize, step: &StepId, error: &StepError) -> FlowEventKind {
        // Messages may quote anything: mask secrets, and escape NUL, which the log cannot hold.
        let storable = |text: &str| secret::mask(text).replace('\0', "\\0");
        FlowEventKind::StepFailed(StepFailed {
            step_id: step.to_string(),
            step_index: index,
            fingerprint: self.instance.steps().get(index).and_then(|step| step.fingerprint()),
            error: storable(error.message()),
            causes: error.causes().iter().map(|cause| storable(cause)).collect(),
            deaths: 0,
            transient: error.is_transient(),
            left_behind: error.is_left_behind(),
            usage: None,
        })
    }
}

/// Returns the outputs if they are the ones that the step declares.
pub(in crate::engine) fn check_outputs(
    step: &dyn StepDefinition,
    outputs: Vec<StepOutput>,
) -> Result<Vec<StepOutput>, StepError> {
    for (index, output) in outputs.iter().enumerate() {
        let Some(declared) = step.outputs().iter().find(|declared| declared.name == output.name) else {
            return Err(StepError::new(format!("the step put out `{}`, which it does not declare", output.name)));
        };
        let kind = output.packed.root.kind();
        // An output whose kind is that of an input has it by its type; see `Dataset`.
        if declared.kind != ANY_KIND && !declared.kind_of_input && declared.kind != kind {
            let message = format!("the step put out `{kind}` as `{}`, which is `{}`", output.name, declared.kind);
            return Err(StepError::new(message));
        }
        if outputs[..index].iter().any(|other| other.name == output.name) {
            return Err(StepError::new(format!("the step put out `{}` twice", output.name)));
        }
    }
    Ok(outputs)
}
