//! `on_error: reject`: finds the rows for which the program fails, and rejects them.

use std::ops::Range;

use crate::artifact::TableBuilder;
use crate::cancel;
use crate::disk::FullDisk;
use crate::prelude::*;
use crate::records::Rejects;
use crate::step::BatchOutput;

/// The number of rows after which the step fails if the program has failed for all rows of a batch so far: it is then not due to
/// the rows.
const ALL_FAIL: usize = 100;

/// What came out for the rows of a batch.
#[derive(Default)]
struct Done {
    answered: Vec<usize>,
    /// The computed columns of the answered rows, in pieces.
    answers: Vec<Table>,
    rejected: Vec<(usize, String)>,
}

/// Returns what comes out for the rows `sent`, of which those are rejected for which `answer` fails, which returns the `computed`
/// columns for some of them.
///
/// # Errors
/// Fails if the disk is full, if the work is cancelled, and if the program fails for every row.
pub(super) fn answer_or_reject(
    computed: &[Column],
    answer: &dyn Fn(&Table) -> Result<Table, StepError>,
    sent: &Table,
) -> Result<BatchOutput, StepError> {
    let mut done = Done::default();
    work_on(answer, sent, 0..sent.rows(), &mut done)?;
    let mut answers = TableBuilder::new(computed.to_vec());
    done.answers.iter().try_for_each(|piece| answers.append(piece))?;
    let mut rejects = Rejects::default();
    for (row, reason) in &done.rejected {
        rejects.push_row(sent, *row, reason);
    }
    let output = with_columns_of(BatchOutput::of(done.answered), &answers.finish()?);
    Ok(output.rejecting(done.rejected.iter().map(|(row, _)| *row).collect(), rejects.finish()?))
}

/// Works on the rows `rows` of a batch. If the program fails, works on each half of them, down to single rows.
fn work_on(
    answer: &dyn Fn(&Table) -> Result<Table, StepError>,
    sent: &Table,
    rows: Range<usize>,
    done: &mut Done,
) -> Result<(), StepError> {
    let error = match answer(&sent.slice(rows.clone())) {
        Ok(columns) => {
            done.answered.extend(rows);
            done.answers.push(columns);
            return Ok(());
        }
        Err(error) => error,
    };
    // Neither is due to the rows.
    cancel::check()?;
    if let Some(disk) = FullDisk::of_temporary_files() {
        return Err(StepError::context(format!("{error:#}"), disk));
    }
    if rows.len() > 1 {
        let middle = rows.start + rows.len() / 2;
        work_on(answer, sent, rows.start..middle, done)?;
        return work_on(answer, sent, middle..rows.end, done);
    }
    done.rejected.push((rows.start, format!("{error:#}")));
    if done.answered.is_empty() && done.rejected.len() == ALL_FAIL {
        let message = format!("the program failed for each of {ALL_FAIL} rows in a row, so it is not due to them");
        return Err(StepError::context(message, format!("{error:#}")));
    }
    Ok(())
}

/// Returns `output` with the columns of `answer`.
pub(super) fn with_columns_of(output: BatchOutput, answer: &Table) -> BatchOutput {
    (0..answer.columns().len()).filter_map(|index| answer.data(index).cloned()).fold(output, BatchOutput::with)
}
