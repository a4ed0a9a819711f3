//! `chem diff`: compares two runs, or a run with the plan of a manifest.
//!
//! Compares the definitions and parameters, finds the first step that differs and the components that cause it, and compares
//! the outputs. `records` compares tables by chunks and reads only those that differ; `describe` formats the result as JSON.

mod describe;
mod records;

use serde_json::{Map, Value};

pub use records::{Example, RecordDifference};

use super::WorkbenchError;
use super::difference::{Difference, differences, params};
use super::facts::{FlowFacts, StepFacts};
use super::tables::first_difference;
use crate::artifact::{ArtifactSource, TableRoot};
use crate::event::{FlowId, OutputRef};
use crate::fingerprint::{ArtifactHash, Fingerprint};
use crate::flow::FlowStatus;
use crate::store::PersistenceError;

/// The comparison of two flows, `before` and `after`.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The reference.
    pub before: Side,
    /// The flow that is compared with the reference.
    pub after: Side,
    /// The ids of steps that only `after` has.
    pub added: Vec<String>,
    /// The ids of steps that only `before` has.
    pub removed: Vec<String>,
    /// Whether the common steps have different orders.
    pub reordered: bool,
    /// The flow parameters that differ.
    pub params: Vec<Difference>,
    /// The steps that differ, in the order of `after`. The first is where the two diverge.
    pub steps: Vec<StepComparison>,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// The id of the run; `None` for a plan.
    pub flow_id: Option<FlowId>,
    /// The name of the flow.
    pub flow: String,
    /// The status of the run; `None` for a plan.
    pub status: Option<FlowStatus>,
    /// The flow fingerprint; `None` until the run is complete.
    pub flow_fingerprint: Option<Fingerprint>,
}

/// A step that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct StepComparison {
    /// The id of the step.
    pub step: String,
    /// The components that differ; empty if the step does the same work with different outputs.
    pub why: Vec<Difference>,
    /// The outputs that differ, if both sides are known.
    pub outputs: Vec<OutputComparison>,
}

/// An output that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputComparison {
    /// The name of the output.
    pub output: String,
    /// The artifact in `before`; `None` if it has no such output.
    pub before: Option<ArtifactHash>,
    /// The artifact in `after`; `None` if it has no such output.
    pub after: Option<ArtifactHash>,
    /// The difference between the two.
    pub change: Change,
}

/// The difference between two artifacts.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The records of two tables differ.
    Records(RecordDifference),
    /// The values of two artifacts differ.
    Value {
        /// The JSON path of the first difference.
        path: String,
        /// The value in `before`.
        before: Value,
        /// The value in `after`.
        after: Value,
    },
    /// Only one side has the output.
    OneSided,
    /// An artifact cannot be read, with the reason.
    Unreadable(String),
}

impl Comparison {
    /// Returns whether there is no difference at all.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && !self.reordered
            && self.params.is_empty()
            && self.steps.is_empty()
            && self.statuses().is_none()
            && self.fingerprints().is_none()
    }

    /// Returns the statuses of the two runs, if they differ.
    pub fn statuses(&self) -> Option<(FlowStatus, FlowStatus)> {
        self.before.status.zip(self.after.status).filter(|(before, after)| before != after)
    }

    /// Returns the flow fingerprints, if both runs are complete and the fingerprints differ.
    pub fn fingerprints(&self) -> Option<(Fingerprint, Fingerprint)> {
        self.before.flow_fingerprint.zip(self.after.flow_fingerprint).filter(|(before, after)| before != after)
    }

    /// Returns the first step that differs.
    pub fn parted(&self) -> Option<&StepComparison> {
        self.steps.first()
    }
}

