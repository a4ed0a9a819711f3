//! Leases: which process may write a run.
//!
//! A lease gives a run an epoch, which grows with every acquisition. An append under an old epoch is refused: a writer
//! that stalled and lost its lease cannot write when it resumes, even if no other process has written in between. The
//! first append of a new run acquires its lease in the same transaction, at no extra cost. A lease does not protect
//! events from being overwritten; the expected position of an append does.

use std::time::Duration;

use super::{Holder, PersistenceError};
use crate::event::FlowId;
use crate::flow::FlowStatus;

/// The right to write a run, until another process acquires it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run that it covers.
    pub flow_id: FlowId,
    /// The number of times the lease has been acquired, this time included.
    pub epoch: u64,
    /// The process that acquired it.
    pub holder: Holder,
}

impl Lease {
    /// Returns the lease of a run without events. The store records it with the first append.
    pub fn of_new_run(flow_id: FlowId, holder: Holder) -> Self {
        Self { flow_id, epoch: 1, holder }
    }
}

/// The writer of an append: a run, with or without a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer<'a> {
    /// A caller without a lease, which may append while no process holds one.
    Anyone(FlowId),
    /// The holder of this lease; refused once another process has acquired the run.
    Holder(&'a Lease),
}

impl<'a> Writer<'a> {
    /// Returns the run to append to.
    pub fn flow_id(&self) -> FlowId {
        match self {
            Self::Anyone(flow_id) => *flow_id,
            Self::Holder(lease) => lease.flow_id,
        }
    }

    /// Checks whether the writer may append at the position `expected` of a run with this lease on record. Returns the
    /// lease to record with the append: that of a new run, at its first append.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Fenced`] if the run is held under another lease.
    pub fn check(&self, expected: u64, record: Option<&LeaseRecord>) -> Result<Option<&'a Lease>, PersistenceError> {
        match (self.lease(), record) {
            (Some(lease), None) if expected == 0 && lease.epoch == 1 => Ok(Some(lease)),
            (Some(lease), Some(record)) if lease.epoch == record.epoch => Ok(None),
            (None, None) => Ok(None),
            (None, Some(record)) if record.lapsed => Ok(None),
            (_, record) => {
                let holder = record.map(|record| record.holder.clone());
                Err(PersistenceError::Fenced { flow_id: self.flow_id(), holder })
            }
        }
    }

    /// Returns the writer's lease; `None` for a writer without one.
    pub fn lease(&self) -> Option<&'a Lease> {
        match self {
            Self::Anyone(_) => None,
            Self::Holder(lease) => Some(lease),
        }
    }
}

impl From<FlowId> for Writer<'_> {
    fn from(flow_id: FlowId) -> Self {
        Self::Anyone(flow_id)
    }
}

impl<'a> From<&'a Lease> for Writer<'a> {
    fn from(lease: &'a Lease) -> Self {
        Self::Holder(lease)
    }
}

/// When to acquire the lease on a run that may have a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// Only if the lease was released, the run has ended, or the holder is dead.
    IfFree,
    /// Always. The previous holder's next append is refused.
    Always,
}

/// The lease of a run, as recorded in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRecord {
    /// The number of times the lease has been acquired.
    pub epoch: u64,
    /// The process that acquired it last.
    pub holder: Holder,
    /// Whether the lease was released, or its holder is presumed dead, for instance after a long silence.
    pub lapsed: bool,
    /// Whether its holder released it.
    pub released: bool,
    /// The status of the run after its last event; `None` if the run has no events.
    pub status: Option<FlowStatus>,
}

impl LeaseRecord {
    /// Returns the current lease holder, or `None` if the run is free.
    pub fn current_holder(&self) -> Option<&Holder> {
        let free =
            self.lapsed || self.released || self.status.is_some_and(FlowStatus::is_stopped) || self.holder.is_gone();
        (!free).then_some(&self.holder)
    }

