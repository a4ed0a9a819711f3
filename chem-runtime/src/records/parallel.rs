//! Processes many records on all cores, with results in the order of the records. For steps that do not work row by row:
//! those that do leave the loop to the runtime.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::cancel;
use crate::step::workers::workers;
use crate::step::{ExecutionContext, StepError};

/// The number of records between two reports of progress.
const REPORT_EVERY: u64 = 256;

/// Applies `work` to each of `records` on all cores. The results are in the order of the records and do not depend on the
/// number of cores. Reports progress.
///
/// # Errors
/// Fails if the run is cancelled, or if the threads cannot be started.
pub fn map_records<T: Sync, R: Send>(
    context: &ExecutionContext<'_>,
    records: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>, StepError> {
    map_records_on(workers()?, context, records, work)
}

/// Works like [`map_records`], on the given pool.
///
/// # Errors
/// Fails if the run is cancelled.
pub(crate) fn map_records_on<T: Sync, R: Send>(
    pool: &ThreadPool,
    context: &ExecutionContext<'_>,
    records: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>, StepError> {
    let total = records.len() as u64;
    let done = AtomicU64::new(0);
    // A single record may take long, so its work checks the token of the step on whichever thread it runs.
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

/// Works like [`map_records`], for work that may fail. Records after a failed one may be skipped.
///
/// # Errors
/// Returns the error of the first failing record, independent of the number of cores.
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
    // Skipped records come after the failure that `collect` returns.
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use rayon::ThreadPoolBuilder;

    use super::*;
    use crate::step::{CancelToken, Files, Inputs, Progress, StepId};

    #[derive(Default)]
    struct Reports(Mutex<Vec<(u64, Option<u64>)>>);

    impl Progress for Reports {
        fn step_progress(&self, _: &StepId, done: u64, total: Option<u64>) {
            self.0.lock().unwrap().push((done, total));
        }
    }

    fn with_context<T>(cancel: &CancelToken, progress: &Reports, work: impl FnOnce(&ExecutionContext<'_>) -> T) -> T {
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        work(&ExecutionContext::new(&id, &inputs, &HashMap::new(), &files, cancel, progress))
    }

    #[test]
    fn results_are_in_the_order_of_the_records_for_any_number_of_threads() {
        let records: Vec<u64> = (0..5_000).collect();
        let expected: Vec<u64> = records.iter().map(|record| record * record).collect();
        let (cancel, progress) = (CancelToken::default(), Reports::default());
        with_context(&cancel, &progress, |context| {
            for threads in [1, 2, 7] {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(map_records_on(&pool, context, &records, |record| record * record).unwrap(), expected);
            }
            assert_eq!(map_records(context, &records, |record| record * record).unwrap(), expected);
        });
        let mut reports = progress.0.into_inner().unwrap();
        reports.sort_unstable();
        assert_eq!(reports.last(), Some(&(5_000, Some(5_000))));
        assert_eq!(reports.len(), 4 * 20);
    }

    #[test]
    fn the_error_is_that_of_the_first_failing_record() {
        let (cancel, progress) = (CancelToken::default(), Reports::default());
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
        with_context(&cancel, &progress, |context| {
            assert_eq!(try_map_records(context, &records, work).unwrap_err().to_string(), "700");
            assert_eq!(try_map_records(context, &records[..700], work).unwrap(), records[..700]);
        });
        assert!(worked.into_inner() < 5_000);
    }

    #[test]
    fn cancellation_stops_the_work() {
        let cancel = CancelToken::default();
        let worked = AtomicU64::new(0);
        let result = with_context(&cancel, &Reports::default(), |context| {
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
    fn deep_recursion_does_not_overflow_the_stack() {
        fn depth(left: u32) -> u32 {
            let here = std::hint::black_box([left; 1_000]);
            if left == 0 { here[0] } else { 1 + depth(left - 1) }
        }
        let (cancel, progress) = (CancelToken::default(), Reports::default());
        let found = with_context(&cancel, &progress, |context| map_records(context, &[5_000], |left| depth(*left)));
        assert_eq!(found.unwrap(), [5_000]);
    }
}
