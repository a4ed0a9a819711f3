//! The comparison of the artifacts with the hashes that name them, and with what was sealed of their rows.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;

use super::super::error::EvidenceError;
use super::super::finding::Finding;
use super::super::hash::Digest;
use super::super::record::SealedArtifact;
use super::super::seal::stored_with;
use super::super::walk::Hashed;
use super::sealed::SealedLog;
use crate::artifact::{Artifact, ArtifactError, TableRoot};
use crate::event::{FinishedRows, OutputRef};
use crate::fingerprint::{ArtifactHash, canonical_json};
use crate::store::{Attestations, ErrorClass, EventStore, PersistenceError};

/// What an audit has seen of the artifacts in the course of the log.
pub(super) struct ArtifactCheck<'a> {
    sealed: &'a SealedLog,
    /// Those that events name.
    named: BTreeSet<ArtifactHash>,
    /// The hashes of those that are stored with the event that they were sealed with.
    kept: HashSet<String>,
    /// Those that are stored with a sealed event and were not sealed.
    added: Vec<SealedArtifact>,
}

/// What of an event's payload names artifacts.
#[derive(Deserialize)]
struct Outputs {
    outputs: Vec<OutputRef>,
    rows: Option<FinishedRows>,
}

impl<'a> ArtifactCheck<'a> {
    pub(super) fn new(sealed: &'a SealedLog) -> Self {
        let named = sealed.artifacts.keys().filter_map(|hash| hash.parse().ok()).collect();
        Self { sealed, named, kept: HashSet::new(), added: Vec::new() }
    }

    /// Takes in the artifacts of these events, the first of which has the index `first`.
    pub(super) fn see(
        &mut self,
        attestations: &dyn Attestations,
        events: &[Hashed],
        first: u64,
    ) -> Result<(), PersistenceError> {
        for Hashed { event, .. } in events {
            if event.event_type == "stepfinished"
                && let Ok(Outputs { outputs, rows }) = serde_json::from_slice(&event.payload)
            {
                self.named.extend(outputs.iter().map(|output| output.hash));
                self.named.extend(rows.and_then(|rows| rows.outcomes));
            }
        }
        for stored in stored_with(attestations, events, first)? {
            match self.sealed.artifacts.get(&stored.hash) {
                Some(sealed) if sealed.event == stored.event => drop(self.kept.insert(stored.hash)),
                None if self.sealed.seals_artifacts_of(stored.event) => self.added.push(stored),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads every artifact that an event, or a table among them, names, and every other one in the store. Returns how
    /// many there are. `is_log_sealed` says whether the sealed events are as they were, so that their indexes are too.
    pub(super) fn finish(
        self,
        store: &dyn EventStore,
        is_log_sealed: bool,
        findings: &mut Vec<Finding>,
    ) -> Result<u64, EvidenceError> {
        let mut stored: BTreeSet<ArtifactHash> = BTreeSet::new();
        match store.find_artifact_hashes("", usize::MAX) {
            Ok(hashes) => stored.extend(hashes),
            Err(error) if error.class() == ErrorClass::Corrupt => {
                findings.push(Finding::Artifact { hash: "in the store".into(), reason: error.to_string() });
            }
            Err(error) => return Err(error.into()),
        }
        if is_log_sealed {
            findings.extend(self.added.iter().map(|SealedArtifact { event, hash, .. }| {
                let reason = format!("it is stored with event {event} of the log, and was not when that was sealed");
                Finding::Artifact { hash: hash.clone(), reason }
            }));
        }
        let mut left: Vec<ArtifactHash> = stored.union(&self.named).copied().collect();
        let mut seen: BTreeSet<ArtifactHash> = left.iter().copied().collect();
        while let Some(hash) = left.pop() {
            let mut wrong = |reason: String| findings.push(Finding::Artifact { hash: hash.to_string(), reason });
            match store.read_artifact(hash) {
                Ok(Some(artifact)) => {
                    // Only tables have chunks, and only a chunk that is missing is not in the list already.
                    let root = TableRoot::of(&artifact).ok();
                    for chunk in root.iter().flat_map(|root| &root.chunks) {
                        if seen.insert(chunk.hash) {
                            left.push(chunk.hash);
                        }
                    }
                    self.difference(&artifact, is_log_sealed).into_iter().for_each(&mut wrong);
                }
                Ok(None) => wrong("it is missing".into()),
                Err(PersistenceError::Artifact(ArtifactError::Corrupt { reason, .. })) => wrong(reason),
                Err(error) if error.class() == ErrorClass::Corrupt => wrong(error.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(stored.len() as u64)
    }

    /// Returns what else than the content of an artifact is not as it was sealed.
    fn difference(&self, artifact: &Artifact, is_log_sealed: bool) -> Option<String> {
        let sealed = self.sealed.artifacts.get(&artifact.hash().to_string())?;
        let canonical = |value| canonical_json(value).unwrap_or_else(|_| value.to_string());
        let metadata = artifact.metadata().map(|metadata| Digest::of(canonical(metadata).as_bytes()));
        if metadata != sealed.metadata {
            return Some("its metadata are not as they were sealed".into());
        }
        let is_moved = is_log_sealed && !self.kept.contains(&sealed.hash);
        is_moved
            .then(|| format!("it is not stored with event {} of the log, as it was when that was sealed", sealed.event))
    }
}
