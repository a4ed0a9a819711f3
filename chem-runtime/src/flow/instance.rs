//! The state of a run, computed from its events.

use jiff::Timestamp;

use crate::event::{
    BranchCreated, EventAddress, FlowId, FlowInitialized, FlowStatus, OutputRef, RecordedStep, StepProgress,
    StepStarted, TakenOver, UserInteractionProvided, UserInteractionRequested,
};
use crate::fingerprint::Fingerprint;

/// The state of a run. [`replay`](super::replay) computes it from events alone.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowInstance {
    pub(super) flow_id: FlowId,
    pub(super) events: u64,
    pub(super) initialized: Option<FlowInitialized>,
    pub(super) branch: Option<BranchCreated>,
    pub(super) steps: Vec<StepState>,
    /// The index of the first unfinished step.
    pub(super) current: usize,
    pub(super) flow_fingerprint: Option<Fingerprint>,
    pub(super) status: FlowStatus,
}

impl FlowInstance {
    /// Creates the state of a run without events.
    pub fn new(flow_id: FlowId) -> Self {
        Self {
            flow_id,
            events: 0,
            initialized: None,
            branch: None,
            steps: Vec::new(),
            current: 0,
            flow_fingerprint: None,
            status: FlowStatus::Interrupted,
        }
    }

    /// Returns the id of the run.
    pub fn flow_id(&self) -> FlowId {
        self.flow_id
    }

    /// Returns the position of the next event, which is the number of events so far.
    pub fn next_position(&self) -> u64 {
        self.events
    }

    /// Returns the first event's payload; `None` before the first event.
    pub fn initialized(&self) -> Option<&FlowInitialized> {
        self.initialized.as_ref()
    }

    /// Returns the origin of a branch; `None` if the run is not a branch.
    pub fn branch(&self) -> Option<&BranchCreated> {
        self.branch.as_ref()
    }

    /// Returns the states of the steps in order; empty before the first event.
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// Returns the state of the step called `id`.
    pub fn step(&self, id: &str) -> Option<&StepState> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Returns the first unfinished step with its index; `None` if all have finished.
    pub fn current(&self) -> Option<(usize, &StepState)> {
        self.steps.get(self.current).map(|step| (self.current, step))
    }

    /// Returns the step at `index` of the recorded definition.
    pub fn recorded(&self, index: usize) -> Option<&RecordedStep> {
        self.initialized.as_ref()?.definition.steps.get(index)
    }

    /// Returns whether the pending step at `index` has a gate without a decision.
    pub(super) fn is_open_question(&self, index: usize) -> bool {
        self.recorded(index).is_some_and(|step| step.gate.is_some())
            && self.steps.get(index).is_some_and(|step| step.decision.is_none())
    }

    /// Returns whether the failed step at `index` is retried automatically.
    pub(super) fn may_retry(&self, index: usize) -> bool {
        let (Some(step), Some(recorded)) = (self.steps.get(index), self.recorded(index)) else { return false };
        // The attempts of a step in shards are those of its children.
        let may = recorded.shards.is_none() && !step.is_rejected() && !step.left_behind && step.deaths == 0;
        let policy = recorded.retry.as_ref().filter(|_| may);
        policy.is_some_and(|policy| policy.again(step.attempt, step.transient))
    }

    /// Returns the flow fingerprint; `None` until the run is complete.
    pub fn flow_fingerprint(&self) -> Option<Fingerprint> {
        self.flow_fingerprint
    }

    /// Returns the status of the whole run, which follows from its last event.
    pub fn status(&self) -> FlowStatus {
        self.status
    }
}

/// The state of one step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepState {
    /// The id of the step.
    pub id: String,
    /// The status of the last attempt.
    pub status: StepStatus,
    /// The start event of the last attempt; `None` while the step is pending.
    pub started: Option<StepStarted>,
    /// How far the step has got; `None` if it has not said so, or has ended.
    pub progress: Option<StepProgress>,
    /// The outputs; empty until the step has finished.
    pub outputs: Vec<OutputRef>,
    /// The `StepFinished` event from which the outputs were reused; `None` if the step ran.
    pub reused: Option<EventAddress>,
    /// The rows that were taken over from an earlier result; `None` if all were computed, or the step has none.
    pub taken_over: Option<TakenOver>,
    /// The error of a failed step, with its causes.
    pub error: Option<(String, Vec<String>)>,
    /// Whether the failure is transient.
    pub transient: bool,
    /// Whether the step was abandoned after a timeout and may still be running.
    pub left_behind: bool,
    /// The number of processes that died at the step, if that is why it failed.
    pub deaths: u32,
    /// The number of the current attempt, from 1.
    pub attempt: u32,
    /// The earliest time of the attempt; `None` for immediately.
    pub not_before: Option<Timestamp>,
    /// The last question of the step's gate.
    pub question: Option<UserInteractionRequested>,
    /// The answer to that question.
    pub decision: Option<UserInteractionProvided>,
}

impl StepState {
    pub(super) fn pending(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            status: StepStatus::Pending,
            started: None,
            progress: None,
            outputs: Vec::new(),
            reused: None,
            taken_over: None,
            error: None,
            transient: false,
            left_behind: false,
            deaths: 0,
            attempt: 1,
            not_before: None,
            question: None,
            decision: None,
        }
    }

    /// Returns the fingerprint; `None` while the step is pending.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.started.as_ref().map(|started| started.fingerprint)
    }

    /// Returns whether a person has rejected the start of the step.
    pub fn is_rejected(&self) -> bool {
        self.decision.as_ref().is_some_and(|decision| !decision.approved)
    }

    /// Returns the output called `name`.
    pub fn output(&self, name: &str) -> Option<&OutputRef> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

/// The status of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepStatus {
    /// Not started.
    Pending,
    /// Not started: waiting for a person's decision.
    Waiting,
    /// Started but not finished: running, or interrupted because its process has exited.
    Running,
    /// Succeeded.
    FinishedOk,
    /// Failed or rejected.
    Failed,
}

impl StepStatus {
    /// Returns the status as printed by the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::FinishedOk => "finished_ok",
            Self::Failed => "failed",
        }
    }
}
