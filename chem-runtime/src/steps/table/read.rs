//! `table.read`: reads a table from a file.

use std::collections::BTreeMap;

use serde_json::json;

use super::file::TableFile;
use crate::prelude::*;
use crate::records::{DeclaredType, RecordFile, TableText, misfits_of_qualified, with_relations};
use crate::step::{PathPart, check_share, idle_share};

/// Reads a table from a CSV, TSV, JSON Lines or Parquet file, which may be compressed with gzip or zip.
///
/// The extension determines the format. `.csv` and `.tsv`: the first line contains the names of the columns, unless
/// `header: false` is set. `.jsonl` and `.ndjson`: each line contains an object, and each of its members becomes a column.
/// Each of these may be followed by `.gz` or `.zip`. The text is UTF-8, unless `encoding` names another encoding. `.parquet`:
/// the file declares the types and units of its columns; dates become text, and NaN is a missing value.
///
/// The type of a column that `types` does not name is inferred from all of its cells: integers (`integer`), numbers
/// (`float`), `true` and `false` (`boolean`), or else text. Digits with a leading zero, a plus sign or more than 64 bits
/// are treated as a name, and the column is text. In JSON Lines only JSON numbers of at most 64 bits are numbers. An empty
/// cell, `null`, an absent member and a text listed in `missing` are missing values.
///
/// A record that cannot be used goes to the output `rejects`, with its line, its text and the reason: a row with too few or
/// too many cells, bytes that are not UTF-8, a line that is not an object or contains a list, or a cell that does not have
/// the declared type of its column. The signal `read` counts `records`, `kept` and `rejected`. An empty file has no columns.
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
/// - The file does not exist or cannot be read, is not gzip data although its name ends in `.gz`, or is not in the encoding that
///   `encoding` names.
/// - Neither the extension of the file nor `format` determines the format.
/// - Two columns have the same name, or `types`, `units` or `qualified` names a column that does not exist.
/// - The file exceeds a limit: see `docs/limits.md`. A compressed file may expand to at most 100 times its size, and the
///   objects of a JSON Lines file may not have so many different members that most cells would be empty.
/// - With `on_error: fail`, a record that cannot be used; the message gives its line, its text and the reason.
/// - More than the share `fail_above` of the records cannot be used; the message gives the numbers and the most common
///   reason. Or `fail_above` is set together with `on_error: fail`.
#[step("table.read", version = 5, columns = columns_of_file, check = columns_are_there)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn read_table(
    /// The file to read.
    #[param(example = "data/assay.csv")]
    path: RecordFile,
    /// The format, if the extension of the file does not determine it.
    #[param(one_of = ["csv", "tsv", "jsonl", "parquet"])]
    format: Option<String>,
    /// The types of columns by name: `text`, `integer`, `float` or `boolean`. Other types are inferred.
    #[param(default = BTreeMap::new(), example = "{ pIC50: float, batch: text }")]
    types: BTreeMap<String, ColumnType>,
    /// Columns of numbers with relations, such as `>10`, `<0.1` and `~5`. Such a column holds the numbers, and a text column
    /// behind it, `NAME_relation`, holds `>`, `>=`, `<`, `<=`, `>>`, `<<`, `~`, or `=` for a number without a relation.
    #[param(example = "[ic50]")]
    qualified: Option<Vec<String>>,
    /// The units of columns, by name.
    #[param(default = BTreeMap::new(), example = "{ ic50: nM }")]
    units: BTreeMap<String, String>,
    /// Texts that represent a missing value in a CSV or TSV file.
    #[param(default = [], example = "[NA, n/a]")]
    missing: Vec<String>,
    /// The separator of the cells in a CSV file.
    #[param(default = ",", one_of = [",", ";", "|"])]
    delimiter: String,
    /// The encoding of the file. Defaults to `utf-8`; `utf-16` is determined by the byte order mark.
    #[param(one_of = ["utf-8", "latin1", "windows-1252", "utf-16", "utf-16le", "utf-16be"])]
    encoding: Option<String>,
    /// The decimal separator of numbers in a CSV or TSV file. Defaults to `.`.
    #[param(one_of = [".", ","])]
    decimal: Option<String>,
    /// Whether the first line of a CSV or TSV file contains the names of the columns. Defaults to `true`. With `false`, the
    /// columns are called `column_1`, `column_2` and so on, or as `column_names` says.
    header: Option<bool>,
    /// The names of the columns of a CSV or TSV file without a header.
    #[param(example = "[smiles, name, pIC50]")]
    column_names: Option<Vec<String>>,
    /// What to do with a record that cannot be used: put it into `rejects` (`reject`) or fail the step (`fail`).
    #[param(default = "reject", one_of = ["reject", "fail"])]
    on_error: String,
    /// The share of rejected records, from 0 to 1, above which the step fails; an equal share does not fail it. Defaults to
    /// no limit.
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
        encoding: encoding.as_deref(),
        decimal: decimal.as_deref(),
        header,
        column_names: column_names.as_deref(),
    };
    let qualified = qualified.as_deref().unwrap_or_default();
    let (types, strict) = (DeclaredType::all(&types, "types"), on_error == "fail");
    let how =
        TableText { name: file.name(), format: file.format()?, types: &types, cells: file.cells(), qualified, strict };
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
            encoding: self.encoding.as_deref(),
            decimal: self.decimal.as_deref(),
            header: self.header,
            column_names: self.column_names.as_deref(),
        }
    }
}

/// Returns the columns in the header of a CSV or TSV file. Those of JSON Lines are known only after reading all of it.
fn columns_of_file(step: &ReadTable, context: &ColumnContext<'_>) -> Columns {
    let Some(header) = step.file().header_names(context) else { return Columns::Unknown };
    let qualified = step.qualified.as_deref().unwrap_or_default();
    let names = header.iter().map(str::to_owned);
    match with_relations(names, |_, name| qualified.iter().any(|qualified| qualified == name)) {
        Ok(names) => Columns::known(names),
        Err(_) => Columns::Unknown,
    }
}

fn columns_are_there(step: &ReadTable, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let file = step.file();
    let header = file.header_names(context);
    let mut misfits = file.misfits(header.as_ref());
    let qualified = step.qualified.as_deref().unwrap_or_default();
    misfits.extend(misfits_of_qualified(qualified, &step.types));
    if let Some(header) = &header {
        let there: Vec<&str> = header.iter().collect();
        let missing = qualified.iter().enumerate().filter(|(_, name)| !there.contains(&name.as_str()));
        misfits.extend(missing.map(|(at, name)| file.no_column("qualified", name, &there).at(PathPart::Index(at))));
    }
    misfits.into_iter().chain(idle_share(&step.on_error, step.fail_above)).collect()
}
