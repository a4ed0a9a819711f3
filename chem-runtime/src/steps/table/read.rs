//! `table.read`: a table from a file.

use std::collections::BTreeMap;

use serde_json::json;

use crate::prelude::*;
use crate::records::{RecordFile, TableFormat, TableText, extension, header_of, text_of};
use crate::step::PathPart;

/// Reads a table from a CSV, TSV or JSON Lines file, which may be compressed with gzip.
///
/// The file's extension says what it is: `.csv` and `.tsv` have a line with the names of the columns first; `.jsonl` and
/// `.ndjson` have an object on each line, and a column for each of their members. A `.gz` at the end is looked through.
///
/// A column that `types` does not name is typed by what stands in all of its cells: whole numbers (`integer`), numbers
/// (`float`), `true` and `false` (`boolean`), or else text. Digits with a leading zero, a plus sign or more than 64 bits
/// are a name, and their column stays text. In JSON Lines only what JSON calls a number is one, if 64 bits hold it. An empty cell, `null`, a
/// member that is left out and a text that stands in `missing` are missing values.
///
/// A record that cannot be used is kept apart in the output `rejects`, with its line, its text and the reason: a row with
/// too few or too many cells, bytes that are not UTF-8, a line that is no object or holds a list, or a cell that is not
/// of its column's declared type. The signal `read` counts `records`, `kept` and `rejected`. An empty file has no
/// columns.
///
/// # Example
/// ```yaml
/// flow: drugs-as-a-table
/// steps:
///   - id: read
///     uses: table.read
///     with:
///       path: data/approved-drugs.csv
///       types: { formula: text }
/// ```
///
/// # Errors
/// - The file is not there or cannot be read, is not the gzip data that its name promises, or is UTF-16.
/// - Neither the name of the file nor `format` says what it is.
/// - Two columns have one name, or `types` or `units` names a column that is not there.
/// - The objects of a JSON Lines file have so many different members that the table would have more than 100,000,000
///   cells.
/// - With `on_error: fail`, the first record that cannot be used; the message has its line, its text and the reason.
#[step("table.read", version = 3, columns = columns_of_file, check = columns_are_there)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn read_table(
    /// The file to read.
    #[param(example = "data/assay.csv")]
    path: RecordFile,
    /// What the file is, where its extension does not say it.
    #[param(one_of = ["csv", "tsv", "jsonl"])]
    format: Option<String>,
    /// The types of columns: `text`, `integer`, `float` or `boolean` by name. The others are found out.
    #[param(default = BTreeMap::new(), example = "{ pIC50: float, batch: text }")]
    types: BTreeMap<String, ColumnType>,
    /// The units of columns, by name.
    #[param(default = BTreeMap::new(), example = "{ ic50: nM }")]
    units: BTreeMap<String, String>,
    /// Texts that stand for a missing value in a CSV or TSV file.
    #[param(default = [], example = "[NA, n/a]")]
    missing: Vec<String>,
    /// What separates the cells of a CSV file.
    #[param(default = ",", one_of = [",", ";", "|"])]
    delimiter: String,
    /// Whether a record that cannot be used is kept apart (`reject`) or fails the step (`fail`).
    #[param(default = "reject", one_of = ["reject", "fail"])]
    on_error: String,
    context: &ExecutionContext<'_>,
) -> Result<WithRejects<Table>, StepError> {
    let name = path.as_str();
    let separator = delimiter.bytes().next().unwrap_or(b',');
    let format = format_of(name, format.as_deref(), separator)?;
    let text = text_of(name, path.read(context.files())?)?;
    let how =
        TableText { name, format, types: &types, types_from: "types", missing: &missing, strict: on_error == "fail" };
    let WithRejects { kept, rejects } = how.read(&text)?;
    let (kept, rejected) = (with_units(name, kept, &units)?, rejects.rows());
    let counts = json!({ "records": kept.rows() + rejected, "kept": kept.rows(), "rejected": rejected });
    context.signal("read", &counts)?;
    Ok(WithRejects { kept, rejects })
}

/// Those of a CSV or TSV file are told by its first line; those of JSON Lines by all of it.
fn columns_of_file(step: &ReadTable, context: &ColumnContext<'_>) -> Columns {
    let separator = step.delimiter.bytes().next().unwrap_or(b',');
    let Ok(TableFormat::Delimited(delimiter)) = format_of(step.path.as_str(), step.format.as_deref(), separator) else {
        return Columns::Unknown;
    };
    let header = context.beginning(&step.path).and_then(|beginning| header_of(beginning, delimiter));
    header.map_or(Columns::Unknown, |header| Columns::known(header.iter()))
}

fn columns_are_there(step: &ReadTable, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let file = step.path.as_str();
    let separator = step.delimiter.bytes().next().unwrap_or(b',');
    let format = match format_of(file, step.format.as_deref(), separator) {
        Ok(format) => format,
        Err(error) => return vec![Misfit::new("path", error.message())],
    };
    let mut misfits = saying_nothing(step, format);
    let TableFormat::Delimited(delimiter) = format else { return misfits };
    let Some(header) = context.beginning(&step.path).and_then(|beginning| header_of(beginning, delimiter)) else {
        return misfits;
    };
    let there: Vec<&str> = header.iter().collect();
    let named = step.types.keys().map(|name| ("types", name)).chain(step.units.keys().map(|name| ("units", name)));
    let missing = named.filter(|(_, name)| !there.contains(&name.as_str()));
    let misfit = |(param, name): (&'static str, &String)| {
        Misfit::no_column(param, name, file, &there).at(PathPart::Key(name.clone()))
    };
    misfits.extend(missing.map(misfit));
    misfits
}

