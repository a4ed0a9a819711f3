//! The workers of a run, which all its steps in Python share.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::interpreter::Interpreter;
use super::worker::{Trouble, Worker};
use crate::step::StepError;

/// The interval at which a request that waits for a worker checks for cancellation.
const CHECK_EVERY: Duration = Duration::from_millis(20);

/// Where steps run, and in how many workers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Home {
    pub(super) python: Interpreter,
    /// The number of workers; `None` for one on each core.
    pub(super) workers: Option<usize>,
}

/// The workers of an interpreter. They end with the last step that uses them.
pub(super) struct Pool {
    home: Home,
    workers: Mutex<Workers>,
    returned: Condvar,
}

#[derive(Default)]
struct Workers {
    idle: Vec<Worker>,
    /// The number of workers, idle or not.
    count: usize,
}

impl Pool {
    /// Returns the workers of `home`, which start when they are needed.
    pub(super) fn of(home: &Home) -> Arc<Self> {
        static POOLS: OnceLock<Mutex<HashMap<Home, Weak<Pool>>>> = OnceLock::new();
        let mut pools = POOLS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(home).and_then(Weak::upgrade) {
            return pool;
        }
        pools.retain(|_, pool| pool.strong_count() > 0);
        let pool = Arc::new(Self { home: home.clone(), workers: Mutex::default(), returned: Condvar::new() });
        pools.insert(home.clone(), Arc::downgrade(&pool));
        pool
    }

    /// Returns the interpreter.
    pub(super) fn python(&self) -> &Interpreter {
        &self.home.python
    }

    /// Does `work` with a worker that is idle or new. A worker that answers is used again.
    pub(super) fn with_worker<R>(
        &self,
        check: &dyn Fn() -> Result<(), StepError>,
        work: impl FnOnce(&mut Worker) -> Result<R, Trouble>,
    ) -> Result<R, Trouble> {
        let mut place = self.place(check)?;
        let mut worker = match place.worker.take() {
            Some(worker) => worker,
            None => Worker::start(&self.home.python, check)?,
        };
        let result = work(&mut worker);
        if result.is_ok() {
            place.worker = Some(worker);
        }
        result
    }

    fn place(&self, check: &dyn Fn() -> Result<(), StepError>) -> Result<Place<'_>, StepError> {
        let most =
            self.home.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(worker) = workers.idle.pop() {
                return Ok(Place { pool: self, worker: Some(worker) });
            }
            if workers.count < most {
                workers.count += 1;
                return Ok(Place { pool: self, worker: None });
            }
            check()?;
            let waited = self.returned.wait_timeout(workers, CHECK_EVERY);
            (workers, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The place of one of the workers that a pool may have.
struct Place<'p> {
    pool: &'p Pool,
    worker: Option<Worker>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut workers = self.pool.workers.lock().unwrap_or_else(PoisonError::into_inner);
        match self.worker.take() {
            Some(worker) => workers.idle.push(worker),
            None => workers.count -= 1,
        }
        self.pool.returned.notify_one();
    }
}
