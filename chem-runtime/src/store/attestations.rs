//! Attestations: signed and unsigned statements about the log, which a store keeps beside it.
//!
//! A store does not interpret them. They are numbered from 0 without gaps and never change.

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
