//! Proofs that a run is in the log, in the text form of <https://c2sp.org/tlog-proof>.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::checkpoint::Checkpoint;
use super::error::EvidenceError;
use super::hash::Digest;
use super::head::{EMPTY_HEAD, head_after, leaf_data, leaf_hash};
use super::record::{CHECKPOINT, FRONTIER, LEAVES, Leaves, Rest};
use super::tree::{inclusion_proof, root_of};
use super::walk::Walk;
use crate::event::FlowId;
use crate::store::{Attestations, Cursor, EventStore, StoredEvent};

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

/// Returns the proof of a run against the newest checkpoint; `None` if none of its events is sealed. Reads the run and the
/// leaves that the store has sealed, and the whole log if these do not show the run to be as it was sealed.
///
/// # Errors
/// [`EvidenceError::Unsupported`] if the store keeps no attestations.
pub fn prove_run(store: &dyn EventStore, flow_id: FlowId) -> Result<Option<RunProof>, EvidenceError> {
    let attestations = store.attestations().ok_or(EvidenceError::Unsupported)?;
    let newest = attestations.newest_attestation(CHECKPOINT)?;
    let Some(checkpoint) = newest.and_then(|newest| newest.statement.parse::<Checkpoint>().ok()) else {
        return Ok(None);
    };
    if let Some(proof) = prove_by_leaves(store, attestations, flow_id, &checkpoint)? {
        return Ok(Some(proof));
    }
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

/// Returns the proof of a run by the leaves that the store has sealed. `None` if these are damaged, if the run has an event
/// that is neither among them nor later than they are, or if none of its events is among them.
fn prove_by_leaves(
    store: &dyn EventStore,
    attestations: &dyn Attestations,
    flow_id: FlowId,
    checkpoint: &Checkpoint,
) -> Result<Option<RunProof>, EvidenceError> {
    let Some(frontier) = attestations.newest_attestation(FRONTIER)? else { return Ok(None) };
    let Some(rest) = Rest::read(&frontier.statement).filter(|rest| rest.tree.root() == checkpoint.root) else {
        return Ok(None);
    };
    let Some(sealed) = sealed_leaves(attestations, checkpoint)? else { return Ok(None) };
    let events = store.read_stored_run(&flow_id.to_string(), u64::MAX)?;
    let mut heads = Vec::with_capacity(events.len());
    for event in &events {
        heads.push(head_after(heads.last().unwrap_or(&EMPTY_HEAD), event));
    }
    let leaf = |(event, head): (&StoredEvent, &Digest)| leaf_hash(&leaf_data(event, head));
    let positions: HashMap<Digest, usize> = events.iter().zip(&heads).map(leaf).zip(0..).collect();
    let found: BTreeMap<usize, usize> =
        sealed.iter().enumerate().filter_map(|(index, leaf)| Some((*positions.get(leaf)?, index))).collect();
    let Some((&last, &index)) = found.last_key_value() else { return Ok(None) };
    let mut later = 0;
    let mut walk = Walk::after(store, rest.cursor);
    while let Ok(page) = walk.next_page()
        && !page.is_empty()
    {
        let run = flow_id.to_string();
        later += page.iter().filter(|hashed| hashed.event.flow_id == run).count();
    }
    let is_whole = events.last().is_some_and(|event| event.position + 1 == events.len() as u64);
    if !is_whole || found.len() != last + 1 || last + 1 + later != events.len() {
        return Ok(None);
    }
    let Some(hashes) = inclusion_proof(&sealed, index) else { return Ok(None) };
    let (position, head) = (last as u64, heads.swap_remove(last));
    Ok(Some(RunProof { index: index as u64, position, head, hashes, checkpoint: checkpoint.clone() }))
}

/// Returns the leaves that the store has sealed up to `checkpoint`; `None` if they do not have its root.
fn sealed_leaves(
    attestations: &dyn Attestations,
    checkpoint: &Checkpoint,
) -> Result<Option<Vec<Digest>>, EvidenceError> {
    let mut leaves = Vec::new();
    for attestation in attestations.read_all(0)?.iter().filter(|attestation| attestation.kind == LEAVES) {
        match Leaves::read(&attestation.statement) {
            Some(sealed) if sealed.first == leaves.len() as u64 => leaves.extend(sealed.leaves),
            _ => return Ok(None),
        }
    }
    Ok((leaves.len() as u64 == checkpoint.size && root_of(&leaves) == checkpoint.root).then_some(leaves))
}
