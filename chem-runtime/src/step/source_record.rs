//! The text of a record that a source read, as it is written in its file.

use serde_json::{Map, Value};

/// A record that a source read.
#[derive(Debug, Clone, Copy)]
pub struct SourceRecord<'a> {
    /// The number of the record in its file, from 1; `None` if the data do not say it.
    pub number: Option<u64>,
    /// The index of the record's row in the main output; `None` if it was rejected.
    pub row: Option<usize>,
    /// The records that the step rejected: the name of the file in the data, and the number of the record in it.
    pub rejected: &'a [(String, u64)],
    /// The name of the file in the data, if the step read several and the record says which.
    pub file: Option<&'a str>,
    /// The values that were read, by column.
    pub values: &'a Map<String, Value>,
}

/// A record as it is written in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenRecord {
    /// The line on which it begins, from 1; `None` if it is not in a file of lines.
    pub line: Option<u64>,
    /// The text. Invalid UTF-8 becomes U+FFFD.
    pub text: String,
    /// The name of the file in the data, and the number of the record in it, if the step found them by the row.
    pub place: Option<(String, u64)>,
}

impl WrittenRecord {
    /// Creates a record that begins on a line of its file.
    pub fn on_line(line: u64, text: &[u8]) -> Self {
        Self { line: Some(line), text: String::from_utf8_lossy(text).into_owned(), place: None }
    }
}

impl<'a> SourceRecord<'a> {
    /// Returns the name of the file that the record comes from: that in `file_column`, if the step has written it there.
    pub fn file_in(&self, file_column: Option<&str>) -> Option<&'a str> {
        self.file.or_else(|| self.values.get(file_column?)?.as_str())
    }
}
