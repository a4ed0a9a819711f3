//! Finds rows of an earlier input that have the values of rows of a new one in the declared columns: at a known position, or by
//! an index over the values.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::ops::Range;

use crate::artifact::{Cells as _, Column, Table, Values};
use crate::cancel::{self, Interrupted};
use crate::step::row_columns::RowColumns;

/// The rows of an earlier input, for a new input with the same declared columns. Clones share the values.
#[derive(Clone)]
pub(super) struct DeclaredRows {
    table: Table,
    /// For each declared column, its index in the table and in the new input.
    columns: Vec<(usize, usize)>,
}

impl DeclaredRows {
    /// Returns `None` if the declared columns of `table` are not those of an input with `columns`.
    pub(super) fn of(table: Table, columns: &[Column], reads: &RowColumns) -> Option<Self> {
        let declared = |columns: &[Column]| columns.iter().filter(|column| reads.contains(&column.name)).count();
        let mut pairs = Vec::new();
        for (index, column) in columns.iter().enumerate().filter(|(_, column)| reads.contains(&column.name)) {
            let there = table.index_of(&column.name).filter(|there| table.columns()[*there] == *column)?;
            pairs.push((there, index));
        }
        (declared(table.columns()) == pairs.len()).then_some(Self { table, columns: pairs })
    }

    /// Returns the number of rows.
    pub(super) fn count(&self) -> usize {
        self.table.rows()
    }

    /// Returns whether the rows from `start` on have the values of the rows `rows` of the new input.
    pub(super) fn are_at(&self, start: usize, input: &Table, rows: &Range<usize>) -> bool {
        let mut columns = self.pairs_in(input);
        start + rows.len() <= self.count()
            && columns.all(|pair| pair.is_some_and(|(earlier, now)| earlier.has_at(start, now, rows)))
    }

    /// Returns the values of each declared column, here and in the new input.
    fn pairs_in<'a>(&'a self, input: &'a Table) -> impl Iterator<Item = Option<(&'a Values, &'a Values)>> {
        self.columns.iter().map(|(earlier, now)| self.table.data(*earlier).zip(input.data(*now)))
    }
}

/// The rows of a table by the values of their declared columns.
pub(super) struct RowIndex {
    rows_of: DeclaredRows,
    /// The hash of each distinct row and its index, ascending.
    rows: Vec<(u64, usize)>,
    hasher: RandomState,
}

impl RowIndex {
    /// # Errors
    /// Fails if the step is asked to stop.
    pub(super) fn of(rows_of: &DeclaredRows) -> Result<Self, Interrupted> {
        let count = rows_of.table.rows();
        let mut index = Self { rows: Vec::with_capacity(count), rows_of: rows_of.clone(), hasher: RandomState::new() };
        for row in 0..count {
            cancel::check_cell(row)?;
            let hash = index.hash(&rows_of.table, row, |(there, _)| there);
            index.rows.push((hash, row));
        }
        index.rows.sort_unstable();
        index.keep_the_first_of_equal_rows();
        Ok(index)
    }

    /// Of many equal rows, one is enough to be found.
    fn keep_the_first_of_equal_rows(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        let DeclaredRows { table, columns } = &self.rows_of;
        rows.dedup_by(|(hash, row), (kept, first)| {
            hash == kept
                && columns.iter().all(|(there, _)| match table.data(*there) {
                    Some(data) => same_cell(data, *row, data, *first),
                    None => false,
                })
        });
        self.rows = rows;
    }

    /// Returns the row of the table that has the values of the row `row` of the new input in the declared columns.
    pub(super) fn find(&self, input: &Table, row: usize) -> Option<usize> {
        let hash = self.hash(input, row, |(_, here)| here);
        let from = self.rows.partition_point(|(other, _)| *other < hash);
        let same = |there: usize| {
            let mut columns = self.rows_of.pairs_in(input);
            columns.all(|pair| pair.is_some_and(|(earlier, now)| same_cell(earlier, there, now, row)))
        };
        let candidates = self.rows[from..].iter().take_while(|(other, _)| *other == hash);
        candidates.map(|(_, there)| *there).find(|there| same(*there))
    }

    fn hash(&self, table: &Table, row: usize, column: impl Fn((usize, usize)) -> usize) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for data in self.rows_of.columns.iter().filter_map(|pair| table.data(column(*pair))) {
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
