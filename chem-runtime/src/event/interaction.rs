//! What the events carry with which a run asks a person, and is answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fingerprint::{ArtifactHash, Fingerprint};

/// The run waits for a person before a step starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserInteractionRequested {
    /// The hash of the artifact at each input port of the step: what there is to decide on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, ArtifactHash>,
    /// The question.
    pub message: String,
    /// The JSON Schema of what the answer brings along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The fingerprint that the step would start with, which covers its inputs, its parameters and the files that it
    /// reads.
    pub shown: Fingerprint,
    /// The step's name in the flow.
    pub step_id: String,
    /// Its place in the flow, from 0.
    pub step_index: usize,
}

/// A person has decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserInteractionProvided {
    /// Whether the step may start; the run fails if not.
    pub approved: bool,
    /// What the answer brings along: parameters of the step by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Why, in the person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The fingerprint that the person was shown. The decision counts for no other.
    pub shown: Fingerprint,
    /// The step's name in the flow.
    pub step_id: String,
    /// Its place in the flow, from 0.
    pub step_index: usize,
}
