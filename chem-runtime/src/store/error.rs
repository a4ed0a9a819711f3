//! What can go wrong with a store, by what can be done about it.

use std::time::Duration;

use super::follow::{Cursor, UnreadableEvent};
use super::lease::Holder;
use crate::artifact::ArtifactError;
use crate::event::{EventError, FlowId};
use crate::fingerprint::{ArtifactHash, CanonicalError};

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else has appended to the run.
    #[error(
        "run {flow_id} has moved on: its next position is {found}, and {expected} was expected; another process is running it"
    )]
    Conflict {
        /// The run.
        flow_id: FlowId,
        /// Where the writer thought the run was.
        expected: u64,
        /// Where it is.
        found: u64,
    },
    /// The writer's lease has passed to another holder.
    #[error("this process no longer has run {flow_id} in hand{}", by(.holder.as_ref()))]
    Fenced {
        /// The run.
        flow_id: FlowId,
        /// Who has it now, if anybody has.
        holder: Option<Holder>,
    },
    /// Another holder has the run in hand.
    #[error("{holder} is running {flow_id}; wait until it is done, or stop it first")]
    Held {
        /// The run.
        flow_id: FlowId,
        /// Who.
        holder: Holder,
    },
    /// The event has no canonical form, so that no store could give it back unchanged.
    #[error("the `{event_type}` event of run {flow_id} cannot be stored")]
    Refused {
        /// The run.
        flow_id: FlowId,
        /// The event's kind.
        event_type: &'static str,
        /// What cannot be stored, and where it stands.
        source: CanonicalError,
    },
    /// Something of an artifact has no canonical form.
    #[error("the {part} of artifact {hash} cannot be stored")]
    RefusedArtifact {
        /// The artifact.
        hash: ArtifactHash,
        /// `kind` or `metadata`.
        part: &'static str,
        /// What cannot be stored, and where it stands.
        source: CanonicalError,
    },
    /// A stored event that this program cannot read.
    #[error("event {position} of run {flow_id} cannot be read")]
    Event {
        /// The run.
        flow_id: FlowId,
        /// The event's position.
        position: u64,
        /// Why.
        source: EventError,
    },
    /// The next event of the log is one that this program cannot read.
    #[error(transparent)]
    Unreadable(UnreadableEvent),
    /// An artifact that is not what it was.
    #[error(transparent)]
    Artifact(ArtifactError),
    /// The store holds something that this program cannot have written.
    #[error("the store is corrupt: {reason}")]
    Corrupt {
        /// What was found.
        reason: String,
    },
    /// A place to read on from that the log does not have.
    #[error(
        "the log has no event at `{cursor}`: that is a place in another store, or this one was restored to a moment before \
         it; events may have come since that are missed by reading on from there"
    )]
    NotInLog {
        /// The place.
        cursor: Cursor,
    },
    /// There is no store at the address, and the caller did not want one made.
    #[error("there is no store {place}")]
    Absent {
        /// Where it would be, as in ``at `my.db` ``.
        place: String,
    },
    /// The store cannot be used as it is: its address is wrong, its schema is not ours, it may not be written.
    #[error("{message}")]
    Unusable {
        /// What is wrong and what to do.
        message: String,
        /// What it came from.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The store failed. Whether it is worth trying again is for [`class`](StoreError::class) to say.
    #[error("{message}")]
    Backend {
        /// What was attempted.
        message: String,
        /// Whether the same call may go through later.
        transient: bool,
        /// What it came from.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!("; {holder} has taken it over"))
}

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The same call may go through later.
    Transient,
    /// The same call will fail again.
    Permanent,
    /// Somebody else was first, or is at it.
    Conflict,
    /// What is stored is not what was stored.
    Corrupt,
}

impl StoreError {
    /// Wraps the error as one of reading the artifact `hash`, for readers that know no store. [`Self::behind`] unwraps it.
    pub(super) fn of_reading(self, hash: ArtifactHash) -> ArtifactError {
        match self {
            Self::Artifact(error) => error,
            error => ArtifactError::Unavailable { hash, source: Box::new(error) },
        }
    }

    /// Returns what is wrong with an artifact that could not be read.
    ///
    /// # Errors
    /// Returns the store's own error if it is the store that failed.
    pub(crate) fn behind(error: ArtifactError) -> Result<ArtifactError, Self> {
        match error {
            ArtifactError::Unavailable { hash, source } => match source.downcast::<Self>() {
                Ok(error) => Err(*error),
                Err(source) => Ok(ArtifactError::Unavailable { hash, source }),
            },
            error => Ok(error),
        }
    }

    /// Returns the message with those of its causes, in one line.
    pub fn with_causes(&self) -> String {
        let first: Option<&dyn std::error::Error> = Some(self);
        let causes = std::iter::successors(first, |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// The same, after `attempts` that all failed within `elapsed`.
    pub(super) fn after(self, attempts: u32, elapsed: Duration) -> Self {
        match self {
            Self::Backend { message, transient, source } if attempts > 1 => {
                let seconds = elapsed.as_secs();
                let message = format!("{message}; it was tried {attempts} times in {seconds} s");
                Self::Backend { message, transient, source }
            }
            other => other,
        }
    }

    /// What can be done about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Conflict { .. } | Self::Fenced { .. } | Self::Held { .. } => ErrorClass::Conflict,
            Self::Artifact(_) | Self::Event { .. } | Self::Unreadable(_) | Self::Corrupt { .. } => ErrorClass::Corrupt,
            Self::Backend { transient: true, .. } => ErrorClass::Transient,
            Self::Refused { .. }
            | Self::RefusedArtifact { .. }
            | Self::NotInLog { .. }
            | Self::Absent { .. }
            | Self::Unusable { .. }
            | Self::Backend { .. } => ErrorClass::Permanent,
        }
    }
}
