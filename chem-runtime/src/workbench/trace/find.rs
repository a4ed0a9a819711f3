//! Finds a record among those that the sources of a run read.

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::follow::Run;
use super::parameters::texts_of;
use super::tables::Stored;
use super::{ReadRecord, Wanted};
use crate::artifact::ArtifactError;
use crate::event::{RecordedStep, StepKind};
use crate::flow::StepState;
use crate::step::workers::on_workers;
use crate::step::{MAIN_OUTPUT, ParamType, REJECTS, Structures};
use crate::workbench::WorkbenchError;
use crate::workbench::tables::Row;

/// A record that a source read.
pub(super) struct Found {
    pub(super) origin: ReadRecord,
    /// The index of the source among the steps.
    pub(super) source: usize,
    /// The output with the record, and the index of its row.
    pub(super) row: (&'static str, usize),
}

/// Finds the records that `wanted` names in the outputs of the sources.
///
/// # Errors
/// Fails if there is none, or if the SMILES or InChIKey cannot be compared.
pub(super) fn find(run: &Run<'_>, wanted: &Wanted) -> Result<Vec<Found>, WorkbenchError> {
    let wanted = Prepared::of(wanted)?;
    let (mut all, mut sources) = (Vec::new(), Vec::new());
    for (index, (recorded, state)) in run.recorded().iter().zip(run.instance.steps()).enumerate() {
        if recorded.kind != StepKind::Source || state.outputs.is_empty() {
            continue;
        }
        sources.push(recorded.id.clone());
        let rejects = run.output(state, REJECTS)?;
        let outputs = [(MAIN_OUTPUT, run.output(state, MAIN_OUTPUT)?), (REJECTS, rejects)];
        let whole = outputs[1].1.as_ref().is_none_or(|rejects| rejects.rows() == 0);
        for (output, table) in &outputs {
            let Some(table) = table else { continue };
            let rows = match *output {
                REJECTS => wanted.among_rejects(table),
                _ => wanted.among_records(table, whole),
            };
            for row in rows.map_err(WorkbenchError::Artifact)? {
                let values = table.row(row).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
                let origin = origin(run, recorded, state, table, (*output, row), &values);
                all.push(Found { origin, source: index, row: (*output, row) });
            }
        }
    }
    if all.is_empty() {
        return Err(WorkbenchError::NoSuchRecord { wanted: wanted.described(), sources });
    }
    Ok(all)
}

fn origin(
    run: &Run<'_>,
    recorded: &RecordedStep,
    state: &StepState,
    table: &Stored<'_>,
    (output, row): (&str, usize),
    values: &Row,
) -> ReadRecord {
    let read = [ParamType::InputFile, ParamType::InputFiles];
    let named = run.spec(&recorded.uses).map(|spec| texts_of(spec, &recorded.params, &read)).unwrap_or_default();
    let rejected = output == REJECTS;
    let file = table.text(values, "file").filter(|_| rejected);
    let numbered = table.index_of("record").is_some();
    let record = if numbered { table.number(values, "record") } else { Some(row as u64 + 1) };
    let cells = table.columns().iter().zip(values).filter(|(_, value)| !value.is_null());
    let values: Map<String, Value> = cells.map(|(column, value)| (column.name.to_string(), value.clone())).collect();
    let text = |name: &str| values.get(name).and_then(Value::as_str).map(str::to_owned);
    ReadRecord {
        step: state.id.clone(),
        uses: recorded.uses.clone(),
        files: file.map_or(named, |file| vec![file]),
        record,
        line: values.get("line").and_then(Value::as_u64).filter(|_| rejected),
        name: text("name").filter(|_| !rejected),
        rejected: rejected.then(|| text("reason").unwrap_or_default()),
        values,
    }
}

/// What is looked for, as it is compared.
enum Prepared {
    Name(String),
    Record(u64),
    /// The SMILES as it was given, and the canonical one, or why there is none.
    Smiles(String, Result<String, String>),
    InchiKey(String, &'static Structures),
}

impl Prepared {
    fn of(wanted: &Wanted) -> Result<Self, WorkbenchError> {
        let structures = || Structures::linked().ok_or(WorkbenchError::NoStructures);
        Ok(match wanted {
            Wanted::Name(name) => Self::Name(name.clone()),
            Wanted::Record(number) => Self::Record(*number),
            Wanted::Smiles(smiles) => Self::Smiles(smiles.clone(), (structures()?.canonical_smiles)(smiles)),
            Wanted::InchiKey(key) => Self::InchiKey(key.clone(), structures()?),
        })
    }

