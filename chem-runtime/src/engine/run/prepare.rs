//! Prepares a step: gathers its inputs, computes its fingerprint, and asks a person if it has a gate.

use super::Session;
use crate::artifact::ArtifactValue as _;
use crate::engine::begin::begin_step;
use crate::engine::{CoreEngineError, FlowEngine};
use crate::event::FlowEventKind;
use crate::flow::history_of;
use crate::step::{Inputs, StepDefinition};

impl Session {
    /// Prepares the step. Returns the event to hold: that it starts, that it cannot, or the question to a person.
    pub(in crate::engine) fn prepare(
        &mut self,
        engine: &FlowEngine,
        index: usize,
    ) -> Result<FlowEventKind, CoreEngineError> {
        let planned = &engine.definition.steps()[index];
        let inputs = match self.gather(engine, index) {
            Ok(inputs) => inputs,
            Err(error) => {
                self.flush()?;
                return Err(error);
            }
        };
        let begin = |step: &dyn StepDefinition| {
            let begin = || begin_step(engine.definition.hash(), index, step, &self.files, inputs.hashes());
            self.log.cancel().scope(begin)
        };
        let started = begin(planned.step());
        if let Some(question) = started.as_ref().ok().and_then(|started| self.question(index, started)) {
            return Ok(FlowEventKind::UserInteractionRequested(question));
        }
        // Parameters from an approval have to be hashed; without them, input files are read only once.
        let ready = started.and_then(|started| match self.approved(index, planned)? {
            Some(step) => Ok((begin(step.step())?, step)),
            None => Ok((started, planned.clone())),
        });
        match ready {
            Ok((started, step)) => {
                self.ready = Some((index, step, inputs));
                Ok(FlowEventKind::StepStarted(started))
            }
            Err(error) if error.is_interrupted() => {
                self.flush()?;
                Err(CoreEngineError::Interrupted { flow_id: self.flow_id })
            }
            Err(error) => Ok(self.failed(index, planned.step().id(), &error)),
        }
    }

    /// Prepares a step that an earlier process had started. Returns `false` if its fingerprint differs now, because a
    /// file has changed or is missing; holds the event that says so.
    pub(super) fn prepare_again(&mut self, engine: &FlowEngine, index: usize) -> Result<bool, CoreEngineError> {
        let before = self.instance.steps()[index].fingerprint();
        let event = self.prepare(engine, index)?;
        match &event {
            // Compare fingerprints, not components: a parameter that is 5.0 here reads back from the log as 5.
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
        if let Some(port) = planned.history_port() {
            let flow = self.instance.initialized().map(|began| began.flow.as_str()).unwrap_or_default();
            let known = |place: usize| {
                let state = &self.instance.steps()[place];
                Some((state.started.as_ref()?, state.outputs.as_slice()))
            };
            let (packed, handed) = history_of(&engine.definition, flow, index, known).pack_and_hand_on()?;
            inputs.wire(port.name, packed.root.hash(), Some(handed));
            self.history.push(packed.root);
        }
        Ok(inputs)
    }
}
