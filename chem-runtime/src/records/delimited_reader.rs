//! Reads comma- and tab-separated text record by record.
//!
//! The first record contains the names of the columns. Cells may be quoted by RFC 4180. White space around a cell is
//! removed, and blank lines are skipped; a line with `""` is not blank. Trailing separators, which some programs write, are
//! neither cells nor columns. A malformed record carries its own error, so that the others remain usable.

use std::collections::HashSet;

use csv::{ByteRecord, StringRecord};

use super::decode::{beginning_of_text, not_utf8};
use super::delimited_records::{RawRecord, Records};
use crate::cancel;
use crate::step::StepError;

/// A file of delimited text.
pub(crate) struct Delimited<'a> {
    records: Records<'a>,
    header: StringRecord,
    /// The number of columns up to the last one with a name in the file.
    named: usize,
}

/// Returns the names of the columns of a file that begins with the bytes `beginning`; `None` if these do not contain a
/// complete header.
pub(crate) fn header_of(beginning: Vec<u8>, delimiter: u8) -> Option<StringRecord> {
    let text = beginning_of_text(beginning)?;
    // The last line may be truncated.
    let lines = text.iter().rposition(|byte| *byte == b'\n')? + 1;
    // A quoted name that ends after `beginning` makes the header unreadable here.
    Some(Delimited::new(&text[..lines], delimiter).ok()??.header)
}

/// Returns advice if the header of a file that was read with `delimiter` probably uses another separator: a single name that
/// contains all of them.
pub(crate) fn other_separator(names: &[&str], delimiter: u8) -> Option<String> {
    let first = names.first()?;
    let found = [b'\t', b';', b'|', b',']
        .into_iter()
        .filter(|separator| *separator != delimiter && (*separator == b'\t' || names.len() == 1))
        .find(|separator| first.contains(char::from(*separator)))?;
    Some(match found {
        b'\t' => "the names in its first line are separated by tabs: write `format: tsv`".to_owned(),
        b',' if delimiter == b'\t' => {
            "the names in its first line are separated by `,`: write `format: csv`".to_owned()
        }
        b',' => "the names in its first line are separated by `,`: omit `delimiter`".to_owned(),
        other => {
            let other = char::from(other);
            format!("the names in its first line are separated by `{other}`: write `delimiter: \"{other}\"`")
        }
    })
}

/// A record of delimited text.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// The number of its first line, from 1.
    pub line: u64,
    /// The text of the record in the file.
    pub raw: &'a [u8],
    /// One cell for each column, or the reason why the record cannot be used.
    pub cells: Result<StringRecord, String>,
}

impl<'a> Delimited<'a> {
    /// Reads the header of `text`, whose cells are separated by `delimiter`. Returns `None` if the text has no records.
    ///
    /// # Errors
    /// Returns what is wrong with the header.
    pub(crate) fn new(text: &'a [u8], delimiter: u8) -> Result<Option<Self>, String> {
        let mut file = Self { records: Records::new(text, delimiter), header: StringRecord::new(), named: 0 };
        let Some(first) = file.next_record() else {
            return Ok(None);
        };
        let header = first.cells.map_err(|reason| format!("line {}, which names the columns, {reason}", first.line))?;
        let mut names = HashSet::new();
        for name in header.iter().filter(|name| !name.is_empty()) {
            if !names.insert(name) {
                return Err(format!("two columns are called `{name}`; rename one of them"));
            }
        }
        file.named =
            header.iter().enumerate().filter(|(_, name)| !name.is_empty()).last().map_or(0, |(last, _)| last + 1);
        // A column without a name, such as the row numbers that some programs write, is named by its position.
        let named = header.iter().enumerate().map(|(index, name)| match name {
            "" => format!("column_{}", index + 1),
            name => name.to_owned(),
        });
        file.header = named.collect();
        Ok(Some(file))
    }

