//! Takes over what came out for rows of an earlier input, so that a row step works only on rows that are new.
//!
//! What comes out for a row depends on its values in the declared columns, and on nothing else of the input. So if the input
//! of an earlier result of the same work has a row with these values, the outcome of that row is the outcome of this one: the
//! computed values, the rejects, and what was counted. All other columns come from the new input.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::batch::Batch;
use super::layout::Layout;
use super::outcomes::{Outcome, Outcomes};
use super::output::{BatchOutput, Counts, Tally};
use super::row_index::{DeclaredRows, RowIndex};
use crate::artifact::{
    ArtifactError, ArtifactSource, ArtifactValue as _, Column, Table, TableBuilder, TableRoot, Values,
};
use crate::cancel::Interrupted;
use crate::fingerprint::ArtifactHash;
use crate::step::earlier_rows::EarlierRows;
use crate::step::error::StepError;
use crate::step::port::{MAIN_OUTPUT, REJECTS};
use crate::step::row_columns::RowColumns;

/// An earlier result, in which rows are found by the values of the declared columns.
pub(super) struct Known {
    rows: DeclaredRows,
    /// The outcome of each row.
    outcomes: Vec<Outcome>,
    recorded: Outcomes,
    /// The values of each computed column; `None` for one that is not in the output, because another has its name.
    computed: Vec<Option<Values>>,
    rejects: Option<Table>,
    found: FoundRows,
}

/// How many rows were found in earlier results. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct FoundRows(Arc<FoundCounts>);

#[derive(Debug, Default)]
struct FoundCounts {
    found: AtomicU64,
    new: AtomicU64,
}

impl FoundRows {
    /// Returns the numbers of rows that were found and that were not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.0.found.load(Ordering::Relaxed), self.0.new.load(Ordering::Relaxed))
    }

    fn add(&self, found: usize, new: usize) {
        self.0.found.fetch_add(found as u64, Ordering::Relaxed);
        self.0.new.fetch_add(new as u64, Ordering::Relaxed);
    }
}

impl Known {
    /// Reads an earlier result, whose rows count in `found`. Returns `None` if it does not fit: if a declared or a computed column has another type or
    /// unit, or if the rejects do not end with the columns `rejects`, which a step that rejects rows gives.
    ///
    /// # Errors
    /// Fails if an artifact cannot be read.
    pub(super) fn read(
        earlier: &EarlierRows,
        columns: &[Column],
        reads: &RowColumns,
        layout: &Layout,
        rejects: Option<&[Column]>,
        artifacts: &dyn ArtifactSource,
        found: &FoundRows,
    ) -> Result<Option<Self>, ArtifactError> {
        let table = |hash| Table::unpack(&artifacts.artifact(hash)?, artifacts);
        let output = |name: &str| earlier.outputs.iter().find(|output| output.name == name).map(|output| output.hash);
        let Some(rows) = DeclaredRows::of(table(earlier.input)?, columns, reads) else { return Ok(None) };
        let (Some(main), refused) = (output(MAIN_OUTPUT), output(REJECTS)) else { return Ok(None) };
        // A step that computes nothing, such as a filter, has nothing in the main output that is not in the input.
        let main = match layout.computed() {
            0 => Table::with_rows([], TableRoot::of(&artifacts.artifact(main)?)?.rows)?,
            _ => table(main)?,
        };
        let refused = refused.map(table).transpose()?;
        let refused = refused.map(|refused| own_columns(&refused, rejects.map_or(0, <[Column]>::len)));
        if refused.as_ref().map(Table::columns) != rejects {
            return Ok(None);
        }
        let mut computed = Vec::new();
        for column in layout.computed_columns() {
            let Some(column) = column else {
                computed.push(None);
                continue;
            };
            match main.index_of(&column.name).filter(|index| main.columns()[*index] == *column) {
                Some(index) => computed.push(main.data(index).cloned()),
                None => return Ok(None),
            }
        }
        let refused_rows = refused.as_ref().map_or(0, Table::rows);
        let outcomes = artifacts.artifact(earlier.outcomes)?;
        let recorded = Outcomes::of(&outcomes, rows.count(), main.rows(), refused_rows)?;
        let outcomes = recorded.iter().collect();
        Ok(Some(Self { rows, outcomes, recorded, computed, rejects: refused, found: found.clone() }))
    }

