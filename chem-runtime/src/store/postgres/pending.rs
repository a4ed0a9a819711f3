//! An append that waits for its commit.

use super::rows::signed;
use crate::event::FlowId;
use crate::store::Lease;
use crate::store::admit::{Admitted, AdmittedArtifact};

/// The most text, in bytes, that one statement carries. A larger append is sent in pieces, within one transaction.
pub(super) const AT_ONCE: usize = 8 * 1024 * 1024;

/// The events to append to one run.
pub(super) struct Pending {
    pub(super) flow_id: FlowId,
    pub(super) expected: u64,
    pub(super) lease: Option<Lease>,
    pub(super) events: Vec<Admitted>,
}

impl Pending {
    pub(super) fn epoch(&self) -> Option<i64> {
        self.lease.as_ref().map(|lease| signed(lease.epoch))
    }

    /// Returns the lease holder, if the store learns of the lease with this append.
    pub(super) fn new_holder(&self) -> Option<String> {
        let lease = self.lease.as_ref().filter(|lease| self.expected == 0 && lease.epoch == 1)?;
        Some(serde_json::json!(lease.holder).to_string())
    }

    /// Returns the size of all payloads, in bytes.
    pub(super) fn size(&self) -> usize {
        let artifact = AdmittedArtifact::stored_length;
        let event = |event: &Admitted| event.payload.len() + event.artifacts.iter().map(artifact).sum::<usize>();
        self.events.iter().map(event).sum()
    }
}
