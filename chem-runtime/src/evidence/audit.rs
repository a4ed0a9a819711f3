//! Audits a log: computes everything again and compares it with what was sealed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::checkpoint::Checkpoint;
use super::error::EvidenceError;
use super::finding::{EventName, Finding};
use super::hash::Digest;
use super::record::{CHECKPOINT, EMPTY_RECORD, FRONTIER, LEAVES, Leaves, Rest, record_after};
use super::signer::{AllowedSigners, is_signature_of};
use super::statement::{STATEMENT, Statement};
use super::tree::Frontier;
use super::walk::Walk;
use super::witness::{Kept, Witness};
use crate::artifact::{ArtifactError, TableRoot};
use crate::event::OutputRef;
use crate::fingerprint::ArtifactHash;
use crate::store::{Attestation, Attestations, Cursor, ErrorClass, EventStore, PersistenceError};

/// The result of an audit.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// The name of the log; `None` if the store has no events.
    pub origin: Option<String>,
    /// The number of events in the log.
    pub events: u64,
    /// The number of artifacts in the store.
    pub artifacts: u64,
    /// The number of checkpoints in the store.
    pub checkpoints: u64,
    /// The newest checkpoint in the store, and when it was made by the clock of the machine that made it.
    pub newest: Option<(Checkpoint, Timestamp)>,
    /// The checkpoint outside the store; `None` if there is none.
    pub witnessed: Option<Kept>,
    /// The signatures that count.
    pub signatures: Vec<Signed>,
    /// What is not as it was sealed: of the events, the first; of the rest, all.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Returns whether everything that was sealed is as it was.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// Returns the number of events that are not sealed yet.
    pub fn unsealed(&self) -> u64 {
        self.events.saturating_sub(self.newest.as_ref().map_or(0, |(newest, _)| newest.size))
    }

    /// Returns the audit as JSON.
    pub fn to_json(&self) -> Value {
        let checkpoint = |checkpoint: &Checkpoint| json!({ "size": checkpoint.size, "root": checkpoint.root.base64() });
        let mut newest = self.newest.as_ref().map(|(newest, _)| checkpoint(newest));
        if let (Some(newest), Some((_, ts))) = (&mut newest, &self.newest) {
            newest["ts"] = ts.to_string().into();
        }
        json!({
            "sound": self.is_sound(),
            "origin": self.origin,
            "events": self.events,
            "unsealed": self.unsealed(),
            "artifacts": self.artifacts,
            "checkpoints": self.checkpoints,
            "checkpoint": newest,
            "witness": self.witnessed.as_ref().map(|kept| checkpoint(&kept.checkpoint)),
            "signatures": self.signatures.iter().map(Signed::to_json).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        })
    }
}

/// Reads the whole log, every attestation and every artifact, and compares them with the checkpoints in the store and
/// with the one that `witness` has. Signatures have to be of `signers`, if these are given, and otherwise of the text that they
/// are stored with.
///
/// # Errors
/// [`EvidenceError::Unsupported`] if the store keeps no attestations; otherwise the error of the store or of the witness.
/// What cannot be read because it is damaged is a finding.
pub fn audit(
    store: &dyn EventStore,
    witness: Option<&Witness>,
    signers: Option<&AllowedSigners>,
) -> Result<Audit, EvidenceError> {
    let attestations = store.attestations().ok_or(EvidenceError::Unsupported)?;
    let mut findings = Vec::new();
    // The attestations are read before the events, so that every event that they cover is there.
    let sealed = SealedLog::read(attestations, signers, &mut findings)?;
    let first = Walk::after(store, Cursor::START).first_run()?;
    let origin = first.map(|run| Checkpoint::origin_of(&run));
    let witnessed = match (witness, sealed.origin().or(origin.as_deref())) {
        (Some(witness), Some(origin)) => witness.newest(origin)?,
        _ => None,
    };
    let mut log = LogCheck::new(&sealed, witnessed.as_ref().map(|kept| kept.checkpoint.size));
    log.run(store, &mut findings)?;
    if let (Some(kept), Some(witness)) = (&witnessed, witness) {
        findings.extend(log.compare_with(kept, witness, &sealed, findings.is_empty()));
    }
    let artifacts = check_artifacts(store, &log.outputs, &mut findings)?;
    Ok(Audit {
        origin,
        events: log.tree.size(),
        artifacts,
        checkpoints: sealed.checkpoints.len() as u64,
        newest: sealed.newest(),
        witnessed,
        signatures: sealed.signatures,
        findings,
    })
}

