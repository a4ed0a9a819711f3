//! Assigns the columns of CSV and TSV files and of sheets: SMILES, name, and the others.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use csv::StringRecord;
use serde_json::Value;

use super::accept::{Accept, CxText};
use super::raw::{Content, RawRecord, Source, Spelling, UntypedColumn, columns as all_columns};
use crate::artifact::ColumnType;
use crate::cancel::{self, while_running};
use crate::chemistry::molecules::PROMISED;
use crate::records::{Batches, Inference, Layout, Row, SheetChoice, each_row_batch, other_separator};
#[cfg(feature = "excel")]
use crate::records::{Sheet, SheetRow};
use crate::step::{StepError, listed};

/// The parameters for the columns of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileColumns<'a> {
    /// The column with the SMILES, unless there is one with InChIs.
    pub(super) smiles: &'a str,
    pub(super) inchi: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) types: ColumnTypes<'a>,
    /// The texts that represent a missing value, besides the empty text.
    pub(super) missing: &'a [String],
    pub(super) layout: Layout<'a>,
    /// What happens to CXSMILES extensions; `None` for a step that has no parameters for them.
    pub(super) accept: Option<Accept>,
}

/// The parameters for the types of columns, by their names in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnTypes<'a> {
    pub(super) numbers: &'a [String],
    pub(super) types: &'a BTreeMap<String, ColumnType>,
    pub(super) qualified: &'a [String],
    /// Whether the file may lack these columns, as one of several files.
    pub(super) may_lack: bool,
}

impl<'a> ColumnTypes<'a> {
    /// Declares no type.
    pub(super) const NONE: ColumnTypes<'static> =
        ColumnTypes { numbers: &[], types: &BTreeMap::new(), qualified: &[], may_lack: false };

    /// Returns the names of the columns, each with the parameter that names it.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'static str, &'a String)> {
        let (numbers, types, qualified) = (self.numbers, self.types, self.qualified);
        let numbers = numbers.iter().map(|name| ("numbers", name));
        let types = types.keys().map(|name| ("types", name));
        numbers.chain(types).chain(qualified.iter().map(|name| ("qualified", name)))
    }
}

/// What the parameters declare about the columns of a file, by the column's index or name.
pub(super) struct Declared<K> {
    types: HashMap<K, ColumnType>,
    qualified: HashSet<K>,
    /// The names of the columns that exist, as the parameters write them.
    pub(super) found: HashSet<String>,
}

impl<K: std::hash::Hash + Eq> Declared<K> {
    /// Finds the columns that `types` names with `find`, which fails if a column does not exist.
    pub(super) fn find<'a>(
        types: ColumnTypes<'a>,
        mut find: impl FnMut(&'static str, &'a str) -> Result<K, StepError>,
    ) -> Result<Self, StepError> {
        let mut declared = Self { types: HashMap::new(), qualified: HashSet::new(), found: HashSet::new() };
        for (param, name) in types.names() {
            let key = match find(param, name) {
                Ok(key) => key,
                Err(_) if types.may_lack => continue,
                Err(error) => return Err(error),
            };
            declared.found.insert(name.clone());
            match (param, types.types.get(name)) {
                ("qualified", _) => {
                    declared.qualified.insert(key);
                }
                (_, Some(ty)) => {
                    declared.types.insert(key, *ty);
                }
                (_, None) => {
                    declared.types.insert(key, ColumnType::Float);
                }
            }
        }
        Ok(declared)
    }

    /// Returns the column `key` of the file, which is called `name` in the output.
    pub(super) fn column(&self, key: &K, name: String) -> UntypedColumn {
        let (declared, qualified) = (self.types.get(key).copied(), self.qualified.contains(key));
        UntypedColumn { name, declared, qualified, kind: Inference::default() }
    }
}

impl<'a> FileColumns<'a> {
    /// Returns the columns `smiles` and `name` of a file that is laid out like this.
    pub(super) const fn usual(layout: Layout<'a>) -> Self {
        Self { smiles: "smiles", inchi: None, name: None, types: ColumnTypes::NONE, missing: &[], layout, accept: None }
    }
}

