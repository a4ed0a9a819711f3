//! Works on the children of a run without being the process that runs it: claims a child that no process runs, runs
//! it, takes the next.
//!
//! The log is the queue. A claim is the lease on the child, or its first append; nothing else knows which child is taken.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::child_runs::{ChildRuns, Ran};
use super::clock::wait_until;
use super::{CoreEngineError, FlowEngine};
use crate::event::{FlowId, Resources};
use crate::flow::{FlowInstance, FlowStep, StepStatus};
use crate::step::children::ChildEnd;
use crate::step::workers::workers;
use crate::step::{CancelToken, StepError};

/// How long to wait before asking again for a child that no process runs: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// Returns the pause after `pause`: twice as long.
fn longer(pause: Duration) -> Duration {
    (pause * 2).min(PAUSE.1)
}

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
        }
    }
}

/// What the jobs of a worker share.
struct Shift<'a> {
    children: &'a ChildRuns,
    options: &'a WorkOptions,
    cancel: &'a CancelToken,
    state: Mutex<State>,
    /// A job has ended a child, or stopped.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The children that a job runs at the moment. A lease cannot tell the jobs of a process apart.
    taken: HashSet<usize>,
    ended: HashSet<usize>,
    completed: Vec<FlowId>,
    failed: Vec<FlowId>,
    error: Option<StepError>,
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
        let mut worked = Worked { completed: Vec::new(), failed: Vec::new(), stopped: Stopped::NothingLeft };
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
        let options = WorkOptions { jobs: workers()?.current_num_threads(), ..WorkOptions::default() };
        match self.do_shift(children, &options, cancel).error {
            Some(error) => Err(error),
            None if cancel.is_cancelled() => Err(StepError::interrupted()),
            None => Ok(()),
        }
    }

    fn do_shift(&self, children: &ChildRuns, options: &WorkOptions, cancel: &CancelToken) -> State {
        let shift = Shift { children, options, cancel, state: Mutex::default(), changed: Condvar::new() };
        std::thread::scope(|scope| {
            for job in 0..options.jobs.clamp(1, children.count().max(1)) {
                let shift = &shift;
                scope.spawn(move || shift.work(job));
            }
        });
        shift.state.into_inner().unwrap_or_else(PoisonError::into_inner)
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
        let options = WorkOptions { most: options.most.map(|most| most.saturating_sub(done)), ..options.clone() };
        let state = self.do_shift(children, &options, cancel);
        let count = state.completed.len() + state.failed.len();
        worked.completed.extend(state.completed);
        worked.failed.extend(state.failed);
        worked.stopped = match options.most {
            _ if cancel.is_cancelled() => self.stopped(cancel),
            Some(most) if count >= most && state.ended.len() < children.count() => Stopped::Enough,
            _ => Stopped::NothingLeft,
        };
        match state.error {
            Some(error) if !error.is_interrupted() => Err(CoreEngineError::Child(format!("{error:#}"))),
            _ => Ok(()),
        }
    }
}

impl Shift<'_> {
    /// Takes one child after another, until none is left or the work is over.
    fn work(&self, job: usize) {
        let total = self.children.count();
        if total == 0 {
            return;
        }
        // Workers that begin at different children ask less often for one that is taken.
        let start = std::process::id() as usize + job * total / self.options.jobs.max(1);
        let mut pause = PAUSE.0;
        loop {
            let ended = self.state().ended.len();
            // One question to the store in place of one for each child.
            match self.children.completed() {
                Ok(completed) => self.state().ended.extend(completed),
                Err(error) => {
                    self.state().error.get_or_insert(error);
                    return;
                }
            }
            for index in (0..total).map(|offset| (start + offset) % total) {
                if !self.claim(index) {
                    continue;
                }
                let result = self.run(index);
                let mut state = self.state();
                state.taken.remove(&index);
                self.changed.notify_all();
                if let Err(error) = result {
                    // Other jobs stop before they take another child.
                    state.error.get_or_insert(error);
                    return;
                }
            }
            if self.is_over() {
                return;
            }
            let state = self.state();
            if state.ended.len() == total {
                return;
            }
            pause = if state.ended.len() > ended { PAUSE.0 } else { longer(pause) };
            drop(self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Takes a child for this job, unless it has ended or another job has it.
    fn claim(&self, index: usize) -> bool {
        if self.is_over() {
            return false;
        }
        let mut state = self.state();
        !state.ended.contains(&index) && state.taken.insert(index)
    }

    fn run(&self, index: usize) -> Result<(), StepError> {
        match self.children.run(index, self.cancel)? {
            Ran::Before(_) => drop(self.state().ended.insert(index)),
            Ran::Now(end) => {
                self.state().ended.insert(index);
                self.note(end);
            }
            Ran::Held => {
                let ends = self.children.help(index, self.cancel, &|| self.is_over())?;
                ends.into_iter().for_each(|end| self.note(end));
            }
        }
        Ok(())
    }

    fn note(&self, end: ChildEnd) {
        let mut state = self.state();
        match end.result {
            Ok(_) => state.completed.push(end.flow_id),
            // The parts of its rows have ended, too, or its row is set apart.
            Err(failure) if failure.deaths > 0 => {}
            Err(_) => state.failed.push(end.flow_id),
        }
    }

    fn is_over(&self) -> bool {
        let state = self.state();
        // Children that other jobs run count, so that no job takes one too many.
        let begun = state.completed.len() + state.failed.len() + state.taken.len();
        state.error.is_some() || self.cancel.is_cancelled() || self.options.most.is_some_and(|most| begun >= most)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
