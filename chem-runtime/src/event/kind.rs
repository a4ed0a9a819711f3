//! The table of kinds: the name of each in stores, its letter, and the status of a run after it.

use serde_json::Value;

use super::{
    BranchCreated, EventError, FlowCompleted, FlowInitialized, FlowStatus, RetryScheduled, StepFailed, StepFinished,
    StepProgressed, StepReused, StepSignal, StepStarted, UserInteractionProvided, UserInteractionRequested,
};
use crate::fingerprint::{CanonicalError, CanonicalText, canonical_text, to_json};

/// A row of the table.
pub(crate) struct Kind {
    /// The name in stores: lower case, without separators.
    pub(crate) name: &'static str,
    /// The status of a run whose last event has this kind.
    pub(crate) status: FlowStatus,
    /// If this member of the payload is false, the run has this status instead.
    pub(crate) unless: Option<(&'static str, FlowStatus)>,
}

/// Generates [`FlowEventKind`] and everything that depends on the table. A row is
/// `Variant = name, letter, status;` or `Variant = name, letter, status if member else other_status;`.
macro_rules! kinds {
    (@unless) => { None };
    (@unless $member:ident $otherwise:ident) => { Some((stringify!($member), FlowStatus::$otherwise)) };
    ($(
        $(#[$doc:meta])*
        $variant:ident = $name:literal, $letter:literal, $status:ident $(if $member:ident else $otherwise:ident)?;
    )*) => {
        /// The kinds of events, with their payloads.
        #[derive(Debug, Clone, PartialEq)]
        pub enum FlowEventKind {
            $($(#[$doc])* $variant($variant),)*
        }

        impl FlowEventKind {
            /// The names of all kinds in stores.
            pub const EVENT_TYPES: &'static [&'static str] = &[$($name),*];

            /// The rows of the table, for stores that compute the status of a run themselves.
            pub(crate) const KINDS: &'static [Kind] = &[$(
                Kind {
                    name: $name,
                    status: FlowStatus::$status,
                    unless: kinds!(@unless $($member $otherwise)?),
                }
            ),*];

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

            /// Returns the status of a run whose last event this is.
            pub fn status_after(&self) -> FlowStatus {
                match self {
                    $(Self::$variant(_payload) => {
                        $(if !_payload.$member { return FlowStatus::$otherwise; })?
                        FlowStatus::$status
                    })*
                }
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

kinds! {
    /// A run begins.
    FlowInitialized = "flowinitialized", 'I', Interrupted;
    /// A step starts.
    StepStarted = "stepstarted", 'S', Interrupted;
    /// A step has succeeded.
    StepFinished = "stepfinished", 'F', Interrupted;
    /// A step has failed, and the run with it.
    StepFailed = "stepfailed", 'X', Failed;
    /// A step has emitted a signal.
    StepSignal = "stepsignal", 'G', Interrupted;
    /// All steps have succeeded.
    FlowCompleted = "flowcompleted", 'C', Completed;
    /// A step takes its outputs from an earlier run instead of running.
    StepReused = "stepreused", 'H', Interrupted;
    /// A failed step will be retried.
    RetryScheduled = "retryscheduled", 'R', Interrupted;
    /// The run is a branch of another run.
    BranchCreated = "branchcreated", 'B', Interrupted;
    /// The run waits for a person's decision.
    UserInteractionRequested = "userinteractionrequested", 'U', Waiting;
    /// A person has decided.
    UserInteractionProvided = "userinteractionprovided", 'P', Interrupted if approved else Failed;
    /// A running step has got so far.
    StepProgressed = "stepprogressed", 'K', Interrupted;
}

impl FlowEventKind {
    /// Returns the payload as the canonical JSON that stores write.
    pub fn payload_text(&self) -> Result<String, CanonicalError> {
        Ok(self.stored_form()?.text)
    }
}
