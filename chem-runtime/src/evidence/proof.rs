//! Proofs that a run is in the log, in the text form of <https://c2sp.org/tlog-proof>.

use std::fmt;

use super::checkpoint::Checkpoint;
use super::error::EvidenceError;
use super::hash::Digest;
use super::record::CHECKPOINT;
use super::tree::inclusion_proof;
use super::walk::Walk;
use crate::event::FlowId;
use crate::store::{Cursor, EventStore};

/// The proof that the last sealed event of a run is in the log, and with it, by the head of the run, all before it.
///
/// `Display` gives the text. A reader who has the events of the run and trusts the checkpoint can check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunProof {
    /// The index of the event in the log.
    pub index: u64,
    /// The position of the event in the run. Later events are not sealed.
    pub position: u64,
    /// The head of the run after the event.
    pub head: Digest,
    /// The siblings on the path from the leaf to the root, lowest first.
    pub hashes: Vec<Digest>,
    /// The checkpoint with that root.
    pub checkpoint: Checkpoint,
}

impl fmt::Display for RunProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "c2sp.org/tlog-proof@v1\nindex {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", hash.base64()))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl RunProof {
    /// Returns the index, the hashes and the checkpoint in the text of a proof; `None` for any other text.
    pub fn parts_of(text: &str) -> Option<(u64, Vec<Digest>, Checkpoint)> {
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.strip_prefix("c2sp.org/tlog-proof@v1\nindex ")?.lines();
        let index = lines.next()?.parse().ok()?;
        let hashes = lines.map(Digest::from_base64).collect::<Option<_>>()?;
        Some((index, hashes, checkpoint.parse().ok()?))
    }
}

/// Returns the proof of a run against the newest checkpoint; `None` if none of its events is sealed. Reads the whole log.
///
/// # Errors
/// [`EvidenceError::Unsupported`] if the store keeps no attestations.
pub fn prove_run(store: &dyn EventStore, flow_id: FlowId) -> Result<Option<RunProof>, EvidenceError> {
    let attestations = store.attestations().ok_or(EvidenceError::Unsupported)?;
    let newest = attestations.newest_attestation(CHECKPOINT)?;
    let Some(checkpoint) = newest.and_then(|newest| newest.statement.parse::<Checkpoint>().ok()) else {
        return Ok(None);
    };
    let (mut walk, mut leaves, mut last) = (Walk::after(store, Cursor::START), Vec::new(), None);
    let run = flow_id.to_string();
    'log: loop {
        let page = walk.next_page()?;
        if page.is_empty() {
            break;
        }
        for hashed in page {
            if leaves.len() as u64 == checkpoint.size {
                break 'log;
            }
            if hashed.event.flow_id == run {
                last = Some((leaves.len(), hashed.event.position, hashed.head));
            }
            leaves.push(hashed.leaf);
        }
    }
    let Some((index, position, head)) = last else { return Ok(None) };
    let hashes = inclusion_proof(&leaves, index).unwrap_or_default();
    Ok(Some(RunProof { index: index as u64, position, head, hashes, checkpoint }))
}