impl Walk<'_> {
    /// Returns the run of the first event; `None` if there is none or it cannot be read.
    fn first_run(mut self) -> Result<Option<String>, PersistenceError> {
        match self.next_page() {
            Ok(page) => Ok(page.into_iter().next().map(|first| first.event.flow_id)),
            Err(error) if error.class() == ErrorClass::Corrupt => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A signature in the store that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The number of the signed attestation.
    pub number: u64,
    /// What it is.
    pub kind: String,
    /// The statement, if it is one about a run.
    pub statement: Option<Statement>,
    /// Who signed, by the file of allowed signers; `None` if none was given.
    pub principal: Option<String>,
    /// When, by the clock of the machine that signed.
    pub ts: Timestamp,
}

impl Signed {
    fn to_json(&self) -> Value {
        let statement = self
            .statement
            .as_ref()
            .map(|it| json!({ "flow_id": it.flow_id, "events": it.events, "meaning": it.meaning, "by": it.by }));
        json!({
            "number": self.number,
            "kind": self.kind,
            "principal": self.principal,
            "ts": self.ts.to_string(),
            "statement": statement,
        })
    }

    /// Checks the signature of an attestation, if it has one. Returns the reason if it does not count.
    fn check(
        attestation: &Attestation,
        signers: Option<&AllowedSigners>,
    ) -> Result<Option<Result<Self, String>>, EvidenceError> {
        let Attestation { number, kind, statement, signature, ts, .. } = attestation;
        let Some(signature) = signature else { return Ok(None) };
        let namespace = format!("{kind}@chem");
        let about = statement.parse().ok();
        let signed = |principal| Self { number: *number, kind: kind.clone(), statement: about, principal, ts: *ts };
        let checked = match signers {
            Some(signers) => signers.verify(&namespace, statement, signature, *ts)?.map(Some),
            None if is_signature_of(&namespace, statement, signature)? => Ok(None),
            None => Err("it is not a signature of this text".to_owned()),
        };
        Ok(Some(checked.map(signed).map_err(|reason| format!("the signature does not count: {reason}"))))
    }
}

/// What the store has sealed.
struct SealedLog {
    /// The checkpoints in order.
    checkpoints: Vec<(Checkpoint, Timestamp)>,
    /// The leaves that were sealed, by the index of the first of each group.
    leaves: BTreeMap<u64, Vec<Digest>>,
    /// The statements about runs, with the numbers of their attestations.
    statements: Vec<(u64, Statement)>,
    /// The signatures that count.
    signatures: Vec<Signed>,
    /// The digest of the attestations before each number.
    records: Vec<Digest>,
}

impl SealedLog {
    /// Reads all attestations, and checks each checkpoint against those before it.
    fn read(
        attestations: &dyn Attestations,
        signers: Option<&AllowedSigners>,
        findings: &mut Vec<Finding>,
    ) -> Result<Self, EvidenceError> {
        let mut sealed = Self {
            checkpoints: Vec::new(),
            leaves: BTreeMap::new(),
            statements: Vec::new(),
            signatures: Vec::new(),
            records: vec![EMPTY_RECORD],
        };
        let all = match attestations.read_all(0) {
            Err(error) if error.class() == ErrorClass::Corrupt => {
                findings.push(Finding::Attestation { number: 0, reason: error.to_string() });
                return Ok(sealed);
            }
            all => all?,
        };
        let mut record = EMPTY_RECORD;
        for (expected, attestation) in (0..).zip(&all) {
            let mut wrong = |reason: String| findings.push(Finding::Attestation { number: expected, reason });
            if attestation.number != expected {
                wrong(format!("it is missing: attestation {} follows", attestation.number));
                break;
            }
            match attestation.kind.as_str() {
                LEAVES => match Leaves::read(&attestation.statement) {
                    Some((first, leaves)) => drop(sealed.leaves.insert(first, leaves)),
                    None => wrong("the leaves cannot be read".into()),
                },
                FRONTIER if Rest::read(&attestation.statement).is_none() => wrong("the tree cannot be read".into()),
                CHECKPOINT => match attestation.statement.parse::<Checkpoint>() {
                    Ok(checkpoint) => {
                        let earlier = sealed.checkpoints.last().map(|(earlier, _)| earlier);
                        if (checkpoint.attestations, checkpoint.record) != (expected, record) {
                            wrong("an attestation before this checkpoint is not as it was sealed".into());
                        } else if earlier.is_some_and(|earlier| earlier.origin != checkpoint.origin) {
                            wrong("the checkpoint is one of another log".into());
                        } else if earlier.is_some_and(|earlier| earlier.size > checkpoint.size) {
                            wrong("the checkpoint has fewer events than the one before it".into());
                        } else {
                            sealed.checkpoints.push((checkpoint, attestation.ts));
                        }
                    }
                    Err(error) => wrong(error.to_string()),
                },
                STATEMENT => match attestation.statement.parse::<Statement>() {
                    Ok(statement) => sealed.statements.push((expected, statement)),
                    Err(error) => wrong(error.to_string()),
                },
                _ => {}
            }
            match Signed::check(attestation, signers)? {
                Some(Ok(signed)) => sealed.signatures.push(signed),
                Some(Err(reason)) => findings.push(Finding::Attestation { number: expected, reason }),
                None => {}
            }
            record = record_after(&record, attestation);
            sealed.records.push(record);
        }
        Ok(sealed)
    }

    fn origin(&self) -> Option<&str> {
        self.checkpoints.first().map(|(checkpoint, _)| checkpoint.origin.as_str())
    }

    fn newest(&self) -> Option<(Checkpoint, Timestamp)> {
        self.checkpoints.last().cloned()
    }

    /// Returns the sealed leaves from `from` to `end`, if they give the tree of `checkpoint` on top of `before`.
    fn leaves_to(&self, before: &Frontier, checkpoint: &Checkpoint) -> Option<Vec<Digest>> {
        let mut found = Vec::new();
        while before.size() + (found.len() as u64) < checkpoint.size {
            found.extend_from_slice(self.leaves.get(&(before.size() + found.len() as u64))?);
        }
        let mut tree = before.clone();
        found.iter().for_each(|leaf| tree.push(*leaf));
        (tree.size() == checkpoint.size && tree.root() == checkpoint.root).then_some(found)
    }
}

/// The comparison of the events with the checkpoints.
struct LogCheck<'a> {
    sealed: &'a SealedLog,
    tree: Frontier,
    /// The size of the checkpoint outside the store, and the root there.
    watched: Option<(u64, Option<Digest>)>,
    /// The tree at the newest checkpoint that was confirmed.
    confirmed: Frontier,
    /// The events since then, with their leaves.
    open: Vec<(EventName, Digest)>,
    /// The index of the next checkpoint; `None` after one that was not confirmed.
    next: Option<usize>,
    /// The artifacts that events name.
    outputs: BTreeSet<ArtifactHash>,
    /// The heads that statements name, by run and number of events, and the head that the log has there.
    heads: BTreeMap<(String, u64), Option<Digest>>,
}

