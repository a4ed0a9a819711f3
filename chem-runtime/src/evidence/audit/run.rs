//! The audit of one run: what an audit of the log finds about it, and the proof that it is in the log.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::decision::Decided;
use super::super::error::EvidenceError;
use super::super::finding::Finding;
use super::super::hash::Digest;
use super::super::head::{EMPTY_HEAD, head_after};
use super::super::proof::{RunProof, prove_run};
use super::super::signer::AllowedSigners;
use super::super::witness::Witness;
use super::signed::Signed;
use super::{Audit, audit, checkpoint_json};
use crate::artifact::TableRoot;
use crate::event::FlowId;
use crate::fingerprint::ArtifactHash;
use crate::store::{ErrorClass, EventStore, PersistenceError, StoredEvent};

/// The result of an audit of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunAudit {
    /// The run.
    pub flow_id: FlowId,
    /// The number of its events.
    pub events: u64,
    /// The head of the run after them.
    pub head: Digest,
    /// The number of its artifacts, and of the chunks of those that are tables.
    pub artifacts: u64,
    /// The proof that its sealed events are in the log; `None` if none of its events is sealed.
    pub proof: Option<RunProof>,
    /// The signatures that count: of the run, and of the checkpoint that the proof leads to.
    pub signatures: Vec<Signed>,
    /// The signed decisions at its gates that count.
    pub decisions: Vec<Decided>,
    /// What of the run, or of what it rests on, is not as it was sealed.
    pub findings: Vec<Finding>,
    /// The number of findings about the artifacts and decisions of other runs. An event that is not as it was sealed is one
    /// about every run: it may be in the place of one that was taken away.
    pub elsewhere: usize,
    /// Whether there is a checkpoint outside the store.
    pub is_witnessed: bool,
}

impl RunAudit {
    /// Returns whether everything of the run that was sealed is as it was.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// Returns the number of its events that are not sealed yet.
    pub fn unsealed(&self) -> u64 {
        self.events.saturating_sub(self.proof.as_ref().map_or(0, |proof| proof.position + 1))
    }

    /// Returns the audit as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "sound": self.is_sound(),
            "flow_id": self.flow_id,
            "events": self.events,
            "unsealed": self.unsealed(),
            "head": self.head.to_string(),
            "artifacts": self.artifacts,
            "checkpoint": self.proof.as_ref().map(|proof| checkpoint_json(&proof.checkpoint)),
            "proof": self.proof.as_ref().map(ToString::to_string),
            "witness": self.is_witnessed,
            "signatures": self.signatures.iter().map(Signed::to_json).collect::<Vec<_>>(),
            "decisions": self.decisions.iter().map(Decided::to_json).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
            "elsewhere": self.elsewhere,
        })
    }
}

/// Audits one run. Reads the whole log, because an event that was taken from the end of a run is missing nowhere else.
///
/// # Errors
/// Fails as [`audit`](super::audit()) does.
pub fn audit_run(
    store: &dyn EventStore,
    flow_id: FlowId,
    witness: Option<&Witness>,
    signers: Option<&AllowedSigners>,
) -> Result<RunAudit, EvidenceError> {
    let Audit { findings, signatures, decisions, witnessed, .. } = audit(store, witness, signers)?;
    let run = flow_id.to_string();
    let events = store.read_stored_run(&run, u64::MAX)?;
    let proof = prove_run(store, flow_id)?;
    let named = named_in(&events);
    let (artifacts, hashes) = with_chunks(store, &named)?;
    let is_about = |finding: &Finding| match finding {
        Finding::Decision { flow_id, .. } => *flow_id == run,
        Finding::Hidden { event } => event.contains(&run),
        Finding::Artifact { hash, .. } => hash.parse().map_or(true, |hash| hashes.contains(&hash)),
        _ => true,
    };
    let (findings, others): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(is_about);
    let number = proof.as_ref().map(|proof| proof.checkpoint.attestations);
    let is_mine = |signed: &Signed| signed.flow_id == Some(flow_id) || Some(signed.number) == number;
    Ok(RunAudit {
        flow_id,
        events: events.len() as u64,
        head: events.iter().fold(EMPTY_HEAD, |head, event| head_after(&head, event)),
        artifacts,
        proof,
        signatures: signatures.into_iter().filter(is_mine).collect(),
        decisions: decisions.into_iter().filter(|decided| decided.flow_id == flow_id).collect(),
        findings,
        elsewhere: others.len(),
        is_witnessed: witnessed.is_some(),
    })
}

/// Returns every hash of an artifact in the events, and those of other things, which have the same form.
fn named_in(events: &[StoredEvent]) -> BTreeSet<ArtifactHash> {
    let mut named = BTreeSet::new();
    for event in events {
        let Ok(payload) = serde_json::from_slice::<Value>(&event.payload) else { continue };
        let mut left = vec![&payload];
        while let Some(value) = left.pop() {
            match value {
                Value::String(text) => named.extend(text.parse::<ArtifactHash>()),
                Value::Array(values) => left.extend(values),
                Value::Object(members) => left.extend(members.values()),
                _ => {}
            }
        }
    }
    named
}

/// Returns how many of the artifacts and their chunks are in the store, and the hashes of all.
fn with_chunks(
    store: &dyn EventStore,
    named: &BTreeSet<ArtifactHash>,
) -> Result<(u64, BTreeSet<ArtifactHash>), PersistenceError> {
    let (mut count, mut seen) = (0, named.clone());
    let mut left: Vec<ArtifactHash> = named.iter().copied().collect();
    while let Some(hash) = left.pop() {
        let artifact = match store.read_artifact(hash) {
            Ok(Some(artifact)) => artifact,
            Ok(None) => continue,
            Err(error) if error.class() == ErrorClass::Corrupt => continue,
            Err(error) => return Err(error),
        };
        count += 1;
        let root = TableRoot::of(&artifact).ok();
        left.extend(
            root.iter().flat_map(|root| &root.chunks).map(|chunk| chunk.hash).filter(|hash| seen.insert(*hash)),
        );
    }
    Ok((count, seen))
}
