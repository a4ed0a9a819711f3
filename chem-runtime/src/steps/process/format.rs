//! The formats in which a program gets tables and gives them: JSON Lines, CSV, and Arrow streams.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::prelude::*;
use crate::records::{CellText, DeclaredType, TableFormat, TableText, type_name, write_delimited, write_json_lines};
use crate::steps::arrow;

/// The names of the formats in manifests.
pub(super) const CSV: &str = "csv";
pub(super) const ARROW: &str = "arrow";

/// Returns these columns of `table` as text, or as an Arrow stream.
pub(super) fn written(table: &Table, columns: &[usize], format: &str) -> Result<Vec<u8>, StepError> {
    let mut sent = Vec::new();
    match format {
        CSV => write_delimited(table, columns, b',', &mut sent)?,
        ARROW => sent = arrow::write(&table.select(columns))?,
        _ => write_json_lines(table, columns, &mut sent)?,
    }
    Ok(sent)
}

/// Parses what a program wrote. Columns that were `sent` keep their type if all their values fit and `types` does not declare
/// another.
///
/// # Errors
/// Fails if it is not a table in the format, or not one with the columns of `types`.
pub(super) fn read(
    source: &str,
    text: &[u8],
    format: &str,
    sent: &[&Column],
    types: &BTreeMap<String, ColumnType>,
) -> Result<Table, StepError> {
    match format {
        CSV => of_text(source, text, TableFormat::Delimited(b','), sent, types),
        ARROW => of_stream(source, text, types),
        _ => of_text(source, text, TableFormat::JsonLines, sent, types),
    }
}

/// Reads an Arrow stream, which says the types itself: those in `types` must be the same.
fn of_stream(source: &str, stream: &[u8], types: &BTreeMap<String, ColumnType>) -> Result<Table, StepError> {
    let table =
        arrow::read(stream).map_err(|error| StepError::new(format!("{source} is not an Arrow stream: {error}")))?;
    for (name, ty) in types {
        match table.column(name) {
            None => {
                let there: Vec<&str> = table.columns().iter().map(|column| &*column.name).collect();
                return Err(Misfit::no_column("types", name, source, &there).into());
            }
            Some((column, _)) if column.ty != *ty => {
                let (found, declared) = (type_name(column.ty), type_name(*ty));
                return Err(StepError::new(format!(
                    "the column `{name}` of {source} is {found}; `types` declares {declared}"
                )));
            }
            Some(_) => {}
        }
    }
    Ok(table)
}

fn of_text(
    source: &str,
    text: &[u8],
    format: TableFormat,
    sent: &[&Column],
    types: &BTreeMap<String, ColumnType>,
) -> Result<Table, StepError> {
    // JSON Lines without records contain no names of columns.
    if format == TableFormat::JsonLines && text.trim_ascii().is_empty() {
        return no_rows(sent, types);
    }
    if let Err(error) = std::str::from_utf8(text) {
        let line = text[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        return Err(StepError::new(format!("line {line} of {source} is not UTF-8 text")));
    }
    let read_as = |columns: &[&Column]| -> Result<Table, StepError> {
        let mut types = DeclaredType::all(types, "types");
        let as_sent = |column: &&Column| (column.name.to_string(), DeclaredType { ty: column.ty, by: "columns" });
        types.extend(columns.iter().map(as_sent));
        let how =
            TableText { name: source, format, types: &types, cells: CellText::default(), qualified: &[], strict: true };
        Ok(how.read(text)?.kept)
    };
    let found = read_as(&[])?;
    let types_found: HashMap<&str, ColumnType> =
        found.columns().iter().map(|column| (&*column.name, column.ty)).collect();
    let is_other = |sent: &Column| types_found.get(&*sent.name).is_some_and(|found| *found != sent.ty);
    let mut others: Vec<&Column> = sent.iter().copied().filter(|sent| is_other(sent)).collect();
    others.retain(|sent| !types.contains_key(&*sent.name));
    if others.is_empty() {
        return Ok(found);
    }
    read_as(&fitting(&others, &|columns| read_as(columns).is_ok()))
}

/// Returns those of `columns` that `fit`. Bisects, because usually all of them fit.
fn fitting<'c>(columns: &[&'c Column], fit: &dyn Fn(&[&Column]) -> bool) -> Vec<&'c Column> {
    match columns.split_at(columns.len() / 2) {
        _ if columns.is_empty() || fit(columns) => columns.to_vec(),
        ([], _) => Vec::new(),
        (one, other) => [fitting(one, fit), fitting(other, fit)].concat(),
    }
}

/// Returns an empty table with the columns that were `sent` and those of `types`.
fn no_rows(sent: &[&Column], types: &BTreeMap<String, ColumnType>) -> Result<Table, StepError> {
    let came_back =
        sent.iter().map(|column| Column::new(&column.name, *types.get(&*column.name).unwrap_or(&column.ty)));
    let known: HashSet<&str> = sent.iter().map(|column| &*column.name).collect();
    let new = types.iter().filter(|(name, _)| !known.contains(name.as_str()));
    let columns = came_back.chain(new.map(|(name, ty)| Column::new(name, *ty))).collect();
    Ok(TableBuilder::new(columns).finish()?)
}

/// Sets the provider of the columns that were not `sent`.
pub(super) fn with_provider(table: Table, sent: &Table, provider: &str) -> Result<Table, StepError> {
    let known: HashMap<&str, &Column> = sent.columns().iter().map(|column| (&*column.name, column)).collect();
    let columns = table.columns().iter().enumerate().filter_map(|(index, column)| {
        let column = match known.get(&*column.name).copied() {
            Some(known) if known.ty == column.ty => known.clone(),
            Some(_) => column.clone(),
            None => column.clone().with_provider(provider),
        };
        Some((column, table.data(index)?.clone()))
    });
    Ok(Table::new(columns)?)
}