/// Compares `after` with `before`. Reads the artifacts of both from `source`.
///
/// # Errors
/// Fails if the source cannot be read, apart from single damaged artifacts.
pub fn diff(source: &dyn ArtifactSource, before: &FlowFacts, after: &FlowFacts) -> Result<Comparison, WorkbenchError> {
    let only = |these: &FlowFacts, those: &FlowFacts| -> Vec<String> {
        these.step_ids.iter().filter(|id| !those.step_ids.contains(id)).cloned().collect()
    };
    let common = |these: &FlowFacts, those: &FlowFacts| -> Vec<String> {
        these.step_ids.iter().filter(|id| those.step_ids.contains(id)).cloned().collect()
    };
    let mut steps = Vec::new();
    for id in &after.step_ids {
        let (why, outputs) = match (before.step(id), after.step(id)) {
            (Some(earlier), Some(step)) => {
                let ran = before.status.is_some() && after.status.is_some();
                (differences(earlier, step), outputs(source, earlier, step, ran)?)
            }
            (None, Some(_)) if before.step_ids.contains(id) => (vec![Difference::Started { after: true }], Vec::new()),
            (None, Some(_)) => (vec![Difference::New], Vec::new()),
            // A plan may not reach every step.
            (Some(_), None) if after.status.is_some() => (vec![Difference::Started { after: false }], Vec::new()),
            (_, None) => (Vec::new(), Vec::new()),
        };
        if !why.is_empty() || !outputs.is_empty() {
            steps.push(StepComparison { step: id.clone(), why, outputs });
        }
    }
    Ok(Comparison {
        before: Side::of(before),
        after: Side::of(after),
        added: only(after, before),
        removed: only(before, after),
        reordered: common(before, after) != common(after, before),
        params: params(&before.params, &after.params),
        steps,
    })
}

impl Side {
    fn of(facts: &FlowFacts) -> Self {
        Self {
            flow_id: facts.flow_id,
            flow: facts.flow.clone(),
            status: facts.status,
            flow_fingerprint: facts.flow_fingerprint,
        }
    }
}

/// Returns the outputs that differ. Unless both sides `ran`, a step without outputs has unknown ones.
fn outputs(
    source: &dyn ArtifactSource,
    before: &StepFacts,
    after: &StepFacts,
    ran: bool,
) -> Result<Vec<OutputComparison>, WorkbenchError> {
    if !ran && (before.outputs.is_empty() || after.outputs.is_empty()) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let of = |outputs: &[OutputRef], name: &str| outputs.iter().find(|output| output.name == name).map(|it| it.hash);
    for output in &after.outputs {
        let (was, is) = (of(&before.outputs, &output.name), output.hash);
        if was == Some(is) {
            continue;
        }
        let change = match was {
            Some(was) => compare(source, was, is)?,
            None => Change::OneSided,
        };
        found.push(OutputComparison { output: output.name.clone(), before: was, after: Some(is), change });
    }
    for output in before.outputs.iter().filter(|output| of(&after.outputs, &output.name).is_none()) {
        let (output, was) = (output.name.clone(), Some(output.hash));
        found.push(OutputComparison { output, before: was, after: None, change: Change::OneSided });
    }
    Ok(found)
}

/// Compares two artifacts with different hashes.
fn compare(source: &dyn ArtifactSource, was: ArtifactHash, is: ArtifactHash) -> Result<Change, WorkbenchError> {
    let read = || {
        let (was, is) = (source.artifact(was)?, source.artifact(is)?);
        if let (Ok(before), Ok(after)) = (TableRoot::of(&was), TableRoot::of(&is)) {
            return records::compare(source, &before, &after).map(Change::Records);
        }
        let whole = |before: &str, after: &str| (String::from("kind"), before.into(), after.into());
        let (path, before, after) = match first_difference(&was.payload()?, &is.payload()?) {
            Some(found) => found,
            None => whole(was.kind(), is.kind()),
        };
        Ok(Change::Value { path, before, after })
    };
    read().or_else(|error| Ok(Change::Unreadable(PersistenceError::behind(error)?.to_string())))
}

/// Converts a row to a JSON object.
fn record(columns: &[String], row: &[Value]) -> Value {
    Value::Object(columns.iter().cloned().zip(row.iter().cloned()).collect::<Map<String, Value>>())
}
