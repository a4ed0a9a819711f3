//! What led to a step's input: the steps before it, as the log has them.
//!
//! A step that tells of the work before it, as a report does, takes an `Option<Input<History>>` at any port but its
//! first. The engine feeds that port, and no manifest has to. The history is an artifact like any other input, so that
//! the fingerprint of a step that takes it covers what it tells. It holds what is part of those steps' identity and
//! nothing that differs from run to run: no times, no paths, no signals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::port::PortSpec;
use crate::artifact::{Artifact, JsonArtifact};
use crate::event::OutputRef;
use crate::fingerprint::{CanonicalError, Fingerprint, canonical_json, to_json};

/// The steps that a step's inputs come from, directly or by way of others, in the order of the flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The name of the flow.
    pub flow: String,
    /// The steps.
    pub steps: Vec<PastStep>,
}

/// A step that has finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastStep {
    /// Its name in the flow.
    pub id: String,
    /// Its type.
    pub uses: String,
    /// The type's version.
    pub version: u32,
    /// The step and the output that fed each of its ports.
    pub inputs: BTreeMap<String, PastInput>,
    /// Its parameters as they are hashed: files by their content.
    pub params: Map<String, Value>,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// What it put out.
    pub outputs: Vec<OutputRef>,
}

/// What fed a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastInput {
    /// The name of the step.
    pub step: String,
    /// The name of its output.
    pub output: String,
}

impl JsonArtifact for History {
    const KIND: &'static str = "history";
}

impl History {
    /// The history as the artifact that a step is given.
    ///
    /// # Errors
    /// A parameter or a name has no canonical form.
    pub fn artifact(&self) -> Result<Artifact, CanonicalError> {
        Ok(Artifact::from_canonical(<Self as JsonArtifact>::KIND, canonical_json(&to_json(self)?)?))
    }

    /// The step called `id`.
    pub fn step(&self, id: &str) -> Option<&PastStep> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// What fed a port.
    pub fn output(&self, input: &PastInput) -> Option<&OutputRef> {
        self.step(&input.step)?.output(&input.output)
    }
}

impl PortSpec {
    /// Whether the engine feeds this port with the history, unless a manifest feeds it.
    pub fn takes_history(&self) -> bool {
        self.kind == <History as JsonArtifact>::KIND
    }
}

impl PastStep {
    /// The output called `name`.
    pub fn output(&self, name: &str) -> Option<&OutputRef> {
        self.outputs.iter().find(|output| output.name == name)
    }
}
