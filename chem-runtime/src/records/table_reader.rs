//! Reads files of records as tables, with inferred or declared column types.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::delimited_reader::Row;
use super::json_lines_reader::{JsonLine, Object};
use super::qualified::split_cells;
use super::record_text::RecordText;
use super::rejects::{Rejects, shortened};
use super::table_survey::{Survey, Surveyed};
use super::table_text::{SourceText, TableFormat, TableText};
use super::typing::type_cells;
use crate::artifact::{Table, TableBuilder};
use crate::cancel::{self, while_running};
use crate::step::{StepError, WithRejects};

/// The number of records of a part.
const PART_RECORDS: u64 = 8192;

impl<'a> TableText<'a> {
    /// Reads the table, and the records that cannot be used.
    ///
    /// # Errors
    /// Fails if something is wrong with the columns, or with any record if [`strict`](Self::strict) is set.
    pub(crate) fn read(&self, text: &[u8]) -> Result<WithRejects<Table>, StepError> {
        self.read_whole(&RecordText::Whole(text.into()))
    }

    /// Reads a whole table like [`read`](Self::read).
    ///
    /// # Errors
    /// Fails like [`read`](Self::read), or if the text cannot be read.
    pub(crate) fn read_whole(&self, text: &RecordText<'_>) -> Result<WithRejects<Table>, StepError> {
        let mut all: Option<[TableBuilder; 2]> = None;
        let source = SourceText { path: self.name, name: self.name, text };
        self.survey(vec![source], None)?.read(0, |part, _| {
            let parts = [part.kept, part.rejects];
            let all =
                all.get_or_insert_with(|| parts.each_ref().map(|part| TableBuilder::new(part.columns().to_vec())));
            all.iter_mut().zip(&parts).try_for_each(|(all, part)| Ok(all.append(part)?))
        })?;
        // There is a part even if there are no records.
        let [kept, rejects] = all.unwrap_or_else(|| [(); 2].map(|()| TableBuilder::new(Vec::new())));
        Ok(WithRejects { kept: kept.finish()?, rejects: rejects.finish()? })
    }
}

impl Survey<'_> {
    /// Reads the records in parts, and calls `take` with the rows and the rejects of each part and the number of records so far.
    /// Leaves out the first `skipped` records. There is a part even if there are no records.
    ///
    /// # Errors
    /// Fails like `take`, or if a record cannot be used and [`TableText::strict`] is set.
    pub(crate) fn read(
        &self,
        skipped: u64,
        take: impl FnMut(WithRejects<Table>, u64) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let qualified: HashSet<&str> = self.how.qualified.iter().map(String::as_str).collect();
        let mut parts = Parts {
            survey: self,
            qualified: self.names.iter().map(|name| qualified.contains(name.as_str())).collect(),
            kept: TableBuilder::new(self.columns.clone()),
            rejects: self.no_rejects(),
            number: 0,
            done: 0,
            skipped,
            taken: None,
            take,
        };
        for text in &self.texts {
            parts.number = 0;
            self.read_text(text, &mut parts)?;
        }
        parts.end()
    }

    fn no_rejects(&self) -> Rejects {
        if self.several.is_some() { Rejects::of_several() } else { Rejects::default() }
    }

    fn read_text<F: FnMut(WithRejects<Table>, u64) -> Result<(), StepError>>(
        &self,
        text: &Surveyed<'_>,
        parts: &mut Parts<'_, F>,
    ) -> Result<(), StepError> {
        match self.how.format {
            TableFormat::Delimited(delimiter) => {
                let cell = |text: &str| if self.how.is_missing(text) { Value::Null } else { text.into() };
                self.how.each_row(&text.source, delimiter, |_, Row { line, raw, cells }| {
                    parts.add(text, line, raw, || Ok(while_running(cells?.iter()).map(cell).collect()))
                })?;
            }
            TableFormat::JsonLines => {
                let indices: HashMap<&str, usize> = text.names.iter().map(String::as_str).zip(0..).collect();
                let row = |Object(members): Object| {
                    let mut cells = vec![Value::Null; indices.len()];
                    for (name, value) in while_running(members) {
                        if let Some(index) = indices.get(name.as_str()) {
                            cells[*index] = value;
                        }
                    }
                    cells
                };
                self.how.each_object(&text.source, |JsonLine { line, raw, object }| {
                    parts.add(text, line, raw, || object.map(row))
                })?;
            }
            #[cfg(feature = "parquet")]
            TableFormat::Parquet => {
                let each = |cells| parts.add(text, 0, b"", || cells);
                super::parquet_reader::each_parquet_row(text.source.path, text.source.text.whole(), each)?;
            }
            #[cfg(feature = "excel")]
            TableFormat::Excel => {
                let sheet = self.how.sheet(&text.source)?;
                sheet.each_row(self.how.cells.missing, |row| {
                    parts.add(text, row.number, row.text.as_bytes(), || row.cells)
                })?;
            }
            // A survey refuses these formats.
            #[cfg(not(feature = "parquet"))]
            TableFormat::Parquet => {}
            #[cfg(not(feature = "excel"))]
            TableFormat::Excel => {}
        }
        Ok(())
    }
}

/// The parts of a table that is being read.
struct Parts<'a, F> {
    survey: &'a Survey<'a>,
    /// For each column in the text, whether it has numbers with relations.
    qualified: Vec<bool>,
    kept: TableBuilder,
    rejects: Rejects,
    /// The number of records of the text so far.
    number: u64,
    /// The number of records of all texts so far.
    done: u64,
    skipped: u64,
    /// The value of `done` when the last part was taken; `None` before the first.
    taken: Option<u64>,
    take: F,
}

