//! What comes out for a batch, checked and ready to be packed.

use std::ops::Range;
use std::sync::Arc;

use super::batch::Batch;
use super::known_rows::Origin;
use super::outcomes::Outcomes;
use super::output::{BatchOutput, Counts, Tally};
use super::work::{Carried, RowReturn, RowWork};
use crate::artifact::{ArtifactError, RowTexts, Table, Values};
use crate::step::context::ExecutionContext;
use crate::step::error::StepError;
use crate::step::row_columns::RowColumns;
use crate::step::sample::Sample;

/// Rows of the input to work on.
pub(super) struct Job {
    pub(super) table: Arc<Table>,
    /// The indices of the rows in `table`.
    pub(super) rows: Range<usize>,
    /// The number of rows of the input before `table`.
    pub(super) before: usize,
    /// Where what comes out for them is from.
    pub(super) origin: Origin,
}

impl Job {
    /// Returns these columns and rows of the table; `None` for each row of the job once.
    fn rows_of(&self, table: &Table, rows: Option<&[usize]>) -> Table {
        rows.map_or_else(|| table.slice(self.rows.clone()), |rows| table.gather(&self.indices(rows)))
    }

    /// Returns the indices in the table of rows of the job.
    fn indices(&self, rows: &[usize]) -> Vec<usize> {
        rows.iter().map(|row| self.rows.start + row).collect()
    }

    /// Returns the numbers in the whole input of rows of the job, from 1.
    fn numbers(&self, sample: Option<&Sample>, rows: &[usize]) -> Values {
        let number = |row: &usize| {
            let index = self.before + self.rows.start + row;
            sample.map_or(Some(index + 1), |sample| sample.number_of(index))
        };
        Values::integers(rows.iter().map(|row| i64::try_from(number(row)?).ok()))
    }
}

/// What came out for a [`Job`].
pub(super) struct Answer {
    /// The number of rows of the input.
    pub(super) rows: usize,
    /// Whether each row came out once.
    pub(super) same: bool,
    pub(super) output: Made,
    pub(super) rejects: Option<Made>,
    pub(super) counts: Counts,
    pub(super) outcomes: Outcomes,
}

/// Rows of an output.
pub(super) struct Made {
    pub(super) table: Table,
    /// The text of the rows; an error counts rows from the first of the batch.
    pub(super) texts: Result<RowTexts, ArtifactError>,
}

impl Made {
    fn of(table: Table) -> Self {
        Self { texts: table.row_texts(0..table.rows(), 0), table }
    }
}

impl<R: RowReturn> RowWork<R> {
    /// Works on the rows of a job.
    pub(super) fn answer(
        &self,
        reads: &RowColumns,
        context: &ExecutionContext<'_>,
        job: Job,
    ) -> Result<Answer, StepError> {
        context.check_cancelled()?;
        let mut tally = Tally::default();
        let batch = Batch::new(&job.table, reads, job.rows.clone(), job.before);
        context.cancel().scope(|| {
            let answer = match &job.origin {
                Origin::Work => (self.work)(&batch, &mut tally),
                Origin::SetApart(apart) => apart.answer(&batch, &self.layout),
                Origin::Search(known, index) => known.answer(index, &batch, &mut tally, &self.work),
                Origin::Rows(known, rows) => {
                    let (answer, counts, outcomes) = known.of_range(rows.clone());
                    answer.check(job.rows.len(), self.layout.computed())?;
                    return self.packed(&job, context.sample(), answer, counts, outcomes);
                }
            };
            // Cancellation may have ended the batch early.
            context.check_cancelled()?;
            let (answer, rows) = (answer?, job.rows.len());
            answer.check(rows, self.layout.computed())?;
            let rejected = answer.rejects.as_ref().map_or(&[][..], |(rows, _)| rows);
            let outcomes = outcomes(rows, &answer.rows(rows), rejected, &tally);
            self.packed(&job, context.sample(), answer, tally.into_counts(), outcomes)
        })
    }

    /// Returns what comes out for a job, with the text of its rows.
    fn packed(
        &self,
        job: &Job,
        sample: Option<&Sample>,
        answer: BatchOutput,
        counts: Counts,
        outcomes: Outcomes,
    ) -> Result<Answer, StepError> {
        let rows = job.rows.len();
        match (&answer.rejects, R::REJECTS) {
            (Some(_), false) => return Err(StepError::new("the row step rejects rows, but has no output for them")),
            (None, true) => return Err(StepError::new("the row step has an output of rejects, but gives none")),
            _ => {}
        }
        let from = answer.from(rows).map(<[usize]>::to_vec);
        let BatchOutput { columns, rejects, .. } = answer;
        let rejects = rejects.map(|(rows, table)| self.with_carried(job, sample, &rows, table)).transpose()?;
        let numbers = || match &from {
            Some(from) => job.numbers(sample, from),
            None => job.numbers(sample, &(0..rows).collect::<Vec<_>>()),
        };
        let carried = |table: &Table| job.rows_of(table, from.as_deref());
        let table = Arc::new(self.layout.table(&job.table, carried, numbers, columns)?);
        R::hand_on(&self.input.kind, table.clone())?;
        let output = Made::of(Arc::unwrap_or_clone(table));
        Ok(Answer { rows, same: from.is_none(), output, rejects: rejects.map(Made::of), counts, outcomes })
    }

    /// Adds to the rejects what comes from the input.
    fn with_carried(
        &self,
        job: &Job,
        sample: Option<&Sample>,
        rows: &[usize],
        rejects: Table,
    ) -> Result<Table, StepError> {
        let (name, data) = match self.rejects {
            Carried::Nothing => return Ok(rejects),
            Carried::Column(name) => {
                let Some((_, data)) = job.table.column(name) else { return Ok(rejects) };
                (name, data.gather(&job.indices(rows)))
            }
            Carried::Number(name) => (name, job.numbers(sample, rows)),
            Carried::Row => {
                let mut all = job.table.gather(&job.indices(rows));
                let own = rejects.columns().iter().enumerate();
                all.extend(own.filter_map(|(index, column)| Some((column.clone(), rejects.data(index)?.clone()))))?;
                return Ok(all);
            }
        };
        let Some((column, _)) = rejects.column(name) else { return Ok(rejects) };
        Ok(rejects.with_column(column.clone(), data)?)
    }
}

/// Returns the outcome of each row of a batch, from the rows that came out and those that were rejected.
fn outcomes(count: usize, from: &[usize], rejected: &[usize], tally: &Tally) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let (mut from, mut rejected) = (from.iter().peekable(), rejected.iter().peekable());
    for row in 0..count {
        let outputs = std::iter::from_fn(|| from.next_if(|from| **from == row)).count();
        let rejects = std::iter::from_fn(|| rejected.next_if(|rejected| **rejected == row)).count();
        outcomes.push(outputs, rejects, tally.note(row));
    }
    outcomes
}
