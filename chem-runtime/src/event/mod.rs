//! Events: the facts in the log.
//!
//! A store keeps an event as the lower-case name of its kind and a JSON payload. Payloads contain everything that replay
//! needs, so that the state of a run can be rebuilt without the code of its steps. Released formats stay readable: new
//! fields have a default, and fields are never renamed or removed.

mod interaction;
mod lineage;
mod payload;
mod policy;

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::{ContextV7, Uuid};

pub use interaction::{UserInteractionProvided, UserInteractionRequested};
pub use lineage::{BranchCreated, EventAddress, RetryScheduled, StepReused};
pub use payload::{
    Environment, FlowCompleted, FlowInitialized, OutputRef, RecordedDefinition, RecordedStep, StepFailed, StepFinished,
    StepKind, StepSignal, StepStarted,
};
pub use policy::{Gate, RetryOn, RetryPolicy, StepPolicy};

use crate::fingerprint::{CanonicalError, CanonicalText, canonical_text, to_json};

/// The id of a run: a version 7 UUID, so that later runs have greater ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowId(Uuid);

impl FlowId {
    /// Creates an id that is greater than all earlier ids of this machine, unless its clock was set back.
    pub fn new() -> Self {
        Self::at(SystemTime::now())
    }

    /// Creates an id for `time`. A time before 1970, where these ids begin, counts as 1970.
    fn at(time: SystemTime) -> Self {
        static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = uuid::Timestamp::from_unix(&CONTEXT, since_1970.as_secs(), since_1970.subsec_nanos());
        Self(Uuid::new_v7(timestamp))
    }

    /// Returns the id as a UUID.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl Default for FlowId {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Uuid> for FlowId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for FlowId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// An event as returned by a store.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowEvent {
    /// The number of the event in the whole store, ascending but not necessarily contiguous.
    pub seq: u64,
    /// The run to which the event belongs.
    pub flow_id: FlowId,
    /// The position in the run, from 0, without gaps.
    pub position: u64,
    /// The time of the append.
    pub ts: Timestamp,
    /// The kind of the event, with its payload.
    pub kind: FlowEventKind,
}

/// The kinds of events, with their payloads.
#[derive(Debug, Clone, PartialEq)]
pub enum FlowEventKind {
    /// A run begins.
    FlowInitialized(FlowInitialized),
    /// A step starts.
    StepStarted(StepStarted),
    /// A step has succeeded.
    StepFinished(StepFinished),
    /// A step has failed, and the run with it.
    StepFailed(StepFailed),
    /// A step has emitted a signal.
    StepSignal(StepSignal),
    /// All steps have succeeded.
    FlowCompleted(FlowCompleted),
    /// A step takes its outputs from an earlier run instead of running.
    StepReused(StepReused),
    /// A failed step will be retried.
    RetryScheduled(RetryScheduled),
    /// The run is a branch of another run.
    BranchCreated(BranchCreated),
    /// The run waits for a person's decision.
    UserInteractionRequested(UserInteractionRequested),
    /// A person has decided.
    UserInteractionProvided(UserInteractionProvided),
}

/// Generates the functions that depend on the table of kinds.
macro_rules! each_kind {
    ($($variant:ident = $name:literal, $letter:literal;)*) => {
        impl FlowEventKind {
            /// The names of all kinds in stores.
            pub const EVENT_TYPES: &'static [&'static str] = &[$($name),*];

            /// Returns the name of the kind in stores: lower case, without separators.
            pub fn event_type(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),* }
            }

            /// Returns the letter of the kind in the compact form of a run.
            pub fn letter(&self) -> char {
                match self { $(Self::$variant(_) => $letter),* }
            }

            /// Returns the letter of the kind called `event_type`; `None` if this release does not know it.
            pub fn letter_of(event_type: &str) -> Option<char> {
                match event_type { $($name => Some($letter),)* _ => None }
            }

            /// Returns the payload as JSON.
            pub fn payload(&self) -> Result<Value, CanonicalError> {
                match self { $(Self::$variant(payload) => to_json(payload)),* }
            }

            /// Returns the payload as canonical JSON, and whether it reads back unchanged.
            pub(crate) fn stored_form(&self) -> Result<CanonicalText, CanonicalError> {
                match self { $(Self::$variant(payload) => canonical_text(payload)),* }
            }

            /// Parses an event from its stored form.
            ///
            /// # Errors
            /// Fails for a kind that this release does not know, and for a malformed payload.
            pub fn from_stored(event_type: &str, payload: &str) -> Result<Self, EventError> {
                match event_type {
                    $($name => serde_json::from_str(payload).map(Self::$variant),)*
                    _ => return Err(EventError::UnknownType(event_type.to_owned())),
                }
                .map_err(|error| EventError::Malformed { event_type: event_type.to_owned(), reason: error.to_string() })
            }
        }
    };
}

each_kind! {
    FlowInitialized = "flowinitialized", 'I';
    StepStarted = "stepstarted", 'S';
    StepFinished = "stepfinished", 'F';
    StepFailed = "stepfailed", 'X';
    StepSignal = "stepsignal", 'G';
    FlowCompleted = "flowcompleted", 'C';
    StepReused = "stepreused", 'H';
    RetryScheduled = "retryscheduled", 'R';
    BranchCreated = "branchcreated", 'B';
    UserInteractionRequested = "userinteractionrequested", 'U';
    UserInteractionProvided = "userinteractionprovided", 'P';
}

impl FlowEventKind {
    /// Returns whether a run stops after an event of this kind: it has completed, failed, or waits for a person.
    pub fn ends_the_run(event_type: &str) -> bool {
        matches!(event_type, "stepfailed" | "flowcompleted" | "userinteractionrequested")
    }

    /// Returns the payload as the canonical JSON that stores write.
    pub fn payload_text(&self) -> Result<String, CanonicalError> {
        Ok(self.stored_form()?.text)
    }
}

/// Returns the compact form of a run: one letter per event, such as `ISFSFC`.
pub fn event_variants<'a>(events: impl IntoIterator<Item = &'a FlowEvent>) -> String {
    events.into_iter().map(|event| event.kind.letter()).collect()
}

/// Why a stored event cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The kind is unknown; a later release wrote the event.
    #[error("unknown kind of event `{0}`, probably written by a later release")]
    UnknownType(String),
    /// A payload that does not have the fields of its kind.
    #[error("the payload of this `{event_type}` event cannot be read: {reason}")]
    Malformed {
        /// The kind of event.
        event_type: String,
        /// What is wrong with the payload.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_are_created_for_any_clock() {
        let year = Duration::from_secs(31_557_600);
        for time in [UNIX_EPOCH - 69 * year, UNIX_EPOCH, UNIX_EPOCH + 56 * year, UNIX_EPOCH + 200 * year] {
            let (one, other) = (FlowId::at(time), FlowId::at(time));
            assert_ne!(one, other);
            assert_eq!(one.to_string().parse(), Ok(one));
        }
    }
}
