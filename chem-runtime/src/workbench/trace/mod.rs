//! Follows a record through a run, to the step that dropped it: `chem trace`.
//!
//! What came out of a row step for a row is in the outcomes that the step recorded. A step type that selects rows, such as a
//! sort, is followed by the values of the row, which its output has unchanged. No other step is followed: the trace says so.
//!
//! - `find` finds the record among those that the sources of the run read.
//! - `tables` reads single rows of stored tables.
//! - `follow` says what became of a row in a step, and `reason` why a step dropped it. `parameters` has what both show.
//! - `describe` formats a trace as JSON, and `words` says it in words.

mod describe;
mod find;
mod follow;
mod parameters;
mod reason;
mod tables;
mod words;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use self::find::find;
use self::follow::Run;
pub use self::words::InWords;
use super::WorkbenchError;
use super::facts::step_of;
use crate::event::{FlowEvent, FlowId};
use crate::flow::{FlowInstance, StepStatus};
use crate::step::{MAIN_OUTPUT, Registry};
use crate::store::EventStore;

/// The maximum number of records that a trace follows.
const MOST_RECORDS: usize = 20;

/// Names a record that a source of the run read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The record with this name.
    Name(String),
    /// The record with this number in its file, from 1.
    Record(u64),
    /// The molecule with this SMILES, in any spelling.
    Smiles(String),
    /// The molecule with this InChIKey.
    InchiKey(String),
}

/// What became of records in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The id of the run.
    pub flow_id: FlowId,
    /// The records, in the order in which they were read. At most 20.
    pub records: Vec<RecordTrace>,
    /// The number of further records that were wanted.
    pub more: usize,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordTrace {
    /// Where the record was read.
    pub origin: ReadRecord,
    /// The steps that the record reached, in their order.
    pub steps: Vec<StepTrace>,
}

/// Where a record was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadRecord {
    /// The id of the source.
    pub step: String,
    /// The step type of the source.
    pub uses: String,
    /// The file, as the flow names it; several if the record does not say which.
    pub files: Vec<String>,
    /// The number of the record, from 1.
    pub record: Option<u64>,
    /// The line on which the record begins, from 1; known for rejected records alone.
    pub line: Option<u64>,
    /// The name of the record.
    pub name: Option<String>,
    /// The values that were read, by column.
    pub values: Map<String, Value>,
    /// Why the source rejected the record; `None` if it did not.
    pub rejected: Option<String>,
}

/// What a step did with a record.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTrace {
    /// The id of the step.
    pub step: String,
    /// The step type.
    pub uses: String,
    /// What became of the record.
    pub outcome: StepOutcome,
}

/// What became of a record in a step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome {
    /// The record came out, in these rows.
    Kept(Vec<Kept>),
    /// The step rejected the record for this reason.
    Rejected(String),
    /// The step dropped the record.
    Dropped(Vec<WhyDropped>),
    /// The step kept another record in place of this one.
    Merged {
        /// The values of the other record that identify it: its name, its number, and its SMILES.
        into: Map<String, Value>,
        /// The column or key in which both are equal.
        by: String,
    },
    /// The step is a sink that took the record, and wrote these files.
    Given(Vec<String>),
    /// The step took the record, but cannot be followed.
    Unfollowed(String),
    /// The step did not finish.
    NotFinished(StepStatus),
}

/// A row that came out for a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The index of the row in the main output, from 0.
    pub row: usize,
    /// The values that the step computed or changed, by column.
    pub values: Map<String, Value>,
    /// The number of rows of the input that have the same values: more than 1 if the row may be that of another record.
    pub alike: usize,
}

/// Why a step dropped a record.
#[derive(Debug, Clone, PartialEq)]
pub enum WhyDropped {
    /// A condition did not hold.
    Condition {
        /// The condition, or the part of it that did not hold.
        condition: String,
        /// The column without a value, if the condition depends on it.
        missing: Option<String>,
        /// The values of the columns in the condition.
        columns: BTreeMap<String, Value>,
        /// The values of the flow parameters in the condition.
        params: BTreeMap<String, Value>,
    },
    /// The step drops such records. What it did follows from these.
    Parameters {
        /// The parameters of the step, without files.
        params: Map<String, Value>,
        /// The values of the columns on which the step decides, as far as they are known.
        columns: BTreeMap<String, Value>,
    },
}

/// Follows the records that `wanted` names through the run with the state `instance` and these `events`.
///
/// # Errors
/// [`WorkbenchError::NoSuchRecord`] if no source read such a record; also fails if the store cannot be read.
pub fn trace(
    store: &dyn EventStore,
    registry: &Registry,
    instance: &FlowInstance,
    events: &[FlowEvent],
    wanted: &Wanted,
) -> Result<Trace, WorkbenchError> {
    let run = Run::new(store, registry, instance, events);
    let mut found = find(&run, wanted)?;
    let more = found.len().saturating_sub(MOST_RECORDS);
    found.truncate(MOST_RECORDS);
    let records = found.into_iter().map(|found| {
        let steps = followed(&run, found.source, found.row)?;
        Ok(RecordTrace { origin: found.origin, steps })
    });
    Ok(Trace { flow_id: instance.flow_id(), records: records.collect::<Result<_, WorkbenchError>>()?, more })
}

/// Follows a row of an output of the step at `source` through the later steps. `row` is its index, with the name of the output.
fn followed(run: &Run<'_>, source: usize, row: (&str, usize)) -> Result<Vec<StepTrace>, WorkbenchError> {
    let facts = run.facts();
    let Some(read) = facts.step_ids.get(source) else { return Ok(Vec::new()) };
    // The rows of each output that come from the record, by step and output.
    let mut rows: HashMap<(String, String), Vec<usize>> = HashMap::new();
    rows.insert((read.clone(), row.0.to_owned()), vec![row.1]);
    let mut steps = Vec::new();
    for (index, recorded) in run.recorded().iter().enumerate().skip(source + 1) {
        let taken: Vec<(&str, &Vec<usize>)> = recorded
            .inputs
            .iter()
            .filter_map(|(port, wire)| {
                let output = wire.split_once('.').map_or(MAIN_OUTPUT, |(_, output)| output);
                Some((port.as_str(), rows.get(&(step_of(wire).to_owned(), output.to_owned()))?))
            })
            .collect();
        if taken.is_empty() {
            continue;
        }
        let passed = run.pass(index, &taken)?;
        for (output, out) in passed.rows.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            rows.insert((recorded.id.clone(), output.to_owned()), out);
        }
        steps.extend(passed.outcomes.into_iter().map(|outcome| StepTrace {
            step: recorded.id.clone(),
            uses: recorded.uses.clone(),
            outcome,
        }));
    }
    Ok(steps)
}
