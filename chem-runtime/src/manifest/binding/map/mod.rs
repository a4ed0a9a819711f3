//! Binds a step with `map:`: checks its flow once for each combination of values, and what is taken from it.

mod children;
mod flow;
mod take;
mod values;

use std::collections::BTreeSet;
use std::path::PathBuf;

use chem_manifest::authored::{AuthoredStep, Manifest, MapOver, files_of};
use chem_manifest::document::Steps;
use chem_manifest::yaml::{Key, Node};
use chem_manifest::{Diagnostic, Findings, Rule, Source, Span, rules};

use super::{Binder, Written};
use crate::step::map_step::MapStep;
use crate::step::{Columns, StepDefinition};

/// The flow of a step with `map:`.
struct ChildManifest {
    source: Source,
    manifest: Manifest,
    /// The parameters with their types; `None` if they cannot be read.
    declared: Option<Vec<(Key, Node)>>,
    directory: PathBuf,
    /// The path as the manifest writes it; `None` if the steps are in place.
    path: Option<String>,
    /// The steps in place, as the log records them.
    steps: Option<Steps>,
    /// Where the manifest names it.
    at: Node,
    /// The beginning of its own manifest.
    start: Span,
    /// What was found when it was read, and has not been reported.
    found: Findings,
}

impl Binder<'_> {
    /// Returns the step with its children; `None` if any of it is invalid. Also returns the parameters that the manifest
    /// sets.
    pub(in crate::manifest) fn bind_map(
        &mut self,
        step: &AuthoredStep,
        map: &MapOver,
    ) -> (Option<Box<dyn StepDefinition>>, Written) {
        let (errors, mut written) = (self.findings.errors(), Written::new());
        let over = self.given(&map.over, "over", &mut written);
        let params = self.given(&map.params, "params", &mut written);
        let name = step.written_id.as_deref().unwrap_or_default();
        let flow = map.flow.as_ref().and_then(|flow| self.child_flow(flow, name, &over, &params, &mut written));
        if let Some(path) = flow.as_ref().and_then(|flow| flow.path.as_ref()).filter(|path| path.contains('/')) {
            for (_, node) in map.over.iter().filter(|(_, node)| files_of(node).is_some()) {
                let message = format!("the paths of files start here, and those of `{path}` in its own directory");
                self.map_error(&rules::MAP_VALUES, message, node.span, "put the two manifests into one directory");
            }
        }
        for (name, is_written) in [("take", !map.take.is_empty()), ("on_error", !map.on_error.is_default())] {
            if is_written {
                written.insert(name.to_owned(), BTreeSet::new());
            }
        }
        let bound = flow.and_then(|flow| {
            self.check_given(&flow, &over, &params);
            self.check_runnable(&flow);
            let is_sound = self.findings.errors() == errors;
            if is_sound { self.children(map, flow, &over, &params) } else { None }
        });
        let params = bound.filter(|_| !self.findings.has_errors_but(self.flow.accepted));
        let columns = params.as_ref().map_or(Columns::Unknown, |params| Columns::known(params.columns()));
        self.columns.add(columns, params.is_some());
        let step = params.zip(step.id.clone()).map(|(params, id)| MapStep::new(id, params));
        (step.map(|step| Box::new(step) as Box<dyn StepDefinition>), written)
    }

    fn map_error(&mut self, rule: &'static Rule, message: String, span: Span, help: &str) {
        self.findings.add(Diagnostic::new(rule, message, self.source, span).with_help(help));
    }
}
