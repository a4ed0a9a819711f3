//! Reads comma- and tab-separated text record by record.
//!
//! The first record contains the names of the columns, unless the file has no header. Cells may be quoted by RFC 4180. White space around a cell is
//! removed, and blank lines are skipped; a line with `""` is not blank. Trailing separators, which some programs write, are
//! neither cells nor columns. A malformed record carries its own error, so that the others remain usable.

use std::collections::HashSet;

use csv::{ByteRecord, StringRecord};

use super::decode::{beginning_of_text, not_utf8};
use super::delimited_records::{RawRecord, Records};
use super::encoding::Encoding;
use crate::cancel;
use crate::step::{Misfit, StepError};

/// How a file of delimited text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout<'a> {
    /// What separates the cells.
    pub delimiter: u8,
    pub header: HeaderLine<'a>,
}

impl Layout<'_> {
    /// Returns the layout of a file with a header, whose cells `delimiter` separates.
    pub(crate) const fn delimited_by(delimiter: u8) -> Self {
        Self { delimiter, header: HeaderLine::First }
    }
}

/// Where the names of the columns come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum HeaderLine<'a> {
    /// The first record.
    #[default]
    First,
    /// These names. If there are none, the first record determines the number of columns, which their positions name.
    Absent(&'a [String]),
}

impl<'a> HeaderLine<'a> {
    /// Returns what the parameters `header` and `column_names` say.
    pub(crate) fn of(header: Option<bool>, names: Option<&'a [String]>) -> Self {
        if header == Some(false) { Self::Absent(names.unwrap_or_default()) } else { Self::First }
    }
}

/// Reports a parameter `column_names` that names a column twice, or that is given although the file has a header.
pub(crate) fn misfit_of_names(header: Option<bool>, names: Option<&[String]>) -> Option<Misfit> {
    let names = names?;
    if header == Some(false) {
        return Misfit::twice("column_names", names);
    }
    let misfit = Misfit::new("column_names", "`column_names` names the columns of a file without a header");
    Some(misfit.with_help("write `header: false`, or omit `column_names`"))
}

/// The columns of a file of delimited text.
pub(super) struct Header {
    names: StringRecord,
    /// The number of columns up to the last one with a name in the file.
    named: usize,
    /// What determines the number of columns, for messages.
    counted_by: &'static str,
}

/// Returns the names of the columns of a file that begins with the bytes `beginning`; `None` if these do not contain the
/// complete record that determines them.
pub(crate) fn header_of(beginning: Vec<u8>, encoding: Encoding, layout: Layout<'_>) -> Option<StringRecord> {
    if let HeaderLine::Absent(names @ [_, ..]) = layout.header {
        return Some(names.iter().collect());
    }
    let text = beginning_of_text(beginning, encoding)?;
    // The last line may be truncated.
    let lines = text.iter().rposition(|byte| *byte == b'\n')? + 1;
    // A quoted cell that ends after `beginning` makes the record unreadable here.
    Some(Header::read(&mut Records::new(&text[..lines], layout.delimiter), layout).ok()??.names)
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

impl Header {
    /// Reads the names of the columns from the beginning of a text. Returns `None` if there are no records.
    ///
    /// # Errors
    /// Returns what is wrong with the names.
    fn read(records: &mut Records<'_>, layout: Layout<'_>) -> Result<Option<Self>, String> {
        let mut header = Self { names: StringRecord::new(), named: 0, counted_by: "the header" };
        let names: StringRecord = match layout.header {
            HeaderLine::First => {
                let Some(first) = records.next().map(|first| header.row(first)) else { return Ok(None) };
                first.cells.map_err(|reason| format!("line {}, which names the columns, {reason}", first.line))?
            }
            HeaderLine::Absent([]) => {
                let Some(first) = records.clone().next() else { return Ok(None) };
                let cells = first.cells.map_err(|reason| {
                    let line = first.line;
                    format!("line {line}, whose cells number the columns, {reason}; name the columns in `column_names`")
                })?;
                header.counted_by = "the first record";
                (1..=cells.len()).map(column_at).collect()
            }
            HeaderLine::Absent(names) => {
                header.counted_by = "`column_names`";
                names.iter().collect()
            }
        };
        let mut known = HashSet::new();
        for name in names.iter().filter(|name| !name.is_empty()) {
            if !known.insert(name) {
                return Err(format!("two columns are called `{name}`; rename one of them"));
            }
        }
        header.named =
            names.iter().enumerate().filter(|(_, name)| !name.is_empty()).last().map_or(0, |(last, _)| last + 1);
        // A column without a name, such as the row numbers that some programs write, is named by its position.
        let named = names.iter().enumerate().map(|(index, name)| match name {
            "" => column_at(index + 1),
            name => name.to_owned(),
        });
        header.names = named.collect();
        Ok(Some(header))
    }

    /// Reads the names like [`read`](Self::read), for a step that reads the file called `name`.
    ///
    /// # Errors
    /// Names the file and what is wrong with its header. Or the step is asked to stop.
    pub(super) fn open(name: &str, records: &mut Records<'_>, layout: Layout<'_>) -> Result<Option<Self>, StepError> {
        let opened = Self::read(records, layout);
        // The header may have been read only in part.
        cancel::check()?;
        opened.map_err(|reason| StepError::new(format!("cannot read the columns of `{name}`: {reason}")))
    }

    /// Returns the names of the columns.
    pub(super) fn names(&self) -> &StringRecord {
        &self.names
    }

    /// Reads a record after the header.
    pub(super) fn row<'a>(&self, record: RawRecord<'a>) -> Row<'a> {
        let RawRecord { line, raw, cells } = record;
        Row { line, raw, cells: cells.and_then(|cells| self.cells(cells, raw)) }
    }

    /// Returns the cells of a record after the header, or why it cannot be used.
    pub(super) fn cells(&self, mut record: ByteRecord, raw: &[u8]) -> Result<StringRecord, String> {
        let expected = self.names.len();
        if expected > 0 && record.iter().skip(expected).all(<[u8]>::is_empty) {
            record.truncate(expected);
        }
        // Cells of unnamed columns at the end of the header are optional.
        while record.len() < expected && record.len() >= self.named {
            record.push_field(b"");
        }
        if expected > 0 && record.len() != expected {
            let cells = if record.len() == 1 { "cell" } else { "cells" };
            return Err(format!("has {} {cells} where {} has {expected}", record.len(), self.counted_by));
        }
        if raw.contains(&0) {
            return Err("has the character U+0000, which cannot be stored".to_owned());
        }
        StringRecord::from_byte_record(record).map_err(|error| {
            let cell = error.utf8_error().field();
            let record = error.into_byte_record();
            not_utf8(record.get(cell).unwrap_or_default(), self.names.get(cell))
        })
    }
}

