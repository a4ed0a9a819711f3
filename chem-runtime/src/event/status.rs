//! The status of a run.

/// The status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowStatus {
    /// All steps have succeeded.
    Completed,
    /// A step has failed.
    Failed,
    /// The run waits for a person's decision.
    Waiting,
    /// None of these: the run is in progress, or can be resumed.
    Interrupted,
}

impl FlowStatus {
    /// Returns the status as printed by the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Interrupted => "interrupted",
        }
    }

    /// Returns the status with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Completed, Self::Failed, Self::Waiting, Self::Interrupted]
            .into_iter()
            .find(|status| status.name() == name)
    }

    /// Returns whether no process works on the run until a person acts: it has completed or failed, or it waits.
    pub fn is_stopped(self) -> bool {
        self != Self::Interrupted
    }
}
