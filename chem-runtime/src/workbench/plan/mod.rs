//! `chem plan`: predicts what a run of a flow would do, step by step, and why. Runs nothing and writes nothing.
//!
//! `predict` visits the steps like the engine and calls the engine's own decision functions; `describe` formats the plan as
//! JSON, and `draw` as a graph.

mod describe;
mod draw;
mod files;
mod predict;

use std::collections::BTreeMap;
use std::iter;
use std::path::PathBuf;

use serde_json::{Map, Value};

pub use draw::{to_dot, to_mermaid};
pub use predict::plan;

use super::difference::Difference;
use super::facts::{FlowFacts, StepFacts};
use crate::engine::RunsBecause;
use crate::event::{EventAddress, OutputRef, StepKind};
use crate::fingerprint::{ArtifactHash, DefinitionHash, Fingerprint};

/// The prediction of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The name of the flow.
    pub flow: String,
    /// The hash of the step ids in order.
    pub definition_hash: DefinitionHash,
    /// The flow parameters, sorted by name.
    pub params: Vec<PlannedParam>,
    /// The steps in order.
    pub steps: Vec<PlannedStep>,
    /// The files of steps outside the directory to which the run is confined, or outside that of the manifest.
    pub outside: Vec<OutsideFile>,
}

/// A file outside the run's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideFile {
    /// The id of the step that reads or writes the file.
    pub step: String,
    /// The path, with links resolved.
    pub path: PathBuf,
    /// Whether the step writes the file.
    pub written: bool,
}

/// A parameter with its value and origin.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedParam {
    /// The name of the parameter.
    pub name: String,
    /// The value in the run.
    pub value: Value,
    /// The origin of the value.
    pub origin: Origin,
}

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The default of the step type.
    Default,
    /// The manifest, through these flow parameters.
    File(Vec<String>),
    /// The command line, through these flow parameters.
    Set(Vec<String>),
}

impl Origin {
    /// Returns the origin as scripts read it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File(_) => "file",
            Self::Set(_) => "set",
        }
    }
}

/// The prediction for a step.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedStep {
    /// The id of the step.
    pub id: String,
    /// The name of the step type.
    pub uses: String,
    /// The version of the step type.
    pub version: u32,
    /// Source, transform or sink.
    pub kind: StepKind,
    /// For each wired port, the output that feeds it, as written in a manifest.
    pub wiring: BTreeMap<String, String>,
    /// The parameters with their origins.
    pub params: Vec<PlannedParam>,
    /// The fingerprint; `None` if an input is unknown before the run.
    pub fingerprint: Option<Fingerprint>,
    /// What the run does.
    pub action: Action,
    /// The earlier result from which a step that runs takes over rows; `None` if all are computed.
    pub takes_over: Option<TakesOver>,
    /// What the run does for each child of the step; empty unless the step runs children.
    pub children: Vec<PlannedChild>,
    /// Whether the result that the run reuses was computed by other code under the same version. Known in debug builds
    /// unless `CHEM_DEV=0`, and in release builds if `CHEM_DEV=1`.
    pub code_changed: bool,
    /// For each wired port, the artifact; `None` if it is unknown before the run.
    inputs: BTreeMap<String, Option<ArtifactHash>>,
    /// The parameters as they are hashed.
    identity: Map<String, Value>,
}

/// The prediction for a child of a step. A child may reuse what one before it will have done, which is not known yet.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedChild {
    /// What distinguishes the child from the others, such as `max_weight=300`.
    pub label: String,
    /// The prediction of its run.
    pub plan: Plan,
}

/// The rows that a step takes over from an earlier result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakesOver {
    /// The `StepFinished` event of the result.
    pub source: EventAddress,
    /// The number of rows of the earlier input.
    pub of: u64,
    /// The number of rows that are taken over, and the number of rows of the input; `None` if the input is unknown before
    /// the run.
    pub rows: Option<(u64, u64)>,
}

