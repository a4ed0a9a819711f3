//! The rows on which a row step works at a time.

use std::ops::Range;

use serde_json::Value;

use crate::artifact::{Cells as _, Column, Table, Values};
use crate::cancel::while_running;
use crate::step::error::StepError;
use crate::step::row_columns::RowColumns;

/// Consecutive rows of the input, with the columns that the step declares. Rows have indices from 0 within the batch.
///
/// The iterators end early if the step is asked to stop; the runtime then ignores what comes out for the batch.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    table: &'a Table,
    reads: &'a RowColumns,
    rows: Range<usize>,
    /// The number of rows of the input before the table.
    before: usize,
    /// The number of each row in the input, from 1, if they are not consecutive.
    numbers: Option<&'a [usize]>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(table: &'a Table, reads: &'a RowColumns, rows: Range<usize>, before: usize) -> Self {
        Self { table, reads, rows, before, numbers: None }
    }

    /// Returns a batch of all rows of `table`, which are some of those of this batch, with their numbers in the input.
    pub(super) fn of_rows<'b>(&self, table: &'b Table, numbers: &'b [usize]) -> Batch<'b>
    where
        'a: 'b,
    {
        Batch { table, reads: self.reads, rows: 0..table.rows(), before: 0, numbers: Some(numbers) }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no rows. A table without rows is one such batch.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the indices of the rows.
    pub fn rows(&self) -> impl Iterator<Item = usize> + use<> {
        while_running(0..self.rows.len())
    }

    /// Returns the number of a row in the input, from 1, for messages. What comes out must not depend on it.
    pub fn number_of(&self, row: usize) -> usize {
        let number = self.numbers.and_then(|numbers| numbers.get(row));
        number.copied().unwrap_or(self.before + self.rows.start + row + 1)
    }

    /// Returns the column called `name`; `None` if the input has no such column, or if the step does not declare it.
    pub fn column(&self, name: &str) -> Option<&'a Column> {
        self.find(name).ok().map(|(column, _)| column)
    }

    /// Returns the values of a text column; `None` is a missing value.
    ///
    /// # Errors
    /// Fails if the step does not declare the column, or if the input has no such column of text.
    pub fn texts(&self, name: &str) -> Result<impl Iterator<Item = Option<&'a str>> + use<'a>, StepError> {
        match self.find(name)? {
            (_, Values::Text(values)) => Ok(while_running(self.rows.clone()).map(|row| values.cell(row))),
            (column, _) => Err(unsuitable(column, "text")),
        }
    }

    /// Returns the values of a column of integers; `None` is a missing value.
    ///
    /// # Errors
    /// Fails like [`texts`](Self::texts).
    pub fn integers(&self, name: &str) -> Result<impl Iterator<Item = Option<i64>> + use<'a>, StepError> {
        match self.find(name)? {
            (_, Values::Integer(values)) => Ok(while_running(self.rows.clone()).map(|row| values.cell(row))),
            (column, _) => Err(unsuitable(column, "integers")),
        }
    }

    /// Returns the values of a column of integers or floats; `None` is a missing value.
    ///
    /// # Errors
    /// Fails like [`texts`](Self::texts).
    pub fn numbers(&self, name: &str) -> Result<impl Iterator<Item = Option<f64>> + use<'a>, StepError> {
        let (column, data) = self.find(name)?;
        if !matches!(data, Values::Integer(_) | Values::Float(_)) {
            return Err(unsuitable(column, "numbers"));
        }
        Ok(while_running(self.rows.clone()).map(move |row| match data {
            Values::Integer(values) => values.cell(row).map(|value| value as f64),
            Values::Float(values) => values.cell(row),
            _ => None,
        }))
    }

    /// Returns the values of a column of any type, as JSON; `null` is a missing value.
    ///
    /// # Errors
    /// Fails if the step does not declare the column, or if the input has no such column.
    pub fn values(&self, name: &str) -> Result<impl Iterator<Item = Value> + use<'a>, StepError> {
        let (_, data) = self.find(name)?;
        Ok(while_running(self.rows.clone()).map(|row| data.json(row)))
    }

    /// Returns the rows as a table of the columns `names`, without copying them.
    ///
    /// # Errors
    /// Fails if the step does not declare one of the columns, or if the input has no such column.
    pub(crate) fn as_table(&self, names: &[String]) -> Result<Table, StepError> {
        names.iter().try_for_each(|name| self.find(name).map(drop))?;
        let columns: Vec<usize> = names.iter().filter_map(|name| self.table.index_of(name)).collect();
        Ok(self.table.select(&columns).slice(self.rows.clone()))
    }

    /// Returns the name and the value of each column that the step declares, as text.
    pub(super) fn declared(&self, row: usize) -> Vec<(&'a str, String)> {
        let declared = self.table.columns().iter().enumerate().filter(|(_, column)| self.reads.contains(&column.name));
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let value = |(index, column): (usize, &'a Column)| {
            Some((&*column.name, text(self.table.data(index)?.json(self.rows.start + row))))
        };
        declared.filter_map(value).collect()
    }

    /// Returns a part of the input and the range of the batch in it, for an expression, which names the columns that it reads.
    pub(in crate::step) fn within(&self) -> (&'a Table, Range<usize>) {
        (self.table, self.rows.clone())
    }

    fn find(&self, name: &str) -> Result<(&'a Column, &'a Values), StepError> {
        let found = self.table.column(name);
        let found = found.ok_or_else(|| StepError::new(format!("there is no column `{name}`")))?;
        if !self.reads.contains(name) {
            return Err(StepError::new(format!(
                "the step reads the column `{name}`, which it does not declare; write `rows = [\"{name}\"]` in `#[step(…)]`"
            )));
        }
        Ok(found)
    }
}

fn unsuitable(column: &Column, expected: &str) -> StepError {
    StepError::new(format!("the column `{}` is {:?}; expected {expected}", column.name, column.ty))
}
