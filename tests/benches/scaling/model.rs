//! A simulation of workers that claim, run and append the children of a run.
//!
//! The store is one queue: it serves `parallel` requests at a time, each in the time that was measured. A worker claims the
//! first free child from where it is in the list, and asks for each child on the way that it does not know to have ended (a
//! probe); computes rows; appends what it has every `append_every_s`; and loses what it has not appended if it fails, which it
//! does at random with a mean time. Its child is free once its lease has lapsed, and a new worker takes its place after
//! `restart_s`. Workers without a child ask again for all that have not ended, every `poll_s`, or as fast as the store answers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::measure::{Costs, Size};

/// What is to be run, and on what.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub rows: u64,
    pub row_s: f64,
    pub workers: usize,
    pub shard_rows: u64,
    /// How often a worker appends the rows that it has.
    pub append_every_s: f64,
    /// The mean time between two failures of one worker, in hours.
    pub failure_h: f64,
    pub lapses_after_s: f64,
    pub restart_s: f64,
    /// How often a worker without a child asks again.
    pub poll_s: f64,
    pub seed: u64,
}

/// What became of a plan. Times are summed over the workers, in seconds, but for `seconds` and `busy`.
#[derive(Debug, Default)]
pub struct Outcome {
    /// From the start to the end of the last child.
    pub seconds: f64,
    pub work: f64,
    /// Rows that were computed again.
    pub lost: f64,
    pub waited: f64,
    /// The time that the store was busy, as a share of all that it can do at once.
    pub busy: f64,
    pub claims: u64,
    pub appends: u64,
    /// The probes of workers on their way to a child.
    pub probes: u64,
    /// The most probes a second that workers without a child would like to make.
    pub idle_probes_s: f64,
    pub bytes: f64,
    pub files: f64,
}

/// A child: how many of its rows are stored, and who may take it.
#[derive(Clone, Copy, PartialEq)]
enum Child {
    Free(u64),
    Taken(u64),
    Ended,
}

#[derive(Default)]
struct Worker {
    /// Where in the list it looks for a child.
    at: usize,
    child: Option<usize>,
    /// The rows that it is computing or has computed since its last append.
    rows: u64,
    /// Whether it has looked for a child before, and knows those that had ended.
    has_looked: bool,
    fails_at: f64,
}

/// A time that orders.
struct At(f64);

impl PartialEq for At {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

enum Next {
    Worker(usize),
    /// The lease of this child lapses.
    Lapses(usize),
}

struct Simulation<'a> {
    plan: &'a Plan,
    costs: &'a Costs,
    random: u64,
    /// When each of the places at the store is free.
    store: BinaryHeap<Reverse<At>>,
    children: Vec<Child>,
    left: usize,
    outcome: Outcome,
}

/// Runs the plan.
pub fn simulate(plan: &Plan, costs: &Costs) -> Outcome {
    let count = plan.rows.div_ceil(plan.shard_rows) as usize;
    let mut simulation = Simulation {
        plan,
        costs,
        random: plan.seed,
        store: (0..costs.parallel).map(|_| Reverse(At(0.0))).collect(),
        children: vec![Child::Free(0); count],
        left: count,
        outcome: Outcome::default(),
    };
    simulation.run();
    simulation.outcome
}

