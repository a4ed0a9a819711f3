//! What led to a step, taken from what is known of the steps before it.

use std::collections::BTreeSet;

use super::definition::FlowDefinition;
use crate::event::{OutputRef, StepStarted};
use crate::step::{History, PastInput, PastStep};

/// The places of the steps that the inputs of the step at `index` come from, directly or by way of others.
pub fn ancestors_of(definition: &FlowDefinition, index: usize) -> BTreeSet<usize> {
    let mut ancestors = BTreeSet::new();
    let mut ahead = vec![index];
    while let Some(step) = ahead.pop() {
        let from = definition.steps()[step].inputs().values().map(|address| address.step);
        ahead.extend(from.filter(|step| ancestors.insert(*step)));
    }
    ancestors
}

/// The history of the step at `index` in a run of the flow called `flow`. `known` gives what a step before it started with
/// and put out; a step of which that is not known is left out.
pub fn history_of<'a>(
    definition: &FlowDefinition,
    flow: &str,
    index: usize,
    known: impl Fn(usize) -> Option<(&'a StepStarted, &'a [OutputRef])>,
) -> History {
    let past = |place: usize| {
        let (started, outputs) = known(place)?;
        let inputs = definition.steps()[place].inputs().iter().map(|(port, address)| {
            let step = definition.steps()[address.step].step().id().to_string();
            (port.clone(), PastInput { step, output: address.output.clone() })
        });
        Some(PastStep {
            id: started.step_id.clone(),
            uses: started.uses.clone(),
            version: started.version,
            inputs: inputs.collect(),
            params: started.params.clone(),
            fingerprint: started.fingerprint,
            outputs: outputs.to_vec(),
        })
    };
    History { flow: flow.to_owned(), steps: ancestors_of(definition, index).into_iter().filter_map(past).collect() }
}
