//! Drives the work of row steps: on all cores, in the order of the rows, with progress and cancellation.
//!
//! The input comes in pieces, and the output is cut into chunks as it is made (see `outlet`), so that neither need be in memory
//! as a whole.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{Answer, Job};
use super::in_order::in_order;
use super::input::WholeInput;
use super::known_rows::{KnownRows, Origin};
use super::output::Totals;
use super::sums::{Progress, Sums};
use super::taken_over::{FoundRows, Known};
use super::work::{Batches, Carried, RowReturn, RowWork};
use crate::artifact::{ArtifactError, ArtifactValue as _, Table, TablePiece};
use crate::step::context::ExecutionContext;
use crate::step::definition::StepOutput;
use crate::step::earlier_rows::{EarlierRows, RowsRecord, SET_APART, ShardResults};
use crate::step::error::StepError;
use crate::step::outlet::Outlets;
use crate::step::port::{MAIN_OUTPUT, OutputSpec, REJECTS};
use crate::step::row_columns::RowColumns;
use crate::step::typed::Step;
use crate::step::workers::workers;

/// The number of rows between two reports of progress.
const REPORT_ROWS: usize = 256;

/// The number of rows of the first batches: rows may take long.
const FIRST_ROWS: usize = 16;

/// The number of batches for each thread, if there are enough rows: rows differ in the time that they take.
const BATCHES_PER_THREAD: usize = 8;

/// The time that a batch should take at least, and at most, if its rows allow it.
const BATCH_TIME: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(400));

