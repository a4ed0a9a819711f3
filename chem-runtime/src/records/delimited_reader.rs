//! Comma- and tab-separated text, read record by record.
//!
//! The first record names the columns. Cells may be quoted as RFC 4180 has it; white space around a cell is dropped,
//! and lines with nothing in them are skipped, which `""` is not. Separators at the end of a line with nothing behind them
//! are neither cells nor columns, as some programs write them. What is wrong with one record is told with that record,
//! so that the others can be used.

use std::collections::HashSet;

use csv::{ByteRecord, StringRecord};

use super::decode::{beginning_of_text, not_utf8};
use super::delimited_records::{RawRecord, Records};

/// A file of delimited text.
pub struct Delimited<'a> {
    records: Records<'a>,
    header: StringRecord,
    /// How many columns there are up to the last that has a name in the file.
    named: usize,
}

/// The names of the columns of a file that begins with the bytes `beginning`; `None` if those do not tell.
pub fn header_of(beginning: Vec<u8>, delimiter: u8) -> Option<StringRecord> {
    let text = beginning_of_text(beginning)?;
    // The last line may be cut off.
    let lines = text.iter().rposition(|byte| *byte == b'\n')? + 1;
    // A header with a quotation mark that is closed further on is none here.
    Some(Delimited::new(&text[..lines], delimiter).ok()??.header)
}

/// What to write where the first line of a file of delimited text, whose cells were taken to be separated by `delimiter`, has
/// another separator: one name holds all of them.
pub fn other_separator(names: &[&str], delimiter: u8) -> Option<String> {
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
        b',' => "the names in its first line are separated by `,`: leave out `delimiter`".to_owned(),
        other => {
            let other = char::from(other);
            format!("the names in its first line are separated by `{other}`: write `delimiter: \"{other}\"`")
        }
    })
}

/// A record of delimited text.
#[derive(Debug)]
pub struct Row<'a> {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// It as it stands in the file.
    pub raw: &'a [u8],
    /// Its cells, one for each column; or else why it cannot be used.
    pub cells: Result<StringRecord, String>,
}

impl<'a> Delimited<'a> {
    /// Begins to read `text`, whose cells are separated by `delimiter`. `None` if the text holds no record at all.
    ///
    /// # Errors
    /// Says what is wrong with the record that names the columns.
    pub fn new(text: &'a [u8], delimiter: u8) -> Result<Option<Self>, String> {
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
        // A column without a name, such as the row numbers that some programs write, is called by its place.
        let named = header.iter().enumerate().map(|(index, name)| match name {
            "" => format!("column_{}", index + 1),
            name => name.to_owned(),
        });
        file.header = named.collect();
        Ok(Some(file))
    }

    /// The names of the columns.
    pub fn header(&self) -> &StringRecord {
        &self.header
    }

    /// The records after the first.
    pub fn rows(mut self) -> impl Iterator<Item = Row<'a>> {
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
        // A column without a name at the end of the header need not be there.
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
    fn separators_at_the_end_of_a_line_are_no_cells() {
        let (header, rows) = read(b"smiles,name\nCCO,a,\nCCN,b,,,\nCCC,c\nC,d,,x\n");
        assert_eq!(header, ["smiles", "name"]);
        assert_eq!(rows[..3], [(2, cells(&["CCO", "a"])), (3, cells(&["CCN", "b"])), (4, cells(&["CCC", "c"]))]);
        assert!(rows[3].1.as_ref().is_err_and(|said| said.contains("4 cells")), "{rows:?}");
        let (header, rows) = read(b"smiles,name,\nCCO,a\nCCN,b,\nC\n");
        assert_eq!(header, ["smiles", "name", "column_3"]);
        assert_eq!(rows[..2], [(2, cells(&["CCO", "a", ""])), (3, cells(&["CCN", "b", ""]))]);
        assert!(rows[2].1.is_err());
    }