/// Returns the name of the column at `position`, from 1, that has no other.
fn column_at(position: usize) -> String {
    format!("column_{position}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: Layout<'static> = Layout::delimited_by(b',');

    type Said = Result<Vec<String>, String>;

    type Rows = Vec<(u64, Said)>;

    fn read_as(text: &[u8], layout: Layout<'_>) -> Result<Option<(Vec<String>, Rows)>, String> {
        let mut records = Records::new(text, layout.delimiter);
        let Some(header) = Header::read(&mut records, layout)? else { return Ok(None) };
        let owned = |cells: StringRecord| cells.iter().map(str::to_owned).collect();
        let rows = records.map(|record| header.row(record)).map(|row| (row.line, row.cells.map(owned))).collect();
        Ok(Some((header.names().iter().map(str::to_owned).collect(), rows)))
    }

    fn read(text: &[u8]) -> (Vec<String>, Rows) {
        read_as(text, COMMA).unwrap().unwrap()
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
        let columns = |text: &str| {
            header_of(text.into(), Encoding::Utf8, COMMA).map(|header| header.iter().map(str::to_owned).collect())
        };
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
        assert!(read_as(b"a,\"b\nc,d\n", COMMA).is_err_and(|reason| reason.contains("line 1, which names")));
    }

    #[test]
    fn headers() {
        assert!(read_as(b"", COMMA).unwrap().is_none());
        assert!(read_as(b"\n\r\n", COMMA).unwrap().is_none());
        assert!(read_as(b"a,b,a\n", COMMA).is_err_and(|reason| reason.contains("`a`")));
        assert!(read_as(b"a,\xff\n", COMMA).is_err_and(|message| message.contains("line 1")));
        assert_eq!(read(b",a\n").0, ["column_1", "a"]);
        assert_eq!(read(b"only\nC\n\n \nCC\n").1, [(2, cells(&["C"])), (5, cells(&["CC"]))]);
    }

    #[test]
    fn a_file_without_a_header_has_columns_named_by_position_or_by_a_parameter() {
        let names = ["smiles".to_owned(), "id".to_owned()];
        let read = |text: &[u8], names| {
            let layout = Layout { delimiter: b',', header: HeaderLine::of(Some(false), names) };
            let (header, rows) = read_as(text, layout)?.unwrap();
            Ok::<_, String>((header, rows.into_iter().map(|(_, cells)| cells).collect::<Vec<Said>>()))
        };
        let text = b"C,1,\nCC,2,x\nCCC,3\n";
        let (header, rows) = read(text, None).unwrap();
        assert_eq!(header, ["column_1", "column_2", "column_3"]);
        assert_eq!(rows[..2], [cells(&["C", "1", ""]), cells(&["CC", "2", "x"])]);
        assert_eq!(rows[2], Err("has 2 cells where the first record has 3".to_owned()));
        let (header, rows) = read(text, Some(&names)).unwrap();
        assert_eq!((header, &rows[0], &rows[2]), (names.to_vec(), &cells(&["C", "1"]), &cells(&["CCC", "3"])));
        assert_eq!(rows[1], Err("has 3 cells where `column_names` has 2".to_owned()));
        assert!(read(b"\"a\nb,c\n", None).unwrap_err().contains("name the columns in `column_names`"));
        assert!(read(b"a\n", Some(&["x".to_owned(), "x".to_owned()])).unwrap_err().contains("`x`"));
        assert!(read_as(b"", Layout { header: HeaderLine::Absent(&[]), ..COMMA }).unwrap().is_none());
        let found = |header: HeaderLine<'_>| header_of(b"C,1\n".to_vec(), Encoding::Utf8, Layout { header, ..COMMA });
        assert_eq!(found(HeaderLine::Absent(&names)), Some(names.iter().collect()));
        assert_eq!(found(HeaderLine::Absent(&[])), Some(["column_1", "column_2"].iter().collect()));
    }
}
