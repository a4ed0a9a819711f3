//! `chem why`: explains why a step of a run ran.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::WorkbenchError;
use super::difference::{Difference, chain, differences};
use super::earlier::EarlierRuns;
use super::facts::FlowFacts;
use super::incidents::Incident;
#[cfg(any(feature = "cli", feature = "ui"))]
use super::incidents::lines;
use crate::event::{EventAddress, FlowId, TakenOver};
use crate::flow::{FlowInstance, StepStatus};
use crate::store::EventStore;

/// The explanation why a step ran or was reused.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// The id of the run.
    pub flow_id: FlowId,
    /// The id of the step.
    pub step: String,
    /// The status of the step.
    pub status: StepStatus,
    /// The source of a reused result; `None` if the step ran.
    pub reused_from: Option<EventAddress>,
    /// The rows that were taken over from an earlier result; `None` if all were computed, or the step has none.
    pub taken_over: Option<TakenOver>,
    /// The run to compare with; `None` if no earlier run has the step.
    pub against: Option<FlowId>,
    /// The differences from the step in that run; empty if there are none.
    pub differences: Vec<Difference>,
    /// The differences of each earlier step to which `differences` lead, by step id.
    pub upstream: BTreeMap<String, Vec<Difference>>,
    /// What happened to the processes and machines that worked on the step, in this run.
    pub incidents: Vec<Incident>,
}

/// Explains why the step called `step` ran in the run with the state `instance`. Compares it with the run `against`, or with
/// the newest earlier run of the same flow in which the step started.
///
/// # Errors
/// [`WorkbenchError::NoSuchStep`] and [`WorkbenchError::NotStarted`]; also fails if the store cannot be read.
pub fn why(
    store: &dyn EventStore,
    instance: &FlowInstance,
    step: &str,
    against: Option<FlowId>,
) -> Result<Why, WorkbenchError> {
    let Some(state) = instance.step(step) else {
        let known = instance.steps().iter().map(|step| step.id.clone()).collect();
        return Err(WorkbenchError::NoSuchStep { step: step.to_owned(), known });
    };
    let facts = FlowFacts::of_run(instance);
    let Some(after) = facts.step(step) else {
        return Err(WorkbenchError::NotStarted { step: step.to_owned(), flow_id: instance.flow_id() });
    };
    let earlier = match against {
        Some(against) => EarlierRuns::only(store, against)?,
        None => EarlierRuns::of(store, &facts.flow, Some(instance.flow_id()))?,
    };
    let mut why = Why {
        flow_id: instance.flow_id(),
        step: step.to_owned(),
        status: state.status,
        reused_from: state.reused,
        taken_over: state.taken_over,
        against: None,
        differences: vec![Difference::New],
        upstream: BTreeMap::new(),
        incidents: Incident::all(instance.flow_id(), &store.list(instance.flow_id())?),
    };
    why.incidents.retain(|incident| incident.step == step);
    if let Some((run, before)) = earlier.with_step(step)? {
        let compared = |id: &str| {
            let after = facts.step(id)?;
            Some(before.get(id).map_or_else(|| vec![Difference::New], |before| differences(before, after)))
        };
        why.against = Some(run);
        why.differences = before.get(step).map(|before| differences(before, after)).unwrap_or_default();
        why.upstream = chain(&why.differences, compared);
    }
    Ok(why)
}

impl Why {
    /// Says what happened to the processes and machines that worked on the step, each kind on a line of its own.
    #[cfg(any(feature = "cli", feature = "ui"))]
    pub(crate) fn lines_of_incidents(&self) -> Vec<String> {
        lines(&self.incidents.iter().collect::<Vec<_>>(), &|incident| format!("step `{}`", incident.step))
    }

    /// Returns the explanation as JSON, for scripts.
    pub fn to_json(&self) -> Value {
        let all = |differences: &[Difference]| differences.iter().map(Difference::to_json).collect::<Value>();
        let upstream: Vec<Value> =
            self.upstream.iter().map(|(step, why)| json!({"step": step, "why": all(why)})).collect();
        json!({
            "flow_id": self.flow_id.to_string(),
            "step": self.step,
            "status": self.status.name(),
            "cached": self.reused_from.is_some(),
            "reused_from": self.reused_from,
            "taken_over": self.taken_over,
            "against": self.against.map(|against| against.to_string()),
            "why": all(&self.differences),
            "upstream": upstream,
            "incidents": self.incidents.iter().map(Incident::to_json).collect::<Value>(),
        })
    }
}
