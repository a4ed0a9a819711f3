//! The children of a run: the runs that its steps with `map:` run.

use serde_json::{Map, Value, json};

use super::{WorkbenchError, running_process};
use crate::engine::child_id;
use crate::event::{FlowEventKind, FlowId};
use crate::fingerprint::Fingerprint;
use crate::flow::{FlowInstance, FlowStatus};
use crate::step::children::{MAP_STEP, MapParams, label};
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
    let recorded = run.initialized().map(|begun| begun.definition.steps.as_slice()).unwrap_or_default();
    for (step, state) in recorded.iter().zip(run.steps()).filter(|(step, _)| step.uses == MAP_STEP) {
        let (Some(started), None) = (&state.started, state.reused) else { continue };
        let Ok(params) = MapParams::read(&step.params) else { continue };
        for (index, child) in params.children.into_iter().enumerate() {
            let flow_id = child_id(run.flow_id(), started, index);
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
            let (step_id, given) = (step.id.clone(), child.given);
            children.push(Child { step_id, index, flow_id, given, status, flow_fingerprint, holder });
        }
    }
    Ok(children)
}
