//! The rows of the cards as data for the script: every column, with the values as `table.write` writes them.

use serde_json::{Value, json};

use super::record::seen;
use super::value::words;
use crate::artifact::{Column, ColumnType, Table};
use crate::records::cell_text;

/// What the script of the page knows of the rows.
pub(super) struct Data<'a> {
    pub(super) table: &'a Table,
    /// How many rows have a card, from the first.
    pub(super) rows: usize,
    /// The index of the column by which the cards are grouped.
    pub(super) group: Option<usize>,
}

impl Data<'_> {
    /// Returns the data as JSON, with hidden characters escaped: an object with `columns`, `rows`, which are arrays of texts,
    /// and `group`. A missing value is null. Texts keep numbers as they are: a script has no whole numbers above 2^53.
    pub(super) fn json(&self) -> String {
        let columns = self.table.columns();
        let cells = |row| (0..columns.len()).map(|index| cell_text(self.table.data(index)?, row)).collect::<Vec<_>>();
        let rows: Vec<Value> = (0..self.rows).map(|row| json!(cells(row))).collect();
        let columns: Vec<Value> = columns.iter().map(column).collect();
        seen(&json!({ "columns": columns, "rows": rows, "group": self.group }))
    }
}

fn column(column: &Column) -> Value {
    let ty = match column.ty {
        ColumnType::Text => "text",
        ColumnType::Integer => "integer",
        ColumnType::Float => "float",
        ColumnType::Boolean => "boolean",
    };
    let unit = column.unit.as_ref().map(ToString::to_string);
    json!({ "name": *column.name, "words": words(&column.name), "type": ty, "unit": unit })
}
