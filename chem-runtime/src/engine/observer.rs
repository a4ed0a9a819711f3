//! Watching a run from outside the log.

use crate::event::{RetryScheduled, StepSignal, StepStarted};
use crate::flow::FlowInstance;
use crate::step::{Progress, StepId};

/// Hears what an engine does, as it does it. All methods have a default that does nothing.
pub trait Observer: Progress {
    /// A step begins to work; `resumed` if an earlier process had started it.
    fn step_starts(&self, _instance: &FlowInstance, _started: &StepStarted, _resumed: bool) {}

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