impl<R: RowReturn> RowWork<R> {
    /// Does the work, for a step that reads the columns `reads`.
    ///
    /// # Errors
    /// Returns the error of the first failing row, independent of the number of cores. Fails if the step is cancelled.
    fn run(&self, reads: &RowColumns, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError> {
        let total = self.input.stream.rows();
        let names: &[&'static str] = if R::REJECTS { &[MAIN_OUTPUT, REJECTS] } else { &[MAIN_OUTPUT] };
        let mut outlets = Outlets::new(context, names);
        let fail_above = self.fail_above.filter(|_| !context.is_partial());
        let mut sums = Sums::new(outlets.resume::<Progress>()?, fail_above.is_some(), context.keeper().is_some());
        let start = usize::try_from(outlets.position()).unwrap_or(usize::MAX).min(total);
        if let Some(guard) = self.guard.as_ref().filter(|_| start == 0 && !context.is_partial()) {
            let whole = WholeInput::new(&self.input.stream, context.artifacts())?;
            context.cancel().scope(|| guard(&whole))?;
        }
        let head = self.head(reads, context)?;
        head.iter().for_each(|head| sums.tally.add_all(&head.counts));
        let (mut done, mut joined) = (start, BTreeMap::new());
        if let (Some(shards), Some(head), 0) = (context.shards(), &head, start) {
            (done, joined) = self.join(context, &shards.shards, head, &mut outlets, &mut sums)?;
        }
        let (mut known, mut same) = (self.known_rows(reads, context, head)?, start == 0);
        // A step without rows left has the columns of its outputs from the answer for none.
        if done < total || done == start {
            self.answers(reads, context, &mut known, done, |answer: Answer| {
                let Answer { rows, same: each_once, output, rejects, counts, outcomes } = answer;
                outlets.put(0, output.table, output.texts)?;
                if let Some(rejects) = rejects {
                    sums.reject(&rejects.table);
                    outlets.put(1, rejects.table, rejects.texts)?;
                }
                same &= each_once;
                sums.add(&counts, &outcomes);
                report(context, done, done + rows, total);
                done += rows;
                outlets.reached(done as u64, || sums.progress())
            })?;
        }
        if known.missing() > 0 {
            tracing::warn!(step = %context.step_id(), rows = known.missing(), "rows are computed again: their shards have no result for them");
        }
        let set_apart = context.shards().map(ShardResults::set_apart).unwrap_or_default();
        let (taken_over, is_whole) = (known.taken_over(), set_apart.is_empty());
        context.record_rows(RowsRecord { outcomes: sums.outcomes.pack()?, taken_over, is_whole, joined });
        if !is_whole {
            context.signal(SET_APART, &set_apart)?;
        }
        if let Some((name, data)) = &self.signal {
            let totals = Totals { input: total, output: outlets.rows(0), rejected: outlets.rows(1) };
            context.signal(name, &data(&sums.tally, &totals))?;
        }
        if let Some(((share, what), reasons)) = fail_above.zip(sums.reasons) {
            reasons.check_share(total, Some(share), what)?;
        }
        outlets.finish(|index, rows| match index {
            0 => {
                let kind = R::kind(&self.input.kind);
                let handed = rows.map(|rows| match self.input.stream.in_memory().filter(|_| same) {
                    Some(input) => R::hand_on(kind, self.layout.sharing(input, rows)?),
                    None => R::hand_on(kind, Arc::new(rows)),
                });
                Ok((kind.to_owned(), handed.transpose()?))
            }
            _ => Ok((Table::KIND.to_owned(), rows.map(|rows| Arc::new(rows).hand_on()))),
        })
    }

    /// Returns the answer for no rows, which has what the step lists and its columns; `None` if there are no results from which
    /// rows are taken over.
    fn head(&self, reads: &RowColumns, context: &ExecutionContext<'_>) -> Result<Option<Answer>, StepError> {
        if context.shards().is_none() && context.earlier_rows().is_none() {
            return Ok(None);
        }
        let table = Arc::new(self.input.stream.head()?);
        self.answer(reads, context, Job { table, rows: 0..0, before: 0, origin: Origin::Work }).map(Some)
    }

    /// Returns the results from which rows are taken over. `head` is the answer for no rows.
    fn known_rows<'a>(
        &'a self,
        reads: &'a RowColumns,
        context: &'a ExecutionContext<'_>,
        head: Option<Answer>,
    ) -> Result<KnownRows<'a>, StepError> {
        let Some(head) = head else { return Ok(KnownRows::none()) };
        let columns = self.input.stream.columns();
        let carried = if self.rejects == Carried::Row { columns.len() } else { 0 };
        let rejects = head.rejects.map(|rejects| rejects.table.columns().get(carried..).unwrap_or_default().to_vec());
        let of_apart = rejects.clone();
        let read = move |earlier: &EarlierRows, found: &FoundRows| {
            let (artifacts, rejects) = (context.artifacts(), rejects.as_deref());
            match Known::read(earlier, columns, reads, &self.layout, rejects, artifacts, found) {
                Err(error) if is_unreadable(&error) => {
                    tracing::warn!(step = %context.step_id(), %error, "no rows are taken over from an earlier result");
                    Ok(None)
                }
                known => Ok(known?),
            }
        };
        match (context.shards(), context.earlier_rows()) {
            (Some(shards), _) => Ok(KnownRows::shards(Box::new(read), shards, of_apart)),
            (None, Some(earlier)) => context.cancel().scope(|| KnownRows::whole(Box::new(read), earlier)),
            (None, None) => Ok(KnownRows::none()),
        }
    }

