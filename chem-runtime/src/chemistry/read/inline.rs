//! `molecules.inline`: molecules written in the manifest.

use serde_json::Value;

use super::raw::Content;
use super::smiles_lines;
use crate::chemistry::library::PROVIDER;
use crate::chemistry::molecules::{Molecules, PROMISED};
use crate::prelude::*;
use crate::records::{map_records, on_workers};
use crate::step::{Files, SourceRecord, WrittenRecord};

/// Returns molecules that are written in the manifest.
///
/// Each has the form of a line in a SMILES file: the SMILES, white space, and the name. The output has the columns `name`,
/// `smiles` (canonical, isomeric) and `record` (the position in the list, from 1).
///
/// # Example
/// ```yaml
/// flow: painkillers
/// steps:
///   - id: queries
///     uses: molecules.inline
///     with:
///       molecules:
///         - CC(=O)Oc1ccccc1C(=O)O aspirin
///         - CC(=O)Nc1ccc(O)cc1 paracetamol
/// ```
///
/// # Errors
/// - A molecule is not a valid SMILES or not a possible molecule, or has a CXSMILES extension; the message gives its
///   position, its text and the reason.
#[step("molecules.inline", version = 3, columns = columns_of_molecules, written = written)]
pub fn inline_molecules(
    /// The molecules, each a SMILES, optionally followed by a name.
    #[param(example = "[CCO ethanol, CCN ethylamine]")]
    molecules: Vec<InlineMolecule>,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let read = map_records(context, &molecules, |molecule| {
        let Content { structure, name, .. } = molecule.content()?;
        Ok::<_, String>((name, structure.canonical_smiles()?))
    })?;
    let (mut names, mut smiles) = (Vec::new(), Vec::new());
    for (molecule, (read, number)) in molecules.iter().zip(read.into_iter().zip(1..)) {
        let (name, canonical) = read.map_err(|reason| {
            let text = molecule.as_str();
            StepError::new(format!("molecule {number}, `{text}`, cannot be used: {reason}"))
        })?;
        names.push(name);
        smiles.push(canonical);
    }
    let numbers = Values::integers((1..).take(names.len()));
    let [name, canonical, record] = PROMISED.map(|(name, ty)| Column::new(name, ty));
    Ok(Molecules::new(Table::new([
        (name, Values::texts(names)),
        (canonical.with_provider(PROVIDER), Values::texts(smiles)),
        (record.as_location(), numbers),
    ])?)?)
}

/// Returns molecules as the manifest has them.
fn written(
    step: &InlineMolecules,
    records: &[SourceRecord<'_>],
    _: &Files,
) -> Result<Vec<Option<WrittenRecord>>, StepError> {
    let one = |record: &SourceRecord<'_>| {
        let text = step.molecules.get(usize::try_from(record.number?).ok()?.checked_sub(1)?)?.as_str().to_owned();
        Some(WrittenRecord { line: None, text, place: None })
    };
    Ok(records.iter().map(one).collect())
}

fn columns_of_molecules(_: &InlineMolecules, _: &ColumnContext<'_>) -> Columns {
    Columns::known(PROMISED.map(|(name, _)| name))
}

/// A molecule in a manifest: a SMILES, optionally followed by white space and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineMolecule(String);

impl InlineMolecule {
    /// Creates a molecule without checking it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the SMILES and the name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn content(&self) -> Result<Content, String> {
        smiles_lines::content(self.0.trim().as_bytes(), None)
    }
}

impl From<&str> for InlineMolecule {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl ParamValue for InlineMolecule {
    fn ty() -> ParamType {
        ParamType::Formatted("SMILES with a name")
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let molecule = Self(String::read(value)?);
        let checked = on_workers(|| molecule.content()?.structure.canonical_smiles().map(drop))
            .map_err(|error| InvalidParam::new(error.to_string()))?;
        match checked {
            Ok(()) => Ok(molecule),
            Err(reason) => Err(InvalidParam::new(reason).with_help("write a SMILES and a name, such as `CCO ethanol`")),
        }
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}
