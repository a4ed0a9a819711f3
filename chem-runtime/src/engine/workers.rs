//! Has the children of a step run by other processes: submits workers once, then waits until the log says that all children
//! have ended.
//!
//! The log is all that the waiting process reads. It asks the scheduler, which makes workers of a submission, in two cases
//! only: when a run is resumed, whether the workers of its submission still come, so that none are submitted twice; and when
//! nothing has happened in the log for a while and no process runs a child.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::child_runs::{ChildRuns, SUBMITTED};
use super::clock::{Clock, after, wait_until};
use super::out_of_space::OutOfSpace;
use crate::event::{FlowId, Resources};
use crate::fingerprint::to_json;
use crate::step::children::{Advance, Children};
use crate::step::{CancelToken, Keeper, StepError};

/// How long to wait before looking at the log again, in milliseconds.
const PAUSE_MS: u64 = 1000;

/// The longest time between two questions to the scheduler, in milliseconds.
const MOST_PATIENCE_MS: u64 = 60 * 60 * 1000;

/// The signal by which a step records that all workers of a submission are gone.
pub(crate) const GONE: &str = "workers_gone";

/// How many submissions in a row may end without a new event of a child.
const FRUITLESS: u32 = 3;

/// What workers are needed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The run with the step.
    pub run: FlowId,
    /// The id of the step.
    pub step: String,
    /// What each child needs of a machine.
    pub needs: Resources,
    /// The number of children that have not ended.
    pub left: usize,
}

/// Workers that were submitted to a scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The id of the job.
    pub job: String,
    /// The name of the scheduler.
    pub scheduler: String,
    /// The number of workers; `None` if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<u32>,
}

/// What a scheduler says about submitted workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workforce {
    /// The submission whose workers run or wait to run; `None` if all are gone.
    pub alive: Option<Submission>,
    /// What became of the workers, in words.
    pub summary: String,
}

/// Brings workers, processes that run the children of a step.
pub trait Workers: Send + Sync {
    /// Submits workers. Returns `None` if a person brings them, so that no scheduler knows about them.
    ///
    /// # Errors
    /// Says why they cannot be submitted.
    fn submit(&self, order: &Order) -> Result<Option<Submission>, String>;

    /// Asks what became of the workers of `submission`, or of any submission for `order` if none was recorded.
    ///
    /// # Errors
    /// Says why that is not known.
    fn ask(&self, order: &Order, submission: Option<&Submission>) -> Result<Workforce, String>;

    /// Returns how long to wait for something to happen before asking, in milliseconds.
    fn patience_ms(&self) -> u64;

    /// Says something about the workers to the person who waits for them. Left out, it is only logged.
    fn say(&self, message: &str) {
        tracing::warn!(message);
    }
}

/// The children of a step, run by workers.
pub(super) struct DelegatedChildren {
    runs: ChildRuns,
    order: Order,
    workers: Arc<dyn Workers>,
    keeper: Arc<dyn Keeper>,
    clock: Arc<dyn Clock>,
    /// Whether another process may have submitted workers for this attempt and left no record.
    resumed: bool,
    watch: Mutex<Watch>,
}

/// What is known of the workers and of their progress.
struct Watch {
    /// Whether workers were submitted, or found, in this process.
    begun: bool,
    submission: Option<Submission>,
    /// The number of the last event of each child; `None` before the first.
    last: Vec<Option<u64>>,
    ended: Vec<bool>,
    /// When something happened last.
    moved: Timestamp,
    patience_ms: u64,
    /// How many submissions in a row ended without a new event of a child.
    fruitless: u32,
    /// Why the workers cannot be had.
    error: Option<String>,
}

impl DelegatedChildren {
    pub(super) fn new(
        runs: ChildRuns,
        order: Order,
        workers: Arc<dyn Workers>,
        keeper: Arc<dyn Keeper>,
        clock: Arc<dyn Clock>,
        resumed: bool,
    ) -> Self {
        let watch = Watch {
            begun: false,
            submission: runs.submission().and_then(|data| serde_json::from_value(data.clone()).ok()),
            last: vec![None; runs.count()],
            ended: vec![false; runs.count()],
            moved: clock.now(),
            patience_ms: workers.patience_ms(),
            fruitless: 0,
            error: None,
        };
        Self { runs, order, workers, keeper, clock, resumed, watch: Mutex::new(watch) }
    }

    /// Returns why the workers cannot be had; `None` if the step stopped for another reason.
    pub(super) fn take_error(&self) -> Option<String> {
        self.watch().error.take()
    }

    /// Returns the children as this process could run them.
    pub(super) fn runs(&self) -> &ChildRuns {
        &self.runs
    }