impl<F: FnMut(WithRejects<Table>, u64) -> Result<(), StepError>> Parts<'_, F> {
    fn add(
        &mut self,
        text: &Surveyed<'_>,
        line: u64,
        raw: &[u8],
        cells: impl FnOnce() -> Result<Vec<Value>, String>,
    ) -> Result<(), StepError> {
        self.number += 1;
        self.done += 1;
        if self.done <= self.skipped {
            return Ok(());
        }
        let SourceText { path, name, .. } = text.source;
        self.rejects.continue_in(name);
        let cells = cells().and_then(|cells| self.typed(text, cells));
        // After the record, whose cells may have been read only in part.
        cancel::check()?;
        let (how, number) = (&self.survey.how, self.number);
        match cells {
            Ok(mut cells) => {
                let has_file = self.survey.several.is_some_and(|several| several.file_column.is_some());
                cells.extend(has_file.then(|| Value::from(name)));
                self.kept.push(cells).map_err(StepError::new)?;
            }
            Err(reason) if how.strict && line == 0 => {
                return Err(StepError::new(format!("record {number} of `{path}` cannot be used: {reason}")));
            }
            Err(reason) if how.strict => {
                let text = shortened(raw);
                return Err(StepError::new(format!(
                    "line {line} of `{path}` cannot be used: {reason}; the line is `{text}`"
                )));
            }
            Err(reason) if line == 0 => self.rejects.push_record(Some(number), raw, &reason),
            Err(reason) => self.rejects.push(line, number, raw, &reason),
        }
        if self.done.is_multiple_of(PART_RECORDS) { self.give() } else { Ok(()) }
    }

    fn typed(&self, text: &Surveyed<'_>, cells: Vec<Value>) -> Result<Vec<Value>, String> {
        let mut cells = match &text.arrangement {
            Some(arrangement) => arrangement.apply(cells),
            None => cells,
        };
        if !self.survey.how.qualified.is_empty() {
            split_cells(&mut cells, |index| self.qualified[index]);
        }
        type_cells(&mut cells, &self.survey.columns, self.survey.how.notation())?;
        Ok(cells)
    }

    fn give(&mut self) -> Result<(), StepError> {
        let kept = std::mem::replace(&mut self.kept, TableBuilder::new(self.survey.columns.clone())).finish()?;
        let rejects = std::mem::replace(&mut self.rejects, self.survey.no_rejects()).finish()?;
        self.taken = Some(self.done);
        (self.take)(WithRejects { kept, rejects }, self.done)
    }

    fn end(&mut self) -> Result<(), StepError> {
        if self.taken == Some(self.done) { Ok(()) } else { self.give() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::table_text::{CellText, DeclaredType};
    use super::*;
    use crate::artifact::ColumnType;

    fn read(text: &str, format: TableFormat, types: &[(&str, ColumnType)]) -> WithRejects<Table> {
        let types = types.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect();
        let types = DeclaredType::all(&types, "types");
        let missing = ["NA".to_owned()];
        let cells = CellText { missing: &missing, ..CellText::default() };
        let how = TableText { name: "a", format, types: &types, cells, qualified: &[], strict: false };
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
    fn a_record_that_does_not_fit_its_column_is_rejected() {
        let read = read("n\n1\ntwo\n\n3.5\n", TableFormat::Delimited(b','), &[("n", ColumnType::Integer)]);
        assert_eq!(rows(&read.kept), json!([[1]]));
        let expected = json!([
            [3, 2, "two", "has `two` in the column `n`, which is integer"],
            [5, 3, "3.5", "has `3.5` in the column `n`, which is integer"],
        ]);
        assert_eq!(rows(&read.rejects), expected);
    }

    #[test]
    fn reading_stops_within_a_row() {
        let cells = |cell: &str| (0..50_000).map(|column| format!("{cell}{column}")).collect::<Vec<_>>();
        let csv = format!("{}\n{}\n", cells("c").join(","), cells("").join(","));
        let members: Vec<String> = cells("c").iter().map(|name| format!("\"{name}\":1")).collect();
        let none = BTreeMap::new();
        for (format, text) in
            [(TableFormat::Delimited(b','), csv), (TableFormat::JsonLines, format!("{{{}}}\n", members.join(",")))]
        {
            let how = TableText {
                name: "a",
                format,
                types: &none,
                cells: CellText::default(),
                qualified: &[],
                strict: false,
            };
            // A check after each 4096 cells, in each of three passes over the row.
            assert!(cancel::checks_during(|| how.read(text.as_bytes()).unwrap()) > 3 * 12, "{format:?}");
        }
    }

    #[test]
    fn an_unusable_record_does_not_affect_the_types() {
        let read = read("n,m\n1,2\nx\n", TableFormat::Delimited(b','), &[]);
        assert_eq!((rows(&read.kept), read.rejects.rows()), (json!([[1, 2]]), 1));
    }

    #[test]
    fn strict_reading_and_unknown_columns_are_errors() {
        let types = BTreeMap::from([("m".to_owned(), DeclaredType { ty: ColumnType::Float, by: "types" })]);
        let how = |types, strict| TableText {
            name: "a.csv",
            format: TableFormat::Delimited(b','),
            types,
            cells: CellText::default(),
            qualified: &[],
            strict,
        };
        let error = how(&types, false).read(b"n\n1\n").unwrap_err().to_string();
        assert_eq!(error, "`a.csv` has no column `m`, which `types` names; its columns are `n`");
        let none = BTreeMap::new();
        let error = how(&none, true).read(b"n\n1\n1,2\n").unwrap_err().to_string();
        assert!(error.contains("line 3 of `a.csv`") && error.contains("`1,2`"), "{error}");
        assert_eq!(how(&none, true).read(b"").unwrap().kept, Table::default());
    }
}