    /// Calls `take` with what comes out for each batch from the row `start` on, in order.
    fn answers(
        &self,
        reads: &RowColumns,
        context: &ExecutionContext<'_>,
        known: &mut KnownRows<'_>,
        start: usize,
        mut take: impl FnMut(Answer) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let (total, pool) = (self.input.stream.rows(), workers()?);
        if start == total {
            // A table without rows is one batch: its answer has the columns of the rejects.
            let head = Arc::new(self.input.stream.head()?);
            return take(self.answer(
                reads,
                context,
                Job { table: head, rows: 0..0, before: total, origin: Origin::Work },
            )?);
        }
        let fixed = context.batch_rows().or(match self.batches {
            Batches::Of(rows) => Some(rows),
            Batches::UpTo(_) => None,
        });
        let usual = match self.batches {
            Batches::UpTo(most) => total.div_ceil(BATCHES_PER_THREAD * pool.current_num_threads()).clamp(1, most),
            Batches::Of(rows) => rows,
        };
        let size = Cell::new(fixed.unwrap_or(usual.min(FIRST_ROWS)).max(1));
        let mut pieces = self.input.stream.pieces(context.artifacts(), start);
        let mut rest: Option<TablePiece> = None;
        let next = || {
            context.check_cancelled()?;
            if rest.as_ref().is_none_or(|piece| piece.rows.is_empty()) {
                rest = context.cancel().scope(|| pieces.next()).transpose()?;
                if let Some(piece) = rest.as_ref().filter(|_| self.input.stream.in_memory().is_none()) {
                    (self.input.check)(&self.input.kind, piece.table.clone())?;
                }
            }
            let Some(piece) = &mut rest else { return Ok(None) };
            let (count, origin) = context.cancel().scope(|| known.next(piece, size.get()))?;
            let rows = piece.rows.start..piece.rows.start + count;
            piece.rows.start = rows.end;
            Ok(Some(Job { table: piece.table.clone(), rows, before: piece.first, origin }))
        };
        let work = |job| {
            let began = Instant::now();
            Ok((self.answer(reads, context, job)?, began.elapsed()))
        };
        in_order(pool, next, work, |(answer, time): (Answer, Duration)| {
            context.check_cancelled()?;
            if fixed.is_none() {
                size.set(match size.get() {
                    size if time > BATCH_TIME.1 => size.div_ceil(2),
                    size if time < BATCH_TIME.0 => usual.min(size * 2),
                    size => size,
                });
            }
            take(answer)
        })
    }
}

/// Returns whether an artifact is not there or not what it should be, so that rows are worked on in its place.
pub(super) fn is_unreadable(error: &ArtifactError) -> bool {
    use ArtifactError::{Corrupt, Malformed, Missing};
    matches!(error, Missing { .. } | Corrupt { .. } | Malformed { .. })
}

/// Reports progress about every 256 rows, and at the end.
pub(super) fn report(context: &ExecutionContext<'_>, before: usize, after: usize, total: usize) {
    if total > 0 && (after == total || before / REPORT_ROWS < after / REPORT_ROWS) {
        context.progress(after as u64, Some(total as u64));
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
        self.run(reads, context)
    }
}