    /// A header whose cells are separated by something else.
    #[test]
    fn another_separator_is_told() {
        for (names, told) in [
            (&["smiles;name"][..], Some("`delimiter: \";\"`")),
            (&["smiles|name"], Some("`delimiter: \"|\"`")),
            (&["smiles\tname", "x"], Some("`format: tsv`")),
            (&["smiles", "a;b"], None),
            (&["smiles"], None),
        ] {
            let said = other_separator(names, b',');
            assert_eq!(said.is_some(), told.is_some(), "{names:?}");
            assert!(said.iter().all(|said| told.is_some_and(|told| said.contains(told))), "{said:?}");
        }
        assert!(other_separator(&["smiles,name"], b';').is_some_and(|said| said.contains("leave out `delimiter`")));
        assert!(other_separator(&["smiles;name"], b';').is_none());
    }

    #[test]
    fn records_know_the_line_on_which_they_begin() {
        for end in ["\n", "\r\n"] {
            let text = ["smiles, name", "", "CCO,\"two", "lines\"", "", "", "CCN,b", "C,"].join(end);
            let (header, rows) = read(text.as_bytes());
            assert_eq!(header, ["smiles", "name"]);
            let two = format!("two{end}lines");
            assert_eq!(rows, [(3, cells(&["CCO", &two])), (7, cells(&["CCN", "b"])), (8, cells(&["C", ""]))]);
        }
    }

    #[test]
    fn an_empty_cell_in_quotes_is_a_record_and_a_blank_line_is_none() {
        let (_, rows) = read(b"a\nx\n\"\"\n\n  \t\ny\n\"\"");
        assert_eq!(rows, [(2, cells(&["x"])), (3, cells(&[""])), (6, cells(&["y"])), (7, cells(&[""]))]);
    }

    #[test]
    fn what_is_wrong_with_a_record_stays_with_it() {
        let (_, rows) = read(b"smiles,name\nC\nCC,a,b\nC\xff,a\nCC,\xe9\nC\0,a\nC,good\n");
        let reason = |said: &String| said.split(": it has the byte").next().map(str::to_owned);
        let said: Vec<_> = rows.iter().map(|(line, cells)| (*line, cells.as_ref().err().and_then(reason))).collect();
        let expected = [
            (2, Some("has 1 cell where the header has 2")),
            (3, Some("has 3 cells where the header has 2")),
            (4, Some("is not UTF-8 text in the column `smiles`")),
            (5, Some("is not UTF-8 text in the column `name`")),
            (6, Some("has the character U+0000, which cannot be stored")),
            (7, None),
        ]
        .map(|(line, reason)| (line, reason.map(str::to_owned)));
        assert_eq!(said, expected);
    }

    #[test]
    fn the_beginning_of_a_file_tells_its_columns_or_nothing() {
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
    fn a_quotation_mark_that_is_never_closed_is_told_and_takes_its_line_alone() {
        let (_, rows) = read(b"smiles,name\nCC,\"a\"\nC,\"b\nCCC,c\n");
        assert_eq!((&rows[0], &rows[2]), (&(2, cells(&["CC", "a"])), &(4, cells(&["CCC", "c"]))));
        assert!(rows[1].0 == 3 && rows[1].1.as_ref().is_err_and(|reason| reason.contains("never closed")));
        assert!(Delimited::new(b"a,\"b\nc,d\n", b',').is_err_and(|said| said.contains("line 1, which names")));
    }

    #[test]
    fn headers() {
        assert!(Delimited::new(b"", b',').unwrap().is_none());
        assert!(Delimited::new(b"\n\r\n", b',').unwrap().is_none());
        assert!(Delimited::new(b"a,b,a\n", b',').is_err_and(|said| said.contains("`a`")));
        assert!(Delimited::new(b"a,\xff\n", b',').is_err_and(|said| said.contains("line 1")));
        assert_eq!(read(b",a\n").0, ["column_1", "a"]);
        assert_eq!(read(b"only\nC\n\n \nCC\n").1, [(2, cells(&["C"])), (5, cells(&["CC"]))]);
    }
}
