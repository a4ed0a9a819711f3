//! Drives the work of row steps: on all cores, in the order of the rows, with progress and cancellation.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rayon::prelude::*;

use super::batch::Batch;
use super::output::{BatchOutput, Tally, Totals};
use super::work::{RowReturn, RowWork};
use crate::artifact::{ColumnData, Table};
use crate::step::context::ExecutionContext;
use crate::step::definition::StepOutput;
use crate::step::error::StepError;
use crate::step::port::OutputSpec;
use crate::step::row_columns::RowColumns;
use crate::step::typed::Step;
use crate::step::workers::workers;

/// The maximum number of rows of a batch, and between two reports of progress.
const BATCH_ROWS: usize = 256;

/// The number of batches for each thread, if there are enough rows: rows differ in the time that they take.
const BATCHES_PER_THREAD: usize = 8;

impl<R: RowReturn> RowWork<R> {
    /// Does the work, for a step that reads the columns `reads`.
    ///
    /// # Errors
    /// Returns the error of the first failing row, independent of the number of cores. Fails if the step is cancelled.
    pub fn run(self, reads: &RowColumns, context: &ExecutionContext<'_>) -> Result<R, StepError> {
        let total = self.input.rows();
        if let Some(guard) = self.guard.as_ref().filter(|_| !context.is_on_some_rows()) {
            context.cancel().scope(|| guard(&Batch::new(&self.input, reads, 0..total)))?;
        }
        let mut whole = Assembly::new(self.layout.computed());
        for (rows, answer, tally) in self.answers(reads, context)? {
            whole.add(rows, answer, tally)?;
        }
        let Assembly { from, same, computed, rejects, tally, .. } = whole;
        let from = (!same).then_some(from);
        let output = from.as_ref().map_or(total, Vec::len);
        let rejects = match rejects {
            Some(rejects) if R::REJECTS => rejects,
            None if !R::REJECTS => Table::default(),
            Some(_) => return Err(StepError::new("the row step rejects rows, but has no output for them")),
            None => return Err(StepError::new("the row step has an output of rejects, but gives none")),
        };
        let table = self.layout.table(&self.input, from.as_deref(), computed)?;
        if let Some((name, data)) = &self.signal {
            context.signal(name, &data(&tally, &Totals { input: total, output, rejected: rejects.rows() }))?;
        }
        R::of_parts(&self.kind, table, rejects)
    }

    /// Returns what comes out for each batch, in order.
    fn answers(
        &self,
        reads: &RowColumns,
        context: &ExecutionContext<'_>,
    ) -> Result<Vec<(Range<usize>, BatchOutput, Tally)>, StepError> {
        let (total, pool) = (self.input.rows(), workers()?);
        let usual = total.div_ceil(BATCHES_PER_THREAD * pool.current_num_threads()).clamp(1, BATCH_ROWS);
        let size = context.batch_rows().unwrap_or(usual).max(1);
        // A table without rows is one batch: its answer has the columns of the rejects.
        let starts = (0..total.max(1)).step_by(size).enumerate();
        let batches: Vec<(usize, Range<usize>)> =
            starts.map(|(index, start)| (index, start..total.min(start + size))).collect();
        let (done, failed) = (AtomicU64::new(0), AtomicUsize::new(usize::MAX));
        let (input, work) = (self.input.as_ref(), &self.work);
        let one = |(index, rows): (usize, Range<usize>)| {
            context.check_cancelled()?;
            if index > failed.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let mut tally = Tally::default();
            let batch = Batch::new(input, reads, rows.clone());
            let answer = context.cancel().scope(|| work(&batch, &mut tally));
            // Cancellation may have ended the batch early.
            context.check_cancelled()?;
            if answer.is_err() {
                failed.fetch_min(index, Ordering::Relaxed);
            }
            let answer = answer?;
            let before = done.fetch_add(rows.len() as u64, Ordering::Relaxed);
            report(context, before, before + rows.len() as u64, total as u64);
            Ok(Some((rows, answer, tally)))
        };
        let results: Vec<Result<_, StepError>> = pool.install(|| batches.into_par_iter().map(one).collect());
        // Skipped batches come after the failure that `collect` returns.
        results.into_iter().filter_map(Result::transpose).collect()
    }
}

