//! Decides the next action of a run.

use super::instance::{FlowInstance, StepStatus};

/// The next action of a run. Each number is the index of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Record the beginning of the run.
    Initialize,
    /// Record the question whether the step may start.
    Ask(usize),
    /// Record the start of the step, or another question if the approved fingerprint has changed.
    Start(usize),
    /// Run the step, which has started but not finished.
    Execute(usize),
    /// Record the completion of the run.
    Complete,
    /// Do nothing: the run is complete.
    Completed,
    /// Do nothing: the step has failed.
    Failed(usize),
    /// Record a retry of the failed step.
    Retry(usize),
    /// Wait for a person's decision on the step.
    Wait(usize),
}

/// Returns the next action of a run in this state.
pub fn decide(instance: &FlowInstance) -> Decision {
    if instance.initialized.is_none() {
        return Decision::Initialize;
    }
    if instance.flow_fingerprint.is_some() {
        return Decision::Completed;
    }
    match instance.current() {
        None => Decision::Complete,
        Some((index, step)) => match step.status {
            StepStatus::Pending if instance.is_open_question(index) => Decision::Ask(index),
            StepStatus::Pending => Decision::Start(index),
            StepStatus::Running => Decision::Execute(index),
            StepStatus::Failed if instance.may_retry(index) => Decision::Retry(index),
            StepStatus::Failed => Decision::Failed(index),
            StepStatus::Waiting => Decision::Wait(index),
            // `current` is the first step that has not finished.
            StepStatus::FinishedOk => Decision::Complete,
        },
    }
}
