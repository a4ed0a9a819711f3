//! The proof that all events of some runs are in the log, each with its time and its index.
//!
//! A path of hashes proves one leaf. Here the leaves of all events of the runs are known, and the proof has the roots of the
//! largest subtrees that contain none of them, from left to right. Events of a run are mostly neighbours, so these are few.

use std::collections::BTreeSet;

use super::checkpoint::Checkpoint;
use super::error::EvidenceError;
use super::hash::Digest;
use super::proof::RunProof;
use super::record::CHECKPOINT;
use super::tree::{inclusion_proof, node_hash, root_of, split_of};
use super::walk::{Hashed, Walk};
use crate::store::{Attestation, Cursor, EventStore};

/// Runs with the proof that their events are in the log.
#[derive(Debug, Clone)]
pub struct SealedRuns {
    /// The checkpoint up to which the log was read.
    pub checkpoint: Checkpoint,
    /// The attestation of this checkpoint.
    pub attestation: Attestation,
    /// The events of the runs in the order of the log, each with its index.
    pub events: Vec<(u64, Hashed)>,
    /// The roots of the subtrees without any of these events, from left to right.
    pub hashes: Vec<Digest>,
    /// The proof of the last event of each run.
    pub last: Vec<(String, RunProof)>,
    /// The attestations about these runs, in order.
    pub statements: Vec<Attestation>,
}

/// Returns the events of `runs` that are sealed, with their proof; `None` if the log has no checkpoint. Of the checkpoints
/// that cover the same events of these runs, the newest signed one counts, or else the newest. Reads the whole log.
///
/// # Errors
/// [`EvidenceError::Unsupported`] if the store keeps no attestations; otherwise the error of the store.
pub fn prove_runs(store: &dyn EventStore, runs: &BTreeSet<String>) -> Result<Option<SealedRuns>, EvidenceError> {
    let mut attestations = store.attestations().ok_or(EvidenceError::Unsupported)?.read_all(0)?;
    let checkpoints = checkpoints(&attestations);
    attestations.retain(|one| one.flow_id.is_some_and(|run| runs.contains(&run.to_string())));
    let Some(newest) = checkpoints.last().map(|(checkpoint, _)| checkpoint.size) else { return Ok(None) };
    let (mut walk, mut leaves, mut events) = (Walk::after(store, Cursor::START), Vec::new(), Vec::new());
    'log: loop {
        let page = walk.next_page()?;
        if page.is_empty() {
            break;
        }
        for hashed in page {
            if leaves.len() as u64 == newest {
                break 'log;
            }
            leaves.push(hashed.leaf);
            if runs.contains(&hashed.event.flow_id) {
                events.push((leaves.len() as u64 - 1, hashed));
            }
        }
    }
    let covers = |checkpoint: &Checkpoint| {
        events.last().is_none_or(|(index, _)| checkpoint.size > *index) && checkpoint.size <= leaves.len() as u64
    };
    let mut covering = checkpoints.into_iter().rev().filter(|(checkpoint, _)| covers(checkpoint)).peekable();
    let newest = covering.peek().cloned();
    let signed = covering.find(|(_, attestation)| attestation.signature.is_some());
    let Some((checkpoint, attestation)) = signed.or(newest) else { return Ok(None) };
    leaves.truncate(usize::try_from(checkpoint.size).unwrap_or(usize::MAX));
    let known: Vec<usize> = events.iter().filter_map(|(index, _)| usize::try_from(*index).ok()).collect();
    let mut last: Vec<(String, RunProof)> = Vec::new();
    for run in runs {
        if let Some((index, hashed)) = events.iter().rfind(|(_, hashed)| hashed.event.flow_id == *run) {
            let hashes = inclusion_proof(&leaves, usize::try_from(*index).unwrap_or(usize::MAX)).unwrap_or_default();
            let (position, head, checkpoint) = (hashed.event.position, hashed.head, checkpoint.clone());
            last.push((run.clone(), RunProof { index: *index, position, head, hashes, checkpoint }));
        }
    }
    let hashes = subtrees_without(&leaves, &known);
    Ok(Some(SealedRuns { checkpoint, attestation, events, hashes, last, statements: attestations }))
}

