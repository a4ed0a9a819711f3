//! `molecules.read`: reads molecules from a file.

mod delimited_columns;
mod from_table;
mod inline;
mod named;
mod queries;
mod raw;
mod sd_records;
mod smiles_lines;

use csv::StringRecord;
pub use from_table::{MoleculesFromTable, molecules_from_table};
pub use inline::{InlineMolecule, InlineMolecules, inline_molecules};
use serde_json::{Value, json};

use self::delimited_columns::FileColumns;
use self::named::columns_are_there;
pub(super) use self::queries::{Query, read_queries};
use self::raw::{RawFile, RawRecord};
pub(super) use self::sd_records::{Header, begins_a_field, field_header};
use super::library::PROVIDER;
use super::molecules::{Molecules, PROMISED};
use crate::artifact::{Column, ColumnType, TableBuilder};
use crate::cancel;
use crate::prelude::*;
use crate::records::{
    CellText, Decimal, Encoding, HeaderLine, Layout, RecordFile, Rejects, extension, header_of, map_records, shortened,
    text_in,
};
use crate::step::check_share;

/// Reads molecules from a SMILES, CSV, TSV or SD file, which may be compressed with gzip.
///
/// The extension determines the format. `.smi`, `.smiles` or `.txt`: a SMILES, white space and a name on each line; lines
/// that begin with `#` are comments, and a first line that begins with the word `smiles`, in any case, is a header, which
/// is skipped and not counted. `.csv` and `.tsv`: the first line contains the names of the columns, unless `header: false`
/// is set. `.sdf` and `.sd`: for each molecule a mol block, V2000 or V3000, data fields, and a line `$$$$`, which is optional
/// after the last molecule of a `.mol` file. Each extension may be followed by `.gz`. The text is UTF-8, unless `encoding`
/// names another encoding.
///
/// The molecules have the columns `name`, `smiles` (canonical, isomeric) and `record` (the number of the record in the
/// file), followed by the other columns of a CSV or TSV file, or the data fields of an SD file in the order of their first
/// appearance: as text, or as numbers if listed in `numbers`. A column of the file with one of these three names gets the
/// prefix `file_`. The name of a record in an SD file is its first line. The value of a field ends before an empty line, or
/// before a line that can only be the header of another field, without the blank lines between them; leading and trailing
/// white space is kept. The name of a field may be its number, `> DT12`.
///
/// A record that cannot be used goes to the output `rejects`, with its line, its text and the reason: a text that is not a
/// valid SMILES or not a possible molecule; bytes that are not UTF-8; a row with too few or too many cells; a record of an
/// SD file that is empty, truncated or a query, or that has a line that may be either a header or part of a value; a mol
/// block whose counts do not match its lines; or a molecule beyond the limits of 1,000 atoms, 150 ring closures and 20,000
/// characters. So does what a SMILES cannot represent: a CXSMILES extension, and in a mol block racemic and relative
/// stereocentres, an atropisomer, and a bond that ends at several atoms. The atoms `R`, `R#` and `*` of a mol block are
/// dummy atoms, `*` in SMILES, and R group 1 is `[1*]`; atoms for several elements, such as `A`, `Q` and lists, make the
/// block a query. Drawn hydrogens are kept: if an atom has one too many, its single bond to a metal becomes dative, as in
/// cisplatin, or the record is rejected, whereas RDKit drops the hydrogen. SMILES that RDKit refuses are refused, and two
/// more kinds: aromatic silicon (`[si]`), which the chemistry library does not support, and the allene tag `@AL`, which
/// RDKit ignores.
///
/// Each molecule has one canonical SMILES, which parses as that molecule and is its own canonical SMILES. It is RDKit's,
/// except where RDKit's changes or alternates when it is parsed again, as for `O=[IH]` and some cages: then it is the
/// stable one, or the first in the order of characters of those that alternate. A molecule is refused if its canonical
/// SMILES cannot be parsed or parses as another molecule, which can happen with dummy atoms in aromatic rings, many relative
/// stereocentres in a ring, and stereochemistry at the nitrogen of a fused aziridine. A SMILES that closes a ring with `~`
/// is refused too; RDKit parses it as a single bond.
///
/// The signal `read` counts `records`, `kept` and `rejected`. An empty file has no records.
///
/// # Example
/// ```yaml
/// flow: drugs
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
/// ```
///
/// # Errors
/// - The file does not exist or cannot be read, is not gzip data although its name ends in `.gz`, or is not in the encoding that
///   `encoding` names.
/// - Neither the extension of the file nor `format` determines the format.
/// - A column that a parameter names does not exist; the message lists the columns. Or two columns have the same name.
/// - The file changes during reading.
/// - With `on_error: fail`, a record that cannot be used; the message gives its line, its text and the reason.
/// - More than the share `fail_above` of the records cannot be used; the message gives the numbers and the most common
///   reason. Or `fail_above` is set together with `on_error: fail`.
#[step("molecules.read", version = 5, columns = columns_of_molecules, check = columns_are_there)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn read_molecules(
    /// The file to read.
    #[param(example = "data/approved-drugs.csv")]
    path: RecordFile,
    /// The format, if the extension of the file does not determine it.
    #[param(one_of = ["smi", "csv", "tsv", "sdf", "mol"])]
    format: Option<String>,
    /// The column with the SMILES in a CSV or TSV file. Case matters only if two columns differ by case alone.
    #[param(default = "smiles")]
    smiles_column: String,
    /// The column with the names. Defaults to `name` if there is one; in an SD file, to the first line of a record.
    name_column: Option<String>,
    /// Columns to read as numbers. An empty cell is a missing number; a record with another text that is neither a number
    /// nor listed in `missing` is rejected.
    #[param(default = [], example = "[pIC50]")]
    numbers: Vec<String>,
    /// Texts that represent a missing value in the other columns.
    #[param(default = [], example = "[NA, n/a]")]
    missing: Vec<String>,
    /// The separator of the cells in a CSV file.
    #[param(default = ",", one_of = [",", ";", "|"])]
    delimiter: String,
    /// The encoding of the file. Defaults to `utf-8`; `utf-16` is determined by the byte order mark.
    #[param(one_of = ["utf-8", "latin1", "windows-1252", "utf-16", "utf-16le", "utf-16be"])]
    encoding: Option<String>,
    /// The decimal separator of numbers. Defaults to `.`.
    #[param(one_of = [".", ","])]
    decimal: Option<String>,
    /// Whether the first line of a CSV or TSV file contains the names of the columns. Defaults to `true`. With `false`, the
    /// columns are called `column_1`, `column_2` and so on, or as `column_names` says.
    header: Option<bool>,
    /// The names of the columns of a CSV or TSV file without a header.
    #[param(example = "[smiles, name, pIC50]")]
    column_names: Option<Vec<String>>,
    /// What to do with a mol block of an atropisomer, whose axis a SMILES cannot describe: treat it as a record that cannot
    /// be used (`reject`), or drop the configuration of the axis (`flatten`).
    #[param(default = "reject", one_of = ["reject", "flatten"])]
    atropisomers: String,
    /// What to do with a record that cannot be used: put it into `rejects` (`reject`) or fail the step (`fail`).
    #[param(default = "reject", one_of = ["reject", "fail"])]
    on_error: String,
    /// The share of rejected records, from 0 to 1, above which the step fails; an equal share does not fail it. Defaults to
    /// no limit.
    #[param(min = 0.0, max = 1.0, example = "0.05")]
    fail_above: Option<f64>,
    context: &ExecutionContext<'_>,
) -> Result<WithRejects<Molecules>, StepError> {
    let file = path.as_str();
    let format = format_of(file, format)?;
    let columns = FileColumns {
        smiles: &smiles_column,
        name: name_column.as_deref(),
        numbers: &numbers,
        missing: &missing,
        decimal: Decimal::of(decimal.as_deref()),
        layout: Layout {
            delimiter: separator(&format, &delimiter),
            header: HeaderLine::of(header, column_names.as_deref()),
        },
    };
    let text = text_in(Encoding::of(encoding.as_deref()), file, path.read(context.files())?)?;
    let raw = match format.as_str() {
        "csv" | "tsv" => delimited_columns::read(file, &text, columns)?,
        "sdf" | "mol" => {
            let cells = CellText { missing: &missing, decimal: columns.decimal, ..CellText::default() };
            sd_records::read(file, &text, format == "mol", name_column.as_deref(), &numbers, cells)?
        }
        _ => smiles_lines::read(&text),
    };
    let flatten = atropisomers == "flatten";
    let smiles = map_records(context, &raw.records, |record| canonical_smiles(record, flatten))?;
    let records = raw.records.len();
    let WithRejects { kept, rejects } = sort_out(file, raw, smiles, on_error == "fail")?;
    check_share(&rejects, records, fail_above, &format!("records of `{file}` cannot be used"))?;
    context.signal("read", &json!({ "records": records, "kept": kept.len(), "rejected": rejects.rows() }))?;
    Ok(WithRejects { kept, rejects })
}

