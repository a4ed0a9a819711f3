//! The children of a run: the runs that its steps with `map:` run, and those that work on shards.

use serde_json::{Map, Value, json};

use super::{WorkbenchError, running_process};
use crate::engine::{ShardFlows, child_id};
use crate::event::{FlowEventKind, FlowId};
use crate::fingerprint::Fingerprint;
use crate::flow::{FlowDefinition, FlowInstance, FlowStatus};
use crate::step::children::{MAP_STEP, MapParams, label};
use crate::step::{Registry, StepError};
use crate::store::{EventStore, Holder};

/// A child of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// The id of the step that runs it.
    pub step_id: String,
    /// Its index among the children of the step, from 0.
    pub index: usize,
    /// The id of the run.
    pub flow_id: FlowId,
    /// The values of the parameters that differ between the children.
    pub given: Map<String, Value>,
    /// The status in the log; `None` if it has not begun.
    pub status: Option<FlowStatus>,
    /// The flow fingerprint; `None` until it is complete.
    pub flow_fingerprint: Option<Fingerprint>,
    /// The process that runs it, if that is another one.
    pub holder: Option<Holder>,
}

impl Child {
    /// Returns what distinguishes the child from the others, such as `max_weight=300`.
    pub fn label(&self) -> String {
        label(&self.given)
    }

    /// Returns the child as `chem show --format json` prints it.
    pub fn to_json(&self) -> Value {
        json!({
            "step": self.step_id,
            "index": self.index,
            "flow_id": self.flow_id,
            "given": self.given,
            "status": self.status_name(),
            "flow_fingerprint": self.flow_fingerprint,
        })
    }

    /// Returns the status as lists print it.
    pub fn status_name(&self) -> &'static str {
        match (self.status, &self.holder) {
            (_, Some(_)) => "running",
            (Some(status), None) => status.name(),
            (None, None) => "not begun",
        }
    }
}

/// Returns the children of a run, in the order of its steps. A step that has not started has none yet, and one whose result
/// is reused has none in this run.
///
/// # Errors
/// Fails if the store cannot be read, or if the recorded parameters of a step do not say which children it has.
pub fn children(store: &dyn EventStore, run: &FlowInstance) -> Result<Vec<Child>, WorkbenchError> {
    let mut children = Vec::new();
    for Member { step_id, index, flow_id, given } in members(store, run)? {
        let last = match store.next_position(flow_id)?.checked_sub(1) {
            Some(last) => store.read_event(flow_id, last)?,
            None => None,
        };
        let status = last.as_ref().map(|event| event.kind.status_after());
        let holder = match status {
            Some(status) => running_process(store, flow_id, status)?,
            None => None,
        };
        let flow_fingerprint = match last.map(|event| event.kind) {
            Some(FlowEventKind::FlowCompleted(completed)) => Some(completed.flow_fingerprint),
            _ => None,
        };
        children.push(Child { step_id, index, flow_id, given, status, flow_fingerprint, holder });
    }
    Ok(children)
}

/// Returns the number of events that the children of a run have together. It grows whenever one of them goes on.
///
/// # Errors
/// Fails like [`children`].
#[cfg(feature = "ui")]
pub(crate) fn events_of_children(store: &dyn EventStore, run: &FlowInstance) -> Result<u64, WorkbenchError> {
    members(store, run)?.into_iter().try_fold(0, |sum, member| Ok(sum + store.next_position(member.flow_id)?))
}

/// A child by what the log of its parent says.
struct Member {
    step_id: String,
    index: usize,
    flow_id: FlowId,
    given: Map<String, Value>,
}

fn members(store: &dyn EventStore, run: &FlowInstance) -> Result<Vec<Member>, WorkbenchError> {
    let unreadable =
        |error: StepError| WorkbenchError::Children { flow_id: run.flow_id(), reason: format!("{error:#}") };
    let recorded = run.initialized().map(|begun| begun.definition.steps.as_slice()).unwrap_or_default();
    let in_shards = recorded.iter().any(|step| step.shards.is_some());
    let definition = || FlowDefinition::of_run(run, Registry::linked()?).map_err(StepError::from);
    let definition = in_shards.then(definition).transpose().map_err(unreadable)?;
    let mut members = Vec::new();
    for (step_index, (step, state)) in recorded.iter().zip(run.steps()).enumerate() {
        let (Some(started), None) = (&state.started, state.reused) else { continue };
        let given: Vec<Map<String, Value>> = if step.uses == MAP_STEP {
            let invalid = |reason: String| StepError::new(format!("step `{}`: {reason}", step.id));
            let params = MapParams::read(&step.params).map_err(|reason| unreadable(invalid(reason)))?;
            params.children.into_iter().map(|child| child.given).collect()
        } else if let (Some(definition), Some(_)) = (&definition, &step.shards) {
            let shards = ShardFlows::of(definition, run, step_index, store).map_err(unreadable)?;
            // The other steps of the group have the same children.
            let begun = shards.filter(|(_, begun)| begun.step_index == step_index);
            begun.map(|(shards, _)| (0..shards.count()).map(|index| shards.given(index)).collect()).unwrap_or_default()
        } else {
            continue;
        };
        members.extend(given.into_iter().enumerate().map(|(index, given)| {
            let flow_id = child_id(run.flow_id(), started, index);
            Member { step_id: step.id.clone(), index, flow_id, given }
        }));
    }
    Ok(members)
}
