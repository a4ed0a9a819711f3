//! Reads files of records as tables, with inferred or declared column types.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::delimited_reader::{Delimited, HeaderLine, Layout, Row, other_separator};
use super::json_lines_reader::{JsonLine, Object, json_lines};
use super::qualified::{split_cells, with_relations};
use super::rejects::{Rejects, shortened};
use super::typing::{Decimal, Notation, type_cells, type_name, type_of};
use super::uniting::{Arrangement, Uniting, check_new_column};
use crate::artifact::{Column, ColumnType, Table, TableBuilder};
use crate::cancel::{self, Interrupted, until_stopped, while_running};
use crate::step::limits::{SPARSE_CELLS, TABLE_CELLS};
use crate::step::{StepError, WithRejects, listed};

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
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceText<'t> {
    /// The path of the file, for messages.
    pub path: &'t str,
    /// The name of the file in the data.
    pub name: &'t str,
    pub text: &'t [u8],
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

/// The number of cells that a table from JSON Lines may have for each member of its objects, beyond [`SPARSE_CELLS`].
const CELLS_PER_MEMBER: u64 = 20;

/// A record before its cells are typed.
struct Record<'a> {
    /// The index of its text.
    source: usize,
    /// The number of its first line, from 1; 0 in a file without lines.
    line: u64,
    raw: &'a [u8],
    cells: Result<Vec<Value>, String>,
}

/// The records of a text.
struct Part<'t> {
    names: Vec<String>,
    records: Vec<Record<'t>>,
    /// The columns, if the format declares their types.
    typed: Vec<Column>,
}

