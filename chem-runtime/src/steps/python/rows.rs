//! Steps that work on rows: the engine drives them, and workers do the work on each batch.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value, json};

use super::declared::declared;
use super::description::{DescribedOutput, ROWS_PORT};
use super::pool::Pool;
use super::step::{PythonStep, PythonType, no_column};
use super::wire::{Said, SaidOfRows};
use super::worker::Trouble;
use crate::artifact::{Column, Dataset, Table, TableBuilder, Values};
use crate::cancel;
use crate::disk::FullDisk;
use crate::records::Rejects;
use crate::step::rows::Driven as _;
use crate::step::{
    Batch, BatchOutput, ExecutionContext, RowColumns, Rows, StepDefinition as _, StepError, StepInput as _, StepOutput,
    Tally, WithRejects,
};
use crate::steps::arrow;

/// The maximum number of rows that a worker gets at once. What a batch costs besides its rows is then little.
const BATCH: usize = 4096;

/// The number of workers of a step that may die. A step that kills more has another fault than some of its rows.
const MAX_DEATHS: usize = 200;

/// Does the work of `step`.
pub(super) fn run(step: &PythonStep, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError> {
    let rows = Rows::<Dataset>::take(context, ROWS_PORT)?;
    if let Some(misfit) = step.replaced_structures(rows.kind()) {
        return Err(misfit.into());
    }
    let reads = step.row_columns().unwrap_or(RowColumns::All);
    let names: Vec<&str> = rows.columns().iter().map(|column| &*column.name).collect();
    if let RowColumns::Named(wanted) = &reads
        && let Some(missing) = wanted.iter().find(|name| !names.contains(&name.as_str()))
    {
        let misfit = no_column(step.of.spec.name, missing, &names);
        return Err(StepError::new(format!("{}; {}", misfit.message, misfit.help.unwrap_or_default())));
    }
    let provider = step.of.provider();
    let described = step.of.step.outputs.first().and_then(DescribedOutput::declared).unwrap_or_default();
    let computed: Vec<Column> = described.into_iter().map(|column| column.with_provider(&provider)).collect();
    let work = BatchWork {
        of: step.of,
        pool: step.pool.clone(),
        params: Value::Object(step.arguments()),
        computed: computed.clone(),
        columns: names.iter().filter(|name| reads.contains(name)).map(|name| (*name).to_owned()).collect(),
        deaths: AtomicUsize::new(0),
    };
    let work = rows.each::<WithRejects<Dataset>>(move |batch, tally| work.answer(batch, tally));
    let work = work.with_results(computed)?.rejects_carry("record").in_batches_up_to(BATCH).signal(
        "answered",
        |tally, rows| {
            let counted = tally.counts("counted");
            let mut signal = json!({ "rows": rows.input, "answered": rows.output, "rejected": rows.rejected });
            if !counted.is_empty() {
                signal["counted"] = json!(counted);
            }
            signal
        },
    );
    work.drive(&reads, context)
}

/// What is done with each batch.
struct BatchWork {
    of: &'static PythonType,
    pool: Arc<Pool>,
    params: Value,
    computed: Vec<Column>,
    /// The columns that the step reads.
    columns: Vec<String>,
    deaths: AtomicUsize,
}

/// What came out for some rows of a batch.
#[derive(Default)]
struct Done {
    /// The row of the batch that each row comes from.
    from: Vec<usize>,
    /// The computed columns, in pieces.
    made: Vec<Table>,
    rejects: Vec<(usize, String)>,
    counts: Vec<(String, usize, u64)>,
}

impl BatchWork {
    fn answer(&self, batch: &Batch<'_>, tally: &mut Tally) -> Result<BatchOutput, StepError> {
        let table = batch.as_table(&self.columns)?;
        cancel::check()?;
        let mut done = Done::default();
        if !batch.is_empty() {
            self.work_on(&table, 0..table.rows(), &mut done)?;
        }
        let mut rejects = Rejects::default();
        for (row, reason) in &done.rejects {
            rejects.push_row(&table, *row, reason);
        }
        for (name, row, count) in done.counts {
            (0..count).for_each(|_| tally.add_under(row, "counted", &name));
        }
        let output = BatchOutput::of(done.from);
        let made = self.united(&done.made)?;
        let output = made.into_iter().fold(output, BatchOutput::with);
        Ok(output.rejecting(done.rejects.iter().map(|(row, _)| *row).collect(), rejects.finish()?))
    }

    /// Works on the rows `rows` of a batch. If the function fails for them or kills the worker, works on each half, so that the
    /// row that does it is found and rejected.
    fn work_on(&self, table: &Table, rows: Range<usize>, done: &mut Done) -> Result<(), StepError> {
        let reason = match self.ask(table, rows.clone()) {
            Ok((Said::Rows(said), bodies)) => {
                if let Some((_, reason)) = said.rejects.first() {
                    self.expect_room(reason)?;
                }
                return self.add(done, &rows, said, &bodies);
            }
            Ok((Said::Broken { error, .. }, _)) => error,
            Ok((Said::Failed { error, traceback }, _)) => {
                return Err(failed(self.of, &error, &traceback).blaming_full_disk());
            }
            Ok(_) => return Err(StepError::new("a Python worker gave another answer than it was asked for")),
            Err(Trouble::Step(error)) => return Err(error.blaming_full_disk()),
            Err(Trouble::Died(how)) => {
                if self.deaths.fetch_add(1, Ordering::Relaxed) >= MAX_DEATHS {
                    return Err(StepError::new(format!(
                        "more than {MAX_DEATHS} workers of `{}` died; the last one {how}",
                        self.of.spec.name
                    )));
                }
                format!("the worker {how} while it worked on this row")
            }
        };
        self.expect_room(&reason)?;
        if rows.len() > 1 {
            let middle = rows.start + rows.len() / 2;
            self.work_on(table, rows.start..middle, done)?;
            return self.work_on(table, middle..rows.end, done);
        }
        done.rejects.push((rows.start, reason));
        Ok(())
    }

    /// Checks that rows were rejected for this reason although there was room for temporary files: on a full disk, nothing need be wrong
    /// with them.
    fn expect_room(&self, reason: &str) -> Result<(), StepError> {
        match FullDisk::of_temporary_files() {
            Some(disk) => Err(StepError::context(format!("`{}` failed: {reason}", self.of.spec.name), disk)),
            None => Ok(()),
        }
    }

    fn ask(&self, table: &Table, rows: Range<usize>) -> Result<(Said, Vec<Vec<u8>>), Trouble> {
        let body = arrow::write(&table.slice(rows))?;
        let head = json!({ "type": "run", "module": self.of.module, "step": self.of.spec.name, "params": self.params });
        let check = || cancel::check().map_err(StepError::from);
        self.pool.with_worker(&check, |worker| {
            let head: Map<String, Value> = head.as_object().cloned().unwrap_or_default();
            worker.request(head, &[body], &check, &mut |_| Ok(()))
        })
    }

    fn add(
        &self,
        done: &mut Done,
        rows: &Range<usize>,
        SaidOfRows { from, rejects, counts }: SaidOfRows,
        bodies: &[Vec<u8>],
    ) -> Result<(), StepError> {
        let [body] = bodies else {
            return Err(StepError::new(format!(
                "a worker of `{}` sent {} tables for one",
                self.of.spec.name,
                bodies.len()
            )));
        };
        done.made.push(declared(self.of.spec.name, &self.computed, &arrow::read(body)?)?);
        let from = from.unwrap_or_else(|| (0..rows.len()).collect());
        done.from.extend(from.into_iter().map(|row| rows.start + row));
        done.rejects.extend(rejects.into_iter().map(|(row, reason)| (rows.start + row, reason)));
        done.counts.extend(counts.into_iter().map(|(name, row, count)| (name, rows.start + row, count)));
        Ok(())
    }

    /// Returns the computed columns of all pieces.
    fn united(&self, pieces: &[Table]) -> Result<Vec<Values>, StepError> {
        let all = match pieces {
            [one] => one.clone(),
            pieces => {
                let mut all = TableBuilder::new(self.computed.clone());
                pieces.iter().try_for_each(|piece| all.append(piece))?;
                all.finish()?
            }
        };
        Ok((0..self.computed.len()).filter_map(|index| all.data(index).cloned()).collect())
    }
}

/// Returns the failure of a step, with the place in its code.
pub(super) fn failed(of: &PythonType, error: &str, traceback: &str) -> StepError {
    let place = if traceback.is_empty() { String::new() } else { format!("\n{traceback}") };
    StepError::new(format!("`{}` failed: {error}{place}", of.spec.name))
}
