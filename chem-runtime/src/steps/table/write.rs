//! `table.write`: writes a table to a file.

use serde_json::json;

use crate::artifact::TablePiece;
use crate::prelude::*;
use crate::records::{DelimitedWriter, TableFormat, column_indices, compression, extension, write_rows_as_json};

/// Writes a table to a CSV, TSV, JSON Lines or Parquet file.
///
/// In CSV and TSV files the first line contains the names of the columns, a missing value is an empty cell, and cells are
/// quoted by RFC 4180. In JSON Lines files (`.jsonl`, `.ndjson`) each line is an object with the values of a row, and a
/// missing value is `null`. Numbers have the shortest form that reads back to the same number, and lines end with a line
/// feed. A Parquet file (`.parquet`) contains the same table, uncompressed, with units and providers in its metadata.
///
/// Spreadsheets run a cell that begins with `=`, `+`, `-` or `@` as a formula, even in a file from an untrusted source. With
/// `escape_formulas: true`, a text that begins with one of these, a tab or a carriage return gets an apostrophe before it,
/// which makes spreadsheets show it as text; numbers do not change. `table.read` does not remove the apostrophe: do not set
/// the option for files that a program reads.
///
/// The file is replaced atomically. The signal `written` counts `rows` and `columns`.
///
/// # Example
/// ```yaml
/// flow: drugs-as-tsv
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: write
///     uses: table.write
///     with: { path: out/drugs.tsv, columns: [name, smiles] }
/// ```
///
/// # Errors
/// - Neither the extension of the file nor `format` determines the format, or the name ends in `.gz`.
/// - A column of `columns` does not exist, in which case the message lists the columns, or is named twice. Or `columns` is
///   empty.
/// - A Parquet file would have no columns, or the program was built without the feature `parquet`.
/// - The file or its directory cannot be written, or `path` is a directory.
#[step("table.write", version = 2, kind = Sink, check = can_write)]
pub fn write_table(
    table: Input<Stream<Table>>,
    /// The file to write. Missing directories are created.
    #[param(example = "out/leads.csv")]
    path: OutputFile,
    /// The format, if the extension of the file does not determine it.
    #[param(one_of = ["csv", "tsv", "jsonl", "parquet"])]
    format: Option<String>,
    /// The columns to write, in this order. Defaults to all.
    #[param(example = "[name, smiles, molecular_weight]")]
    columns: Option<Vec<ColumnName>>,
    /// In a CSV or TSV file, put an apostrophe before each text that a spreadsheet would run as a formula.
    escape_formulas: Option<bool>,
    context: &ExecutionContext<'_>,
) -> Result<FileWritten, StepError> {
    let format = written_format(path.as_str(), format.as_deref())?;
    let head = table.head()?;
    let columns = written_columns(&head, columns.as_deref())?;
    let mut pieces = table.pieces(context);
    let written = path.write(context.files(), |out| match format {
        TableFormat::Delimited(delimiter) => {
            let no_formulas = escape_formulas == Some(true);
            let mut writer = DelimitedWriter::begin(&head, &columns, delimiter, no_formulas, out)?;
            for piece in pieces {
                let TablePiece { table, rows, first } = piece?;
                writer.rows(&table, rows, first)?;
            }
            writer.end()
        }
        TableFormat::JsonLines => pieces.try_for_each(|piece| {
            let TablePiece { table, rows, first } = piece?;
            write_rows_as_json(&table, rows, first, &columns, out)
        }),
        #[cfg(feature = "parquet")]
        TableFormat::Parquet => {
            let mut writer = crate::records::ParquetWriter::begin(&head, &columns, out)?;
            for piece in pieces {
                writer.rows(&piece?)?;
            }
            writer.end()
        }
        #[cfg(not(feature = "parquet"))]
        TableFormat::Parquet => Err(StepError::new("this program was built without the feature `parquet`")),
        TableFormat::Excel => Err(not_determined(path.as_str()).into()),
    })?;
    context.signal("written", &json!({ "rows": table.rows(), "columns": columns.len() }))?;
    Ok(written)
}

fn can_write(step: &WriteTable, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let format = written_format(step.path.as_str(), step.format.as_deref());
    let no_formulas = match &format {
        Ok(TableFormat::JsonLines | TableFormat::Parquet) if step.escape_formulas == Some(true) => {
            let message = "`escape_formulas` applies to CSV and TSV files only";
            Some(Misfit::new("escape_formulas", message).with_help("omit it"))
        }
        _ => None,
    };
    format.err().into_iter().chain(some_columns(step.columns.as_deref()).err()).chain(no_formulas).collect()
}

fn some_columns(columns: Option<&[ColumnName]>) -> Result<(), Misfit> {
    match columns {
        Some([]) => Err(Misfit::new("columns", "`columns` is empty; omit it to write all columns")),
        Some(columns) => Misfit::twice("columns", columns).map_or(Ok(()), Err),
        None => Ok(()),
    }
}

fn written_format(path: &str, format: Option<&str>) -> Result<TableFormat, Misfit> {
    if let Some(extension) = compression(path) {
        let message = format!("cannot write `{path}`: compression is not supported; remove `{extension}`");
        return Err(Misfit::new("path", message));
    }
    let extension = extension(path);
    match format.or(extension.as_deref()) {
        Some("csv") => Ok(TableFormat::Delimited(b',')),
        Some("tsv") => Ok(TableFormat::Delimited(b'\t')),
        Some("jsonl" | "ndjson") => Ok(TableFormat::JsonLines),
        Some("parquet") => Ok(TableFormat::Parquet),
        _ => Err(not_determined(path)),
    }
}

fn not_determined(path: &str) -> Misfit {
    let message = format!(
        "cannot determine the format of `{path}`: use the extension `.csv`, `.tsv`, `.jsonl` or `.parquet`, or write \
         `format: csv`"
    );
    Misfit::new("path", message)
}

/// Returns the indices of the columns called `names`; of all columns, if `names` is `None`.
fn written_columns(table: &Table, names: Option<&[ColumnName]>) -> Result<Vec<usize>, StepError> {
    let Some(names) = names else {
        return Ok((0..table.columns().len()).collect());
    };
    some_columns(Some(names))?;
    column_indices(table, names, "columns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_or_the_parameter_determines_the_format() {
        assert_eq!(written_format("out/a.CSV", None).unwrap(), TableFormat::Delimited(b','));
        assert_eq!(written_format("out/a.tsv", None).unwrap(), TableFormat::Delimited(b'\t'));
        assert_eq!(written_format("out/a.csv", Some("jsonl")).unwrap(), TableFormat::JsonLines);
        assert_eq!(written_format("out/a.parquet", None).unwrap(), TableFormat::Parquet);
        for (path, format) in [("a.csv.gz", None), ("a.xlsx", None), ("a", None), ("a.gz", Some("csv"))] {
            assert!(written_format(path, format).unwrap_err().to_string().contains(path), "{path}");
        }
    }

    #[test]
    fn columns_are_found_by_name() {
        let column = |name| (Column::new(name, ColumnType::Integer), Values::empty(ColumnType::Integer));
        let table = Table::new([column("a"), column("b")]).unwrap();
        assert_eq!(written_columns(&table, None).unwrap(), [0, 1]);
        assert_eq!(written_columns(&table, Some(&["b".into()])).unwrap(), [1]);
        assert!(written_columns(&table, Some(&[])).is_err());
        let error = written_columns(&table, Some(&["c".into()])).unwrap_err().to_string();
        assert!(error.contains("`c`") && error.contains("`a` and `b`"), "{error}");
    }
}
