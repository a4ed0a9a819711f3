//! Tables of records, the inputs and outputs of most steps.
//!
//! In memory a table is a list of typed columns, each an Arrow array: see `values`. As an artifact it is a small root (the columns, the number of rows, the
//! hashes of the chunks), and each chunk of about a thousand rows is a separate artifact: see `packing`.

mod builder;
mod columns;
mod dataset;
mod index;
mod location;
mod numbers;
mod packer;
mod packing;
mod record_batch;
mod root;
mod shards;
mod stream;
mod values;
mod values_builder;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int64Array, LargeStringArray};
use rayon::prelude::*;
use serde_json::Value;

pub use builder::TableBuilder;
pub use columns::{Column, ColumnType};
pub use dataset::Dataset;
use index::NameIndex;
pub(crate) use numbers::{NumbersInText, TextCensus, number_spelled, write_float};
pub(crate) use packer::{OpenChunk, Packer, RowTexts};
pub use root::{ChunkRef, TableRoot};
pub(crate) use shards::TableShard;
pub use stream::{TablePiece, TableStream};
pub use values::{Cells, TextCell, Values};
pub(crate) use values_builder::Cell;

/// The kind of a chunk: an array of rows, each an array of values in the order of the columns.
const ROWS: &str = "rows";

/// Why columns do not form a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Two columns have the same name.
    #[error("the table has two columns named `{0}`")]
    DuplicateColumn(String),
    /// The number of values in a column differs from the number of rows.
    #[error("column `{column}` has {found} values, but the table has {expected} rows")]
    UnevenColumn {
        /// The name of the column.
        column: String,
        /// The number of rows of the table.
        expected: usize,
        /// The number of values of the column.
        found: usize,
    },
    /// A computed column would replace a column of the original data.
    #[error("the data already has a column `{0}`, which this step would replace; rename it in the original file")]
    Taken(String),
    /// The values of a column do not have its type.
    #[error("column `{column}` is declared {declared:?} but contains {found:?}")]
    WrongType {
        /// The name of the column.
        column: String,
        /// The declared type.
        declared: ColumnType,
        /// The type of the values.
        found: ColumnType,
    },
    /// The table has no column of this name.
    #[error("the table has no column `{0}`")]
    NoColumn(String),
    /// A column has another type than its reader expects.
    #[error("column `{column}` is {found:?}; expected {expected:?}")]
    Unexpected {
        /// The name of the column.
        column: String,
        /// The type that was asked for.
        expected: ColumnType,
        /// The type of the column.
        found: ColumnType,
    },
    /// Rows to append have other columns than the table.
    #[error("the rows have other columns than those before them")]
    OtherColumns,
    /// An Arrow array has a type that no column has.
    #[error(
        "column `{column}` has the Arrow type `{found}`; expected text, integers of up to 64 bits with a sign, floats or booleans"
    )]
    ArrowType {
        /// The name of the column.
        column: String,
        /// The type of the array.
        found: String,
    },
    /// An Arrow array has a float that no column can hold.
    #[error("row {row} of column `{column}` is {value}, which is not a finite number; make it null")]
    NotFinite {
        /// The name of the column.
        column: String,
        /// The number of the row, from 1.
        row: usize,
        /// The value.
        value: String,
    },
}

/// An ordered set of records with typed columns, whose values are Arrow arrays. Clones, [slices](Self::slice) and
/// [selections](Self::select) share them.
///
/// ```
/// use chem_runtime::artifact::{Cells as _, Column, ColumnType, Table, Values};
///
/// let table = Table::new([
///     (Column::new("name", ColumnType::Text), Values::texts(["water", "ethanol"])),
///     (Column::new("mw", ColumnType::Float).with_unit("g/mol"), Values::floats([Some(18.015), None])),
/// ])?;
/// assert_eq!((table.floats("mw")?.cell(0), table.floats("mw")?.cell(1)), (Some(18.015), None));
/// assert_eq!(table.texts("name")?.iter().flatten().collect::<Vec<_>>(), ["water", "ethanol"]);
/// assert!(table.integers("mw").unwrap_err().to_string().contains("expected Integer"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: Vec<Column>,
    data: Vec<Values>,
    rows: usize,
    names: NameIndex,
}

