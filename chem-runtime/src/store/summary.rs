//! A run in a line, and which runs are asked for.

use jiff::Timestamp;

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
    /// One letter for each event, such as `ISFSFC`, if the letters were asked for.
    pub event_variants: Option<String>,
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
        status_after(&self.last.kind)
    }

    /// The flow's fingerprint once the run is complete.
    pub fn flow_fingerprint(&self) -> Option<Fingerprint> {
        match &self.last.kind {
            FlowEventKind::FlowCompleted(completed) => Some(completed.flow_fingerprint),
            _ => None,
        }
    }
}

/// Which runs are asked for, and what of them. All of them, where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Those of the flow of this name.
    pub flow: Option<String>,
    /// Those of this status.
    pub status: Option<FlowStatus>,
    /// Those that began at this moment or later.
    pub since: Option<Timestamp>,
    /// Those that began before this moment.
    pub until: Option<Timestamp>,
    /// Whether the letters of their events are wanted, for which every event of a run is looked up.
    pub letters: bool,
}

impl RunFilter {
    /// Whether a run that begins with `first` and has got to `last` is asked for.
    pub(super) fn takes(&self, first: &FlowEvent, last: &FlowEventKind) -> bool {
        self.flow.as_deref().is_none_or(|flow| flow_begun_by(&first.kind) == Some(flow))
            && self.status.is_none_or(|status| status_after(last) == status)
            && self.since.is_none_or(|since| first.ts >= since)
            && self.until.is_none_or(|until| first.ts < until)
    }
}

/// The name of the flow of which a run begins with `first`.
pub(super) fn flow_begun_by(first: &FlowEventKind) -> Option<&str> {
    match first {
        FlowEventKind::FlowInitialized(initialized) => Some(&initialized.flow),
        _ => None,
    }
}

/// How a run stands whose last event is `last`.
pub(super) fn status_after(last: &FlowEventKind) -> FlowStatus {
    match last {
        FlowEventKind::FlowCompleted(_) => FlowStatus::Completed,
        FlowEventKind::StepFailed(_) => FlowStatus::Failed,
        FlowEventKind::UserInteractionProvided(decision) if !decision.approved => FlowStatus::Failed,
        FlowEventKind::UserInteractionRequested(_) => FlowStatus::Waiting,
        _ => FlowStatus::Interrupted,
    }
}