/// Calls `work` with batches of the records of a text, and `take` with the results in order. Returns what becomes of the cells;
/// `None` if there are no records.
pub(super) fn each_batch<T: Send>(
    source: Source<'_>,
    columns: FileColumns<'_>,
    batches: &mut Batches,
    work: impl Fn(u64, &mut dyn Iterator<Item = RawRecord<'_>>) -> Result<T, StepError> + Sync,
    take: impl FnMut(T) -> Result<(), StepError>,
) -> Result<Option<Plan>, StepError> {
    let work = |plan: &Plan, first, rows: &mut dyn Iterator<Item = Row<'_>>| {
        work(
            first,
            &mut rows.map(|Row { line, raw, cells }| {
                let content = cells.and_then(|cells| plan.content_of_text(&cells, columns));
                RawRecord { line, raw: raw.into(), content }
            }),
        )
    };
    let open = |header: &StringRecord| Plan::new(source.name, header, columns);
    each_row_batch((source.name, source.text), columns.layout, batches, open, work, take)
}

/// Works on the rows of a sheet like [`each_batch`].
#[cfg(feature = "excel")]
pub(super) fn each_sheet_batch<T: Send>(
    source: Source<'_>,
    sheet: SheetChoice<'_>,
    columns: FileColumns<'_>,
    batches: &mut Batches,
    work: impl Fn(u64, &mut dyn Iterator<Item = RawRecord<'_>>) -> Result<T, StepError> + Sync,
    take: impl FnMut(T) -> Result<(), StepError>,
) -> Result<Option<Plan>, StepError> {
    let sheet = Sheet::read(source.name, source.text.whole(), sheet, columns.layout.header)?;
    let header: StringRecord = sheet.names().collect();
    if header.is_empty() {
        return Ok(None);
    }
    let plan = Plan::new(source.name, &header, columns)?;
    let record = |SheetRow { number, text, cells }| {
        let content = cells.and_then(|cells| plan.content_of_values(&cells, columns));
        RawRecord { line: number, raw: text.into_bytes().into(), content }
    };
    let work = |first, rows: Vec<SheetRow>| work(first, &mut rows.into_iter().map(record));
    batches.each(sheet.rows(columns.missing), work, take)?;
    Ok(Some(plan))
}

/// Works on the rows of a sheet.
#[cfg(not(feature = "excel"))]
pub(super) fn each_sheet_batch<T: Send>(
    _: Source<'_>,
    _: SheetChoice<'_>,
    _: FileColumns<'_>,
    _: &mut Batches,
    _: impl Fn(u64, &mut dyn Iterator<Item = RawRecord<'_>>) -> Result<T, StepError> + Sync,
    _: impl FnMut(T) -> Result<(), StepError>,
) -> Result<Option<Plan>, StepError> {
    Err(StepError::new("this program was built without the feature `excel`"))
}

/// Returns the columns of the output besides those that all molecules have; `None` if `header` lacks a column that the
/// parameters name.
pub(super) fn more(file: &str, header: &StringRecord, columns: FileColumns<'_>) -> Option<Vec<Box<str>>> {
    let plan = Plan::new(file, header, columns).ok()?;
    let more = all_columns(file, plan.more.into_iter().map(|(_, column)| column).collect()).ok()?;
    Some(more.into_iter().map(|column| column.name.into()).collect())
}

/// The assignment of cells to columns of the output.
pub(super) struct Plan {
    structure: usize,
    /// Whether the structures are InChIs rather than SMILES.
    inchi: bool,
    name: Option<usize>,
    pub(super) more: Vec<(usize, UntypedColumn)>,
    /// The names of columns in the parameters for types that the file has.
    pub(super) found: HashSet<String>,
}

impl Plan {
    fn new(file: &str, header: &StringRecord, columns: FileColumns<'_>) -> Result<Self, StepError> {
        let missing = |parameter: &str, column: &str| {
            let there: Vec<&str> = header.iter().collect();
            if columns.accept.is_none() {
                return StepError::new(format!(
                    "`{file}` has no column `{column}` for the query molecules; its columns are {}",
                    listed(&there)
                ));
            }
            let other = other_separator(&there, columns.layout.delimiter).map(|other| format!(", and {other}"));
            StepError::new(format!(
                "`{file}` has no column `{column}`, which `{parameter}` names; its columns are {}{}",
                listed(&there),
                other.unwrap_or_default()
            ))
        };
        let names = HeaderNames::of(header);
        cancel::check()?;
        let (param, structure) = match columns.inchi {
            Some(inchi) => ("inchi_column", inchi),
            None => ("smiles_column", columns.smiles),
        };
        let structure = names.index_of(structure).ok_or_else(|| missing(param, structure))?;
        let name = match columns.name {
            Some(name) => Some(names.index_of(name).ok_or_else(|| missing("name_column", name))?),
            None => names.index_of("name").filter(|at| *at != structure),
        };
        let find = |param: &'static str, name: &str| names.index_of(name).ok_or_else(|| missing(param, name));
        let declared = Declared::find(columns.types, find)?;
        let (mut more, mut called): (Vec<(usize, UntypedColumn)>, HashSet<String>) = Default::default();
        for (index, column) in
            header.iter().enumerate().filter(|(index, _)| *index != structure && Some(*index) != name)
        {
            cancel::check_cell(index)?;
            let taken = PROMISED.iter().any(|(promised, _)| *promised == column);
            let column = if taken { format!("file_{column}") } else { column.to_owned() };
            let clashes = !called.insert(column.clone());
            if clashes || taken && names.exact.contains_key(column.as_str()) {
                return Err(StepError::new(format!("two columns of `{file}` would be called `{column}`; rename one")));
            }
            more.push((index, declared.column(&index, column)));
        }
        Ok(Self { structure, inchi: columns.inchi.is_some(), name, more, found: declared.found })
    }

    fn content_of_text(&self, cells: &StringRecord, columns: FileColumns<'_>) -> Result<Content, String> {
        let cell = |index: usize| cells.get(index).unwrap_or_default();
        self.content(|index| cell(index).into(), |index| value(cell(index), columns.missing), columns)
    }

    #[cfg(feature = "excel")]
    fn content_of_values(&self, cells: &[Value], columns: FileColumns<'_>) -> Result<Content, String> {
        let text = |index: usize| match cells.get(index) {
            Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
            Some(Value::Null) | None => Cow::default(),
            Some(other) => Cow::Owned(other.to_string()),
        };
        self.content(text, |index| cells.get(index).cloned().unwrap_or_default(), columns)
    }

    /// Returns the content of a record, whose cells are given as text and as values.
    fn content<'c>(
        &self,
        cell: impl Fn(usize) -> Cow<'c, str>,
        value: impl Fn(usize) -> Value,
        columns: FileColumns<'_>,
    ) -> Result<Content, String> {
        let structure = match cell(self.structure) {
            inchi if self.inchi => Spelling::Inchi(inchi.into_owned()),
            smiles => {
                let text = CxText::of(&smiles);
                let structure = Spelling::of(&text, columns.accept)?;
                if !text.rest.is_empty() {
                    return Err(format!("has more than a SMILES where the SMILES stands: `{}`", text.rest));
                }
                structure
            }
        };
        let name = self.name.map(cell).filter(|name| !name.is_empty()).map(Cow::into_owned);
        let more = while_running(&self.more).map(|(index, _)| value(*index)).collect();
        Ok(Content { structure, name, more, merged: false })
    }
}

/// The names in the header of a file; only the first of them if the step is asked to stop.
pub(super) struct HeaderNames<'h> {
    exact: HashMap<&'h str, usize>,
    /// By the name in lower case; `None` if several columns have it.
    folded: HashMap<String, Option<usize>>,
}

