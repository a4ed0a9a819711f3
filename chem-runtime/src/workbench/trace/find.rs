//! Finds a record among those that the sources of a run read.

use serde_json::{Map, Value};

use super::parameters::texts_of;
use super::step::Run;
use super::tables::Stored;
use super::{ReadRecord, Wanted, WrittenText};
use crate::event::{RecordedStep, StepKind};
use crate::flow::StepState;
use crate::step::{MAIN_OUTPUT, ParamType, REJECTS, Structures};
use crate::workbench::WorkbenchError;

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
        let outputs = [(MAIN_OUTPUT, run.output(state, MAIN_OUTPUT)?), (REJECTS, run.output(state, REJECTS)?)];
        let numbers = Numbers::of(outputs[1].1.as_ref())?;
        for (output, table) in &outputs {
            let Some(table) = table else { continue };
            let rows = match *output {
                REJECTS => wanted.among_rejects(table),
                _ => wanted.among_records(table, &numbers),
            };
            for row in rows? {
                let origin = origin(run, recorded, state, table, (*output, row), &numbers)?;
                all.push(Found { origin, source: index, row: (*output, row) });
            }
        }
    }
    if all.is_empty() {
        return Err(WorkbenchError::NoSuchRecord { wanted: wanted.described(), sources });
    }
    Ok(all)
}

/// Returns where the record of a row was read.
pub(super) fn origin_of(
    run: &Run<'_>,
    index: usize,
    (output, row): (&str, usize),
) -> Result<Option<ReadRecord>, WorkbenchError> {
    let (Some(recorded), Some(state)) = (run.recorded().get(index), run.instance.steps().get(index)) else {
        return Ok(None);
    };
    let Some(table) = run.output(state, output)? else { return Ok(None) };
    let numbers = Numbers::of(run.output(state, REJECTS)?.as_ref())?;
    origin(run, recorded, state, &table, (output, row), &numbers).map(Some)
}

fn origin(
    run: &Run<'_>,
    recorded: &RecordedStep,
    state: &StepState,
    table: &Stored<'_>,
    (output, row): (&str, usize),
    numbers: &Numbers,
) -> Result<ReadRecord, WorkbenchError> {
    let values = &table.row(row).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
    let read = [ParamType::InputFile, ParamType::InputFiles];
    let named = run.spec(&recorded.uses).map(|spec| texts_of(spec, &recorded.params, &read)).unwrap_or_default();
    let rejected = output == REJECTS;
    let file = table.text(values, "file").filter(|_| rejected);
    let numbered = table.index_of("record").is_some();
    let record = if numbered { table.number(values, "record") } else { numbers.of_row(row) };
    let cells = table.columns().iter().zip(values).filter(|(_, value)| !value.is_null());
    let values: Map<String, Value> = cells.map(|(column, value)| (column.name.to_string(), value.clone())).collect();
    let text = |name: &str| values.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(ReadRecord {
        step: state.id.clone(),
        uses: recorded.uses.clone(),
        files: file.clone().map_or(named, |file| vec![file]),
        file,
        record,
        row: Some(row).filter(|_| !rejected),
        line: values.get("line").and_then(Value::as_u64).filter(|_| rejected),
        name: text("name").filter(|_| !rejected),
        written: WrittenText::Unknown,
        rejected: rejected.then(|| text("reason").unwrap_or_default()),
        values,
    })
}

/// The numbers of the records that a source read, of which a table has no column.
struct Numbers {
    /// The numbers of the rejected records in ascending order; `None` if they are those of several files.
    rejected: Option<Vec<u64>>,
    /// Whether the source read one file, in which the numbers increase.
    one_file: bool,
}

impl Numbers {
    fn of(rejects: Option<&Stored<'_>>) -> Result<Self, WorkbenchError> {
        let one_file = rejects.is_some_and(|rejects| rejects.index_of("file").is_none());
        let Some(rejects) = rejects.filter(|rejects| rejects.rows() > 0) else {
            return Ok(Self { rejected: Some(Vec::new()), one_file });
        };
        if !one_file {
            return Ok(Self { rejected: None, one_file });
        }
        let numbers = rejects.only(&["record"]).map_err(WorkbenchError::Artifact)?;
        let numbers = numbers.integers("record").ok().map(|numbers| numbers.iter().flatten().collect::<Vec<i64>>());
        let mut rejected: Option<Vec<u64>> =
            numbers.map(|all| all.into_iter().filter_map(|number| u64::try_from(number).ok()).collect());
        rejected.iter_mut().for_each(|all| all.sort_unstable());
        Ok(Self { rejected, one_file })
    }

    /// Returns the number of the record in a row.
    fn of_row(&self, row: usize) -> Option<u64> {
        let mut number = row as u64 + 1;
        for rejected in self.rejected.as_ref()? {
            if *rejected > number {
                break;
            }
            number += 1;
        }
        Some(number)
    }

    /// Returns the row of the record with a number; `None` if it was rejected.
    fn row_of(&self, number: u64) -> Option<usize> {
        let rejected = self.rejected.as_ref()?;
        match rejected.binary_search(&number) {
            Ok(_) => None,
            Err(before) => usize::try_from(number).ok()?.checked_sub(before + 1),
        }
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

    /// Returns the rows of the main output of a source.
    fn among_records(&self, table: &Stored<'_>, numbers: &Numbers) -> Result<Vec<usize>, WorkbenchError> {
        let equal = |column: &str, value: &Value| match table.index_of(column) {
            Some(index) => table.equal(&[index], &[value]),
            None => Ok(Vec::new()),
        };
        match self {
            Self::Name(name) if table.is_text("name") => equal("name", &name.as_str().into()),
            Self::Name(name) => name.parse::<i64>().map_or(Ok(Vec::new()), |number| equal("name", &number.into())),
            Self::Record(number) => match table.index_of("record") {
                Some(column) if numbers.one_file => table.numbered(column, *number),
                Some(_) => equal("record", &(*number).into()),
                None => Ok(numbers.row_of(*number).filter(|row| *row < table.rows()).into_iter().collect()),
            },
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
    fn among_rejects(&self, table: &Stored<'_>) -> Result<Vec<usize>, WorkbenchError> {
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
) -> Result<Vec<usize>, WorkbenchError> {
    table.matching(None, |row| {
        row.get(smiles).and_then(Value::as_str).and_then(structures.inchi_key).is_some_and(|found| found == key)
    })
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
