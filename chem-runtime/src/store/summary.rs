//! A run in a line.

use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::fingerprint::Fingerprint;
use crate::flow::FlowStatus;

/// What a list of runs shows of each.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowSummary {
    /// How the run began.
    pub first: FlowEvent,
    /// The latest that happened to it.
    pub last: FlowEvent,
    /// One letter for each event, such as `ISFSFC`.
    pub event_variants: String,
}

impl FlowSummary {
    /// The run.
    pub fn flow_id(&self) -> FlowId {
        self.first.flow_id
    }

    /// The flow's name.
    pub fn flow(&self) -> Option<&str> {
        flow_begun_by(&self.first.kind)
    }

    /// How the run stands.
    pub fn status(&self) -> FlowStatus {
        match &self.last.kind {
            FlowEventKind::FlowCompleted(_) => FlowStatus::Completed,
            FlowEventKind::StepFailed(_) => FlowStatus::Failed,
            FlowEventKind::UserInteractionProvided(decision) if !decision.approved => FlowStatus::Failed,
            FlowEventKind::UserInteractionRequested(_) => FlowStatus::Waiting,
            _ => FlowStatus::Interrupted,
        }
    }

    /// The flow's fingerprint once the run is complete.
    pub fn flow_fingerprint(&self) -> Option<Fingerprint> {
        match &self.last.kind {
            FlowEventKind::FlowCompleted(completed) => Some(completed.flow_fingerprint),
            _ => None,
        }
    }
}

/// The name of the flow of which a run begins with `first`.
pub(super) fn flow_begun_by(first: &FlowEventKind) -> Option<&str> {
    match first {
        FlowEventKind::FlowInitialized(initialized) => Some(&initialized.flow),
        _ => None,
    }
}
