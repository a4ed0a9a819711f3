//! The same work for each of many records, on all cores, with results in the order of the records.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::cancel;
use crate::step::{ExecutionContext, StepError};

/// The stack of a worker, 64 MiB. Work on a molecule recurses along its bonds: 1,000 atoms in a row take 12 MiB in a
/// build without optimisation, and the 2 MiB that a thread has otherwise overflow. The memory is taken as it is used.
const STACK_BYTES: usize = 64 << 20;

/// How often a thread that waits for work of seconds looks whether the step is asked to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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
    // A record may take long by itself, and asks the token of the step wherever it is worked on.
    let token = cancel::current();
    let one = |record: &T| {
        context.check_cancelled()?;
        let result = token.scope(|| work(record));
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(REPORT_EVERY) || done == total {
            context.progress(done, Some(total));
        }
        Ok(result)
    };
    pool.install(|| records.par_iter().map(one).collect())
}

/// [`map_records`] of work that may fail, which ends the step: with the failure of the first record that has one, whatever
/// the number of cores. Records behind one that failed are left out.
pub fn try_map_records<T: Sync, R: Send>(
    context: &ExecutionContext<'_>,
    records: &[T],
    work: impl Fn(&T) -> Result<R, StepError> + Sync,
) -> Result<Vec<R>, StepError> {
    let failed = AtomicUsize::new(usize::MAX);
    let numbered: Vec<(usize, &T)> = records.iter().enumerate().collect();
    let results = map_records(context, &numbered, |(index, record)| {
        if *index > failed.load(Ordering::Relaxed) {
            return None;
        }
        let result = work(record);
        if result.is_err() {
            failed.fetch_min(*index, Ordering::Relaxed);
        }
        Some(result)
    })?;
    // What was left out is behind the failure that ends this.
    results.into_iter().flatten().collect()
}

/// `work` done on one of the threads that have a deep stack. What it does with `rayon` is spread over all of them.
pub fn on_workers<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R, StepError> {
    let token = cancel::current();
    Ok(workers()?.install(|| token.scope(work)))
}

/// Does `work` on a thread of its own with a deep stack, and leaves it behind once the step is asked to stop: for work that
/// takes seconds in a library that does not ask.
///
/// # Errors
/// Says that the step is asked to stop, that no thread can be started, or that `work` panicked.
pub fn abandonable<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, StepError> {
    let (sender, receiver) = channel();
    // Once it is left behind, its result has no receiver.
    std::thread::Builder::new()
        .name("chem-worker-alone".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || drop(sender.send(work())))
        .map_err(|error| StepError::context("cannot start a thread to work on a record", error).transient())?;
    loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => cancel::check()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(StepError::new("the thread that worked on a record ended without a result"));
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use super::*;
    use crate::step::{CancelToken, Files, Inputs, Progress, StepId};

    #[derive(Default)]
    struct Heard(Mutex<Vec<(u64, Option<u64>)>>);

    impl Progress for Heard {
        fn step_progress(&self, _: &StepId, done: u64, total: Option<u64>) {
            self.0.lock().unwrap().push((done, total));
        }
    }

    fn with_context<T>(cancel: &CancelToken, heard: &Heard, work: impl FnOnce(&ExecutionContext<'_>) -> T) -> T {
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        work(&ExecutionContext::new(&id, &inputs, &HashMap::new(), &files, cancel, heard))
    }

    #[test]
    fn results_stand_in_the_order_of_the_records_whatever_the_number_of_threads() {
        let records: Vec<u64> = (0..5_000).collect();
        let expected: Vec<u64> = records.iter().map(|record| record * record).collect();
        let (cancel, heard) = (CancelToken::default(), Heard::default());
        with_context(&cancel, &heard, |context| {
            for threads in [1, 2, 7] {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(map_records_on(&pool, context, &records, |record| record * record).unwrap(), expected);
            }
            assert_eq!(map_records(context, &records, |record| record * record).unwrap(), expected);
        });
        let mut reports = heard.0.into_inner().unwrap();
        reports.sort_unstable();
        assert_eq!(reports.last(), Some(&(5_000, Some(5_000))));
        assert_eq!(reports.len(), 4 * 20);
    }

    #[test]
    fn the_first_failure_ends_the_work_whatever_came_first() {
        let (cancel, heard) = (CancelToken::default(), Heard::default());
        let records: Vec<u64> = (0..5_000).collect();
        let worked = AtomicU64::new(0);
        let work = |record: &u64| {
            worked.fetch_add(1, Ordering::Relaxed);
            if *record > 0 && record.is_multiple_of(700) {
                Err(StepError::new(format!("{record}")))
            } else {
                Ok(*record)
            }
        };
        with_context(&cancel, &heard, |context| {
            assert_eq!(try_map_records(context, &records, work).unwrap_err().to_string(), "700");
            assert_eq!(try_map_records(context, &records[..700], work).unwrap(), records[..700]);
        });
        assert!(worked.into_inner() < 5_000);
    }

    #[test]
    fn a_run_that_is_asked_to_stop_stops() {
        let cancel = CancelToken::default();
        let worked = AtomicU64::new(0);
        let result = with_context(&cancel, &Heard::default(), |context| {
            map_records(context, &[(); 100_000], |()| {
                if worked.fetch_add(1, Ordering::Relaxed) == 100 {
                    cancel.cancel();
                }
            })
        });
        assert!(result.unwrap_err().is_interrupted());
        assert!(worked.into_inner() < 100_000);
    }

    #[test]
    fn deep_recursion_finds_its_stack() {
        fn depth(left: u32) -> u32 {
            let here = std::hint::black_box([left; 1_000]);
            if left == 0 { here[0] } else { 1 + depth(left - 1) }
        }
        let (cancel, heard) = (CancelToken::default(), Heard::default());
        let found = with_context(&cancel, &heard, |context| map_records(context, &[5_000], |left| depth(*left)));
        assert_eq!(found.unwrap(), [5_000]);
    }
}