/// Returns the columns of the output. Those of a CSV or TSV file come from its first line.
fn columns_of_molecules(step: &ReadMolecules, context: &ColumnContext<'_>) -> Columns {
    let file = step.path.as_str();
    let promised = Columns::known(PROMISED.map(|(name, _)| name));
    let Ok(format) = format_of(file, step.format.clone()) else { return Columns::Unknown };
    match format.as_str() {
        "smi" => return promised,
        // The data fields of an SD file are known only after reading all records.
        "sdf" | "mol" => return Columns::Unknown,
        _ => {}
    }
    let header = step.header_names(&format, context);
    match header.and_then(|header| delimited_columns::more(file, &header, step.file_columns(&format))) {
        Some(more) => promised.with(more),
        None => Columns::Unknown,
    }
}

impl ReadMolecules {
    fn file_columns(&self, format: &str) -> FileColumns<'_> {
        FileColumns {
            smiles: &self.smiles_column,
            name: self.name_column.as_deref(),
            numbers: &self.numbers,
            missing: &self.missing,
            decimal: Decimal::of(self.decimal.as_deref()),
            layout: Layout {
                delimiter: separator(format, &self.delimiter),
                header: HeaderLine::of(self.header, self.column_names.as_deref()),
            },
        }
    }

    /// Returns the names of the columns of a CSV or TSV file that already exists.
    fn header_names(&self, format: &str, context: &ColumnContext<'_>) -> Option<StringRecord> {
        let beginning = context.beginning(&self.path)?;
        header_of(beginning, Encoding::of(self.encoding.as_deref()), self.file_columns(format).layout)
    }
}

