//! A flow as a run recorded it or as a plan predicts it, in the form in which two of them are compared.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::event::{FlowId, OutputRef, RecordedStep};
use crate::fingerprint::{ArtifactHash, DefinitionHash, Fingerprint};
use crate::flow::{FlowInstance, FlowStatus, StepState};

/// A flow, with those of its steps that have started.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowFacts {
    /// The run; none for a plan.
    pub flow_id: Option<FlowId>,
    /// The flow's name.
    pub flow: String,
    /// How the run stands; none for a plan.
    pub status: Option<FlowStatus>,
    /// Which steps, in which order.
    pub definition_hash: Option<DefinitionHash>,
    /// The flow's parameters after all overrides.
    pub params: Map<String, Value>,
    /// The ids of all steps, in order.
    pub step_ids: Vec<String>,
    /// What is known of those that have started, or that a plan knows all about.
    pub steps: Vec<StepFacts>,
    /// The flow's fingerprint, if it is complete.
    pub flow_fingerprint: Option<Fingerprint>,
}

/// A step with every component of its identity.
#[derive(Debug, Clone, PartialEq)]
pub struct StepFacts {
    /// Its name in the flow.
    pub id: String,
    /// Its step type.
    pub uses: String,
    /// The step type's version.
    pub version: u32,
    /// For each wired port the output that feeds it, as a manifest writes it.
    pub wiring: BTreeMap<String, String>,
    /// For each wired port the artifact at it; none if it is not known before the run.
    pub inputs: BTreeMap<String, Option<ArtifactHash>>,
    /// Parameters as they are hashed.
    pub params: Map<String, Value>,
    /// Parameters as the flow has them, with the paths of files.
    pub written: Map<String, Value>,
    /// What it put out, as far as that is known.
    pub outputs: Vec<OutputRef>,
}

impl FlowFacts {
    /// What a run recorded.
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

    /// The step called `id`, if it has started.
    pub fn step(&self, id: &str) -> Option<&StepFacts> {
        self.steps.iter().find(|step| step.id == id)
    }
}

impl StepFacts {
    /// What a run recorded of a step; none if it has not started.
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

/// The step that a wire written as `step` or `step.output` comes from.
pub(super) fn step_of(wire: &str) -> &str {
    wire.split('.').next().unwrap_or(wire)
}
