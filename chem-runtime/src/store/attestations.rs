//! Attestations: signed and unsigned statements about the log, which a store keeps beside it; and what a statement about the
//! whole store needs to know of its rows.
//!
//! A store does not interpret attestations. They are numbered from 0 without gaps and never change.

use jiff::Timestamp;

use super::PersistenceError;
use crate::event::FlowId;

/// A statement about the log, such as a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The number of the attestation in the store, from 0, without gaps.
    pub number: u64,
    /// What it is, in lower case, such as `checkpoint`.
    pub kind: String,
    /// The run that it is about; `None` if it is about the whole log.
    pub flow_id: Option<FlowId>,
    /// The text of the statement.
    pub statement: String,
    /// The signature of the statement; `None` if it is unsigned.
    pub signature: Option<String>,
    /// When it was made, by the clock of the machine that made it, to the microsecond.
    pub ts: Timestamp,
}

/// What the row of an artifact says besides its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactRow {
    /// The number of the event that the artifact was first stored with.
    pub seq: u64,
    /// The hash that names the artifact. In a damaged store it may be any text.
    pub hash: String,
    /// The metadata, which the hash does not cover, as canonical JSON. In a damaged store it may be any text.
    pub metadata: Option<String>,
}

/// A row that [`EventLog::read_log`](super::EventLog::read_log) leads no reader to. No append stores one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stray {
    /// An event that a reader of its run gets, and a reader of the log never does.
    Event {
        /// The number of the event.
        seq: i64,
        /// The id of its run.
        flow_id: String,
        /// Its position in the run.
        position: i64,
        /// The name of its kind.
        event_type: String,
    },
    /// An artifact whose event does not exist.
    Artifact {
        /// The hash that names the artifact.
        hash: String,
        /// The number of the missing event.
        seq: i64,
    },
}

/// The attestations in a store. A store that has them returns itself as
/// [`EventStore::attestations`](super::EventStore::attestations).
pub trait Attestations: Send + Sync {
    /// Appends attestations, whose numbers are contiguous, in one transaction. Returns `false`, and stores nothing, if the
    /// number of the first is not the store's next one, because another process has appended.
    fn append_attestations(&self, new: &[Attestation]) -> Result<bool, PersistenceError>;

    /// Returns up to `limit` attestations with the number `from` or a later one, in order.
    fn read_attestations(&self, from: u64, limit: usize) -> Result<Vec<Attestation>, PersistenceError>;

    /// Returns the number of the next attestation.
    fn next_attestation(&self) -> Result<u64, PersistenceError>;

    /// Returns the newest attestation of a kind; `None` if there is none.
    fn newest_attestation(&self, kind: &str) -> Result<Option<Attestation>, PersistenceError>;

    /// Returns the first attestation of a kind with the number `from` or a later one, by an index; `None` if there is none.
    fn first_attestation(&self, kind: &str, from: u64) -> Result<Option<Attestation>, PersistenceError>;

    /// Returns what [`first_attestation`](Self::first_attestation) does, of the signed attestations of the kind.
    fn first_signed(&self, kind: &str, from: u64) -> Result<Option<Attestation>, PersistenceError>;

    /// Returns the attestations of a kind about a run, in order.
    fn attestations_about(&self, kind: &str, flow_id: FlowId) -> Result<Vec<Attestation>, PersistenceError>;

    /// Returns the rows of the artifacts that were first stored with the events of these numbers, which are in the order of
    /// the log: in that order, and for each in the order of the hashes.
    fn artifacts_of(&self, events: &[u64]) -> Result<Vec<ArtifactRow>, PersistenceError>;

    /// Returns up to `limit` rows that no reader of the log is led to.
    fn strays(&self, limit: usize) -> Result<Vec<Stray>, PersistenceError>;
}

impl dyn Attestations + '_ {
    /// Returns all attestations from the number `from` on.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub fn read_all(&self, from: u64) -> Result<Vec<Attestation>, PersistenceError> {
        const PAGE: usize = 1_000;
        let mut all: Vec<Attestation> = Vec::new();
        loop {
            let next = all.last().map_or(from, |last| last.number.saturating_add(1));
            let page = self.read_attestations(next, PAGE)?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }
}