/// What of an event's payload names artifacts.
#[derive(Deserialize)]
struct Outputs {
    outputs: Vec<OutputRef>,
}

impl<'a> LogCheck<'a> {
    fn new(sealed: &'a SealedLog, watched: Option<u64>) -> Self {
        let (tree, confirmed) = (Frontier::default(), Frontier::default());
        let watched = watched.map(|size| (size, None));
        let (open, outputs) = (Vec::new(), BTreeSet::new());
        let named = sealed.statements.iter().map(|(_, it)| ((it.flow_id.to_string(), it.events), None));
        Self { sealed, tree, watched, confirmed, open, next: Some(0), outputs, heads: named.collect() }
    }

    /// Reads the log to its end.
    fn run(&mut self, store: &dyn EventStore, findings: &mut Vec<Finding>) -> Result<(), EvidenceError> {
        let mut walk = Walk::after(store, Cursor::START);
        self.confirm(findings);
        loop {
            let page = match walk.next_page() {
                Err(error) if error.class() == ErrorClass::Corrupt => {
                    findings.push(Finding::Unreadable { index: self.tree.size(), error: error.to_string() });
                    return Ok(());
                }
                page => page?,
            };
            if page.is_empty() {
                break;
            }
            for hashed in page {
                self.tree.push(hashed.leaf);
                if !self.heads.is_empty() {
                    let at = (hashed.event.flow_id.clone(), hashed.event.position.saturating_add(1));
                    self.heads.entry(at).and_modify(|head| *head = Some(hashed.head));
                }
                if hashed.event.event_type == "stepfinished"
                    && let Ok(Outputs { outputs }) = serde_json::from_slice(&hashed.event.payload)
                {
                    self.outputs.extend(outputs.iter().map(|output| output.hash));
                }
                if self.next.is_some() {
                    self.open.push((EventName::of(&hashed.event), hashed.leaf));
                }
                self.confirm(findings);
            }
        }
        for (number, it) in &self.sealed.statements {
            let head = self.heads.get(&(it.flow_id.to_string(), it.events)).copied().flatten();
            if head != Some(it.head) {
                let reason = format!("run {} is not as it was when this was stated", it.flow_id);
                findings.push(Finding::Attestation { number: *number, reason });
            }
        }
        if let Some(checkpoint) = self.next.and_then(|next| self.sealed.checkpoints.get(next)) {
            findings.push(self.first_difference(&checkpoint.0));
        }
        Ok(())
    }

