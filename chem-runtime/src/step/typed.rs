//! Step types as Rust types: what `#[step]` generates an implementation of.

use std::fmt::Debug;

use chem_manifest::{InvalidStepId, StepId};
use serde_json::{Map, Value};

use super::columns::{ColumnContext, ColumnReference, Columns};
use super::context::ExecutionContext;
use super::definition::{PlannedStep, StepDefinition, StepOutput, StepRunResult, StepTypeRef};
use super::doc::StepDoc;
use super::error::StepError;
use super::file::Files;
use super::misfit::Misfit;
use super::param::{ParamProblem, ParamSpec};
use super::port::{OutputSpec, PortSpec};
use crate::event::{StepKind, StepPolicy};

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
    /// The function's doc comment. Its first line is the summary; [`help`](Self::help) takes it apart.
    pub doc: &'static str,
    /// What it takes.
    pub inputs: &'static [PortSpec],
    /// What it gives, the main output first.
    pub outputs: &'static [OutputSpec],
    /// Its parameters.
    pub params: &'static [ParamSpec],
    /// The crate, file and line of the function.
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

/// A step type with its parameters: the struct that `#[step]` makes of a function.
pub trait Step: Clone + Debug + Send + Sync + 'static {
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

    /// The parameters as they are hashed: see [`StepDefinition::identity`].
    fn identity(&self, files: &Files) -> Result<Map<String, Value>, StepError>;

    /// The columns that its parameters name: see [`StepDefinition::named_columns`].
    fn named_columns(&self) -> Vec<(&'static str, ColumnReference)> {
        Vec::new()
    }

    /// The columns of its main output: see [`StepDefinition::columns`].
    fn columns(&self, _context: &ColumnContext<'_>) -> Columns {
        Columns::Unknown
    }

    /// What keeps it from succeeding: see [`StepDefinition::check`].
    fn check(&self, _context: &ColumnContext<'_>) -> Vec<Misfit> {
        Vec::new()
    }

    /// Does the work.
    fn run(&self, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError>;
}

/// A step kind as a type.
pub trait Role: Send + Sync + 'static {}

/// The role of sources.
#[derive(Debug, Clone, Copy)]
pub enum SourceRole {}
/// The role of transforms.
#[derive(Debug, Clone, Copy)]
pub enum TransformRole {}
/// The role of sinks.
#[derive(Debug, Clone, Copy)]
pub enum SinkRole {}
/// The role of steps whose kind is known only when the flow is built, which then checks it.
#[derive(Debug, Clone, Copy)]
pub enum DynamicRole {}

impl Role for SourceRole {}
impl Role for TransformRole {}
impl Role for SinkRole {}
impl Role for DynamicRole {}

/// A role that may begin a flow.
#[diagnostic::on_unimplemented(
    message = "a flow cannot begin with this step",
    label = "the first step has to be a source",
    note = "a source takes no `Input`; steps that take one are added with `add_step`"
)]
pub trait Leads: Role {}

impl Leads for SourceRole {}
impl Leads for DynamicRole {}

/// A role that may stand after the first step.
#[diagnostic::on_unimplemented(
    message = "a source cannot stand after the first step",
    label = "this step takes no input",
    note = "a flow has one source, its first step; give it to `first_step`"
)]
pub trait Follows: Role {}

impl Follows for TransformRole {}
impl Follows for SinkRole {}
impl Follows for DynamicRole {}

/// A step type with its parameters, under a name in a flow.
#[derive(Debug, Clone)]
pub struct Bound<S> {
    id: StepId,
    inputs: Vec<(String, String)>,
    policy: StepPolicy,
    step: S,
}

impl<S: Step> Bound<S> {
    /// `step` under the name `id`.
    pub fn new(id: StepId, step: S) -> Self {
        Self { id, inputs: Vec::new(), policy: StepPolicy::default(), step }
    }

    /// Wires `port` to the output of an earlier step, as `inputs:` does in a manifest: `from` is the step's id, or
    /// `id.output`.
    pub fn input(mut self, port: impl Into<String>, from: impl Into<String>) -> Self {
        self.inputs.push((port.into(), from.into()));
        self
    }

