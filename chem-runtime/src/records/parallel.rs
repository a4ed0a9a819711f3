//! The same work for each of many records, on all cores, with results in the order of the records.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::step::{ExecutionContext, StepError};

/// The stack of a worker, 64 MiB. Work on a molecule recurses along its bonds: 1,000 atoms in a row take 12 MiB in a
/// build without optimisation, and the 2 MiB that a thread has otherwise overflow. The memory is taken as it is used.
const STACK_BYTES: usize = 64 << 20;

/// Progress is reported every so many records.
const REPORT_EVERY: u64 = 256;

/// `work` done for each of `records`, spread over all cores; the results stand in the order of the records and do not
/// depend on the number of cores. Reports progress, and stops with an error once the run is asked to stop.
pub fn map_records<T: Sync, R: Send>(
    context: &ExecutionContext<'_>,
    records: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>, StepError> {
    map_records_on(workers()?, context, records, work)
}

/// The same on a pool of one's own.
pub fn map_records_on<T: Sync, R: Send>(
    pool: &ThreadPool,
    context: &ExecutionContext<'_>,
    records: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>, StepError> {
    let total = records.len() as u64;
    let done = AtomicU64::new(0);
    let one = |record: &T| {
        context.check_cancelled()?;
        let result = work(record);
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(REPORT_EVERY) || done == total {
            context.progress(done, Some(total));
        }
        Ok(result)
    };
    pool.install(|| records.par_iter().map(one).collect())
}

/// The threads that all steps share: as many as there are cores, or as `RAYON_NUM_THREADS` says.
fn workers() -> Result<&'static ThreadPool, StepError> {
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
