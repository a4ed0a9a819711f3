//! Takes over what came out for rows of an earlier input, so that a row step works only on rows that are new.
//!
//! What comes out for a row depends on its values in the declared columns, and on nothing else of the input. So if the input
//! of an earlier result of the same work has a row with these values, the outcome of that row is the outcome of this one: the
//! computed values, the rejects, and what was counted. All other columns come from the new input.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::batch::Batch;
use super::layout::Layout;
use super::outcomes::{Outcome, Outcomes};
use super::output::{BatchOutput, Tally};
use crate::artifact::{
    ArtifactError, ArtifactSource, ArtifactValue as _, Cells as _, Column, Table, TableBuilder, Values,
};
use crate::cancel;
use crate::fingerprint::ArtifactHash;
use crate::step::earlier_rows::EarlierRows;
use crate::step::error::StepError;
use crate::step::port::{MAIN_OUTPUT, REJECTS};
use crate::step::row_columns::RowColumns;

/// An earlier result, in which rows are found by the values of the declared columns.
pub(super) struct Known {
    rows: RowIndex,
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
        let Some(rows) = RowIndex::of(table(earlier.input)?, columns, reads)? else { return Ok(None) };
        let (Some(main), refused) = (output(MAIN_OUTPUT), output(REJECTS)) else { return Ok(None) };
        let (main, refused) = (table(main)?, refused.map(table).transpose()?);
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
        let recorded = Outcomes::of(&outcomes, rows.table.rows(), main.rows(), refused_rows)?;
        let outcomes = recorded.iter().collect();
        Ok(Some(Self { rows, outcomes, recorded, computed, rejects: refused, found: found.clone() }))
    }

    /// Returns what comes out for a batch. Calls `work` for the rows that the earlier input does not have, if any.
    pub(super) fn answer(
        &self,
        batch: &Batch<'_>,
        tally: &mut Tally,
        work: impl FnOnce(&Batch<'_>, &mut Tally) -> Result<BatchOutput, StepError>,
    ) -> Result<BatchOutput, StepError> {
        let (table, rows) = batch.within();
        let found: Vec<Option<Outcome>> =
            rows.clone().map(|row| self.outcomes.get(self.rows.find(table, row)?).copied()).collect();
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
                // Whatever its values are, they are not in the output.
                None => Values::booleans(vec![None; outputs.picks.len()]),
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

/// The rows of a table by the values of their declared columns.
struct RowIndex {
    table: Table,
    /// For each declared column, its index in the table and in the new input.
    columns: Vec<(usize, usize)>,
    /// The hash of each distinct row and its index, ascending.
    rows: Vec<(u64, usize)>,
    hasher: RandomState,
}

impl RowIndex {
    /// Indexes the rows of `table`, for an input with these columns. Returns `None` if the declared columns differ.
    fn of(table: Table, columns: &[Column], reads: &RowColumns) -> Result<Option<Self>, ArtifactError> {
        let declared = |columns: &[Column]| columns.iter().filter(|column| reads.contains(&column.name)).count();
        let mut pairs = Vec::new();
        for (index, column) in columns.iter().enumerate().filter(|(_, column)| reads.contains(&column.name)) {
            match table.index_of(&column.name).filter(|there| table.columns()[*there] == *column) {
                Some(there) => pairs.push((there, index)),
                None => return Ok(None),
            }
        }
        if declared(table.columns()) != pairs.len() {
            return Ok(None);
        }
        let mut index =
            Self { rows: Vec::with_capacity(table.rows()), table, columns: pairs, hasher: RandomState::new() };
        for row in 0..index.table.rows() {
            cancel::check_cell(row)?;
            let hash = index.hash(&index.table, row, |(there, _)| there);
            index.rows.push((hash, row));
        }
        index.rows.sort_unstable();
        index.keep_the_first_of_equal_rows();
        Ok(Some(index))
    }

    /// Of many equal rows, one is enough to be found.
    fn keep_the_first_of_equal_rows(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.dedup_by(|(hash, row), (kept, first)| {
            hash == kept
                && self.columns.iter().all(|(there, _)| match self.table.data(*there) {
                    Some(data) => same_cell(data, *row, data, *first),
                    None => false,
                })
        });
        self.rows = rows;
    }

    /// Returns the row of the table that has the values of the row `row` of the new input in the declared columns.
    fn find(&self, input: &Table, row: usize) -> Option<usize> {
        let hash = self.hash(input, row, |(_, here)| here);
        let from = self.rows.partition_point(|(other, _)| *other < hash);
        let same = |there: usize| {
            self.columns.iter().all(|(earlier, now)| match (self.table.data(*earlier), input.data(*now)) {
                (Some(earlier), Some(now)) => same_cell(earlier, there, now, row),
                _ => false,
            })
        };
        let candidates = self.rows[from..].iter().take_while(|(other, _)| *other == hash);
        candidates.map(|(_, there)| *there).find(|there| same(*there))
    }

    fn hash(&self, table: &Table, row: usize, column: impl Fn((usize, usize)) -> usize) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for data in self.columns.iter().filter_map(|pair| table.data(column(*pair))) {
            match data {
                Values::Text(values) => values.cell(row).hash(&mut hasher),
                Values::Integer(values) => values.cell(row).hash(&mut hasher),
                Values::Float(values) => values.cell(row).map(f64::to_bits).hash(&mut hasher),
                Values::Boolean(values) => values.cell(row).hash(&mut hasher),
            }
        }
        hasher.finish()
    }
}

fn same_cell(one: &Values, row: usize, other: &Values, other_row: usize) -> bool {
    match (one, other) {
        (Values::Text(one), Values::Text(other)) => one.cell(row) == other.cell(other_row),
        (Values::Integer(one), Values::Integer(other)) => one.cell(row) == other.cell(other_row),
        // Tables have neither NaN nor -0.
        (Values::Float(one), Values::Float(other)) => one.cell(row) == other.cell(other_row),
        (Values::Boolean(one), Values::Boolean(other)) => one.cell(row) == other.cell(other_row),
        _ => false,
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
    let Some(index) = RowIndex::of(before?, now.columns(), reads)? else { return Ok(None) };
    let found = (0..now.rows()).filter(|row| index.find(&now, *row).is_some()).count();
    Ok(Some((found as u64, now.rows() as u64)))
}
