//! Events: the facts that the log holds.
//!
//! An event's kind is stored as a lower-case name beside a JSON payload. Every payload carries what replay needs, so
//! that a run's state is rebuilt without the code of its steps. What has been released stays readable for ever: fields
//! are added with a default, and never renamed or removed.

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

/// Names one run. Version 7 UUIDs: a later run has a greater id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowId(Uuid);

impl FlowId {
    /// A new id, greater than every id made before it on this machine, as long as its clock does not go back.
    pub fn new() -> Self {
        Self::at(SystemTime::now())
    }

    /// A new id made at `time`. These ids count from 1970; a clock before that is taken to be there.
    fn at(time: SystemTime) -> Self {
        static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = uuid::Timestamp::from_unix(&CONTEXT, since_1970.as_secs(), since_1970.subsec_nanos());
        Self(Uuid::new_v7(timestamp))
    }

    /// The id as a UUID.
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

/// One event as a store holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowEvent {
    /// Its place in the store's global order.
    pub seq: u64,
    /// The run that it belongs to.
    pub flow_id: FlowId,
    /// Its place in the run, from 0, without gaps.
    pub position: u64,
    /// When it was stored.
    pub ts: Timestamp,
    /// What happened.
    pub kind: FlowEventKind,
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum FlowEventKind {
    /// The run begins.
    FlowInitialized(FlowInitialized),
    /// A step begins, with all that makes its fingerprint.
    StepStarted(StepStarted),
    /// A step has ended well.
    StepFinished(StepFinished),
    /// A step has failed, and the run with it.
    StepFailed(StepFailed),
    /// A step has something to say that is not an output.
    StepSignal(StepSignal),
    /// All steps have ended well.
    FlowCompleted(FlowCompleted),
    /// A step has ended well without being run.
    StepReused(StepReused),
    /// A step that has failed is to be tried again.
    RetryScheduled(RetryScheduled),
    /// The run goes its own way from a step of another run.
    BranchCreated(BranchCreated),
    /// The run waits for a person.
    UserInteractionRequested(UserInteractionRequested),
    /// A person has decided.
    UserInteractionProvided(UserInteractionProvided),
}

/// Applies a macro-like body to the payload of any kind.
macro_rules! each_kind {
    ($($variant:ident = $name:literal, $letter:literal;)*) => {
        impl FlowEventKind {
            /// The names of all kinds, as stores hold them.
            pub const EVENT_TYPES: &'static [&'static str] = &[$($name),*];

            /// The kind's name in the log: lower case, no separators.
            pub fn event_type(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),* }
            }

            /// The kind's letter in the compact form of a run.
            pub fn letter(&self) -> char {
                match self { $(Self::$variant(_) => $letter),* }
            }

            /// The letter of the kind that stores call `event_type`; none if this program does not know it.
            pub fn letter_of(event_type: &str) -> Option<char> {
                match event_type { $($name => Some($letter),)* _ => None }
            }

            /// The payload as JSON.
            pub fn payload(&self) -> Result<Value, CanonicalError> {
                match self { $(Self::$variant(payload) => to_json(payload)),* }
            }

            /// The payload as canonical JSON, with word of whether it reads back as it is.
            pub(crate) fn stored_form(&self) -> Result<CanonicalText, CanonicalError> {
                match self { $(Self::$variant(payload) => canonical_text(payload)),* }
            }

            /// The event back from its stored form.
            ///
            /// # Errors
            /// Names the kind that this program does not know, or the field that does not read.
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
    /// Whether a run whose last event is of this kind, by its name in the log, goes on no further by itself.
    pub fn ends_the_run(event_type: &str) -> bool {
        matches!(event_type, "stepfailed" | "flowcompleted" | "userinteractionrequested")
    }

    /// The payload as canonical JSON: what stores write.
    pub fn payload_text(&self) -> Result<String, CanonicalError> {
        Ok(self.stored_form()?.text)
    }
}

/// The compact form of a run: one letter for each event, such as `ISFSFC`.
pub fn event_variants<'a>(events: impl IntoIterator<Item = &'a FlowEvent>) -> String {
    events.into_iter().map(|event| event.kind.letter()).collect()
}

/// Why a stored event cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A kind that a later release of the program wrote.
    #[error("`{0}` is no kind of event that this release knows; a later release has written it")]
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
    fn ids_are_made_whatever_the_clock_says() {
        let year = Duration::from_secs(31_557_600);
        for time in [UNIX_EPOCH - 69 * year, UNIX_EPOCH, UNIX_EPOCH + 56 * year, UNIX_EPOCH + 200 * year] {
            let (one, other) = (FlowId::at(time), FlowId::at(time));
            assert_ne!(one, other);
            assert_eq!(one.to_string().parse(), Ok(one));
        }
    }
}
