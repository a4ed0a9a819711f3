//! Audits an export: computes everything again, and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::NAMESPACE;
use super::contents::{Contents, artifacts_of, decoded, files_read, is_described_by, manifest_name, name_of};
use super::description::describe;
use super::error::HandoverError;
use super::finding::{Finding, Subject};
use super::names;
use super::read::Reading;
use crate::event::{FlowEvent, FlowEventKind, OutputRef};
use crate::evidence::{
    AllowedSigners, CheckedDecisions, Checkpoint, Decided, Digest, InvalidDecision, RunProof, Statement, Witness,
    check_decisions, is_signature_of, root_with, verify_inclusion,
};
use crate::fingerprint::{ArtifactHash, ContentHash};
use crate::flow::replay;
use crate::store::Attestation;

/// The result of an audit of an export.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The id of the exported run; empty if the export does not say it.
    pub run: String,
    /// The name of the flow.
    pub flow: Option<String>,
    /// The number of runs, with those whose results were reused.
    pub runs: u64,
    /// The number of their events.
    pub events: u64,
    /// The number of artifacts in the export.
    pub artifacts: u64,
    /// The number of files in the archive.
    pub files: u64,
    /// Whether artifacts and files of the flow were left out.
    pub without_data: bool,
    /// The checkpoint to which the proof leads, and when it was made by the clock of the machine that made it.
    pub checkpoint: Option<(Checkpoint, Timestamp)>,
    /// Whether the checkpoint is also the one that a witness has; `None` if the witness has none of this size.
    pub witnessed: Option<bool>,
    /// The signatures that count.
    pub signatures: Vec<SignedFile>,
    /// The signed decisions at gates that count.
    pub decisions: Vec<Decided>,
    /// Whether the signers are those that the export brings along, because no others were given.
    pub signers_of_export: bool,
    /// The release whose descriptions this program cannot make again, because it is another.
    pub other_release: Option<String>,
    /// What is not as it was exported.
    pub findings: Vec<Finding>,
}

/// A signature in an export that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedFile {
    /// The signed file in the export.
    pub name: String,
    /// The statement, if it is one about a run.
    pub statement: Option<Statement>,
    /// Who signed, by the file of allowed signers; `None` if there is none.
    pub principal: Option<String>,
    /// When, by the clock of the machine that signed; `None` for the list of files, which has no time.
    pub ts: Option<Timestamp>,
}

impl Checked {
    /// Returns whether everything is as it was exported.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// Returns the audit as JSON.
    pub fn to_json(&self) -> Value {
        let checkpoint = self.checkpoint.as_ref().map(|(checkpoint, ts)| {
            let Checkpoint { origin, size, root, .. } = checkpoint;
            json!({ "origin": origin, "size": size, "root": root.base64(), "ts": ts.to_string() })
        });
        let signatures = self.signatures.iter().map(|signed| {
            let statement = signed
                .statement
                .as_ref()
                .map(|it| json!({ "flow_id": it.flow_id, "events": it.events, "meaning": it.meaning, "by": it.by }));
            let ts = signed.ts.map(|ts| ts.to_string());
            json!({ "name": signed.name, "principal": signed.principal, "ts": ts, "statement": statement })
        });
        json!({
            "sound": self.is_sound(),
            "flow_id": self.run,
            "flow": self.flow,
            "runs": self.runs,
            "events": self.events,
            "artifacts": self.artifacts,
            "files": self.files,
            "without_data": self.without_data,
            "checkpoint": checkpoint,
            "witnessed": self.witnessed,
            "signers_of_export": self.signers_of_export,
            "signatures": signatures.collect::<Vec<_>>(),
            "decisions": self.decisions.iter().map(Decided::to_json).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        })
    }
}

/// Audits the export at `path`. Signatures have to be of `signers`, or else of those that the export brings along, or else only
/// of the text that they are stored with. With a `witness` that has a checkpoint of the same log and size, the roots have to be
/// equal.
///
/// # Errors
/// Fails if the file is not an export or cannot be read, or if `ssh-keygen` is missing and something is signed.
pub fn check(
    path: &Path,
    signers: Option<&AllowedSigners>,
    witness: Option<&Witness>,
) -> Result<Checked, HandoverError> {
    let mut findings = Vec::new();
    let reading = Reading::of(path, &mut findings)?;
    check_reading(&reading, signers, witness, findings)
}

