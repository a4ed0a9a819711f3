//! What comes out for a batch, checked and ready to be packed.

use std::ops::Range;
use std::sync::Arc;

use super::batch::Batch;
use super::output::{BatchOutput, Tally};
use super::work::{RowReturn, RowWork};
use crate::artifact::{ArtifactError, RowTexts, Table};
use crate::step::context::ExecutionContext;
use crate::step::error::StepError;
use crate::step::row_columns::RowColumns;

/// Rows of the input to work on.
pub(super) struct Job {
    pub(super) table: Arc<Table>,
    /// The indices of the rows in `table`.
    pub(super) rows: Range<usize>,
    /// The number of rows of the input before `table`.
    pub(super) before: usize,
}

/// What came out for a [`Job`].
pub(super) struct Answer {
    /// The number of rows of the input.
    pub(super) rows: usize,
    /// Whether each row came out once.
    pub(super) same: bool,
    pub(super) output: Made,
    pub(super) rejects: Option<Made>,
    pub(super) tally: Tally,
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
            let answer = (self.work)(&batch, &mut tally);
            // Cancellation may have ended the batch early.
            context.check_cancelled()?;
            self.checked(&job, answer?, tally)
        })
    }

    fn checked(&self, job: &Job, answer: BatchOutput, tally: Tally) -> Result<Answer, StepError> {
        let BatchOutput { from, columns, rejects } = answer;
        let rows = job.rows.len();
        if from.iter().flatten().any(|row| *row >= rows) || !from.as_deref().is_none_or(<[usize]>::is_sorted) {
            return Err(StepError::new("the row step gives rows that are not in its batch, or not in their order"));
        }
        let out = from.as_ref().map_or(rows, Vec::len);
        if columns.len() != self.layout.computed() || columns.iter().any(|data| data.len() != out) {
            let (found, expected) = (columns.len(), self.layout.computed());
            return Err(StepError::new(format!(
                "the row step gives {found} columns for {out} rows, of which some may have other numbers of values; it \
                 declares {expected} columns"
            )));
        }
        match (&rejects, R::REJECTS) {
            (Some(_), false) => return Err(StepError::new("the row step rejects rows, but has no output for them")),
            (None, true) => return Err(StepError::new("the row step has an output of rejects, but gives none")),
            _ => {}
        }
        let same = from.as_ref().is_none_or(|from| from.iter().copied().eq(0..rows));
        let from: Vec<usize> = match from {
            Some(from) => from.into_iter().map(|row| job.rows.start + row).collect(),
            None => job.rows.clone().collect(),
        };
        let table = Arc::new(self.layout.table(&job.table, &from, columns)?);
        R::hand_on(&self.input.kind, table.clone())?;
        let output = Made::of(Arc::unwrap_or_clone(table));
        Ok(Answer { rows, same, output, rejects: rejects.map(Made::of), tally })
    }
}
