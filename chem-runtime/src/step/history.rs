//! Describes the steps that led to a step's input, as the log records them.
//!
//! A step that describes earlier work, such as a report, takes an `Option<Input<History>>` at any port but its first.
//! The engine feeds that port, so manifests need not wire it. The history is an artifact like any other input, so the
//! fingerprint of the step covers it. It contains what is part of the identity of the earlier steps and nothing that
//! differs between runs: no times, no paths, no signals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::artifact::JsonArtifact;
use crate::event::OutputRef;
use crate::fingerprint::Fingerprint;

/// The steps that a step's inputs come from, directly or indirectly, in the order of the flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The name of the flow.
    pub flow: String,
    /// The steps, in the order of the flow.
    pub steps: Vec<PastStep>,
}

/// A finished step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastStep {
    /// The step's name in the flow.
    pub id: String,
    /// The name of the step type.
    pub uses: String,
    /// The version of the step type.
    pub version: u32,
    /// The output that fed each port, by the port's name.
    pub inputs: BTreeMap<String, PastInput>,
    /// The parameters as they are hashed: files by their content.
    pub params: Map<String, Value>,
    /// The fingerprint of the step's work.
    pub fingerprint: Fingerprint,
    /// The outputs, as the log records them.
    pub outputs: Vec<OutputRef>,
}

/// The output that fed a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastInput {
    /// The name of the step in the flow.
    pub step: String,
    /// The name of the step's output.
    pub output: String,
}

impl JsonArtifact for History {
    const KIND: &'static str = "history";
}

impl History {
    /// Returns the step called `id`.
    pub fn step(&self, id: &str) -> Option<&PastStep> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Returns the output that fed a port.
    pub fn output(&self, input: &PastInput) -> Option<&OutputRef> {
        self.step(&input.step)?.output(&input.output)
    }
}

impl PastStep {
    /// Returns the output called `name`.
    pub fn output(&self, name: &str) -> Option<&OutputRef> {
        self.outputs.iter().find(|output| output.name == name)
    }
}
