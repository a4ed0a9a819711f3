//! A placeholder for a finished step that this program cannot run again.

use serde_json::{Map, Value};

use crate::event::{RecordedStep, StepKind};
use crate::step::{
    ExecutionContext, Files, OutputSpec, PortSpec, StepDefinition, StepError, StepId, StepRunResult, StepSpec,
    StepTypeRef,
};

/// A finished step whose version this program does not have. A resumed run uses its recorded outputs.
pub(super) struct FinishedStep {
    pub(super) id: StepId,
    pub(super) recorded: RecordedStep,
    /// The version of the step type in this program, for its ports.
    pub(super) spec: &'static StepSpec,
}

impl FinishedStep {
    fn other_version(&self) -> StepError {
        StepError::new(format!(
            "this program has version {1} of `{0}`, but not version {2}",
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
        Err(self.other_version())
    }

    fn run(&self, _context: &ExecutionContext<'_>) -> StepRunResult {
        StepRunResult::failure(self.other_version())
    }
}
