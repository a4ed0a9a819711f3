//! The format of a commit: what one append, or one change of the lease, adds to a run.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::FlowId;
use crate::store::{Holder, Lease, PersistenceError, StoredEvent};

/// A file in the directory of a run. The files are numbered without gaps, and their order is the history of the run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Commit {
    /// The lease that was acquired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Acquired>,
    /// The epoch of the lease that was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<u64>,
    /// The position of the first of `events`.
    pub position: u64,
    /// The events, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Line>,
}

/// A lease, and where its holder shows that it is alive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Acquired {
    pub epoch: u64,
    pub holder: Holder,
    /// The name of the file that the holder touches.
    pub alive: Uuid,
}

/// An event.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub seq: u64,
    pub ts: String,
    pub event_type: String,
    /// The payload as canonical JSON.
    pub payload: String,
}

impl Line {
    /// Creates the line of an event that is appended at `ts`.
    pub(super) fn new(seq: u64, ts: Timestamp, event_type: &str, payload: String) -> Self {
        Self { seq, ts: format!("{ts:.6}"), event_type: event_type.to_owned(), payload }
    }
}

impl Commit {
    /// Returns the commit that acquires `lease`.
    pub(super) fn of_lease(lease: &Lease, position: u64, alive: Uuid) -> Self {
        Self { lease: Some(Acquired::of(lease, alive)), position, ..Self::default() }
    }

    /// Reads the content of the file at `path`.
    pub(super) fn parse(path: &Path, content: &[u8]) -> Result<Self, PersistenceError> {
        serde_json::from_slice(content).map_err(|error| PersistenceError::Corrupt {
            reason: format!("the file `{}` is not a commit: {error}", path.display()),
        })
    }

    /// Returns the content of the file.
    pub(super) fn content(&self) -> Result<Vec<u8>, PersistenceError> {
        serde_json::to_vec(self)
            .map_err(|error| PersistenceError::Corrupt { reason: format!("a commit has no text: {error}") })
    }

    /// Returns the events with their positions.
    pub(super) fn stored(self, flow_id: FlowId) -> impl Iterator<Item = StoredEvent> {
        (self.position..).zip(self.events).map(move |(position, line)| StoredEvent {
            seq: line.seq,
            flow_id: flow_id.to_string(),
            position,
            ts: line.ts,
            event_type: line.event_type,
            payload: line.payload.into_bytes(),
        })
    }
}

impl Acquired {
    pub(super) fn of(lease: &Lease, alive: Uuid) -> Self {
        Self { epoch: lease.epoch, holder: lease.holder.clone(), alive }
    }
}
