//! The engine's view of a step in Python.

use serde_json::{Map, Value};

use super::identity::COMPONENT;
use super::step::{PythonStep, no_column};
use super::{rows, whole};
use crate::step::described::{columns_named_by, identity_of};
use crate::step::{
    ColumnContext, ColumnReference, Columns, ExecutionContext, Files, Misfit, OutputSpec, ParamProblem, ParamSpec,
    PortSpec, RowColumns, StepDefinition, StepError, StepId, StepKind, StepRunResult, StepTypeRef,
};

impl StepDefinition for PythonStep {
    fn id(&self) -> &StepId {
        &self.id
    }

    fn kind(&self) -> StepKind {
        self.of.spec.kind
    }

    fn step_type(&self) -> StepTypeRef<'_> {
        self.of.spec.step_type()
    }

    fn inputs(&self) -> &[PortSpec] {
        self.of.spec.inputs
    }

    fn outputs(&self) -> &[OutputSpec] {
        self.of.spec.outputs
    }

    fn params(&self) -> Result<Map<String, Value>, StepError> {
        Ok(self.params.clone())
    }

    fn identity(&self, files: &Files) -> Result<Map<String, Value>, StepError> {
        let mut identity = Map::new();
        for param in self.of.spec.params {
            if let Some(value) = self.params.get(param.name) {
                identity.insert(param.name.to_owned(), identity_of(&param.ty.make(), value, files)?);
            }
        }
        identity.insert(COMPONENT.to_owned(), self.of.step.identity.component());
        Ok(identity)
    }

    fn is_reusable(&self) -> bool {
        self.of.spec.cache
    }

    fn code(&self) -> Option<&str> {
        Some(self.of.spec.code)
    }

    fn has_effects(&self) -> bool {
        self.of.spec.effects
            || self.of.spec.kind == StepKind::Sink
            || self.of.spec.params.iter().any(|param| param.ty.make().names_written_files())
    }

    fn named_columns(&self) -> Vec<(&'static str, ColumnReference)> {
        let named = |param: &ParamSpec| {
            let value = self.params.get(param.name);
            let named = value.map(|value| columns_named_by(&param.ty.make(), value)).unwrap_or_default();
            let name = param.name;
            named.into_iter().map(move |column| (name, column))
        };
        self.of.spec.params.iter().flat_map(named).collect()
    }

    fn row_columns(&self) -> Option<RowColumns> {
        self.of.spec.rows.map(|rows| rows.with_named(&self.named_columns()))
    }

    fn columns(&self, context: &ColumnContext<'_>) -> Columns {
        let Some(declared) = self.of.step.outputs.first().and_then(|output| output.columns.as_ref()) else {
            return Columns::Unknown;
        };
        let names = declared.iter().map(|column| column.name.as_str());
        if self.of.spec.rows.is_some() { context.first_input().with(names) } else { Columns::known(names) }
    }

    fn check(&self, context: &ColumnContext<'_>) -> Vec<Misfit> {
        let reads = self.of.step.rows.as_ref().and_then(|rows| rows.columns.as_deref()).unwrap_or_default();
        let kind = context.first_kind().filter(|_| self.of.spec.rows.is_some());
        let replaced = kind.and_then(|kind| self.replaced_structures(kind));
        let Columns::Known(there) = context.first_input() else { return Vec::from_iter(replaced) };
        let there: Vec<&str> = there.iter().map(AsRef::as_ref).collect();
        let missing = reads.iter().filter(|name| !there.contains(&name.as_str()));
        missing.map(|name| no_column(self.of.spec.name, name, &there)).chain(replaced).collect()
    }

    fn param_specs(&self) -> &'static [ParamSpec] {
        self.of.spec.params
    }

    fn with_params(&self, params: &Map<String, Value>) -> Option<Result<Box<dyn StepDefinition>, Vec<ParamProblem>>> {
        let bound = self.of.bind(self.id.clone(), params);
        Some(bound.map(|step| Box::new(step) as Box<dyn StepDefinition>))
    }

    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
        let allowed = context.files().check_program(&self.pool.python().shown());
        let outputs = allowed.and_then(|()| match self.of.spec.rows {
            Some(_) => rows::run(self, context),
            None => whole::run(self, context),
        });
        match outputs.and_then(|outputs| self.of.check_unchanged().map(|()| outputs)) {
            Ok(outputs) => StepRunResult::success(outputs),
            Err(error) => StepRunResult::failure(error),
        }
    }
}
