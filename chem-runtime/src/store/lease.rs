//! Who writes a run.
//!
//! A lease says which process has a run in hand. It gives the run an epoch, which grows with every change of hands, and
//! an append under an old epoch is refused: a writer that stalled, lost its lease and comes back cannot write, even if
//! nobody has written in between. The first append of a new run takes its lease along, so that it costs nothing of its
//! own. That events are not overwritten is not the lease's to see to; the expected position does that.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::event::{FlowEventKind, FlowId};
use crate::process;

/// A process that writes runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// The name of its machine, for people.
    pub host: String,
    /// Where its process number means anything: this start of this machine, and this container.
    pub place: String,
    /// Its process number.
    pub pid: u32,
    /// When it began, as its machine counts, so that a number that was given again is not taken for the same process.
    pub started: u64,
}

impl Holder {
    /// This process.
    pub fn this_process() -> Self {
        let pid = std::process::id();
        Self { host: process::host(), place: process::place(), pid, started: process::started(pid).unwrap_or(0) }
    }

    /// Whether the process is known to be gone. One on another machine is not known to be.
    pub fn is_gone(&self) -> bool {
        self.place == process::place() && !process::is_alive(self.pid, self.started)
    }

    /// Whether the process belongs to an earlier start of this machine, and so is gone.
    ///
    /// The machine is known by its name, which another one may have too. So this is to be asked only where all writers
    /// are on one machine, as those of a file are.
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

/// The right to write a run, until another holder takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub flow_id: FlowId,
    /// How often the run has changed hands, this time included.
    pub epoch: u64,
    /// Who holds it.
    pub holder: Holder,
}

impl Lease {
    /// The lease of a run that has no events yet. The store learns of it with the first append.
    pub fn of_new_run(flow_id: FlowId, holder: Holder) -> Self {
        Self { flow_id, epoch: 1, holder }
    }
}

/// Who appends to which run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer<'a> {
    /// Whoever comes to this run at the right position.
    Anyone(FlowId),
    /// The holder of this lease, and nobody else.
    Holder(&'a Lease),
}

impl<'a> Writer<'a> {
    /// The run.
    pub fn flow_id(&self) -> FlowId {
        match self {
            Self::Anyone(flow_id) => *flow_id,
            Self::Holder(lease) => lease.flow_id,
        }
    }

    /// The lease.
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

/// When to take a run that somebody has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// If its holder has let go of it, has ended it, or is gone.
    IfFree,
    /// Always. The holder's next append is refused.
    Always,
}

/// What a store knows of the lease of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeaseState {
    pub(super) epoch: u64,
    pub(super) holder: Holder,
    /// The holder has let go, or has not shown itself for too long.
    pub(super) lapsed: bool,
    /// The kind of the run's last event.
    pub(super) last_event_type: Option<String>,
}

impl LeaseState {
    /// Checks that `holder` may have the run.
    ///
    /// A process may always have back what it holds itself: it is the one that lost track of it.
    pub(super) fn permit(&self, flow_id: FlowId, holder: &Holder, takeover: Takeover) -> Result<(), StoreError> {
        match self.held() {
            Some(held) if held != holder && takeover == Takeover::IfFree => {
                Err(StoreError::Held { flow_id, holder: held.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Who has the run in hand; nobody, if it is free.
    pub(super) fn held(&self) -> Option<&Holder> {
        let ended = self.last_event_type.as_deref().is_some_and(FlowEventKind::ends_the_run);
        let free = self.lapsed || ended || self.holder.is_gone();
        (!free).then_some(&self.holder)
    }
}

/// Checks that an append under `lease` is one of its present holder. `state` is the epoch and the holder that the store
/// knows.
pub(super) fn check_epoch(lease: &Lease, state: Option<(u64, &Holder)>) -> Result<(), StoreError> {
    match state {
        Some((epoch, _)) if epoch == lease.epoch => Ok(()),
        other => Err(StoreError::Fenced { flow_id: lease.flow_id, holder: other.map(|(_, holder)| holder.clone()) }),
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
    fn a_process_of_an_earlier_start_is_told_from_one_of_another_container() {
        let me = Holder::this_process();
        let (start, _) = me.place.split_once('/').unwrap();
        let before = Holder { place: "0000/pid:[1]".into(), ..me.clone() };
        assert!(before.is_of_an_earlier_start());
        assert!(!Holder { host: "far".into(), ..before }.is_of_an_earlier_start());
        assert!(!Holder { place: format!("{start}/pid:[1]"), ..me.clone() }.is_of_an_earlier_start());
        assert!(!me.is_of_an_earlier_start());
    }

    #[test]
    fn a_run_in_hand_is_free_for_nobody_but_its_holder_until_that_is_gone_or_done() {
        let (flow_id, me) = (FlowId::new(), Holder::this_process());
        let other = Holder { place: "elsewhere".into(), ..me.clone() };
        let held = LeaseState { epoch: 3, holder: other.clone(), lapsed: false, last_event_type: None };
        let permit = |state: &LeaseState| state.permit(flow_id, &me, Takeover::IfFree);

        let error = permit(&held).unwrap_err();
        assert!(matches!(&error, StoreError::Held { holder, .. } if *holder == other), "{error}");
        assert!(held.permit(flow_id, &me, Takeover::Always).is_ok());
        assert!(held.permit(flow_id, &other, Takeover::IfFree).is_ok());
        assert!(permit(&LeaseState { lapsed: true, ..held.clone() }).is_ok());
        let last = |name: &str| LeaseState { last_event_type: Some(name.into()), ..held.clone() };
        assert!(permit(&last("flowcompleted")).is_ok());
        assert!(permit(&last("stepfailed")).is_ok());
        assert!(permit(&last("stepstarted")).is_err());
        let gone = Holder { pid: 1 << 30, ..me.clone() };
        assert!(permit(&LeaseState { holder: gone, ..held }).is_ok());
    }
}
