//! Errors of a store, classified by how a caller can respond.

use std::fmt;
use std::time::Duration;

use super::{Cursor, Holder};
use crate::artifact::ArtifactError;
use crate::event::{EventError, FlowId};
use crate::fingerprint::{ArtifactHash, CanonicalError};

/// An error of an event store.
#[derive(Debug, thiserror::Error)]
pub enum PersistenceError {
    /// Another writer has appended to the run.
    #[error(
        "run {flow_id} has advanced: expected next position {expected}, found {found}; another process is running it"
    )]
    Conflict {
        /// The run of the append.
        flow_id: FlowId,
        /// The next position that the writer expected.
        expected: u64,
        /// The run's actual next position.
        found: u64,
    },
    /// The writer's lease has passed to another holder.
    #[error("this process no longer holds the lease on run {flow_id}{}", by(.holder.as_ref()))]
    Fenced {
        /// The run of the append.
        flow_id: FlowId,
        /// The current lease holder; `None` if the run has no lease.
        holder: Option<Holder>,
    },
    /// Another process holds the lease on the run.
    #[error("{holder} is running {flow_id}; wait until it is done, or stop it first")]
    Held {
        /// The run whose lease was requested.
        flow_id: FlowId,
        /// The current lease holder.
        holder: Holder,
    },
    /// The event has no canonical form, so no store could return it unchanged.
    #[error("the `{event_type}` event of run {flow_id} cannot be stored")]
    Refused {
        /// The run of the append.
        flow_id: FlowId,
        /// The event's kind, as in the log.
        event_type: &'static str,
        /// The value that cannot be stored, and its path.
        source: CanonicalError,
    },
    /// Part of an artifact has no canonical form.
    #[error("the {part} of artifact {hash} cannot be stored")]
    RefusedArtifact {
        /// The artifact's hash.
        hash: ArtifactHash,
        /// `kind` or `metadata`.
        part: &'static str,
        /// The value that cannot be stored, and its path.
        source: CanonicalError,
    },
    /// A stored event that this program cannot read.
    #[error("event {position} of run {flow_id} cannot be read")]
    Event {
        /// The run that contains the event.
        flow_id: FlowId,
        /// The event's position, from 0.
        position: u64,
        /// The reason it cannot be read.
        source: EventError,
    },
    /// The next event of the log cannot be read.
    #[error(transparent)]
    Unreadable(UnreadableEvent),
    /// The next run of a list cannot be read.
    #[error(transparent)]
    UnreadableRun(UnreadableRun),
    /// A stored artifact is damaged.
    #[error(transparent)]
    Artifact(ArtifactError),
    /// The store contains something that this program cannot have written.
    #[error("the store is corrupt: {reason}")]
    Corrupt {
        /// A description of what was found.
        reason: String,
    },
    /// The log does not contain the cursor to continue from.
    #[error(
        "the log has no event at `{cursor}`: the cursor is from another store, or this store was restored to a moment before \
         it; reading on from there could miss events"
    )]
    NotInLog {
        /// The cursor that the caller passed.
        cursor: Cursor,
    },
    /// There is no store at the address, and the caller did not ask to create one.
    #[error("there is no store {location}")]
    Absent {
        /// The missing store's location, as in ``at `my.db` ``.
        location: String,
    },
    /// The store cannot be used in its current state: the address is wrong, the schema does not fit, or it is not
    /// writable.
    #[error("{message}")]
    Unusable {
        /// The problem and how to fix it.
        message: String,
        /// The underlying error, if any.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The store failed. [`class`](PersistenceError::class) returns whether to retry.
    #[error("{message}")]
    Backend {
        /// The operation that failed.
        message: String,
        /// Whether the same call may succeed later.
        transient: bool,
        /// The underlying error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A run whose first or last event cannot be read, and where a list of runs continues after it.
#[derive(Debug)]
pub struct UnreadableRun {
    seq: u64,
    error: Box<PersistenceError>,
}

impl UnreadableRun {
    pub(super) fn new(seq: u64, error: PersistenceError) -> Self {
        Self { seq, error: Box::new(error) }
    }

    /// Returns the `seq` of the run's first event. A list that continues before it contains older runs only.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns why the run cannot be read.
    pub fn error(&self) -> &PersistenceError {
        &self.error
    }
}

impl fmt::Display for UnreadableRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for UnreadableRun {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

fn by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!("; {holder} has taken it over"))
}

/// How a caller can respond to an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The same call may succeed later.
    Transient,
    /// The same call will fail again.
    Permanent,
    /// Another writer was first, or holds the lease.
    Conflict,
    /// The stored data is damaged.
    Corrupt,
}

impl PersistenceError {
    /// Wraps the error as one of reading the artifact `hash`, for readers that do not know the store. [`Self::behind`]
    /// unwraps it.
    pub(super) fn of_reading(self, hash: ArtifactHash) -> ArtifactError {
        match self {
            Self::Artifact(error) => error,
            error => ArtifactError::Unavailable { hash, source: Box::new(error) },
        }
    }

    /// Returns the reason why an artifact could not be read.
    ///
    /// # Errors
    /// Returns the store's error if the store itself failed.
    pub(crate) fn behind(error: ArtifactError) -> Result<ArtifactError, Self> {
        match error {
            ArtifactError::Unavailable { hash, source } => match source.downcast::<Self>() {
                Ok(error) => Err(*error),
                Err(source) => Ok(ArtifactError::Unavailable { hash, source }),
            },
            error => Ok(error),
        }
    }

    /// Returns the message followed by those of its sources, on one line.
    pub fn with_causes(&self) -> String {
        let first: Option<&dyn std::error::Error> = Some(self);
        let causes = std::iter::successors(first, |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// Returns the error with a note that `attempts` attempts failed within `elapsed`.
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

    /// Returns how a caller can respond to the error.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Conflict { .. } | Self::Fenced { .. } | Self::Held { .. } => ErrorClass::Conflict,
            Self::Artifact(_)
            | Self::Event { .. }
            | Self::Unreadable(_)
            | Self::UnreadableRun(_)
            | Self::Corrupt { .. } => ErrorClass::Corrupt,
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

/// An event that cannot be read, and the cursor after it.
#[derive(Debug)]
pub struct UnreadableEvent {
    after: Cursor,
    error: Box<PersistenceError>,
}

impl UnreadableEvent {
    pub(super) fn new(after: Cursor, error: PersistenceError) -> Self {
        Self { after, error: Box::new(error) }
    }

    /// Returns the cursor after the event, from which to continue reading.
    pub fn after(&self) -> Cursor {
        self.after
    }

    /// Returns why the event cannot be read.
    pub fn error(&self) -> &PersistenceError {
        &self.error
    }
}

impl fmt::Display for UnreadableEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for UnreadableEvent {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}
