//! Step types as Rust types: what `#[step]` and `#[derive(Step)]` generate an implementation of.

use serde_json::{Map, Value};

use super::columns::{ColumnContext, ColumnReference, Columns};
use super::context::ExecutionContext;
use super::definition::{StepOutput, StepTypeRef};
use super::doc::StepDoc;
use super::error::StepError;
use super::file::Files;
use super::misfit::Misfit;
use super::param::{ParamProblem, ParamSpec};
use super::port::{OutputSpec, PortSpec};
use super::role::Role;
use crate::event::StepKind;

/// All that is fixed about a step type.
#[derive(Debug, Clone, Copy)]
pub struct StepSpec {
    /// Its name, `family.verb`.
    pub name: &'static str,
    /// Raised whenever the same inputs and parameters would give another result.
    pub version: u32,
    /// Source, transform or sink.
    pub kind: StepKind,
    /// Whether a finished result may stand in for running the step again. Not for one that acts on the world other than
    /// by the files that it puts out.
    pub cache: bool,
    /// Whether its work may leave something behind besides its outputs, though it is no sink and names no file to write.
    pub effects: bool,
    /// Whether results that are near each other count as the same, by a tolerance that whoever compares them gives.
    pub approximate: bool,
    /// The doc comment of the function or the struct. Its first line is the summary; [`help`](Self::help) takes it apart.
    pub doc: &'static str,
    /// What it takes.
    pub inputs: &'static [PortSpec],
    /// What it gives, the main output first.
    pub outputs: &'static [OutputSpec],
    /// Its parameters.
    pub params: &'static [ParamSpec],
    /// A hash of the function's code, or of the struct's, without its comments. What it calls is not seen, nor is the
    /// `run` of a struct.
    pub code: &'static str,
    /// The crate, file and line of the function or the struct.
    pub defined_in: (&'static str, &'static str, u32),
}

impl StepSpec {
    /// The first line of the doc comment.
    pub fn summary(&self) -> &'static str {
        self.doc.trim_start().lines().next().unwrap_or_default().trim()
    }

    /// The doc comment in its parts.
    pub fn help(&self) -> StepDoc {
        StepDoc::of(self.doc)
    }

    /// Its name and version.
    pub fn step_type(&self) -> StepTypeRef<'static> {
        StepTypeRef { name: self.name, version: self.version }
    }

    /// The parameter called `name`.
    pub fn param(&self, name: &str) -> Option<&'static ParamSpec> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// A step type with its parameters: the struct that `#[step]` makes of a function, or one under `#[derive(Step)]`.
pub trait Step: Sized + Send + Sync + 'static {
    /// All that is fixed about it.
    const SPEC: StepSpec;

    /// The kind again, as a type, so that a builder can tell a source from the rest when it is compiled.
    type Role: Role;

    /// The parameters, read from what a manifest has.
    ///
    /// # Errors
    /// All that is wrong with them at once.
    fn from_params(params: &Map<String, Value>) -> Result<Self, Vec<ParamProblem>>;

    /// The parameters with defaults filled in and those left out that are nothing.
    fn to_params(&self) -> Map<String, Value>;

    /// The parameters as they are hashed: see [`StepDefinition::identity`](super::StepDefinition::identity).
    fn identity(&self, files: &Files) -> Result<Map<String, Value>, StepError>;

    /// The columns that its parameters name: see [`StepDefinition::named_columns`](super::StepDefinition::named_columns).
    fn named_columns(&self) -> Vec<(&'static str, ColumnReference)> {
        Vec::new()
    }

    /// The columns of its main output: see [`StepDefinition::columns`](super::StepDefinition::columns).
    fn columns(&self, _context: &ColumnContext<'_>) -> Columns {
        Columns::Unknown
    }

    /// What keeps it from succeeding: see [`StepDefinition::check`](super::StepDefinition::check).
    fn check(&self, _context: &ColumnContext<'_>) -> Vec<Misfit> {
        Vec::new()
    }

    /// Takes the inputs from `context`, does the work, and packs the outputs.
    fn execute(&self, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError>;
}
