//! Reads query molecules from a file. Every record must be valid.

use super::delimited_columns::{self, FileColumns};
use super::raw::RawRecord;
use super::smiles_lines;
use crate::records::{Delimited, Encoding, Layout, extension, on_workers, shortened, text_in};
use crate::step::{ExecutionContext, InputFile, Misfit, StepError, listed};

/// A molecule to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chemistry) struct Query {
    /// Its name, or its SMILES where it has none.
    pub(in crate::chemistry) name: String,
    /// Its canonical SMILES.
    pub(in crate::chemistry) smiles: String,
}

impl Query {
    /// What separates the cells of the file of queries called `name`, which the parameter `path` names; nothing in a
    /// SMILES file, as which a file without an extension is read.
    ///
    /// # Errors
    /// Says that queries are not read from a file of this extension, and from which they are.
    pub(in crate::chemistry) fn separator_in(name: &str) -> Result<Option<u8>, Misfit> {
        match extension(name).as_deref() {
            Some("csv") => Ok(Some(b',')),
            Some("tsv") => Ok(Some(b'\t')),
            Some("smi" | "smiles" | "txt") | None => Ok(None),
            Some(_) => Err(Misfit::new(
                "path",
                format!(
                    "cannot read molecules to compare with from `{name}`: give a SMILES file (`.smi`, `.smiles` or `.txt`), or a CSV or TSV file with a column `smiles`"
                ),
            )),
        }
    }
}

/// The molecules of a SMILES file, or of a CSV or TSV file with the columns `smiles` and, if it likes, `name`.
///
/// # Errors
/// Says that the file is of another kind, cannot be read or has no column `smiles`, or names the first line that has no
/// molecule.
pub(in crate::chemistry) fn read_queries(
    context: &ExecutionContext<'_>,
    file: &InputFile,
    encoding: Encoding,
) -> Result<Vec<Query>, StepError> {
    let name = file.as_str();
    let separator = Query::separator_in(name)?;
    let text = text_in(encoding, name, file.read(context.files())?)?;
    let records: Vec<RawRecord<'_>> = match separator {
        Some(delimiter) => {
            has_smiles(name, &text, delimiter)?;
            delimited_columns::read(name, &text, FileColumns::usual(Layout::delimited_by(delimiter)))?.records
        }
        None => smiles_lines::read(&text, None).records,
    };
    on_workers(|| records.into_iter().map(|record| query(name, record)).collect())?
}

/// Checks that there is a column `smiles`. Reading the columns would report its absence too, but with advice about a
/// parameter that this step does not have. Other mistakes in the header are reported there.
fn has_smiles(file: &str, text: &[u8], delimiter: u8) -> Result<(), StepError> {
    let Ok(Some(delimited)) = Delimited::new(text, Layout::delimited_by(delimiter)) else { return Ok(()) };
    let header = delimited.header();
    if delimited_columns::HeaderNames::of(header).index_of("smiles").is_some() {
        return Ok(());
    }
    let there: Vec<&str> = header.iter().collect();
    Err(StepError::new(format!(
        "`{file}` has no column `smiles` for the query molecules; its columns are {}",
        listed(&there)
    )))
}

fn query(file: &str, record: RawRecord<'_>) -> Result<Query, StepError> {
    let molecule = record.content.and_then(|content| {
        let smiles = content.structure.canonical_smiles()?;
        Ok(Query { name: content.name.unwrap_or_else(|| smiles.clone()), smiles })
    });
    molecule.map_err(|reason| {
        let (line, text) = (record.line, shortened(&record.raw));
        StepError::new(format!("line {line} of `{file}` is not a valid molecule: {reason}; the line is `{text}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_determines_the_format() {
        for (name, expected) in [
            ("a.smi", None),
            ("a.SMILES.gz", None),
            ("a.txt", None),
            ("dir.d/a", None),
            ("a.csv", Some(b',')),
            ("a.tsv.gz", Some(b'\t')),
        ] {
            assert_eq!(Query::separator_in(name), Ok(expected), "{name}");
        }
        for name in ["a.sdf", "a.SD.gz", "a.jsonl", "a.mol"] {
            let misfit = Query::separator_in(name).unwrap_err();
            assert!(misfit.message.contains(name) && misfit.message.contains("`.smi`"), "{misfit}");
        }
    }

    #[test]
    fn the_columns_of_a_file_without_smiles_are_listed() {
        let error = has_smiles("a.csv", b"name,structure\nx,C\n", b',').unwrap_err().to_string();
        assert!(error.contains("`a.csv`") && error.contains("`name` and `structure`"), "{error}");
        assert!(!error.contains("smiles_column"), "{error}");
        assert!(has_smiles("a.csv", b"name,SMILES\nx,C\n", b',').is_ok());
        assert!(has_smiles("a.tsv", b"name\tsmiles\nx\tC\n", b'\t').is_ok());
        assert!(has_smiles("a.csv", b"", b',').is_ok());
    }
}
