//! `chem why`: why a step of a run ran.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::WorkbenchError;
use super::difference::{Difference, chain, differences};
use super::earlier::EarlierRuns;
use super::facts::FlowFacts;
use crate::event::{EventAddress, FlowId};
use crate::flow::{FlowInstance, StepStatus};
use crate::store::EventStore;

/// Why a step of a run ran, or that it did not need to.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// The run.
    pub flow_id: FlowId,
    /// The step.
    pub step: String,
    /// Where it stands.
    pub status: StepStatus,
    /// Where its result comes from, if it was not run.
    pub reused_from: Option<EventAddress>,
    /// The run that it was compared with; none if no earlier one has the step.
    pub against: Option<FlowId>,
    /// In what it differs from the same step of that run. Empty if in nothing.
    pub differences: Vec<Difference>,
    /// The same for each earlier step that the differences lead back to.
    pub upstream: BTreeMap<String, Vec<Difference>>,
}

/// Why the step called `step` ran in the run whose state is `instance`: against the newest earlier run of the same flow
/// in which it started, or against the run that is named.
///
/// # Errors
/// [`WorkbenchError::NoSuchStep`] and [`WorkbenchError::NotStarted`], and what the store has to complain of.
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
        against: None,
        differences: vec![Difference::New],
        upstream: BTreeMap::new(),
    };
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
    /// The answer for scripts.
    pub fn to_json(&self) -> Value {
        let told = |differences: &[Difference]| differences.iter().map(Difference::to_json).collect::<Value>();
        let upstream: Vec<Value> =
            self.upstream.iter().map(|(step, why)| json!({"step": step, "why": told(why)})).collect();
        json!({
            "flow_id": self.flow_id.to_string(),
            "step": self.step,
            "status": self.status.name(),
            "cached": self.reused_from.is_some(),
            "reused_from": self.reused_from,
            "against": self.against.map(|against| against.to_string()),
            "why": told(&self.differences),
            "upstream": upstream,
        })
    }
}
