//! Works on the children of a run without being the process that runs it: claims a child that no process runs, runs
//! it, takes the next.
//!
//! The log is the queue. A claim is the lease on the child, or its first append; nothing else knows which child is taken.

use jiff::Timestamp;

use super::child_runs::ChildRuns;
use super::clock::wait_until;
use super::shift::{PAUSE, Shift, longer};
use super::stop::cannot_run;
use super::{CoreEngineError, FlowEngine, OutOfSpace};
use crate::event::{FlowId, Resources};
use crate::flow::{FlowInstance, FlowStep, StepStatus};
use crate::step::workers::workers;
use crate::step::{CancelToken, StepError};

/// How much to work.
#[derive(Debug, Clone, Default)]
pub struct WorkOptions {
    /// When to stop; a child that runs then is interrupted, and can be resumed. `None` for no limit.
    pub until: Option<Timestamp>,
    /// How many children to run; `None` for no limit.
    pub most: Option<usize>,
    /// How many children to run at the same time; at least 1.
    pub jobs: usize,
    /// The id of the only step whose children to run; `None` for all steps.
    pub step: Option<String>,
    /// What each job has of the machine. Children of a step that needs more are left to others.
    pub has: Resources,
}

/// What a worker has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worked {
    /// The children that it ran and that have completed.
    pub completed: Vec<FlowId>,
    /// The children that it ran and that have failed.
    pub failed: Vec<FlowId>,
    /// Why it stopped.
    pub stopped: Stopped,
    /// The machine and its disk, if it stopped because that has no space.
    pub out_of_space: Option<OutOfSpace>,
}

/// Why a worker stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// All children have ended.
    NothingLeft,
    /// It ran as many children as it was asked to.
    Enough,
    /// Its time is over.
    Late,
    /// It was asked to stop.
    Interrupted,
    /// Children are left, and they need more than it has.
    TooSmall,
    /// The machine has no disk space. The child that it ran then can be resumed elsewhere.
    OutOfSpace,
}

impl WorkOptions {
    fn works_on(&self, step: &str) -> bool {
        self.step.as_deref().is_none_or(|only| only == step)
    }
}

impl Stopped {
    /// Returns the reason as scripts read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NothingLeft => "nothing_left",
            Self::Enough => "enough",
            Self::Late => "late",
            Self::Interrupted => "interrupted",
            Self::TooSmall => "too_small",
            Self::OutOfSpace => "out_of_space",
        }
    }
}

impl FlowEngine {
    /// Runs children of the run `flow_id` until none is left. The run itself continues when its own process, or one that
    /// resumes it, finds that all have ended.
    ///
    /// # Errors
    /// [`CoreEngineError::Child`] if a child cannot run, and the errors of the store. Children that were taken are released.
    pub fn work(&self, flow_id: FlowId, options: &WorkOptions) -> Result<Worked, CoreEngineError> {
        let cancel = self.cancel.child();
        if let Some(until) = options.until {
            let (clock, cancel) = (self.clock.clone(), cancel.clone());
            // Ends when this token is cancelled, which the end of the work does.
            std::thread::spawn(move || {
                wait_until(clock.as_ref(), until, &cancel);
                cancel.cancel();
            });
        }
        let worked = self.work_until(flow_id, options, &cancel);
        cancel.cancel();
        worked
    }

    fn work_until(
        &self,
        flow_id: FlowId,
        options: &WorkOptions,
        cancel: &CancelToken,
    ) -> Result<Worked, CoreEngineError> {
        let mut worked =
            Worked { completed: Vec::new(), failed: Vec::new(), stopped: Stopped::NothingLeft, out_of_space: None };
        let mut pause = PAUSE.0;
        loop {
            let done = worked.completed.len() + worked.failed.len();
            let instance = self.load(flow_id)?;
            let current = match instance.current() {
                Some((index, step)) if step.status == StepStatus::Running && options.works_on(&step.id) => {
                    ChildRuns::of(self, &instance, index)?.map(|children| (index, children))
                }
                _ => None,
            };
            match current {
                Some((index, children)) if !options.has.are_enough_for(self.needs(index, &children)) => {
                    worked.stopped = Stopped::TooSmall;
                    if !self.may_go_on(&instance, options)? {
                        return Ok(worked);
                    }
                }
                Some((_, children)) => {
                    self.shift(&children, options, cancel, &mut worked)?;
                    // The run itself may continue to a step with further children.
                    if worked.stopped != Stopped::NothingLeft || !self.may_go_on(&instance, options)? {
                        return Ok(worked);
                    }
                }
                None => {
                    worked.stopped = Stopped::NothingLeft;
                    if !self.may_go_on(&instance, options)? {
                        return Ok(worked);
                    }
                }
            }
            if cancel.is_cancelled() {
                worked.stopped = self.stopped(cancel);
                return Ok(worked);
            }
            if worked.completed.len() + worked.failed.len() > done {
                pause = PAUSE.0;
            }
            std::thread::sleep(pause);
            pause = longer(pause);
        }
    }

