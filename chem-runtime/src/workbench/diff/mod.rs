//! `chem diff`: two runs side by side, or a run and what a manifest would do.
//!
//! First what was asked for (the definition and the parameters), then the first step in which the two part and the
//! component that made them, then what that did to the outputs. `records` compares tables by their chunks and reads only
//! those that differ; `describe` says it in JSON.

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
use crate::store::StoreError;

/// Two flows side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The one that is compared with.
    pub before: Side,
    /// The one that is compared.
    pub after: Side,
    /// Steps that only the second has.
    pub added: Vec<String>,
    /// Steps that only the first has.
    pub removed: Vec<String>,
    /// Whether the steps that both have stand in another order.
    pub reordered: bool,
    /// The parameters of the flow that differ.
    pub params: Vec<Difference>,
    /// The steps that differ, in the order of the second. The first of them is where the two part.
    pub steps: Vec<StepComparison>,
}

/// One of two flows that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// The run; none for what a manifest would do.
    pub flow_id: Option<FlowId>,
    /// The flow's name.
    pub flow: String,
    /// How the run stands; none for what a manifest would do.
    pub status: Option<FlowStatus>,
    /// The flow's fingerprint, if it is complete.
    pub flow_fingerprint: Option<Fingerprint>,
}

/// A step that is not the same in both.
#[derive(Debug, Clone, PartialEq)]
pub struct StepComparison {
    /// The step.
    pub step: String,
    /// The components that differ; none if it does the same work and gives something else.
    pub why: Vec<Difference>,
    /// What that did to its outputs, as far as both are known.
    pub outputs: Vec<OutputComparison>,
}

/// An output that is not the same in both.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputComparison {
    /// The output.
    pub output: String,
    /// The artifact of the first; none if it has none.
    pub before: Option<ArtifactHash>,
    /// That of the second; none if it has none.
    pub after: Option<ArtifactHash>,
    /// What lies between them.
    pub change: Change,
}

/// What lies between two artifacts.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Records of a table.
    Records(RecordDifference),
    /// A value, first at this path.
    Value {
        /// Where.
        path: String,
        /// What the first has.
        before: Value,
        /// What the second has.
        after: Value,
    },
    /// Only one of the two has it.
    OneSided,
    /// It cannot be read.
    Unreadable(String),
}

impl Comparison {
    /// Whether there is no difference at all.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && !self.reordered
            && self.params.is_empty()
            && self.steps.is_empty()
            && self.statuses().is_none()
            && self.fingerprints().is_none()
    }

    /// How the two runs stand, if not alike.
    pub fn statuses(&self) -> Option<(FlowStatus, FlowStatus)> {
        self.before.status.zip(self.after.status).filter(|(before, after)| before != after)
    }

    /// The fingerprints of the two flows, if both are complete and have not the same.
    pub fn fingerprints(&self) -> Option<(Fingerprint, Fingerprint)> {
        self.before.flow_fingerprint.zip(self.after.flow_fingerprint).filter(|(before, after)| before != after)
    }

    /// The first step in which the two part.
    pub fn parted(&self) -> Option<&StepComparison> {
        self.steps.first()
    }
}

/// Compares `after` with `before`; the artifacts of both are read from `source`.
///
/// # Errors
/// What the store has to complain of, other than of an artifact.
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
            // A plan does not know all about every step that it reaches.
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

/// The outputs that differ. Where not both have `ran`, those of a step that has none are not known.
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

/// What lies between two artifacts of different names.
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
    read().or_else(|error| Ok(Change::Unreadable(StoreError::behind(error)?.to_string())))
}

/// A row as an object, for scripts.
fn record(columns: &[String], row: &[Value]) -> Value {
    Value::Object(columns.iter().cloned().zip(row.iter().cloned()).collect::<Map<String, Value>>())
}
