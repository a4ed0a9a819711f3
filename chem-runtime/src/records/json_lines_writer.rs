//! Writes a table as JSON Lines.

use std::io::Write;
use std::ops::Range;

use crate::artifact::{Cells as _, Table, Values, write_float};
use crate::cancel;
use crate::fingerprint::{canonical_json, write_canonical_str};
use crate::step::StepError;

/// Writes the columns of `table` at the indices `columns`: for each row a line with an object whose members have that
/// order. A missing value is `null`; a number has the shortest form that reads back to the same number.
///
/// # Errors
/// Fails if the text cannot be written, or if a value has no representation in JSON: a number that is not finite, or text
/// with the character U+0000.
pub(crate) fn write_json_lines(table: &Table, columns: &[usize], out: &mut dyn Write) -> Result<(), StepError> {
    write_rows_as_json(table, 0..table.rows(), 0, columns, out)
}

/// Writes these rows of `table` like [`write_json_lines`]. The first row of `table` is that with the index `first` of the
/// whole.
///
/// # Errors
/// Fails like [`write_json_lines`].
pub(crate) fn write_rows_as_json(
    table: &Table,
    rows: Range<usize>,
    first: usize,
    columns: &[usize],
    out: &mut dyn Write,
) -> Result<(), StepError> {
    let chosen: Vec<(String, &Values)> = columns
        .iter()
        .filter_map(|&at| Some((table.columns().get(at)?, table.data(at)?)))
        .enumerate()
        .map(|(index, (column, data))| {
            cancel::check_cell(index)?;
            Ok((canonical_json(&(*column.name).into())?, data))
        })
        .collect::<Result<_, StepError>>()?;
    let mut line = String::new();
    for row in rows {
        cancel::check()?;
        line.clear();
        for (index, (name, data)) in chosen.iter().enumerate() {
            cancel::check_cell(index)?;
            line.push(if index == 0 { '{' } else { ',' });
            line.push_str(name);
            line.push(':');
            if !write_value(data, row, &mut line) {
                let number = first + row + 1;
                return Err(StepError::new(format!("row {number} of the column {name} cannot be written as JSON")));
            }
        }
        line.push_str(if chosen.is_empty() { "{}\n" } else { "}\n" });
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

fn write_value(data: &Values, row: usize, out: &mut String) -> bool {
    match data {
        Values::Text(values) => match values.cell(row) {
            Some(text) => return write_canonical_str(out, text),
            None => out.push_str("null"),
        },
        Values::Float(values) => match values.cell(row) {
            Some(value) => return write_float(out, value),
            None => out.push_str("null"),
        },
        Values::Integer(_) | Values::Boolean(_) => out.push_str(&data.json(row).to_string()),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Column, ColumnType};

    #[test]
    fn rows_are_objects_in_the_order_of_the_columns() {
        let texts = Values::texts([Some("a\n\"b\""), None]);
        let table = Table::new([
            (Column::new("z", ColumnType::Integer), Values::integers([Some(i64::MIN), None])),
            (Column::new("a \"b\"", ColumnType::Text), texts),
            (Column::new("x", ColumnType::Float), Values::floats([0.1, 2.0])),
            (Column::new("ok", ColumnType::Boolean), Values::booleans([Some(true), None])),
        ])
        .unwrap();
        let mut out = Vec::new();
        write_json_lines(&table, &[0, 1, 2, 3], &mut out).unwrap();
        let expected = "{\"z\":-9223372036854775808,\"a \\\"b\\\"\":\"a\\n\\\"b\\\"\",\"x\":0.1,\"ok\":true}\n\
                        {\"z\":null,\"a \\\"b\\\"\":null,\"x\":2,\"ok\":null}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let mut none = Vec::new();
        write_json_lines(&table, &[], &mut none).unwrap();
        assert_eq!(none, b"{}\n{}\n");
        let nan = Table::new([(Column::new("x", ColumnType::Float), Values::floats([f64::NAN]))]).unwrap();
        assert!(write_json_lines(&nan, &[0], &mut Vec::new()).unwrap_err().to_string().contains("row 1"));
    }

    #[test]
    fn writing_stops_within_a_row() {
        let one = |column: usize| (Column::new(&format!("c{column}"), ColumnType::Text), Values::texts(["text"]));
        let wide = Table::new((0..100_000).map(one)).unwrap();
        let all: Vec<usize> = (0..wide.columns().len()).collect();
        // A check after each 4096 names and after each 4096 cells.
        assert!(cancel::checks_during(|| write_json_lines(&wide, &all, &mut std::io::sink()).unwrap()) > 2 * 20);
    }
}