    /// Reads the header like [`new`](Self::new), for a step that reads the file called `name`.
    ///
    /// # Errors
    /// Names the file and what is wrong with its header. Or the step is asked to stop.
    pub(crate) fn open(name: &str, text: &'a [u8], delimiter: u8) -> Result<Option<Self>, StepError> {
        let opened = Self::new(text, delimiter);
        // The header may have been read only in part.
        cancel::check()?;
        opened.map_err(|reason| StepError::new(format!("cannot read the columns of `{name}`: {reason}")))
    }

    /// Returns the names of the columns.
    pub(crate) fn header(&self) -> &StringRecord {
        &self.header
    }

    /// Returns the records after the header.
    pub(crate) fn rows(mut self) -> impl Iterator<Item = Row<'a>> {
        std::iter::from_fn(move || self.next_record())
    }

    fn next_record(&mut self) -> Option<Row<'a>> {
        let RawRecord { line, raw, cells } = self.records.next()?;
        Some(Row { line, raw, cells: cells.and_then(|cells| self.cells(cells, raw)) })
    }

    fn cells(&self, mut record: ByteRecord, raw: &[u8]) -> Result<StringRecord, String> {
        let expected = self.header.len();
        if expected > 0 && record.iter().skip(expected).all(<[u8]>::is_empty) {
            record.truncate(expected);
        }
        // Cells of unnamed columns at the end of the header are optional.
        while record.len() < expected && record.len() >= self.named {
            record.push_field(b"");
        }
        if expected > 0 && record.len() != expected {
            let cells = if record.len() == 1 { "cell" } else { "cells" };
            return Err(format!("has {} {cells} where the header has {expected}", record.len()));
        }
        if raw.contains(&0) {
            return Err("has the character U+0000, which cannot be stored".to_owned());
        }
        StringRecord::from_byte_record(record).map_err(|error| {
            let cell = error.utf8_error().field();
            let record = error.into_byte_record();
            not_utf8(record.get(cell).unwrap_or_default(), self.header.get(cell))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Said = Result<Vec<String>, String>;

    fn read(text: &[u8]) -> (Vec<String>, Vec<(u64, Said)>) {
        let file = Delimited::new(text, b',').unwrap().unwrap();
        let header = file.header().iter().map(str::to_owned).collect();
        let owned = |cells: StringRecord| cells.iter().map(str::to_owned).collect();
        (header, file.rows().map(|row| (row.line, row.cells.map(owned))).collect())
    }

    fn cells(of: &[&str]) -> Said {
        Ok(of.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn trailing_separators_are_not_cells() {
        let (header, rows) = read(b"smiles,name\nCCO,a,\nCCN,b,,,\nCCC,c\nC,d,,x\n");
        assert_eq!(header, ["smiles", "name"]);
        assert_eq!(rows[..3], [(2, cells(&["CCO", "a"])), (3, cells(&["CCN", "b"])), (4, cells(&["CCC", "c"]))]);
        assert!(rows[3].1.as_ref().is_err_and(|reason| reason.contains("4 cells")), "{rows:?}");
        let (header, rows) = read(b"smiles,name,\nCCO,a\nCCN,b,\nC\n");
        assert_eq!(header, ["smiles", "name", "column_3"]);
        assert_eq!(rows[..2], [(2, cells(&["CCO", "a", ""])), (3, cells(&["CCN", "b", ""]))]);
        assert!(rows[2].1.is_err());
    }

    /// A header whose cells are separated by something else.
    #[test]
    fn another_separator_is_recognised() {
        for (names, expected) in [
            (&["smiles;name"][..], Some("`delimiter: \";\"`")),
            (&["smiles|name"], Some("`delimiter: \"|\"`")),
            (&["smiles\tname", "x"], Some("`format: tsv`")),
            (&["smiles", "a;b"], None),
            (&["smiles"], None),
        ] {
            let advice = other_separator(names, b',');
            assert_eq!(advice.is_some(), expected.is_some(), "{names:?}");
            assert!(advice.iter().all(|advice| expected.is_some_and(|part| advice.contains(part))), "{advice:?}");
        }
        assert!(other_separator(&["smiles,name"], b';').is_some_and(|advice| advice.contains("omit `delimiter`")));
        assert!(other_separator(&["smiles;name"], b';').is_none());
    }

    #[test]
    fn records_have_the_number_of_their_first_line() {
        for end in ["\n", "\r\n"] {
            let text = ["smiles, name", "", "CCO,\"two", "lines\"", "", "", "CCN,b", "C,"].join(end);
            let (header, rows) = read(text.as_bytes());
            assert_eq!(header, ["smiles", "name"]);
            let two = format!("two{end}lines");
            assert_eq!(rows, [(3, cells(&["CCO", &two])), (7, cells(&["CCN", "b"])), (8, cells(&["C", ""]))]);
        }
    }

    #[test]
    fn an_empty_quoted_cell_is_a_record_and_a_blank_line_is_not() {
        let (_, rows) = read(b"a\nx\n\"\"\n\n  \t\ny\n\"\"");
        assert_eq!(rows, [(2, cells(&["x"])), (3, cells(&[""])), (6, cells(&["y"])), (7, cells(&[""]))]);
    }

    #[test]
    fn a_malformed_record_does_not_affect_the_others() {
        let (_, rows) = read(b"smiles,name\nC\nCC,a,b\nC\xff,a\nCC,\xe9\nC\0,a\nC,good\n");
        let reason = |reason: &String| reason.split(": it has the byte").next().map(str::to_owned);
        let found: Vec<_> = rows.iter().map(|(line, cells)| (*line, cells.as_ref().err().and_then(reason))).collect();
        let expected = [
            (2, Some("has 1 cell where the header has 2")),
            (3, Some("has 3 cells where the header has 2")),
            (4, Some("is not UTF-8 text in the column `smiles`")),
            (5, Some("is not UTF-8 text in the column `name`")),
            (6, Some("has the character U+0000, which cannot be stored")),
            (7, None),
        ]
        .map(|(line, reason)| (line, reason.map(str::to_owned)));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_beginning_of_a_file_gives_all_columns_or_none() {
        let columns =
            |text: &str| header_of(text.into(), b',').map(|header| header.iter().map(str::to_owned).collect());
        let two = Some(vec!["smiles".to_owned(), "a b".to_owned()]);
        assert_eq!(columns("smiles, a b\nC,"), two);
        assert_eq!(columns("\nsmiles,\"a b\"\r\nC,\"x\ny"), two);
        for text in ["", "smiles,na", "smiles,\"a\nb", "smiles,\"a\nb\"c\n", "smiles,smiles\n"] {
            assert_eq!(columns(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_unclosed_quotation_mark_affects_only_its_line() {
        let (_, rows) = read(b"smiles,name\nCC,\"a\"\nC,\"b\nCCC,c\n");
        assert_eq!((&rows[0], &rows[2]), (&(2, cells(&["CC", "a"])), &(4, cells(&["CCC", "c"]))));
        assert!(rows[1].0 == 3 && rows[1].1.as_ref().is_err_and(|reason| reason.contains("never closed")));
        assert!(Delimited::new(b"a,\"b\nc,d\n", b',').is_err_and(|reason| reason.contains("line 1, which names")));
    }

    #[test]
    fn headers() {
        assert!(Delimited::new(b"", b',').unwrap().is_none());
        assert!(Delimited::new(b"\n\r\n", b',').unwrap().is_none());
        assert!(Delimited::new(b"a,b,a\n", b',').is_err_and(|reason| reason.contains("`a`")));
        assert!(Delimited::new(b"a,\xff\n", b',').is_err_and(|message| message.contains("line 1")));
        assert_eq!(read(b",a\n").0, ["column_1", "a"]);
        assert_eq!(read(b"only\nC\n\n \nCC\n").1, [(2, cells(&["C"])), (5, cells(&["CC"]))]);
    }
}