impl Table {
    /// Creates a table from `columns` and their values.
    ///
    /// # Errors
    /// Fails if two columns have the same name, or if types or numbers of values do not match.
    pub fn new(columns: impl IntoIterator<Item = (Column, Values)>) -> Result<Self, TableError> {
        let mut table = Self::default();
        table.extend(columns)?;
        Ok(table)
    }

    /// Creates a table with these columns and no rows.
    ///
    /// # Errors
    /// Fails if two columns have the same name.
    pub(crate) fn without_rows(columns: &[Column]) -> Result<Self, TableError> {
        Self::new(columns.iter().map(|column| (column.clone(), Values::empty(column.ty))))
    }

    /// Adds a column, or replaces the column of that name.
    pub fn with_column(&self, column: Column, data: Values) -> Result<Self, TableError> {
        let mut table = self.clone();
        match table.index_of(&column.name) {
            Some(at) => {
                table.check(&column, &data)?;
                table.columns[at] = column;
                table.data[at] = data.without_negative_zero();
            }
            None => table.extend([(column, data)])?,
        }
        Ok(table)
    }

    /// Adds a computed column, which names its provider. Replaces an earlier computed column of that name.
    ///
    /// # Errors
    /// Fails if the original data has a column of that name, or if the values do not fit.
    pub fn with_result(&self, column: Column, data: Values) -> Result<Self, TableError> {
        match self.column(&column.name) {
            Some((there, _)) if there.provider.is_none() => Err(TableError::Taken(column.name.to_string())),
            _ => self.with_column(column, data),
        }
    }