/// Returns the checkpoints among `attestations` that can be read, in order.
fn checkpoints(attestations: &[Attestation]) -> Vec<(Checkpoint, Attestation)> {
    let read = |one: &Attestation| Some((one.statement.parse().ok()?, one.clone()));
    attestations.iter().filter(|one| one.kind == CHECKPOINT).filter_map(read).collect()
}

/// Returns the roots of the largest subtrees of the tree with these leaves that have no leaf of `known`, which is in order.
fn subtrees_without(leaves: &[Digest], known: &[usize]) -> Vec<Digest> {
    fn collect(leaves: &[Digest], first: usize, known: &[usize], found: &mut Vec<Digest>) {
        if known.is_empty() {
            found.push(root_of(leaves));
        } else if leaves.len() > 1 {
            let (left, right) = leaves.split_at(split_of(leaves.len()));
            let middle = first + left.len();
            let (before, after) = known.split_at(known.partition_point(|index| *index < middle));
            collect(left, first, before, found);
            collect(right, middle, after, found);
        }
    }
    let mut found = Vec::new();
    if !leaves.is_empty() {
        collect(leaves, 0, known, &mut found);
    }
    found
}

/// Returns the root of the tree of `size` leaves that has the leaves `known`, each with its index and in order, and `hashes` as
/// the roots of the largest subtrees without any of these; `None` if they do not fit together.
pub fn root_with(size: u64, known: &[(u64, Digest)], hashes: &[Digest]) -> Option<Digest> {
    fn root(
        size: u64,
        first: u64,
        known: &[(u64, Digest)],
        hashes: &mut std::slice::Iter<'_, Digest>,
    ) -> Option<Digest> {
        match known {
            [] => hashes.next().copied(),
            [(index, leaf)] if size == 1 => (*index == first).then_some(*leaf),
            _ if size < 2 => None,
            _ => {
                let left = 1 << (size - 1).ilog2();
                let middle = first.checked_add(left)?;
                let (before, after) = known.split_at(known.partition_point(|(index, _)| *index < middle));
                let left = root(left, first, before, hashes)?;
                Some(node_hash(&left, &root(size - (middle - first), middle, after, hashes)?))
            }
        }
    }
    let is_ordered = known.is_sorted_by(|one, next| one.0 < next.0);
    let mut hashes = hashes.iter();
    let found = root(size, 0, known, &mut hashes).filter(|_| is_ordered && size > 0);
    found.filter(|_| hashes.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_leaves_is_proved_and_no_other_leaf() {
        for size in 1..9_usize {
            let leaves: Vec<Digest> = (0..size).map(|number| Digest::of(&number.to_be_bytes())).collect();
            for chosen in 0..1_usize << size {
                let known: Vec<usize> = (0..size).filter(|index| chosen & (1 << index) != 0).collect();
                let hashes = subtrees_without(&leaves, &known);
                let named = |leaf: &dyn Fn(usize) -> Digest| -> Vec<(u64, Digest)> {
                    known.iter().map(|index| (*index as u64, leaf(*index))).collect()
                };
                let root = Some(root_of(&leaves));
                assert_eq!(
                    root_with(size as u64, &named(&|index| leaves[index]), &hashes),
                    root,
                    "{known:?} of {size}"
                );
                if let Some(last) = known.last() {
                    let other = named(&|index| if index == *last { Digest::of(b"other") } else { leaves[index] });
                    assert_ne!(root_with(size as u64, &other, &hashes), root, "{known:?} of {size}");
                    let mut moved = named(&|index| leaves[index]);
                    if let Some((index, _)) = moved.last_mut() {
                        *index += 1;
                    }
                    assert_ne!(root_with(size as u64, &moved, &hashes), root, "{known:?} of {size}");
                }
                let more = [hashes.as_slice(), &[Digest::of(b"more")]].concat();
                assert_eq!(root_with(size as u64, &named(&|index| leaves[index]), &more), None);
            }
        }
    }
}
