//! Tables of records: what most steps take and give.
//!
//! In memory a table is a list of typed columns. As an artifact it is a small root (the columns, the number of rows,
//! the hashes of the chunks) over chunks of some thousand rows that are artifacts of their own: see `packing`.

mod builder;
mod columns;
mod numbers;
mod packing;
mod root;

use std::collections::HashSet;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

pub use builder::TableBuilder;
pub use columns::{Column, ColumnData, ColumnType};
pub use numbers::{NumbersInText, number_spelled, write_float};
pub use root::{ChunkRef, TableRoot};

/// Why columns do not make a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Two columns have one name.
    #[error("the table has two columns named `{0}`")]
    DuplicateColumn(String),
    /// A column has another number of values than the first.
    #[error("column `{column}` has {found} values where the table has {expected} rows")]
    UnevenColumn {
        /// Its name.
        column: String,
        /// The number of rows of the table.
        expected: usize,
        /// The number of values of the column.
        found: usize,
    },
    /// A step would put what it has worked out in place of what came with the data.
    #[error(
        "the data came with a column `{0}`, which this step would replace by its own; rename it in the file that it is from"
    )]
    Taken(String),
    /// A column's values are not of its type.
    #[error("column `{column}` is declared {declared:?} and holds {found:?}")]
    WrongType {
        /// Its name.
        column: String,
        /// What it should hold.
        declared: ColumnType,
        /// What it holds.
        found: ColumnType,
    },
}

/// An ordered set of records with typed columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: Vec<Column>,
    data: Vec<Arc<ColumnData>>,
    rows: usize,
}

impl Table {
    /// A table of `columns`, each with its values.
    pub fn new(columns: impl IntoIterator<Item = (Column, ColumnData)>) -> Result<Self, TableError> {
        let mut table = Self::default();
        table.extend(columns)?;
        Ok(table)
    }

    /// The same table with one more column, or with the column of that name replaced.
    pub fn with_column(&self, column: Column, data: ColumnData) -> Result<Self, TableError> {
        let mut table = self.clone();
        match table.position(&column.name) {
            Some(at) => {
                table.check(&column, &data)?;
                table.columns[at] = column;
                table.data[at] = Arc::new(data.without_negative_zero());
            }
            None => table.extend([(column, data)])?,
        }
        Ok(table)
    }

    /// The same table with one more column that a step has worked out, by the provider that it names. It takes the place
    /// of one that was worked out before, and not of one that came with the data.
    pub fn with_result(&self, column: Column, data: ColumnData) -> Result<Self, TableError> {
        match self.column(&column.name) {
            Some((there, _)) if there.provider.is_none() => Err(TableError::Taken(column.name.to_string())),
            _ => self.with_column(column, data),
        }
    }

    /// The same table with the units that `unit_of` gives its columns by name; the others keep theirs.
    pub fn with_units<'u>(mut self, unit_of: impl Fn(&str) -> Option<&'u str>) -> Self {
        for column in &mut self.columns {
            if let Some(unit) = unit_of(&column.name) {
                column.unit = Some(unit.to_owned());
            }
        }
        self
    }

    /// Adds columns behind the others.
    pub(super) fn extend(&mut self, more: impl IntoIterator<Item = (Column, ColumnData)>) -> Result<(), TableError> {
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
        }
        Ok(())
    }

    /// The rows with these numbers, in this order.
    pub fn gather(&self, rows: &[usize]) -> Self {
        Self {
            columns: self.columns.clone(),
            data: self.data.par_iter().map(|data| Arc::new(data.gather(rows))).collect(),
            rows: rows.len(),
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The values of the column at `index`.
    pub fn data(&self, index: usize) -> Option<&ColumnData> {
        self.data.get(index).map(Arc::as_ref)
    }

    /// The column called `name`, with its values.
    pub fn column(&self, name: &str) -> Option<(&Column, &ColumnData)> {
        let at = self.position(name)?;
        Some((&self.columns[at], &self.data[at]))
    }

    /// Row `row` as JSON values in the order of the columns.
    pub fn row(&self, row: usize) -> Vec<Value> {
        self.data.iter().map(|data| data.json(row)).collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &*column.name == name)
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
