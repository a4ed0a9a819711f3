//! Writes a table as comma- or tab-separated text.

use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;

use csv::WriterBuilder;

use crate::artifact::{Cells as _, Table, Values, write_float};
use crate::cancel;
use crate::step::StepError;

/// A writer of delimited text.
pub(crate) struct DelimitedWriter<'a> {
    writer: csv::Writer<&'a mut dyn Write>,
    columns: &'a [usize],
    escape: for<'t> fn(&'t str) -> Cow<'t, str>,
}

/// Writes the columns of `table` at the indices `columns`, in that order: a line with their names, then a line for each
/// row. Without columns, writes nothing.
///
/// Cells are quoted where RFC 4180 requires it. A missing value is an empty cell, a number has the shortest form that reads
/// back to the same number, and lines end with a line feed.
///
/// # Errors
/// Fails if the text cannot be written, or if a number is not finite.
pub(crate) fn write_delimited(
    table: &Table,
    columns: &[usize],
    delimiter: u8,
    out: &mut dyn Write,
) -> Result<(), StepError> {
    let mut writer = DelimitedWriter::begin(table, columns, delimiter, false, out)?;
    writer.rows(table, 0..table.rows(), 0)?;
    writer.end()
}

fn as_it_is(text: &str) -> Cow<'_, str> {
    text.into()
}

fn without_formula(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let is_number = || {
        text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            && text.parse::<f64>().is_ok()
    };
    if is_formula && !is_number() { format!("'{text}").into() } else { text.into() }
}

impl<'a> DelimitedWriter<'a> {
    /// Writes the names of the columns of `head` at the indices `columns`. With `no_formulas`, puts an apostrophe before each
    /// text, including names of columns, that a spreadsheet would run as a formula: one that begins with `=`, `+`, `-`, `@`,
    /// a tab or a carriage return, and is not a number.
    ///
    /// # Errors
    /// Fails if the text cannot be written.
    pub(crate) fn begin(
        head: &Table,
        columns: &'a [usize],
        delimiter: u8,
        no_formulas: bool,
        out: &'a mut dyn Write,
    ) -> Result<Self, StepError> {
        let escape = if no_formulas { without_formula } else { as_it_is };
        let mut writer = WriterBuilder::new().delimiter(delimiter).from_writer(out);
        let mut names = columns.iter().filter_map(|index| head.columns().get(*index)).enumerate().peekable();
        let any = names.peek().is_some();
        for (index, column) in names {
            cancel::check_cell(index)?;
            writer.write_field(escape(&column.name).as_bytes())?;
        }
        if any {
            writer.write_record(None::<&[u8]>)?;
        }
        Ok(Self { writer, columns, escape })
    }

