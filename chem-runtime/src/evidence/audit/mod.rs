//! Audits a log: computes everything again and compares it with what was sealed.

mod artifacts;
mod gates;
mod log;
mod run;
mod sealed;
mod signed;
mod strays;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::artifacts::ArtifactCheck;
use self::gates::check_gates;
use self::log::LogCheck;
pub use self::run::{RunAudit, audit_run};
use self::sealed::SealedLog;
pub use self::signed::Signed;
use self::strays::find_strays;
use super::checkpoint::Checkpoint;
use super::decision::Decided;
use super::error::EvidenceError;
use super::finding::Finding;
use super::record::CHECKPOINT;
use super::signer::AllowedSigners;
use super::walk::Walk;
use super::witness::{Kept, Witness};
use crate::store::{Attestations, Cursor, ErrorClass, EventStore, PersistenceError};

/// The result of an audit.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// The name of the log; `None` if the store has neither events nor a checkpoint.
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
    /// The signed decisions at gates that count.
    pub decisions: Vec<Decided>,
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
        let mut newest = self.newest.as_ref().map(|(newest, _)| checkpoint_json(newest));
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
            "witness": self.witnessed.as_ref().map(|kept| checkpoint_json(&kept.checkpoint)),
            "signatures": self.signatures.iter().map(Signed::to_json).collect::<Vec<_>>(),
            "decisions": self.decisions.iter().map(Decided::to_json).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        })
    }
}

fn checkpoint_json(checkpoint: &Checkpoint) -> Value {
    json!({ "size": checkpoint.size, "root": checkpoint.root.base64() })
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
    let first = Walk::after(store, Cursor::START).first_run()?;
    let origin = first.map(|run| Checkpoint::origin_of(&run));
    // Others append and seal meanwhile. What is read first is covered by what is read after it: the checkpoint outside the
    // store is one of those in it, and every event that these cover is there.
    let origin = newest_origin(attestations)?.or(origin);
    let witnessed = match (witness, &origin) {
        (Some(witness), Some(origin)) => witness.newest(origin)?,
        _ => None,
    };
    let sealed = SealedLog::read(attestations, signers, &mut findings)?;
    let mut log = LogCheck::new(&sealed, witnessed.as_ref().map(|kept| kept.checkpoint.size));
    let mut artifacts = ArtifactCheck::new(&sealed);
    log.run(store, attestations, &mut artifacts, &mut findings)?;
    let is_log_sealed = !findings.iter().any(|finding| finding.subject() == "event");
    findings.extend(find_strays(attestations, is_log_sealed)?);
    if let (Some(kept), Some(witness)) = (&witnessed, witness) {
        findings.extend(log.compare_with(kept, witness, &sealed, findings.is_empty()));
    }
    let decisions = check_gates(store, &log.gated, signers, &mut findings)?;
    let artifacts = artifacts.finish(store, is_log_sealed, &mut findings)?;
    Ok(Audit {
        origin,
        events: log.tree.size(),
        artifacts,
        checkpoints: sealed.checkpoints.len() as u64,
        newest: sealed.newest(),
        witnessed,
        signatures: sealed.signatures,
        decisions,
        findings,
    })
}

/// Returns the name of the log in the newest checkpoint; `None` if there is none or it cannot be read.
fn newest_origin(attestations: &dyn Attestations) -> Result<Option<String>, PersistenceError> {
    match attestations.newest_attestation(CHECKPOINT) {
        Ok(newest) => Ok(newest.and_then(|it| it.statement.parse().ok()).map(|it: Checkpoint| it.origin)),
        Err(error) if error.class() == ErrorClass::Corrupt => Ok(None),
        Err(error) => Err(error),
    }
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
