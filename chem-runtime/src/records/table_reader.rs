//! Reads files of records as tables, with inferred or declared column types.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::delimited_reader::{Header, HeaderLine, Layout, Row};
use super::delimited_records::Records;
use super::json_lines_reader::{JsonLine, Object, objects};
use super::lines::lines_of_part;
use super::qualified::split_cells;
use super::record_text::RecordText;
use super::rejects::{Rejects, shortened};
use super::table_survey::{Survey, Surveyed};
use super::typing::{Decimal, Notation, type_cells};
use super::uniting::Uniting;
use crate::artifact::{ColumnType, Table, TableBuilder};
use crate::cancel::{self, while_running};
use crate::step::{StepError, WithRejects};

/// The options for reading a text as a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableText<'a> {
    /// The name of the text in messages.
    pub name: &'a str,
    /// The format of the text.
    pub format: TableFormat,
    /// The declared types of columns; other types are inferred.
    pub types: &'a BTreeMap<String, DeclaredType>,
    /// How cells of delimited text are written.
    pub cells: CellText<'a>,
    /// The columns of numbers with relations, such as `>10`.
    pub qualified: &'a [String],
    /// Whether a record that cannot be used is an error rather than a reject.
    pub strict: bool,
}

/// A text that is read as a part of a table.
#[derive(Debug)]
pub(crate) struct SourceText<'t> {
    /// The path of the file, for messages.
    pub path: &'t str,
    /// The name of the file in the data.
    pub name: &'t str,
    pub text: &'t RecordText<'t>,
}

/// How several texts become one table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Several<'a> {
    /// What happens to columns that only some of them have.
    pub columns: Uniting,
    /// The name of a new column with the name of each row's file.
    pub file_column: Option<&'a str>,
}

/// How the cells of delimited text are written, besides the delimiter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CellText<'a> {
    /// Texts that represent a missing value, besides the empty text.
    pub missing: &'a [String],
    pub decimal: Decimal,
    pub header: HeaderLine<'a>,
}

/// The declared type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeclaredType {
    /// The type of all values in the column.
    pub ty: ColumnType,
    /// The parameter that declares it, for messages.
    pub by: &'static str,
}

impl DeclaredType {
    /// Returns the types that the parameter `by` declares.
    pub(crate) fn all(types: &BTreeMap<String, ColumnType>, by: &'static str) -> BTreeMap<String, Self> {
        types.iter().map(|(name, ty)| (name.clone(), Self { ty: *ty, by })).collect()
    }
}

/// The format of a text of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableFormat {
    /// Cells separated by this character; the first record contains the names of the columns.
    Delimited(u8),
    /// An object on each line.
    JsonLines,
    /// Apache Parquet, whose columns have types.
    Parquet,
}

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
        let mut all: Option<WithRejects<Table>> = None;
        let source = SourceText { path: self.name, name: self.name, text };
        self.survey(vec![source], None)?.read(0, |part, _| {
            match &mut all {
                None => all = Some(part),
                Some(all) => {
                    // All parts have the same columns.
                    let _ = all.kept.append(part.kept);
                    let _ = all.rejects.append(part.rejects);
                }
            }
            Ok(())
        })?;
        // There is a part even if there are no records.
        Ok(all.unwrap_or(WithRejects { kept: Table::default(), rejects: Table::default() }))
    }

    pub(super) fn notation(&self) -> Notation {
        let spelled = matches!(self.format, TableFormat::Delimited(_)).then_some(self.cells.decimal);
        Notation { spelled, padded: false }
    }

    pub(super) fn is_missing(&self, cell: &str) -> bool {
        cell.is_empty() || self.cells.missing.iter().any(|missing| missing == cell)
    }

    /// Calls `each` with the records of a delimited text.
    pub(super) fn each_row(
        &self,
        source: &SourceText<'_>,
        delimiter: u8,
        mut each: impl FnMut(&Header, Row<'_>) -> Result<(), StepError>,
    ) -> Result<Option<Header>, StepError> {
        let layout = Layout { delimiter, header: self.cells.header };
        let mut header = None;
        source.text.in_parts(source.path, |part| {
            let mut records = Records::of_part(&part, delimiter);
            if header.is_none() {
                header = Header::open(source.path, &mut records, layout)?;
            }
            if let Some(header) = &header {
                for record in records.by_ref() {
                    each(header, header.row(record))?;
                    cancel::check()?;
                }
            }
            Ok(records.taken())
        })?;
        Ok(header)
    }

    /// Calls `each` with the objects of JSON Lines.
    pub(super) fn each_object(
        &self,
        source: &SourceText<'_>,
        mut each: impl FnMut(JsonLine<'_>) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        source.text.in_parts(source.path, |part| {
            let (lines, taken) = lines_of_part(&part);
            for line in objects(lines) {
                each(line)?;
                cancel::check()?;
            }
            Ok(taken)
        })
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
            #[cfg(not(feature = "parquet"))]
            TableFormat::Parquet => {}
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
    use serde_json::json;

    use super::*;

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