    /// Sets the units that `unit_of` returns for the names of columns; other columns keep their units.
    pub fn with_units<'u>(mut self, unit_of: impl Fn(&str) -> Option<&'u str>) -> Self {
        for column in &mut self.columns {
            if let Some(unit) = unit_of(&column.name) {
                column.unit = Some(unit.to_owned());
            }
        }
        self
    }

    /// Appends columns.
    pub(crate) fn extend(&mut self, more: impl IntoIterator<Item = (Column, Values)>) -> Result<(), TableError> {
        let mut more = more.into_iter().peekable();
        if self.columns.is_empty() {
            self.rows = more.peek().map_or(self.rows, |(_, data)| data.len());
        }
        self.extend_with(more.map(|(column, data)| (column, data.without_negative_zero())))
    }

    fn extend_with(&mut self, more: impl IntoIterator<Item = (Column, Values)>) -> Result<(), TableError> {
        let mut names: HashSet<Arc<str>> = self.columns.iter().map(|column| column.name.clone()).collect();
        for (column, data) in more {
            if !names.insert(column.name.clone()) {
                return Err(TableError::DuplicateColumn(column.name.to_string()));
            }
            self.check(&column, &data)?;
            self.columns.push(column);
            self.data.push(data);
            self.names = NameIndex::default();
        }
        Ok(())
    }

    /// Selects the rows with these indices, in this order. An index out of range gives a row of missing values.
    pub fn gather(&self, rows: &[usize]) -> Self {
        let indices = values::indices(rows, self.rows);
        Self {
            columns: self.columns.clone(),
            data: self.data.par_iter().map(|data| data.take(&indices)).collect(),
            rows: rows.len(),
            names: self.names.clone(),
        }
    }

    /// Returns the rows in this range, as far as they exist, without copying them: they keep the whole table in memory.
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let end = rows.end.min(self.rows);
        let rows = rows.start.min(end)..end;
        Self {
            columns: self.columns.clone(),
            data: self.data.iter().map(|data| data.slice(&rows)).collect(),
            rows: rows.len(),
            names: self.names.clone(),
        }
    }

    /// Selects the columns at these indices, in this order, without copying their values. Ignores an index out of range.
    pub fn select(&self, columns: &[usize]) -> Self {
        let there = || columns.iter().copied().filter(|index| *index < self.columns.len());
        Self {
            columns: there().map(|index| self.columns[index].clone()).collect(),
            data: there().map(|index| self.data[index].clone()).collect(),
            rows: self.rows,
            names: NameIndex::default(),
        }
    }

    /// Creates a table with `rows` rows from these columns, of which there may be none.
    ///
    /// # Errors
    /// Fails like [`new`](Self::new).
    pub(crate) fn with_rows(
        columns: impl IntoIterator<Item = (Column, Values)>,
        rows: usize,
    ) -> Result<Self, TableError> {
        let mut table = Self { rows, ..Self::default() };
        table.extend_with(columns.into_iter().map(|(column, data)| (column, data.without_negative_zero())))?;
        Ok(table)
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the values of the column at `index`.
    pub fn data(&self, index: usize) -> Option<&Values> {
        self.data.get(index)
    }

    /// Returns the column called `name` and its values.
    pub fn column(&self, name: &str) -> Option<(&Column, &Values)> {
        let at = self.index_of(name)?;
        Some((&self.columns[at], &self.data[at]))
    }

    /// Returns the values of the column of texts called `name`.
    ///
    /// # Errors
    /// Fails if there is no such column, or if it has another type.
    pub fn texts(&self, name: &str) -> Result<&LargeStringArray, TableError> {
        match self.expect_column(name)? {
            (_, Values::Text(array)) => Ok(array),
            (column, _) => Err(column.unexpected(ColumnType::Text)),
        }
    }

    /// Returns the values of the column of integers called `name`.
    ///
    /// # Errors
    /// Fails like [`texts`](Self::texts).
    pub fn integers(&self, name: &str) -> Result<&Int64Array, TableError> {
        match self.expect_column(name)? {
            (_, Values::Integer(array)) => Ok(array),
            (column, _) => Err(column.unexpected(ColumnType::Integer)),
        }
    }

    /// Returns the values of the column of floats called `name`.
    ///
    /// # Errors
    /// Fails like [`texts`](Self::texts).
    pub fn floats(&self, name: &str) -> Result<&Float64Array, TableError> {
        match self.expect_column(name)? {
            (_, Values::Float(array)) => Ok(array),
            (column, _) => Err(column.unexpected(ColumnType::Float)),
        }
    }

    /// Returns the values of the column of booleans called `name`.
    ///
    /// # Errors
    /// Fails like [`texts`](Self::texts).
    pub fn booleans(&self, name: &str) -> Result<&BooleanArray, TableError> {
        match self.expect_column(name)? {
            (_, Values::Boolean(array)) => Ok(array),
            (column, _) => Err(column.unexpected(ColumnType::Boolean)),
        }
    }

    fn expect_column(&self, name: &str) -> Result<(&Column, &Values), TableError> {
        self.column(name).ok_or_else(|| TableError::NoColumn(name.to_owned()))
    }

    /// Returns the row at index `row` as JSON values in the order of the columns.
    pub fn row(&self, row: usize) -> Vec<Value> {
        self.data.iter().map(|data| data.json(row)).collect()
    }

    /// Returns the index of the column called `name`, in constant time after the first call.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.names.of(&self.columns, name)
    }

    fn check(&self, column: &Column, data: &Values) -> Result<(), TableError> {
        let column_name = || column.name.to_string();
        if data.ty() != column.ty {
            return Err(TableError::WrongType { column: column_name(), declared: column.ty, found: data.ty() });
        }
        if data.len() != self.rows {
            return Err(TableError::UnevenColumn { column: column_name(), expected: self.rows, found: data.len() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_column_holds_a_negative_zero() {
        let column = |name| Column::new(name, ColumnType::Float);
        let zero = || Values::floats([-0.0]);
        let mut builder = TableBuilder::new(vec![column("a")]);
        builder.push(vec![(-0.0).into()]).unwrap();
        let built = builder.finish().unwrap();
        let table = Table::new([(column("a"), zero())]).unwrap();
        for table in [table.with_column(column("a"), zero()).unwrap(), table, built] {
            assert_eq!(table.floats("a").unwrap().cell(0).map(f64::to_bits), Some(0));
        }
    }

    #[test]
    fn columns_must_fit_together() {
        let column = |name| Column::new(name, ColumnType::Integer);
        let one = || Values::integers([1]);
        assert!(matches!(
            Table::new([(column("a"), one()), (column("a"), one())]),
            Err(TableError::DuplicateColumn(_))
        ));
        let two = Values::integers([None, None]);
        assert!(matches!(Table::new([(column("a"), one()), (column("b"), two)]), Err(TableError::UnevenColumn { .. })));
        let text = Values::texts([None::<&str>]);
        assert!(matches!(Table::new([(column("a"), text)]), Err(TableError::WrongType { .. })));
    }
}
