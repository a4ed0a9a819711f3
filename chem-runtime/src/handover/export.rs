//! Writes a run and everything that belongs to it into one file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::archive::Writer;
use super::contents::{Contents, Export, FORM, FlowFile, artifacts_of, decoded, files_read, name_of, reused_by};
use super::description::{Listed, describe};
use super::error::HandoverError;
use super::events::{LoggedEvent, RunLog};
use super::names;
use crate::artifact::{Artifact, ArtifactError, ArtifactValue, TableRoot};
use crate::event::{FlowEvent, FlowEventKind, FlowId, FlowInitialized};
use crate::evidence::{Digest, SealedRuns, Signer, prove_runs};
use crate::fingerprint::{ArtifactHash, ContentHash, canonical_json};
use crate::step::FileWritten;
use crate::step::children::MAP_STEP;
use crate::store::{Attestation, EventStore, StoredEvent};

/// How to export a run.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// Whether to leave out artifacts, and the files that steps read and wrote. Their hashes stay.
    pub without_data: bool,
    /// A file of allowed signers to include, in the format of `ssh-keygen`.
    pub allowed_signers: Option<Vec<u8>>,
    /// The key that signs the list of all files.
    pub signer: Option<Signer>,
    /// The folder in the archive that has everything; `None` for no folder.
    pub folder: Option<String>,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The run.
    pub flow_id: FlowId,
    /// The runs whose results it reused, directly or through others.
    pub reused: Vec<FlowId>,
    /// The number of events.
    pub events: u64,
    /// The number of artifacts.
    pub artifacts: u64,
    /// The number of files in the archive.
    pub files: u64,
    /// The files that steps read or wrote and that were left out, each with the reason.
    pub omitted: Vec<(String, String)>,
}

/// Writes a run to `to`, with its manifest, its files, its artifacts, the events of the runs whose results it reused, and what
/// proves them. The same run gives the same bytes each time, as long as no checkpoint, statement or file is new.
///
/// # Errors
/// [`HandoverError::NotSealed`] if a checkpoint does not cover all events of the run; otherwise the error of the store, of an
/// artifact, or of `to`.
pub fn export(
    store: &dyn EventStore,
    flow_id: FlowId,
    options: &ExportOptions,
    to: impl Write,
) -> Result<Exported, HandoverError> {
    let runs = runs_to_export(store, flow_id)?;
    let sealed = prove_runs(store, &runs)?;
    let all = store.next_position(flow_id)?;
    let logs = sealed.as_ref().map(|sealed| logs_of(flow_id, sealed)).unwrap_or_default();
    let count = logs.first().filter(|log| log.run == flow_id.to_string()).map_or(0, |log| log.events.len() as u64);
    let (Some(sealed), true) = (sealed, count == all && count > 0) else {
        return Err(HandoverError::NotSealed { flow_id, events: all, sealed: count });
    };
    let events = logs.iter().map(decoded).collect::<Result<Vec<_>, _>>()?;
    let mut package = Package { writer: Writer::new(to, folder_of(options)), listed: BTreeMap::new() };
    let files = package.add_files(store, &events[0], options.without_data)?;
    let artifacts = if options.without_data { 0 } else { package.add_artifacts(store, &events)? };
    let export = Export {
        files,
        form: FORM,
        release: env!("CARGO_PKG_VERSION").to_owned(),
        run: flow_id.to_string(),
        without_data: options.without_data,
    };
    let contents = Contents {
        export,
        runs: logs,
        checkpoint: sealed.attestation.clone(),
        hashes: sealed.hashes.clone(),
        attestations: sealed.statements.clone(),
        signers: options.allowed_signers.clone(),
    };
    package.add_proof(&contents, &sealed)?;
    for (name, text) in describe(&contents, &events, &package.listed)? {
        package.add(&name, text.as_bytes(), false)?;
    }
    let sums = sums_of(&package.listed);
    package.writer.add(names::SUMS, sums.as_bytes(), false)?;
    if let Some(signer) = &options.signer {
        let signature = signer.sign(super::NAMESPACE, &sums)?;
        package.writer.add(&names::signature_of(names::SUMS), signature.as_bytes(), false)?;
    }
    let files = package.listed.len() as u64 + 1 + u64::from(options.signer.is_some());
    package.writer.finish()?;
    let omitted = contents.export.files.iter().filter(|_| !options.without_data);
    Ok(Exported {
        flow_id,
        reused: contents.runs[1..].iter().filter_map(|log| log.run.parse().ok()).collect(),
        events: contents.runs.iter().map(|log| log.events.len() as u64).sum(),
        artifacts,
        files,
        omitted: omitted.filter_map(|file| Some((file.path.clone(), file.omitted.clone()?))).collect(),
    })
}

