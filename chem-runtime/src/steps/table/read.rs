//! `table.read`: a table from a file.

use std::collections::BTreeMap;

use serde_json::json;

use super::file::TableFile;
use crate::prelude::*;
use crate::records::{DeclaredType, RecordFile, TableText};
use crate::step::{check_share, idle_share};

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
/// - The file is larger than a limit allows: see `docs/limits.md`. A compressed file may not grow to more than 100 times
///   its size, and the objects of a JSON Lines file may not have so many different members that most cells are empty.
/// - With `on_error: fail`, the first record that cannot be used; the message has its line, its text and the reason.
/// - More than the share `fail_above` of the records cannot be used; the message has the numbers and the commonest
///   reason. Or `fail_above` is given with `on_error: fail`.
#[step("table.read", version = 4, columns = columns_of_file, check = columns_are_there)]
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
    /// The share of the records, from 0 to 1, above which keeping them apart fails the step. A share that is equal does not.
    /// Left out, any number may be kept apart.
    #[param(min = 0.0, max = 1.0, example = "0.05")]
    fail_above: Option<f64>,
    context: &ExecutionContext<'_>,
) -> Result<WithRejects<Table>, StepError> {
    let file = TableFile {
        param: "path",
        path: &path,
        format: format.as_deref(),
        types: &types,
        units: &units,
        missing: &missing,
        delimiter: &delimiter,
    };
    let (types, strict) = (DeclaredType::all(&types, "types"), on_error == "fail");
    let how = TableText { name: file.name(), format: file.format()?, types: &types, missing: &missing, strict };
    let WithRejects { kept, rejects } = how.read(&file.text(context)?)?;
    let (kept, rejected) = (file.with_units(kept)?, rejects.rows());
    let refused = format!("records of `{}` cannot be used", file.name());
    check_share(&rejects, kept.rows() + rejected, fail_above, &refused)?;
    let counts = json!({ "records": kept.rows() + rejected, "kept": kept.rows(), "rejected": rejected });
    context.signal("read", &counts)?;
    Ok(WithRejects { kept, rejects })
}

impl ReadTable {
    fn file(&self) -> TableFile<'_> {
        TableFile {
            param: "path",
            path: &self.path,
            format: self.format.as_deref(),
            types: &self.types,
            units: &self.units,
            missing: &self.missing,
            delimiter: &self.delimiter,
        }
    }
}

/// Those of a CSV or TSV file are told by its first line; those of JSON Lines by all of it.
fn columns_of_file(step: &ReadTable, context: &ColumnContext<'_>) -> Columns {
    step.file().header(context).map_or(Columns::Unknown, |header| Columns::known(header.iter()))
}

fn columns_are_there(step: &ReadTable, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let file = step.file();
    let misfits = file.misfits(file.header(context).as_ref());
    misfits.into_iter().chain(idle_share(&step.on_error, step.fail_above)).collect()
}