    /// Writes these rows of `table`, whose first row is that with the index `first` of the whole.
    ///
    /// # Errors
    /// Fails if the text cannot be written, or if a number is not finite.
    pub(crate) fn rows(&mut self, table: &Table, rows: Range<usize>, first: usize) -> Result<(), StepError> {
        let chosen =
            || self.columns.iter().filter_map(|&index| Some((table.columns().get(index)?, table.data(index)?)));
        if chosen().next().is_none() {
            return Ok(());
        }
        let mut cell = String::new();
        for row in rows {
            for (index, (column, data)) in chosen().enumerate() {
                cancel::check_cell(index)?;
                cell.clear();
                if !write_cell(data, row, &mut cell) {
                    let (number, name) = (first + row + 1, &column.name);
                    return Err(StepError::new(format!("row {number} of the column `{name}` is not a finite number")));
                }
                let cell = if matches!(data, Values::Text(_)) { (self.escape)(&cell) } else { cell.as_str().into() };
                self.writer.write_field(cell.as_bytes())?;
            }
            self.writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    /// Ends the text.
    ///
    /// # Errors
    /// Fails if the text cannot be written.
    pub(crate) fn end(mut self) -> Result<(), StepError> {
        Ok(self.writer.flush()?)
    }
}

/// Formats the value in `row` as a cell of a text file; `None` if it is missing or not finite.
pub(crate) fn cell_text(data: &Values, row: usize) -> Option<String> {
    let mut text = String::new();
    (!data.is_missing(row) && write_cell(data, row, &mut text)).then_some(text)
}

fn write_cell(data: &Values, row: usize, cell: &mut String) -> bool {
    match data {
        Values::Text(values) => cell.push_str(values.cell(row).unwrap_or_default()),
        Values::Integer(values) => {
            if let Some(value) = values.cell(row) {
                cell.push_str(itoa::Buffer::new().format(value));
            }
        }
        Values::Float(values) => return values.cell(row).is_none_or(|value| write_float(cell, value)),
        Values::Boolean(values) => cell.push_str(match values.cell(row) {
            Some(true) => "true",
            Some(false) => "false",
            None => "",
        }),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Column, ColumnType};

    fn written(table: &Table, columns: &[usize], delimiter: u8) -> String {
        let mut out = Vec::new();
        write_delimited(table, columns, delimiter, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn sample() -> Table {
        Table::new([
            (Column::new("name", ColumnType::Text), Values::texts([Some("1,2-\"x\""), None, Some("a\nb")])),
            (Column::new("n", ColumnType::Integer), Values::integers([Some(-1), None, Some(2)])),
            (Column::new("x", ColumnType::Float), Values::floats([Some(46.069), None, Some(-0.0)])),
            (Column::new("ok", ColumnType::Boolean), Values::booleans([Some(true), None, Some(false)])),
        ])
        .unwrap()
    }

    #[test]
    fn cells_are_quoted_where_they_must_be_and_missing_ones_are_empty() {
        let expected = "name,n,x,ok\n\"1,2-\"\"x\"\"\",-1,46.069,true\n,,,\n\"a\nb\",2,0,false\n";
        assert_eq!(written(&sample(), &[0, 1, 2, 3], b','), expected);
    }

    #[test]
    fn no_cell_is_a_formula_and_numbers_stay_numbers() {
        let cells = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "\r=x", "-1.5", "+2", "-1e-3", "CC=O", "--", "-inf"];
        let text = Values::texts(cells);
        let number = Values::floats(vec![-1.0; cells.len()]);
        let columns = [(Column::new("=name", ColumnType::Text), text), (Column::new("x", ColumnType::Float), number)];
        let table = Table::new(columns).unwrap();
        let mut out = Vec::new();
        let mut writer = DelimitedWriter::begin(&table, &[0, 1], b',', true, &mut out).unwrap();
        writer.rows(&table, 0..table.rows(), 0).unwrap();
        writer.end().unwrap();
        let found = String::from_utf8(out).unwrap();
        let expected = "'=name,x\n'=1+1,-1\n'+cmd,-1\n'-2+3,-1\n'@SUM(A1),-1\n'\tx,-1\n\"'\r=x\",-1\n-1.5,-1\n+2,-1\n-1e-3,-1\nCC=O,-1\n'--,-1\n'-inf,-1\n";
        assert_eq!(found, expected);
    }

    #[test]
    fn columns_are_chosen_and_ordered() {
        assert_eq!(written(&sample(), &[2, 1], b'\t'), "x\tn\n46.069\t-1\n\t\n0\t2\n");
    }

    #[test]
    fn a_row_of_one_missing_value_is_still_a_line() {
        assert_eq!(written(&sample(), &[1], b','), "n\n-1\n\"\"\n2\n");
    }

    #[test]
    fn without_columns_nothing_is_written() {
        assert_eq!(written(&sample(), &[], b','), "");
        assert_eq!(written(&Table::default(), &[0], b','), "");
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        let column = Column::new("x", ColumnType::Float);
        let table = Table::new([(column, Values::floats([f64::NAN]))]).unwrap();
        assert!(write_delimited(&table, &[0], b',', &mut Vec::new()).is_err());
    }

    #[test]
    fn writing_stops_within_a_row() {
        let one = |column: usize| (Column::new(&format!("c{column}"), ColumnType::Text), Values::texts(["text"]));
        let wide = Table::new((0..100_000).map(one)).unwrap();
        let all: Vec<usize> = (0..wide.columns().len()).collect();
        // A check after each 4096 cells of the header and of the row.
        assert!(cancel::checks_during(|| write_delimited(&wide, &all, b',', &mut std::io::sink()).unwrap()) > 2 * 20);
    }
}