/// Audits an export that was read, with what was found before.
pub(super) fn check_reading(
    reading: &Reading,
    signers: Option<&AllowedSigners>,
    witness: Option<&Witness>,
    findings: Vec<Finding>,
) -> Result<Checked, HandoverError> {
    let mut checked = Checked {
        run: String::new(),
        flow: None,
        runs: 0,
        events: 0,
        artifacts: reading.artifacts.len() as u64,
        files: reading.archive.names().count() as u64,
        without_data: false,
        checkpoint: None,
        witnessed: None,
        signatures: Vec::new(),
        decisions: Vec::new(),
        signers_of_export: false,
        other_release: None,
        findings,
    };
    let Some(contents) = &reading.contents else { return Ok(checked) };
    checked.run.clone_from(&contents.export.run);
    checked.without_data = contents.export.without_data;
    checked.runs = contents.runs.len() as u64;
    checked.events = contents.runs.iter().map(|log| log.events.len() as u64).sum();
    checked.check_proof(contents, reading, witness)?;
    let events = checked.check_runs(contents);
    if let Some(events) = &events {
        if let Some(FlowEventKind::FlowInitialized(begun)) = events.iter().flatten().next().map(|event| &event.kind) {
            checked.flow = Some(begun.flow.clone());
        }
        // What contradicts an event that was changed is not worth naming.
        if checked.findings.iter().all(|it| !matches!(it.subject, Subject::Event { .. } | Subject::Proof)) {
            checked.check_results(events);
            checked.check_artifacts(contents, reading, events);
            checked.check_files(contents, reading, events);
            checked.check_descriptions(contents, reading, events);
        }
    }
    checked.check_signatures(contents, reading, &events.unwrap_or_default(), signers)?;
    // The same change is often found by several checks, such as the hash of a file and that of the artifact in it.
    let mut seen = BTreeSet::new();
    checked.findings.retain(|finding| seen.insert(finding.to_string()));
    Ok(checked)
}

impl Checked {
    /// Compares the events with the checkpoint.
    fn check_proof(
        &mut self,
        contents: &Contents,
        reading: &Reading,
        witness: Option<&Witness>,
    ) -> Result<(), HandoverError> {
        let Ok(checkpoint) = contents.checkpoint.statement.parse::<Checkpoint>() else {
            self.findings.push(Finding::attestation(names::CHECKPOINT, "it is not a checkpoint"));
            return Ok(());
        };
        let mut known: Vec<(u64, Digest)> =
            contents.runs.iter().flat_map(|log| &log.events).map(|logged| (logged.index, logged.leaf)).collect();
        known.sort_unstable_by_key(|(index, _)| *index);
        if root_with(checkpoint.size, &known, &contents.hashes) != Some(checkpoint.root) {
            self.findings.push(Finding::proof(format!(
                "the events and the hashes in `{}` do not give the root in `{}`",
                names::PATHS,
                names::CHECKPOINT
            )));
        }
        for log in &contents.runs {
            let name = names::last_of(&log.run);
            let text = reading.texts.get(&name).and_then(|text| str::from_utf8(text).ok());
            let proved = text.and_then(RunProof::parts_of).zip(log.events.last());
            let is_proved = proved.is_some_and(|((index, hashes, own), last)| {
                own == checkpoint
                    && index == last.index
                    && verify_inclusion(&hashes, index, checkpoint.size, &last.leaf, &checkpoint.root)
            });
            if !is_proved {
                self.findings.push(Finding::file(name, "it does not prove the last event of the run"));
            }
        }
        let kept = match witness {
            Some(witness) => witness.newest(&checkpoint.origin)?,
            None => None,
        };
        self.witnessed = kept
            .filter(|kept| kept.checkpoint.size == checkpoint.size)
            .map(|kept| kept.checkpoint.root == checkpoint.root);
        if self.witnessed == Some(false) {
            let reason = "the checkpoint that was kept outside the store has another root for the same events";
            self.findings.push(Finding::attestation(names::CHECKPOINT, reason));
        }
        self.checkpoint = Some((checkpoint, contents.checkpoint.ts));
        Ok(())
    }

