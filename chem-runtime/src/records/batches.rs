//! Works on the records of a text in batches, on all cores, for work that takes long for each record.

use super::in_order;
use crate::cancel;
use crate::step::StepError;
use crate::step::workers::workers;

/// The number of records of a batch. The last batches of a text keep some cores waiting, for as long as a batch takes.
const RECORDS: usize = 32;

/// Counts the records of a text that is worked on in batches.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    /// The number of records so far.
    records: u64,
    /// The number of records at the beginning that are left out.
    skipped: u64,
}

impl Batches {
    /// Leaves out the first `skipped` records of a text.
    pub(crate) fn behind(skipped: u64) -> Self {
        Self { records: 0, skipped }
    }

    /// Calls `work` with batches of the next records of the text, on all cores, and `take` with the results in the order of the
    /// text. `work` receives the number of the first record of its batch, from 1.
    ///
    /// # Errors
    /// Fails like `take`, like `work` for the first batch for which it fails, or if the step is asked to stop.
    pub(crate) fn each<R: Send, T: Send>(
        &mut self,
        mut records: impl Iterator<Item = R>,
        work: impl Fn(u64, Vec<R>) -> Result<T, StepError> + Sync,
        mut take: impl FnMut(T) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        while self.records < self.skipped && records.next().is_some() {
            self.records += 1;
            cancel::check()?;
        }
        let token = cancel::current();
        let next = || {
            let (first, batch) = (self.records + 1, records.by_ref().take(RECORDS).collect::<Vec<R>>());
            // After the records, which may have ended early.
            cancel::check()?;
            self.records += batch.len() as u64;
            Ok((!batch.is_empty()).then_some((first, batch)))
        };
        in_order(
            workers()?,
            next,
            |(first, batch)| token.scope(|| work(first, batch)),
            |made| {
                cancel::check()?;
                take(made)
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::step::CancelToken;

    #[test]
    fn batches_have_all_records_behind_those_left_out_in_order() {
        for (skipped, total) in [(0, 0), (0, 1), (0, 1_000), (33, 1_000), (999, 1_000), (1_000, 1_000), (5, 3)] {
            let (mut batches, mut found) = (Batches::behind(skipped), Vec::new());
            // As from two parts of a text.
            for part in [0..total / 3, total / 3..total] {
                let numbered = |first: u64, batch: Vec<u64>| Ok((first..).zip(batch).collect::<Vec<_>>());
                let take = |more: Vec<(u64, u64)>| {
                    found.extend(more);
                    Ok(())
                };
                batches.each(part, numbered, take).unwrap();
            }
            let expected: Vec<(u64, u64)> = (skipped..total).map(|index| (index + 1, index)).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_request_to_stop_ends_the_work() {
        let (token, worked) = (CancelToken::default(), AtomicUsize::new(0));
        let work = |_: u64, batch: Vec<u64>| {
            worked.fetch_add(batch.len(), Ordering::Relaxed);
            token.cancel();
            cancel::check()?;
            Ok(())
        };
        let stopped = token.scope(|| Batches::default().each(0..1_000_000, work, Ok)).unwrap_err();
        assert!(stopped.is_interrupted());
        assert!(worked.into_inner() < 10_000);
    }
}
