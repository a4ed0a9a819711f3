//! Binds the parameters of the steps: fills in placeholders, and has each value checked by the step type.

mod columns;
mod files;
mod fill;
mod map;
mod problems;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chem_manifest::authored::{AuthoredStep, StepSources};
use chem_manifest::params::Params;
use chem_manifest::yaml::{Node, NodeValue};
use chem_manifest::{Findings, Source};
use serde_json::{Map, Value};

use crate::flow::Feed;
use crate::manifest::FlowCheck;
use crate::step::{ParamProblem, ParamSpec, ParamType, PathPart, StepDefinition, StepId, StepRegistration};
pub(super) use columns::ColumnsSoFar;
pub(super) use files::FilesSoFar;
use files::NamedFiles;
pub(super) use fill::{filled, filled_text};

/// For each parameter that the manifest sets for a step, the flow parameters that it uses.
pub(super) type Written = BTreeMap<String, BTreeSet<String>>;

/// Fills in and checks the parameters of the steps, in order.
pub(super) struct Binder<'a> {
    pub(super) source: &'a Source,
    pub(super) directory: &'a Path,
    pub(super) params: &'a mut Params,
    pub(super) findings: &'a mut Findings,
    pub(super) files: FilesSoFar,
    pub(super) columns: ColumnsSoFar<'a>,
    /// The modules that the manifest names.
    pub(super) sources: &'a StepSources,
    /// The flow of the steps.
    pub(super) flow: &'a FlowCheck<'a>,
}

/// The parameters that a manifest sets for a step, each under its probable name.
type Given<'n> = Vec<(&'static ParamSpec, &'n Node)>;

impl Binder<'_> {
    /// Returns the step with its parameters; `None` if any of them is invalid. Also returns the parameters that the
    /// manifest sets.
    pub(super) fn bind(
        &mut self,
        step: &AuthoredStep,
        registration: &'static StepRegistration,
        feeds: &[Feed],
    ) -> (Option<Box<dyn StepDefinition>>, Written) {
        let errors = self.findings.errors();
        let spec = registration.spec();
        let known: Vec<&str> = spec.params.iter().map(|param| param.name).collect();
        let (mut values, mut written) = (Map::new(), Written::new());
        let mut given = Given::new();
        for (key, node) in &step.with {
            let mut used = BTreeSet::new();
            let value = self.fill(node, &mut used);
            let meant = if known.contains(&key.name.as_str()) {
                Some(key.name.as_str())
            } else {
                let others = known.iter().copied().filter(|name| !step.with.iter().any(|(key, _)| key.name == *name));
                let meant = self.findings.nearest(&key.name, others);
                self.unknown_param(step, registration, &key.name, key.span, meant);
                meant
            };
            let Some(param) = meant.and_then(|name| spec.param(name)) else { continue };
            given.push((param, node));
            if let Some(mut value) = value {
                self.give_params(&mut value, &param.ty.make(), &mut used);
                values.insert(param.name.to_owned(), value);
            }
            written.insert(param.name.to_owned(), used);
        }
        // A step with an invalid id is checked under a substitute.
        let id = step.id.clone().or_else(|| StepId::new("step").ok());
        let bound = id.map(|id| registration.bind(id, &values));
        let (definition, problems) = match bound {
            Some(Ok(definition)) => (Some(definition), Vec::new()),
            Some(Err(problems)) => (None, problems),
            None => (None, Vec::new()),
        };
        for problem in &problems {
            self.report(problem, step, registration, &given);
        }
        // The parameters that determine the columns remain known, whatever is wrong with a condition or a number.
        let substitute = if definition.is_none() { substitute(registration, &values, &problems) } else { None };
        let columns = definition.as_deref().or(substitute.as_deref());
        let columns = columns.map(|definition| self.columns(step, registration, definition, &given, feeds));
        self.columns.add(columns.unwrap_or_default(), self.findings.errors() == errors);
        let mut named = NamedFiles::default();
        for (param, node) in given {
            let refused = problems
                .iter()
                .any(|problem| matches!(problem, ParamProblem::Invalid { param: name, .. } if *name == param.name));
            if let Some(value) = values.get(param.name).filter(|_| !refused) {
                named.collect(value, &param.ty.make(), node);
            }
        }
        self.name_files(&named, spec.kind);
        (definition.filter(|_| step.id.is_some()), written)
    }
}

/// Returns a step with the same columns, in which substitutes replace invalid conditions and numbers, on which columns
/// do not depend. `None` if any other parameter is invalid.
fn substitute(
    registration: &StepRegistration,
    values: &Map<String, Value>,
    problems: &[ParamProblem],
) -> Option<Box<dyn StepDefinition>> {
    let mut values = values.clone();
    for problem in problems {
        let name = match problem {
            ParamProblem::Unknown { .. } => return None,
            ParamProblem::Missing { param } | ParamProblem::Invalid { param, .. } => *param,
        };
        let param = registration.spec().param(name)?;
        let other = match param.ty.make() {
            ParamType::Expression => Value::from("true"),
            ParamType::Integer { .. } | ParamType::Number | ParamType::PositiveNumber => {
                Value::from(param.min.unwrap_or(1.0))
            }
            ParamType::Optional(inner) if matches!(*inner, ParamType::Integer { .. } | ParamType::Number) => {
                Value::Null
            }
            _ => return None,
        };
        values.insert(name.to_owned(), other);
    }
    registration.bind(StepId::new("step").ok()?, &values).ok()
}

/// Returns the node at `path`, or the last node on the way to it with the rest of the path.
fn walk<'n, 'p>(mut node: &'n Node, mut path: &'p [PathPart]) -> (&'n Node, &'p [PathPart]) {
    while let Some((part, rest)) = path.split_first() {
        let inner = match (part, &node.value) {
            (PathPart::Index(index), NodeValue::List(items)) => items.get(*index),
            (PathPart::Key(key), NodeValue::Map(entries)) => {
                entries.iter().find(|(name, _)| name.name == *key).map(|(_, node)| node)
            }
            _ => None,
        };
        let Some(inner) = inner else { break };
        (node, path) = (inner, rest);
    }
    (node, path)
}
