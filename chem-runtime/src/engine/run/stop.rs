//! What ends the work on a step without a result, and is no failure of it: a request to stop, a store that fails, a machine
//! without space.

use super::Session;
use super::runner::Runner;
use crate::engine::out_of_space::{OUT_OF_SPACE, OutOfSpace};
use crate::engine::stop::store_error;
use crate::engine::{CoreEngineError, FlowEngine};
use crate::event::{FlowEventKind, StepSignal};
use crate::fingerprint::to_json;
use crate::step::StepError;

impl Session {
    /// Returns `error` if it is a failure of the step at `index`, whose children `runner` runs.
    ///
    /// # Errors
    /// Returns why the run ends here and can be resumed, if the step has not failed.
    pub(super) fn failure_of(
        &mut self,
        engine: &FlowEngine,
        index: usize,
        error: StepError,
        runner: Option<&Runner>,
    ) -> Result<StepError, CoreEngineError> {
        let (flow_id, step) = (self.flow_id, engine.step_id(index));
        if error.is_interrupted() {
            // A failed append also stops the step; `flush` then returns its error.
            self.flush()?;
            let stop = runner.and_then(|runner| runner.take_stop(self, &step));
            return Err(stop.unwrap_or(CoreEngineError::Interrupted { flow_id }));
        }
        let error = match store_error(error) {
            Ok(error) => return Err(CoreEngineError::Store(error)),
            Err(error) => error,
        };
        // Another process takes the child, or goes on with the children. The step of a run by itself has no other machine.
        if engine.place.child_of.is_none() && runner.is_none() {
            return Ok(error);
        }
        let place = &engine.place;
        let directories = place.outputs.iter().chain(&place.directory).cloned();
        let Some(found) = OutOfSpace::behind(&error, directories) else { return Ok(error) };
        tracing::warn!(%flow_id, %step, %found, "the machine has no space for the step");
        self.flush()?;
        if !OutOfSpace::last_of(&self.store.list(flow_id)?).iter().any(|known| known.is_known_by(&found)) {
            let (step_id, signal) = (step.to_string(), OUT_OF_SPACE.to_owned());
            let signal = StepSignal { data: to_json(&found)?, signal, step_id, step_index: index };
            self.hold(FlowEventKind::StepSignal(signal).into())?;
        }
        self.flush()?;
        Err(CoreEngineError::OutOfSpace { flow_id, step, found: Box::new(found) })
    }
}
