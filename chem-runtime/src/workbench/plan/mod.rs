//! `chem plan`: what a run of a flow would do, step by step, and why. Nothing is run and nothing is written.
//!
//! `predict` walks the steps as the engine would and asks the engine's own judgement; `describe` says it in JSON, and
//! `draw` as a graph. How that looks on a terminal is the command line's to know.

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

/// What a run of a flow would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The flow's name.
    pub flow: String,
    /// Which steps, in which order.
    pub definition_hash: DefinitionHash,
    /// The flow's parameters, in the order of their names.
    pub params: Vec<PlannedParam>,
    /// The steps in order.
    pub steps: Vec<PlannedStep>,
    /// The files that steps name and that lie outside of the folder that the run is confined to, or else of the manifest's.
    pub outside: Vec<OutsideFile>,
}

/// A file that lies outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideFile {
    /// The step that names it.
    pub step: String,
    /// Its path, with links resolved.
    pub path: PathBuf,
    /// Whether the step writes it.
    pub written: bool,
}

/// A parameter with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedParam {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The step type's default.
    Default,
    /// The manifest, by way of these parameters of the flow.
    File(Vec<String>),
    /// The command line, which sets these parameters of the flow.
    Set(Vec<String>),
}

impl Origin {
    /// The origin as scripts read it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File(_) => "file",
            Self::Set(_) => "set",
        }
    }
}

/// What a run would do about a step.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedStep {
    /// Its name in the flow.
    pub id: String,
    /// Its step type.
    pub uses: String,
    /// The step type's version.
    pub version: u32,
    /// Source, transform or sink.
    pub kind: StepKind,
    /// For each wired port the output that feeds it, as a manifest writes it.
    pub wiring: BTreeMap<String, String>,
    /// Its parameters.
    pub params: Vec<PlannedParam>,
    /// The step's fingerprint, if its inputs are known before the run.
    pub fingerprint: Option<Fingerprint>,
    /// What is done.
    pub action: Action,
    /// For each wired port the artifact at it; none if it is not known before the run.
    inputs: BTreeMap<String, Option<ArtifactHash>>,
    /// Parameters as they are hashed.
    identity: Map<String, Value>,
}

/// What a run does about a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A result that is there stands.
    Reuse {
        /// Where it comes from.
        source: ReusedFrom,
        /// What it is; empty if it is not known before the run.
        outputs: Vec<OutputRef>,
        /// Earlier steps that are to run again on inputs that are not known before the run. If these turn out to be the
        /// inputs of this step, the new result stands.
        unless_done_by: Vec<String>,
    },
    /// It is run.
    Run {
        /// Why.
        because: Vec<Reason>,
        /// The steps whose results are not known before the run. If what they give was worked on before, the step is
        /// spared after all.
        unless_known: Vec<String>,
        /// Earlier steps that run on inputs that are not known before the run. If these turn out to be the inputs of this
        /// step, it is spared after all.
        unless_done_by: Vec<String>,
    },
    /// It cannot start, and the run fails.
    Fail {
        /// Why not.
        error: String,
    },
    /// A person is asked first, and the run waits.
    Ask {
        /// The question.
        message: String,
    },
    /// The run does not get there.
    NotReached,
}

/// Where a result comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReusedFrom {
    /// The `StepFinished` of the run in which the step worked.
    Run(EventAddress),
    /// An earlier step of the same run, which does the same.
    Step(String),
}

/// Why a step is run.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// It is not what it was in the nearest earlier run.
    Differs(Difference),
    /// No earlier result can stand in for it.
    Engine(RunsBecause),
    /// An earlier step of the run writes a file that it reads, or that it has written.
    AfterFile {
        /// The file.
        path: String,
        /// The step that writes it.
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
    /// The action as scripts read it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reuse { .. } => "reuse",
            Self::Run { .. } => "run",
            Self::Fail { .. } => "fail",
            Self::Ask { .. } => "ask",
            Self::NotReached => "not_reached",
        }
    }

    /// Why, in words.
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::Reuse { source, unless_done_by, .. } => {
                let found = match source {
                    ReusedFrom::Run(source) => format!("finished in run {}", source.flow_id),
                    ReusedFrom::Step(step) => format!("the same as step {step}"),
                };
                let redone = (!unless_done_by.is_empty())
                    .then(|| format!("unless {} turns out to do it again", unless_done_by.join(" or ")));
                iter::once(found).chain(redone).collect()
            }
            Self::Run { because, .. } => because.iter().map(ToString::to_string).collect(),
            Self::Fail { error } => vec![error.clone()],
            Self::Ask { message } => vec![format!("a person decides: {message}")],
            Self::NotReached => vec!["the run stops before".to_owned()],
        }
    }
}

impl Plan {
    /// The plan in the form in which flows are compared.
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
