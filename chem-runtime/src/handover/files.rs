//! The files that the steps of an exported family read and wrote.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::contents::{FlowFile, files_read};
use super::error::HandoverError;
use super::family::Family;
use super::names;
use crate::artifact::{ArtifactError, ArtifactValue};
use crate::event::{FlowEventKind, FlowInitialized};
use crate::step::FileWritten;
use crate::store::EventStore;

/// Returns the files of a family, each with its location on this machine.
///
/// # Errors
/// Fails if the store cannot be read.
pub(super) fn files_of(store: &dyn EventStore, family: &Family<'_>) -> Result<Vec<(FlowFile, PathBuf)>, HandoverError> {
    let (mut files, mut contents, mut seen) = (Vec::new(), HashMap::new(), HashSet::new());
    for (id, events, begun) in family.members() {
        let directory = Path::new(begun.environment.directory.as_deref().unwrap_or("."));
        let below = family.directory_of(begun);
        for event in events {
            for mut file in files_in(store, begun, &event.kind)? {
                let path = below.join(&file.path);
                file.run = family.name_of(id);
                file.name = names::of_file(&path.to_string_lossy(), &file.sha256);
                // A file that was written over after it was read has two contents.
                if contents.entry(file.name.clone()).or_insert_with(|| file.sha256.clone()) != &file.sha256 {
                    file.name = names::of_file("/", &file.sha256);
                }
                if seen.insert(file.clone()) {
                    let location = directory.join(&file.path);
                    files.push((file, location));
                }
            }
        }
    }
    Ok(files)
}

/// Returns the files that an event says a step has read or written.
fn files_in(
    store: &dyn EventStore,
    initialized: &FlowInitialized,
    kind: &FlowEventKind,
) -> Result<Vec<FlowFile>, HandoverError> {
    let file = |step: &str, param: String, path: String, sha256: String, written| {
        let (name, step) = (String::new(), step.to_owned());
        FlowFile { name, omitted: None, param, path, run: None, sha256, step, written }
    };
    let (step, outputs) = match kind {
        FlowEventKind::StepStarted(started) => {
            let step = initialized.definition.steps.iter().find(|step| step.id == started.step_id);
            let read = step.map(|step| files_read(&step.params, started)).unwrap_or_default();
            let read = read.into_iter().map(|[param, path, sha256]| file(&started.step_id, param, path, sha256, false));
            return Ok(read.collect());
        }
        FlowEventKind::StepFinished(finished) => (&finished.step_id, &finished.outputs),
        FlowEventKind::StepReused(reused) => (&reused.step_id, &reused.outputs),
        _ => return Ok(Vec::new()),
    };
    let mut files = Vec::new();
    for output in outputs.iter().filter(|output| output.kind == <FileWritten as ArtifactValue>::KIND) {
        let hash = output.hash;
        let artifact = store.read_artifact(hash)?.ok_or(ArtifactError::Missing { hash })?;
        let written = FileWritten::unpack(&artifact, &HashMap::new())?;
        files.push(file(step, output.name.clone(), written.path, written.sha256.to_string(), true));
    }
    Ok(files)
}