    /// Returns an index of the rows of the earlier input.
    ///
    /// # Errors
    /// Fails if the step is asked to stop.
    pub(super) fn index(&self) -> Result<RowIndex, Interrupted> {
        RowIndex::of(&self.rows)
    }

    /// Returns whether the rows of the earlier input from `start` on have the values of the rows `rows` of `input`.
    pub(super) fn has_at(&self, start: usize, input: &Table, rows: &Range<usize>) -> bool {
        self.rows.are_at(start, input, rows)
    }

    /// Returns what came out for these rows of the earlier input, what was counted for them, and their outcomes.
    pub(super) fn of_range(&self, rows: Range<usize>) -> (BatchOutput, Counts, Outcomes) {
        let outcomes = self.outcomes.get(rows).unwrap_or_default();
        self.found.add(outcomes.len(), 0);
        let (start, end) = (outcomes.first().map(Outcome::starts), outcomes.last().map(Outcome::ends));
        let (start, end) = (start.unwrap_or_default(), end.unwrap_or_default());
        let from = |count: fn(&Outcome) -> usize| {
            let rows = outcomes.iter().enumerate();
            rows.flat_map(|(row, outcome)| std::iter::repeat_n(row, count(outcome))).collect::<Vec<_>>()
        };
        let mut output = match outcomes.iter().all(|outcome| outcome.outputs == 1) {
            true => BatchOutput::all(),
            false => BatchOutput::of(from(|outcome| outcome.outputs)),
        };
        let taken = start.0..end.0;
        for earlier in &self.computed {
            output = output.with(match earlier {
                Some(earlier) => earlier.slice(&taken),
                None => absent(taken.len()),
            });
        }
        if let Some(rejects) = &self.rejects {
            output = output.rejecting(from(|outcome| outcome.rejects), rejects.slice(start.1..end.1));
        }
        let (outcomes, counts) = self.recorded.of_rows(outcomes);
        (output, counts, outcomes)
    }

    /// Returns what comes out for a batch, whose rows are looked up in the `index` of the earlier input. Calls `work` for the
    /// rows that it does not have, if any.
    pub(super) fn answer(
        &self,
        index: &RowIndex,
        batch: &Batch<'_>,
        tally: &mut Tally,
        work: impl FnOnce(&Batch<'_>, &mut Tally) -> Result<BatchOutput, StepError>,
    ) -> Result<BatchOutput, StepError> {
        let (table, rows) = batch.within();
        let found: Vec<Option<Outcome>> =
            rows.clone().map(|row| self.outcomes.get(index.find(table, row)?).copied()).collect();
        let new: Vec<usize> = (0..found.len()).filter(|row| found[*row].is_none()).collect();
        self.found.add(found.len() - new.len(), new.len());
        if new.len() == found.len() {
            return work(batch, tally);
        }
        let answer = if new.is_empty() {
            None
        } else {
            let part = table.gather(&new.iter().map(|row| rows.start + row).collect::<Vec<_>>());
            let numbers: Vec<usize> = new.iter().map(|row| batch.number_of(*row)).collect();
            let mut counted = Tally::default();
            let answer = work(&batch.of_rows(&part, &numbers), &mut counted)?;
            answer.check(new.len(), self.computed.len())?;
            tally.add_rows(counted, &new);
            Some(answer)
        };
        let (mut outputs, mut rejects) = (Merge::default(), Merge::default());
        for (row, outcome) in found.iter().enumerate() {
            let Some(outcome) = outcome else { continue };
            outputs.take_over(row, outcome.output, outcome.outputs);
            rejects.take_over(row, outcome.reject, outcome.rejects);
            if let Some(note) = self.recorded.note(outcome) {
                tally.count_again(row, note);
            }
        }
        if let Some(answer) = &answer {
            outputs.add(answer.rows(new.len()).into_iter().map(|at| new[at]));
            rejects.add(answer.rejects.iter().flat_map(|(rows, _)| rows).map(|at| new[*at]));
        }
        let (columns, refused) = answer.map(|answer| (answer.columns, answer.rejects)).unwrap_or_default();
        let mut columns = columns.into_iter();
        let mut merged = BatchOutput::default();
        for earlier in &self.computed {
            let new = columns.next();
            merged = merged.with(match earlier {
                Some(earlier) => outputs.of(earlier.gather(&outputs.earlier()), new)?,
                None => absent(outputs.picks.len()),
            });
        }
        merged.from = Some(outputs.rows());
        if let Some(earlier) = &self.rejects {
            let mut all = TableBuilder::new(earlier.columns().to_vec());
            all.append(&earlier.gather(&rejects.earlier()))?;
            if let Some((_, new)) = refused {
                all.append(&new).map_err(|_| other_columns())?;
            }
            merged = merged.rejecting(rejects.rows(), all.finish()?.gather(&rejects.order()));
        }
        Ok(merged)
    }
}

/// Returns the values of a computed column that is not in the output: whatever they are.
fn absent(rows: usize) -> Values {
    Values::booleans(vec![None; rows])
}

/// Returns the last `count` columns of rejects: those before them come from the input.
fn own_columns(rejects: &Table, count: usize) -> Table {
    let columns = rejects.columns().len();
    rejects.select(&(columns.saturating_sub(count)..columns).collect::<Vec<_>>())
}

fn other_columns() -> StepError {
    StepError::new("the row step gives other columns for one batch than for another")
}

/// Rows of an output, from the earlier result and from the work, in the order of the batch.
#[derive(Default)]
struct Merge {
    /// For each row: the row of the batch that it came from, and its index in the earlier output, or `None` for the next row
    /// of the work.
    picks: Vec<(usize, Option<usize>)>,
}

impl Merge {
    fn take_over(&mut self, row: usize, first: usize, count: usize) {
        self.picks.extend((first..first + count).map(|index| (row, Some(index))));
    }