    /// Replays the runs. Returns their events; `None` if one cannot be read.
    fn check_runs(&mut self, contents: &Contents) -> Option<Vec<Vec<FlowEvent>>> {
        let mut runs = Vec::new();
        for log in &contents.runs {
            let events = match decoded(log) {
                Ok(events) => events,
                Err(error) => {
                    self.findings.push(Finding::event(&log.run, log.events.len() as u64, error.to_string()));
                    return None;
                }
            };
            let replayed = events.first().map(|first| replay(first.flow_id, &events));
            match replayed {
                None => self.findings.push(Finding::file(names::events_of(&log.run), "it has no events")),
                Some(Err(error)) => {
                    self.findings.push(Finding::event(&log.run, events.len() as u64 - 1, error.to_string()))
                }
                Some(Ok(_)) => {}
            }
            runs.push(events);
        }
        Some(runs)
    }

    /// Compares each reused result with the event that computed it, and looks for each of which rows were taken over.
    fn check_results(&mut self, runs: &[Vec<FlowEvent>]) {
        let all = runs.iter().flatten().map(|event| ((event.flow_id, event.position), &event.kind));
        let all: BTreeMap<_, _> = all.collect();
        for event in runs.iter().flatten() {
            let (source, outputs) = match &event.kind {
                FlowEventKind::StepReused(reused) => (reused.source, Some(&reused.outputs)),
                FlowEventKind::StepFinished(finished) => {
                    match finished.rows.as_ref().and_then(|rows| rows.taken_over) {
                        Some(taken) => (taken.source, None),
                        None => continue,
                    }
                }
                _ => continue,
            };
            let is_result = match all.get(&(source.flow_id, source.position)) {
                Some(FlowEventKind::StepFinished(found)) => outputs.is_none_or(|outputs| found.outputs == *outputs),
                _ => false,
            };
            if !is_result {
                let (run, position) = (event.flow_id.to_string(), event.position);
                let (of, at) = (source.flow_id, source.position);
                let reason = format!("event {at} of run {of} does not have the result that it takes over");
                self.findings.push(Finding::event(run, position, reason));
            }
        }
    }

