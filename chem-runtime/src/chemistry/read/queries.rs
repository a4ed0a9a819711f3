//! Reads query molecules from a file. Every record must be valid.

use super::delimited_columns::FileColumns;
use super::formats::Format;
use super::raw::{RawRecord, Source};
use crate::cancel;
use crate::records::{Batches, Encoding, Layout, RecordText, extension, shortened};
use crate::step::{ExecutionContext, InputFile, Misfit, StepError};

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
    let format = match Query::separator_in(name)? {
        Some(delimiter) => Format::Delimited(FileColumns::usual(Layout::delimited_by(delimiter))),
        None => Format::Lines(None),
    };
    let text = RecordText::of(file, context.files(), encoding)?;
    let (source, mut queries) = (Source { name, text: &text }, Vec::new());
    let work = |_: u64, records: &mut dyn Iterator<Item = RawRecord<'_>>| -> Result<Vec<Query>, StepError> {
        records.map(|record| query(name, record)).collect()
    };
    format.each(source, &[], &mut Batches::default(), work, |more| {
        queries.extend(more);
        Ok(())
    })?;
    Ok(queries)
}

fn query(file: &str, record: RawRecord<'_>) -> Result<Query, StepError> {
    let molecule = record.content.and_then(|content| {
        let smiles = content.structure.canonical_smiles()?;
        Ok(Query { name: content.name.unwrap_or_else(|| smiles.clone()), smiles })
    });
    // The record may have been read only in part.
    cancel::check()?;
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
}