    /// Adds the rows of the work, and puts all into the order of the batch.
    fn add(&mut self, rows: impl Iterator<Item = usize>) {
        self.picks.extend(rows.map(|row| (row, None)));
        // Stable: rows of the batch are either taken over or worked on, and the rows that came from one keep their order.
        self.picks.sort_by_key(|(row, _)| *row);
    }

    fn rows(&self) -> Vec<usize> {
        self.picks.iter().map(|(row, _)| *row).collect()
    }

    /// Returns the rows of the earlier output, in order.
    fn earlier(&self) -> Vec<usize> {
        self.picks.iter().filter_map(|(_, earlier)| *earlier).collect()
    }

    /// Returns the order of the rows, if those of the earlier output come before those of the work.
    fn order(&self) -> Vec<usize> {
        let (mut earlier, mut new) = (0.., self.picks.iter().filter(|(_, earlier)| earlier.is_some()).count()..);
        let next = |(_, of): &(usize, Option<usize>)| if of.is_some() { earlier.next() } else { new.next() };
        self.picks.iter().filter_map(next).collect()
    }

    fn of(&self, earlier: Values, new: Option<Values>) -> Result<Values, StepError> {
        let all = match new {
            Some(new) => earlier.followed_by(&new).ok_or_else(other_columns)?,
            None => earlier,
        };
        Ok(all.gather(&self.order()))
    }
}

/// Returns how many rows of the artifact `input` an earlier result would be taken over for, and how many rows there are.
/// `None` if the declared columns differ.
///
/// # Errors
/// Fails if an artifact cannot be read.
pub(crate) fn rows_in_common(
    earlier: &EarlierRows,
    input: ArtifactHash,
    reads: &RowColumns,
    artifacts: &dyn ArtifactSource,
) -> Result<Option<(u64, u64)>, ArtifactError> {
    let [before, now] = [earlier.input, input].map(|hash| Table::unpack(&artifacts.artifact(hash)?, artifacts));
    let now = now?;
    let Some(before) = DeclaredRows::of(before?, now.columns(), reads) else { return Ok(None) };
    let index = RowIndex::of(&before)?;
    let found = (0..now.rows()).filter(|row| index.find(&now, *row).is_some()).count();
    Ok(Some((found as u64, now.rows() as u64)))
}
