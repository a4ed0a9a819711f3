//! Molecules to compare with, from a file of which every record has to be good.

use super::raw::{RawFile, RawRecord};
use super::{delimited_columns, smiles_lines};
use crate::records::{extension, on_workers, shortened, text_of};
use crate::step::{ExecutionContext, InputFile, StepError};

/// A molecule to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chemistry) struct Query {
    /// Its name, or its SMILES where it has none.
    pub(in crate::chemistry) name: String,
    /// Its canonical SMILES.
    pub(in crate::chemistry) smiles: String,
}

/// The molecules of a SMILES file, or of a CSV or TSV file with the columns `smiles` and, if it likes, `name`.
///
/// # Errors
/// Says that the file cannot be read, or names the first line that has no molecule.
pub(in crate::chemistry) fn read_queries(
    context: &ExecutionContext<'_>,
    file: &InputFile,
) -> Result<Vec<Query>, StepError> {
    let name = file.as_str();
    let text = text_of(name, file.read(context.files())?)?;
    let columns = |delimiter| delimited_columns::FileColumns {
        smiles: "smiles",
        name: None,
        numbers: &[],
        missing: &[],
        delimiter,
    };
    let raw: RawFile<'_> = match extension(name).as_deref() {
        Some("csv") => delimited_columns::read(name, &text, columns(b','))?,
        Some("tsv") => delimited_columns::read(name, &text, columns(b'\t'))?,
        _ => smiles_lines::read(&text),
    };
    on_workers(|| raw.records.into_iter().map(|record| query(name, record)).collect())?
}

fn query(file: &str, record: RawRecord<'_>) -> Result<Query, StepError> {
    let molecule = record.content.and_then(|content| {
        let smiles = content.structure.canonical_smiles()?;
        Ok(Query { name: content.name.unwrap_or_else(|| smiles.clone()), smiles })
    });
    molecule.map_err(|reason| {
        let (line, text) = (record.line, shortened(record.raw));
        StepError::new(format!("line {line} of `{file}` is no molecule to compare with: {reason}; it reads `{text}`"))
    })
}
