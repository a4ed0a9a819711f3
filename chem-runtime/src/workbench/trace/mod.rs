//! Follows a record through a run, to the step that dropped it: `chem trace`.
//!
//! What came out of a row step for a row is in the outcomes that the step recorded. Of other step types, a
//! [`Descent`](crate::step::Descent) says how their rows come from those of their inputs, and the tables say from which. What a
//! program answers is not followed: the trace ends where the program was given the record.
//!
//! - `back` follows a row of a result back to the records from which it comes.
//! - `find` finds the record among those that the sources of the run read.
//! - `tables` reads single rows of stored tables, and `step` has what is known of a step that ran.
//! - `links` says which rows of a step's outputs come from which rows of its inputs: by `carried` columns, and with `join` by
//!   two tables.
//! - `follow` says what became of a row in a step, and `reason` why a step dropped it. `parameters` has what both show.
//! - `written` reads the texts of records in their files again.
//! - `outcome` is what became of a record in a step, `describe` formats a trace as JSON, and `words`
//!   says it in words.

mod back;
mod carried;
mod describe;
mod find;
mod follow;
mod join;
mod links;
mod outcome;
mod parameters;
mod reason;
mod step;
mod tables;
mod words;
mod written;

use std::collections::HashMap;

use serde_json::{Map, Value};

use self::find::find;
pub use self::outcome::{Group, Kept, Partner, StepOutcome, StepTrace, WhyDropped};
use self::step::{Run, parts};
pub use self::words::InWords;
use self::written::add_texts;
use super::WorkbenchError;
use crate::event::{FlowEvent, FlowId};
use crate::flow::FlowInstance;
use crate::step::{Files, Registry};
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
    /// The index of its row in the main output, from 0; `None` if it was rejected.
    pub row: Option<usize>,
    /// The name in the data of the file that the record comes from, if a rejected record or the files say it.
    pub file: Option<String>,
    /// The line on which the record begins, from 1, as far as it is known.
    pub line: Option<u64>,
    /// The record as it is written in its file.
    pub written: WrittenText,
    /// The name of the record.
    pub name: Option<String>,
    /// The values that were read, by column.
    pub values: Map<String, Value>,
    /// Why the source rejected the record; `None` if it did not.
    pub rejected: Option<String>,
}

/// The text of a record in its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WrittenText {
    /// It was not looked for, or is not found.
    #[default]
    Unknown,
    /// The text, from the file that has the content with which it was read.
    Text(String),
    /// The file was not read, for this reason: it has changed, for example, or is missing.
    Unread(String),
}

/// Follows the records that `wanted` names through the run with the state `instance` and these `events`. Reads their texts in
/// `files`, if these have not changed since.
///
/// # Errors
/// [`WorkbenchError::NoSuchRecord`] if no source read such a record; also fails if the store cannot be read.
pub fn trace(
    store: &dyn EventStore,
    registry: &Registry,
    instance: &FlowInstance,
    events: &[FlowEvent],
    files: &Files,
    wanted: &Wanted,
) -> Result<Trace, WorkbenchError> {
    let run = Run::new(store, registry, instance, events, files);
    let mut found = find(&run, wanted)?;
    let more = found.len().saturating_sub(MOST_RECORDS);
    found.truncate(MOST_RECORDS);
    let steps: Vec<Vec<StepTrace>> =
        found.iter().map(|found| followed(&run, found.source, found.row)).collect::<Result<_, _>>()?;
    let mut read: Vec<(usize, ReadRecord)> = found.into_iter().map(|found| (found.source, found.origin)).collect();
    add_texts(&run, &mut read);
    let records = read.into_iter().zip(steps).map(|((_, origin), steps)| RecordTrace { origin, steps }).collect();
    Ok(Trace { flow_id: instance.flow_id(), records, more })
}

/// From which records a row of a step's output comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Ancestry {
    /// The id of the run.
    pub flow_id: FlowId,
    /// The output with the row: the id of the step, or `step.output` for another output than the main one.
    pub of: String,
    /// The step type.
    pub uses: String,
    /// The index of the row, from 0.
    pub row: usize,
    /// The values of the row, by column.
    pub values: Map<String, Value>,
    /// The steps on the way back, the last one first, each for every row that was followed.
    pub steps: Vec<Ancestor>,
    /// The records from which the row comes. At most 20.
    pub sources: Vec<ReadRecord>,
    /// The number of further rows and records that were not followed back.
    pub more: usize,
}

/// From which rows of its inputs a step made a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Ancestor {
    /// The id of the step.
    pub step: String,
    /// The step type.
    pub uses: String,
    /// The output with the row.
    pub output: String,
    /// The index of the row, from 0.
    pub row: usize,
    /// What the row was made from.
    pub from: CameFrom,
}

/// What a row was made from.
#[derive(Debug, Clone, PartialEq)]
pub enum CameFrom {
    /// Rows of the inputs.
    Rows(Vec<Parent>),
    /// It is not known, for this reason.
    Unknown(String),
}

/// Rows of an input from which a row was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The output that has the rows, as `step` or `step.output`.
    pub of: String,
    /// The indices of the first rows, from 0. At most 50.
    pub rows: Vec<usize>,
    /// The number of rows.
    pub count: usize,
    /// Whether the row was made from all of them; otherwise from one of them, which are equal.
    pub all: bool,
}

/// Follows the row `number`, from 1, of an output of the run back to the records from which it comes. `of` is the output, as
/// `step` or `step.output`; by default it is that of the last step that has a table.
///
/// # Errors
/// Fails if there is no such step, table or row, or if the store cannot be read.
pub fn ancestry(
    store: &dyn EventStore,
    registry: &Registry,
    instance: &FlowInstance,
    events: &[FlowEvent],
    files: &Files,
    of: Option<&str>,
    number: u64,
) -> Result<Ancestry, WorkbenchError> {
    back::ancestry(&Run::new(store, registry, instance, events, files), of, number)
}

/// Follows a row of an output of the step at `source` through the later steps. `row` is its index, with the name of the output.
fn followed<'a>(run: &'a Run<'a>, source: usize, row: (&'static str, usize)) -> Result<Vec<StepTrace>, WorkbenchError> {
    let Some(read) = run.recorded().get(source) else { return Ok(Vec::new()) };
    // The rows of each output that come from the record, by step and output.
    let mut rows: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    rows.insert((&read.id, row.0), vec![row.1]);
    let mut steps = Vec::new();
    for (index, recorded) in run.recorded().iter().enumerate().skip(source + 1) {
        let taken: Vec<(&str, &Vec<usize>)> =
            recorded.inputs.iter().filter_map(|(port, wire)| Some((port.as_str(), rows.get(&parts(wire))?))).collect();
        if taken.is_empty() {
            continue;
        }
        let passed = run.pass(index, &taken)?;
        for (output, out) in passed.rows.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            rows.insert((&recorded.id, output), out);
        }
        steps.extend(passed.outcomes.into_iter().map(|(outcome, output)| StepTrace {
            step: recorded.id.clone(),
            uses: recorded.uses.clone(),
            last: output.is_none_or(|output| !run.is_taken(index, output)),
            outcome,
        }));
    }
    Ok(steps)
}
