//! The errors of the engine.

use super::out_of_space::OutOfSpace;
use crate::event::FlowId;
use crate::evidence::EvidenceError;
use crate::flow::{AnswerError, Change, FlowDefinitionError, StepStatus};
use crate::step::{InvalidStepId, StepId};
use crate::store::{LoadError, PersistenceError};

/// Why the engine stopped, or did not start.
#[derive(Debug, thiserror::Error)]
pub enum CoreEngineError {
    /// The run is complete: no step is left.
    #[error("run {flow_id} is complete; start a new run to do it again")]
    FlowCompleted {
        /// The completed run.
        flow_id: FlowId,
    },
    /// The run has failed and cannot continue.
    #[error("run {flow_id} failed at step `{step}`: {error}")]
    FlowHasFailed {
        /// The failed run.
        flow_id: FlowId,
        /// The step that failed.
        step: StepId,
        /// The error of the step's last attempt.
        error: String,
    },
    /// A step failed during this call. The log records it.
    #[error("step `{step}` failed: {error}")]
    StepFailed {
        /// The run of the step.
        flow_id: FlowId,
        /// The failed step.
        step: StepId,
        /// The step's error.
        error: String,
        /// The causes of the error, outermost first.
        causes: Vec<String>,
    },
    /// A retry was requested, but no step of the run has failed.
    #[error("no step of run {flow_id} has failed")]
    NotFailed {
        /// The run without a failed step.
        flow_id: FlowId,
    },
    /// The failed step has used up its attempts.
    #[error("step `{step}` has used the {allowed} attempts that its `retry:` allows")]
    NoAttemptsLeft {
        /// The run of the step.
        flow_id: FlowId,
        /// The failed step.
        step: StepId,
        /// The maximum number of attempts, from the manifest.
        allowed: u32,
    },
    /// The run waits for a person's decision.
    #[error("run {flow_id} waits at step `{step}`: {message}")]
    Waiting {
        /// The waiting run.
        flow_id: FlowId,
        /// The step that waits to start.
        step: StepId,
        /// The question, from the manifest.
        message: String,
    },
    /// The run cannot branch from its parent.
    #[error(transparent)]
    Branch(#[from] BranchError),
    /// A person's decision was refused.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// A finished step lacks an output that a later step takes.
    #[error("step `{step}` cannot start: `{from}` has no output for its input `{port}`")]
    MissingInputs {
        /// The run of the step.
        flow_id: FlowId,
        /// The step that cannot start.
        step: StepId,
        /// The input port without a value.
        port: String,
        /// The missing output, as `step.output`.
        from: String,
    },
    /// The run was asked to stop. It can be resumed.
    #[error("run {flow_id} was interrupted; it can be resumed")]
    Interrupted {
        /// The interrupted run.
        flow_id: FlowId,
    },
    /// A child of the run could not run.
    #[error("{0}")]
    Child(String),
    /// The workers that run the children of a step cannot be had. The run can be resumed.
    #[error("step `{step}` waits for workers: {reason}")]
    Workers {
        /// The run of the step.
        flow_id: FlowId,
        /// The step whose children have not ended.
        step: StepId,
        /// Why there are none.
        reason: String,
    },
    /// The machine has no space for a child, or for a step with children. The run can be resumed, on this machine or another.
    #[error("no disk space for step `{step}` of run {flow_id}: {found}")]
    OutOfSpace {
        /// The run of the step.
        flow_id: FlowId,
        /// The step that cannot work.
        step: StepId,
        /// The machine and its disk.
        found: Box<OutOfSpace>,
    },
    /// The steps do not make a flow.
    #[error(transparent)]
    Definition(#[from] FlowDefinitionError),
    /// The log cannot be replayed as a run of this definition.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PersistenceError),
    /// A signature could not be made or checked.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// An event has no canonical form, so it cannot be recorded.
    #[error("an event has no canonical form, so it cannot be recorded")]
    Canonical(#[from] crate::fingerprint::CanonicalError),
    /// A history cannot be packed as an artifact.
    #[error(transparent)]
    Artifact(#[from] crate::artifact::ArtifactError),
}

/// Why a run cannot branch.
#[derive(Debug, thiserror::Error)]
pub enum BranchError {
    /// The flow has no such step.
    #[error("the flow has no step `{step}`")]
    UnknownStep {
        /// The unknown id, as the caller gave it.
        step: String,
    },
    /// A shared step, or the step to branch from, has not finished.
    #[error("step `{step}` of run {parent} is {}, but must have finished", .status.name())]
    NotFinished {
        /// The run to branch from.
        parent: FlowId,
        /// The id of the step that has not finished.
        step: String,
        /// The status of that step in the parent.
        status: StepStatus,
    },
    /// A shared step differs in the branch.
    #[error("a branch from `{from}` shares the steps before it, but one of them differs: {change}")]
    SharedStepChanged {
        /// The id of the step to branch from.
        from: String,
        /// The first difference.
        change: Box<Change>,
    },
}

/// Why an answer was refused.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The run does not wait for a decision on this step.
    #[error("run {flow_id} does not wait for a decision on step `{step}`")]
    NotAsked {
        /// The run that the answer was for.
        flow_id: FlowId,
        /// The step that the answer was for.
        step: String,
    },
    /// The fingerprint of the step is not the one that the person saw. The log holds the current question.
    #[error("the fingerprint of step `{step}` has changed since it was shown")]
    Changed {
        /// The step that the answer was for.
        step: String,
    },
    /// The step could not start at present, so it cannot be approved.
    #[error("step `{step}` cannot start, so it was not approved: {reason}")]
    CannotStart {
        /// The step that the answer was for.
        step: String,
        /// The error with which the step would fail.
        reason: String,
    },
    /// The gate accepts only signed decisions.
    #[error("the gate of step `{step}` accepts only a decision that is signed by {}", any_of(.signed_by))]
    NotSigned {
        /// The step that the answer was for.
        step: String,
        /// The principals that the gate names.
        signed_by: Vec<String>,
    },
    /// The gate names principals, and no file says which keys are theirs.
    #[error(
        "the gate of step `{step}` accepts only signed decisions, and no file of allowed signers says whose keys count"
    )]
    NoSigners {
        /// The step with the gate.
        step: String,
    },
    /// None of the principals that the gate names signed the answer.
    #[error("the gate of step `{step}` accepts only a decision that is signed by {}: {reason}", any_of(.signed_by))]
    NotByThem {
        /// The step that the answer was for.
        step: String,
        /// The principals that the gate names.
        signed_by: Vec<String>,
        /// Why the signature does not count.
        reason: String,
    },
    /// The log has a decision that the gate does not accept, or a start without one.
    #[error("run {flow_id} cannot continue, since the decision on step `{step}` does not count: {reason}")]
    Invalid {
        /// The run.
        flow_id: FlowId,
        /// The step with the gate.
        step: String,
        /// Why the decision does not count.
        reason: String,
    },
    /// The data do not match the gate's schema.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The data are not valid parameters of the step.
    #[error("the data cannot be used for step `{step}`: {reason}")]
    Params {
        /// The step that the answer was for.
        step: String,
        /// The problems, joined by `; `.
        reason: String,
    },
}

fn any_of(principals: &[String]) -> String {
    principals.iter().map(|principal| format!("`{principal}`")).collect::<Vec<_>>().join(" or ")
}

impl From<InvalidStepId> for CoreEngineError {
    fn from(error: InvalidStepId) -> Self {
        Self::Definition(error.into())
    }
}

impl From<crate::flow::ReplayError> for CoreEngineError {
    fn from(error: crate::flow::ReplayError) -> Self {
        Self::Load(error.into())
    }
}
