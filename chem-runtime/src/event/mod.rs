//! Events: the facts in the log.
//!
//! A store keeps an event as the lower-case name of its kind and a JSON payload. Payloads contain everything that replay
//! needs, so that the state of a run can be rebuilt without the code of its steps. Released formats stay readable: new
//! fields have a default, and fields are never renamed or removed.
//!
//! # Adding a kind
//!
//! A kind touches six files and adds two migrations:
//!
//! 1. `event/payload.rs`, or a file of its own beside it: the payload. `event/mod.rs` re-exports it.
//! 2. `event/kind.rs`: its row in the table, with the name, the letter, and the status of a run after it.
//! 3. `flow/evolve.rs`: its effect on the state of a run.
//! 4. `cli/commands/log.rs`: its line in `chem log`.
//! 5. `tests/src/events.rs`: an example, with which the laws of stores are checked.
//! 6. A migration for each database. In SQLite it drops and creates the trigger `event_log_has_known_kinds`; in PostgreSQL it
//!    replaces the constraint `event_log_event_type_check1` (`NOT VALID`, since the narrower one held for every row). Neither
//!    copies the log. `snapshots/schema.sql` and its hash are regenerated.
//!
//! The compiler asks for 3 and 4, and tests fail without 5 and 6. Everything else follows from the table, such as the status
//! of a run in lists and filters, and whether its lease is free.

mod address;
mod child;
mod interaction;
mod kind;
mod lineage;
mod payload;
mod policy;
mod progress;
mod rows;
mod status;
mod step_sources;

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Uuid};

pub use address::EventAddress;
pub use child::ChildOf;
pub use interaction::{SignedText, UserInteractionProvided, UserInteractionRequested};
pub use kind::FlowEventKind;
pub(crate) use kind::Kind;
pub use lineage::{BranchCreated, RetryScheduled, StepReused};
pub use payload::{
    Environment, FlowCompleted, FlowInitialized, Operator, OutputRef, Person, RecordedDefinition, RecordedStep,
    StepFailed, StepFinished, StepKind, StepSignal, StepStarted, Usage,
};
pub use policy::{Gate, Resources, RetryOn, RetryPolicy, Shards, StepPolicy};
pub use progress::{StepProgress, StepProgressed};
pub use rows::{FinishedRows, TakenOver};
pub use status::FlowStatus;
pub use step_sources::StepSources;

use crate::fingerprint::{Fingerprint, Tag, tagged_sha256};

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

    /// Returns the id of the child at `index` of the step of this run that starts with `fingerprint`. It follows from these,
    /// so that every process that looks for the child finds the same one. It has the time of this run's id.
    pub(crate) fn child(self, fingerprint: Fingerprint, index: usize) -> Self {
        let parts = [self.to_string(), fingerprint.to_string(), index.to_string()];
        let hash = tagged_sha256(Tag::Child, &parts.each_ref().map(String::as_str));
        let mut bytes = self.0.into_bytes();
        bytes[6..].copy_from_slice(&hash[..10]);
        let builder = uuid::Builder::from_bytes(bytes).with_version(uuid::Version::SortRand);
        Self(builder.with_variant(uuid::Variant::RFC4122).into_uuid())
    }

    /// Returns the least and the greatest id that a child of this run may have.
    pub(crate) fn range_of_children(self) -> (Uuid, Uuid) {
        let end = |byte: u8| {
            let mut bytes = self.0.into_bytes();
            bytes[6..].fill(byte);
            Uuid::from_bytes(bytes)
        };
        (end(0), end(u8::MAX))
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

impl FlowEvent {
    /// Returns the step of another run that runs the run that begins with this event; `None` if it was begun by itself, or if
    /// this is another kind of event.
    pub fn child_of(&self) -> Option<&ChildOf> {
        match &self.kind {
            FlowEventKind::FlowInitialized(initialized) => initialized.child_of.as_deref(),
            _ => None,
        }
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