/// Returns the separator of the cells; for CSV it is the parameter.
fn separator(format: &str, delimiter: &str) -> u8 {
    if format == "tsv" { b'\t' } else { delimiter.bytes().next().unwrap_or(b',') }
}

fn format_of(file: &str, explicit: Option<String>) -> Result<String, StepError> {
    if let Some(format) = explicit {
        return Ok(format);
    }
    match extension(file).as_deref() {
        Some("smi" | "smiles" | "txt") => Ok("smi".to_owned()),
        Some("sdf" | "sd") => Ok("sdf".to_owned()),
        Some(known @ ("csv" | "tsv" | "mol")) => Ok(known.to_owned()),
        _ => Err(StepError::new(format!(
            "cannot determine the format of `{file}`; write `format: smi`, `csv`, `tsv`, `sdf` or `mol`"
        ))),
    }
}

fn canonical_smiles(record: &RawRecord<'_>, flatten: bool) -> Result<String, String> {
    let content = record.content.as_ref().map_err(Clone::clone)?;
    content.structure.canonical_smiles(flatten)
}

/// Separates the molecules from the records that cannot be used.
fn sort_out(
    file: &str,
    raw: RawFile<'_>,
    smiles: Vec<Result<String, String>>,
    fail: bool,
) -> Result<WithRejects<Molecules>, StepError> {
    let mut columns = vec![
        Column::new("name", ColumnType::Text),
        Column::new("smiles", ColumnType::Text).with_provider(PROVIDER),
        Column::new("record", ColumnType::Integer).as_location(),
    ];
    columns.extend(raw.more);
    let mut kept = TableBuilder::new(columns);
    let mut rejects = Rejects::default();
    for ((record, smiles), number) in raw.records.into_iter().zip(smiles).zip(1_u64..) {
        cancel::check()?;
        let reason = match (record.content, smiles) {
            (Ok(content), Ok(smiles)) => {
                let mut row: Vec<Value> = vec![content.name.into(), smiles.into(), number.into()];
                row.extend(content.more);
                kept.push(row).map_err(StepError::new)?;
                continue;
            }
            (Err(reason), _) | (_, Err(reason)) => reason,
        };
        if fail {
            let text = shortened(record.raw);
            return Err(StepError::new(format!(
                "line {} of `{file}` cannot be used: {reason}; the line is `{text}`; `on_error: reject` would put it into \
                 `rejects`",
                record.line
            )));
        }
        rejects.push(record.line, number, record.raw, &reason);
    }
    Ok(WithRejects { kept: Molecules::new(kept.finish()?)?, rejects: rejects.finish()? })
}