/// The action of a run for a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Reuse an existing result.
    Reuse {
        /// The origin of the result.
        source: ReusedFrom,
        /// The outputs; empty if they are unknown before the run.
        outputs: Vec<OutputRef>,
        /// Earlier steps that run on inputs that are unknown before the run. If one of them turns out to have the inputs of
        /// this step, its new result is reused instead.
        unless_done_by: Vec<String>,
    },
    /// Run the step.
    Run {
        /// The reasons.
        because: Vec<Reason>,
        /// The steps whose outputs are unknown before the run. If they turn out to give known artifacts, an earlier result
        /// may be reused instead.
        unless_known: Vec<String>,
        /// Earlier steps that run on inputs that are unknown before the run. If one of them turns out to have the inputs of
        /// this step, its result is reused instead.
        unless_done_by: Vec<String>,
    },
    /// Fail, because the step cannot start.
    Fail {
        /// The error.
        error: String,
    },
    /// Ask a person and wait.
    Ask {
        /// The text of the question.
        message: String,
    },
    /// Nothing, because the run ends before this step.
    NotReached,
}

/// The origin of a reused result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReusedFrom {
    /// The `StepFinished` event of the run that computed it.
    Run(EventAddress),
    /// An earlier step of the same run that does the same work.
    Step(String),
}

/// Why a step runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// The step differs from that in the nearest earlier run.
    Differs(Difference),
    /// The engine cannot reuse an earlier result.
    Engine(RunsBecause),
    /// An earlier step of the run writes a file that this step reads or has written.
    AfterFile {
        /// The path of the file.
        path: String,
        /// The id of the step that writes it.
        step: String,
    },
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Differs(difference) => difference.fmt(f),
            Self::Engine(because) => because.fmt(f),
            Self::AfterFile { path, step } => write!(f, "file `{path}` is written by step {step}"),
        }
    }
}

impl Action {
    /// Returns the action as scripts read it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reuse { .. } => "reuse",
            Self::Run { .. } => "run",
            Self::Fail { .. } => "fail",
            Self::Ask { .. } => "ask",
            Self::NotReached => "not_reached",
        }
    }

    /// Returns the reasons in words.
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::Reuse { source, unless_done_by, .. } => {
                let found = match source {
                    ReusedFrom::Run(source) => format!("finished in run {}", source.flow_id),
                    ReusedFrom::Step(step) => format!("the same as step {step}"),
                };
                let redone = (!unless_done_by.is_empty())
                    .then(|| format!("unless {} turns out to do the same work", unless_done_by.join(" or ")));
                iter::once(found).chain(redone).collect()
            }
            Self::Run { because, .. } => because.iter().map(ToString::to_string).collect(),
            Self::Fail { error } => vec![error.clone()],
            Self::Ask { message } => vec![format!("a person decides: {message}")],
            Self::NotReached => vec!["the run ends before this step".to_owned()],
        }
    }
}

impl Plan {
    /// Returns the plan in the form for comparing flows.
    pub fn facts(&self) -> FlowFacts {
        let reached = self
            .steps
            .iter()
            .filter(|step| !matches!(step.action, Action::Fail { .. } | Action::Ask { .. } | Action::NotReached));
        FlowFacts {
            flow_id: None,
            flow: self.flow.clone(),
            status: None,
            definition_hash: Some(self.definition_hash),
            params: self.params.iter().map(|param| (param.name.clone(), param.value.clone())).collect(),
            step_ids: self.steps.iter().map(|step| step.id.clone()).collect(),
            steps: reached.map(PlannedStep::facts).collect(),
            flow_fingerprint: None,
        }
    }
}

impl PlannedStep {
    fn facts(&self) -> StepFacts {
        StepFacts {
            id: self.id.clone(),
            uses: self.uses.clone(),
            version: self.version,
            wiring: self.wiring.clone(),
            inputs: self.inputs.clone(),
            params: self.identity.clone(),
            written: self.params.iter().map(|param| (param.name.clone(), param.value.clone())).collect(),
            outputs: match &self.action {
                Action::Reuse { outputs, .. } => outputs.clone(),
                _ => Vec::new(),
            },
        }
    }
}
