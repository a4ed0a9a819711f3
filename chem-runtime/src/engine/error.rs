//! Why a run does not go on.

use crate::event::FlowId;
use crate::flow::FlowDefinitionError;
use crate::step::{InvalidStepId, StepId};
use crate::store::{LoadError, StoreError};

/// Why the engine stopped, or did not start.
#[derive(Debug, thiserror::Error)]
pub enum CoreEngineError {
    /// The run is complete: there is nothing left to do.
    #[error("run {flow_id} is complete; start a new run to do it again")]
    FlowCompleted {
        /// The run.
        flow_id: FlowId,
    },
    /// The run has failed and cannot go on.
    #[error("run {flow_id} failed at step `{step}`: {error}")]
    FlowHasFailed {
        /// The run.
        flow_id: FlowId,
        /// The step that failed.
        step: StepId,
        /// Why it did.
        error: String,
    },
    /// A step failed just now. The log says so too.
    #[error("step `{step}` failed: {error}")]
    StepFailed {
        /// The run.
        flow_id: FlowId,
        /// The step.
        step: StepId,
        /// What was wrong.
        error: String,
        /// What that came from, outermost first.
        causes: Vec<String>,
    },
    /// The run was to be tried again, and no step of it has failed.
    #[error("no step of run {flow_id} has failed")]
    NotFailed {
        /// The run.
        flow_id: FlowId,
    },
    /// The step that failed has had all its attempts.
    #[error("step `{step}` has had the {allowed} attempts that its `retry:` allows")]
    NoAttemptsLeft {
        /// The run.
        flow_id: FlowId,
        /// The step.
        step: StepId,
        /// How many attempts there may be.
        allowed: u32,
    },
    /// A person has to decide before the run goes on.
    #[error("run {flow_id} waits at step `{step}`: {message}")]
    Waiting {
        /// The run.
        flow_id: FlowId,
        /// The step that has not started.
        step: StepId,
        /// What the person is asked.
        message: String,
    },
    /// The run cannot branch from the other.
    #[error(transparent)]
    Branch(#[from] super::BranchError),
    /// A person's decision was not taken.
    #[error(transparent)]
    Gate(#[from] super::GateError),
    /// A step that has finished did not put out what a later step takes.
    #[error("step `{step}` cannot start: nothing came out of `{from}` for its input `{port}`")]
    MissingInputs {
        /// The run.
        flow_id: FlowId,
        /// The step that cannot start.
        step: StepId,
        /// Its input.
        port: String,
        /// The output that was never put out.
        from: String,
    },
    /// The run was asked to stop. It can be resumed.
    #[error("run {flow_id} was interrupted; it can be resumed")]
    Interrupted {
        /// The run.
        flow_id: FlowId,
    },
    /// The steps do not make a flow.
    #[error(transparent)]
    Definition(#[from] FlowDefinitionError),
    /// The log does not tell the state of a run of this definition.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was decided cannot be recorded.
    #[error("what is to be recorded has no canonical form")]
    Canonical(#[from] crate::fingerprint::CanonicalError),
    /// A history cannot be made an artifact.
    #[error(transparent)]
    Artifact(#[from] crate::artifact::ArtifactError),
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
