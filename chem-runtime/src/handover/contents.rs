//! What an export says: the events of its runs, their proof, and which files it has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::events::RunLog;
use super::names;
use crate::artifact::ArtifactValue as _;
use crate::event::{FlowEvent, FlowEventKind, FlowId, FlowInitialized, OutputRef, RecordedStep, StepStarted};
use crate::evidence::Digest;
use crate::fingerprint::{ArtifactHash, ContentHash};
use crate::step::{FileWritten, InputFile, InputFiles};
use crate::store::{Attestation, PersistenceError};

/// The number of the form of exports that this release writes.
pub(super) const FORM: u32 = 1;

/// The export as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Export {
    /// The files of the flow.
    pub(super) files: Vec<FlowFile>,
    /// The number of the form.
    pub(super) form: u32,
    /// The version of the program that exported.
    pub(super) release: String,
    /// The id of the exported run.
    pub(super) run: String,
    /// Whether files of the flow and artifacts were left out.
    pub(super) without_data: bool,
}

/// A file that a step of the run read or wrote.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowFile {
    /// The path in the export, below `flow/`.
    pub(super) name: String,
    /// Why the export does not have it; `None` if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) omitted: Option<String>,
    /// The parameter of the step, or for a file that it wrote the name of the output.
    pub(super) param: String,
    /// The path in the manifest of the run.
    pub(super) path: String,
    /// The id of the run below the exported one; `None` for the exported one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
    /// The hash of its content.
    pub(super) sha256: String,
    /// The id of the step.
    pub(super) step: String,
    /// Whether the step wrote it.
    pub(super) written: bool,
}

impl FlowFile {
    /// Returns whether the export does not have the file where the run had it.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.name.starts_with(names::ELSEWHERE)
    }
}

/// What an export says, without its artifacts and files.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    pub(super) export: Export,
    /// The runs, the exported one first.
    pub(super) runs: Vec<RunLog>,
    /// The checkpoint of the log, which has no run.
    pub(super) checkpoint: Attestation,
    /// The roots of the subtrees without events of these runs.
    pub(super) hashes: Vec<Digest>,
    /// The attestations about the runs, in order.
    pub(super) attestations: Vec<Attestation>,
    /// The file of allowed signers.
    pub(super) signers: Option<Vec<u8>>,
}

impl Contents {
    /// Returns whether the export has a file of the flow under this name.
    pub(super) fn has_file(&self, name: &str) -> bool {
        let below = name.strip_prefix(names::FLOW);
        self.export.files.iter().any(|file| file.omitted.is_none() && Some(file.name.as_str()) == below)
    }
}

/// Returns the events of `log`, interpreted.
///
/// # Errors
/// Fails if this release does not know an event, or it is damaged.
pub(super) fn decoded(log: &RunLog) -> Result<Vec<FlowEvent>, PersistenceError> {
    log.rows().map(|row| row.clone().decode()).collect()
}

/// Returns the runs whose results the events of a run reuse, or of which they take over rows.
pub(super) fn reused_by(events: &[FlowEvent]) -> impl Iterator<Item = String> {
    events.iter().filter_map(|event| match &event.kind {
        FlowEventKind::StepReused(reused) => Some(reused.source.flow_id.to_string()),
        FlowEventKind::StepFinished(finished) => Some(finished.rows.as_ref()?.taken_over?.source.flow_id.to_string()),
        _ => None,
    })
}

/// Returns the artifacts that an event brings along. A table among them brings its chunks, too.
pub(super) fn artifacts_of(kind: &FlowEventKind) -> Vec<ArtifactHash> {
    match kind {
        FlowEventKind::StepFinished(finished) => {
            let outcomes = finished.rows.as_ref().and_then(|rows| rows.outcomes);
            finished.outputs.iter().map(|output| output.hash).chain(outcomes).collect()
        }
        FlowEventKind::StepProgressed(progressed) => {
            let chunks = progressed.outputs.values().flatten().map(|chunk| chunk.hash);
            chunks.chain([progressed.rest]).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the files that a step has read: for each, the parameter, the path in the manifest, and the hash of the content.
pub(super) fn files_read(written: &serde_json::Map<String, Value>, started: &StepStarted) -> Vec<[String; 3]> {
    fn collect(param: &str, written: &Value, identity: &Value, found: &mut Vec<[String; 3]>) {
        if let Some(files) = InputFiles::read_from(written, identity) {
            found.extend(files.into_iter().map(|(path, sha256)| [param.to_owned(), path, sha256]));
            return;
        }
        match (written, identity) {
            (Value::String(path), identity) => {
                if let Some(sha256) = InputFile::content_in(identity) {
                    found.push([param.to_owned(), path.clone(), sha256.to_owned()]);
                }
            }
            (Value::Array(written), Value::Array(identities)) => {
                written.iter().zip(identities).for_each(|(written, identity)| collect(param, written, identity, found));
            }
            (Value::Object(written), Value::Object(identities)) => {
                for (name, written) in written {
                    if let Some(identity) = identities.get(name) {
                        collect(param, written, identity, found);
                    }
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (param, written) in written {
        if let Some(identity) = started.params.get(param) {
            collect(param, written, identity, &mut found);
        }
    }
    found
}

/// Returns whether `file` is the one that the output of a step describes.
pub(super) fn is_described_by(file: &FlowFile, bytes: u64, output: &OutputRef) -> bool {
    let Ok(sha256) = file.sha256.parse::<ContentHash>() else { return false };
    let written = FileWritten { path: file.path.clone(), sha256, bytes };
    written.pack().is_ok_and(|packed| packed.root.hash() == output.hash)
}

/// Changes the parameters of a step of `run`, or of the exported run, to the paths at which the files are in the export.
pub(super) fn relocated_params(run: Option<&str>, step: &mut RecordedStep, files: &[FlowFile]) {
    fn rename(value: &mut Value, names: &BTreeMap<&str, &str>) {
        match value {
            Value::String(path) => {
                if let Some(name) = names.get(path.as_str()) {
                    *path = (*name).to_owned();
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| rename(value, names)),
            Value::Object(members) => members.values_mut().for_each(|value| rename(value, names)),
            _ => {}
        }
    }
    let of_step = |file: &&FlowFile| file.step == step.id && file.run.as_deref() == run;
    for file in files.iter().filter(of_step).filter(|file| !file.written && file.path != file.name) {
        if let Some(value) = step.params.get_mut(&file.param) {
            rename(value, &BTreeMap::from([(file.path.as_str(), file.name.as_str())]));
        }
    }
}

/// Returns the file name of the manifest in the export.
pub(super) fn manifest_name(initialized: &FlowInitialized) -> String {
    let recorded =
        initialized.environment.manifest.as_deref().filter(|name| names::is_safe(name) && !name.contains('/'));
    match recorded {
        Some(name) => format!("{}{name}", names::FLOW),
        None => format!("{}manifest.yaml", names::FLOW),
    }
}

/// Returns the name of the file in the export that has an attestation.
pub(super) fn name_of(flow_id: Option<FlowId>, number: u64, kind: &str) -> String {
    match flow_id {
        Some(_) => names::attestation(number, kind),
        None => names::CHECKPOINT.to_owned(),
    }
}
