//! Summaries of runs, and filters for listing them.

use jiff::Timestamp;

use crate::event::{ChildOf, FlowEvent, FlowEventKind, FlowId, Kind};
use crate::fingerprint::Fingerprint;
use crate::flow::FlowStatus;

/// The first and last event of a run, for lists.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowSummary {
    /// The run's first event.
    pub first: FlowEvent,
    /// The run's last event so far.
    pub last: FlowEvent,
    /// One letter for each event, such as `ISFSFC`; `None` unless requested by [`RunFilter::letters`].
    pub event_variants: Option<String>,
}

impl FlowSummary {
    /// Returns the run's id.
    pub fn flow_id(&self) -> FlowId {
        self.first.flow_id
    }

    /// Returns the flow's name; `None` if the first event does not name one.
    pub fn flow(&self) -> Option<&str> {
        flow_begun_by(&self.first.kind)
    }

    /// Returns the step of another run that runs this one; `None` if it was begun by itself.
    pub fn child_of(&self) -> Option<&ChildOf> {
        self.first.child_of()
    }

    /// Returns the run's status, derived from its last event.
    pub fn status(&self) -> FlowStatus {
        self.last.kind.status_after()
    }

    /// Returns the flow's fingerprint; `None` unless the run has completed.
    pub fn flow_fingerprint(&self) -> Option<Fingerprint> {
        match &self.last.kind {
            FlowEventKind::FlowCompleted(completed) => Some(completed.flow_fingerprint),
            _ => None,
        }
    }
}

/// Selects runs by flow, status and time. The default selects all runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Selects runs of the flow with this name.
    pub flow: Option<String>,
    /// Selects runs with this status.
    pub status: Option<FlowStatus>,
    /// Selects runs that began at this time or later.
    pub since: Option<Timestamp>,
    /// Selects runs that began before this time.
    pub until: Option<Timestamp>,
    /// Whether to return the letters of the events, which requires a lookup of every event of a run.
    pub letters: bool,
}

impl RunFilter {
    /// Returns whether the filter selects a run with these first and last events.
    pub fn selects(&self, first: &FlowEvent, last: &FlowEventKind) -> bool {
        self.flow.as_deref().is_none_or(|flow| flow_begun_by(&first.kind) == Some(flow))
            && self.status.is_none_or(|status| last.status_after() == status)
            && self.since.is_none_or(|since| first.ts >= since)
            && self.until.is_none_or(|until| first.ts < until)
    }
}

/// Returns the flow's name from a run's first event; `None` if the event does not name one.
pub(super) fn flow_begun_by(first: &FlowEventKind) -> Option<&str> {
    match first {
        FlowEventKind::FlowInitialized(initialized) => Some(&initialized.flow),
        _ => None,
    }
}

/// Returns SQL for the name of the status of a run whose last event has the kind `event_type`, also SQL. `is_true` returns SQL
/// for whether a member of that event's payload is true.
pub(super) fn status_sql(event_type: &str, is_true: impl Fn(&str) -> String) -> String {
    let otherwise = FlowStatus::Interrupted;
    let mut cases = String::new();
    for Kind { name, status, unless } in FlowEventKind::KINDS {
        let plain = format!("'{}'", status.name());
        match unless {
            None if *status == otherwise => {}
            None => cases.push_str(&format!(" WHEN '{name}' THEN {plain}")),
            Some((member, other)) => cases.push_str(&format!(
                " WHEN '{name}' THEN CASE WHEN {} THEN {plain} ELSE '{}' END",
                is_true(member),
                other.name()
            )),
        }
    }
    format!("CASE {event_type}{cases} ELSE '{}' END", otherwise.name())
}
