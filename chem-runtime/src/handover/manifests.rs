//! The manifests that steps with `map:` of an exported family name, as they were when the runs began.

use std::collections::BTreeMap;

use super::contents::{Export, manifest_name};
use super::family::Family;
use super::names;
use crate::event::{FlowId, FlowInitialized};
use crate::fingerprint::ContentHash;
use crate::step::children::{MAP_STEP, MapParams};

/// The manifests that a family names.
#[derive(Default)]
pub(super) struct NamedManifests {
    /// The texts, by the paths in the export, below `flow/`.
    pub(super) texts: BTreeMap<String, String>,
    /// The path in the export of the manifest that a step of a run names.
    named: BTreeMap<(FlowId, String), String>,
    /// The paths, as manifests write them, of those whose text the log does not have.
    pub(super) missing: Vec<String>,
}

impl NamedManifests {
    /// Returns the manifests that the steps of `family` name. Each is where the manifest that names it expects it, unless that is
    /// outside of the directory of the exported run.
    pub(super) fn of(family: &Family<'_>, export: &Export) -> Self {
        let mut found = Self::default();
        let files = export.files.iter().filter(|file| file.omitted.is_none());
        let mut contents: BTreeMap<String, String> =
            files.map(|file| (file.name.clone(), file.sha256.clone())).collect();
        for (id, _, begun) in family.members() {
            if family.name_of(id).is_none() {
                let own = manifest_name(begun);
                contents.insert(own.trim_start_matches(names::FLOW).to_owned(), String::new());
            }
            for (step, params) in file_steps(begun) {
                let Some(text) = params.text else {
                    if !found.missing.contains(&params.flow) {
                        found.missing.push(params.flow);
                    }
                    continue;
                };
                let sha256 = ContentHash::of(text.as_bytes()).to_string();
                let path = family.directory_of(begun).join(&params.flow);
                let mut name = names::of_file(&path.to_string_lossy(), &sha256);
                if contents.entry(name.clone()).or_insert_with(|| sha256.clone()) != &sha256 {
                    name = names::of_file("/", &sha256);
                }
                found.named.insert((id, step), name.clone());
                found.texts.insert(name, text);
            }
        }
        found
    }

    /// Returns the beginning of the run `id` with the paths at which the manifests are in the export.
    pub(super) fn relocated(&self, id: FlowId, mut begun: FlowInitialized) -> FlowInitialized {
        for step in &mut begun.definition.steps {
            if let Some(name) = self.named.get(&(id, step.id.clone())) {
                step.params.insert("flow".to_owned(), name.as_str().into());
            }
        }
        begun
    }
}

/// Returns the steps with `map:` whose flow is in a file, with their parameters.
fn file_steps(begun: &FlowInitialized) -> impl Iterator<Item = (String, MapParams)> {
    let maps = begun.definition.steps.iter().filter(|step| step.uses == MAP_STEP);
    let read = maps.filter_map(|step| Some((step.id.clone(), MapParams::read(&step.params).ok()?)));
    read.filter(|(_, params)| !params.flow.is_empty())
}
