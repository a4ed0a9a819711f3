//! Writers that come at the same time share a commit.
//!
//! There is no writer thread. A caller who finds nobody committing commits what is waiting, his own among it; those who
//! come meanwhile wait, and one of them is next. So a single writer is served at once and on its own thread, and with
//! many of them a commit carries all who came while the one before it was under way.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::append::{AT_ONCE, Pending};
use crate::store::StoreError;

/// So many commits are under way at once: while one waits for the disk, the next is put together.
const LEADERS: usize = 2;
/// The most runs that share a commit.
const MOST_RUNS: usize = 512;
/// The writers of a shared commit come back one by one. The next commit waits for half of them, but no longer than this.
const LINGER: Duration = Duration::from_micros(500);

/// One caller's append on its way.
pub(super) struct Ticket {
    pub(super) pending: Pending,
    size: usize,
    turn: Mutex<Turn>,
    turned: Condvar,
}

enum Turn {
    Waits,
    /// A commit has ended, and nobody may have begun the next.
    Nudged,
    Done(Result<(), StoreError>),
}

impl Ticket {
    fn new(pending: Pending) -> Arc<Self> {
        let size = pending.size();
        Arc::new(Self { pending, size, turn: Mutex::new(Turn::Waits), turned: Condvar::new() })
    }

    /// Tells the caller what has come of it. The first word is the last.
    pub(super) fn done(&self, result: Result<(), StoreError>) {
        let mut turn = self.turn();
        if !matches!(*turn, Turn::Done(_)) {
            *turn = Turn::Done(result);
            self.turned.notify_one();
        }
    }

    /// The result, if there is one.
    fn result(&self) -> Option<Result<(), StoreError>> {
        match std::mem::replace(&mut *self.turn(), Turn::Waits) {
            Turn::Done(result) => Some(result),
            Turn::Nudged | Turn::Waits => None,
        }
    }

    fn wait(&self) -> Option<Result<(), StoreError>> {
        let waits = |turn: &mut Turn| matches!(turn, Turn::Waits);
        drop(self.turned.wait_while(self.turn(), waits).unwrap_or_else(PoisonError::into_inner));
        self.result()
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings writers together.
#[derive(Default)]
pub(super) struct GroupWriter {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Arc<Ticket>>,
    /// How many commits are under way.
    leaders: usize,
    /// How many shared the last one.
    shared: usize,
}

impl GroupWriter {
    /// Has `pending` committed: by this caller through `commit`, or by another one through his.
    pub(super) fn submit(&self, pending: Pending, commit: impl Fn(&[Arc<Ticket>])) -> Result<(), StoreError> {
        let ticket = Ticket::new(pending);
        self.queue().waiting.push(ticket.clone());
        loop {
            let mut queue = self.queue();
            if queue.leaders < LEADERS && queue.waiting.iter().any(|waiting| Arc::ptr_eq(waiting, &ticket)) {
                queue.leaders += 1;
                break self.lead(queue, &ticket, &commit);
            }
            self.arrived.notify_one();
            drop(queue);
            if let Some(result) = ticket.wait() {
                break result;
            }
        }
    }

    /// Commits until `own` is done.
    fn lead<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        own: &Ticket,
        commit: &impl Fn(&[Arc<Ticket>]),
    ) -> Result<(), StoreError> {
        let _leader = Leader(self);
        loop {
            let batch = self.gather(queue);
            let unfinished = Unfinished(&batch);
            commit(&batch);
            drop(unfinished);
            if let Some(result) = own.result() {
                return result;
            }
            queue = self.queue();
        }
    }

    /// Takes what shall share the next commit: at most one append of each run, for those of one run come one after the
    /// other.
    fn gather(&self, queue: MutexGuard<'_, Queue>) -> Vec<Arc<Ticket>> {
        let few = |queue: &mut Queue| queue.waiting.len() * 2 < queue.shared;
        let (mut queue, _) =
            self.arrived.wait_timeout_while(queue, LINGER, few).unwrap_or_else(PoisonError::into_inner);
        let (mut runs, mut size) = (HashSet::new(), 0);
        let (mut batch, mut later) = (Vec::new(), Vec::new());
        for ticket in queue.waiting.drain(..) {
            let fits = batch.is_empty() || (batch.len() < MOST_RUNS && size + ticket.size <= AT_ONCE);
            if fits && runs.insert(ticket.pending.flow_id) {
                size += ticket.size;
                batch.push(ticket);
            } else {
                later.push(ticket);
            }
        }
        queue.waiting = later;
        queue.shared = batch.len();
        batch
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one who commits. When he is done, one of those who wait is told; also if he is done by a panic.
struct Leader<'a>(&'a GroupWriter);

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.leaders -= 1;
        if let Some(next) = queue.waiting.first() {
            *next.turn() = Turn::Nudged;
            next.turned.notify_one();
        }
    }
}

/// A batch that is being committed. Whoever has heard nothing when it is over hears that it failed.
struct Unfinished<'a>(&'a [Arc<Ticket>]);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        for ticket in self.0 {
            ticket.done(Err(StoreError::Backend {
                message: "the writer that was to store the event is gone".into(),
                transient: true,
                source: "it panicked".into(),
            }));
        }
    }
}
