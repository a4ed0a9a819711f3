//! The state of a run, as its events tell it.

use jiff::Timestamp;

use crate::event::{
    BranchCreated, EventAddress, FlowId, FlowInitialized, OutputRef, RecordedStep, StepStarted,
    UserInteractionProvided, UserInteractionRequested,
};
use crate::fingerprint::Fingerprint;

/// The state of a run. Made by [`replay`](super::replay) from events and from nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowInstance {
    pub(super) flow_id: FlowId,
    pub(super) events: u64,
    pub(super) initialized: Option<FlowInitialized>,
    pub(super) branch: Option<BranchCreated>,
    pub(super) steps: Vec<StepState>,
    /// The first step that has not finished.
    pub(super) current: usize,
    pub(super) flow_fingerprint: Option<Fingerprint>,
}

impl FlowInstance {
    /// A run that has no events yet.
    pub fn new(flow_id: FlowId) -> Self {
        Self {
            flow_id,
            events: 0,
            initialized: None,
            branch: None,
            steps: Vec::new(),
            current: 0,
            flow_fingerprint: None,
        }
    }

    /// The run's id.
    pub fn flow_id(&self) -> FlowId {
        self.flow_id
    }

    /// The position that the next event will have: the number of events so far.
    pub fn next_position(&self) -> u64 {
        self.events
    }

    /// How the run began; none before its first event.
    pub fn initialized(&self) -> Option<&FlowInitialized> {
        self.initialized.as_ref()
    }

    /// Where the run branched from another; none if it did not.
    pub fn branch(&self) -> Option<&BranchCreated> {
        self.branch.as_ref()
    }

    /// The steps in order; empty before the first event.
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// The step called `id`.
    pub fn step(&self, id: &str) -> Option<&StepState> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The first step that has not finished, with its place.
    pub fn current(&self) -> Option<(usize, &StepState)> {
        self.steps.get(self.current).map(|step| (self.current, step))
    }

    /// The step at `index` as the run recorded it when it began.
    pub fn recorded(&self, index: usize) -> Option<&RecordedStep> {
        self.initialized.as_ref()?.definition.steps.get(index)
    }

    /// Whether the step at `index`, which is pending, has a gate that nobody has opened.
    pub(super) fn is_open_question(&self, index: usize) -> bool {
        self.recorded(index).is_some_and(|step| step.gate.is_some())
            && self.steps.get(index).is_some_and(|step| step.decision.is_none())
    }

    /// Whether the step at `index`, which has failed, is tried again without a person asking for it.
    pub(super) fn may_retry(&self, index: usize) -> bool {
        let (Some(step), Some(recorded)) = (self.steps.get(index), self.recorded(index)) else { return false };
        let policy = recorded.retry.as_ref().filter(|_| !step.is_rejected() && !step.left_behind);
        policy.is_some_and(|policy| policy.again(step.attempt, step.transient))
    }

    /// The flow's fingerprint once the run is complete.
    pub fn flow_fingerprint(&self) -> Option<Fingerprint> {
        self.flow_fingerprint
    }

    /// How the run stands as a whole.
    pub fn status(&self) -> FlowStatus {
        if self.flow_fingerprint.is_some() {
            return FlowStatus::Completed;
        }
        match self.current() {
            Some((_, step)) if step.status == StepStatus::Failed => FlowStatus::Failed,
            Some((_, step)) if step.status == StepStatus::Waiting => FlowStatus::Waiting,
            _ => FlowStatus::Interrupted,
        }
    }
}

/// The state of one step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepState {
    /// Its name.
    pub id: String,
    /// Where it stands.
    pub status: StepStatus,
    /// What it was started with; none while it is pending.
    pub started: Option<StepStarted>,
    /// What it put out; empty until it has finished.
    pub outputs: Vec<OutputRef>,
    /// The end of the step in another run whose outputs it took over instead of working.
    pub reused: Option<EventAddress>,
    /// Why it failed, with the causes.
    pub error: Option<(String, Vec<String>)>,
    /// Whether it failed in a way that may pass.
    pub transient: bool,
    /// Whether it was left behind when it failed, and may be working still.
    pub left_behind: bool,
    /// The number of the attempt that it is at, from 1.
    pub attempt: u32,
    /// The attempt does not begin before.
    pub not_before: Option<Timestamp>,
    /// What a person was last asked before it starts.
    pub question: Option<UserInteractionRequested>,
    /// What that person decided.
    pub decision: Option<UserInteractionProvided>,
}

impl StepState {
    pub(super) fn pending(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            status: StepStatus::Pending,
            started: None,
            outputs: Vec::new(),
            reused: None,
            error: None,
            transient: false,
            left_behind: false,
            attempt: 1,
            not_before: None,
            question: None,
            decision: None,
        }
    }

    /// The step's fingerprint; none while it is pending.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.started.as_ref().map(|started| started.fingerprint)
    }

    /// Whether a person has decided that it does not start.
    pub fn is_rejected(&self) -> bool {
        self.decision.as_ref().is_some_and(|decision| !decision.approved)
    }

    /// The output called `name`.
    pub fn output(&self, name: &str) -> Option<&OutputRef> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepStatus {
    /// Not started.
    Pending,
    /// Not started: a person has to decide first.
    Waiting,
    /// Started and not ended: it runs now, or the process that ran it is gone.
    Running,
    /// Ended well.
    FinishedOk,
    /// Ended badly.
    Failed,
}

impl StepStatus {
    /// The status as the command line prints it.
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

/// How a run stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowStatus {
    /// All steps have ended well.
    Completed,
    /// A step has failed.
    Failed,
    /// A person has to decide before it goes on.
    Waiting,
    /// None of these: it runs now, or it can be resumed.
    Interrupted,
}

impl FlowStatus {
    /// The status as the command line prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Interrupted => "interrupted",
        }
    }
}
