//! Represents step types as Rust types. `#[step]` and `#[derive(Step)]` generate the implementations.

use serde_json::{Map, Value};

use super::columns::{ColumnContext, Columns};
use super::context::ExecutionContext;
use super::definition::{StepOutput, StepTypeRef};
use super::descent::{Descent, DroppedRow, Explanation};
use super::doc::StepDoc;
use super::error::StepError;
use super::files::Files;
use super::misfit::Misfit;
use super::param::{ColumnReference, ParamProblem, ParamSpec};
use super::port::{OutputSpec, PortSpec};
use super::role::Role;
use super::row_columns::{RowColumns, RowsSpec};
use super::source_record::{SourceRecord, WrittenRecord};
use crate::event::StepKind;

/// The fixed properties of a step type.
#[derive(Debug, Clone, Copy)]
pub struct StepSpec {
    /// The name, `family.verb`.
    pub name: &'static str,
    /// Increased whenever the same inputs and parameters would give a different result.
    pub version: u32,
    /// Source, transform or sink.
    pub kind: StepKind,
    /// Whether a stored result may replace running the step again. False for a step with effects other than its output
    /// files.
    pub cache: bool,
    /// Whether the work may have effects besides the outputs, although the step is not a sink and has no parameter for
    /// an output file.
    pub effects: bool,
    /// Whether comparing two runs may accept results of the step that differ within a tolerance, which the user gives.
    pub approximate: bool,
    /// The columns that the step reads if it works row by row; `None` for other steps.
    pub rows: Option<RowsSpec>,
    /// The doc comment of the function or the struct. Its first line is the summary; [`help`](Self::help) returns its
    /// parts.
    pub doc: &'static str,
    /// The input ports, in order.
    pub inputs: &'static [PortSpec],
    /// The outputs, the main one first.
    pub outputs: &'static [OutputSpec],
    /// The parameters, in order.
    pub params: &'static [ParamSpec],
    /// A hash of the code without comments: the function, or the struct with its `impl RunStep` if that is in the same
    /// file. Code that they call is not covered.
    pub code: &'static str,
    /// The crate, file and line of the function or the struct. A step type that is not in Rust has no crate.
    pub defined_in: (&'static str, &'static str, u32),
}

impl StepSpec {
    /// Returns the first line of the doc comment.
    pub fn summary(&self) -> &'static str {
        self.doc.trim_start().lines().next().unwrap_or_default().trim()
    }

    /// Returns the parts of the doc comment.
    pub fn help(&self) -> StepDoc {
        StepDoc::of(self.doc)
    }

    /// Returns the name and version.
    pub fn step_type(&self) -> StepTypeRef<'static> {
        StepTypeRef { name: self.name, version: self.version }
    }

    /// Returns the parameter called `name`.
    pub fn param(&self, name: &str) -> Option<&'static ParamSpec> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// Returns the properties of a step type whose inputs and outputs depend on the parameters: see [`Step::SHAPE`].
pub type Shape = fn(&Map<String, Value>) -> &'static StepSpec;

/// A step type with its parameters: the struct that `#[step]` generates for a function, or one under `#[derive(Step)]`.
pub trait Step: Sized + Send + Sync + 'static {
    /// The fixed properties of the step type.
    const SPEC: StepSpec;

    /// Returns the properties that a step with given parameters has, if its inputs and outputs depend on them. The parameters
    /// are those of a manifest, which may be wrong or incomplete.
    const SHAPE: Option<Shape> = None;

    /// The kind as a type, so that a builder can distinguish a source from other steps at compile time.
    type Role: Role;

    /// Reads the parameters from those of a manifest.
    ///
    /// # Errors
    /// Returns all problems with the parameters.
    fn from_params(params: &Map<String, Value>) -> Result<Self, Vec<ParamProblem>>;

    /// Returns the parameters with defaults filled in, without those that are null.
    fn to_params(&self) -> Map<String, Value>;

    /// Returns the parameters as they are hashed: see [`StepDefinition::identity`](super::StepDefinition::identity).
    fn identity(&self, files: &Files) -> Result<Map<String, Value>, StepError>;

    /// Returns the columns that the parameters name: see
    /// [`StepDefinition::named_columns`](super::StepDefinition::named_columns).
    fn named_columns(&self) -> Vec<(&'static str, ColumnReference)> {
        Vec::new()
    }

    /// Returns the columns that the step reads if it works row by row: see
    /// [`StepDefinition::row_columns`](super::StepDefinition::row_columns).
    fn row_columns(&self) -> Option<RowColumns> {
        Self::SPEC.rows.map(|rows| rows.with_named(&self.named_columns()))
    }

    /// Returns the columns of the main output: see [`StepDefinition::columns`](super::StepDefinition::columns).
    fn columns(&self, _context: &ColumnContext<'_>) -> Columns {
        Columns::Unknown
    }

    /// Returns what would prevent the step from succeeding: see
    /// [`StepDefinition::check`](super::StepDefinition::check).
    fn check(&self, _context: &ColumnContext<'_>) -> Vec<Misfit> {
        Vec::new()
    }

    /// Returns how the rows of the main output descend from those of the inputs: see
    /// [`StepDefinition::descent`](super::StepDefinition::descent).
    fn descent(&self) -> Descent<'_> {
        Descent::Unknown
    }

    /// Returns why a row did not come out: see [`StepDefinition::explain`](super::StepDefinition::explain).
    fn explain(&self, _dropped: &DroppedRow<'_>) -> Result<Option<Explanation>, StepError> {
        Ok(None)
    }

    /// Returns the column that says why `column` has its value, if the step computes both, such as the names of the alerts that
    /// were counted.
    fn reason_column(&self, _column: &str) -> Option<String> {
        None
    }

    /// Finds records in the files that the step read: see [`StepDefinition::written`](super::StepDefinition::written).
    fn written(&self, records: &[SourceRecord<'_>], _files: &Files) -> Result<Vec<Option<WrittenRecord>>, StepError> {
        Ok(vec![None; records.len()])
    }

    /// Takes the inputs from `context`, runs the step, and packs the outputs.
    fn execute(&self, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError>;
}
