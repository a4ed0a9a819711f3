//! The threads that work on rows and records.

use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::error::StepError;
use crate::cancel;

/// The stack of a worker: 64 MiB. Work on a molecule recurses along its bonds: a chain of 1,000 atoms takes 12 MiB in a
/// debug build, which would overflow the default of 2 MiB. Memory is committed only as it is used.
const STACK_BYTES: usize = 64 << 20;

/// The interval at which [`abandonable`] checks for cancellation.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// Runs `work` on a thread with a deep stack. Its use of `rayon` is spread over all such threads.
pub fn on_workers<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R, StepError> {
    let token = cancel::current();
    Ok(workers()?.install(|| token.scope(work)))
}

/// Runs `work` on a separate thread with a deep stack, and abandons it on cancellation. For work that takes seconds in a
/// library that cannot be interrupted.
///
/// # Errors
/// Fails if the step is cancelled, if the thread cannot be started, or if `work` panics.
pub(crate) fn abandonable<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, StepError> {
    let (sender, receiver) = channel();
    // The result of abandoned work has no receiver.
    std::thread::Builder::new()
        .name("chem-worker-alone".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || drop(sender.send(work())))
        .map_err(|error| StepError::context("cannot start a thread to work on a record", error).transient())?;
    loop {
        match receiver.recv_timeout(CHECK_EVERY) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => cancel::check()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(StepError::new("the thread that worked on a record ended without a result"));
            }
        }
    }
}

/// Returns the threads that all steps share: one per core, or as many as `RAYON_NUM_THREADS` says.
pub(crate) fn workers() -> Result<&'static ThreadPool, StepError> {
    static WORKERS: OnceLock<Result<ThreadPool, String>> = OnceLock::new();
    let pool = WORKERS.get_or_init(|| {
        ThreadPoolBuilder::new()
            .stack_size(STACK_BYTES)
            .thread_name(|index| format!("chem-worker-{index}"))
            .build()
            .map_err(|error| error.to_string())
    });
    pool.as_ref().map_err(|error| StepError::new(format!("cannot start threads to work on records: {error}")))
}
