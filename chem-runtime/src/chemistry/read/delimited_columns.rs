//! Assigns the columns of CSV and TSV files and of sheets: SMILES, name, and the others.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use csv::StringRecord;
use serde_json::Value;

use super::accept::{Accept, CxText};
use super::raw::{Content, RawRecord, Spelling, Untyped, UntypedColumn, columns as all_columns};
use crate::artifact::ColumnType;
use crate::cancel::{self, until_stopped, while_running};
use crate::chemistry::molecules::PROMISED;
use crate::records::{Delimited, Layout, Row, SheetChoice, other_separator};
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
        UntypedColumn { name, declared: self.types.get(key).copied(), qualified: self.qualified.contains(key) }
    }
}

impl<'a> FileColumns<'a> {
    /// Returns the columns `smiles` and `name` of a file that is laid out like this.
    pub(super) const fn usual(layout: Layout<'a>) -> Self {
        Self { smiles: "smiles", inchi: None, name: None, types: ColumnTypes::NONE, missing: &[], layout, accept: None }
    }
}

pub(super) fn read<'a>(file: &str, text: &'a [u8], columns: FileColumns<'_>) -> Result<Untyped<'a>, StepError> {
    let Some(delimited) = Delimited::open(file, text, columns.layout)? else {
        return Ok(Untyped::default());
    };
    let plan = Plan::new(file, delimited.header(), columns)?;
    let more = plan.more.iter().map(|(_, column)| column.clone()).collect();
    let record = |row: Row<'a>| RawRecord {
        line: row.line,
        raw: row.raw.into(),
        content: row.cells.and_then(|cells| plan.content_of_text(&cells, columns)),
    };
    let records = until_stopped(delimited.rows().map(record))?;
    Ok(Untyped { more, records, found: plan.found })
}

/// Reads the sheet of the workbook `bytes`, the content of the file called `file`.
#[cfg(feature = "excel")]
pub(super) fn read_sheet<'a>(
    file: &str,
    bytes: &[u8],
    sheet: SheetChoice<'_>,
    columns: FileColumns<'_>,
) -> Result<Untyped<'a>, StepError> {
    let sheet = Sheet::read(file, bytes, sheet, columns.layout.header)?;
    let header: StringRecord = sheet.names().collect();
    if header.is_empty() {
        return Ok(Untyped::default());
    }
    let plan = Plan::new(file, &header, columns)?;
    let more = plan.more.iter().map(|(_, column)| column.clone()).collect();
    let mut records = Vec::new();
    sheet.each_row(columns.missing, |SheetRow { number, text, cells }| {
        let content = cells.and_then(|cells| plan.content_of_values(&cells, columns));
        records.push(RawRecord { line: number, raw: text.into_bytes().into(), content });
        Ok(())
    })?;
    Ok(Untyped { more, records, found: plan.found })
}

/// Reads the sheet of a workbook.
#[cfg(not(feature = "excel"))]
pub(super) fn read_sheet<'a>(
    _: &str,
    _: &[u8],
    _: SheetChoice<'_>,
    _: FileColumns<'_>,
) -> Result<Untyped<'a>, StepError> {
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
struct Plan {
    structure: usize,
    /// Whether the structures are InChIs rather than SMILES.
    inchi: bool,
    name: Option<usize>,
    more: Vec<(usize, UntypedColumn)>,
    /// The names of columns in the parameters for types that the file has.
    found: HashSet<String>,
}

impl Plan {
    fn new(file: &str, header: &StringRecord, columns: FileColumns<'_>) -> Result<Self, StepError> {
        let missing = |parameter: &str, column: &str| {
            let there: Vec<&str> = header.iter().collect();
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
        let mut file = read("a.csv", text.as_bytes(), columns).unwrap().typed("a.csv", notation).unwrap();
        (file.more.iter().map(|column| column.name.to_string()).collect(), file.records.remove(0).content)
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
        let twice = read("a.csv", b"ic50,ic50_relation,smiles\n", columns).unwrap();
        let twice = twice.typed("a.csv", Notation { spelled: None, padded: false }).unwrap_err().to_string();
        assert_eq!(twice, "two columns of `a.csv` would be called `ic50_relation`; rename one");
    }

    #[test]
    fn reading_stops_within_a_row() {
        let names: Vec<String> = (0..50_000).map(|column| format!("c{column}")).collect();
        let text = format!("smiles,{}\nC,{}\n", names.join(","), vec!["1"; names.len()].join(","));
        // A check after each 4096 cells: of the header, where its columns are planned, and twice of the row.
        assert!(cancel::checks_during(|| read("a.csv", text.as_bytes(), USUAL).unwrap()) > 4 * 12);
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
            let error = read("a.csv", header.as_bytes(), columns).unwrap_err().to_string();
            let listed = error.contains("structure") || error.contains("file_record");
            assert!(error.contains("`a.csv`") && listed, "{error}");
        }
    }

    #[test]
    fn a_cell_with_more_than_a_smiles_is_refused() {
        assert!(only("smiles\nCCO ethanol\n", USUAL).1.unwrap_err().contains("`ethanol`"));
        assert!(only("smiles\nC[C@H](F)Cl |&1:1|\n", USUAL).1.unwrap_err().contains("CXSMILES"));
    }

    #[test]
    fn an_empty_file_has_no_records() {
        assert!(read("a.csv", b"\r\n", USUAL).unwrap().records.is_empty());
    }
}
