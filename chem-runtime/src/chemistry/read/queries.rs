//! Molecules to compare with, from a file of which every record has to be good.

use super::raw::{RawFile, RawRecord};
use super::{delimited_columns, smiles_lines};
use crate::records::{Delimited, extension, on_workers, shortened, text_of};
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
) -> Result<Vec<Query>, StepError> {
    let name = file.as_str();
    let separator = Query::separator_in(name)?;
    let text = text_of(name, file.read(context.files())?)?;
    let columns = |delimiter| delimited_columns::FileColumns {
        smiles: "smiles",
        name: None,
        numbers: &[],
        missing: &[],
        delimiter,
    };
    let raw: RawFile<'_> = match separator {
        Some(delimiter) => {
            has_smiles(name, &text, delimiter)?;
            delimited_columns::read(name, &text, columns(delimiter))?
        }
        None => smiles_lines::read(&text),
    };
    on_workers(|| raw.records.into_iter().map(|record| query(name, record)).collect())?
}

/// Whether there is a column `smiles`. It is asked here, since what reads the columns would speak of a parameter that
/// names it, and there is none. All else that may be wrong with the first line is left to be said there.
fn has_smiles(file: &str, text: &[u8], delimiter: u8) -> Result<(), StepError> {
    let Ok(Some(delimited)) = Delimited::new(text, delimiter) else { return Ok(()) };
    let header = delimited.header();
    if delimited_columns::position(header, "smiles").is_some() {
        return Ok(());
    }
    let there: Vec<&str> = header.iter().collect();
    Err(StepError::new(format!(
        "`{file}` has no column `smiles` with the molecules to compare with; its columns are {}",
        listed(&there)
    )))
}

fn query(file: &str, record: RawRecord<'_>) -> Result<Query, StepError> {
    let molecule = record.content.and_then(|content| {
        let smiles = content.structure.canonical_smiles(false)?;
        Ok(Query { name: content.name.unwrap_or_else(|| smiles.clone()), smiles })
    });
    molecule.map_err(|reason| {
        let (line, text) = (record.line, shortened(record.raw));
        StepError::new(format!("line {line} of `{file}` is no molecule to compare with: {reason}; it reads `{text}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_says_how_queries_are_read() {
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
    fn a_file_without_smiles_is_told_with_the_columns_that_it_has() {
        let said = has_smiles("a.csv", b"name,structure\nx,C\n", b',').unwrap_err().to_string();
        assert!(said.contains("`a.csv`") && said.contains("`name` and `structure`"), "{said}");
        assert!(!said.contains("smiles_column"), "{said}");
        assert!(has_smiles("a.csv", b"name,SMILES\nx,C\n", b',').is_ok());
        assert!(has_smiles("a.tsv", b"name\tsmiles\nx\tC\n", b'\t').is_ok());
        assert!(has_smiles("a.csv", b"", b',').is_ok());
    }
}
