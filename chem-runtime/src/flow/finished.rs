//! What stands for a step that has finished and that this program could not run again.

use serde_json::{Map, Value};

use crate::event::{RecordedStep, StepKind};
use crate::step::{
    ExecutionContext, Files, OutputSpec, PortSpec, StepDefinition, StepError, StepId, StepRunResult, StepSpec,
    StepTypeRef,
};

/// A finished step of a version that is not linked. A run goes on from what it has put out.
pub(super) struct FinishedStep {
    pub(super) id: StepId,
    pub(super) recorded: RecordedStep,
    /// The step type at the version that is linked, for its ports.
    pub(super) spec: &'static StepSpec,
}

impl FinishedStep {
    fn is_gone(&self) -> StepError {
        StepError::new(format!(
            "this program has `{}` in version {}, and not in version {}",
            self.recorded.uses, self.spec.version, self.recorded.version
        ))
    }
}

impl StepDefinition for FinishedStep {
    fn id(&self) -> &StepId {
        &self.id
    }

    fn kind(&self) -> StepKind {
        self.spec.kind
    }

    fn step_type(&self) -> StepTypeRef<'_> {
        StepTypeRef { name: &self.recorded.uses, version: self.recorded.version }
    }

    fn inputs(&self) -> &[PortSpec] {
        self.spec.inputs
    }

    fn outputs(&self) -> &[OutputSpec] {
        self.spec.outputs
    }

    fn params(&self) -> Result<Map<String, Value>, StepError> {
        Ok(self.recorded.params.clone())
    }

    fn identity(&self, _files: &Files) -> Result<Map<String, Value>, StepError> {
        Err(self.is_gone())
    }

    fn run(&self, _context: &ExecutionContext<'_>) -> StepRunResult {
        StepRunResult::failure(self.is_gone())
    }
}
