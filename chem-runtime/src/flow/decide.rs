//! What happens next.

use super::instance::{FlowInstance, StepStatus};

/// What happens next in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Record that the run begins.
    Initialize,
    /// Record that a person is asked whether the step at this place may start.
    Ask(usize),
    /// Record that the step at this place starts, or that a person is asked again because what there is to decide on has
    /// changed.
    Start(usize),
    /// Run the step at this place, which has started and has not ended.
    Execute(usize),
    /// Record that the run is complete.
    Complete,
    /// Nothing: the run is complete.
    Completed,
    /// Nothing: the step at this place has failed.
    Failed(usize),
    /// Record that the step at this place, which has failed, is to be tried again.
    Retry(usize),
    /// Nothing until a person has decided whether the step at this place may start.
    Wait(usize),
}

/// What happens next in a run in this state.
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
