//! Processes that die while they work on rows: finds out that one has, and what follows.
//!
//! A row may kill the process that works on it, for example by the memory that it takes. Such a row is found by cutting: a shard
//! whose process died twice is cut into parts, a part whose process died is cut again, and a single row whose process died as often as
//! the retry policy of the step allows, at least three times, is set apart. Processes die for other reasons, too. So no row is blamed
//! for one death; a lease that was released is no death; what a death may be due to is run alone in its process from then on, so
//! that other children do not die with it; and if many rows seem to kill processes, the step fails.

use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::flow::FlowStatus;
use crate::store::{EventStore, Holder, PersistenceError};

/// The signal by which a process records that the process before it died at the step.
pub(crate) const DIED: &str = "died";

/// The process that had the lease on an unfinished run before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Predecessor {
    /// It is another process, and works on the run.
    Alive,
    /// It is known or presumed to be dead, and had the lease with this epoch.
    Dead { holder: Holder, epoch: u64 },
    /// It released the lease, or is this process, or there was none.
    Released,
}

impl Predecessor {
    /// Returns the process that had the lease on an unfinished run.
    ///
    /// # Errors
    /// Fails if the lease cannot be read.
    pub(super) fn of(store: &dyn EventStore, flow_id: FlowId) -> Result<Self, PersistenceError> {
        let Some(record) = store.read_lease(flow_id)? else { return Ok(Self::Released) };
        let is_me = record.holder == Holder::this_process();
        let has_ended = record.status.is_some_and(FlowStatus::is_stopped);
        Ok(match record.current_holder() {
            Some(_) if is_me => Self::Released,
            Some(_) => Self::Alive,
            None if record.released || has_ended || is_me => Self::Released,
            None => Self::Dead { epoch: record.epoch, holder: record.holder },
        })
    }
}

/// Returns how many processes have died at the steps of a run since it was tried again last.
pub(super) fn count(events: &[FlowEvent]) -> u32 {
    let since = events.iter().rev().take_while(|event| !matches!(event.kind, FlowEventKind::RetryScheduled(_)));
    let is_death =
        |event: &&FlowEvent| matches!(&event.kind, FlowEventKind::StepSignal(signal) if signal.signal == DIED);
    u32::try_from(since.filter(is_death).count()).unwrap_or(u32::MAX)
}

/// What follows from the death of a process.
pub(super) enum Verdict {
    /// The step is tried again.
    Again,
    /// It fails with this message. The rows are cut or set apart if that is due to them.
    Fails { error: String, due_to_rows: bool },
}

/// Says that so many processes died at a step.
pub(super) fn died_at(step: &str, deaths: u32) -> String {
    let processes =
        if deaths == 1 { "1 process".to_owned() } else { format!("{deaths} processes, one after the other,") };
    format!("{processes} died at step `{step}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deaths_are_said_in_words() {
        assert_eq!(died_at("score", 1), "1 process died at step `score`");
        assert_eq!(died_at("score", 2), "2 processes, one after the other, died at step `score`");
    }
}