fn folder_of(options: &ExportOptions) -> String {
    options.folder.as_ref().map(|folder| format!("{folder}/")).unwrap_or_default()
}

/// Returns the run and those whose results it reused, directly or through others.
fn runs_to_export(store: &dyn EventStore, flow_id: FlowId) -> Result<BTreeSet<String>, HandoverError> {
    let (mut found, mut open) = (BTreeSet::new(), vec![flow_id.to_string()]);
    while let Some(run) = open.pop() {
        let events = store.read_stored_run(&run, u64::MAX)?;
        let events: Vec<FlowEvent> = events.into_iter().map(StoredEvent::decode).collect::<Result<_, _>>()?;
        if let Some(FlowEventKind::FlowInitialized(begun)) = events.first().map(|event| &event.kind)
            && begun.definition.steps.iter().any(|step| step.uses == MAP_STEP)
        {
            return Err(HandoverError::HasChildren { flow_id: events[0].flow_id });
        }
        if found.insert(run) {
            open.extend(reused_by(&events));
        }
    }
    Ok(found)
}

/// Returns the logs of the runs, that of `flow_id` first.
fn logs_of(flow_id: FlowId, sealed: &SealedRuns) -> Vec<RunLog> {
    let mut logs: BTreeMap<String, RunLog> = BTreeMap::new();
    for (index, hashed) in &sealed.events {
        let event = StoredEvent { seq: 0, ..hashed.event.clone() };
        let log = logs.entry(event.flow_id.clone());
        let log = log.or_insert_with(|| RunLog { run: event.flow_id.clone(), events: Vec::new() });
        log.events.push(LoggedEvent { index: *index, leaf: hashed.leaf, event });
    }
    let first = logs.remove(&flow_id.to_string());
    first.into_iter().chain(logs.into_values()).collect()
}

/// The archive that is being written, with what is in it already.
struct Package<W> {
    writer: Writer<W>,
    listed: BTreeMap<String, Listed>,
}

impl<W: Write> Package<W> {
    fn add(&mut self, name: &str, content: &[u8], is_deflated: bool) -> Result<(), HandoverError> {
        self.writer.add(name, content, is_deflated)?;
        let (bytes, sha256) = (content.len() as u64, ContentHash::of(content).to_string());
        self.listed.insert(name.to_owned(), Listed { bytes, sha256 });
        Ok(())
    }

    /// Adds the files that the steps of the run read and wrote, if they are still what they were.
    fn add_files(
        &mut self,
        store: &dyn EventStore,
        events: &[FlowEvent],
        without_data: bool,
    ) -> Result<Vec<FlowFile>, HandoverError> {
        let Some(FlowEventKind::FlowInitialized(initialized)) = events.first().map(|event| &event.kind) else {
            return Ok(Vec::new());
        };
        let mut files: Vec<FlowFile> = Vec::new();
        for event in events {
            for mut file in files_of(store, initialized, &event.kind)? {
                // A file that was written over after it was read has two contents.
                if files.iter().any(|other| other.name == file.name && other.sha256 != file.sha256) {
                    file.name = names::of_file("/", &file.sha256);
                }
                if !files.contains(&file) {
                    files.push(file);
                }
            }
        }
        let directory = initialized.environment.directory.as_deref().unwrap_or(".");
        for file in &mut files {
            let name = format!("{}{}", names::FLOW, file.name);
            if without_data {
                file.omitted = Some("the export is without data".to_owned());
            } else if !self.listed.contains_key(&name) {
                match fs::read(Path::new(directory).join(&file.path)) {
                    Ok(content) if ContentHash::of(&content).to_string() == file.sha256 => {
                        self.add(&name, &content, true)?;
                    }
                    Ok(_) => file.omitted = Some("its content has changed since the run".to_owned()),
                    Err(error) => file.omitted = Some(format!("it cannot be read: {}", error.kind())),
                }
            }
        }
        Ok(files)
    }

    /// Adds the artifacts that the events name. Returns their number.
    fn add_artifacts(&mut self, store: &dyn EventStore, runs: &[Vec<FlowEvent>]) -> Result<u64, HandoverError> {
        let mut open: Vec<ArtifactHash> = runs.iter().flatten().flat_map(|event| artifacts_of(&event.kind)).collect();
        let mut seen: BTreeSet<ArtifactHash> = open.iter().copied().collect();
        open = seen.iter().rev().copied().collect();
        while let Some(hash) = open.pop() {
            let artifact = store.read_artifact(hash)?.ok_or(ArtifactError::Missing { hash })?;
            if let Ok(root) = TableRoot::of(&artifact) {
                open.extend(root.chunks.iter().map(|chunk| chunk.hash).filter(|hash| seen.insert(*hash)));
            }
            self.add(&names::artifact(hash), written_artifact(&artifact)?.as_bytes(), true)?;
        }
        Ok(seen.len() as u64)
    }