/// Returns the columns that a row step reads.
pub fn reads<S: Step>(step: &S) -> RowColumns {
    step.row_columns().unwrap_or(RowColumns::All)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::{Value, json};

    use super::*;
    use crate::artifact::{Column, ColumnType, Dataset, Values};
    use crate::step::rows::{Batch, BatchOutput};
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
        let integers = Values::integers(0..rows as i64);
        let column = |name| (Column::new(name, ColumnType::Integer), integers.clone());
        Arc::new(Table::new([column("n"), column("other")]).unwrap()).into()
    }

    struct Ran {
        result: Result<Vec<StepOutput>, StepError>,
        signals: Vec<Value>,
        reports: Vec<(u64, Option<u64>)>,
    }

    fn run<R: RowReturn>(work: RowWork<R>, cancel: &CancelToken) -> Ran {
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (artifacts, reports) = (HashMap::new(), Reports::default());
        let context = ExecutionContext::new(&id, &inputs, &artifacts, &files, cancel, &reports);
        let reads = RowColumns::Named(["n".to_owned()].into());
        let result = work.run(&reads, &context);
        let signals = context.take_signals().into_iter().map(|signal| signal.data).collect();
        Ran { result, signals, reports: reports.0.into_inner().unwrap() }
    }

    fn table(outputs: &[StepOutput], index: usize) -> Arc<Table> {
        Table::take(outputs[index].handed.as_ref().unwrap()).unwrap()
    }

    fn output<R: RowReturn>(work: RowWork<R>) -> Arc<Table> {
        table(&run(work, &CancelToken::default()).result.unwrap(), 0)
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
            for (row, number) in numbers.iter().enumerate() {
                tally.see(row, "last digits", &(number % 10).to_string());
                if number % 3 != 0 {
                    tally.add(row, "dropped");
                }
            }
            let squares = Values::integers(kept.iter().map(|row| numbers[*row] * numbers[*row]));
            Ok(BatchOutput::of(kept).with(squares))
        });
        let work = work.with_columns([computed()]).unwrap().signal("counted", |tally, rows| {
            json!([tally.count("dropped"), tally.distinct("last digits"), rows.input, rows.output, rows.rejected])
        });
        let Ran { result, signals, mut reports } = run::<Table>(work, &CancelToken::default());
        let expected: Vec<Option<i64>> =
            (0..ROWS as i64).filter(|n| n % 3 == 0).flat_map(|n| [n, n]).map(Some).collect();
        let squares: Vec<Option<i64>> = expected.iter().map(|n| n.map(|n| n * n)).collect();
        let table = table(&result.unwrap(), 0);
        assert_eq!(table.column("other").unwrap().1, &Values::integers(expected));
        assert_eq!(table.column("computed").unwrap().1, &Values::integers(squares));
        assert_eq!(signals, [json!([3333, 10, 5000, 3334, 0])]);
        reports.sort_unstable();
        assert_eq!(reports.last(), Some(&(5_000, Some(5_000))));
        // About every 256 rows; the last batch is smaller, and may be done before others.
        assert!((19..=20).contains(&reports.len()), "{reports:?}");
    }

    #[test]
    fn what_is_not_changed_is_shared() {
        let rows = numbers(ROWS);
        let input = rows.input.stream.in_memory().unwrap().clone();
        let work = rows.each::<Dataset>(|batch, _| Ok(BatchOutput::of(batch.rows().collect())));
        assert!(Arc::ptr_eq(&output(work), &input));
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
            let rejects = (Column::new("reason", ColumnType::Text), Values::empty(ColumnType::Text));
            Ok(BatchOutput::all()
                .with(Values::empty(ColumnType::Integer))
                .rejecting(Vec::new(), Table::new([rejects])?))
        });
        let Ran { result, reports, .. } =
            run::<WithRejects<Table>>(work.with_columns([computed()]).unwrap(), &CancelToken::default());
        let outputs = result.unwrap();
        let (kept, rejects) = (table(&outputs, 0), table(&outputs, 1));
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
        assert!(given(|_| BatchOutput::all().with(Values::empty(ColumnType::Integer))).contains("declares 0 columns"));
        assert!(given(|_| BatchOutput::all().rejecting(Vec::new(), Table::default())).contains("no output for them"));
        let some = numbers(40).each::<WithRejects<Table>>(|batch, _| match batch.number_of(0) {
            1 => Ok(BatchOutput::all().rejecting(Vec::new(), Table::default())),
            _ => {
                let rejects = Table::new([(computed(), Values::empty(ColumnType::Integer))])?;
                Ok(BatchOutput::all().rejecting(Vec::new(), rejects))
            }
        });
        assert!(error(some).contains("the columns of the output `rejects` change within it"));
        let never = numbers(40).each::<WithRejects<Table>>(|_, _| Ok(BatchOutput::all()));
        assert!(error(never).contains("gives none"));
    }

    #[test]
    fn a_computed_column_replaces_only_what_it_may() {
        let work = || numbers(1).each::<Table>(|_, _| Ok(BatchOutput::all().with(Values::integers([7]))));
        let other = || Column::new("other", ColumnType::Integer);
        assert!(work().with_results([other()]).err().unwrap().to_string().contains("already has a column `other`"));
        assert!(work().with_columns([other()]).is_err());
        assert_eq!(output(work().replacing([other()]).unwrap()).row(0), [json!(0), json!(7)]);
        let dropped = work().carrying([(0, Column::new("n", ColumnType::Integer))]).with_results([other()]);
        assert_eq!(output(dropped.unwrap()).row(0), [json!(0), json!(7)]);
    }
}
