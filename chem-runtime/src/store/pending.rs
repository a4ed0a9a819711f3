//! An append that waits for its commit.

use super::admit::{Admitted, AdmittedArtifact};
use super::{Lease, Writer};
use crate::event::FlowId;

/// The most text, in bytes, that the appends of a commit have together. A larger one has a commit of its own.
pub(super) const AT_ONCE: usize = 8 * 1024 * 1024;

/// The events to append to one run.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) flow_id: FlowId,
    pub(super) expected: u64,
    pub(super) lease: Option<Lease>,
    pub(super) events: Vec<Admitted>,
}

impl Pending {
    pub(super) fn new(writer: Writer<'_>, expected: u64, events: Vec<Admitted>) -> Self {
        Self { flow_id: writer.flow_id(), expected, lease: writer.lease().cloned(), events }
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn writer(&self) -> Writer<'_> {
        self.lease.as_ref().map_or(Writer::Anyone(self.flow_id), Writer::Holder)
    }

    /// Returns the size of all payloads as they are stored, in bytes.
    pub(super) fn size(&self) -> usize {
        let artifact = AdmittedArtifact::stored_length;
        let event = |event: &Admitted| event.payload.len() + event.artifacts.iter().map(artifact).sum::<usize>();
        self.events.iter().map(event).sum()
    }
}