impl<'h> HeaderNames<'h> {
    pub(super) fn of(header: &'h StringRecord) -> Self {
        let (mut exact, mut folded) = (HashMap::new(), HashMap::new());
        for (index, name) in while_running(header.iter().enumerate()) {
            exact.entry(name).or_insert(index);
            folded.entry(name.to_ascii_lowercase()).and_modify(|alike| *alike = None).or_insert(Some(index));
        }
        Self { exact, folded }
    }

    /// Returns the index of the column called `name`. Ignores case if there is no exact match and only one other.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.exact.get(name).copied().or_else(|| *self.folded.get(&name.to_ascii_lowercase())?)
    }
}

fn value(cell: &str, missing: &[String]) -> Value {
    let is_missing = cell.is_empty() || missing.iter().any(|missing| missing == cell);
    if is_missing { Value::Null } else { cell.into() }
}

#[cfg(test)]
mod tests {
    use super::super::formats::Format;
    use super::super::reader::tests::contents;
    use super::*;
    use crate::records::{Decimal, Notation};

    const USUAL: FileColumns<'static> = FileColumns::usual(Layout::delimited_by(b','));

    fn numbers(numbers: &[String]) -> ColumnTypes<'_> {
        ColumnTypes { numbers, ..ColumnTypes::NONE }
    }

    fn only(text: &str, columns: FileColumns<'_>) -> (Vec<String>, Result<Content, String>) {
        only_with(Decimal::Point, text, columns)
    }

    fn only_with(decimal: Decimal, text: &str, columns: FileColumns<'_>) -> (Vec<String>, Result<Content, String>) {
        let notation = Notation { spelled: Some(decimal), padded: false };
        let (more, mut records) = contents("a.csv", text.as_bytes(), Format::Delimited(columns), notation).unwrap();
        (more, records.remove(0).1)
    }

    fn error(text: &str, columns: FileColumns<'_>) -> String {
        let notation = Notation { spelled: None, padded: false };
        contents("a.csv", text.as_bytes(), Format::Delimited(columns), notation).unwrap_err().to_string()
    }

    fn content(smiles: &str, name: Option<&str>, more: &[Value]) -> Result<Content, String> {
        Ok(Content {
            structure: Spelling::Smiles(smiles.to_owned()),
            name: name.map(str::to_owned),
            more: more.to_vec(),
            merged: false,
        })
    }

    #[test]
    fn other_columns_have_inferred_or_declared_types() {
        let (more, found) = only("Name,activity,SMILES,note,batch,n\nethanol,6.50,CCO,,007,3\n", USUAL);
        assert_eq!(more, ["activity", "note", "batch", "n"]);
        assert_eq!(found, content("CCO", Some("ethanol"), &[6.5.into(), Value::Null, "007".into(), 3.into()]));
        let activity = ["activity".to_owned()];
        let declared = FileColumns { types: numbers(&activity), ..USUAL };
        assert_eq!(only("activity,smiles\n6,C\n", declared).1, content("C", None, &[6.0.into()]));
        let found = only_with(Decimal::Comma, "activity,smiles\n\"6,50\",C\n", declared).1;
        assert_eq!(found, content("C", None, &[6.5.into()]));
        for cell in ["n/a", "NaN", "inf", "1,5"] {
            let (_, found) = only(&format!("activity,smiles\n\"{cell}\",C\n"), declared);
            let expected = format!("has `{cell}` in the column `activity`, which is float");
            assert_eq!(found.unwrap_err(), expected);
        }
        let types = [("activity".to_owned(), ColumnType::Text)].into();
        let text = FileColumns { types: ColumnTypes { types: &types, ..ColumnTypes::NONE }, ..USUAL };
        assert_eq!(only("activity,smiles\n6.50,C\n", text).1, content("C", None, &["6.50".into()]));
    }

    #[test]
    fn numbers_with_relations_have_two_columns() {
        let qualified = ["IC50".to_owned()];
        let columns = FileColumns { types: ColumnTypes { qualified: &qualified, ..ColumnTypes::NONE }, ..USUAL };
        let (more, found) = only("ic50,smiles,n\n>10,C,1\n", columns);
        assert_eq!(more, ["ic50", "ic50_relation", "n"]);
        assert_eq!(found, content("C", None, &[10.0.into(), ">".into(), 1.into()]));
        let found = only("ic50,smiles\n> a,C\n", columns).1;
        assert_eq!(found, Err("has `a` in the column `ic50`, which is float".to_owned()));
        let twice = error("ic50,ic50_relation,smiles\n", columns);
        assert_eq!(twice, "two columns of `a.csv` would be called `ic50_relation`; rename one");
    }

    #[test]
    fn reading_stops_within_a_row() {
        let names: Vec<String> = (0..50_000).map(|column| format!("c{column}")).collect();
        let header: StringRecord = std::iter::once("smiles").chain(names.iter().map(String::as_str)).collect();
        let cells: StringRecord = std::iter::once("C").chain(names.iter().map(|_| "1")).collect();
        // A check after each 4096 cells, where columns are planned and where the row is read.
        let plan = || Plan::new("a.csv", &header, USUAL).unwrap();
        assert!(cancel::checks_during(plan) > 2 * 12);
        assert!(cancel::checks_during(|| plan().content_of_text(&cells, USUAL).unwrap()) > 3 * 12);
    }

    #[test]
    fn names_that_differ_by_case_are_ambiguous() {
        let header = StringRecord::from(vec!["Smiles", "SMILES", "Name", "x"]);
        let names = HeaderNames::of(&header);
        let found = ["SMILES", "smiles", "name", "X", "y"].map(|name| names.index_of(name));
        assert_eq!(found, [Some(1), None, Some(2), Some(3), None]);
    }

    #[test]
    fn texts_for_missing_values_are_recognised() {
        let (activity, missing) = (["activity".to_owned()], ["NA".to_owned(), ">10".to_owned()]);
        let columns = FileColumns { types: numbers(&activity), missing: &missing, ..USUAL };
        for cell in ["NA", ">10", ""] {
            let (_, found) = only(&format!("activity,smiles,note\n{cell},C,{cell}\n"), columns);
            assert_eq!(found, content("C", None, &[Value::Null, Value::Null]), "{cell}");
        }
        assert!(only("activity,smiles\nna,C\n", columns).1.unwrap_err().contains("`na`"));
    }

    #[test]
    fn columns_are_named_by_parameters() {
        let columns = FileColumns { smiles: "canonical", name: Some("id"), ..USUAL };
        let (more, found) = only("id,canonical,smiles,record\nx1,C,CC,9\n", columns);
        assert_eq!(more, ["file_smiles", "file_record"]);
        assert_eq!(found, content("C", Some("x1"), &["CC".into(), 9.into()]));
    }

    #[test]
    fn the_error_for_a_missing_column_lists_the_columns() {
        for (header, columns) in [
            ("Molecule;structure", USUAL),
            ("smiles,SMILE", FileColumns { name: Some("structure"), ..USUAL }),
            ("Smiles,SMILES,structure", USUAL),
            ("smiles,a", FileColumns { types: numbers(&["structure".to_owned()]), ..USUAL }),
            ("smiles,record,file_record,structure", USUAL),
        ] {
            let columns = FileColumns { accept: Some(Accept::default()), ..columns };
            let error = error(header, columns);
            let listed = error.contains("structure") || error.contains("file_record");
            assert!(error.contains("`a.csv`") && listed, "{error}");
        }
        let query = error("name,structure\nx,C\n", USUAL);
        assert_eq!(
            query,
            "`a.csv` has no column `smiles` for the query molecules; its columns are `name` and `structure`"
        );
    }

    #[test]
    fn a_cell_with_more_than_a_smiles_is_refused() {
        assert!(only("smiles\nCCO ethanol\n", USUAL).1.unwrap_err().contains("`ethanol`"));
        assert!(only("smiles\nC[C@H](F)Cl |&1:1|\n", USUAL).1.unwrap_err().contains("CXSMILES"));
    }

    #[test]
    fn an_empty_file_has_no_records() {
        let notation = Notation { spelled: None, padded: false };
        let read = contents("a.csv", b"\r\n", Format::Delimited(USUAL), notation).unwrap();
        assert_eq!(read, (Vec::new(), Vec::new()));
    }
}
