//! Writes a run and everything that belongs to it into one file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::archive::Writer;
use super::contents::{Contents, Export, FORM, FlowFile, artifacts_of, decoded, name_of, reused_by};
use super::description::{Listed, describe};
use super::error::HandoverError;
use super::events::{LoggedEvent, RunLog};
use super::family::{Family, children_of};
use super::files::files_of;
use super::names;
use super::shards::{parts_of, shard_id, steps_in_shards};
use crate::artifact::{Artifact, ArtifactError, TableRoot};
use crate::event::{FlowEvent, FlowId};
use crate::evidence::{Digest, SealedRuns, Signer, prove_runs};
use crate::fingerprint::{ArtifactHash, ContentHash, canonical_json};
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
    /// The runs below it: its children, theirs, and so on.
    pub children: Vec<FlowId>,
    /// The other runs whose results these reused, directly or through others, with their children.
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

/// Writes a run to `to`, with the runs below it, its manifest, its files, its artifacts, the events of the runs whose results it
/// reused, and what proves them. The same run gives the same bytes each time, as long as no checkpoint, statement or file is new.
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
    let family = Family::of(&events).ok_or(HandoverError::NotSealed { flow_id, events: all, sealed: count })?;
    let files = package.add_files(files_of(store, &family)?, options.without_data)?;
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
    let children: Vec<FlowId> = family.members().map(|(id, ..)| id).filter(|id| *id != flow_id).collect();
    let others = contents.runs[1..].iter().filter_map(|log| log.run.parse().ok());
    Ok(Exported {
        flow_id,
        reused: others.filter(|run| !children.contains(run)).collect(),
        children,
        events: contents.runs.iter().map(|log| log.events.len() as u64).sum(),
        artifacts,
        files,
        omitted: omitted.filter_map(|file| Some((file.path.clone(), file.omitted.clone()?))).collect(),
    })
}

fn folder_of(options: &ExportOptions) -> String {
    options.folder.as_ref().map(|folder| format!("{folder}/")).unwrap_or_default()
}

/// Returns the run, the runs below it, and those whose results these reused, directly or through others, with their children.
fn runs_to_export(store: &dyn EventStore, flow_id: FlowId) -> Result<BTreeSet<String>, HandoverError> {
    let (mut found, mut open) = (BTreeSet::new(), vec![flow_id.to_string()]);
    while let Some(run) = open.pop() {
        if found.contains(&run) {
            continue;
        }
        let events = store.read_stored_run(&run, u64::MAX)?;
        let events: Vec<FlowEvent> = events.into_iter().map(StoredEvent::decode).collect::<Result<_, _>>()?;
        if events.is_empty() {
            continue;
        }
        open.extend(reused_by(&events));
        open.extend(children_of(&events).into_iter().map(|(child, ..)| child.to_string()));
        open.extend(runs_on_rows(store, &events)?.iter().map(FlowId::to_string));
        found.insert(run);
    }
    Ok(found)
}

/// Returns the runs that work on the rows of a run: its shards and, if it works on rows itself and was cut, its parts.
fn runs_on_rows(store: &dyn EventStore, events: &[FlowEvent]) -> Result<BTreeSet<FlowId>, HandoverError> {
    let is_there = |id: &FlowId| Ok::<_, HandoverError>(store.read_event(*id, 0)?.is_some());
    let mut found = BTreeSet::new();
    for id in parts_of(events) {
        if is_there(&id)? {
            found.insert(id);
        }
    }
    let steps = steps_in_shards(events);
    let Some(run) = events.first().map(|first| first.flow_id).filter(|_| !steps.is_empty()) else { return Ok(found) };
    let mut last = BTreeMap::new();
    for id in store.completed_children(run)? {
        let begun = store.read_event(id, 0)?;
        let place = begun.as_ref().and_then(FlowEvent::child_of);
        if let Some(place) = place.filter(|place| place.parent == run) {
            found.insert(id);
            let last = last.entry(place.step_index).or_insert(0);
            *last = place.index.max(*last);
        }
    }
    // The others were cut, or did not get to their ends.
    for step in &steps {
        let known = last.get(&step.started.step_index).copied();
        for index in 0.. {
            let id = shard_id(run, step, index);
            if !found.contains(&id) {
                if is_there(&id)? {
                    found.insert(id);
                } else if known.is_none_or(|last| index > last) {
                    break;
                }
            }
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

    /// Adds the files that the steps of the family read and wrote, if they are still what they were.
    fn add_files(
        &mut self,
        files: Vec<(FlowFile, PathBuf)>,
        without_data: bool,
    ) -> Result<Vec<FlowFile>, HandoverError> {
        let mut listed = Vec::new();
        for (mut file, location) in files {
            let name = format!("{}{}", names::FLOW, file.name);
            if without_data {
                file.omitted = Some("the export is without data".to_owned());
            } else if !self.listed.contains_key(&name) {
                match fs::read(location) {
                    Ok(content) if ContentHash::of(&content).to_string() == file.sha256 => {
                        self.add(&name, &content, true)?;
                    }
                    Ok(_) => file.omitted = Some("its content has changed since the run".to_owned()),
                    Err(error) => file.omitted = Some(format!("it cannot be read: {}", error.kind())),
                }
            }
            listed.push(file);
        }
        Ok(listed)
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
