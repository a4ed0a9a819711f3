//! Files of records as tables: columns by name, typed by what stands in them or as they are declared.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::delimited_reader::{Delimited, Row, other_separator};
use super::json_lines_reader::{JsonLine, Object, json_lines};
use super::rejects::{Rejects, shortened};
use super::typing::{type_name, type_of, typed};
use crate::artifact::{Column, ColumnType, Table, TableBuilder};
use crate::cancel::{self, Interrupted, until_stopped};
use crate::step::limits::{SPARSE_CELLS, TABLE_CELLS};
use crate::step::{StepError, WithRejects, listed};

/// How a text is to be read as a table.
#[derive(Debug, Clone, Copy)]
pub struct TableText<'a> {
    /// What the text is called in messages.
    pub name: &'a str,
    /// What it is.
    pub format: TableFormat,
    /// The types of the columns that are declared; the others are typed by what stands in them.
    pub types: &'a BTreeMap<String, DeclaredType>,
    /// Texts that stand for a missing value, besides nothing at all.
    pub missing: &'a [String],
    /// Whether a record that cannot be used is an error. Otherwise it is kept apart.
    pub strict: bool,
}

/// The type of a column as a parameter declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredType {
    /// The type.
    pub ty: ColumnType,
    /// The parameter.
    pub by: &'static str,
}

impl DeclaredType {
    /// All that the parameter `by` declares.
    pub fn all(types: &BTreeMap<String, ColumnType>, by: &'static str) -> BTreeMap<String, Self> {
        types.iter().map(|(name, ty)| (name.clone(), Self { ty: *ty, by })).collect()
    }
}

/// What a text of records is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Cells separated by this character, with a first record that names the columns.
    Delimited(u8),
    /// An object on each line.
    JsonLines,
}

/// How many cells a table of JSON Lines may have for each member of its objects, beyond [`SPARSE_CELLS`].
const CELLS_PER_MEMBER: u64 = 20;

/// A record before its cells are typed: one cell for each column, or why it cannot be used.
struct Record<'a> {
    line: u64,
    raw: &'a [u8],
    cells: Result<Vec<Value>, String>,
}

impl TableText<'_> {
    /// The table, and the records that cannot be used.
    ///
    /// # Errors
    /// Says what is wrong with the columns, or with the first record that cannot be used if none may be left out.
    pub fn read(&self, text: &[u8]) -> Result<WithRejects<Table>, StepError> {
        let (names, mut records) = match self.format {
            TableFormat::Delimited(delimiter) => self.delimited(text, delimiter)?,
            TableFormat::JsonLines => self.objects(text)?,
        };
        let there: HashSet<&str> = names.iter().map(String::as_str).collect();
        if let Some((name, declared)) = self.types.iter().find(|(name, _)| !there.contains(name.as_str())) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let message = format!("`{}` has no column `{name}`, which `{}` names", self.name, declared.by);
            let other = match self.format {
                TableFormat::Delimited(delimiter) => other_separator(&names, delimiter),
                TableFormat::JsonLines => None,
            };
            return Err(StepError::new(match (other, names.as_slice()) {
                (Some(other), names) => format!("{message}; its columns are {}, and {other}", listed(names)),
                (None, []) => format!("{message}; it has no columns"),
                (None, names) => format!("{message}; its columns are {}", listed(names)),
            }));
        }
        let columns = names.iter().enumerate().map(|(index, name)| self.column(name, index, &records));
        let columns: Vec<Column> = columns.collect::<Result<_, _>>()?;
        for record in &mut records {
            cancel::check()?;
            if let Ok(cells) = &mut record.cells
                && let Err(reason) = type_cells(cells, &columns)
            {
                record.cells = Err(reason);
            }
        }
        self.sort_out(columns, records)
    }

    fn delimited<'t>(&self, text: &'t [u8], delimiter: u8) -> Result<(Vec<String>, Vec<Record<'t>>), StepError> {
        let file = Delimited::new(text, delimiter)
            .map_err(|reason| StepError::new(format!("cannot read the columns of `{}`: {reason}", self.name)))?;
        let Some(file) = file else {
            return Ok((Vec::new(), Vec::new()));
        };
        let names = file.header().iter().map(str::to_owned).collect();
        let cell = |text: &str| {
            let missing = text.is_empty() || self.missing.iter().any(|missing| missing == text);
            if missing { Value::Null } else { text.into() }
        };
        let record = |Row { line, raw, cells }| Record {
            line,
            raw,
            cells: cells.map(|cells: csv::StringRecord| cells.iter().map(cell).collect()),
        };
        Ok((names, until_stopped(file.rows().map(record))?))
    }

    /// The columns of JSON Lines, in the order in which they first appear, and the records. A member that an object does
    /// not have is missing.
    fn objects<'t>(&self, text: &'t [u8]) -> Result<(Vec<String>, Vec<Record<'t>>), StepError> {
        let lines: Vec<JsonLine<'_>> = until_stopped(json_lines(text))?;
        let (mut names, mut places, mut members) = (Vec::new(), HashMap::new(), 0_u64);
        for (name, _) in lines.iter().filter_map(|line| line.object.as_ref().ok()).flat_map(|Object(members)| members) {
            members += 1;
            if !places.contains_key(name) {
                places.insert(name.clone(), names.len());
                names.push(name.clone());
            }
        }
        // Objects with ever new members make the table grow with the square of the text.
        let cells = (names.len() as u64).saturating_mul(lines.len() as u64);
        let most = members.saturating_mul(CELLS_PER_MEMBER).saturating_add(SPARSE_CELLS.get());
        let limit =
            if cells > TABLE_CELLS.get() { Some(&TABLE_CELLS) } else { (cells > most).then_some(&SPARSE_CELLS) };
        if let Some(limit) = limit {
            return Err(StepError::new(format!(
                "`{}` has {} columns in {} records, which make {cells} cells for {members} values: {}; give the objects the \
                 same members",
                self.name,
                names.len(),
                lines.len(),
                limit.told()
            )));
        }
        let row = |Object(members): Object| {
            let mut cells = vec![Value::Null; names.len()];
            for (name, value) in members {
                cells[places[&name]] = value;
            }
            cells
        };
        let record = |JsonLine { line, raw, object }: JsonLine<'t>| Record { line, raw, cells: object.map(row) };
        let records = until_stopped(lines.into_iter().map(record))?;
        Ok((names, records))
    }

    fn column(&self, name: &str, index: usize, records: &[Record<'_>]) -> Result<Column, Interrupted> {
        if let Some(declared) = self.types.get(name) {
            return Ok(Column::new(name, declared.ty));
        }
        let going = records.iter().take_while(|_| !cancel::is_requested());
        let cells = going.filter_map(|record| record.cells.as_ref().ok()?.get(index));
        let ty = type_of(cells, self.format != TableFormat::JsonLines);
        // Of a column that was not looked at to its end nothing is said.
        cancel::check()?;
        Ok(Column::new(name, ty))
    }

    fn sort_out(&self, columns: Vec<Column>, records: Vec<Record<'_>>) -> Result<WithRejects<Table>, StepError> {
        let (mut kept, mut rejects) = (TableBuilder::new(columns), Rejects::default());
        for (record, number) in records.into_iter().zip(1_u64..) {
            cancel::check()?;
            match record.cells {
                Ok(cells) => kept.push(cells).map_err(StepError::new)?,
                Err(reason) if self.strict => {
                    let (line, text) = (record.line, shortened(record.raw));
                    return Err(StepError::new(format!(
                        "line {line} of `{}` cannot be used: {reason}; it reads `{text}`",
                        self.name
                    )));
                }
                Err(reason) => rejects.push(record.line, number, record.raw, &reason),
            }
        }
        Ok(WithRejects { kept: kept.finish()?, rejects: rejects.finish()? })
    }
}

