//! The children of a run: the runs that its steps with `map:` run.

use serde_json::{Map, Value, json};

use super::{WorkbenchError, running_process};
use crate::engine::child_id;
use crate::event::{FlowEventKind, FlowId};
use crate::fingerprint::Fingerprint;
use crate::flow::{FlowInstance, FlowStatus};
use crate::step::children::{ChildFlow, MAP_STEP, MapParams, label};
#[cfg(feature = "ui")]
use crate::store::PersistenceError;
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
/// Fails if the store cannot be read.
pub fn children(store: &dyn EventStore, run: &FlowInstance) -> Result<Vec<Child>, WorkbenchError> {
    let mut children = Vec::new();
    for Member { step_id, index, flow_id, given } in members(run) {
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
        let step_id = step_id.to_owned();
        children.push(Child { step_id, index, flow_id, given, status, flow_fingerprint, holder });
    }
    Ok(children)
}

/// Returns the number of events that the children of a run have together. It grows whenever one of them goes on.
///
/// # Errors
/// Fails if the store cannot be read.
#[cfg(feature = "ui")]
pub(crate) fn events_of_children(store: &dyn EventStore, run: &FlowInstance) -> Result<u64, PersistenceError> {
    members(run).try_fold(0, |sum, member| Ok(sum + store.next_position(member.flow_id)?))
}

/// A child by what the log of its parent says.
struct Member<'a> {
    step_id: &'a str,
    index: usize,
    flow_id: FlowId,
    given: Map<String, Value>,
}

fn members(run: &FlowInstance) -> impl Iterator<Item = Member<'_>> {
    let recorded = run.initialized().map(|begun| begun.definition.steps.as_slice()).unwrap_or_default();
    let steps = recorded.iter().zip(run.steps()).filter(|(step, _)| step.uses == MAP_STEP);
    steps.flat_map(|(step, state)| {
        let started = state.started.as_ref().filter(|_| state.reused.is_none());
        let params = started.and_then(|started| Some((started, MapParams::read(&step.params).ok()?)));
        params.into_iter().flat_map(|(started, params)| {
            let member = |(index, child): (usize, ChildFlow)| {
                let flow_id = child_id(run.flow_id(), started, index);
                Member { step_id: &step.id, index, flow_id, given: child.given }
            };
            params.children.into_iter().enumerate().map(member)
        })
    })
}
