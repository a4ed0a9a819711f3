//! The history of a step: the earlier steps from which its inputs derive.

use std::collections::BTreeSet;

use super::definition::FlowDefinition;
use crate::event::{OutputRef, StepStarted};
use crate::step::{History, PastInput, PastStep};

/// Returns the indices of the steps from which the inputs of the step at `index` derive, directly or indirectly.
pub(crate) fn ancestors_of(definition: &FlowDefinition, index: usize) -> BTreeSet<usize> {
    let mut ancestors = BTreeSet::new();
    let mut ahead = vec![index];
    while let Some(step) = ahead.pop() {
        let from = definition.steps()[step].inputs().values().map(|address| address.step);
        ahead.extend(from.filter(|step| ancestors.insert(*step)));
    }
    ancestors
}

/// Builds the history of the step at `index` in a run of the flow called `flow`. `known` returns the start event and the
/// outputs of an earlier step; a step for which it returns `None` is omitted.
pub(crate) fn history_of<'a>(
    definition: &FlowDefinition,
    flow: &str,
    index: usize,
    known: impl Fn(usize) -> Option<(&'a StepStarted, &'a [OutputRef])>,
) -> History {
    let past = |index: usize| {
        let (started, outputs) = known(index)?;
        let inputs = definition.steps()[index].inputs().iter().map(|(port, address)| {
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
