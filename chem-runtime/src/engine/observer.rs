//! Watching a run from outside the log.

use super::{RunsBecause, Unbelievable};
use crate::event::{EventAddress, RetryScheduled, StepSignal, StepStarted};
use crate::flow::FlowInstance;
use crate::step::{Progress, StepId};

/// Hears what an engine does, as it does it. All methods have a default that does nothing.
pub trait Observer: Progress {
    /// A step begins to work; `resumed` if an earlier process had started it.
    fn step_starts(&self, _instance: &FlowInstance, _started: &StepStarted, _resumed: bool) {}

    /// A step is spared: what it put out in another run, or earlier in this one, stands.
    fn step_reused(&self, _instance: &FlowInstance, _started: &StepStarted, _source: EventAddress) {}

    /// The code of a step that was spared is not the code that made its result, though the version is the same. Told in
    /// builds with debug assertions, and where `CHEM_DEV=1` asks for it.
    fn code_changed(&self, _started: &StepStarted, _source: EventAddress) {}

    /// A step is run although it might have been spared.
    fn step_not_reused(&self, _step: &StepId, _because: &RunsBecause) {}

    /// A result of the step's work was passed over, since its run does not bear it out. An older one may stand.
    fn result_doubted(&self, _step: &StepId, _doubted: &Unbelievable) {}

    /// A step that has failed will be tried again.
    fn retry_scheduled(&self, _retry: &RetryScheduled) {}

    /// A step has something to say.
    fn step_signals(&self, _signal: &StepSignal) {}

    /// A step has ended, well or badly; the log will say so.
    fn step_ends(&self, _step: &StepId, _well: bool) {}
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Progress for Unobserved {
    fn step_progress(&self, _: &StepId, _: u64, _: Option<u64>) {}
}

impl Observer for Unobserved {}
