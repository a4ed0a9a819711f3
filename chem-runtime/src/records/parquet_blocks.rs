//! Makes the rows of a table from those of a Parquet file.

use std::collections::BTreeMap;

use serde_json::Value;

use super::parquet_reader::{ParquetReader, ParquetRows};
use super::qualified::split_cells;
use super::table_parts::{ReadBlock, Refused};
use super::table_survey::{Survey, Surveyed};
use super::typing::type_cells;
use crate::artifact::{Cell, Column, Table, TableError, Values};
use crate::cancel;
use crate::step::StepError;
use crate::step::rows::in_order;
use crate::step::workers::workers;

/// The values of a column of the table.
enum Cells<'f> {
    /// Those of the file.
    Same(Vec<Cell<'f>>),
    /// Those of the file in another type.
    Converted(Vec<Value>),
}

/// For each row that cannot be used, the first reason that was found.
type Refusals = BTreeMap<usize, String>;

impl Survey<'_> {
    /// Calls `take` with the rows of a Parquet file in blocks, for which `make` is called on all cores.
    ///
    /// # Errors
    /// Fails like `take`, if the file is damaged, or if the step is asked to stop.
    pub(super) fn each_parquet_block<T: Send>(
        &self,
        text: &Surveyed<'_>,
        make: &(impl Fn(&Table) -> T + Sync),
        mut take: impl FnMut(ReadBlock<T>) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let mut reader = ParquetReader::open(text.source.path, text.source.text)?;
        let token = cancel::current();
        let work = |rows: ParquetRows| token.scope(|| self.parquet_block(text, &rows, make));
        in_order(
            workers()?,
            || reader.next(),
            work,
            |block| {
                cancel::check()?;
                take(block)
            },
        )
    }

    fn parquet_block<T>(
        &self,
        text: &Surveyed<'_>,
        file: &ParquetRows,
        make: &impl Fn(&Table) -> T,
    ) -> Result<ReadBlock<T>, StepError> {
        let (rows, mut refused) = (file.rows.len(), Refusals::new());
        let mut read: Vec<Option<Vec<Cell<'_>>>> = Vec::with_capacity(file.pieces.len());
        for (name, piece) in text.names.iter().zip(&*file.pieces) {
            cancel::check()?;
            let cells = piece.cells(file.rows.start).take(rows).enumerate().map(|(row, cell)| {
                cell.unwrap_or_else(|what| {
                    refused.entry(row).or_insert_with(|| format!("has {what} in the column `{name}`"));
                    Cell::Missing
                })
            });
            read.push(Some(cells.collect()));
        }
        let read = match &text.arrangement {
            Some(arrangement) => arrangement.apply(read),
            None => read,
        };
        let (mut columns, mut all) = (self.columns.as_slice(), Vec::with_capacity(self.columns.len()));
        for (cells, qualified) in read.into_iter().zip(&self.qualified) {
            let Some((column, rest)) = columns.split_at_checked(if *qualified { 2 } else { 1 }) else { break };
            columns = rest;
            all.extend(self.converted(cells.unwrap_or_else(|| vec![Cell::Missing; rows]), column, &mut refused)?);
        }
        let mut values = Vec::with_capacity(self.columns.len());
        for (column, cells) in self.columns.iter().zip(all) {
            cancel::check()?;
            let column = match cells {
                Cells::Same(cells) => Values::of_cells(column.ty, kept(cells, &refused)),
                Cells::Converted(cells) => Values::of_json(column.ty, kept(cells, &refused)).ok(),
            };
            values.push(column.ok_or(TableError::OtherColumns)?);
        }
        if self.has_file_column() {
            values.push(Values::texts(std::iter::repeat_n(text.source.name, rows - refused.len())));
        }
        let kept = Table::new(self.columns.iter().cloned().zip(values))?;
        let made = make(&kept);
        let refused = refused.into_iter().map(|(row, reason)| {
            let index = row as u64;
            Refused { index, line: 0, text: String::new(), reason }
        });
        Ok(ReadBlock { kept, made, refused: refused.collect(), records: rows as u64 })
    }

    /// Returns the values of a column of the file in the types of `columns`: one, or two for numbers with relations.
    fn converted<'f>(
        &self,
        cells: Vec<Cell<'f>>,
        columns: &[Column],
        refused: &mut Refusals,
    ) -> Result<Vec<Cells<'f>>, StepError> {
        if let [column] = columns
            && cells.iter().all(|cell| cell.is_of(column.ty))
        {
            return Ok(vec![Cells::Same(cells)]);
        }
        let mut converted = vec![Vec::with_capacity(cells.len()); columns.len()];
        for (row, cell) in cells.into_iter().enumerate() {
            cancel::check_cell(row)?;
            let mut values = vec![Value::from(cell)];
            if columns.len() > 1 {
                split_cells(&mut values, |_| true);
            }
            if let Err(reason) = type_cells(&mut values, columns, self.how.notation()) {
                refused.entry(row).or_insert(reason);
            }
            converted.iter_mut().zip(values).for_each(|(all, value)| all.push(value));
        }
        Ok(converted.into_iter().map(Cells::Converted).collect())
    }
}

/// Returns the values of the rows that are not refused.
fn kept<T>(cells: Vec<T>, refused: &Refusals) -> impl Iterator<Item = T> {
    cells.into_iter().enumerate().filter_map(|(row, cell)| (!refused.contains_key(&row)).then_some(cell))
}
