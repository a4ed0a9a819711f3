//! Sets parameter values of a branch.

use serde_json::{Map, Value};

use super::{RecordedRun, RecordedRunError};
use crate::event::RecordedDefinition;
use crate::flow::{FlowDefinition, changes, step_types};
use crate::manifest::{self, Diagnostic, Source};
use crate::step::{Expression, ParamType, Registry};

/// The flow of a branch with other parameter values.
#[derive(Debug)]
pub struct BranchValues {
    /// The recorded flow with the values.
    pub definition: FlowDefinition,
    /// The values as the branch records them, by the name of the flow parameter or `STEP.PARAMETER`.
    pub set: Map<String, Value>,
    /// What the check of the manifest warns of with these values.
    pub warnings: Vec<Diagnostic>,
}

/// An assignment to a step parameter.
struct OfStep<'a> {
    step: &'a str,
    param: &'a str,
    /// The whole assignment.
    written: &'a str,
}

impl RecordedRun<'_> {
    /// Returns the recorded flow with other parameter values. `NAME=VALUE` sets a parameter of the flow, which requires the
    /// run's manifest; `STEP.PARAMETER=VALUE` sets one of a step, which does not. The last of several values for one
    /// parameter counts.
    ///
    /// # Errors
    /// Fails if an assignment is malformed, names an unknown step or parameter, or has a value of the wrong type, and for a
    /// parameter of the flow if the manifest is missing, has changed or has errors.
    pub fn with_values(&self, assignments: &[String], registry: &Registry) -> Result<BranchValues, RecordedRunError> {
        let (mut of_flow, mut names, mut of_steps) = (Vec::new(), Vec::new(), Vec::new());
        for written in assignments {
            let Some((name, _)) = written.split_once('=') else {
                return Err(RecordedRunError::NoAssignment { assignment: written.clone() });
            };
            match name.trim().split_once('.') {
                Some((step, param)) => of_steps.push(OfStep { step, param, written }),
                None => {
                    names.push(name.trim());
                    of_flow.push(written.clone());
                }
            }
        }
        let (mut recorded, warnings) = if of_flow.is_empty() {
            (self.recorded.definition.clone(), Vec::new())
        } else {
            self.manifest_with(&of_flow, registry)?
        };
        let types = step_types(self.recorded, registry)?;
        for OfStep { step: id, param, written } in &of_steps {
            let known = || recorded.steps.iter().map(|step| step.id.clone()).collect();
            let Some(index) = recorded.steps.iter().position(|step| step.id == *id) else {
                return Err(RecordedRunError::UnknownStep { step: (*id).to_owned(), known: known() });
            };
            let value = value_of(&recorded.steps[index].uses, param, written, &recorded.params, &types)?;
            recorded.steps[index].params.insert((*param).to_owned(), value);
        }
        let definition = FlowDefinition::from_recorded(&self.recorded.flow, &recorded, &types)?;
        // A branch records values with the type of their parameter, as the definition has them.
        let typed = definition.recorded()?;
        let flow_values = names.into_iter().filter_map(|name| Some((name.to_owned(), typed.params.get(name)?.clone())));
        let step_values = of_steps.into_iter().map(|OfStep { step: id, param, .. }| {
            let step = typed.steps.iter().find(|step| step.id == id);
            let value = step.and_then(|step| step.params.get(param)).cloned().unwrap_or_default();
            (format!("{id}.{param}"), value)
        });
        let set = flow_values.chain(step_values).collect();
        Ok(BranchValues { definition, set, warnings })
    }

    /// Returns the definition that the run's manifest gives with the flow parameters `set`, and the warnings of its check.
    fn manifest_with(
        &self,
        set: &[String],
        registry: &Registry,
    ) -> Result<(RecordedDefinition, Vec<Diagnostic>), RecordedRunError> {
        let path = self.existing_manifest().ok_or(RecordedRunError::ManifestMissing)?;
        let checked = self.check(&path, &[], registry)?;
        let Some(unchanged) = checked.definition else {
            return Err(RecordedRunError::ManifestInvalid { path, diagnostics: checked.diagnostics });
        };
        let changes =
            changes(&self.recorded.definition, &self.with_own_values(&path, unchanged, registry)?.recorded()?);
        if !changes.is_empty() {
            return Err(RecordedRunError::ManifestChanged { path, changes });
        }
        let checked = self.check(&path, set, registry)?;
        let Some(definition) = checked.definition else {
            return Err(RecordedRunError::InvalidValues { path, diagnostics: checked.diagnostics });
        };
        Ok((self.with_own_values(&path, definition, registry)?.recorded()?, checked.diagnostics))
    }
}

/// Returns the value that `assignment`, `STEP.PARAMETER=VALUE`, gives to the parameter `param` of the step type `uses`,
/// parsed as `chem run --set` parses one for a flow parameter. An expression may refer to `flow_params`.
fn value_of(
    uses: &str,
    param: &str,
    assignment: &str,
    flow_params: &Map<String, Value>,
    registry: &Registry,
) -> Result<Value, RecordedRunError> {
    let ty = registry.get(uses).and_then(|found| found.spec().param(param)).map(|param| param.ty.make());
    let source = Source::new("--set", assignment);
    let start = assignment.find('=').map_or(assignment.len(), |at| at + 1);
    let value = manifest::read_assigned(&source, start, ty.as_ref())
        .map_err(|diagnostics| RecordedRunError::InvalidValue { assignment: assignment.to_owned(), diagnostics })?;
    Ok(match (ty, value) {
        (Some(ParamType::Expression), Value::String(cel)) => Expression::value_of(&cel, flow_params.clone()),
        (_, value) => value,
    })
}
