//! Binds a step type and its parameters to a name in a flow, as a step that the engine can run.

use chem_manifest::StepId;
use serde_json::{Map, Value};

use super::columns::{ColumnContext, Columns};
use super::context::ExecutionContext;
use super::definition::{StepDefinition, StepRunResult, StepTypeRef};
use super::descent::{Descent, DroppedRow, Explanation};
use super::error::StepError;
use super::files::Files;
use super::misfit::Misfit;
use super::param::{ColumnReference, ParamProblem, ParamSpec};
use super::port::{OutputSpec, PortSpec};
use super::row_columns::RowColumns;
use super::source_record::{SourceRecord, WrittenRecord};
use super::typed::{Step, StepSpec};
use crate::event::StepKind;

/// A step type with its parameters, under a name in a flow.
#[derive(Debug, Clone)]
pub struct Bound<S> {
    id: StepId,
    step: S,
    spec: &'static StepSpec,
}

impl<S: Step> Bound<S> {
    /// Gives `step` the name `id`.
    pub fn new(id: StepId, step: S) -> Self {
        let spec = S::SHAPE.map_or(&S::SPEC, |shape| shape(&step.to_params()));
        Self { id, step, spec }
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
        self.spec.inputs
    }

    fn outputs(&self) -> &[OutputSpec] {
        self.spec.outputs
    }

    fn is_reusable(&self) -> bool {
        S::SPEC.cache
    }

    fn code(&self) -> Option<&str> {
        Some(S::SPEC.code)
    }

    fn has_effects(&self) -> bool {
        S::SPEC.effects
            || S::SPEC.kind == StepKind::Sink
            || S::SPEC.params.iter().any(|param| param.ty.make().names_written_files())
    }

    fn params(&self) -> Result<Map<String, Value>, StepError> {
        let params = self.step.to_params();
        // A parameter struct made in Rust may hold values that a manifest cannot express, such as NaN. Values that do
        // not read back must not be recorded.
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

    fn row_columns(&self) -> Option<RowColumns> {
        match S::SHAPE {
            Some(_) => self.spec.rows.map(|rows| rows.with_named(&self.step.named_columns())),
            None => self.step.row_columns(),
        }
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

    fn descent(&self) -> Descent<'_> {
        self.step.descent()
    }

    fn explain(&self, dropped: &DroppedRow<'_>) -> Result<Option<Explanation>, StepError> {
        self.step.explain(dropped)
    }

    fn reason_column(&self, column: &str) -> Option<String> {
        self.step.reason_column(column)
    }

    fn written(&self, records: &[SourceRecord<'_>], files: &Files) -> Result<Vec<Option<WrittenRecord>>, StepError> {
        self.step.written(records, files)
    }

    fn param_specs(&self) -> &'static [ParamSpec] {
        S::SPEC.params
    }

    fn with_params(&self, params: &Map<String, Value>) -> Option<Result<Box<dyn StepDefinition>, Vec<ParamProblem>>> {
        Some(S::from_params(params).map(|step| Box::new(Self::new(self.id.clone(), step)) as Box<dyn StepDefinition>))
    }

    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
        match self.step.execute(context) {
            Ok(outputs) => StepRunResult::success(outputs),
            Err(error) => StepRunResult::failure(error),
        }
    }
}
