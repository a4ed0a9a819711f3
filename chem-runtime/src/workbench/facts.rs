//! The common form of recorded runs and plans for comparisons.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::event::{FlowId, OutputRef, RecordedStep};
use crate::fingerprint::{ArtifactHash, DefinitionHash, Fingerprint};
use crate::flow::{FlowInstance, FlowStatus, StepState};

/// A flow, with those of its steps that have started.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowFacts {
    /// The id of the run; `None` for a plan.
    pub flow_id: Option<FlowId>,
    /// The name of the flow.
    pub flow: String,
    /// The status of the run; `None` for a plan.
    pub status: Option<FlowStatus>,
    /// The hash of the step ids in order; `None` before the first event.
    pub definition_hash: Option<DefinitionHash>,
    /// The flow parameters after all overrides.
    pub params: Map<String, Value>,
    /// The ids of all steps, in order.
    pub step_ids: Vec<String>,
    /// The steps that have started, or that a plan reaches.
    pub steps: Vec<StepFacts>,
    /// The flow fingerprint; `None` until the run is complete.
    pub flow_fingerprint: Option<Fingerprint>,
}

/// A step with every component of its identity.
#[derive(Debug, Clone, PartialEq)]
pub struct StepFacts {
    /// The id of the step.
    pub id: String,
    /// The name of the step type.
    pub uses: String,
    /// The version of the step type.
    pub version: u32,
    /// For each wired port, the output that feeds it, as written in a manifest.
    pub wiring: BTreeMap<String, String>,
    /// For each wired port, the artifact; `None` if it is unknown before the run.
    pub inputs: BTreeMap<String, Option<ArtifactHash>>,
    /// The parameters as they are hashed.
    pub params: Map<String, Value>,
    /// The parameters as written in the flow, with the paths of files.
    pub written: Map<String, Value>,
    /// The outputs; empty if they are unknown.
    pub outputs: Vec<OutputRef>,
}

impl FlowFacts {
    /// Extracts the facts from the state of a run.
    pub fn of_run(instance: &FlowInstance) -> Self {
        let initialized = instance.initialized();
        let recorded = initialized.map(|it| it.definition.steps.as_slice()).unwrap_or_default();
        let steps = recorded.iter().zip(instance.steps());
        Self {
            flow_id: Some(instance.flow_id()),
            flow: initialized.map(|it| it.flow.clone()).unwrap_or_default(),
            status: Some(instance.status()),
            definition_hash: initialized.map(|it| it.definition_hash),
            params: initialized.map(|it| it.definition.params.clone()).unwrap_or_default(),
            step_ids: recorded.iter().map(|step| step.id.clone()).collect(),
            steps: steps.filter_map(|(recorded, state)| StepFacts::of_state(recorded, state)).collect(),
            flow_fingerprint: instance.flow_fingerprint(),
        }
    }

    /// Returns the step called `id`, if it has started.
    pub fn step(&self, id: &str) -> Option<&StepFacts> {
        self.steps.iter().find(|step| step.id == id)
    }
}

impl StepFacts {
    /// Extracts the facts of a step; `None` if it has not started.
    fn of_state(recorded: &RecordedStep, state: &StepState) -> Option<Self> {
        let started = state.started.as_ref()?;
        Some(Self {
            id: started.step_id.clone(),
            uses: started.uses.clone(),
            version: started.version,
            wiring: recorded.inputs.clone(),
            inputs: started.inputs.iter().map(|(port, hash)| (port.clone(), Some(*hash))).collect(),
            params: started.params.clone(),
            written: recorded.params.clone(),
            outputs: state.outputs.clone(),
        })
    }
}

/// Returns the step in a wire of the form `step` or `step.output`.
pub(crate) fn step_of(wire: &str) -> &str {
    wire.split('.').next().unwrap_or(wire)
}