/// Reports progress about every 256 rows, and at the end.
fn report(context: &ExecutionContext<'_>, before: u64, after: u64, total: u64) {
    let reports = |done: u64| done / BATCH_ROWS as u64;
    if total > 0 && (after == total || reports(before) < reports(after)) {
        context.progress(after, Some(total));
    }
}

/// The answers for the batches so far.
struct Assembly {
    /// The row of the input from which each row came.
    from: Vec<usize>,
    /// Whether each row of the input came out once.
    same: bool,
    computed: Vec<ColumnData>,
    columns: usize,
    rejects: Option<Table>,
    tally: Tally,
    /// The number of batches.
    batches: usize,
}

impl Assembly {
    fn new(columns: usize) -> Self {
        let (from, computed) = (Vec::new(), Vec::new());
        Self { from, same: true, computed, columns, rejects: None, tally: Tally::default(), batches: 0 }
    }

    fn add(&mut self, rows: Range<usize>, answer: BatchOutput, tally: Tally) -> Result<(), StepError> {
        let BatchOutput { from, columns, rejects } = answer;
        let out = from.as_ref().map_or(rows.len(), Vec::len);
        if from.iter().flatten().any(|row| *row >= rows.len()) || !from.as_deref().is_none_or(<[usize]>::is_sorted) {
            return Err(StepError::new("the row step gives rows that are not in its batch, or not in their order"));
        }
        if columns.len() != self.columns || columns.iter().any(|data| data.len() != out) {
            let (found, expected) = (columns.len(), self.columns);
            return Err(StepError::new(format!(
                "the row step gives {found} columns for {out} rows, of which some may have other numbers of values; it \
                 declares {expected} columns"
            )));
        }
        self.same &= from.as_ref().is_none_or(|from| from.iter().copied().eq(0..rows.len()));
        match from {
            Some(from) => self.from.extend(from.into_iter().map(|row| rows.start + row)),
            None => self.from.extend(rows),
        }
        let first = self.batches == 0;
        self.batches += 1;
        self.tally.add_all(tally);
        let one_kind = || StepError::new("the row step gives other columns for one batch than for another");
        if first {
            (self.computed, self.rejects) = (columns, rejects);
            return Ok(());
        }
        for (all, more) in self.computed.iter_mut().zip(columns) {
            all.append(more).map_err(|_| one_kind())?;
        }
        match (&mut self.rejects, rejects) {
            (Some(all), Some(more)) => all.append(more).map_err(|_| one_kind()),
            (None, None) => Ok(()),
            _ => Err(one_kind()),
        }
    }
}

/// The runtime's view of what a row step returns. Code generated for a row step uses only this trait.
#[diagnostic::on_unimplemented(
    message = "a row step cannot return `{Self}`",
    label = "not the work of a row step",
    note = "return `RowWork<T>`, which `Rows::each` makes, or leave `rows` out of `#[step(…)]`"
)]
pub trait Driven {
    /// The outputs, the main one first.
    const OUTPUTS: &'static [OutputSpec];

    /// Does the work and packs the outputs.
    fn drive(self, reads: &RowColumns, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError>;
}

impl<R: RowReturn> Driven for RowWork<R> {
    const OUTPUTS: &'static [OutputSpec] = R::OUTPUTS;

