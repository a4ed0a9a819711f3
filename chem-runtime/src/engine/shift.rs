//! The jobs of a worker, each of which runs one child after another.
//!
//! Two jobs that look for a child at the same place take it from each other, and both ask the store for each child on their way.
//! So each job goes through the children in an order of its own, and what one learns of them is known to all of the process.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::child_runs::{ChildRuns, Ran};
use crate::event::FlowId;
use crate::step::children::ChildEnd;
use crate::step::{CancelToken, StepError};

/// How long to wait before asking again for a child that no process runs: at first, and at most.
pub(super) const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// Returns the pause after `pause`: twice as long.
pub(super) fn longer(pause: Duration) -> Duration {
    (pause * 2).min(PAUSE.1)
}

/// The part of the time of a worker in which it may ask for completed children: one in this many.
const ASKING: u32 = 20;

/// How late a worker may notice that a child has ended elsewhere: by one part in this many of the time that it has worked.
const LATE: u32 = 100;

/// What the jobs of a worker share.
pub(super) struct Shift<'a> {
    children: &'a ChildRuns,
    /// How many children to run; `None` for no limit.
    most: Option<usize>,
    cancel: &'a CancelToken,
    began: Instant,
    state: Mutex<State>,
    /// A job has ended a child, or stopped.
    changed: Condvar,
}

/// What the jobs know.
#[derive(Default)]
pub(super) struct State {
    /// The children that a job runs at the moment, for the limit on their number.
    taken: HashSet<usize>,
    pub(super) ended: HashSet<usize>,
    pub(super) completed: Vec<FlowId>,
    pub(super) failed: Vec<FlowId>,
    pub(super) error: Option<StepError>,
    /// When the store may be asked again which children have completed.
    asks_at: Option<Instant>,
}

impl Shift<'_> {
    /// Runs up to `most` children with `jobs` jobs, until all have ended or the work is over.
    pub(super) fn work(children: &ChildRuns, jobs: usize, most: Option<usize>, cancel: &CancelToken) -> State {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shift = Shift { children, most, cancel, began: Instant::now(), state, changed };
        shift.ask();
        std::thread::scope(|scope| {
            for _ in 0..jobs.clamp(1, children.count().max(1)) {
                scope.spawn(|| shift.do_job());
            }
        });
        shift.state.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one child after another, until none is left or the work is over.
    fn do_job(&self) {
        let total = self.children.count();
        let order = Order::random(total);
        loop {
            let mut left = order.iter();
            while let Some(index) = self.take(&mut left) {
                let result = self.run(index);
                let mut state = self.state();
                state.taken.remove(&index);
                self.changed.notify_all();
                if let Err(error) = result {
                    // Other jobs stop before they take another child.
                    state.error.get_or_insert(error);
                    return;
                }
                drop(state);
                self.ask();
            }
            if self.is_over() {
                return;
            }
            let state = self.state();
            if state.ended.len() == total {
                return;
            }
            // So few questions in a long time, and so little of a short one is lost at its end.
            let pause = (self.began.elapsed() / LATE).clamp(PAUSE.0, PAUSE.1);
            drop(self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner));
            self.ask();
        }
    }

    /// Asks the store which children have completed, in one question for all of them, unless a job has asked a moment ago.
    fn ask(&self) {
        let began = Instant::now();
        let mut state = self.state();
        if state.asks_at.is_some_and(|time| began < time) {
            return;
        }
        // The other jobs do not wait for the answer.
        state.asks_at = Some(began + PAUSE.1);
        drop(state);
        let answer = self.children.completed();
        let mut state = self.state();
        state.asks_at = Some(Instant::now() + (began.elapsed() * ASKING).max(PAUSE.0));
        match answer {
            Ok(completed) => state.ended.extend(completed),
            Err(error) => drop(state.error.get_or_insert(error)),
        }
    }

    /// Takes the next child for this job that has not ended and that no other job has; `None` if there is none, or if the work is
    /// over.
    fn take(&self, left: &mut impl Iterator<Item = usize>) -> Option<usize> {
        let mut state = self.state();
        // One lock for all children that are passed over: there are many, and many jobs.
        let index = left.find(|index| !state.ended.contains(index) && !state.taken.contains(index))?;
        let is_free = !self.is_over_in(&state) && state.taken.insert(index);
        is_free.then_some(index)
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
        self.is_over_in(&self.state())
    }

    fn is_over_in(&self, state: &State) -> bool {
        // Children that other jobs run count, so that no job takes one too many.
        let begun = state.completed.len() + state.failed.len() + state.taken.len();
        state.error.is_some() || self.cancel.is_cancelled() || self.most.is_some_and(|most| begun >= most)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An order of the children that differs from job to job.
struct Order {
    count: usize,
    start: usize,
    /// The distance between one and the next; it has no divisor in common with `count`, so that each comes once.
    stride: usize,
}

impl Order {
    fn random(count: usize) -> Self {
        let random = |below: usize| RandomState::new().hash_one(()) as usize % below.max(1);
        let stride = (random(count)..).find(|stride| common_divisor(*stride, count) == 1).unwrap_or(1);
        Self { count, start: random(count), stride }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        let mut next = self.start;
        (0..self.count).map(move |_| {
            let index = next;
            next = (next + self.stride) % self.count;
            index
        })
    }
}

/// Returns the greatest common divisor: that of 0 and a number is the number.
fn common_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_child_comes_once_and_jobs_begin_at_different_ones() {
        for count in [0, 1, 2, 3, 12, 97, 1_000] {
            let mut all: Vec<usize> = Order::random(count).iter().collect();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
        let orders: HashSet<Vec<usize>> = (0..20).map(|_| Order::random(1_000).iter().collect()).collect();
        assert!(orders.len() > 15, "{}", orders.len());
    }
}
