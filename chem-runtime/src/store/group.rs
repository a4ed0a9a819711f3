//! Group commit: concurrent writers share a commit.
//!
//! There is no writer thread. A caller that finds no commit running becomes the leader and commits all waiting appends,
//! its own included; callers that arrive meanwhile wait, and one of them leads next. A single writer is thus served
//! immediately and on its own thread, and with many writers, each commit contains all appends that arrived during the
//! one before it.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::pending::{AT_ONCE, Pending};
use super::{ErrorClass, PersistenceError};

/// The maximum number of runs in a commit.
const MOST_RUNS: usize = 512;
/// The longest wait of the next commit for half of the writers of the last one, which return one by one.
const LINGER: Duration = Duration::from_micros(500);

/// The append of one caller, from submission to result.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) pending: Pending,
    size: usize,
    turn: Mutex<Turn>,
    turned: Condvar,
}

#[derive(Debug)]
enum Turn {
    Waits,
    /// A commit has ended, and the next may not have a leader yet.
    Nudged,
    Done(Result<(), PersistenceError>),
}

impl Ticket {
    fn new(pending: Pending) -> Arc<Self> {
        let size = pending.size();
        Arc::new(Self { pending, size, turn: Mutex::new(Turn::Waits), turned: Condvar::new() })
    }

    /// Reports the result to the caller. Later results are ignored.
    pub(super) fn done(&self, result: Result<(), PersistenceError>) {
        let mut turn = self.turn();
        if !matches!(*turn, Turn::Done(_)) {
            *turn = Turn::Done(result);
            self.turned.notify_one();
        }
    }

    /// Takes the result, if there is one.
    fn result(&self) -> Option<Result<(), PersistenceError>> {
        match std::mem::replace(&mut *self.turn(), Turn::Waits) {
            Turn::Done(result) => Some(result),
            Turn::Nudged | Turn::Waits => None,
        }
    }

    fn wait(&self) -> Option<Result<(), PersistenceError>> {
        let waits = |turn: &mut Turn| matches!(turn, Turn::Waits);
        drop(self.turned.wait_while(self.turn(), waits).unwrap_or_else(PoisonError::into_inner));
        self.result()
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Combines the appends of concurrent writers into shared commits.
#[derive(Debug)]
pub(super) struct GroupWriter {
    /// The number of concurrent commits.
    leaders: usize,
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Arc<Ticket>>,
    /// The number of commits that are running.
    leaders: usize,
    /// The number of appends in the last commit.
    shared: usize,
}

impl GroupWriter {
    /// Creates a writer with up to `leaders` concurrent commits.
    pub(super) fn new(leaders: usize) -> Self {
        Self { leaders, queue: Mutex::default(), arrived: Condvar::new() }
    }

    /// Commits `pending`, through the `commit` of this caller or of another one.
    pub(super) fn submit(&self, pending: Pending, commit: impl Fn(&[Arc<Ticket>])) -> Result<(), PersistenceError> {
        let ticket = Ticket::new(pending);
        self.queue().waiting.push(ticket.clone());
        loop {
            let mut queue = self.queue();
            if queue.leaders < self.leaders && queue.waiting.iter().any(|waiting| Arc::ptr_eq(waiting, &ticket)) {
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

    /// Commits batches until `own` has a result.
    fn lead<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        own: &Ticket,
        commit: &impl Fn(&[Arc<Ticket>]),
    ) -> Result<(), PersistenceError> {
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

    /// Takes the appends for the next commit: at most one of each run, because the appends of a run must follow one
    /// another.
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

/// The leader of a commit. On drop, also after a panic, wakes a waiting caller.
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

/// Guard over a batch that is being committed: on drop, fails every ticket that has no result yet.
struct Unfinished<'a>(&'a [Arc<Ticket>]);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        for ticket in self.0 {
            ticket.done(Err(PersistenceError::Backend {
                message: "the writer that was to store the event is gone".into(),
                transient: true,
                source: "it panicked".into(),
            }));
        }
    }
}

/// Reports a failure of the whole commit to each of its callers.
pub(super) fn fail_all<'a>(tickets: impl ExactSizeIterator<Item = &'a Arc<Ticket>>, error: PersistenceError) {
    if tickets.len() == 1 {
        // The only caller gets the error itself.
        let mut error = Some(error);
        tickets.for_each(|ticket| error.take().into_iter().for_each(|error| ticket.done(Err(error))));
        return;
    }
    let error = Arc::new(error);
    tickets.for_each(|ticket| ticket.done(Err(shared(&error))));
}

/// Returns an equivalent of `error` for one of the callers that shared a commit.
fn shared(error: &Arc<PersistenceError>) -> PersistenceError {
    let (message, source) = (error.to_string(), Box::new(Cause(error.clone())));
    match error.as_ref() {
        PersistenceError::Unusable { .. } => PersistenceError::Unusable { message, source: Some(source) },
        other => PersistenceError::Backend { message, transient: other.class() == ErrorClass::Transient, source },
    }
}

/// The source of an error that several callers share.
#[derive(Debug)]
struct Cause(Arc<PersistenceError>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(source) => write!(f, "{source}"),
            None => f.write_str("the store said no more"),
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()?.source()
    }
}
