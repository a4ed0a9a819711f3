//! The payloads of events.
//!
//! In this module the fields of every stored type are in alphabetical order, which is the order of canonical JSON, so that
//! serializing an event needs no reordering.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::child::ChildOf;
use super::policy::{Gate, Resources, RetryPolicy, Shards, StepPolicy};
use super::rows::FinishedRows;
use super::step_sources::StepSources;
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
    /// The step of another run that runs this one; `None` if it was begun by itself. Not part of any fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child_of: Option<Box<ChildOf>>,
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
    /// The license of the results, which the author declares. Not part of any fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
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
    /// The modules that define step types which are not in the program; `None` if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_sources: Option<StepSources>,
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
    /// What the step needs of a machine; `None` if it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// When to retry; `None` for a single attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// How the step runs in shards; `None` if it runs as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// The time limit of one attempt, in milliseconds; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The name of the step type.
    pub uses: String,
    /// The version of the step type.
    pub version: u32,
}

impl RecordedStep {
    /// Returns the execution policy: retry, timeout, gate, resources and shards.
    pub fn policy(&self) -> StepPolicy {
        let Self { retry, timeout_ms, gate, resources, shards, .. } = self.clone();
        StepPolicy { retry, timeout_ms, gate, resources, shards }
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
    /// Who began the run; `None` if it was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// The processor architecture and operating system.
    #[serde(default)]
    pub platform: String,
    /// The version of the program.
    #[serde(default)]
    pub release: String,
}

/// Who did something, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Operator {
    /// The name of the machine.
    pub host: String,
    /// The name of the user's account there.
    pub login: String,
    /// The person; `None` if the account has no identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
}

/// A person, as they name themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Person {
    /// The name of the institution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affiliation: Option<String>,
    /// The printed name.
    pub name: String,
    /// The ORCID iD, such as `0000-0002-1825-0097`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orcid: Option<String>,
    /// The ROR of the institution, such as `https://ror.org/02mhbdp94`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ror: Option<String>,
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, login, person } = self;
        match person {
            Some(Person { name, orcid: Some(orcid), .. }) => write!(f, "{name} ({orcid}; {login} on {host})"),
            Some(Person { name, orcid: None, .. }) => write!(f, "{name} ({login} on {host})"),
            None => write!(f, "{login} on {host}"),
        }
    }
}

/// What an attempt at a step took, by the machine that made it. Not part of any fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The CPU time of the process of the run, all threads, and of the child processes that it waited for, from the start of
    /// the step to its end, in milliseconds. Includes what the process did for other steps and for the log meanwhile. `None`
    /// if the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// When the step ended.
    pub ended: Timestamp,
    /// The most memory that the process has had resident from its own start to the end of the step, in bytes, without its
    /// child processes. `None` if the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// When the step began.
    pub started: Timestamp,
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
    /// What later runs need to take over rows from the outputs; `None` if the step does not work row by row. Not part of any
    /// fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<FinishedRows>,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
    /// What the step took; `None` if it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
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
    /// The number of processes that died at the step, one after the other, if that is why it failed; 0 for any other failure.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub deaths: u32,
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
    /// What the attempt took; `None` if it was not measured or the step could not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
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
