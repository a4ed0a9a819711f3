//! What each kind of event carries.
//!
//! Here and in the files beside this one the fields of a stored type stand in the order of their names, which is that of
//! canonical JSON: the text of an event is then written as it comes, and no member is moved to its place.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::policy::{Gate, RetryPolicy, StepPolicy};
use crate::fingerprint::{ArtifactHash, CacheKey, DefinitionHash, Fingerprint};

/// Whether a step begins a flow, continues it, or acts on the world outside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Takes no input. The first step of a flow is one, and no other.
    Source,
    /// Takes inputs and gives an output.
    Transform,
    /// Takes inputs and leaves something outside the flow. Nothing can be wired to it.
    Sink,
}

/// The run begins. Carries the whole resolved definition, enough to show, resume or repeat a run whose manifest is
/// gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowInitialized {
    /// The steps, wired and with their parameters.
    pub definition: RecordedDefinition,
    /// Which steps it has, in which order.
    pub definition_hash: DefinitionHash,
    /// What ran it, and where. Part of the record; of no fingerprint.
    pub environment: Environment,
    /// The flow's name.
    pub flow: String,
    /// How many.
    pub step_count: usize,
}

/// A resolved flow definition as the log holds it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RecordedDefinition {
    /// What the flow is for, in its author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Those of them that were given another value than the manifest says.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub overridden: BTreeSet<String>,
    /// The flow's parameters after all overrides.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// How those that were given another value are spelled, where that is not how their values stand here: a text that is
    /// made of `1.10` has it so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spelled: BTreeMap<String, String>,
    /// The steps in order.
    pub steps: Vec<RecordedStep>,
}

/// A step of a recorded definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedStep {
    /// What a person has to be asked before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// Its name in the flow.
    pub id: String,
    /// For each input port the output that feeds it, as `step` or `step.output`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// Source, transform or sink.
    pub kind: StepKind,
    /// Parameters with their defaults filled in.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// How often it may be tried; once if there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// For how long an attempt may work, in milliseconds; for ever if there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Its step type.
    pub uses: String,
    /// The step type's version.
    pub version: u32,
}

impl RecordedStep {
    /// How it is run.
    pub fn policy(&self) -> StepPolicy {
        StepPolicy { retry: self.retry.clone(), timeout_ms: self.timeout_ms, gate: self.gate.clone() }
    }
}

/// What ran the flow, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Environment {
    /// The directory that relative paths start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The libraries whose results are part of the run, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub libraries: BTreeMap<String, String>,
    /// The manifest's file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// Processor and operating system.
    #[serde(default)]
    pub platform: String,
    /// The program's release.
    #[serde(default)]
    pub release: String,
}

/// A step begins. Carries every component of its fingerprint by itself, so that a difference can be named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepStarted {
    /// The hash over all of this and the flow's definition.
    pub fingerprint: Fingerprint,
    /// The hash of the artifact at each input port.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, ArtifactHash>,
    /// Parameters as they are hashed: typed, defaulted, and with the content of input files in place of their paths.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// The step's name in the flow.
    pub step_id: String,
    /// Its place in the flow, from 0.
    pub step_index: usize,
    /// Its step type.
    pub uses: String,
    /// The step type's version.
    pub version: u32,
}

/// A step has ended well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFinished {
    /// Names the work that was done, so that it is found by whoever is about to do the same; none if it is to be done
    /// every time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_key: Option<CacheKey>,
    /// A hash of the step's code, by which a result of other code is told apart; `None` if the step has none. Part of the
    /// record; of no fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The fingerprint with which it started.
    pub fingerprint: Fingerprint,
    /// What it put out. The first is the one that a later step takes by default.
    pub outputs: Vec<OutputRef>,
    /// The step's name in the flow.
    pub step_id: String,
    /// Its place in the flow, from 0.
    pub step_index: usize,
}

/// An output of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRef {
    /// The artifact's name.
    pub hash: ArtifactHash,
    /// The artifact's kind.
    pub kind: String,
    /// Which output of the step.
    pub name: String,
}

/// A step has failed, and the run with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFailed {
    /// What that came from, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What was wrong.
    pub error: String,
    /// The fingerprint with which it started; none if it could not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// Whether the step was left behind when its time was up, and may be working still. It is then tried again by nobody
    /// but a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_behind: bool,
    /// The step's name in the flow.
    pub step_id: String,
    /// Its place in the flow, from 0.
    pub step_index: usize,
    /// Whether another attempt may do better, as far as the step knows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transient: bool,
}

/// A step has something to say that is not an output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSignal {
    /// The thing.
    #[serde(default)]
    pub data: Value,
    /// What kind of thing it says.
    pub signal: String,
    /// The step's name in the flow.
    pub step_id: String,
    /// Its place in the flow, from 0.
    pub step_index: usize,
}

/// All steps have ended well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowCompleted {
    /// The hash over the fingerprints of all steps.
    pub flow_fingerprint: Fingerprint,
}
