//! The table of rejected records: location, text, and reason.

use serde_json::Value;

use crate::artifact::{Column, ColumnType, Table, TableBuilder, TableError};

/// The number of characters kept of a rejected record.
const MAX_CHARS: usize = 120;

/// Collects rejected records into a table with the columns `line`, `record`, `text` and `reason`, preceded by `file` if they come
/// from several files.
#[derive(Debug)]
pub(crate) struct Rejects {
    rows: TableBuilder,
    count: usize,
    /// The file of the next record, if they come from several files.
    file: Option<String>,
}

impl Default for Rejects {
    fn default() -> Self {
        Self { rows: TableBuilder::new(columns().into()), count: 0, file: None }
    }
}

fn columns() -> [Column; 4] {
    [
        Column::new("line", ColumnType::Integer).as_location(),
        Column::new("record", ColumnType::Integer).as_location(),
        Column::new("text", ColumnType::Text),
        Column::new("reason", ColumnType::Text),
    ]
}

impl Rejects {
    /// Creates the rejects of several files.
    pub(crate) fn of_several() -> Self {
        let columns = std::iter::once(Column::new("file", ColumnType::Text)).chain(columns()).collect();
        Self { rows: TableBuilder::new(columns), count: 0, file: Some(String::new()) }
    }

    /// Creates empty rejects of the same files.
    pub(super) fn next_part(&self) -> Self {
        Self { rows: TableBuilder::new(self.rows.columns().to_vec()), count: 0, file: self.file.clone() }
    }

    /// Says that the next records come from the file called `name`. Has no effect for the rejects of one file.
    pub(crate) fn continue_in(&mut self, name: &str) {
        if let Some(file) = &mut self.file {
            name.clone_into(file);
        }
    }

    /// Adds record number `record` with the text `text`, which begins on line `line` of its file.
    pub(crate) fn push(&mut self, line: u64, record: u64, text: &[u8], reason: &str) {
        self.add(Some(line), Some(record), text, reason);
    }

    /// Adds a row of `table`. Its text is what the table has there.
    pub(crate) fn push_row(&mut self, table: &Table, row: usize, reason: &str) {
        self.push_record(None, text_of(table, row).as_bytes(), reason);
    }

    /// Adds a record that is not from a file: it has no line, and possibly no number.
    pub(crate) fn push_record(&mut self, record: Option<u64>, text: &[u8], reason: &str) {
        self.add(None, record, text, reason);
    }

    fn add(&mut self, line: Option<u64>, record: Option<u64>, text: &[u8], reason: &str) {
        let file = self.file.iter().map(|file| Value::from(file.as_str()));
        let row: [Value; 4] =
            [line.into(), record.into(), shortened(text).into(), reason.replace('\0', "\u{fffd}").into()];
        let row: Vec<Value> = file.chain(row).collect();
        // A row of the columns' own types always fits, unless a file has more than i64::MAX lines.
        if self.rows.push(row).is_ok() {
            self.count += 1;
        }
    }

    /// Builds the table.
    pub(crate) fn finish(self) -> Result<Table, TableError> {
        self.rows.finish()
    }
}

/// Returns the first 120 characters of `text`, followed by `…` if there are more. Invalid UTF-8, and U+0000, which no
/// artifact can hold, become U+FFFD.
pub(crate) fn shortened(text: &[u8]) -> String {
    // A character has at most four bytes, so a character that the cut splits is never among the first `MAX_CHARS`.
    let start = &text[..text.len().min(4 * MAX_CHARS + 4)];
    let lossy = String::from_utf8_lossy(start).replace('\0', "\u{fffd}");
    match lossy.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &lossy[..end]),
        None => lossy,
    }
}

/// Returns the values of a row, with their columns if there are several.
fn text_of(table: &Table, row: usize) -> String {
    let values = table.row(row);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match values.as_slice() {
        [value] => text(value),
        values => {
            let named =
                table.columns().iter().zip(values).map(|(column, value)| format!("{}={}", column.name, text(value)));
            named.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reject_has_a_location_a_text_and_a_reason() {
        let mut rejects = Rejects::default();
        rejects.push(7, 6, b"C1CC\0", "not a SMILES");
        assert_eq!(rejects.count, 1);
        let table = rejects.finish().unwrap();
        assert_eq!(table.row(0), vec![7.into(), 6.into(), "C1CC\u{fffd}".into(), Value::from("not a SMILES")]);
    }

    #[test]
    fn a_reject_of_several_files_has_its_file() {
        let mut rejects = Rejects::of_several();
        for (file, line) in [("a.csv", 3), ("b.csv", 2)] {
            rejects.continue_in(file);
            rejects.push(line, line - 1, b"x", "is short");
        }
        let table = rejects.finish().unwrap();
        assert_eq!(table.row(1), vec!["b.csv".into(), 2.into(), 1.into(), "x".into(), Value::from("is short")]);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shortened("é".repeat(120).as_bytes()), "é".repeat(120));
        assert_eq!(shortened("é".repeat(121).as_bytes()), format!("{}…", "é".repeat(120)));
        assert_eq!(shortened("𝄞".repeat(500).as_bytes()), format!("{}…", "𝄞".repeat(120)));
        assert_eq!(shortened(b"C\xffC"), "C\u{fffd}C");
    }
}
