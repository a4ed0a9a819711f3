//! Assigns the columns of CSV and TSV files: SMILES, name, and the others.

use std::collections::{HashMap, HashSet};

use csv::StringRecord;
use serde_json::Value;

use super::raw::{Content, RawFile, RawRecord, Spelling, split_smiles};
use crate::artifact::{Column, ColumnType};
use crate::cancel::{self, until_stopped, while_running};
use crate::chemistry::molecules::PROMISED;
use crate::records::{Decimal, Delimited, Layout, Row, other_separator};
use crate::step::{StepError, listed};

/// The parameters for the columns of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileColumns<'a> {
    pub(super) smiles: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) numbers: &'a [String],
    /// The texts that represent a missing value, besides the empty text.
    pub(super) missing: &'a [String],
    pub(super) decimal: Decimal,
    pub(super) layout: Layout<'a>,
}

impl<'a> FileColumns<'a> {
    /// Returns the columns `smiles` and `name` of a file that is laid out like this.
    pub(super) const fn usual(layout: Layout<'a>) -> Self {
        Self { smiles: "smiles", name: None, numbers: &[], missing: &[], decimal: Decimal::Point, layout }
    }
}

pub(super) fn read<'a>(file: &str, text: &'a [u8], columns: FileColumns<'_>) -> Result<RawFile<'a>, StepError> {
    let Some(delimited) = Delimited::open(file, text, columns.layout)? else {
        return Ok(RawFile::default());
    };
    let plan = Plan::new(file, delimited.header(), columns)?;
    let more = plan.more.iter().map(|(_, column)| column.clone()).collect();
    let record = |row: Row<'a>| RawRecord {
        line: row.line,
        raw: row.raw,
        content: row.cells.and_then(|cells| plan.content(&cells, columns.missing, columns.decimal)),
    };
    Ok(RawFile { more, records: until_stopped(delimited.rows().map(record))? })
}

/// Returns the columns of the output besides those that all molecules have; `None` if `header` lacks a column that the
/// parameters name.
pub(super) fn more(file: &str, header: &StringRecord, columns: FileColumns<'_>) -> Option<Vec<Box<str>>> {
    let plan = Plan::new(file, header, columns).ok()?;
    Some(plan.more.into_iter().map(|(_, column)| (*column.name).into()).collect())
}

/// The assignment of cells to columns of the output.
struct Plan {
    smiles: usize,
    name: Option<usize>,
    more: Vec<(usize, Column)>,
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
        let smiles = names.index_of(columns.smiles).ok_or_else(|| missing("smiles_column", columns.smiles))?;
        let name = match columns.name {
            Some(name) => Some(names.index_of(name).ok_or_else(|| missing("name_column", name))?),
            None => names.index_of("name").filter(|at| *at != smiles),
        };
        let numbers: HashSet<usize> = columns
            .numbers
            .iter()
            .map(|number| names.index_of(number).ok_or_else(|| missing("numbers", number)))
            .collect::<Result<_, _>>()?;
        let (mut more, mut called): (Vec<(usize, Column)>, HashSet<String>) = Default::default();
        for (index, column) in header.iter().enumerate().filter(|(index, _)| *index != smiles && Some(*index) != name) {
            cancel::check_cell(index)?;
            let taken = PROMISED.iter().any(|(promised, _)| *promised == column);
            let column = if taken { format!("file_{column}") } else { column.to_owned() };
            let clashes = !called.insert(column.clone());
            if clashes || taken && names.exact.contains_key(column.as_str()) {
                return Err(StepError::new(format!("two columns of `{file}` would be called `{column}`; rename one")));
            }
            let ty = if numbers.contains(&index) { ColumnType::Float } else { ColumnType::Text };
            more.push((index, Column::new(&column, ty)));
        }
        Ok(Self { smiles, name, more })
    }

    fn content(&self, cells: &StringRecord, missing: &[String], decimal: Decimal) -> Result<Content, String> {
        let cell = |index: usize| cells.get(index).unwrap_or_default();
        let (smiles, rest) = split_smiles(cell(self.smiles))?;
        if !rest.is_empty() {
            return Err(format!("has more than a SMILES where the SMILES stands: `{rest}`"));
        }
        let name = self.name.map(cell).filter(|name| !name.is_empty()).map(str::to_owned);
        let more = while_running(&self.more).map(|(index, column)| value(column, cell(*index), missing, decimal));
        Ok(Content { structure: Spelling::Smiles(smiles.to_owned()), name, more: more.collect::<Result<_, _>>()? })
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

pub(super) fn value(column: &Column, cell: &str, missing: &[String], decimal: Decimal) -> Result<Value, String> {
    match column.ty {
        _ if cell.is_empty() || missing.iter().any(|missing| missing == cell) => Ok(Value::Null),
        ColumnType::Float => match decimal.pointed(cell).and_then(|cell| cell.parse::<f64>().ok()) {
            Some(number) if number.is_finite() => Ok(number.into()),
            _ => Err(format!("has `{cell}` in the column `{}`, which is no number", column.name)),
        },
        _ => Ok(cell.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: FileColumns<'static> = FileColumns::usual(Layout::delimited_by(b','));

    fn only(text: &str, columns: FileColumns<'_>) -> (Vec<String>, Result<Content, String>) {
        let mut file = read("a.csv", text.as_bytes(), columns).unwrap();
        (file.more.iter().map(|column| column.name.to_string()).collect(), file.records.remove(0).content)
    }

    fn content(smiles: &str, name: Option<&str>, more: &[Value]) -> Result<Content, String> {
        Ok(Content {
            structure: Spelling::Smiles(smiles.to_owned()),
            name: name.map(str::to_owned),
            more: more.to_vec(),
        })
    }

    #[test]
    fn other_columns_are_kept_as_text_or_as_numbers() {
        let (more, found) = only("Name,activity,SMILES,note\nethanol,6.50,CCO,\n", USUAL);
        assert_eq!(more, ["activity", "note"]);
        assert_eq!(found, content("CCO", Some("ethanol"), &["6.50".into(), Value::Null]));
        let numbers = ["activity".to_owned()];
        let (_, found) = only("activity,smiles\n6.50,C\n", FileColumns { numbers: &numbers, ..USUAL });
        assert_eq!(found, content("C", None, &[6.5.into()]));
        let comma = FileColumns { numbers: &numbers, decimal: Decimal::Comma, ..USUAL };
        assert_eq!(only("activity,smiles\n\"6,50\",C\n", comma).1, content("C", None, &[6.5.into()]));
        for cell in ["n/a", "NaN", "inf", "1,5"] {
            let (_, found) =
                only(&format!("activity,smiles\n\"{cell}\",C\n"), FileColumns { numbers: &numbers, ..USUAL });
            assert!(found.unwrap_err().contains("no number"), "{cell}");
        }
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
        let (numbers, missing) = (["activity".to_owned()], ["NA".to_owned(), ">10".to_owned()]);
        let columns = FileColumns { numbers: &numbers, missing: &missing, ..USUAL };
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
        assert_eq!(found, content("C", Some("x1"), &["CC".into(), "9".into()]));
    }

    #[test]
    fn the_error_for_a_missing_column_lists_the_columns() {
        for (header, columns) in [
            ("Molecule;structure", USUAL),
            ("smiles,SMILE", FileColumns { name: Some("structure"), ..USUAL }),
            ("Smiles,SMILES,structure", USUAL),
            ("smiles,a", FileColumns { numbers: &["structure".to_owned()], ..USUAL }),
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