    /// How the step is run, as `retry:`, `timeout:` and `gate:` say in a manifest.
    pub fn policy(mut self, policy: StepPolicy) -> Self {
        self.policy = policy;
        self
    }
}

/// Names a step and wires it.
///
/// ```
/// # use chem_runtime::steps::demo::Characters;
/// use chem_runtime::step::StepExt as _;
/// let step = Characters {}.named("letters")?.input("text", "seed");
/// # Ok::<_, chem_runtime::step::InvalidStepId>(())
/// ```
pub trait StepExt: Step {
    /// The step under the name `id`.
    fn named(self, id: &str) -> Result<Bound<Self>, super::InvalidStepId> {
        Ok(Bound::new(StepId::new(id)?, self))
    }
}

impl<S: Step> StepExt for S {}

/// What a flow can be built from: a parameter struct, one with a name, or any boxed [`StepDefinition`].
pub trait IntoStep {
    /// The kind of step.
    type Role: Role;

    /// The step, which is named by `name_for` its step type if it has no name yet, and the wiring that it was given.
    fn into_step(
        self,
        name_for: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId>;
}

impl<S: Step> IntoStep for S {
    type Role = S::Role;

    fn into_step(
        self,
        name_for: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId> {
        let step: Box<dyn StepDefinition> = Box::new(Bound::new(name_for(S::SPEC.name)?, self));
        Ok(step.into())
    }
}

impl<S: Step> IntoStep for Bound<S> {
    type Role = S::Role;

    fn into_step(
        mut self,
        _: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId> {
        let (inputs, policy) = (std::mem::take(&mut self.inputs), std::mem::take(&mut self.policy));
        Ok(PlannedStep { step: Box::new(self), inputs, policy })
    }
}

impl IntoStep for PlannedStep {
    type Role = DynamicRole;

    fn into_step(
        self,
        _: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId> {
        Ok(self)
    }
}

impl IntoStep for Box<dyn StepDefinition> {
    type Role = DynamicRole;

    fn into_step(
        self,
        _: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId> {
        Ok(self.into())
    }
}

impl<S: Step> StepDefinition for Bound<S> {
    fn id(&self) -> &StepId {
        &self.id
    }

    fn kind(&self) -> StepKind {
        S::SPEC.kind
    }

    fn step_type(&self) -> StepTypeRef<'_> {
        S::SPEC.step_type()
    }

    fn inputs(&self) -> &[PortSpec] {
        S::SPEC.inputs
    }

    fn outputs(&self) -> &[OutputSpec] {
        S::SPEC.outputs
    }

    fn is_reusable(&self) -> bool {
        S::SPEC.cache
    }

    fn has_effects(&self) -> bool {
        S::SPEC.effects
            || S::SPEC.kind == StepKind::Sink
            || S::SPEC.params.iter().any(|param| (param.ty)().names_written_files())
    }

    fn params(&self) -> Result<Map<String, Value>, StepError> {
        let params = self.step.to_params();
        // A parameter struct made in Rust may hold what a manifest could not say, such as NaN. What does not read back
        // must not be recorded.
        match S::from_params(&params) {
            Ok(_) => Ok(params),
            Err(problems) => {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                Err(StepError::new(problems.join("; ")))
            }
        }
    }

    fn identity(&self, files: &Files) -> Result<Map<String, Value>, StepError> {
        self.step.identity(files)
    }

    fn named_columns(&self) -> Vec<(&'static str, ColumnReference)> {
        self.step.named_columns()
    }

    fn columns(&self, context: &ColumnContext<'_>) -> Columns {
        self.step.columns(context)
    }

    fn check(&self, context: &ColumnContext<'_>) -> Vec<Misfit> {
        self.step.check(context)
    }

    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
        match self.step.run(context) {
            Ok(outputs) => StepRunResult::success(outputs),
            Err(error) => StepRunResult::failure(error),
        }
    }
}
