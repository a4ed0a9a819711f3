//! `molecules.read`: molecules from a file.

mod delimited_columns;
mod inline;
mod named;
mod queries;
mod raw;
mod sd_records;
mod smiles_lines;

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
use crate::records::{RecordFile, Rejects, extension, header_of, map_records, shortened, text_of};
use crate::step::check_share;

/// Reads molecules from a SMILES, CSV, TSV or SD file, which may be compressed with gzip.
///
/// The file's extension says what it is: `.smi`, `.smiles` or `.txt` has a SMILES on each line, then white space and a
/// name, and lines that begin with `#` are comments; its first line is a header, which is skipped and not counted, if
/// its first word is `smiles` in any letter case; `.csv` and `.tsv` have a line with the names of the columns first.
/// `.sdf` and `.sd` have a mol block for each molecule, V2000 or V3000, data under names, and a line `$$$$`, which the
/// last molecule of a `.mol` file needs not have. A `.gz` at the end is looked through.
///
/// The molecules have the columns `name`, `smiles` (canonical, isomeric) and `record` (the number of the record in the
/// file), then the other columns of a CSV or TSV file, or the data of an SD file in the order in which their names first
/// appear: as text, or as numbers if `numbers` names them. A column of the file that is called like one of the three is
/// kept with `file_` before its name. In an SD file the first line of a record is its name. The value of a field ends
/// before an empty line, and before a line that can only be the header of another field, with whatever blank lines are
/// between; white space at its beginning and end is kept. A field may be called by its number, `> DT12`.
///
/// A record that cannot be used is kept apart in the output `rejects`, with its line, its text and the reason: text
/// that is no SMILES or no possible molecule, bytes that are not UTF-8, a row with too few or too many cells, a record
/// of an SD file that is empty, cut off or a query, with a line that may be a header or part of a value, a mol block whose
/// counts are not those of its lines, or a molecule beyond the limits of 1,000 atoms, 150 ring closures and 20,000
/// characters. So is what a SMILES could not say: a CXSMILES extension, and of a mol block racemic and relative
/// stereocentres, an atropisomer, and a bond that ends at several atoms. The atoms `R`, `R#` and `*` of a mol block are
/// dummies, `*` in SMILES, and R group 1 is `[1*]`; those that stand for several elements, such as `A`, `Q` and lists, make
/// it a query. Hydrogens that are drawn are kept: one more than the atom can have makes a single bond to a metal dative,
/// as in cisplatin, or the record is rejected, where RDKit drops the hydrogen. SMILES are refused where RDKit refuses
/// them, and two kinds besides: aromatic silicon (`[si]`), which the chemistry library does not know, and the allene tag
/// `@AL`, which RDKit reads and drops.
///
/// Each molecule has one canonical SMILES, which reads as that molecule and is written again when it is read. It is
/// RDKit's, but where RDKit's changes or alternates when it is read again, as for `O=[IH]` and some cages: there it is the
/// one that stays, or of those that alternate the first in the order of characters. A molecule is refused if its canonical
/// SMILES cannot be read, or reads as another, as can happen with dummy atoms in aromatic rings, many relative
/// stereocentres in a ring, and stereochemistry at the nitrogen of a fused aziridine. So is a SMILES that closes a ring
/// with `~`, which RDKit reads as a single bond.
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
/// - The file is not there or cannot be read, is not the gzip data that its name promises, or is UTF-16.
/// - Neither the name of the file nor `format` says what it is.
/// - A column that a parameter names is not in the file; the message names those that are. Or two columns have one name.
/// - The file changes while it is read.
/// - With `on_error: fail`, the first record that cannot be used; the message has its line, its text and the reason.
/// - More than the share `fail_above` of the records cannot be used; the message has the numbers and the commonest
///   reason. Or `fail_above` is given with `on_error: fail`.
#[step("molecules.read", version = 4, columns = columns_of_molecules, check = columns_are_there)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn read_molecules(
    /// The file to read.
    #[param(example = "data/approved-drugs.csv")]
    path: RecordFile,
    /// What the file is, where its extension does not say it.
    #[param(one_of = ["smi", "csv", "tsv", "sdf", "mol"])]
    format: Option<String>,
    /// The column with the SMILES, in a CSV or TSV file. Letter case matters only where two columns differ by it alone.
    #[param(default = "smiles")]
    smiles_column: String,
    /// The column with the names. Left out, it is `name` if there is one; in an SD file, the first line of a record.
    name_column: Option<String>,
    /// Columns to read as numbers; an empty cell is then a missing number, and a record with anything else that `missing`
    /// does not name is rejected.
    #[param(default = [], example = "[pIC50]")]
    numbers: Vec<String>,
    /// Texts that stand for a missing value in the columns that are kept.
    #[param(default = [], example = "[NA, n/a]")]
    missing: Vec<String>,
    /// What separates the cells of a CSV file.
    #[param(default = ",", one_of = [",", ";", "|"])]
    delimiter: String,
    /// Whether a mol block that draws an atropisomer, whose axis a SMILES does not describe, is one that cannot be used
    /// (`reject`) or is read without the configuration of the axis (`flatten`).
    #[param(default = "reject", one_of = ["reject", "flatten"])]
    atropisomers: String,
    /// Whether a record that cannot be used is kept apart (`reject`) or fails the step (`fail`).
    #[param(default = "reject", one_of = ["reject", "fail"])]
    on_error: String,
    /// The share of the records, from 0 to 1, above which keeping them apart fails the step. A share that is equal does not.
    /// Left out, any number may be kept apart.
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
        delimiter: separator(&format, &delimiter),
    };
    let text = text_of(file, path.read(context.files())?)?;
    let raw = match format.as_str() {
        "csv" | "tsv" => delimited_columns::read(file, &text, columns)?,
        "sdf" | "mol" => sd_records::read(file, &text, format == "mol", name_column.as_deref(), &numbers, &missing)?,
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

/// The columns that the molecules will have. Those of a CSV or TSV file are told by its first line.
fn columns_of_molecules(step: &ReadMolecules, context: &ColumnContext<'_>) -> Columns {
    let file = step.path.as_str();
    let promised = Columns::known(PROMISED.map(|(name, _)| name));
    let Ok(format) = format_of(file, step.format.clone()) else { return Columns::Unknown };
    match format.as_str() {
        "smi" => return promised,
        // Each record of an SD file has data of its own.
        "sdf" | "mol" => return Columns::Unknown,
        _ => {}
    }
    let columns = FileColumns {
        smiles: &step.smiles_column,
        name: step.name_column.as_deref(),
        numbers: &step.numbers,
        missing: &step.missing,
        delimiter: separator(&format, &step.delimiter),
    };
    let header = context.beginning(&step.path).and_then(|beginning| header_of(beginning, columns.delimiter));
    match header.and_then(|header| delimited_columns::more(file, &header, columns)) {
        Some(more) => promised.with(more),
        None => Columns::Unknown,
    }
}

/// What separates the cells of a file in this format, which for CSV the parameter says.
fn separator(format: &str, delimiter: &str) -> u8 {
    if format == "tsv" { b'\t' } else { delimiter.bytes().next().unwrap_or(b',') }
}

fn format_of(file: &str, given: Option<String>) -> Result<String, StepError> {
    if let Some(format) = given {
        return Ok(format);
    }
    match extension(file).as_deref() {
        Some("smi" | "smiles" | "txt") => Ok("smi".to_owned()),
        Some("sdf" | "sd") => Ok("sdf".to_owned()),
        Some(known @ ("csv" | "tsv" | "mol")) => Ok(known.to_owned()),
        _ => Err(StepError::new(format!(
            "the name of `{file}` does not say what it is; write `format: smi`, `csv`, `tsv`, `sdf` or `mol`"
        ))),
    }
}

fn canonical_smiles(record: &RawRecord<'_>, flatten: bool) -> Result<String, String> {
    let content = record.content.as_ref().map_err(Clone::clone)?;
    content.structure.canonical_smiles(flatten)
}

/// The molecules, and the records that are none.
fn sort_out(
    file: &str,
    raw: RawFile<'_>,
    smiles: Vec<Result<String, String>>,
    fail: bool,
) -> Result<WithRejects<Molecules>, StepError> {
    let mut columns = vec![
        Column::new("name", ColumnType::Text),
        Column::new("smiles", ColumnType::Text).with_provider(PROVIDER),
        Column::new("record", ColumnType::Integer),
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
                "line {} of `{file}` cannot be used: {reason}; it reads `{text}`, and `on_error: reject` would keep it apart",
                record.line
            )));
        }
        rejects.push(record.line, number, record.raw, &reason);
    }
    Ok(WithRejects { kept: Molecules::new(kept.finish()?)?, rejects: rejects.finish()? })
}
