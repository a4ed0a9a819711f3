//! The artifacts and files of an export, and its descriptions of them.

use std::collections::BTreeSet;

use super::Checked;
use crate::event::{FlowEvent, FlowEventKind, OutputRef};
use crate::fingerprint::{ArtifactHash, ContentHash};
use crate::handover::contents::{Contents, artifacts_of, files_read, is_described_by, manifest_name};
use crate::handover::description::{describe, is_shard};
use crate::handover::family::Family;
use crate::handover::finding::Finding;
use crate::handover::manifests::NamedManifests;
use crate::handover::names;
use crate::handover::read::Reading;

impl Checked {
    /// Looks for the artifacts that the events name, and for those that no event names.
    pub(super) fn check_artifacts(&mut self, contents: &Contents, reading: &Reading, runs: &[Vec<FlowEvent>]) {
        let mut open: Vec<ArtifactHash> = runs.iter().flatten().flat_map(|event| artifacts_of(&event.kind)).collect();
        let mut named: BTreeSet<ArtifactHash> = open.iter().copied().collect();
        while let Some(hash) = open.pop() {
            for chunk in reading.artifacts.get(&hash).into_iter().flatten() {
                if named.insert(*chunk) {
                    open.push(*chunk);
                }
            }
        }
        for hash in reading.artifacts.keys().filter(|hash| !named.contains(hash)) {
            self.findings.push(Finding::artifact(hash, "no event names it"));
        }
        let is_there = |hash: &&ArtifactHash| reading.listed.contains_key(&names::artifact(**hash));
        for hash in named.iter().filter(|hash| !is_there(hash) && !contents.export.without_data) {
            self.findings.push(Finding::artifact(hash, "it is missing"));
        }
    }

    /// Compares the files of the flow with the hashes in the events.
    pub(super) fn check_files(&mut self, contents: &Contents, reading: &Reading, runs: &[Vec<FlowEvent>]) {
        let Some(family) = Family::of(runs) else { return };
        let (mut read, mut outputs, mut expected) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
        for (id, events, initialized) in family.members() {
            let run = family.name_of(id);
            match &run {
                None => drop(expected.insert(manifest_name(initialized))),
                Some(_) if is_shard(initialized) => {}
                Some(run) => drop(expected.insert(names::manifest_of_child(run))),
            }
            for event in events {
                let (step, found) = match &event.kind {
                    FlowEventKind::StepStarted(started) => {
                        let step = initialized.definition.steps.iter().find(|step| step.id == started.step_id);
                        let files = step.map(|step| files_read(&step.params, started)).unwrap_or_default();
                        read.extend(files.into_iter().map(|file| (run.clone(), started.step_id.as_str(), file)));
                        continue;
                    }
                    FlowEventKind::StepFinished(it) => (it.step_id.as_str(), &it.outputs),
                    FlowEventKind::StepReused(it) => (it.step_id.as_str(), &it.outputs),
                    _ => continue,
                };
                outputs.extend(found.iter().map(|output| (run.clone(), step, output)));
            }
        }
        let manifests = NamedManifests::of(&family, &contents.export).texts;
        expected.extend(manifests.into_keys().map(|name| format!("{}{name}", names::FLOW)));
        for file in &contents.export.files {
            let name = format!("{}{}", names::FLOW, file.name);
            let found = reading.listed.get(&name);
            let is_recorded = if file.written {
                // Without the file, its length is unknown, and with it the hash of the artifact that describes it.
                let is_it = |(run, step, output): &(Option<String>, &str, &OutputRef)| {
                    *run == file.run
                        && *step == file.step
                        && output.name == file.param
                        && found.is_none_or(|found| is_described_by(file, found.bytes, output))
                };
                outputs.iter().any(is_it)
            } else {
                let known = [file.param.clone(), file.path.clone(), file.sha256.clone()];
                read.contains(&(file.run.clone(), file.step.as_str(), known))
            };
            if !is_recorded {
                let reason = format!("no event says that step `{}` read or wrote it", file.step);
                self.findings.push(Finding::file(&name, reason));
            }
            match (&file.omitted, found) {
                (None, Some(found)) if found.sha256 != file.sha256 => {
                    self.findings.push(Finding::file(&name, "its content is not the one that the run read or wrote"));
                }
                (None, None) => self.findings.push(Finding::file(&name, "it is missing")),
                _ => {}
            }
            if file.omitted.is_none() {
                expected.insert(name);
            }
        }
        for name in reading.listed.keys().filter(|name| name.starts_with(names::FLOW) && !expected.contains(*name)) {
            self.findings.push(Finding::file(name, "the run did not read or write it"));
        }
    }

    /// Makes the descriptions again, if this is the release that made them.
    pub(super) fn check_descriptions(&mut self, contents: &Contents, reading: &Reading, runs: &[Vec<FlowEvent>]) {
        let release = &contents.export.release;
        if release != env!("CARGO_PKG_VERSION") {
            self.other_release = Some(release.clone());
            return;
        }
        let mut listed = reading.listed.clone();
        listed.remove(names::METADATA);
        match describe(contents, runs, &listed) {
            Err(error) => self.findings.push(Finding::file(names::METADATA, error.to_string())),
            Ok(texts) => {
                for (name, text) in texts {
                    let expected = ContentHash::of(text.as_bytes()).to_string();
                    if reading.listed.get(&name).is_none_or(|found| found.sha256 != expected) {
                        self.findings.push(Finding::file(name, "it does not say what the events say"));
                    }
                }
            }
        }
    }
}
