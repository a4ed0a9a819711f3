//! `table.read`: reads a table from a file.

use std::collections::BTreeMap;

use serde_json::json;

use csv::StringRecord;

use super::file::TableFile;
use crate::prelude::*;
use crate::records::{
    DeclaredType, FileText, RecordFiles, RecordPart, Several, SourceText, TableFormat, TableText, Uniting,
    check_new_column, idle_of_single, misfits_of_qualified, with_relations, written_in_files,
};
use crate::step::{Files, NamedFile, PathPart, RecordOutlets, SourceRecord, Streamed, WrittenRecord, idle_share};

/// Reads a table from a CSV, TSV, JSON Lines or Parquet file, or from a sheet of an Excel workbook.
///
/// The extension determines the format. `.csv` and `.tsv`: the first line contains the names of the columns, unless
/// `header: false` is set. `.jsonl` and `.ndjson`: each line contains an object, and each of its members becomes a column.
/// Each of these may be followed by `.gz` or `.zip`, for a compressed file. The text is UTF-8, unless `encoding` names another encoding. `.parquet`:
/// the file declares the types and units of its columns; dates become text, and NaN is a missing value. `.xlsx` and `.xlsm`: the
/// first row that is not empty contains the names of the columns, unless `header: false` is set. Empty rows are skipped, and dates
/// become text; `docs/reading.md` describes how cells are read.
///
/// The type of a column that `types` does not name is inferred from all of its cells: integers (`integer`), numbers
/// (`float`), `true` and `false` (`boolean`), or else text. Digits with a leading zero, a plus sign or more than 64 bits
/// are treated as a name, and the column is text. In JSON Lines only JSON numbers of at most 64 bits are numbers, and in a workbook
/// only cells with a number. An empty
/// cell, `null`, an absent member and a text listed in `missing` are missing values.
///
/// A record that cannot be used goes to the output `rejects`, with its line, its text and the reason: a row with too few or
/// too many cells, bytes that are not UTF-8, a line that is not an object or contains a list, or a cell that does not have
/// the declared type of its column. The signal `read` counts `records`, `kept` and `rejected`. An empty file has no columns.
///
/// Several files are read as one table: `path` is a pattern or a list. They have one format, and their columns are united by
/// name: see `columns`. Types are inferred from all files together. A reject names its file in the column `file`, and
/// `file_column` names the file of each row. The name is the path below the directory that all written paths share.
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
/// - Neither the extension of the file nor `format` determines the format, or the files have different formats.
/// - No file matches a pattern, or a file is named twice.
/// - A file lacks a column that another one has, unless `columns` accepts it; the message names both files. Or a column of the
///   files has the name in `file_column`.
/// - A workbook has several sheets and `sheet` names none, or has no such sheet; the message lists the sheets. Or the sheet has
///   merged cells, unless `merged_cells` accepts them. Or the workbook is damaged, has a password, or is not of the kind `.xlsx`.
/// - Two columns have the same name, or `types`, `units` or `qualified` names a column that does not exist.
/// - The file exceeds a limit: see `docs/limits.md`. A compressed file may expand to at most 100 times its size, and the
///   objects of a JSON Lines file may not have so many different members that most cells would be empty.
/// - With `on_error: fail`, a record that cannot be used; the message gives its line, its text and the reason.
/// - More than the share `fail_above` of the records cannot be used; the message gives the numbers and the most common
///   reason. Or `fail_above` is set together with `on_error: fail`.
#[step("table.read", version = 5, columns = columns_of_file, check = columns_are_there, written = written)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn read_table(
    /// The file to read, or several that are read as one: a pattern, in which `*` matches any characters of a name, `?` one
    /// character, and `**` any number of directories, or a list of paths and patterns. The files that match a pattern are sorted.
    #[param(example = "data/assay.csv")]
    path: RecordFiles,
    /// The name of a new column, behind all others, with the name of each row's file.
    #[param(example = "plate")]
    file_column: Option<String>,
    /// What to do with columns that only some of several files have: refuse them (`same`), keep them, without values in the
    /// rows of the other files (`all`), or drop them (`common`). Defaults to `same`.
    #[param(one_of = ["same", "all", "common"])]
    columns: Option<String>,
    /// The format, if the extension of the file does not determine it.
    #[param(one_of = ["csv", "tsv", "jsonl", "parquet", "xlsx"])]
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
    /// Texts that represent a missing value in a CSV or TSV file, or in a workbook.
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
    /// Whether the first line of a CSV or TSV file, or the first row of a sheet, contains the names of the columns. Defaults to `true`. With `false`, the
    /// columns are called `column_1`, `column_2` and so on, or as `column_names` says.
    header: Option<bool>,
    /// The names of the columns of a CSV or TSV file, or of a sheet, without a header.
    #[param(example = "[smiles, name, pIC50]")]
    column_names: Option<Vec<String>>,
    /// The sheet of an Excel workbook. Defaults to the only one.
    #[param(example = "Plate 1")]
    sheet: Option<String>,
    /// What to do with merged cells in an Excel workbook, of which only the first has a value: fail (`refuse`), give all of them
    /// its value (`fill`), or leave the others without one (`first`). Defaults to `refuse`.
    #[param(one_of = ["refuse", "fill", "first"])]
    merged_cells: Option<String>,
    /// What to do with a record that cannot be used: put it into `rejects` (`reject`) or fail the step (`fail`).
    #[param(default = "reject", one_of = ["reject", "fail"])]
    on_error: String,
    /// The share of rejected records, from 0 to 1, above which the step fails; an equal share does not fail it. Defaults to
    /// no limit.
    #[param(min = 0.0, max = 1.0, example = "0.05")]
    fail_above: Option<f64>,
    context: &ExecutionContext<'_>,
) -> Result<Streamed<WithRejects<Table>>, StepError> {
    let name = path.describe();
    let found = path.found(context.files())?;
    let Some(first) = found.first() else { return Err(StepError::new(format!("`{name}` names no file"))) };
    let file = TableFile {
        param: "path",
        path: &first.file,
        format: format.as_deref(),
        types: &types,
        units: &units,
        missing: &missing,
        delimiter: &delimiter,
        encoding: encoding.as_deref(),
        decimal: decimal.as_deref(),
        header,
        column_names: column_names.as_deref(),
        sheet: sheet.as_deref(),
        merged_cells: merged_cells.as_deref(),
    };
    let qualified = qualified.as_deref().unwrap_or_default();
    let (types, strict) = (DeclaredType::all(&types, "types"), on_error == "fail");
    let format = format_of_all(file, &found)?;
    let how = TableText { name: &name, format, types: &types, cells: file.cells(), qualified, strict };
    let is_single = path.single().is_some();
    let texts = path.texts(context.files(), |path| {
        let text = TableFile { path, ..file }.text(context)?;
        Ok((text.in_memory()?, text))
    })?;
    let columns = Uniting::of(columns.as_deref());
    let several = (!is_single).then_some(Several { columns, file_column: file_column.as_deref() });
    let survey = how.survey(texts.iter().map(FileText::as_source).collect(), several)?;
    file.expect_units(survey.columns())?;
    let mut out = RecordOutlets::resumed(context)?;
    let texts_of = |kept: &Table| kept.row_texts(0..kept.rows(), 0);
    survey.read(out.position(), texts_of, |RecordPart { kept, rejects, made: texts, records }| {
        context.progress(records, Some(survey.records));
        out.put(WithRejects { kept: file.with_units(kept), rejects }, texts, records)
    })?;
    let (kept, rejected) = out.counts();
    let refused = format!("records of `{name}` cannot be used");
    out.reasons().check_share(kept + rejected, fail_above, &refused)?;
    let mut counts = json!({ "records": kept + rejected, "kept": kept, "rejected": rejected });
    if !is_single {
        counts["files"] = json!(texts.len());
    }
    context.signal("read", &counts)?;
    out.finish()
}