    /// Checks that `holder` may acquire the lease.
    ///
    /// A process may always re-acquire its own lease, which it must have lost track of.
    fn permit(&self, flow_id: FlowId, holder: &Holder, takeover: Takeover) -> Result<(), PersistenceError> {
        match self.current_holder() {
            Some(current) if current != holder && takeover == Takeover::IfFree => {
                Err(PersistenceError::Held { flow_id, holder: current.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// The times by which a lease holder is known to be alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    /// How often a lease holder renews its leases.
    pub shows_every: Duration,
    /// A lease that was not renewed for this long, by the clock of the store and not of a writer, has lapsed.
    pub lapses_after: Duration,
}

impl Default for LeaseTerms {
    /// Renews every fifteen seconds; lapses after a minute.
    fn default() -> Self {
        Self { shows_every: Duration::from_secs(15), lapses_after: Duration::from_secs(60) }
    }
}

/// The leases on runs. A backend records them, and refuses an append that
/// [`Writer::check`] refuses; the provided methods decide who may acquire one.
pub trait Leases: Send + Sync {
    /// Returns the lease recorded for a run; `None` if there never was one.
    fn read_lease(&self, flow_id: FlowId) -> Result<Option<LeaseRecord>, PersistenceError>;

    /// Records a lease if the recorded epoch is the one before it (0 if there never was a lease), and returns whether it
    /// did. Two callers cannot both record the same epoch.
    fn record_lease(&self, lease: &Lease) -> Result<bool, PersistenceError>;

    /// Releases a lease, so that the next caller finds the run free. Succeeds without effect if another process has
    /// acquired the lease since.
    fn release_lease(&self, lease: &Lease) -> Result<(), PersistenceError>;

    /// Acquires the lease on an existing run, fencing earlier holders.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Held`] if another process holds the lease and `takeover` does not override it.
    fn acquire_lease(&self, flow_id: FlowId, holder: &Holder, takeover: Takeover) -> Result<Lease, PersistenceError> {
        loop {
            let record = self.read_lease(flow_id)?;
            if let Some(record) = &record {
                record.permit(flow_id, holder, takeover)?;
            }
            let epoch = record.map_or(0, |record| record.epoch) + 1;
            let lease = Lease { flow_id, epoch, holder: holder.clone() };
            // If another process was faster, its lease decides.
            if self.record_lease(&lease)? {
                return Ok(lease);
            }
        }
    }

    /// Returns the current lease holder, or `None` if the run has ended, its lease was released, or the holder is known
    /// to be dead.
    fn lease_holder(&self, flow_id: FlowId) -> Result<Option<Holder>, PersistenceError> {
        Ok(self.read_lease(flow_id)?.and_then(|record| record.current_holder().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_run_is_free_only_for_its_holder_until_that_is_gone_or_done() {
        let (flow_id, me) = (FlowId::new(), Holder::this_process());
        let other = Holder { place: "elsewhere".into(), ..me.clone() };
        let held = LeaseRecord { epoch: 3, holder: other.clone(), lapsed: false, released: false, status: None };
        let permit = |state: &LeaseRecord| state.permit(flow_id, &me, Takeover::IfFree);

        let error = permit(&held).unwrap_err();
        assert!(matches!(&error, PersistenceError::Held { holder, .. } if *holder == other), "{error}");
        assert!(held.permit(flow_id, &me, Takeover::Always).is_ok());
        assert!(held.permit(flow_id, &other, Takeover::IfFree).is_ok());
        assert!(permit(&LeaseRecord { lapsed: true, ..held.clone() }).is_ok());
        let after = |status| LeaseRecord { status: Some(status), ..held.clone() };
        for stopped in [FlowStatus::Completed, FlowStatus::Failed, FlowStatus::Waiting] {
            assert!(permit(&after(stopped)).is_ok(), "{stopped:?}");
        }
        assert!(permit(&after(FlowStatus::Interrupted)).is_err());
        let gone = Holder { pid: 1 << 30, ..me.clone() };
        assert!(permit(&LeaseRecord { holder: gone, ..held }).is_ok());
    }
}