/// The parameters that say nothing of a file in this format. One that is given as it is by default is as good as left
/// out.
fn saying_nothing(step: &ReadTable, format: TableFormat) -> Vec<Misfit> {
    let delimiter = step.delimiter != ",";
    let missing = !step.missing.is_empty();
    let (said, help) = match format {
        TableFormat::JsonLines => (
            vec![
                ("missing", missing, "says which cells of a CSV or TSV file have no value, and JSON Lines have `null`"),
                ("delimiter", delimiter, "says what separates cells, and JSON Lines have none"),
            ],
            "leave it out",
        ),
        TableFormat::Delimited(b'\t') => (
            vec![("delimiter", delimiter, "says what separates the cells of a CSV file, and in a TSV file tabs do")],
            "leave it out, or write `format: csv`",
        ),
        TableFormat::Delimited(_) => return Vec::new(),
    };
    let misfit = |param: &'static str, what: &str| Misfit {
        help: Some(help.to_owned()),
        ..Misfit::new(param, format!("`{param}` {what}"))
    };
    said.into_iter().filter(|(_, given, _)| *given).map(|(param, _, what)| misfit(param, what)).collect()
}

/// What the file called `name` is, by the parameter `format` or else by its extension.
pub(super) fn format_of(name: &str, format: Option<&str>, delimiter: u8) -> Result<TableFormat, StepError> {
    let extension = extension(name);
    match format.or(extension.as_deref()) {
        Some("csv") => Ok(TableFormat::Delimited(delimiter)),
        Some("tsv") => Ok(TableFormat::Delimited(b'\t')),
        Some("jsonl" | "ndjson") => Ok(TableFormat::JsonLines),
        _ => Err(StepError::new(format!(
            "the name of `{name}` does not say what it is; write `format: csv`, `tsv` or `jsonl`"
        ))),
    }
}

fn with_units(name: &str, mut table: Table, units: &BTreeMap<String, String>) -> Result<Table, StepError> {
    for (of, unit) in units {
        let Some((column, data)) = table.column(of) else {
            return Err(StepError::new(format!("`{name}` has no column `{of}`, which `units` names")));
        };
        table = table.with_column(column.clone().with_unit(unit), data.clone())?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_or_the_format_says_what_a_file_is() {
        for (name, format, expected) in [
            ("a.csv.gz", None, TableFormat::Delimited(b';')),
            ("a.tsv", None, TableFormat::Delimited(b'\t')),
            ("a.JSONL", None, TableFormat::JsonLines),
            ("a.csv", Some("jsonl"), TableFormat::JsonLines),
        ] {
            assert_eq!(format_of(name, format, b';').unwrap(), expected, "{name}");
        }
        assert!(format_of("a.xlsx", None, b',').unwrap_err().to_string().contains("`a.xlsx`"));
    }

    #[test]
    fn what_says_nothing_of_a_file_is_found() {
        let found = |params: serde_json::Value| -> Vec<&'static str> {
            let step = ReadTable::from_params(params.as_object().unwrap()).unwrap();
            let (nowhere, written) = (std::path::Path::new("/nowhere"), std::collections::HashSet::new());
            let misfits = columns_are_there(&step, &ColumnContext::new(&[], nowhere, &written));
            misfits.iter().map(|misfit| misfit.param).collect()
        };
        assert_eq!(found(json!({ "path": "a.jsonl", "delimiter": ";", "missing": ["NA"] })), ["missing", "delimiter"]);
        assert_eq!(found(json!({ "path": "a.csv", "format": "jsonl", "missing": ["NA"] })), ["missing"]);
        assert_eq!(found(json!({ "path": "a.tsv.gz", "delimiter": "|", "missing": ["NA"] })), ["delimiter"]);
        for (path, delimiter) in [("a.csv", ";"), ("a.tsv", ","), ("a.csv.gz", ",")] {
            let params = json!({ "path": path, "delimiter": delimiter, "missing": ["NA"] });
            assert!(found(params).is_empty(), "{path} {delimiter}");
        }
        assert!(found(json!({ "path": "a.jsonl", "delimiter": ",", "missing": [] })).is_empty());
    }

    #[test]
    fn units_belong_to_columns_that_are_there() {
        let column = (Column::new("ic50", ColumnType::Float), ColumnData::Float(vec![Some(3.0)]));
        let table = Table::new([column]).unwrap();
        let nanomolar = |column: &str| BTreeMap::from([(column.to_owned(), "nM".to_owned())]);
        let with = with_units("a.csv", table.clone(), &nanomolar("ic50")).unwrap();
        assert_eq!(with.columns()[0].unit.as_deref(), Some("nM"));
        assert!(with_units("a.csv", table, &nanomolar("ki")).unwrap_err().to_string().contains("`ki`"));
    }
}
