//! A step type in Python, and its steps.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::cache;
use super::description::{DescribedStep, Description, Module};
use super::pool::{Home, Pool};
use crate::step::described::read_as;
use crate::step::param::ParamReader;
use crate::step::{
    Misfit, MisfitKind, MoleculesOfTable, ParamProblem, StepDefinition, StepError, StepId, StepRegistration, StepSpec,
    listed, nearest,
};

/// A step type in Python.
pub(super) struct PythonType {
    pub(super) spec: &'static StepSpec,
    pub(super) step: DescribedStep,
    /// The module, as the manifest writes it.
    pub(super) module: String,
    home: Home,
    description: Arc<Description>,
}

/// A step in Python, with its parameters, under a name in a flow.
pub(super) struct PythonStep {
    pub(super) id: StepId,
    pub(super) of: &'static PythonType,
    pub(super) params: Map<String, Value>,
    pub(super) pool: Arc<Pool>,
}

impl PythonType {
    /// Makes the step type, which lives as long as the program.
    pub(super) fn register(
        home: Home,
        description: Arc<Description>,
        module: &Module,
        step: &DescribedStep,
    ) -> &'static StepRegistration {
        let spec: &'static StepSpec = Box::leak(Box::new(step.spec()));
        let (step, module) = (step.clone(), module.module.clone());
        let found: &'static Self = Box::leak(Box::new(Self { spec, step, module, home, description }));
        let bind = Box::leak(Box::new(move |id, params: &Map<String, Value>| {
            found.bind(id, params).map(|step| Box::new(step) as Box<dyn StepDefinition>)
        }));
        Box::leak(Box::new(StepRegistration::described(spec, bind)))
    }

    pub(super) fn bind(&'static self, id: StepId, given: &Map<String, Value>) -> Result<PythonStep, Vec<ParamProblem>> {
        let mut reader = ParamReader::new(self.spec.params, given);
        let mut params = Map::new();
        for (index, param) in self.spec.params.iter().enumerate() {
            let ty = param.ty.make();
            if let Some(value) = reader.read_with(index, |value| read_as(&ty, value)).filter(|value| !value.is_null()) {
                params.insert(param.name.to_owned(), value);
            }
        }
        let params = reader.finish(|| Some(params))?;
        Ok(PythonStep { id, of: self, params, pool: Pool::of(&self.home) })
    }

    /// Checks that the code is what the fingerprint of the step covers.
    ///
    /// # Errors
    /// Fails if a file has changed since it was described.
    pub(super) fn check_unchanged(&self) -> Result<(), StepError> {
        match cache::changed(&self.description) {
            Some(path) => Err(StepError::new(format!(
                "`{}` changed after the flow was checked; run the flow again once it is at rest",
                path.display()
            ))),
            None => Ok(()),
        }
    }

    /// Returns the provider of the columns that the step computes.
    pub(super) fn provider(&self) -> String {
        self.spec.step_type().to_string()
    }
}

impl PythonStep {
    /// Returns the parameters as Python gets them: those that are missing are `None`.
    pub(super) fn arguments(&self) -> Map<String, Value> {
        let value = |name: &str| self.params.get(name).cloned().unwrap_or_default();
        self.of.spec.params.iter().map(|param| (param.name.to_owned(), value(param.name))).collect()
    }

    /// Reports that the step, which works on rows, would replace the structures of an input of this kind.
    pub(super) fn replaced_structures(&self, kind: &str) -> Option<Misfit> {
        let computed = self.of.step.outputs.first().and_then(|output| output.columns.as_deref()).unwrap_or_default();
        MoleculesOfTable::replaced(kind, computed.iter().map(|column| column.name.as_str()), "")
    }
}

/// Reports that a step reads a column that its input lacks.
pub(super) fn no_column(step: &str, name: &str, there: &[&str]) -> Misfit {
    let help = match nearest(name, there.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`? `table.select` renames a column"),
        None if there.is_empty() => "the table has no columns".to_owned(),
        None => format!("there are {}; `table.select` renames a column", listed(there)),
    };
    let misfit = Misfit::new("", format!("there is no column `{name}`, which `{step}` reads"));
    misfit.of_kind(MisfitKind::ReadColumn).with_help(help)
}
