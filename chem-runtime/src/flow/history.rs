//! What led to a step, taken from what is known of the steps before it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::definition::{FlowDefinition, FlowStep};
use super::instance::{FlowInstance, StepStatus};
use crate::event::OutputRef;
use crate::fingerprint::Fingerprint;
use crate::step::{History, PastInput, PastStep};

/// What has to be known of a step to tell of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Its parameters as they are hashed.
    pub params: Map<String, Value>,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// What it put out.
    pub outputs: Vec<OutputRef>,
}

/// The steps that the inputs of the step at `index` come from, directly or by way of others, given what is known of the
/// step at each place. None if not all of them are known.
pub fn history_before(
    definition: &FlowDefinition,
    flow: &str,
    index: usize,
    known: impl Fn(usize) -> Option<Finished>,
) -> Option<History> {
    let mut ancestors = BTreeSet::new();
    let mut ahead = vec![index];
    while let Some(step) = ahead.pop() {
        let from = definition.steps()[step].inputs().values().map(|address| address.step);
        ahead.extend(from.filter(|step| ancestors.insert(*step)));
    }
    let steps = ancestors.into_iter().map(|place| Some(past(definition, &definition.steps()[place], known(place)?)));
    Some(History { flow: flow.to_owned(), steps: steps.collect::<Option<_>>()? })
}

/// The same from the state of a run.
pub fn history_of(definition: &FlowDefinition, instance: &FlowInstance, index: usize) -> Option<History> {
    let flow = instance.initialized().map(|began| began.flow.as_str()).unwrap_or_default();
    history_before(definition, flow, index, |place| {
        let state = instance.steps().get(place).filter(|state| state.status == StepStatus::FinishedOk)?;
        let started = state.started.as_ref()?;
        let (params, fingerprint) = (started.params.clone(), started.fingerprint);
        Some(Finished { params, fingerprint, outputs: state.outputs.clone() })
    })
}

fn past(definition: &FlowDefinition, planned: &FlowStep, finished: Finished) -> PastStep {
    let step_type = planned.step().step_type();
    let inputs = planned.inputs().iter().map(|(port, address)| {
        let from = definition.steps()[address.step].step().id().to_string();
        (port.clone(), PastInput { step: from, output: address.output.clone() })
    });
    PastStep {
        id: planned.step().id().to_string(),
        uses: step_type.name.to_owned(),
        version: step_type.version,
        inputs: inputs.collect(),
        params: finished.params,
        fingerprint: finished.fingerprint,
        outputs: finished.outputs,
    }
}
