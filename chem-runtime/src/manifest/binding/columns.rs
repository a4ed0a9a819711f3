//! The columns that parameters name: whether an earlier step produces them.

use chem_manifest::authored::AuthoredStep;
use chem_manifest::{Diagnostic, rules};
use std::collections::HashMap;

use super::{Binder, Given};
use crate::manifest::wiring::Feed;
use crate::step::{
    ColumnContext, ColumnReference, Columns, MAIN_OUTPUT, ParamSpec, StepDefinition, StepId, StepRegistration, listed,
};

/// The columns that the steps so far put out.
pub(in crate::manifest) struct ColumnsSoFar<'a> {
    steps: &'a [AuthoredStep],
    /// Those of the main output of each.
    known: Vec<Columns>,
    /// The last step that puts out a column of this name.
    producers: HashMap<Box<str>, usize>,
}

impl<'a> ColumnsSoFar<'a> {
    /// Before the first of `steps`.
    pub(in crate::manifest) fn new(steps: &'a [AuthoredStep]) -> Self {
        Self { steps, known: Vec::new(), producers: HashMap::new() }
    }

    /// Adds those of the next step.
    pub(in crate::manifest) fn add(&mut self, columns: Columns) {
        for name in columns.names().unwrap_or_default() {
            self.producers.insert(name.clone(), self.known.len());
        }
        self.known.push(columns);
    }

    fn of(&self, feed: &Feed) -> Columns {
        match feed.output {
            MAIN_OUTPUT => self.known.get(feed.from).cloned().unwrap_or_default(),
            _ => Columns::Unknown,
        }
    }
}

impl Binder<'_> {
    /// Reports the columns that the step names and its inputs do not have, and gives those of its output.
    pub(super) fn columns(
        &mut self,
        step: &AuthoredStep,
        registration: &'static StepRegistration,
        definition: &dyn StepDefinition,
        given: &Given<'_>,
        feeds: &[Feed],
    ) -> Columns {
        let spec = registration.spec();
        let inputs: Vec<(&str, Columns)> = spec
            .inputs
            .iter()
            .map(|port| (port.name, feeds.iter().find(|feed| feed.port == port.name)))
            .map(|(name, feed)| (name, feed.map(|feed| self.columns.of(feed)).unwrap_or_default()))
            .collect();
        for (param, named) in definition.named_columns() {
            let Some(param) = spec.param(param) else { continue };
            let sole: Vec<&str> = spec.inputs.iter().map(|port| port.name).collect();
            let ports = match param.columns_of {
                Some(ports) => ports,
                None if sole.len() == 1 => sole.as_slice(),
                None => &[],
            };
            for port in ports {
                let Some((_, Columns::Known(there))) = inputs.iter().find(|(name, _)| name == port) else { continue };
                if there.iter().any(|column| **column == *named.name) {
                    continue;
                }
                if let Some(feed) = feeds.iter().find(|feed| feed.port == *port) {
                    self.unknown_column(step, param, &named, given, *feed, there);
                    break;
                }
            }
        }
        definition.columns(&ColumnContext::new(&inputs, self.directory, self.files.written()))
    }

    fn unknown_column(
        &mut self,
        step: &AuthoredStep,
        param: &ParamSpec,
        named: &ColumnReference,
        given: &Given<'_>,
        feed: Feed,
        there: &[Box<str>],
    ) {
        let name = &named.name;
        let place = given
            .iter()
            .find(|(spec, _)| spec.name == param.name)
            .map(|(_, node)| self.locate(node, &named.path, named.at.as_ref()));
        let message = match place {
            Some(_) => format!("there is no column `{name}`"),
            None => format!("there is no column `{name}`, which `{}` names by default", param.name),
        };
        let span = place.as_ref().map_or(step.uses.as_ref().map_or(step.at, |uses| uses.span), |place| place.span);
        let mut diagnostic = Diagnostic::new(&rules::UNKNOWN_COLUMN, message, self.source, span);
        if let Some((source, span, name)) = place.and_then(|place| place.declared) {
            diagnostic = diagnostic.with_secondary(&source, span, format!("the value of `{name}`"));
        }
        if let Some(from) = self.columns.steps.get(feed.from) {
            diagnostic = diagnostic.with_secondary(self.source, from.at, "it is looked for in what this step gives");
        }
        let names: Vec<&str> = there.iter().map(|column| &**column).collect();
        let help = match (self.producer(name), self.findings.nearest(name, names.iter().copied())) {
            (Some(producer), _) => format!("`{producer}` gives it: `inputs: {{ {}: {producer} }}`", feed.port),
            (None, Some(meant)) => format!("did you mean `{meant}`?"),
            (None, None) if names.is_empty() => "the table has no columns".to_owned(),
            (None, None) => format!("there are {}", listed(&names)),
        };
        self.findings.add(diagnostic.with_help(help));
    }

    /// An earlier step that puts out a column of this name.
    fn producer(&self, column: &str) -> Option<&str> {
        let step = self.columns.steps.get(*self.columns.producers.get(column)?)?;
        step.id.as_ref().map(StepId::as_str)
    }
}