impl ReadTable {
    fn file<'a>(&'a self, path: &'a InputFile) -> TableFile<'a> {
        TableFile {
            param: "path",
            path,
            format: self.format.as_deref(),
            types: &self.types,
            units: &self.units,
            missing: &self.missing,
            delimiter: &self.delimiter,
            encoding: self.encoding.as_deref(),
            decimal: self.decimal.as_deref(),
            header: self.header,
            column_names: self.column_names.as_deref(),
            sheet: self.sheet.as_deref(),
            merged_cells: self.merged_cells.as_deref(),
        }
    }
}

/// Finds records in the files again.
fn written(
    step: &ReadTable,
    records: &[SourceRecord<'_>],
    files: &Files,
) -> Result<Vec<Option<WrittenRecord>>, StepError> {
    let types = BTreeMap::new();
    written_in_files(&step.path, files, step.file_column.as_deref(), records, |named, search| {
        let file = step.file(&named.file);
        let text = file.text_of(files)?;
        let (name, format) = (named.file.as_str(), file.format()?);
        let how = TableText { name, format, types: &types, cells: file.cells(), qualified: &[], strict: false };
        how.written(&SourceText { path: name, name: &named.name, text: &text }, search)
    })
}

/// Returns the format of all files, of which `file` is one.
fn format_of_all(file: TableFile<'_>, found: &[NamedFile]) -> Result<TableFormat, Misfit> {
    let format = file.format()?;
    for other in found {
        if (TableFile { path: &other.file, ..file }).format()? != format {
            let (one, other) = (file.name(), other.file.as_str());
            return Err(Misfit::new("path", format!("`{one}` and `{other}` have different formats"))
                .with_help("read them in steps of their own, and unite the tables with `table.union`"));
        }
    }
    Ok(format)
}

/// Returns the columns of all files, which are read as one; `None` if they are not known yet.
///
/// # Errors
/// Reports a file that lacks a column.
fn united_header(
    step: &ReadTable,
    found: &[NamedFile],
    context: &ColumnContext<'_>,
) -> Result<Option<StringRecord>, Misfit> {
    let mut headers = Vec::new();
    for named in found {
        let Some(header) = step.file(&named.file).header_names(context)? else { return Ok(None) };
        headers.push(header);
    }
    let paths: Vec<&str> = found.iter().map(|named| named.file.as_str()).collect();
    if let [header] = headers.as_slice() {
        return Ok(Some(header.clone()));
    }
    let tables: Vec<Vec<&str>> = headers.iter().map(|header| header.iter().collect()).collect();
    let united = Uniting::of(step.columns.as_deref()).unite(&tables);
    let united = united.map_err(|disunited| Misfit::new("path", disunited.of_files(&paths)))?;
    Ok(Some(united.iter().map(|name| &**name).collect()))
}

/// Returns the columns in the headers of CSV and TSV files. Those of JSON Lines are known only after reading all of them.
fn columns_of_file(step: &ReadTable, context: &ColumnContext<'_>) -> Columns {
    let Ok(Some(found)) = context.found("path", &step.path) else { return Columns::Unknown };
    let Ok(Some(header)) = united_header(step, &found, context) else { return Columns::Unknown };
    let qualified = step.qualified.as_deref().unwrap_or_default();
    let names = header.iter().map(str::to_owned);
    match with_relations(names, |_, name| qualified.iter().any(|qualified| qualified == name)) {
        Ok(names) => Columns::known(names).with(step.file_column.as_deref()),
        Err(_) => Columns::Unknown,
    }
}

fn columns_are_there(step: &ReadTable, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let mut misfits = idle_of_single(&step.path, step.file_column.is_some(), step.columns.is_some());
    let found = match context.found("path", &step.path) {
        Ok(Some(found)) => found,
        // The extension of a pattern or of a file that does not exist yet may determine the format too.
        Ok(None) => step.path.as_written(),
        Err(misfit) => return vec![misfit],
    };
    let Some(first) = found.first() else { return misfits };
    let file = step.file(&first.file);
    if let Err(misfit) = format_of_all(file, &found) {
        return vec![misfit];
    }
    let header = united_header(step, &found, context).unwrap_or_else(|misfit| {
        misfits.push(misfit);
        None
    });
    misfits.extend(file.misfits(header.as_ref()));
    let qualified = step.qualified.as_deref().unwrap_or_default();
    misfits.extend(misfits_of_qualified(qualified, &step.types));
    if let Some(header) = &header {
        let there: Vec<&str> = header.iter().collect();
        let missing = qualified.iter().enumerate().filter(|(_, name)| !there.contains(&name.as_str()));
        misfits.extend(missing.map(|(at, name)| file.no_column("qualified", name, &there).at(PathPart::Index(at))));
        let new = step.file_column.as_deref().and_then(|name| check_new_column(name, &there).err());
        misfits.extend(new);
    }
    misfits.into_iter().chain(idle_share(&step.on_error, step.fail_above)).collect()
}