    fn described(&self) -> String {
        match self {
            Self::Name(name) => format!("called `{name}`"),
            Self::Record(number) => format!("number {number}"),
            Self::Smiles(smiles, Ok(canonical)) if smiles == canonical => format!("with the SMILES `{smiles}`"),
            Self::Smiles(smiles, Ok(canonical)) => format!("with the SMILES `{smiles}`, which is `{canonical}`,"),
            Self::Smiles(smiles, Err(reason)) => {
                format!("with the text `{smiles}`, which is not a molecule ({reason}),")
            }
            Self::InchiKey(key, _) => format!("with the InChIKey `{key}`"),
        }
    }

    /// Returns the rows of the main output of a source. `whole` says whether no record was rejected, so that the number of a
    /// row is that of its record.
    fn among_records(&self, table: &Stored<'_>, whole: bool) -> Result<Vec<usize>, ArtifactError> {
        let equal = |column: &str, value: &Value| match table.index_of(column) {
            Some(index) => table.equal(&[index], &[value]),
            None => Ok(Vec::new()),
        };
        match self {
            Self::Name(name) if table.is_text("name") => equal("name", &name.as_str().into()),
            Self::Name(name) => name.parse::<i64>().map_or(Ok(Vec::new()), |number| equal("name", &number.into())),
            Self::Record(number) if table.index_of("record").is_some() => equal("record", &(*number).into()),
            Self::Record(number) => {
                let row = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
                Ok(row.filter(|row| whole && *row < table.rows()).into_iter().collect())
            }
            Self::Smiles(_, canonical) => match canonical {
                Ok(canonical) => equal("smiles", &canonical.as_str().into()),
                Err(_) => Ok(Vec::new()),
            },
            Self::InchiKey(key, structures) => match table.index_of("smiles") {
                Some(smiles) => with_key(table, smiles, key, structures),
                None => Ok(Vec::new()),
            },
        }
    }

    /// Returns the rows of rejects in whose text the record is found.
    fn among_rejects(&self, table: &Stored<'_>) -> Result<Vec<usize>, ArtifactError> {
        let text = match self {
            Self::Record(number) => {
                let Some(index) = table.index_of("record") else { return Ok(Vec::new()) };
                return table.equal(&[index], &[&(*number).into()]);
            }
            Self::Name(text) | Self::Smiles(text, _) => text,
            Self::InchiKey(..) => return Ok(Vec::new()),
        };
        let Some(index) = table.index_of("text") else { return Ok(Vec::new()) };
        table.matching(None, |row| row.get(index).and_then(Value::as_str).is_some_and(|all| has_word(all, text)))
    }
}

/// Returns the rows of a table whose SMILES have an InChIKey.
fn with_key(
    table: &Stored<'_>,
    smiles: usize,
    key: &str,
    structures: &Structures,
) -> Result<Vec<usize>, ArtifactError> {
    let mut all = Vec::with_capacity(table.rows());
    table.each(|row| all.push(row.get(smiles).and_then(Value::as_str).map(str::to_owned)))?;
    let has_key =
        |smiles: &Option<String>| smiles.as_deref().and_then(structures.inchi_key).is_some_and(|found| found == key);
    let found =
        on_workers(|| all.par_iter().enumerate().filter(|(_, smiles)| has_key(smiles)).map(|(row, _)| row).collect());
    Ok(found.unwrap_or_default())
}

/// Returns whether `word` occurs in `text` with nothing that continues a name before or after it.
fn has_word(text: &str, word: &str) -> bool {
    let continues = |character: char| character.is_alphanumeric() || "-_+=#@()[]/\\.".contains(character);
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
            !before.is_some_and(continues) && !after.is_some_and(continues)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_text_of_a_reject_is_a_word_of_its_own() {
        for (text, word, found) in [
            ("C1CC aspirin", "aspirin", true),
            ("aspirin;C1CC", "aspirin", true),
            ("\"aspirin\",C1CC", "aspirin", true),
            ("C1CC aspirin-d3", "aspirin", false),
            ("C1CC aspirinate", "aspirin", false),
            ("C1CCC x", "C1CC", false),
            ("é aspirin é", "aspirin", true),
            ("x", "", false),
        ] {
            assert_eq!(has_word(text, word), found, "{text} {word}");
        }
    }
}
