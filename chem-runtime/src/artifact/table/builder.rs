//! Builds tables row by row.

use std::sync::Arc;

use serde_json::Value;

use super::{Column, ColumnData, Table, TableError};

/// Builds a table row by row from JSON values.
///
/// ```
/// use chem_runtime::artifact::{Column, ColumnType, TableBuilder};
/// use serde_json::{Value, json};
///
/// let columns = [Column::new("name", ColumnType::Text), Column::new("logp", ColumnType::Float)];
/// let mut builder = TableBuilder::new(columns.into());
/// builder.push(vec![json!("aspirin"), json!(1.31)]).unwrap();
/// builder.push(vec![json!("unknown"), Value::Null]).unwrap();
/// let refused = builder.push(vec![json!("x"), json!("high")]).unwrap_err();
/// assert!(refused.contains("column `logp`"));
/// assert_eq!(builder.finish().unwrap().rows(), 2);
/// ```
#[derive(Debug)]
pub struct TableBuilder {
    columns: Vec<Column>,
    data: Vec<ColumnData>,
    rows: usize,
}

impl TableBuilder {
    /// Starts a table with these columns and no rows.
    pub fn new(columns: Vec<Column>) -> Self {
        let data = columns.iter().map(|column| ColumnData::empty(column.ty)).collect();
        Self { columns, data, rows: 0 }
    }

    /// Adds a row: one value for each column.
    ///
    /// # Errors
    /// Describes the value that does not fit. The row is then not added.
    pub fn push(&mut self, row: Vec<Value>) -> Result<(), String> {
        if row.len() != self.columns.len() {
            return Err(format!("row {} has {} values for {} columns", self.rows, row.len(), self.columns.len()));
        }
        for (index, value) in row.into_iter().enumerate() {
            if let Err(value) = self.data[index].push_json(value) {
                let (column, rows) = (&self.columns[index], self.rows);
                self.data[..index].iter_mut().for_each(|data| data.truncate(rows));
                return Err(format!("row {rows} has {value} in column `{}`, which is {:?}", column.name, column.ty));
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Builds the table.
    pub fn finish(self) -> Result<Table, TableError> {
        let mut table = Table { rows: self.rows, ..Table::default() };
        table.extend_with(self.columns.into_iter().zip(self.data.into_iter().map(Arc::new)))?;
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::ColumnType;

    #[test]
    fn a_row_that_does_not_fit_is_not_added_in_part() {
        let mut builder =
            TableBuilder::new(vec![Column::new("a", ColumnType::Integer), Column::new("b", ColumnType::Boolean)]);
        builder.push(vec![1.into(), true.into()]).unwrap();
        assert!(builder.push(vec![2.into(), "yes".into()]).is_err());
        assert!(builder.push(vec![2.into()]).is_err());
        let table = builder.finish().unwrap();
        assert_eq!((table.rows(), table.row(0)), (1, vec![1.into(), true.into()]));
    }
}
