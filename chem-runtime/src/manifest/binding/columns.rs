//! Checks that an earlier step produces the columns that parameters name.

use std::collections::{HashMap, HashSet};

use chem_manifest::authored::AuthoredStep;
use chem_manifest::{Diagnostic, rules};

use super::problems::is_expression;
use super::{Binder, Given};
use crate::flow::Feed;
use crate::step::{
    ColumnContext, ColumnReference, Columns, MAIN_OUTPUT, Misfit, MisfitKind, OutputSpec, ParamSpec, PortSpec,
    StepDefinition, StepId, StepRegistration, expression, listed,
};

/// The output columns of the steps so far.
pub(in crate::manifest) struct ColumnsSoFar<'a> {
    steps: &'a [AuthoredStep],
    /// The main output of each step.
    outputs: &'a [Option<OutputSpec>],
    /// The columns of the main output of each step so far.
    known: Vec<Columns>,
    /// For each column name, the last step without an error that produces it.
    producers: HashMap<Box<str>, usize>,
}

impl<'a> ColumnsSoFar<'a> {
    /// Creates the state before the first of `steps`.
    pub(in crate::manifest) fn new(steps: &'a [AuthoredStep], outputs: &'a [Option<OutputSpec>]) -> Self {
        Self { steps, outputs, known: Vec::new(), producers: HashMap::new() }
    }

    /// Adds the columns of the next step; `sound` means that the step has no error.
    pub(in crate::manifest) fn add(&mut self, columns: Columns, sound: bool) {
        for name in columns.names().filter(|_| sound).unwrap_or_default() {
            self.producers.insert(name.clone(), self.known.len());
        }
        self.known.push(columns);
    }

    /// Returns the columns of the main output of each step.
    pub(in crate::manifest) fn into_known(self) -> Vec<Columns> {
        self.known
    }

    fn of(&self, feed: &Feed) -> Columns {
        match feed.output {
            MAIN_OUTPUT => self.known.get(feed.from).cloned().unwrap_or_default(),
            _ => Columns::Unknown,
        }
    }

    fn kind_of(&self, feed: &Feed) -> Option<&'a str> {
        let output = self.outputs.get(feed.from)?.as_ref().filter(|_| feed.output == MAIN_OUTPUT)?;
        Some(output.kind)
    }
}

