//! Which output feeds which port.

use std::collections::{BTreeMap, HashMap};

use super::definition::{FlowStep, OutputAddress};
use super::error::FlowDefinitionError;
use crate::event::StepKind;
use crate::step::{MAIN_OUTPUT, OutputSpec, StepDefinition, StepId};

/// Checks that `step` may stand where it stands.
pub(super) fn check_place(step: &dyn StepDefinition, first: bool) -> Result<(), FlowDefinitionError> {
    match (first, step.kind()) {
        (true, StepKind::Source) | (false, StepKind::Transform | StepKind::Sink) => Ok(()),
        (true, kind) => Err(FlowDefinitionError::FirstStepNotSource { step: step.id().clone(), kind }),
        (false, StepKind::Source) => Err(FlowDefinitionError::SourceAfterFirst { step: step.id().clone() }),
    }
}

/// The output that feeds each port of `step`, as its author wrote it or left it to be.
pub(super) fn wire(
    step: &dyn StepDefinition,
    written: Vec<(String, String)>,
    earlier: &[FlowStep],
    places: &HashMap<StepId, usize>,
) -> Result<BTreeMap<String, OutputAddress>, FlowDefinitionError> {
    let id = || step.id().clone();
    let mut inputs = BTreeMap::new();
    for (port, from) in written {
        if !step.inputs().iter().any(|spec| spec.name == port) {
            return Err(FlowDefinitionError::UnknownPort { step: id(), port });
        }
        let (name, output) = from.split_once('.').unwrap_or((&from, MAIN_OUTPUT));
        let place = StepId::new(name).ok().and_then(|name| places.get(&name).copied());
        let Some(place) = place else {
            return Err(FlowDefinitionError::UnknownStep { step: id(), port, from });
        };
        inputs.insert(port, OutputAddress { step: place, output: output.to_owned() });
    }
    // What its author left open at the first port is fed by the step before, unless that is a sink.
    if let (Some(port), Some(before)) = (step.inputs().first(), earlier.len().checked_sub(1))
        && !inputs.contains_key(port.name)
        && !(port.optional && earlier[before].step.kind() == StepKind::Sink)
    {
        inputs.insert(port.name.to_owned(), OutputAddress { step: before, output: MAIN_OUTPUT.to_owned() });
    }
    for port in step.inputs() {
        match inputs.get(port.name) {
            None if port.optional => {}
            None => return Err(FlowDefinitionError::OpenPort { step: id(), port: port.name.to_owned() }),
            Some(address) => check_wire(step, port, address, earlier)?,
        }
    }
    Ok(inputs)
}

/// The output at `address`, with the kind that it has where it stands.
fn given(earlier: &[FlowStep], address: &OutputAddress) -> Option<OutputSpec> {
    let from = &earlier[address.step];
    let output = from.step.outputs().iter().find(|output| output.name == address.output)?;
    if !output.kind_of_input {
        return Some(*output);
    }
    let first = from.step.inputs().first().and_then(|port| from.inputs().get(port.name));
    let fed = first.and_then(|fed| given(earlier, fed)).unwrap_or(OutputSpec::ANY);
    Some(output.fed_by(&fed))
}

fn check_wire(
    step: &dyn StepDefinition,
    port: &crate::step::PortSpec,
    address: &OutputAddress,
    earlier: &[FlowStep],
) -> Result<(), FlowDefinitionError> {
    let (id, port_name) = (step.id().clone(), port.name.to_owned());
    let from = &earlier[address.step];
    let from_id = from.step.id();
    if from.step.kind() == StepKind::Sink {
        return Err(FlowDefinitionError::WiredToSink { step: id, port: port_name, from: from_id.clone() });
    }
    let Some(output) = given(earlier, address) else {
        let from = format!("{from_id}.{}", address.output);
        return Err(FlowDefinitionError::UnknownOutput { step: id, port: port_name, from });
    };
    if !port.accepts(&output) {
        return Err(FlowDefinitionError::WrongKind {
            step: id,
            port: port_name,
            from: from_id.to_string(),
            expected: port.kind.to_owned(),
            found: output.kind.to_owned(),
        });
    }
    Ok(())
}
