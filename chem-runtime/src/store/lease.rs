//! Leases: which process may write a run.
//!
//! A lease gives a run an epoch, which grows with every acquisition. An append under an old epoch is refused: a writer
//! that stalled and lost its lease cannot write when it resumes, even if no other process has written in between. The
//! first append of a new run acquires its lease in the same transaction, at no extra cost. A lease does not protect
//! events from being overwritten; the expected position of an append does.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::PersistenceError;
use crate::event::FlowId;
use crate::flow::FlowStatus;
use crate::process;

/// A process that writes runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// The host name of its machine, for display.
    pub host: String,
    /// The scope in which `pid` is valid: the boot of the machine and the container.
    pub place: String,
    /// The process id, valid within `place`.
    pub pid: u32,
    /// The start time of the process by its machine's clock, which distinguishes processes that reuse a process id.
    pub started: u64,
}

impl Holder {
    /// Returns the identity of the current process.
    pub fn this_process() -> Self {
        let pid = std::process::id();
        Self { host: process::host(), place: process::place(), pid, started: process::started(pid).unwrap_or(0) }
    }

    /// Returns whether the process is known to be dead. Always `false` for a process with another `place`, such as one
    /// on another machine.
    pub fn is_gone(&self) -> bool {
        self.place == process::place() && !process::is_alive(self.pid, self.started)
    }

    /// Returns whether the process belongs to an earlier boot of this machine, and is therefore dead.
    ///
    /// Machines are compared by host name, which may not be unique. Call this only if all writers share one machine, as
    /// the writers of a file do.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(super) fn is_of_an_earlier_start(&self) -> bool {
        let start = |place: &str| place.split_once('/').map(|(start, _)| start.to_owned());
        let (then, now) = (start(&self.place), start(&process::place()));
        self.host == process::host() && then.zip(now).is_some_and(|(then, now)| then != now)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

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
pub(super) struct LeaseState {
    pub(super) epoch: u64,
    pub(super) holder: Holder,
    /// Whether the lease was released, or its holder is presumed dead, for instance after a long silence.
    pub(super) lapsed: bool,
    /// The status of the run after its last event; `None` if the run has no events.
    pub(super) status: Option<FlowStatus>,
}

impl LeaseState {
    /// Checks that `holder` may acquire the run.
    ///
    /// A process may always re-acquire its own lease, which it must have lost track of.
    pub(super) fn permit(&self, flow_id: FlowId, holder: &Holder, takeover: Takeover) -> Result<(), PersistenceError> {
        match self.held() {
            Some(held) if held != holder && takeover == Takeover::IfFree => {
                Err(PersistenceError::Held { flow_id, holder: held.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Returns the current lease holder, or `None` if the run is free.
    pub(super) fn held(&self) -> Option<&Holder> {
        let free = self.lapsed || self.status.is_some_and(FlowStatus::is_stopped) || self.holder.is_gone();
        (!free).then_some(&self.holder)
    }
}

/// Checks that `lease` is the current one. `state` is the epoch and holder recorded in the store.
pub(super) fn check_epoch(lease: &Lease, state: Option<(u64, &Holder)>) -> Result<(), PersistenceError> {
    match state {
        Some((epoch, _)) if epoch == lease.epoch => Ok(()),
        other => {
            Err(PersistenceError::Fenced { flow_id: lease.flow_id, holder: other.map(|(_, holder)| holder.clone()) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_is_gone_and_this_one_is_not() {
        let me = Holder::this_process();
        assert!(!me.is_gone());
        assert!(!Holder { place: "elsewhere".into(), pid: 1 << 30, ..me.clone() }.is_gone());

        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let started = process::started(child.id()).unwrap_or(0);
        let other = Holder { pid: child.id(), started, ..me.clone() };
        assert!(!other.is_gone());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(other.is_gone());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_of_an_earlier_start_differs_from_one_of_another_container() {
        let me = Holder::this_process();
        let (start, _) = me.place.split_once('/').unwrap();
        let before = Holder { place: "0000/pid:[1]".into(), ..me.clone() };
        assert!(before.is_of_an_earlier_start());
        assert!(!Holder { host: "far".into(), ..before }.is_of_an_earlier_start());
        assert!(!Holder { place: format!("{start}/pid:[1]"), ..me.clone() }.is_of_an_earlier_start());
        assert!(!me.is_of_an_earlier_start());
    }

    #[test]
    fn a_held_run_is_free_only_for_its_holder_until_that_is_gone_or_done() {
        let (flow_id, me) = (FlowId::new(), Holder::this_process());
        let other = Holder { place: "elsewhere".into(), ..me.clone() };
        let held = LeaseState { epoch: 3, holder: other.clone(), lapsed: false, status: None };
        let permit = |state: &LeaseState| state.permit(flow_id, &me, Takeover::IfFree);

        let error = permit(&held).unwrap_err();
        assert!(matches!(&error, PersistenceError::Held { holder, .. } if *holder == other), "{error}");
        assert!(held.permit(flow_id, &me, Takeover::Always).is_ok());
        assert!(held.permit(flow_id, &other, Takeover::IfFree).is_ok());
        assert!(permit(&LeaseState { lapsed: true, ..held.clone() }).is_ok());
        let after = |status| LeaseState { status: Some(status), ..held.clone() };
        for stopped in [FlowStatus::Completed, FlowStatus::Failed, FlowStatus::Waiting] {
            assert!(permit(&after(stopped)).is_ok(), "{stopped:?}");
        }
        assert!(permit(&after(FlowStatus::Interrupted)).is_err());
        let gone = Holder { pid: 1 << 30, ..me.clone() };
        assert!(permit(&LeaseState { holder: gone, ..held }).is_ok());
    }
}