fn type_cells(cells: &mut [Value], columns: &[Column]) -> Result<(), String> {
    for (cell, column) in cells.iter_mut().zip(columns) {
        let Some(value) = typed(cell, column.ty) else {
            let shown = shortened(cell.as_str().map_or_else(|| cell.to_string(), str::to_owned).as_bytes());
            return Err(format!("has `{shown}` in the column `{}`, which is {}", column.name, type_name(column.ty)));
        };
        *cell = value;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str, format: TableFormat, types: &[(&str, ColumnType)]) -> WithRejects<Table> {
        let types = types.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect();
        let types = DeclaredType::all(&types, "types");
        let missing = ["NA".to_owned()];
        let how = TableText { name: "a", format, types: &types, missing: &missing, strict: false };
        how.read(text.as_bytes()).unwrap()
    }

    fn rows(table: &Table) -> Value {
        (0..table.rows()).map(|row| Value::from(table.row(row))).collect()
    }

    #[test]
    fn one_table_in_two_formats() {
        let csv = read("n,x,ok,id\n1,2.5,true,007\n,NA,,x\n", TableFormat::Delimited(b','), &[]);
        let json = "{\"n\":1,\"x\":2.5,\"ok\":true,\"id\":\"007\"}\n{\"id\":\"x\",\"x\":null}\n";
        let json = read(json, TableFormat::JsonLines, &[]);
        assert_eq!(rows(&csv.kept), json!([[1, 2.5, true, "007"], [null, null, null, "x"]]));
        assert_eq!(csv, json);
    }

    #[test]
    fn a_record_that_does_not_fit_its_column_is_kept_apart() {
        let read = read("n\n1\ntwo\n\n3.5\n", TableFormat::Delimited(b','), &[("n", ColumnType::Integer)]);
        assert_eq!(rows(&read.kept), json!([[1]]));
        let expected = json!([
            [3, 2, "two", "has `two` in the column `n`, which is integer"],
            [5, 3, "3.5", "has `3.5` in the column `n`, which is integer"],
        ]);
        assert_eq!(rows(&read.rejects), expected);
    }

    #[test]
    fn a_record_that_cannot_be_used_does_not_decide_a_type() {
        let read = read("n,m\n1,2\nx\n", TableFormat::Delimited(b','), &[]);
        assert_eq!((rows(&read.kept), read.rejects.rows()), (json!([[1, 2]]), 1));
    }

    #[test]
    fn what_must_not_be_lost_or_is_not_there_is_an_error() {
        let types = BTreeMap::from([("m".to_owned(), DeclaredType { ty: ColumnType::Float, by: "types" })]);
        let how = |types, strict| TableText {
            name: "a.csv",
            format: TableFormat::Delimited(b','),
            types,
            missing: &[],
            strict,
        };
        let said = how(&types, false).read(b"n\n1\n").unwrap_err().to_string();
        assert_eq!(said, "`a.csv` has no column `m`, which `types` names; its columns are `n`");
        let none = BTreeMap::new();
        let said = how(&none, true).read(b"n\n1\n1,2\n").unwrap_err().to_string();
        assert!(said.contains("line 3 of `a.csv`") && said.contains("`1,2`"), "{said}");
        assert_eq!(how(&none, true).read(b"").unwrap().kept, Table::default());
    }
}
