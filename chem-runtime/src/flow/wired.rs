//! A step of a flow definition: the step itself, the outputs that feed it, and its execution policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::artifact::ArtifactValue;
use crate::step::{History, PortSpec, StepDefinition, StepPolicy};

/// A step of a definition.
#[derive(Clone)]
pub struct FlowStep {
    pub(super) step: Arc<dyn StepDefinition>,
    pub(super) inputs: BTreeMap<String, OutputAddress>,
    pub(super) policy: StepPolicy,
}

impl FlowStep {
    /// Returns the step itself, without its wiring and policy.
    pub fn step(&self) -> &dyn StepDefinition {
        self.step.as_ref()
    }

    /// Wraps a step that is not part of a flow.
    pub(crate) fn alone(step: Box<dyn StepDefinition>) -> Self {
        Self { step: step.into(), inputs: BTreeMap::new(), policy: StepPolicy::default() }
    }

    /// Replaces the step by another with the same inputs and outputs.
    pub(crate) fn with_step(&self, step: Box<dyn StepDefinition>) -> Self {
        Self { step: step.into(), ..self.clone() }
    }

    /// Returns the execution policy: retry, timeout, gate, resources and shards.
    pub fn policy(&self) -> &StepPolicy {
        &self.policy
    }

    /// Returns whether child runs work for the step.
    pub(crate) fn has_children(&self) -> bool {
        self.step.children().is_some() || self.policy.shards.is_some()
    }

    /// Returns for each wired port the output that feeds it.
    pub fn inputs(&self) -> &BTreeMap<String, OutputAddress> {
        &self.inputs
    }

    /// Returns the port into which the engine feeds the step's history; `None` if the step has no such port.
    pub fn history_port(&self) -> Option<&PortSpec> {
        let unwired = |port: &&PortSpec| !self.inputs.contains_key(port.name);
        self.step.inputs().iter().filter(unwired).find(|port| port.kind == <History as ArtifactValue>::KIND)
    }
}

/// An output of an earlier step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputAddress {
    /// The index of the step, from 0.
    pub step: usize,
    /// The name of the output.
    pub output: String,
}
