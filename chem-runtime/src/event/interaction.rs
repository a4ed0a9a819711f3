//! The payloads of events for questions to a person and their answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::payload::Operator;
use crate::fingerprint::{ArtifactHash, Fingerprint};

/// The run waits for a person before a step starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserInteractionRequested {
    /// The hash of the artifact at each input port of the step, for inspection.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, ArtifactHash>,
    /// The text of the question.
    pub message: String,
    /// The JSON Schema of the data in an approval; `None` if it contains no data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The fingerprint with which the step would start, which covers its inputs, its parameters and the files that it
    /// reads.
    pub shown: Fingerprint,
    /// The principals one of whom must sign the decision; empty if it need not be signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed_by: Vec<String>,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
}

/// A person has decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserInteractionProvided {
    /// Whether the step may start; otherwise the run fails.
    pub approved: bool,
    /// Who decided; `None` if it was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Operator>,
    /// The data in the answer: parameters of the step by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// The reason given by the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The fingerprint in the question. The decision applies to this fingerprint only.
    pub shown: Fingerprint,
    /// The signature of the decision; `None` if it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedText>,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
}

/// A text with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedText {
    /// The signature in the format of `ssh-keygen -Y`.
    pub signature: String,
    /// The text, exactly as it was signed.
    pub statement: String,
}