    /// Compares the tree with the checkpoints of its size.
    fn confirm(&mut self, findings: &mut Vec<Finding>) {
        if let Some((size, root)) = &mut self.watched
            && *size == self.tree.size()
        {
            *root = Some(self.tree.root());
        }
        while let Some(next) = self.next
            && let Some((checkpoint, _)) = self.sealed.checkpoints.get(next)
            && checkpoint.size == self.tree.size()
        {
            if checkpoint.root == self.tree.root() {
                self.next = Some(next + 1);
                self.open.clear();
                self.confirmed = self.tree.clone();
            } else {
                findings.push(self.first_difference(checkpoint));
                self.next = None;
                self.open = Vec::new();
            }
        }
    }

    /// Names the first event since the last confirmed checkpoint that is not the one of `checkpoint`.
    fn first_difference(&self, checkpoint: &Checkpoint) -> Finding {
        let (first, end) = (self.confirmed.size(), checkpoint.size);
        let Some(leaves) = self.sealed.leaves_to(&self.confirmed, checkpoint) else {
            return match self.tree.size() < end {
                true => Finding::EventsMissing { found: self.tree.size(), sealed: end },
                false => Finding::Events { first, end },
            };
        };
        let differs = self.open.iter().zip(&leaves).position(|((_, leaf), sealed)| leaf != sealed);
        match differs.and_then(|at| Some((at, &self.open.get(at)?.0))) {
            Some((at, found)) => Finding::Event { index: first + at as u64, found: found.clone() },
            None => Finding::EventsMissing { found: self.tree.size(), sealed: end },
        }
    }

    /// Compares the log with the checkpoint outside the store. `is_sound` says whether it is consistent with itself.
    fn compare_with(&self, kept: &Kept, witness: &Witness, sealed: &SealedLog, is_sound: bool) -> Option<Finding> {
        let Kept { checkpoint, seal, .. } = kept;
        let (witness, size) = (witness.file(&checkpoint.origin), checkpoint.size);
        let at = usize::try_from(checkpoint.attestations).ok().and_then(|number| sealed.records.get(number + 1));
        let found = sealed.newest().map_or(0, |(newest, _)| newest.size).min(self.tree.size());
        let is_shorter = self.tree.size() < size || (is_sound && (at.is_none() || found < size));
        if is_shorter {
            return Some(Finding::SetBack { witness, sealed: size, found });
        }
        let root = self.watched.and_then(|(_, root)| root);
        let is_same = root == Some(checkpoint.root) && at == Some(seal);
        (is_sound && !is_same).then_some(Finding::Rewritten { witness, sealed: size })
    }
}

/// Reads every artifact that an event, or a table among them, names, and every other one in the store. Returns how many
/// there are.
fn check_artifacts(
    store: &dyn EventStore,
    named: &BTreeSet<ArtifactHash>,
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
    let mut left: Vec<ArtifactHash> = stored.union(named).copied().collect();
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
            }
            Ok(None) => wrong("it is missing".into()),
            Err(PersistenceError::Artifact(ArtifactError::Corrupt { reason, .. })) => wrong(reason),
            Err(error) if error.class() == ErrorClass::Corrupt => wrong(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(stored.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::tree::root_of;

    #[test]
    fn sealed_leaves_count_only_if_they_give_the_root() {
        let leaves: Vec<Digest> = (0..5_u8).map(|number| Digest::of(&[number])).collect();
        let checkpoint = |root| Checkpoint {
            origin: "chem/a".into(),
            size: 5,
            root,
            attestations: 2,
            record: Digest::of(b"record"),
        };
        let leaves_by_first = BTreeMap::from([(0, leaves[..3].to_vec()), (3, leaves[3..].to_vec())]);
        let sealed = SealedLog {
            checkpoints: Vec::new(),
            leaves: leaves_by_first,
            statements: Vec::new(),
            signatures: Vec::new(),
            records: Vec::new(),
        };
        let before = Frontier::default();
        assert_eq!(sealed.leaves_to(&before, &checkpoint(root_of(&leaves))), Some(leaves.clone()));
        assert_eq!(sealed.leaves_to(&before, &checkpoint(root_of(&leaves[..4]))), None);
    }
}
