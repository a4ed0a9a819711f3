//! What led to a step, taken from the state of a run.

use std::collections::BTreeSet;

use super::definition::FlowDefinition;
use super::instance::FlowInstance;
use crate::step::{History, PastInput, PastStep};

/// The steps that the inputs of the step at `index` come from, directly or by way of others. All of them have finished.
pub fn history_of(definition: &FlowDefinition, instance: &FlowInstance, index: usize) -> History {
    let mut ancestors = BTreeSet::new();
    let mut ahead = vec![index];
    while let Some(step) = ahead.pop() {
        let from = definition.steps()[step].inputs().values().map(|address| address.step);
        ahead.extend(from.filter(|step| ancestors.insert(*step)));
    }
    let steps = ancestors.into_iter().filter_map(|place| past(definition, instance, place)).collect();
    History { flow: instance.initialized().map(|began| began.flow.clone()).unwrap_or_default(), steps }
}

fn past(definition: &FlowDefinition, instance: &FlowInstance, place: usize) -> Option<PastStep> {
    let (planned, state) = (&definition.steps()[place], &instance.steps()[place]);
    let started = state.started.as_ref()?;
    let inputs = planned.inputs().iter().map(|(port, address)| {
        let from = PastInput { step: instance.steps()[address.step].id.clone(), output: address.output.clone() };
        (port.clone(), from)
    });
    Some(PastStep {
        id: started.step_id.clone(),
        uses: started.uses.clone(),
        version: started.version,
        inputs: inputs.collect(),
        params: started.params.clone(),
        fingerprint: started.fingerprint,
        outputs: state.outputs.clone(),
    })
}