impl TableText<'_> {
    /// Reads the table, and the records that cannot be used.
    ///
    /// # Errors
    /// Fails if something is wrong with the columns, or with any record if [`strict`](Self::strict) is set.
    pub(crate) fn read(&self, text: &[u8]) -> Result<WithRejects<Table>, StepError> {
        let source = SourceText { path: self.name, name: self.name, text };
        let part = self.part(0, source)?;
        self.table_of(part, &[source], None)
    }

    /// Reads several texts as one table, and the records that cannot be used. The types of columns are inferred from all
    /// texts.
    ///
    /// # Errors
    /// Fails like [`read`](Self::read), or if the columns of the texts do not fit together.
    pub(crate) fn read_all(
        &self,
        sources: &[SourceText<'_>],
        several: Several<'_>,
    ) -> Result<WithRejects<Table>, StepError> {
        let parts = sources.iter().enumerate().map(|(index, source)| self.part(index, *source));
        let part = self.united(parts.collect::<Result<_, _>>()?, sources, several.columns)?;
        self.table_of(part, sources, Some(several))
    }

    /// Reads a text, which is that of `source`, the one at `index`.
    fn part<'t>(&self, index: usize, source: SourceText<'t>) -> Result<Part<'t>, StepError> {
        let mut part = match self.format {
            TableFormat::Delimited(delimiter) => {
                let (names, records) = self.delimited(source, delimiter)?;
                Part { names, records, typed: Vec::new() }
            }
            TableFormat::JsonLines => {
                let (names, records) = self.objects(source)?;
                Part { names, records, typed: Vec::new() }
            }
            #[cfg(not(feature = "parquet"))]
            TableFormat::Parquet => return Err(StepError::new("this program was built without the feature `parquet`")),
            #[cfg(feature = "parquet")]
            TableFormat::Parquet => {
                let file = super::parquet_reader::read_parquet(source.path, source.text)?;
                let record = |cells| Record { source: 0, line: 0, raw: b"".as_slice(), cells };
                let names: Vec<String> = file.columns.iter().map(|column| column.name.to_string()).collect();
                Part { names, records: file.records.into_iter().map(record).collect(), typed: file.columns }
            }
        };
        for record in &mut part.records {
            record.source = index;
        }
        Ok(part)
    }

    /// Unites the columns of `parts`, which come from `sources`. A text without records has no columns to unite, unless its
    /// format names them.
    fn united<'t>(
        &self,
        parts: Vec<Part<'t>>,
        sources: &[SourceText<'_>],
        columns: Uniting,
    ) -> Result<Part<'t>, StepError> {
        let with_columns = parts.iter().zip(sources).filter(|(part, _)| !part.names.is_empty());
        let (tables, paths): (Vec<Vec<&str>>, Vec<&str>) =
            with_columns.map(|(part, source)| (part.names.iter().map(String::as_str).collect(), source.path)).unzip();
        let names = columns.unite(&tables).map_err(|disunited| StepError::new(disunited.of_files(&paths)))?;
        let kept: HashSet<&str> = names.iter().map(|name| &**name).collect();
        let mut typed: HashMap<String, (Column, &str)> = HashMap::new();
        let mut records = Vec::with_capacity(parts.iter().map(|part| part.records.len()).sum());
        for (part, source) in parts.into_iter().zip(sources) {
            for column in part.typed {
                match typed.get(&*column.name) {
                    _ if self.declares(&column.name) || !kept.contains(&*column.name) => {}
                    None => {
                        typed.insert(column.name.to_string(), (column, source.path));
                    }
                    Some((other, _)) if *other == column => {}
                    Some((other, path)) => return Err(differently_typed(&column, source.path, other, path)),
                }
            }
            let arrangement = Arrangement::of(&part.names, &names);
            for mut record in part.records {
                cancel::check()?;
                record.cells = record.cells.map(|cells| arrangement.apply(cells));
                records.push(record);
            }
        }
        let typed = names.iter().filter_map(|name| Some(typed.remove(&**name)?.0)).collect();
        Ok(Part { names: names.into_iter().map(Into::into).collect(), records, typed })
    }

    /// Types the cells of `part`, which come from `sources`. `several` is `None` for a single text that is not one of several.
    fn table_of(
        &self,
        part: Part<'_>,
        sources: &[SourceText<'_>],
        several: Option<Several<'_>>,
    ) -> Result<WithRejects<Table>, StepError> {
        let Part { names, mut records, typed } = part;
        let known: HashSet<&str> = names.iter().map(String::as_str).collect();
        let declared = self.types.iter().map(|(name, declared)| (name, declared.by));
        let mut wanted = declared.chain(self.qualified.iter().map(|name| (name, "qualified")));
        if let Some((name, by)) = wanted.find(|(name, _)| !known.contains(name.as_str())) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let message = format!("`{}` has no column `{name}`, which `{by}` names", self.name);
            let other = match self.format {
                TableFormat::Delimited(delimiter) => other_separator(&names, delimiter),
                _ => None,
            };
            return Err(StepError::new(match (other, names.as_slice()) {
                (Some(other), names) => format!("{message}; its columns are {}, and {other}", listed(names)),
                (None, []) => format!("{message}; it has no columns"),
                (None, names) => format!("{message}; its columns are {}", listed(names)),
            }));
        }
        let names = self.split_qualified(names, &mut records)?;
        let typed: HashMap<&str, &Column> = typed.iter().map(|column| (&*column.name, column)).collect();
        let columns = names.iter().enumerate().map(|(index, name)| match typed.get(name.as_str()) {
            Some(column) if !self.declares(name) => Ok((*column).clone()),
            _ => self.column(name, index, &records),
        });
        let columns: Vec<Column> = columns.collect::<Result<_, _>>()?;
        for record in &mut records {
            if let Ok(cells) = &mut record.cells
                && let Err(reason) = type_cells(cells, &columns, self.notation())
            {
                record.cells = Err(reason);
            }
            // After the record, whose cells may have been typed only in part.
            cancel::check()?;
        }
        self.sort_out(columns, records, sources, several)
    }

    /// Returns whether a parameter declares the type of the column `name`.
    fn declares(&self, name: &str) -> bool {
        self.types.contains_key(name) || self.qualified.iter().any(|qualified| qualified == name)
    }

    fn notation(&self) -> Notation {
        let spelled = matches!(self.format, TableFormat::Delimited(_)).then_some(self.cells.decimal);
        Notation { spelled, padded: false }
    }

    /// Splits the cells of qualified columns, and returns the names of all columns.
    fn split_qualified(&self, names: Vec<String>, records: &mut [Record<'_>]) -> Result<Vec<String>, StepError> {
        if self.qualified.is_empty() {
            return Ok(names);
        }
        let qualified: HashSet<&str> = self.qualified.iter().map(String::as_str).collect();
        let at: Vec<bool> = names.iter().map(|name| qualified.contains(name.as_str())).collect();
        for record in records {
            if let Ok(cells) = &mut record.cells {
                split_cells(cells, |index| at[index]);
            }
            cancel::check()?;
        }
        with_relations(names, |index, _| at[index]).map_err(|name| {
            StepError::new(format!("two columns of `{}` would be called `{name}`; rename one", self.name))
        })
    }

    fn delimited<'t>(
        &self,
        source: SourceText<'t>,
        delimiter: u8,
    ) -> Result<(Vec<String>, Vec<Record<'t>>), StepError> {
        let layout = Layout { delimiter, header: self.cells.header };
        let Some(file) = Delimited::open(source.path, source.text, layout)? else {
            return Ok((Vec::new(), Vec::new()));
        };
        let names = file.header().iter().map(str::to_owned).collect();
        let cell = |text: &str| {
            let missing = text.is_empty() || self.cells.missing.iter().any(|missing| missing == text);
            if missing { Value::Null } else { text.into() }
        };
        let record = |Row { line, raw, cells }| Record {
            source: 0,
            line,
            raw,
            cells: cells.map(|cells: csv::StringRecord| while_running(cells.iter()).map(cell).collect()),
        };
        Ok((names, until_stopped(file.rows().map(record))?))
    }

    /// Reads the columns of JSON Lines, in the order of their first appearance, and the records. A member that an object
    /// lacks is a missing value.
    fn objects<'t>(&self, source: SourceText<'t>) -> Result<(Vec<String>, Vec<Record<'t>>), StepError> {
        let lines: Vec<JsonLine<'_>> = until_stopped(json_lines(source.text))?;
        let (mut names, mut indices, mut members) = (Vec::new(), HashMap::new(), 0_u64);
        let objects = lines.iter().filter_map(|line| line.object.as_ref().ok());
        for (name, _) in while_running(objects.flat_map(|Object(members)| members)) {
            members += 1;
            if !indices.contains_key(name) {
                indices.insert(name.clone(), names.len());
                names.push(name.clone());
            }
        }
        cancel::check()?;
        // Objects with different members make the table grow quadratically.
        let cells = (names.len() as u64).saturating_mul(lines.len() as u64);
        let most = members.saturating_mul(CELLS_PER_MEMBER).saturating_add(SPARSE_CELLS.get());
        let limit =
            if cells > TABLE_CELLS.get() { Some(&TABLE_CELLS) } else { (cells > most).then_some(&SPARSE_CELLS) };
        if let Some(limit) = limit {
            return Err(StepError::new(format!(
                "`{}` has {} columns in {} records: {cells} cells for {members} values; {}; give all objects the same members",
                source.path,
                names.len(),
                lines.len(),
                limit.advice()
            )));
        }
        let row = |Object(members): Object| {
            let mut cells = vec![Value::Null; names.len()];
            for (name, value) in while_running(members) {
                cells[indices[&name]] = value;
            }
            cells
        };
        let record =
            |JsonLine { line, raw, object }: JsonLine<'t>| Record { source: 0, line, raw, cells: object.map(row) };
        let records = until_stopped(lines.into_iter().map(record))?;
        Ok((names, records))
    }

    fn column(&self, name: &str, index: usize, records: &[Record<'_>]) -> Result<Column, Interrupted> {
        if let Some(declared) = self.types.get(name) {
            return Ok(Column::new(name, declared.ty));
        }
        if self.qualified.iter().any(|qualified| qualified == name) {
            return Ok(Column::new(name, ColumnType::Float));
        }
        let until_cancelled = records.iter().take_while(|_| !cancel::is_requested());
        let cells = until_cancelled.filter_map(|record| record.cells.as_ref().ok()?.get(index));
        let ty = type_of(cells, self.notation());
        // A type inferred from only some of the cells must not be used.
        cancel::check()?;
        Ok(Column::new(name, ty))
    }

    fn sort_out(
        &self,
        mut columns: Vec<Column>,
        records: Vec<Record<'_>>,
        sources: &[SourceText<'_>],
        several: Option<Several<'_>>,
    ) -> Result<WithRejects<Table>, StepError> {
        let file_column = several.and_then(|several| several.file_column);
        if let Some(name) = file_column {
            check_new_column(name, &columns.iter().map(|column| &column.name).collect::<Vec<_>>())?;
            columns.push(Column::new(name, ColumnType::Text));
        }
        let mut rejects = if several.is_some() { Rejects::of_several() } else { Rejects::default() };
        let (mut kept, mut numbers) = (TableBuilder::new(columns), vec![0_u64; sources.len()]);
        for record in records {
            cancel::check()?;
            let SourceText { path, name, .. } = sources[record.source];
            numbers[record.source] += 1;
            let number = numbers[record.source];
            rejects.continue_in(name);
            match record.cells {
                Ok(mut cells) => {
                    cells.extend(file_column.map(|_| Value::from(name)));
                    kept.push(cells).map_err(StepError::new)?;
                }
                Err(reason) if self.strict && record.line == 0 => {
                    return Err(StepError::new(format!("record {number} of `{path}` cannot be used: {reason}")));
                }
                Err(reason) if self.strict => {
                    let (line, text) = (record.line, shortened(record.raw));
                    return Err(StepError::new(format!(
                        "line {line} of `{path}` cannot be used: {reason}; the line is `{text}`"
                    )));
                }
                Err(reason) if record.line == 0 => rejects.push_record(Some(number), record.raw, &reason),
                Err(reason) => rejects.push(record.line, number, record.raw, &reason),
            }
        }
        Ok(WithRejects { kept: kept.finish()?, rejects: rejects.finish()? })
    }
}

/// Describes a column that two files declare differently.
fn differently_typed(column: &Column, path: &str, other: &Column, of: &str) -> StepError {
    let kind = |column: &Column| match &column.unit {
        Some(unit) => format!("{} in `{unit}`", type_name(column.ty)),
        None => type_name(column.ty).to_owned(),
    };
    StepError::new(format!(
        "the column `{}` is {} in `{path}` and {} in `{of}`; declare its type in `types`",
        column.name,
        kind(column),
        kind(other)
    ))
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
