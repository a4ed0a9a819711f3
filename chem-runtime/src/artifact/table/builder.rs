//! Builds tables row by row, and from tables.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::Value;

use super::values_builder::{Cell, ValuesBuilder};
use super::{Column, Table, TableError};

/// Builds a table row by row from JSON values, or from tables with the same columns.
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
    data: Vec<ValuesBuilder>,
    rows: usize,
}

impl TableBuilder {
    /// Starts a table with these columns and no rows.
    pub fn new(columns: Vec<Column>) -> Self {
        let data = columns.iter().map(|column| ValuesBuilder::new(column.ty)).collect();
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
        let columns = || self.columns.iter().zip(&self.data);
        if let Some(((column, _), value)) = columns().zip(&row).find(|((_, data), value)| !data.takes(value)) {
            let rows = self.rows;
            return Err(format!("row {rows} has {value} in column `{}`, which is {:?}", column.name, column.ty));
        }
        for (data, value) in self.data.iter_mut().zip(row) {
            // Its type is that of the column.
            let _ = data.push_json(value);
        }
        self.rows += 1;
        Ok(())
    }

    /// Adds a row: one value of its type for each column.
    ///
    /// # Errors
    /// Fails if a value does not fit. The table then has some of the values, and cannot be finished.
    pub(crate) fn push_cells(&mut self, row: &[Cell<'_>]) -> Result<(), TableError> {
        if row.len() != self.columns.len() || !self.data.iter_mut().zip(row).all(|(data, cell)| data.push(*cell)) {
            return Err(TableError::OtherColumns);
        }
        self.rows += 1;
        Ok(())
    }

    /// Adds the rows in `text`, a JSON array of arrays, without a JSON value for each cell.
    ///
    /// # Errors
    /// Describes what does not fit. The table then has some of the rows, and cannot be finished.
    pub(super) fn push_text(&mut self, text: &str) -> Result<(), String> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let pushed = AllRows(self).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        pushed.map_err(|error| error.to_string())
    }

    /// Adds the rows of `table`.
    ///
    /// # Errors
    /// Fails if its columns are not the same. The rows are then not added.
    pub fn append(&mut self, table: &Table) -> Result<(), TableError> {
        if self.columns != table.columns {
            return Err(TableError::OtherColumns);
        }
        for (data, more) in self.data.iter_mut().zip(&table.data) {
            // The columns have the same types.
            data.append(more).map_err(|_| TableError::OtherColumns)?;
        }
        self.rows += table.rows;
        Ok(())
    }

    /// Returns the columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the number of rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Builds the table.
    pub fn finish(self) -> Result<Table, TableError> {
        let mut table = Table { rows: self.rows, ..Table::default() };
        table.extend_with(self.columns.into_iter().zip(self.data.into_iter().map(ValuesBuilder::finish)))?;
        Ok(table)
    }
}

/// Reads an array of rows into a table.
struct AllRows<'a>(&'a mut TableBuilder);

/// Reads an array of cells, the next row of a table.
struct NextRow<'a>(&'a mut TableBuilder);

/// Reads the next value of a column.
struct NextCell<'a>(&'a Column, &'a mut ValuesBuilder);

impl<'de> DeserializeSeed<'de> for AllRows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AllRows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(NextRow(self.0))?.is_some() {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for NextRow<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for NextRow<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of cells")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<(), A::Error> {
        let TableBuilder { columns, data, rows } = self.0;
        let wrong =
            |found: usize| A::Error::custom(format!("row {rows} has {found} values for {} columns", columns.len()));
        for (index, (column, data)) in columns.iter().zip(data).enumerate() {
            if cells.next_element_seed(NextCell(column, data))?.is_none() {
                return Err(wrong(index));
            }
        }
        if cells.next_element::<serde::de::IgnoredAny>()?.is_some() {
            return Err(wrong(columns.len() + 1));
        }
        *rows += 1;
        Ok(())
    }
}

impl NextCell<'_> {
    fn push<E: serde::de::Error>(self, value: Value) -> Result<(), E> {
        let Self(column, data) = self;
        data.push_json(value)
            .map_err(|value| E::custom(format!("{value} is in column `{}`, which is {:?}", column.name, column.ty)))
    }
}

impl<'de> DeserializeSeed<'de> for NextCell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NextCell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cell")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.1.push_missing();
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.push(value.into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.push(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.push(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.push(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        if self.1.push_text(value) { Ok(()) } else { self.push(value.into()) }
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

    #[test]
    fn tables_are_appended_in_order_and_must_have_the_same_columns() {
        let columns = [ColumnType::Text, ColumnType::Integer, ColumnType::Float, ColumnType::Boolean]
            .map(|ty| Column::new(&format!("{ty:?}"), ty));
        let mut whole = TableBuilder::new(columns.clone().into());
        for row in 0..9 {
            let cells =
                vec![format!("t{row}").into(), row.into(), (f64::from(row) / 8.0).into(), (row % 2 == 0).into()];
            whole.push(if row % 4 == 3 { vec![Value::Null; 4] } else { cells }).unwrap();
        }
        let whole = whole.finish().unwrap();
        for cut in 0..=9 {
            let mut builder = TableBuilder::new(columns.clone().into());
            builder.append(&whole.slice(0..cut)).unwrap();
            builder.append(&whole.slice(cut..100)).unwrap();
            assert_eq!(builder.append(&whole.select(&[0, 1])), Err(TableError::OtherColumns));
            assert_eq!(builder.finish().unwrap(), whole, "{cut}");
        }
    }
}
