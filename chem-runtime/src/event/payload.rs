//! The payloads of events.
//!
//! In this module the fields of every stored type are in alphabetical order, which is the order of canonical JSON, so that
//! serializing an event needs no reordering.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::policy::{Gate, RetryPolicy, StepPolicy};
use crate::fingerprint::{ArtifactHash, CacheKey, DefinitionHash, Fingerprint};

/// The role of a step in a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Has no inputs. The first step of a flow always is one.
    Source,
    /// Has inputs and outputs.
    Transform,
    /// Has inputs and acts on the world outside the flow. Nothing can be wired to it.
    Sink,
}

impl StepKind {
    /// Returns `source`, `transform` or `sink`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Transform => "transform",
            Self::Sink => "sink",
        }
    }
}

/// A run begins. Contains the whole resolved definition, so that the run can be shown, resumed and repeated without its
/// manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowInitialized {
    /// The resolved flow definition.
    pub definition: RecordedDefinition,
    /// The hash of the step ids in order.
    pub definition_hash: DefinitionHash,
    /// The program and machine that ran the flow. Not part of any fingerprint.
    pub environment: Environment,
    /// The name of the flow.
    pub flow: String,
    /// The number of steps in `definition`.
    pub step_count: usize,
}

/// A resolved flow definition as recorded in the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RecordedDefinition {
    /// The author's description of the flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The names of the flow parameters that were overridden.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub overridden: BTreeSet<String>,
    /// The flow parameters after all overrides.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// The original spelling of overridden flow parameters whose recorded value is written differently. Texts with a
    /// placeholder use the spelling, such as `1.10`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spelled: BTreeMap<String, String>,
    /// The steps in order.
    pub steps: Vec<RecordedStep>,
}

/// A step of a recorded definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedStep {
    /// The question to answer before the step starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// The id of the step.
    pub id: String,
    /// For each input port, the output that feeds it, as `step` or `step.output`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// Source, transform or sink.
    pub kind: StepKind,
    /// The parameters, including defaults.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// When to retry; `None` for a single attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// The time limit of one attempt, in milliseconds; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The name of the step type.
    pub uses: String,
    /// The version of the step type.
    pub version: u32,
}

impl RecordedStep {
    /// Returns the execution policy: retry, timeout and gate.
    pub fn policy(&self) -> StepPolicy {
        StepPolicy { retry: self.retry.clone(), timeout_ms: self.timeout_ms, gate: self.gate.clone() }
    }
}

/// The program and machine that ran a flow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Environment {
    /// The base directory of relative paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The versions of the libraries that affect results, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub libraries: BTreeMap<String, String>,
    /// The file name of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// The processor architecture and operating system.
    #[serde(default)]
    pub platform: String,
    /// The version of the program.
    #[serde(default)]
    pub release: String,
}

/// A step starts. Contains every component of its fingerprint separately, so that differences can be named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepStarted {
    /// The hash of the other fields and the flow's definition hash.
    pub fingerprint: Fingerprint,
    /// The hash of the artifact at each input port.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, ArtifactHash>,
    /// The parameters as they are hashed: typed, with defaults, and with content hashes instead of the paths of input files.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
    /// The name of the step type.
    pub uses: String,
    /// The version of the step type.
    pub version: u32,
}

/// A step has succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFinished {
    /// The key under which later runs find and reuse the outputs; `None` if the outputs must not be reused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_key: Option<CacheKey>,
    /// A hash of the step's code, which distinguishes results of different code; `None` if the step has none. Not part of
    /// any fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The fingerprint in the `StepStarted` event.
    pub fingerprint: Fingerprint,
    /// The outputs. The first is the main output, which inputs take by default.
    pub outputs: Vec<OutputRef>,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
}

/// An output of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRef {
    /// The hash of the artifact.
    pub hash: ArtifactHash,
    /// The kind of the artifact.
    pub kind: String,
    /// The name of the output.
    pub name: String,
}

/// A step has failed, and the run with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFailed {
    /// The causes of the error, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The error message.
    pub error: String,
    /// The fingerprint in the `StepStarted` event; `None` if the step could not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// Whether the step was abandoned after a timeout and may still be running. Such a step is retried only on request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_behind: bool,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
    /// Whether another attempt may succeed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transient: bool,
}

/// A step has emitted a signal: data about the step that is not one of its outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSignal {
    /// The content of the signal.
    #[serde(default)]
    pub data: Value,
    /// The name of the signal, such as `filtered`.
    pub signal: String,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
}

/// All steps have succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowCompleted {
    /// The hash of the fingerprints of all steps.
    pub flow_fingerprint: Fingerprint,
}
