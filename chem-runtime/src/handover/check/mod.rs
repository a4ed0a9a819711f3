//! Audits an export: computes everything again, and compares.

mod data;
mod log;
mod shards;
mod signatures;

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::HandoverError;
use super::finding::{Finding, Subject};
use super::read::Reading;
use crate::event::FlowEventKind;
use crate::evidence::{AllowedSigners, Checkpoint, Decided, Statement, Witness};

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
            checked.check_children(events);
            checked.check_shards(events, reading);
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