    fn drive(self, reads: &RowColumns, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError> {
        self.run(reads, context)?.into_outputs()
    }
}

/// Returns the columns that a row step reads.
pub fn reads<S: Step>(step: &S) -> RowColumns {
    step.row_columns().unwrap_or(RowColumns::All)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;
    use crate::artifact::{Column, ColumnType};
    use crate::step::{CancelToken, Files, Inputs, Progress, Rows, StepId, WithRejects};

    const ROWS: usize = 5_000;

    #[derive(Default)]
    struct Reports(Mutex<Vec<(u64, Option<u64>)>>);

    impl Progress for Reports {
        fn step_progress(&self, _: &StepId, done: u64, total: Option<u64>) {
            self.0.lock().unwrap().push((done, total));
        }
    }

    fn numbers(rows: usize) -> Rows<Table> {
        let integers = ColumnData::Integer((0..rows as i64).map(Some).collect());
        let column = |name| (Column::new(name, ColumnType::Integer), integers.clone());
        Arc::new(Table::new([column("n"), column("other")]).unwrap()).into()
    }

    struct Ran<R> {
        result: Result<R, StepError>,
        signals: Vec<Value>,
        reports: Vec<(u64, Option<u64>)>,
    }

    fn run<R: RowReturn>(work: RowWork<R>, cancel: &CancelToken) -> Ran<R> {
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (artifacts, reports) = (HashMap::new(), Reports::default());
        let context = ExecutionContext::new(&id, &inputs, &artifacts, &files, cancel, &reports);
        let reads = RowColumns::Named(["n".to_owned()].into());
        let result = work.run(&reads, &context);
        let signals = context.take_signals().into_iter().map(|signal| signal.data).collect();
        Ran { result, signals, reports: reports.0.into_inner().unwrap() }
    }

    fn output<R: RowReturn>(work: RowWork<R>) -> R {
        run(work, &CancelToken::default()).result.unwrap()
    }

    fn error<R: RowReturn>(work: RowWork<R>) -> String {
        run(work, &CancelToken::default()).result.err().unwrap().to_string()
    }

    fn computed() -> Column {
        Column::new("computed", ColumnType::Integer)
    }

    #[test]
    fn rows_come_out_in_order_with_what_was_counted() {
        let work = numbers(ROWS).each(|batch, tally| {
            let numbers: Vec<i64> = batch.integers("n")?.flatten().collect();
            let kept: Vec<usize> =
                (0..numbers.len()).filter(|row| numbers[*row] % 3 == 0).flat_map(|row| [row, row]).collect();
            tally.add("dropped", numbers.len() - kept.len() / 2);
            numbers.iter().for_each(|number| tally.see("last digits", &(number % 10).to_string()));
            let squares = kept.iter().map(|row| Some(numbers[*row] * numbers[*row])).collect();
            Ok(BatchOutput::of(kept).with(ColumnData::Integer(squares)))
        });
        let work = work.with_columns([computed()]).unwrap().signal("counted", |tally, rows| {
            json!([tally.count("dropped"), tally.distinct("last digits"), rows.input, rows.output, rows.rejected])
        });
        let Ran { result, signals, mut reports } = run::<Table>(work, &CancelToken::default());
        let expected: Vec<Option<i64>> =
            (0..ROWS as i64).filter(|n| n % 3 == 0).flat_map(|n| [n, n]).map(Some).collect();
        let squares = expected.iter().map(|n| n.map(|n| n * n)).collect();
        let table = result.unwrap();
        assert_eq!(table.column("other").unwrap().1, &ColumnData::Integer(expected));
        assert_eq!(table.column("computed").unwrap().1, &ColumnData::Integer(squares));
        assert_eq!(signals, [json!([3333, 10, 5000, 3334, 0])]);
        reports.sort_unstable();
        assert_eq!(reports.last(), Some(&(5_000, Some(5_000))));
        // About every 256 rows; the last batch is smaller, and may be done before others.
        assert!((19..=20).contains(&reports.len()), "{reports:?}");
    }

    #[test]
    fn what_is_not_changed_is_shared() {
        let rows = numbers(ROWS);
        let input = rows.table.clone();
        let work = rows.each::<crate::artifact::Dataset>(|batch, _| Ok(BatchOutput::of(batch.rows().collect())));
        assert!(Arc::ptr_eq(output(work).table(), &input));
        let work = numbers(ROWS).each::<Table>(|_, _| Ok(BatchOutput::all()));
        let work = work.carrying([(1, Column::new("renamed", ColumnType::Integer))]);
        let table = output(work);
        assert_eq!((table.rows(), table.columns().len(), table.index_of("renamed")), (ROWS, 1, Some(0)));
    }

    #[test]
    fn the_error_is_that_of_the_first_failing_row() {
        let work = numbers(ROWS).each::<Table>(|batch, _| {
            for (row, number) in batch.integers("n")?.enumerate() {
                if number.is_some_and(|number| number > 0 && number % 700 == 0) {
                    return Err(StepError::new(format!("row {}", batch.number_of(row))));
                }
            }
            Ok(BatchOutput::all())
        });
        assert_eq!(error(work), "row 701");
    }

    #[test]
    fn cancellation_stops_the_work_within_a_batch() {
        let cancel = CancelToken::default();
        let (asked, worked) = (cancel.clone(), Arc::new(AtomicUsize::new(0)));
        let seen = worked.clone();
        let work = numbers(1_000_000).each::<Table>(move |batch, _| {
            for _ in batch.integers("n")? {
                if seen.fetch_add(1, Ordering::Relaxed) == 100 {
                    asked.cancel();
                }
            }
            Ok(BatchOutput::all())
        });
        assert!(run(work, &cancel).result.unwrap_err().is_interrupted());
        assert!(worked.load(Ordering::Relaxed) < 10_000);
    }

    #[test]
    fn a_table_without_rows_has_the_columns_of_the_output() {
        let work = numbers(0).each(|batch, _| {
            assert!(batch.is_empty());
            let rejects = (Column::new("reason", ColumnType::Text), ColumnData::Text(Vec::new()));
            Ok(BatchOutput::all().with(ColumnData::Integer(Vec::new())).rejecting(Table::new([rejects])?))
        });
        let Ran { result, reports, .. } =
            run::<WithRejects<Table>>(work.with_columns([computed()]).unwrap(), &CancelToken::default());
        let WithRejects { kept, rejects } = result.unwrap();
        assert_eq!((kept.columns().len(), rejects.columns().len(), reports.len()), (3, 1, 0));
    }

    #[test]
    fn a_column_that_is_not_declared_cannot_be_read() {
        let work = numbers(3).each::<Table>(|batch, _| {
            assert!(batch.column("other").is_none());
            drop(batch.values("other")?);
            Ok(BatchOutput::all())
        });
        assert!(error(work).contains("the column `other`, which it does not declare"));
        let work = numbers(3).each::<Table>(|batch, _| batch.texts("n").map(|_| BatchOutput::all()));
        assert_eq!(error(work), "the column `n` is Integer; expected text");
    }

    #[test]
    fn answers_that_do_not_fit_are_refused() {
        let given =
            |answer: fn(&Batch<'_>) -> BatchOutput| error(numbers(40).each::<Table>(move |batch, _| Ok(answer(batch))));
        assert!(given(|_| BatchOutput::of(vec![1, 0])).contains("not in their order"));
        assert!(given(|batch| BatchOutput::of(vec![batch.len()])).contains("not in its batch"));
        assert!(given(|_| BatchOutput::all().with(ColumnData::Integer(vec![]))).contains("declares 0 columns"));
        assert!(given(|_| BatchOutput::all().rejecting(Table::default())).contains("no output for them"));
        let some = numbers(40).each::<WithRejects<Table>>(|batch, _| match batch.number_of(0) {
            1 => Ok(BatchOutput::all()),
            _ => Ok(BatchOutput::all().rejecting(Table::default())),
        });
        assert!(error(some).contains("other columns for one batch"));
        let never = numbers(40).each::<WithRejects<Table>>(|_, _| Ok(BatchOutput::all()));
        assert!(error(never).contains("gives none"));
    }

    #[test]
    fn a_computed_column_replaces_only_what_it_may() {
        let work = || numbers(1).each::<Table>(|_, _| Ok(BatchOutput::all().with(ColumnData::Integer(vec![Some(7)]))));
        let other = || Column::new("other", ColumnType::Integer);
        assert!(work().with_results([other()]).err().unwrap().to_string().contains("already has a column `other`"));
        assert!(work().with_columns([other()]).is_err());
        assert_eq!(output(work().replacing([other()]).unwrap()).row(0), [json!(0), json!(7)]);
        let dropped = work().carrying([(0, Column::new("n", ColumnType::Integer))]).with_results([other()]);
        assert_eq!(output(dropped.unwrap()).row(0), [json!(0), json!(7)]);
    }
}
