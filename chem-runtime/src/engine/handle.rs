//! A handle to one run: drives it, and reads its log.

use super::run::Until;
use super::{CoreEngineError, FlowEngine};
use crate::artifact::Artifact;
use crate::event::{FlowEvent, FlowId, event_variants};
use crate::fingerprint::Fingerprint;
use crate::flow::FlowInstance;
use crate::step::MAIN_OUTPUT;

/// A run of an engine's flow, named by its id. It need not have begun.
///
/// ```
/// use chem_runtime::engine::{CoreEngineError, FlowEngine};
/// use chem_runtime::event::FlowId;
/// use chem_runtime::flow::FlowStatus;
/// use chem_runtime::steps::demo::{Characters, Seed};
///
/// let engine = FlowEngine::new().first_step(Seed { text: "CCO".into() }).add_step(Characters {}).build()?;
/// let run = engine.handle(FlowId::new());
/// run.next()?;
/// assert_eq!(run.instance()?.status(), FlowStatus::Interrupted);
/// run.run_to_end()?;
/// assert_eq!(run.event_variants()?, "ISFSFC");
/// assert_eq!(run.last_step_output("seed")?.unwrap().payload_text(), "\"CCO\"");
/// # Ok::<_, CoreEngineError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Run<'e> {
    pub(super) engine: &'e FlowEngine,
    pub(super) flow_id: FlowId,
}

impl<'e> Run<'e> {
    pub(super) fn new(engine: &'e FlowEngine, flow_id: FlowId) -> Self {
        Self { engine, flow_id }
    }

    /// Returns the id of the run.
    pub fn flow_id(self) -> FlowId {
        self.flow_id
    }

    /// Runs the next step, resuming where the log ends.
    ///
    /// # Errors
    /// [`CoreEngineError::FlowCompleted`] and [`CoreEngineError::FlowHasFailed`] if no step is left to run,
    /// [`CoreEngineError::StepFailed`] if the step failed, and the other errors of [`CoreEngineError`].
    pub fn next(self) -> Result<FlowInstance, CoreEngineError> {
        self.engine.drive(self.flow_id, Until::StepEnds)
    }

    /// Runs the flow to its end, resuming where the log ends.
    ///
    /// # Errors
    /// [`CoreEngineError::FlowCompleted`] and [`CoreEngineError::FlowHasFailed`] if the run has ended already,
    /// [`CoreEngineError::StepFailed`] if a step failed, and the other errors of [`CoreEngineError`].
    pub fn run_to_end(self) -> Result<FlowInstance, CoreEngineError> {
        self.engine.drive(self.flow_id, Until::FlowEnds)
    }

    /// Returns the events of the run, in order; empty if it has not begun.
    pub fn events(self) -> Result<Vec<FlowEvent>, CoreEngineError> {
        Ok(self.engine.store.list(self.flow_id)?)
    }

    /// Returns one letter for each event, such as `ISFSFC`.
    pub fn event_variants(self) -> Result<String, CoreEngineError> {
        Ok(event_variants(&self.events()?))
    }

    /// Replays the log and returns the state of the run.
    pub fn instance(self) -> Result<FlowInstance, CoreEngineError> {
        self.engine.load(self.flow_id)
    }

    /// Returns the fingerprint of the run, or `None` until it is complete.
    pub fn flow_fingerprint(self) -> Result<Option<Fingerprint>, CoreEngineError> {
        Ok(self.instance()?.flow_fingerprint())
    }

    /// Returns the main output of a step, or `None` until the step has finished.
    pub fn last_step_output(self, step_id: &str) -> Result<Option<Artifact>, CoreEngineError> {
        let instance = self.instance()?;
        match instance.step(step_id).and_then(|step| step.output(MAIN_OUTPUT)) {
            Some(output) => Ok(self.engine.store.read_artifact(output.hash)?),
            None => Ok(None),
        }
    }
}
