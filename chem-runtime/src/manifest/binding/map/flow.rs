//! The flow that a `map` runs: in a manifest of its own, or with its steps in place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chem_manifest::authored::{AuthoredStep, Manifest, MapFlow, StepSources};
use chem_manifest::document::{Step, Steps};
use chem_manifest::yaml::{Node, NodeValue};
use chem_manifest::{Findings, Parsed, Source, StepId, rules};
use serde_json::Value;

use super::ChildManifest;
use super::values::Given;
use crate::manifest::binding::files::NamedFiles;
use crate::manifest::binding::{Binder, Written};
use crate::manifest::nesting::MOST_DEPTH;
use crate::step::{StepKind, place_of};

impl Binder<'_> {
    /// Returns the flow of the step called `name`, which is given these values; `None` if it cannot be read.
    pub(super) fn child_flow(
        &mut self,
        flow: &MapFlow,
        name: &str,
        over: &[Given<'_>],
        params: &[Given<'_>],
        written: &mut Written,
    ) -> Option<ChildManifest> {
        let (at, steps) = match flow {
            MapFlow::File(node) => return self.child_manifest(node, written),
            MapFlow::InPlace { at, steps } => (*at, steps),
        };
        written.insert("steps".to_owned(), BTreeSet::new());
        let first = |given: &Given<'_>| Some((given.key.clone(), given.values.first()?.literal()));
        Some(ChildManifest {
            source: self.source.clone(),
            manifest: Manifest {
                flow: StepId::new(name).ok(),
                // The modules are named in this manifest, so its steps in place may use them.
                sources: if self.use_modules(steps) { self.sources.clone() } else { StepSources::default() },
                steps: steps.clone(),
                ..Manifest::default()
            },
            declared: Some(over.iter().chain(params).filter_map(first).collect()),
            directory: self.directory.to_owned(),
            path: None,
            steps: Step::all(steps.clone()).map(Steps),
            at: Node { span: at, value: NodeValue::Null },
            start: at,
            found: Findings::default(),
        })
    }

    /// Returns whether steps, or those in place of a `map` among them, have types that only modules can define.
    fn use_modules(&self, steps: &[AuthoredStep]) -> bool {
        let is_of_module = |step: &AuthoredStep| {
            let uses = step.uses.as_ref().map(|uses| self.flow.linked.get(&uses.text));
            matches!(uses, Some(None)) || step.map.as_ref().is_some_and(|map| self.use_modules(map.steps()))
        };
        steps.iter().any(is_of_module)
    }

    /// Reads the manifest of the flow.
    fn child_manifest(&mut self, node: &Node, written: &mut Written) -> Option<ChildManifest> {
        let mut used = BTreeSet::new();
        let Value::String(path) = self.fill(node, &mut used)? else { return None };
        written.insert("flow".to_owned(), used);
        let full = self.directory.join(&path);
        if !full.is_file() {
            let message = format!("there is no file `{path}`");
            self.map_error(&rules::MAP_FLOW, message, node.span, "name a manifest; its path is relative to this one");
            return None;
        }
        self.name_files(&NamedFiles { reads: vec![(path.clone(), node)], ..NamedFiles::default() }, StepKind::Source);
        if self.flow.nesting.has(&full) {
            let is_own = [&self.directory.join(self.source.name()), Path::new(self.source.name())]
                .iter()
                .any(|own| place_of(own) == place_of(&full));
            let message = match is_own {
                true => format!("`{path}` is this manifest, which would run itself"),
                false => format!("`{path}` runs this flow, which would run itself through it"),
            };
            self.map_error(&rules::MAP_FLOW, message, node.span, "name the manifest of another flow");
            return None;
        }
        let source = match Source::read(&full) {
            // Named like this manifest, relative to the same directory.
            Ok(source) => {
                let beside = Path::new(self.source.name()).with_file_name(&path);
                Source::new(beside.to_string_lossy(), source.text())
            }
            Err(diagnostic) => {
                self.findings.add(*diagnostic);
                return None;
            }
        };
        let mut found = Findings::default();
        let read = Parsed::of(&source, &mut found).map(|parsed| parsed.read(self.flow.linked, &mut found));
        let Some((manifest, start)) = read else {
            found.into_sorted(&source).into_iter().for_each(|diagnostic| self.findings.add(diagnostic));
            return None;
        };
        let declared = manifest.params.clone();
        let directory = full.parent().map(PathBuf::from).unwrap_or_default();
        let (path, at) = (Some(path), node.clone());
        Some(ChildManifest { source, manifest, declared, directory, path, steps: None, at, start, found })
    }

    /// Checks that nothing in the flow keeps it from running as a child.
    pub(super) fn check_runnable(&mut self, flow: &ChildManifest) {
        let manifest = &flow.manifest;
        if self.flow.nesting.is_deepest() {
            let message = format!(
                "children are nested {} deep here; a run has at most {MOST_DEPTH} levels of children",
                MOST_DEPTH + 1
            );
            self.map_error(&rules::MAP_DEPTH, message, flow.at.span, "run the innermost flow in the one around it");
        }
        let what = match &flow.path {
            Some(path) => format!("the flow in `{path}` cannot run as a child"),
            None => "the flow in place cannot run as a child".to_owned(),
        };
        let mut refuse = |because: &str, help: &str| {
            self.map_error(&rules::MAP_FLOW, format!("{what}: {because}"), flow.at.span, help);
        };
        if manifest.steps.iter().any(|step| step.policy.gate.is_some()) {
            refuse(
                "it has a step with `gate`, and a child cannot wait for an answer",
                "put the `gate` on the step with `map`",
            );
        }
    }
}
