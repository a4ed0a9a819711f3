//! How a run deviates from a plan that was stated before it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::difference::params;
use crate::event::{FlowEvent, FlowEventKind, FlowId, UserInteractionProvided};
use crate::evidence::Plan;
use crate::fingerprint::canonical_json;
use crate::flow::{FlowInstance, StepStatus, changes, policy_changes};

/// Something in a run that its plan does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// What it concerns: `flow`, `description`, `parameter`, `step`, `policy`, `decision`, `retry`, `branch`, `reuse` or `end`.
    pub about: &'static str,
    /// The id of the step; `None` if it concerns the whole run.
    pub step: Option<String>,
    /// What deviates.
    pub text: String,
}

impl Deviation {
    fn new(about: &'static str, step: Option<&str>, text: String) -> Self {
        Self { about, step: step.map(str::to_owned), text }
    }

    /// Returns the deviation as JSON.
    pub fn to_json(&self) -> Value {
        json!({ "about": self.about, "step": self.step, "text": self.text })
    }
}

/// Returns every deviation of a run from a plan. `later` has the runs that began after the plan was sealed; results that the
/// run reuses from any other were known when the plan was made.
pub fn deviations(
    plan: &Plan,
    instance: &FlowInstance,
    events: &[FlowEvent],
    later: &BTreeSet<FlowId>,
) -> Vec<Deviation> {
    let mut found = Vec::new();
    let Some(begun) = instance.initialized() else {
        return vec![Deviation::new("end", None, "the run has not begun".into())];
    };
    if begun.flow != plan.flow {
        let text = format!("the flow is `{}`, and the plan is one of `{}`", begun.flow, plan.flow);
        found.push(Deviation::new("flow", None, text));
    }
    let (before, after) = (&plan.definition, &begun.definition);
    if before.description != after.description {
        found.push(Deviation::new("description", None, "the description of the flow differs".into()));
    }
    let differing = params(&before.params, &after.params);
    found.extend(differing.iter().map(|one| Deviation::new("parameter", None, format!("flow {one}"))));
    let steps = changes(before, after);
    found.extend(steps.iter().map(|one| Deviation::new("step", Some(&one.step), one.to_string())));
    let policies = policy_changes(before, after);
    found.extend(policies.iter().map(|one| Deviation::new("policy", Some(&one.step), one.to_string())));
    found.extend(events.iter().filter_map(|event| of_event(event, instance, later)).flatten());
    for state in instance.steps() {
        if state.status != StepStatus::FinishedOk {
            let text = format!("step `{}` is {}", state.id, state.status.name());
            found.push(Deviation::new("end", Some(&state.id), text));
        }
    }
    found
}

/// Returns what an event says that no plan does.
fn of_event(event: &FlowEvent, instance: &FlowInstance, later: &BTreeSet<FlowId>) -> Option<Vec<Deviation>> {
    let one = |about, step: &str, text: String| Some(vec![Deviation::new(about, Some(step), text)]);
    match &event.kind {
        FlowEventKind::BranchCreated(it) => one(
            "branch",
            &it.step_id,
            format!("the run shares the steps before `{}` with run {}", it.step_id, it.parent),
        ),
        FlowEventKind::UserInteractionProvided(it) if it.approved => Some(of_decision(it, instance)),
        FlowEventKind::UserInteractionProvided(it) => {
            let reason = it.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            one("decision", &it.step_id, format!("step `{}` was rejected{reason}", it.step_id))
        }
        FlowEventKind::RetryScheduled(it) if it.by.is_some() => {
            one("retry", &it.step_id, format!("step `{}` was retried on request: {}", it.step_id, it.reason))
        }
        FlowEventKind::StepReused(it) if it.source.flow_id != event.flow_id && !later.contains(&it.source.flow_id) => {
            let text = format!(
                "step `{}` has the result of run {}, which began before the plan was sealed",
                it.step_id, it.source.flow_id
            );
            one("reuse", &it.step_id, text)
        }
        _ => None,
    }
}

/// Returns the parameters that an approval set to other values than the definition.
fn of_decision(decision: &UserInteractionProvided, instance: &FlowInstance) -> Vec<Deviation> {
    let none = Map::new();
    let recorded = instance.recorded(decision.step_index).map_or(&none, |step| &step.params);
    let data = decision.data.as_ref().and_then(Value::as_object).unwrap_or(&none);
    let text = |value: Option<&Value>| value.and_then(|value| canonical_json(value).ok());
    let changed = data.iter().filter(|(name, value)| text(recorded.get(*name)) != text(Some(value)));
    let step = &decision.step_id;
    changed
        .map(|(name, value)| {
            let text = format!("step `{step}`: the approval set parameter {name} to {value}");
            Deviation::new("decision", Some(step), text)
        })
        .collect()
}