    fn watch(&self) -> std::sync::MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, watch: &Watch) -> Order {
        Order { left: watch.ended.iter().filter(|ended| !**ended).count(), ..self.order.clone() }
    }

    /// Submits workers, unless those of an earlier submission still come.
    fn begin(&self, watch: &mut Watch) -> Result<(), String> {
        watch.begun = true;
        if watch.submission.is_none() && !self.resumed {
            return self.submit(watch);
        }
        let found = self.workers.ask(&self.order(watch), watch.submission.as_ref())?;
        match found.alive {
            Some(submission) if watch.submission.as_ref() == Some(&submission) => Ok(()),
            Some(submission) => self.record(watch, submission),
            None => {
                let full = self.full_machines(watch)?;
                self.record_end(watch, &found.summary, &full)?;
                self.submit(watch)
            }
        }
    }

    fn submit(&self, watch: &mut Watch) -> Result<(), String> {
        match self.workers.submit(&self.order(watch))? {
            Some(submission) => self.record(watch, submission),
            None => Ok(()),
        }
    }

    /// Records a submission in the log, so that a process that resumes the run finds it.
    fn record(&self, watch: &mut Watch, submission: Submission) -> Result<(), String> {
        let data = to_json(&submission).map_err(|error| error.to_string())?;
        watch.submission = Some(submission);
        (watch.moved, watch.patience_ms) = (self.clock.now(), self.workers.patience_ms());
        self.keeper.keep_signal(SUBMITTED, data).map_err(|error| error.to_string())
    }

    /// Records that the workers of the last submission are gone, and what the scheduler says about them, because it forgets
    /// them soon.
    fn record_end(&self, watch: &Watch, summary: &str, full: &[OutOfSpace]) -> Result<(), String> {
        let Some(Submission { job, scheduler, .. }) = &watch.submission else { return Ok(()) };
        let mut data = json!({ "job": job, "scheduler": scheduler, "workers": summary });
        if !full.is_empty() {
            data["out_of_space"] = json!(full);
        }
        self.keeper.keep_signal(GONE, data).map_err(|error| error.to_string())
    }

    /// Returns the machines that had no space for the children that have not ended, and says so.
    fn full_machines(&self, watch: &Watch) -> Result<Vec<OutOfSpace>, String> {
        let mut full: Vec<OutOfSpace> = Vec::new();
        for index in (0..watch.ended.len()).filter(|index| !watch.ended[*index]) {
            for found in self.runs.full_machines(index).map_err(|error| error.to_string())? {
                if !full.iter().any(|known| known.is_known_by(&found)) {
                    full.push(found);
                }
            }
        }
        if !full.is_empty() {
            self.workers.say(&said_of(&full));
        }
        Ok(full)
    }

    /// Asks the scheduler if nothing has happened for long, and submits again if all workers are gone.
    fn look(&self, watch: &mut Watch) -> Result<(), String> {
        let idle = self.clock.now().duration_since(watch.moved).as_millis();
        if watch.submission.is_none() || idle < i128::from(watch.patience_ms) {
            return Ok(());
        }
        watch.moved = self.clock.now();
        if self.is_held(watch)? {
            return Ok(());
        }
        let order = self.order(watch);
        let found = self.workers.ask(&order, watch.submission.as_ref())?;
        if found.alive.is_some() {
            watch.patience_ms =
                watch.patience_ms.saturating_mul(2).min(MOST_PATIENCE_MS.max(self.workers.patience_ms()));
            return Ok(());
        }
        let full = self.full_machines(watch)?;
        self.record_end(watch, &found.summary, &full)?;
        watch.fruitless += 1;
        if watch.fruitless >= FRUITLESS {
            let (left, mut summary) = (order.left, found.summary);
            if !full.is_empty() {
                summary = format!("{summary}; {}", said_of(&full));
            }
            return Err(format!(
                "the workers are gone and {left} children have not ended, after {FRUITLESS} submissions in a row by \
                 which no child got further: {summary}"
            ));
        }
        self.submit(watch)
    }

    /// Returns whether a process runs a child.
    fn is_held(&self, watch: &Watch) -> Result<bool, String> {
        for index in (0..watch.ended.len()).filter(|index| !watch.ended[*index]) {
            if self.runs.is_held(index).map_err(|error| error.to_string())? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Children for DelegatedChildren {
    fn advance(&self, index: usize, cancel: &CancelToken) -> Result<Advance, StepError> {
        if cancel.is_cancelled() {
            return Err(StepError::interrupted());
        }
        let read = self.runs.end(index);
        let mut watch = self.watch();
        let (last, end) = match read {
            Ok(read) => read,
            // The store has failed. Nothing is wrong with the children, which their workers go on to run.
            Err(error) if error.is_interrupted() => return Err(error),
            Err(error) => {
                watch.error = Some(format!("{error:#}"));
                return Err(StepError::interrupted());
            }
        };
        if watch.last[index] < last {
            watch.last[index] = last;
            (watch.moved, watch.patience_ms) = (self.clock.now(), self.workers.patience_ms());
            watch.fruitless = 0;
        }
        watch.ended[index] |= end.is_some();
        Ok(end.map_or(Advance::Held, Advance::Ended))
    }

    fn wait(&self, cancel: &CancelToken) -> Result<(), StepError> {
        let mut watch = self.watch();
        let done = if watch.begun { self.look(&mut watch) } else { self.begin(&mut watch) };
        if let Err(error) = done {
            watch.error = Some(error);
            // The run stays as it is, and can be resumed when the scheduler can be used.
            return Err(StepError::interrupted());
        }
        drop(watch);
        match wait_until(self.clock.as_ref(), after(self.clock.now(), PAUSE_MS), cancel) {
            true => Ok(()),
            false => Err(StepError::interrupted()),
        }
    }
}

/// Says which machines had no space.
fn said_of(full: &[OutOfSpace]) -> String {
    let machines: Vec<String> = full.iter().map(OutOfSpace::summary).collect();
    format!("workers had no disk space: {}; free space there, or leave such machines out", machines.join(", "))
}
