//! Reads an export, without trusting it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::archive::Archive;
use super::contents::{Contents, Export, FORM, name_of};
use super::description::Listed;
use super::error::HandoverError;
use super::events::RunLog;
use super::export::{read_artifact, read_paths, read_sums};
use super::finding::Finding;
use super::names;
use crate::artifact::TableRoot;
use crate::event::FlowId;
use crate::fingerprint::{ArtifactHash, ContentHash};
use crate::store::Attestation;

/// An export that was read.
pub(super) struct Reading {
    pub(super) archive: Archive,
    /// The files in the archive, except the list of files.
    pub(super) listed: BTreeMap<String, Listed>,
    /// The artifacts whose content has their hash, with the chunks of those that are tables.
    pub(super) artifacts: BTreeMap<ArtifactHash, Vec<ArtifactHash>>,
    /// The number of rows of those that are tables.
    pub(super) rows: BTreeMap<ArtifactHash, usize>,
    /// The small files.
    pub(super) texts: BTreeMap<String, Vec<u8>>,
    /// What they say; `None` if they cannot be read.
    pub(super) contents: Option<Contents>,
}

/// A line of the list of attestations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attested {
    flow_id: Option<FlowId>,
    kind: String,
    name: String,
    number: u64,
    ts: Timestamp,
}

impl Reading {
    /// Reads the export at `path`. Adds to `findings` what is not as it was written.
    ///
    /// # Errors
    /// Fails if the file is not an export, or cannot be read.
    pub(super) fn of(path: &Path, findings: &mut Vec<Finding>) -> Result<Self, HandoverError> {
        let mut wrong = Vec::new();
        let archive = Archive::open(path, &mut wrong)?;
        findings.extend(wrong.into_iter().map(|(name, reason)| Finding::file(name, reason)));
        let mut reading = Self {
            archive,
            listed: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            rows: BTreeMap::new(),
            texts: BTreeMap::new(),
            contents: None,
        };
        reading.read_files(findings)?;
        reading.contents = reading.read_contents(findings);
        Ok(reading)
    }

    /// Reads every file once, and compares it with the list of files.
    fn read_files(&mut self, findings: &mut Vec<Finding>) -> Result<(), HandoverError> {
        let sums = match self.archive.read(names::SUMS) {
            Err(HandoverError::Damaged { name, reason }) => {
                findings.push(Finding::file(name, reason));
                None
            }
            other => other?,
        };
        let sums = sums.and_then(|text| read_sums(str::from_utf8(&text).ok()?));
        if sums.is_none() {
            findings.push(Finding::file(names::SUMS, "it is not a list of files with their hashes"));
        }
        let mut sums = sums.unwrap_or_default();
        let all: Vec<String> = self.archive.names().map(str::to_owned).collect();
        for name in all {
            let content = match self.archive.read(&name) {
                Err(HandoverError::Damaged { name, reason }) => {
                    sums.remove(&name);
                    findings.push(Finding::file(name, reason));
                    continue;
                }
                content => content?.unwrap_or_default(),
            };
            if name == names::SUMS || name == names::signature_of(names::SUMS) {
                self.texts.insert(name, content);
                continue;
            }
            let (bytes, sha256) = (content.len() as u64, ContentHash::of(&content).to_string());
            match sums.remove(&name) {
                Some(expected) if expected == sha256 => {}
                Some(_) => {
                    findings.push(Finding::file(&name, format!("its content is not the one in `{}`", names::SUMS)))
                }
                None => findings.push(Finding::file(&name, format!("`{}` does not have it", names::SUMS))),
            }
            if let Some(artifact) = name.strip_prefix(names::ARTIFACTS) {
                self.read_artifact(artifact, &content, findings);
            } else if !name.starts_with(names::FLOW) {
                self.texts.insert(name.clone(), content);
            }
            self.listed.insert(name, Listed { bytes, sha256 });
        }
        let missing = format!("it is missing, and `{}` has it", names::SUMS);
        findings.extend(sums.into_keys().map(|name| Finding::file(name, missing.as_str())));
        Ok(())
    }

