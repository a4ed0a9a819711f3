//! Columns that locate rows in their source, such as the number of a record.
//!
//! In memory and for every reader of a table, such a column is like any other. In a chunk, its values are at the end of the
//! row, each as the difference from the one before it in the chunk, and the root keeps the first. The text of a chunk
//! therefore does not depend on where its rows are in the source, nor do the boundaries of chunks: a record put in front of a
//! file changes the first chunk and the root.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cells as _, Column, Table, Values};
use crate::fingerprint::Text as _;

/// A column that locates rows, while a chunk is written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Location {
    first: Option<i64>,
    last: Option<i64>,
}

impl Location {
    /// Returns the difference of `value` from the one before it in the chunk. It may wrap around.
    fn step_to(&mut self, value: i64) -> i64 {
        self.first.get_or_insert(value);
        value.wrapping_sub(self.last.replace(value).unwrap_or(value))
    }

    /// Starts a chunk. Returns the first value of the chunk before, `None` if all its values are missing.
    pub(super) fn restart(&mut self) -> Option<i64> {
        self.last = None;
        self.first.take()
    }
}

/// Appends the values that locate a row to its text `out`, which ends with the bracket after the other values.
pub(super) fn write(locations: &mut [Location], values: impl Iterator<Item = Option<i64>>, out: &mut Vec<u8>) {
    if locations.is_empty() {
        return;
    }
    out.pop();
    for (location, value) in locations.iter_mut().zip(values) {
        if out.last() != Some(&b'[') {
            out.push(b',');
        }
        match value {
            Some(value) => out.push_text(itoa::Buffer::new().format(location.step_to(value))),
            None => out.push_text("null"),
        }
    }
    out.push(b']');
}

/// Returns the columns in the order in which chunks have their values.
pub(super) fn stored(columns: &[Column]) -> Vec<Column> {
    order(columns).into_iter().map(|index| columns[index].clone()).collect()
}

/// Returns the indices of the columns in the order in which chunks have their values.
fn order(columns: &[Column]) -> Vec<usize> {
    let (located, mut order): (Vec<usize>, Vec<usize>) =
        (0..columns.len()).partition(|index| columns[*index].locates_rows());
    order.extend(located);
    order
}

/// Restores a table with `columns` from one whose columns have the values of a chunk, in the order of [`stored`].
///
/// # Errors
/// Describes what does not fit, like [`restore`].
pub(super) fn restore_columns(columns: &[Column], starts: &[Option<i64>], chunk: &Table) -> Result<Table, String> {
    let located = expect_starts(columns, starts)?;
    if located == 0 {
        return Ok(chunk.clone());
    }
    let content = columns.len() - located;
    let mut restored: Vec<(usize, Values)> = Vec::with_capacity(columns.len());
    for (at, column) in order(columns).into_iter().enumerate() {
        let name = &columns[column].name;
        let data = chunk.data(at).ok_or_else(|| format!("it has no column `{name}`"))?;
        let data = match (at.checked_sub(content).and_then(|at| starts.get(at)), data) {
            (Some(start), Values::Integer(steps)) => {
                let mut last = *start;
                let value = |(row, step): (usize, Option<i64>)| match (step, last) {
                    (None, _) => Ok(None),
                    (Some(step), Some(before)) => Ok(Some(*last.insert(before.wrapping_add(step)))),
                    (Some(step), None) => Err(format!("row {row} has {step} in column `{name}`")),
                };
                Values::Integer(steps.iter().enumerate().map(value).collect::<Result<_, String>>()?)
            }
            _ => data.clone(),
        };
        restored.push((column, data));
    }
    restored.sort_by_key(|(column, _)| *column);
    let restored = restored.into_iter().map(|(column, data)| (columns[column].clone(), data));
    Table::with_rows(restored, chunk.rows()).map_err(|error| error.to_string())
}

/// Returns the number of columns that locate rows, which must be that of `starts`.
fn expect_starts(columns: &[Column], starts: &[Option<i64>]) -> Result<usize, String> {
    let expected = indices(columns).count();
    if starts.len() != expected {
        return Err(format!("it has {} starts for {expected} columns that locate rows", starts.len()));
    }
    Ok(expected)
}

/// Puts the values that locate `rows` into their columns and restores them. `starts` has the first value of each of these
/// columns.
///
/// # Errors
/// Describes what does not fit.
pub(super) fn restore(columns: &[Column], starts: &[Option<i64>], rows: &mut [Vec<Value>]) -> Result<(), String> {
    if expect_starts(columns, starts)? == 0 {
        return Ok(());
    }
    let located: Vec<usize> = indices(columns).collect();
    let mut last = starts.to_vec();
    for (index, row) in rows.iter_mut().enumerate() {
        if row.len() != columns.len() {
            return Err(format!("row {index} has {} values for {} columns", row.len(), columns.len()));
        }
        let steps = row.split_off(columns.len() - located.len());
        let mut content = std::mem::take(row).into_iter();
        let mut steps = located.iter().zip(&mut last).zip(steps).peekable();
        for (index_of_column, column) in columns.iter().enumerate() {
            let cell = match steps.next_if(|((located, _), _)| **located == index_of_column) {
                None => content.next().unwrap_or_default(),
                Some((_, Value::Null)) => Value::Null,
                Some(((_, last), step)) => match last.zip(step.as_i64()) {
                    Some((before, step)) => Value::from(*last.insert(before.wrapping_add(step))),
                    None => return Err(format!("row {index} has {step} in column `{}`", column.name)),
                },
            };
            row.push(cell);
        }
    }
    Ok(())
}

/// Returns the value in `row` of a column that locates rows.
pub(super) fn value(data: &Values, row: usize) -> Option<i64> {
    match data {
        Values::Integer(values) => values.cell(row),
        _ => None,
    }
}

fn indices(columns: &[Column]) -> impl Iterator<Item = usize> {
    columns.iter().enumerate().filter(|(_, column)| column.locates_rows()).map(|(index, _)| index)
}
