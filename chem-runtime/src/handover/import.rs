//! Puts the runs of an export into a store, and its files into a directory.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use super::check::check_reading;
use super::contents::{artifacts_of, decoded};
use super::error::HandoverError;
use super::events::RunLog;
use super::export::read_artifact;
use super::family::Family;
use super::names;
use super::read::Reading;
use crate::artifact::{Artifact, ArtifactError};
use crate::event::{FlowEventKind, FlowId, FlowInitialized};
use crate::evidence::{EMPTY_HEAD, head_after};
use crate::fingerprint::ArtifactHash;
use crate::store::{Attestation, EventStore, NewEvent, StoredEvent};

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The exported run.
    pub flow_id: FlowId,
    /// The runs of which the store did not have all events.
    pub new: Vec<FlowId>,
    /// The number of runs in the export.
    pub runs: u64,
    /// The number of events that were appended.
    pub events: u64,
    /// The number of statements that the store did not have.
    pub statements: u64,
}

/// Puts the runs of the export at `path` into `store`, with their artifacts and with what people have stated about them. The
/// heads of the runs stay what they were, so that signatures hold. What the store has already is left as it is.
///
/// The events are appended now: their times in the store, and the tree of its log, are those of the import.
///
/// # Errors
/// [`HandoverError::NotSound`] if an audit of the export finds anything, [`HandoverError::WithoutData`] if it has no
/// artifacts, [`HandoverError::OtherRun`] if the store has a run with the same id and other events, and
/// [`HandoverError::LaterRelease`] if this release would store an event otherwise.
pub fn import(path: &Path, store: &dyn EventStore) -> Result<Imported, HandoverError> {
    let (mut reading, flow_id) = read_sound(path)?;
    let Some(contents) = reading.contents.clone() else { return Err(HandoverError::WithoutData) };
    let mut imported =
        Imported { flow_id, new: Vec::new(), runs: contents.runs.len() as u64, events: 0, statements: 0 };
    let mut stored = BTreeSet::new();
    // The run itself comes last: after its children, and after the runs whose results were reused.
    for log in contents.runs.iter().rev() {
        let run: FlowId = decoded(log)?.first().map(|first| first.flow_id).unwrap_or(flow_id);
        let appended = append(&mut reading, log, run, store, &mut stored)?;
        if appended > 0 {
            imported.new.push(run);
        }
        imported.events += appended;
    }
    imported.statements = attest(&contents.attestations, store)?;
    Ok(imported)
}

/// Reads an export in which an audit finds nothing, and returns it with the id of its run.
fn read_sound(path: &Path) -> Result<(Reading, FlowId), HandoverError> {
    let mut findings = Vec::new();
    let reading = Reading::of(path, &mut findings)?;
    let checked = check_reading(&reading, None, None, findings)?;
    if let Some(first) = checked.findings.first() {
        return Err(HandoverError::NotSound { first: first.to_string() });
    }
    if checked.without_data {
        return Err(HandoverError::WithoutData);
    }
    let flow_id = checked.run.parse().map_err(|_| HandoverError::NotSound {
        first: format!("`{}` is not the id of a run", checked.run.escape_debug()),
    })?;
    Ok((reading, flow_id))
}

/// Appends the events of a run that the store does not have. Returns their number.
fn append(
    reading: &mut Reading,
    log: &RunLog,
    flow_id: FlowId,
    store: &dyn EventStore,
    stored: &mut BTreeSet<ArtifactHash>,
) -> Result<u64, HandoverError> {
    let events = decoded(log)?;
    for (event, row) in events.iter().zip(log.rows()) {
        let later = |reason: String| HandoverError::LaterRelease { flow_id, position: event.position, reason };
        let again = StoredEvent::of(event)?;
        if again.payload != row.payload {
            return Err(later("a later release wrote fields that it does not know".to_owned()));
        }
    }
    let there = store.read_stored_run(&log.run, u64::MAX)?;
    let both = there.len().min(events.len());
    let head = there[..both].iter().fold(EMPTY_HEAD, |head, event| head_after(&head, event));
    if log.head_at(both as u64) != Some(head) {
        return Err(HandoverError::OtherRun { flow_id });
    }
    let mut new = Vec::new();
    for event in &events[both..] {
        let mut artifacts = Vec::new();
        for hash in artifacts_of(&event.kind) {
            collect(reading, hash, stored, &mut artifacts)?;
        }
        new.push(NewEvent { kind: event.kind.clone(), artifacts });
    }
    if !new.is_empty() {
        store.append(flow_id, both as u64, &new)?;
    }
    Ok(new.len() as u64)
}