    /// Looks for the artifacts that the events name, and for those that no event names.
    fn check_artifacts(&mut self, contents: &Contents, reading: &Reading, runs: &[Vec<FlowEvent>]) {
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
    fn check_files(&mut self, contents: &Contents, reading: &Reading, runs: &[Vec<FlowEvent>]) {
        let own = runs.first().map(Vec::as_slice).unwrap_or_default();
        let Some(FlowEventKind::FlowInitialized(initialized)) = own.first().map(|event| &event.kind) else { return };
        let mut read = BTreeSet::new();
        let mut outputs: Vec<(&str, &OutputRef)> = Vec::new();
        for event in own {
            match &event.kind {
                FlowEventKind::StepStarted(started) => {
                    let step = initialized.definition.steps.iter().find(|step| step.id == started.step_id);
                    let files = step.map(|step| files_read(&step.params, started)).unwrap_or_default();
                    read.extend(files.into_iter().map(|file| (started.step_id.as_str(), file)));
                }
                FlowEventKind::StepFinished(it) => {
                    outputs.extend(it.outputs.iter().map(|out| (it.step_id.as_str(), out)))
                }
                FlowEventKind::StepReused(it) => {
                    outputs.extend(it.outputs.iter().map(|out| (it.step_id.as_str(), out)))
                }
                _ => {}
            }
        }
        let mut expected = BTreeSet::from([manifest_name(initialized)]);
        for file in &contents.export.files {
            let name = format!("{}{}", names::FLOW, file.name);
            let found = reading.listed.get(&name);
            let is_recorded = if file.written {
                // Without the file, its length is unknown, and with it the hash of the artifact that describes it.
                let is_it = |(step, output): &&(&str, &OutputRef)| {
                    *step == file.step
                        && output.name == file.param
                        && found.is_none_or(|found| is_described_by(file, found.bytes, output))
                };
                outputs.iter().any(|output| is_it(&output))
            } else {
                let known = [file.param.clone(), file.path.clone(), file.sha256.clone()];
                read.contains(&(file.step.as_str(), known))
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
    fn check_descriptions(&mut self, contents: &Contents, reading: &Reading, runs: &[Vec<FlowEvent>]) {
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

    /// Checks the signatures, and that statements are about the runs as they are.
    fn check_signatures(
        &mut self,
        contents: &Contents,
        reading: &Reading,
        runs: &[Vec<FlowEvent>],
        signers: Option<&AllowedSigners>,
    ) -> Result<(), HandoverError> {
        let mut own = None;
        if let (None, Some(text)) = (signers, &contents.signers) {
            let file = tempfile::NamedTempFile::new()?;
            std::fs::write(file.path(), text)?;
            self.signers_of_export = true;
            own = Some((AllowedSigners::new(file.path())?, file));
        }
        let signers = signers.or(own.as_ref().map(|(signers, _)| signers));
        for attestation in std::iter::once(&contents.checkpoint).chain(&contents.attestations) {
            let Attestation { number, kind, flow_id, statement, signature, ts } = attestation;
            let name = name_of(*flow_id, *number, kind);
            let about = statement.parse::<Statement>().ok();
            if let Some(about) = &about {
                let log = contents.runs.iter().find(|log| log.run == about.flow_id.to_string());
                if log.and_then(|log| log.head_at(about.events)) != Some(about.head) || *flow_id != Some(about.flow_id)
                {
                    let reason = format!("run {} is not as it was when this was stated", about.flow_id);
                    self.findings.push(Finding::attestation(&name, reason));
                }
            }
            // The time that was signed is the one at which the key had to be valid.
            if about.as_ref().is_some_and(|about| about.time != *ts) {
                let reason = format!("`{}` has another time for it than the statement itself", names::ATTESTATIONS);
                self.findings.push(Finding::attestation(&name, reason));
            } else if let Some(signature) = signature {
                let namespace = format!("{kind}@chem");
                let signed = verified(&namespace, statement, signature, *ts, signers)?;
                self.take_signature(name, signed, about, Some(*ts));
            }
        }
        for events in runs {
            let CheckedDecisions { signed, invalid } = check_decisions(events, signers)?;
            self.decisions.extend(signed);
            let run = events.first().map(|first| first.flow_id.to_string()).unwrap_or_default();
            self.findings.extend(invalid.into_iter().map(|InvalidDecision { position, step, reason }| {
                Finding::event(&run, position, format!("the decision on step `{step}` does not count: {reason}"))
            }));
        }
        let sums = reading.texts.get(names::SUMS).and_then(|text| str::from_utf8(text).ok());
        let signature = reading.texts.get(&names::signature_of(names::SUMS));
        if let (Some(sums), Some(signature)) = (sums, signature) {
            let signature = String::from_utf8_lossy(signature);
            let signed = verified(NAMESPACE, sums, &signature, Timestamp::now(), signers)?;
            self.take_signature(names::SUMS.to_owned(), signed, None, None);
        }
        Ok(())
    }

    fn take_signature(
        &mut self,
        name: String,
        signed: Result<Option<String>, String>,
        statement: Option<Statement>,
        ts: Option<Timestamp>,
    ) {
        match signed {
            Ok(principal) => self.signatures.push(SignedFile { name, statement, principal, ts }),
            Err(reason) => {
                self.findings.push(Finding::attestation(name, format!("the signature does not count: {reason}")));
            }
        }
    }
}

/// Returns who signed `text`, if that is known, or why the signature does not count.
fn verified(
    namespace: &str,
    text: &str,
    signature: &str,
    at: Timestamp,
    signers: Option<&AllowedSigners>,
) -> Result<Result<Option<String>, String>, HandoverError> {
    Ok(match signers {
        Some(signers) => signers.verify(namespace, text, signature, at)?.map(Some),
        None if is_signature_of(namespace, text, signature)? => Ok(None),
        None => Err("it is not a signature of this text".to_owned()),
    })
}
