//! Tables of records, the inputs and outputs of most steps.
//!
//! In memory a table is a list of typed columns. As an artifact it is a small root (the columns, the number of rows, the
//! hashes of the chunks), and each chunk of about a thousand rows is a separate artifact: see `packing`.

mod builder;
mod columns;
mod dataset;
mod index;
mod location;
mod numbers;
mod packer;
mod packing;
mod root;
mod stream;

use std::collections::HashSet;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

pub use builder::TableBuilder;
pub use columns::{Column, ColumnData, ColumnType};
pub use dataset::Dataset;
use index::NameIndex;
pub(crate) use numbers::{NumbersInText, TextCensus, number_spelled, write_float};
pub(crate) use packer::{OpenChunk, Packer, RowTexts};
pub use root::{ChunkRef, TableRoot};
pub use stream::{TablePiece, TableStream};

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
}

/// An ordered set of records with typed columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: Vec<Column>,
    data: Vec<Arc<ColumnData>>,
    rows: usize,
    names: NameIndex,
}

impl Table {
    /// Creates a table from `columns` and their values.
    ///
    /// # Errors
    /// Fails if two columns have the same name, or if types or numbers of values do not match.
    pub fn new(columns: impl IntoIterator<Item = (Column, ColumnData)>) -> Result<Self, TableError> {
        let mut table = Self::default();
        table.extend(columns)?;
        Ok(table)
    }

    /// Creates a table with these columns and no rows.
    ///
    /// # Errors
    /// Fails if two columns have the same name.
    pub(crate) fn without_rows(columns: &[Column]) -> Result<Self, TableError> {
        Self::new(columns.iter().map(|column| (column.clone(), ColumnData::empty(column.ty))))
    }

    /// Adds a column, or replaces the column of that name.
    pub fn with_column(&self, column: Column, data: ColumnData) -> Result<Self, TableError> {
        let mut table = self.clone();
        match table.index_of(&column.name) {
            Some(at) => {
                table.check(&column, &data)?;
                table.columns[at] = column;
                table.data[at] = Arc::new(data.without_negative_zero());
            }
            None => table.extend([(column, data)])?,
        }
        Ok(table)
    }

    /// Adds a computed column, which names its provider. Replaces an earlier computed column of that name.
    ///
    /// # Errors
    /// Fails if the original data has a column of that name, or if the values do not fit.
    pub fn with_result(&self, column: Column, data: ColumnData) -> Result<Self, TableError> {
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
    pub(crate) fn extend(&mut self, more: impl IntoIterator<Item = (Column, ColumnData)>) -> Result<(), TableError> {
        let mut more = more.into_iter().peekable();
        if self.columns.is_empty() {
            self.rows = more.peek().map_or(self.rows, |(_, data)| data.len());
        }
        self.extend_with(more.map(|(column, data)| (column, Arc::new(data.without_negative_zero()))))
    }

    fn extend_with(&mut self, more: impl IntoIterator<Item = (Column, Arc<ColumnData>)>) -> Result<(), TableError> {
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
        Self {
            columns: self.columns.clone(),
            data: self.data.par_iter().map(|data| Arc::new(data.gather(rows))).collect(),
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

    /// Appends the rows of `other`.
    ///
    /// # Errors
    /// Returns `other` if its columns are not the same; the table is then unchanged.
    pub(crate) fn append(&mut self, other: Self) -> Result<(), Self> {
        if self.columns != other.columns {
            return Err(other);
        }
        self.rows += other.rows;
        for (all, more) in self.data.iter_mut().zip(other.data) {
            // The columns have the same types.
            let _ = Arc::make_mut(all).append(Arc::unwrap_or_clone(more));
        }
        Ok(())
    }

    /// Returns the values of the column at `index`, which tables may share.
    pub(crate) fn shared(&self, index: usize) -> Option<&Arc<ColumnData>> {
        self.data.get(index)
    }

    /// Creates a table with `rows` rows from columns whose values may be shared.
    ///
    /// # Errors
    /// Fails like [`new`](Self::new).
    pub(crate) fn of_shared(
        columns: impl IntoIterator<Item = (Column, Arc<ColumnData>)>,
        rows: usize,
    ) -> Result<Self, TableError> {
        let mut table = Self { rows, ..Self::default() };
        table.extend_with(columns)?;
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
    pub fn data(&self, index: usize) -> Option<&ColumnData> {
        self.data.get(index).map(Arc::as_ref)
    }

    /// Returns the column called `name` and its values.
    pub fn column(&self, name: &str) -> Option<(&Column, &ColumnData)> {
        let at = self.index_of(name)?;
        Some((&self.columns[at], &self.data[at]))
    }

    /// Returns the row at index `row` as JSON values in the order of the columns.
    pub fn row(&self, row: usize) -> Vec<Value> {
        self.data.iter().map(|data| data.json(row)).collect()
    }

    /// Returns the index of the column called `name`, in constant time after the first call.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.names.of(&self.columns, name)
    }

    fn check(&self, column: &Column, data: &ColumnData) -> Result<(), TableError> {
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
        let zero = || ColumnData::Float(vec![Some(-0.0)]);
        let mut builder = TableBuilder::new(vec![column("a")]);
        builder.push(vec![(-0.0).into()]).unwrap();
        let built = builder.finish().unwrap();
        let table = Table::new([(column("a"), zero())]).unwrap();
        for table in [table.with_column(column("a"), zero()).unwrap(), table, built] {
            let ColumnData::Float(values) = table.data(0).unwrap() else { panic!("{table:?}") };
            assert_eq!(values[0].map(f64::to_bits), Some(0));
        }
    }

    #[test]
    fn columns_must_fit_together() {
        let column = |name| Column::new(name, ColumnType::Integer);
        let one = || ColumnData::Integer(vec![Some(1)]);
        assert!(matches!(
            Table::new([(column("a"), one()), (column("a"), one())]),
            Err(TableError::DuplicateColumn(_))
        ));
        let two = ColumnData::Integer(vec![None, None]);
        assert!(matches!(Table::new([(column("a"), one()), (column("b"), two)]), Err(TableError::UnevenColumn { .. })));
        let text = ColumnData::Text(vec![None]);
        assert!(matches!(Table::new([(column("a"), text)]), Err(TableError::WrongType { .. })));
    }
}