    /// Adds the events and what proves them.
    fn add_proof(&mut self, contents: &Contents, sealed: &SealedRuns) -> Result<(), HandoverError> {
        let malformed = |error: serde_json::Error| std::io::Error::from(error);
        let export = serde_json::to_string(&contents.export).map_err(malformed)?;
        self.add(names::EXPORT, format!("{export}\n").as_bytes(), false)?;
        for log in &contents.runs {
            self.add(&names::events_of(&log.run), log.to_text().map_err(malformed)?.as_bytes(), false)?;
        }
        for (run, proof) in &sealed.last {
            self.add(&names::last_of(run), proof.to_string().as_bytes(), false)?;
        }
        let paths: String = contents.hashes.iter().map(|hash| format!("{}\n", hash.base64())).collect();
        self.add(names::PATHS, paths.as_bytes(), false)?;
        let mut lines = String::new();
        for attestation in std::iter::once(&contents.checkpoint).chain(&contents.attestations) {
            let Attestation { number, kind, flow_id, statement, signature, ts } = attestation;
            let name = name_of(*flow_id, *number, kind);
            self.add(&name, statement.as_bytes(), false)?;
            if let Some(signature) = signature {
                self.add(&names::signature_of(&name), signature.as_bytes(), false)?;
            }
            let line =
                json!({ "flow_id": flow_id, "kind": kind, "name": name, "number": number, "ts": format!("{ts:.6}") });
            lines.push_str(&format!("{line}\n"));
        }
        self.add(names::ATTESTATIONS, lines.as_bytes(), false)?;
        match &contents.signers {
            Some(signers) => self.add(names::SIGNERS, signers, false),
            None => Ok(()),
        }
    }
}

/// Returns the files that an event says a step has read or written.
fn files_of(
    store: &dyn EventStore,
    initialized: &FlowInitialized,
    kind: &FlowEventKind,
) -> Result<Vec<FlowFile>, HandoverError> {
    let file = |step: &str, param: String, path: String, sha256: String, written| {
        let (name, step) = (names::of_file(&path, &sha256), step.to_owned());
        FlowFile { name, omitted: None, param, path, sha256, step, written }
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

/// Returns an artifact as two lines: its kind and metadata, and its payload.
fn written_artifact(artifact: &Artifact) -> Result<String, HandoverError> {
    let head = json!({ "kind": artifact.kind(), "metadata": artifact.metadata() });
    let head = canonical_json(&head).map_err(ArtifactError::from)?;
    Ok(format!("{head}\n{}\n", artifact.payload_text()))
}

/// Reads an artifact from what [`written_artifact`] wrote; `Err` with the reason if its hash is another.
pub(super) fn read_artifact(hash: ArtifactHash, content: &[u8]) -> Result<Artifact, String> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Head {
        kind: String,
        metadata: Option<serde_json::Value>,
    }
    let text = str::from_utf8(content).map_err(|error| error.to_string())?;
    let lines = text.split_once('\n').and_then(|(head, payload)| Some((head, payload.strip_suffix('\n')?)));
    let (head, payload) = lines.ok_or("it does not have two lines")?;
    let Head { kind, metadata } = serde_json::from_str(head).map_err(|error| format!("its first line: {error}"))?;
    let artifact = Artifact::from_stored(hash, &kind, payload, metadata).map_err(|error| error.to_string())?;
    match written_artifact(&artifact) {
        Ok(written) if written == text => Ok(artifact),
        _ => Err("it is spelled otherwise".to_owned()),
    }
}

/// Returns the list of files with their hashes, as `sha256sum` writes it.
fn sums_of(listed: &BTreeMap<String, Listed>) -> String {
    listed.iter().map(|(name, Listed { sha256, .. })| format!("{sha256}  {name}\n")).collect()
}

/// Reads the list that [`sums_of`] wrote; `None` if it is none.
pub(super) fn read_sums(text: &str) -> Option<BTreeMap<String, String>> {
    let line = |line: &str| {
        let (sha256, name) = line.split_once("  ")?;
        Some((name.to_owned(), sha256.parse::<ContentHash>().ok()?.to_string()))
    };
    let sums: BTreeMap<String, String> = text.lines().map(line).collect::<Option<_>>()?;
    let written: String = sums.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
    (written == text).then_some(sums)
}

/// Reads the hashes that an export has as lines of Base64; `None` if they are none.
pub(super) fn read_paths(text: &str) -> Option<Vec<Digest>> {
    text.lines().map(Digest::from_base64).collect()
}