    fn read_artifact(&mut self, name: &str, content: &[u8], findings: &mut Vec<Finding>) {
        let hash = name.strip_suffix(".jsonl").and_then(|hash| hash.parse::<ArtifactHash>().ok());
        let Some(hash) = hash else {
            return findings.push(Finding::file(format!("{}{name}", names::ARTIFACTS), "it is not an artifact"));
        };
        match read_artifact(hash, content) {
            Ok(artifact) => {
                let root = TableRoot::of(&artifact).ok();
                self.rows.extend(root.as_ref().map(|root| (hash, root.rows)));
                let chunks = root.into_iter().flat_map(|root| root.chunks).map(|chunk| chunk.hash);
                self.artifacts.insert(hash, chunks.collect());
            }
            Err(reason) => findings.push(Finding::artifact(hash, reason)),
        }
    }

    /// Returns the text of a small file. Adds a finding if it is missing or not UTF-8.
    fn text(&self, name: &str, findings: &mut Vec<Finding>) -> Option<&str> {
        let Some(text) = self.texts.get(name) else {
            findings.push(Finding::file(name, "it is missing"));
            return None;
        };
        let text = str::from_utf8(text).ok();
        if text.is_none() {
            findings.push(Finding::file(name, "it is not UTF-8 text"));
        }
        text
    }

    fn read_contents(&self, findings: &mut Vec<Finding>) -> Option<Contents> {
        let mut malformed = |name: &str, reason: &str| findings.push(Finding::file(name, reason));
        let export = self.texts.get(names::EXPORT).and_then(|text| serde_json::from_slice::<Export>(text).ok());
        let Some(export) = export.filter(|export| export.form == FORM) else {
            malformed(names::EXPORT, "it does not say what was exported, or a later release wrote it");
            return None;
        };
        let hashes = self.texts.get(names::PATHS).and_then(|text| read_paths(str::from_utf8(text).ok()?));
        if hashes.is_none() {
            malformed(names::PATHS, "it is not a list of hashes");
        }
        let runs = self.read_runs(&export.run, findings);
        let (checkpoint, attestations) = self.read_attestations(findings)?;
        let signers = self.texts.get(names::SIGNERS).cloned();
        Some(Contents { export, runs, checkpoint, hashes: hashes?, attestations, signers })
    }

    /// Reads the events of all runs, those of the exported one first.
    fn read_runs(&self, exported: &str, findings: &mut Vec<Finding>) -> Vec<RunLog> {
        let mut runs = Vec::new();
        for (name, text) in &self.texts {
            let run = name.strip_prefix("proof/events/").and_then(|name| name.strip_suffix(".jsonl"));
            if let Some(run) = run {
                let (log, changed) = RunLog::read(run, text);
                if let Some(changed) = changed {
                    let place = format!("{} (line {} of `{name}`)", changed.reason, changed.position + 1);
                    findings.push(Finding::event(run, changed.position as u64, place));
                }
                runs.push(log);
            }
        }
        match runs.iter().position(|log| log.run == exported) {
            Some(index) => runs[..=index].rotate_right(1),
            None => findings.push(Finding::file(names::events_of(exported), "it is missing")),
        }
        runs
    }

    /// Reads the checkpoint, and what people have stated about the runs.
    fn read_attestations(&self, findings: &mut Vec<Finding>) -> Option<(Attestation, Vec<Attestation>)> {
        let mut found = Vec::new();
        for (line, text) in self.text(names::ATTESTATIONS, findings)?.lines().enumerate() {
            let read = serde_json::from_str::<Attested>(text).ok();
            let Some(Attested { flow_id, kind, name, number, ts }) = read else {
                let reason = format!("line {} is not an attestation", line + 1);
                findings.push(Finding::file(names::ATTESTATIONS, reason));
                return None;
            };
            if name != name_of(flow_id, number, &kind) {
                findings.push(Finding::file(names::ATTESTATIONS, format!("line {} names another file", line + 1)));
                return None;
            }
            let statement = self.text(&name, findings)?.to_owned();
            let signature = self.texts.get(&names::signature_of(&name));
            let signature = signature.map(|signature| String::from_utf8_lossy(signature).into_owned());
            found.push(Attestation { number, kind, flow_id, statement, signature, ts });
        }
        let of_log = found.iter().position(|attestation| attestation.flow_id.is_none());
        if of_log.is_none() {
            findings.push(Finding::file(names::ATTESTATIONS, "it has no checkpoint"));
        }
        let checkpoint = found.remove(of_log?);
        Some((checkpoint, found))
    }
}