impl Simulation<'_> {
    fn run(&mut self) {
        let (count, workers) = (self.children.len(), self.plan.workers);
        let mut events: BinaryHeap<Reverse<(At, usize)>> = BinaryHeap::new();
        let mut nexts: Vec<Next> = Vec::new();
        let mut idle: Vec<usize> = Vec::new();
        let mut all: Vec<Worker> = (0..workers)
            .map(|number| Worker {
                at: number * count / workers,
                fails_at: self.failure_after(0.0),
                ..Worker::default()
            })
            .collect();
        let schedule = |events: &mut BinaryHeap<Reverse<(At, usize)>>, nexts: &mut Vec<Next>, at: f64, next| {
            nexts.push(next);
            events.push(Reverse((At(at), nexts.len() - 1)));
        };
        for number in 0..workers {
            schedule(&mut events, &mut nexts, 0.0, Next::Worker(number));
        }
        while self.left > 0
            && let Some(Reverse((At(now), index))) = events.pop()
        {
            self.idle(now, idle.len());
            let number = match nexts[index] {
                Next::Lapses(child) => {
                    if let Child::Taken(stored) = self.children[child] {
                        self.children[child] = Child::Free(stored);
                    }
                    if let Some(number) = idle.pop() {
                        schedule(&mut events, &mut nexts, now + self.plan.poll_s / 2.0, Next::Worker(number));
                    }
                    continue;
                }
                Next::Worker(number) => number,
            };
            let worker = &mut all[number];
            let Some(child) = worker.child else {
                let (then, child) = self.claim(now, worker.at, worker.has_looked);
                (worker.child, worker.at, worker.has_looked) = (child, child.unwrap_or(worker.at), true);
                match child {
                    Some(_) => schedule(&mut events, &mut nexts, then, Next::Worker(number)),
                    None => idle.push(number),
                }
                continue;
            };
            let Child::Taken(stored) = self.children[child] else { unreachable!("a worker has taken its child") };
            let size = self.plan.shard_rows.min(self.plan.rows - child as u64 * self.plan.shard_rows);
            if worker.rows == 0 {
                let rows = ((self.plan.append_every_s / self.plan.row_s).ceil() as u64).clamp(1, size - stored);
                let done = now + rows as f64 * self.plan.row_s;
                if done <= worker.fails_at {
                    worker.rows = rows;
                    schedule(&mut events, &mut nexts, done, Next::Worker(number));
                    continue;
                }
                let failed = worker.fails_at.max(now);
                self.outcome.lost += failed - now;
                schedule(&mut events, &mut nexts, failed + self.plan.lapses_after_s, Next::Lapses(child));
                let begins = failed + self.plan.restart_s;
                *worker = Worker { at: worker.at, fails_at: self.failure_after(begins), ..Worker::default() };
                schedule(&mut events, &mut nexts, begins, Next::Worker(number));
                continue;
            }
            let rows = std::mem::take(&mut worker.rows);
            self.outcome.work += rows as f64 * self.plan.row_s;
            self.outcome.appends += 1;
            self.add(self.costs.append + self.costs.row.times(rows as f64));
            self.children[child] = Child::Taken(stored + rows);
            if stored + rows == size {
                self.children[child] = Child::Ended;
                self.left -= 1;
                worker.child = None;
            }
            let then = self.ask(now, self.costs.append_ms);
            schedule(&mut events, &mut nexts, then, Next::Worker(number));
        }
    }

    fn add(&mut self, size: Size) {
        self.outcome.bytes += size.bytes;
        self.outcome.files += size.files;
    }

    /// Accounts for the workers without a child until `now`.
    fn idle(&mut self, now: f64, workers: usize) {
        let passed = (now - self.outcome.seconds).max(0.0);
        let wanted = workers as f64 * self.left as f64 / self.plan.poll_s;
        self.outcome.idle_probes_s = self.outcome.idle_probes_s.max(if passed > 0.0 { wanted } else { 0.0 });
        self.outcome.busy += passed * (wanted * self.costs.probe_ms / 1000.0 / self.costs.parallel as f64).min(1.0);
        self.outcome.seconds = self.outcome.seconds.max(now);
    }

    /// Looks for a free child from index `at` on. Returns when the worker continues, and with which child.
    fn claim(&mut self, now: f64, at: usize, has_looked: bool) -> (f64, Option<usize>) {
        let count = self.children.len();
        let (mut probes, mut found) = (0, None);
        for index in (0..count).map(|offset| (at + offset) % count) {
            probes += u64::from(!has_looked || self.children[index] != Child::Ended);
            if let Child::Free(stored) = self.children[index] {
                self.children[index] = Child::Taken(stored);
                self.outcome.claims += 1;
                self.add(self.costs.claim);
                found = Some(index);
                break;
            }
        }
        self.outcome.probes += probes;
        let claim_ms = if found.is_some() { self.costs.claim_ms } else { 0.0 };
        (self.ask(now, claim_ms + probes as f64 * self.costs.probe_ms), found)
    }

    /// Returns when the store has answered a request of `ms`.
    fn ask(&mut self, now: f64, ms: f64) -> f64 {
        let free = self.store.pop().map_or(0.0, |Reverse(At(free))| free);
        let then = free.max(now) + ms / 1000.0;
        self.store.push(Reverse(At(then)));
        self.outcome.waited += then - now;
        self.outcome.busy += ms / 1000.0 / self.costs.parallel as f64;
        then
    }

    fn failure_after(&mut self, now: f64) -> f64 {
        // SplitMix64, by Sebastiano Vigna (public domain).
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let uniform = (bits >> 11) as f64 / (1_u64 << 53) as f64;
        now - (1.0 - uniform).ln() * self.plan.failure_h * 3600.0
    }
}