impl Binder<'_> {
    /// Reports the columns that the step names but its inputs lack, and everything else that keeps it from succeeding.
    /// Returns the columns of its output.
    pub(super) fn columns(
        &mut self,
        step: &AuthoredStep,
        registration: &'static StepRegistration,
        definition: &dyn StepDefinition,
        given: &Given<'_>,
        feeds: &[Feed],
    ) -> Columns {
        let spec = registration.spec();
        // An incorrectly wired input is wired all the same.
        let is_wired = |name| step.inputs_in_doubt || step.inputs.iter().any(|(written, _)| written.name == name);
        let inputs: Vec<(&str, Option<Columns>)> = spec
            .inputs
            .iter()
            .map(|port| match feeds.iter().find(|feed| feed.port == port.name) {
                Some(feed) => (port.name, Some(self.columns.of(feed))),
                None => (port.name, is_wired(port.name).then_some(Columns::Unknown)),
            })
            .collect();
        let there: HashMap<&str, HashSet<&str>> = inputs
            .iter()
            .filter_map(|(port, columns)| Some((*port, columns.as_ref()?.names()?)))
            .map(|(port, names)| (port, names.iter().map(AsRef::as_ref).collect()))
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
                if there.get(port).is_none_or(|there| there.contains(named.name.as_str())) {
                    continue;
                }
                let Some((_, Some(Columns::Known(there)))) = inputs.iter().find(|(name, _)| name == port) else {
                    continue;
                };
                if let Some(feed) = feeds.iter().find(|feed| feed.port == *port) {
                    let port = spec.inputs.iter().find(|known| known.name == *port);
                    self.unknown_column(step, param, &named, given, (*feed, port), there);
                    break;
                }
            }
        }
        let first = spec.inputs.first().and_then(|port| feeds.iter().find(|feed| feed.port == port.name));
        let context = ColumnContext::new(&inputs, self.directory, self.files.written())
            .with_first_kind(first.and_then(|feed| self.columns.kind_of(feed)));
        let (misfits, columns) = (definition.check(&context), definition.columns(&context));
        for misfit in &misfits {
            self.misfit(misfit, step, given);
        }
        columns
    }

    fn misfit(&mut self, misfit: &Misfit, step: &AuthoredStep, given: &Given<'_>) {
        let rule = match misfit.kind {
            MisfitKind::Params => &rules::CANNOT_SUCCEED,
            MisfitKind::Column | MisfitKind::ReadColumn => &rules::UNKNOWN_COLUMN,
            MisfitKind::NoProgram => &rules::NO_SUCH_PROGRAM,
            MisfitKind::UndeclaredFile => &rules::UNDECLARED_FILE,
        };
        let place = given.iter().find(|(spec, _)| spec.name == misfit.param);
        let place = place.map(|(_, node)| self.locate(node, &misfit.path, misfit.within.as_ref()));
        let uses = step.uses.as_ref().map_or(step.at, |uses| uses.span);
        let span = place.as_ref().map_or(step.with_key.unwrap_or(uses), |place| place.span);
        let message = match misfit.kind == MisfitKind::Column && place.is_none() {
            true => format!("{}, which `{}` names by default", misfit.message, misfit.param),
            false => misfit.message.clone(),
        };
        let mut diagnostic = Diagnostic::new(rule, message, self.source, span);
        if let Some(place) = place {
            diagnostic = place.shown_in(diagnostic);
        }
        if let Some(help) = &misfit.help {
            diagnostic = diagnostic.with_help(help.clone());
        }
        self.findings.add(diagnostic);
    }

    fn unknown_column(
        &mut self,
        step: &AuthoredStep,
        param: &ParamSpec,
        named: &ColumnReference,
        given: &Given<'_>,
        (feed, port): (Feed, Option<&PortSpec>),
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
        if let Some(place) = place {
            diagnostic = place.shown_in(diagnostic);
        }
        if let Some(from) = self.columns.steps.get(feed.from) {
            diagnostic = diagnostic.with_secondary(self.source, from.at, "it is looked for in what this step gives");
        }
        let names: Vec<&str> = there.iter().map(|column| &**column).collect();
        // In an expression, a name that is not an identifier is spelled differently.
        let spelled = |name: &str| match is_expression(&param.ty.make()) {
            true => expression::spelled(name),
            false => name.to_owned(),
        };
        let meant = self.findings.nearest(name, names.iter().copied());
        let help = match (meant, self.producer(name, port)) {
            (Some(meant), _) => format!("did you mean `{}`?", spelled(meant)),
            (None, Some(producer)) => format!("`{producer}` has it: `inputs: {{ {}: {producer} }}`", feed.port),
            (None, None) if names.is_empty() => "the table has no columns".to_owned(),
            (None, None) => {
                let names: Vec<String> = names.iter().map(|name| spelled(name)).collect();
                format!("there are {}", listed(&names.iter().map(String::as_str).collect::<Vec<_>>()))
            }
        };
        self.findings.add(diagnostic.with_help(help));
    }

    /// Returns an earlier step that produces this column, in an output that `port` accepts.
    fn producer(&self, column: &str, port: Option<&PortSpec>) -> Option<&str> {
        let place = *self.columns.producers.get(column)?;
        let output = self.columns.outputs.get(place)?.as_ref()?;
        port.filter(|port| port.accepts(output))?;
        self.columns.steps.get(place)?.id.as_ref().map(StepId::as_str)
    }
}