/// Reads an artifact and the chunks that it names, unless they were read before.
fn collect(
    reading: &mut Reading,
    hash: ArtifactHash,
    stored: &mut BTreeSet<ArtifactHash>,
    found: &mut Vec<Artifact>,
) -> Result<(), HandoverError> {
    let mut open = vec![hash];
    while let Some(hash) = open.pop() {
        if stored.insert(hash) {
            let content = reading.archive.read(&names::artifact(hash))?.ok_or(ArtifactError::Missing { hash })?;
            let corrupt = |reason| ArtifactError::Corrupt { hash, reason };
            found.push(read_artifact(hash, &content).map_err(corrupt)?);
            open.extend(reading.artifacts.get(&hash).into_iter().flatten());
        }
    }
    Ok(())
}

/// Appends the attestations that the store does not have. Returns their number.
fn attest(attestations: &[Attestation], store: &dyn EventStore) -> Result<u64, HandoverError> {
    const ATTEMPTS: usize = 20;
    let Some(to) = store.attestations().filter(|_| !attestations.is_empty()) else { return Ok(0) };
    for _ in 0..ATTEMPTS {
        let there = to.read_all(0)?;
        let is_there = |one: &Attestation| {
            let same = |other: &Attestation| {
                (&other.kind, &other.statement, &other.signature) == (&one.kind, &one.statement, &one.signature)
            };
            there.iter().any(same)
        };
        let missing = attestations.iter().filter(|one| !is_there(one));
        let next = there.len() as u64;
        let new: Vec<Attestation> =
            (next..).zip(missing).map(|(number, one)| Attestation { number, ..one.clone() }).collect();
        if new.is_empty() || to.append_attestations(&new)? {
            return Ok(new.len() as u64);
        }
    }
    Err(crate::evidence::EvidenceError::Busy.into())
}

/// Writes the files of the flow in the export at `path` to `directory`, and puts its runs into `store`, which has none of them, as if
/// they had read the files there: so that the steps can be repeated. Returns the exported run.
///
/// # Errors
/// Fails like [`import`], and if a file cannot be written.
pub fn unpack(path: &Path, directory: &Path, store: &dyn EventStore) -> Result<FlowId, HandoverError> {
    let (mut reading, flow_id) = read_sound(path)?;
    let all: Vec<String> = reading.archive.names().map(str::to_owned).collect();
    for name in &all {
        if let Some(below) = name.strip_prefix(names::FLOW) {
            let to = directory.join(below);
            fs::create_dir_all(to.parent().unwrap_or(directory))?;
            fs::write(to, reading.archive.read(name)?.unwrap_or_default())?;
        }
    }
    let Some(contents) = reading.contents.clone() else { return Err(HandoverError::WithoutData) };
    let runs = contents.runs.iter().map(decoded).collect::<Result<Vec<_>, _>>()?;
    let Some(family) = Family::of(&runs) else { return Err(HandoverError::WithoutData) };
    let moved: HashMap<FlowId, FlowInitialized> = family
        .members()
        .map(|(id, _, begun)| {
            let mut moved = family.relocated(id, begun, &contents.export.files);
            moved.environment.directory = Some(directory.display().to_string());
            (id, moved)
        })
        .collect();
    let mut stored = BTreeSet::new();
    for events in runs.iter().rev() {
        let mut new = Vec::new();
        for event in events {
            let mut artifacts = Vec::new();
            for hash in artifacts_of(&event.kind) {
                collect(&mut reading, hash, &mut stored, &mut artifacts)?;
            }
            let kind = match (&event.kind, moved.get(&event.flow_id)) {
                (FlowEventKind::FlowInitialized(_), Some(moved)) => FlowEventKind::FlowInitialized(moved.clone()),
                (kind, _) => kind.clone(),
            };
            new.push(NewEvent { kind, artifacts });
        }
        if let Some(first) = events.first() {
            store.append(first.flow_id, 0, &new)?;
        }
    }
    Ok(flow_id)
}
