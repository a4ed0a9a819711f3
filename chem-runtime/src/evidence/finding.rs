//! What an audit finds.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::store::StoredEvent;

/// The name of an event in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventName {
    /// Its number in the store.
    pub seq: u64,
    /// The id of its run.
    pub flow_id: String,
    /// Its position in the run.
    pub position: u64,
    /// The name of its kind.
    pub event_type: String,
}

impl EventName {
    pub(super) fn of(event: &StoredEvent) -> Self {
        let StoredEvent { seq, flow_id, position, event_type, .. } = event;
        Self { seq: *seq, flow_id: flow_id.clone(), position: *position, event_type: event_type.clone() }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, flow_id, position, event_type } = self;
        write!(f, "`{event_type}` at position {position} of run {flow_id}, seq {seq}")
    }
}

/// Something that is not as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The first event that differs.
    Event {
        /// Its index in the log, from 0.
        index: u64,
        /// The event that is there now.
        found: EventName,
    },
    /// Events between two checkpoints; the leaves that were sealed are damaged too, so the first that differs is unknown.
    Events {
        /// The index of the first.
        first: u64,
        /// The index behind the last.
        end: u64,
    },
    /// The end of the log is missing.
    EventsMissing {
        /// The number of events now.
        found: u64,
        /// The number of events that were sealed.
        sealed: u64,
    },
    /// An event that readers of its run get, and readers of the log never do.
    Hidden {
        /// The event.
        event: String,
    },
    /// The log cannot be read from some event on.
    Unreadable {
        /// The index of the first event that cannot be read.
        index: u64,
        /// The error of the store.
        error: String,
    },
    /// An attestation, or one of those before it since the last checkpoint.
    Attestation {
        /// Its number in the store.
        number: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A decision at a gate whose signature does not count, or a step that started without the decision that its gate demands.
    Decision {
        /// The id of the run.
        flow_id: String,
        /// The position of the decision, or of the start, in the run.
        position: u64,
        /// The id of the step.
        step: String,
        /// Why it does not count.
        reason: String,
    },
    /// An artifact.
    Artifact {
        /// The hash by which an event or a table names it.
        hash: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tile outside the store that is not one of the log.
    Tile {
        /// The file.
        path: PathBuf,
    },
    /// The store has less than the checkpoint outside it.
    SetBack {
        /// The file with the checkpoint.
        witness: PathBuf,
        /// The number of events in that checkpoint.
        sealed: u64,
        /// The number of events that the store has, or has sealed.
        found: u64,
    },
    /// The store has another history than the checkpoint outside it.
    Rewritten {
        /// The file with the checkpoint.
        witness: PathBuf,
        /// The number of events in that checkpoint.
        sealed: u64,
    },
}

impl Finding {
    /// Returns what the finding is about: `event`, `decision`, `artifact`, `attestation` or `store`.
    pub fn subject(&self) -> &'static str {
        match self {
            Self::Event { .. }
            | Self::Events { .. }
            | Self::EventsMissing { .. }
            | Self::Hidden { .. }
            | Self::Unreadable { .. } => "event",
            Self::Attestation { .. } => "attestation",
            Self::Decision { .. } => "decision",
            Self::Artifact { .. } => "artifact",
            Self::SetBack { .. } | Self::Rewritten { .. } | Self::Tile { .. } => "store",
        }
    }

    /// Returns the finding as JSON.
    pub fn to_json(&self) -> Value {
        let mut json = json!({ "subject": self.subject(), "message": self.to_string() });
        match self {
            Self::Event { index, found } => {
                json["index"] = (*index).into();
                json["seq"] = found.seq.into();
                json["flow_id"] = found.flow_id.as_str().into();
                json["position"] = found.position.into();
            }
            Self::Events { first, end } => {
                json["index"] = (*first).into();
                json["end"] = (*end).into();
            }
            Self::EventsMissing { found, .. } => json["index"] = (*found).into(),
            Self::Unreadable { index, .. } => json["index"] = (*index).into(),
            Self::Attestation { number, .. } => json["number"] = (*number).into(),
            Self::Decision { flow_id, position, step, .. } => {
                json["flow_id"] = flow_id.as_str().into();
                json["position"] = (*position).into();
                json["step"] = step.as_str().into();
            }
            Self::Artifact { hash, .. } => json["hash"] = hash.as_str().into(),
            Self::Hidden { .. } | Self::SetBack { .. } | Self::Rewritten { .. } | Self::Tile { .. } => {}
        }
        json
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { index, found } => {
                write!(f, "event {index} of the log is not as it was sealed; there is {found}")
            }
            Self::Events { first, end } => {
                write!(f, "the events from {first} to {} of the log are not as they were sealed", end - 1)
            }
            Self::EventsMissing { found, sealed } => {
                write!(f, "the events from {found} of the log on are missing: {sealed} were sealed")
            }
            Self::Hidden { event } => {
                write!(f, "{event}, was not appended: its run contains it, and the log that is sealed never will")
            }
            Self::Unreadable { index, error } => write!(f, "event {index} of the log cannot be read: {error}"),
            Self::Attestation { number, reason } => write!(f, "attestation {number}: {reason}"),
            Self::Decision { flow_id, position, step, reason } => {
                write!(
                    f,
                    "the decision on step `{step}` at position {position} of run {flow_id} does not count: {reason}"
                )
            }
            Self::Artifact { hash, reason } => write!(f, "artifact {hash}: {reason}"),
            Self::Tile { path } => write!(f, "the tile `{}` is not one of this log as it is now", path.display()),
            Self::SetBack { witness, sealed, found } => write!(
                f,
                "the store was set back: it has sealed {found} events, and the checkpoint in `{}` has {sealed}",
                witness.display()
            ),
            Self::Rewritten { witness, sealed } => write!(
                f,
                "the first {sealed} events of the store are not those of the checkpoint in `{}`: it was rewritten, or it is \
                 a copy that has gone another way",
                witness.display()
            ),
        }
    }
}
