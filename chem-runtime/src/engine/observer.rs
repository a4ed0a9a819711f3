//! Observes a run from outside the log.

use super::{RunsBecause, Unbelievable};
use crate::event::{EventAddress, RetryScheduled, StepSignal, StepStarted};
use crate::flow::FlowInstance;
use crate::step::{Progress, StepId};

/// Receives notice of what an engine does. All methods default to doing nothing.
pub trait Observer: Progress {
    /// A step begins to work. `resumed` is set if an earlier process had started it.
    fn step_starts(&self, _instance: &FlowInstance, _started: &StepStarted, _resumed: bool) {}

    /// A step is not run: its outputs from another run, or from earlier in this one, are reused.
    fn step_reused(&self, _instance: &FlowInstance, _started: &StepStarted, _source: EventAddress) {}

    /// A reused result was computed by other code under the same version. Reported by debug builds unless `CHEM_DEV=0`,
    /// and by release builds if `CHEM_DEV=1`.
    fn code_changed(&self, _started: &StepStarted, _source: EventAddress) {}

    /// A step is run because no earlier result could be reused.
    fn step_not_reused(&self, _step: &StepId, _because: &RunsBecause) {}

    /// An earlier result was skipped because its run does not confirm it. An older result may still be reused.
    fn result_doubted(&self, _step: &StepId, _doubted: &Unbelievable) {}

    /// A failed step is to be retried.
    fn retry_scheduled(&self, _retry: &RetryScheduled) {}

    /// A step recorded a signal.
    fn step_signals(&self, _signal: &StepSignal) {}

    /// A step ended, successfully if `_well`. The log does not record this yet.
    fn step_ends(&self, _step: &StepId, _well: bool) {}
}

/// The observer that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unobserved;

impl Progress for Unobserved {
    fn step_progress(&self, _: &StepId, _: u64, _: Option<u64>) {}
}

impl Observer for Unobserved {}