    fn needs(&self, index: usize, children: &ChildRuns) -> Resources {
        // How long a job lasts is no property of a child: it can be resumed by another.
        Resources { time_ms: None, ..children.needs(self.definition.steps()[index].policy()) }
    }

    /// Returns whether a process runs `instance`, and will come to further children to work on.
    fn may_go_on(&self, instance: &FlowInstance, options: &WorkOptions) -> Result<bool, CoreEngineError> {
        let group = |index: usize| self.definition.steps().get(index).and_then(|step| step.policy().shards.clone());
        let next = instance.current().map_or(usize::MAX, |(index, step)| match (step.status, group(index)) {
            // The children of a running step have ended, or are known not to. Those of a group of steps are the same.
            (StepStatus::Running, None) => index + 1,
            (StepStatus::Running, shards) => {
                (index..self.definition.steps().len()).find(|other| group(*other) != shards).unwrap_or(usize::MAX)
            }
            _ => index,
        });
        let is_held = || self.store.lease_holder(instance.flow_id()).map(|holder| holder.is_some());
        let has_work = |step: &FlowStep| step.has_children() && options.works_on(step.step().id().as_str());
        Ok(self.definition.steps().iter().skip(next).any(has_work) && is_held()?)
    }

    /// Runs the children of a step to their ends, as many at the same time as there are threads for the work on rows, and waits for
    /// those that other processes run.
    ///
    /// # Errors
    /// Fails if a child cannot run, and if `cancel` asks to stop.
    pub(super) fn run_children(&self, children: &ChildRuns, cancel: &CancelToken) -> Result<(), StepError> {
        match Shift::work(children, workers()?.current_num_threads(), None, cancel).error {
            Some(error) => Err(error),
            None if cancel.is_cancelled() => Err(StepError::interrupted()),
            None => Ok(()),
        }
    }

    fn stopped(&self, cancel: &CancelToken) -> Stopped {
        match (self.cancel.is_cancelled(), cancel.is_cancelled()) {
            (true, _) => Stopped::Interrupted,
            (false, true) => Stopped::Late,
            (false, false) => Stopped::NothingLeft,
        }
    }

    /// Works on the children of one step.
    fn shift(
        &self,
        children: &ChildRuns,
        options: &WorkOptions,
        cancel: &CancelToken,
        worked: &mut Worked,
    ) -> Result<(), CoreEngineError> {
        let done = worked.completed.len() + worked.failed.len();
        let most = options.most.map(|most| most.saturating_sub(done));
        let state = Shift::work(children, options.jobs, most, cancel);
        let count = state.completed.len() + state.failed.len();
        worked.completed.extend(state.completed);
        worked.failed.extend(state.failed);
        worked.stopped = match most {
            _ if cancel.is_cancelled() => self.stopped(cancel),
            Some(most) if count >= most && state.ended.len() < children.count() => Stopped::Enough,
            _ => Stopped::NothingLeft,
        };
        match (children.stop.take(), state.error) {
            (Some(CoreEngineError::OutOfSpace { found, .. }), _) => {
                (worked.stopped, worked.out_of_space) = (Stopped::OutOfSpace, Some(*found));
                Ok(())
            }
            (Some(error), _) => Err(error),
            (None, Some(error)) if !error.is_interrupted() => Err(cannot_run(error)),
            (None, _) => Ok(()),
        }
    }
}
