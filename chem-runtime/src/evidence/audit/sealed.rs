//! What a store has sealed: its attestations, and whether they are consistent with each other.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::checkpoint::Checkpoint;
use super::super::error::EvidenceError;
use super::super::finding::Finding;
use super::super::hash::Digest;
use super::super::plan::{PLAN, Plan};
use super::super::record::{CHECKPOINT, EMPTY_RECORD, FRONTIER, LEAVES, Leaves, Rest, SealedArtifact, record_after};
use super::super::signer::AllowedSigners;
use super::super::statement::{STATEMENT, Statement};
use super::super::tree::Frontier;
use super::signed::Signed;
use crate::store::{Attestations, ErrorClass};

/// What the store has sealed.
pub(super) struct SealedLog {
    /// The checkpoints in order.
    pub(super) checkpoints: Vec<(Checkpoint, Timestamp)>,
    /// The leaves that were sealed, by the index of the first of each group.
    pub(super) leaves: BTreeMap<u64, Leaves>,
    /// The artifacts that were sealed, by their hashes.
    pub(super) artifacts: BTreeMap<String, SealedArtifact>,
    /// The statements about runs, with the numbers of their attestations.
    pub(super) statements: Vec<(u64, Statement)>,
    /// The signatures that count.
    pub(super) signatures: Vec<Signed>,
    /// The digest of the attestations before each number.
    pub(super) records: Vec<Digest>,
}

impl SealedLog {
    /// Reads all attestations, and checks each checkpoint against those before it.
    pub(super) fn read(
        attestations: &dyn Attestations,
        signers: Option<&AllowedSigners>,
        findings: &mut Vec<Finding>,
    ) -> Result<Self, EvidenceError> {
        let mut sealed = Self {
            checkpoints: Vec::new(),
            leaves: BTreeMap::new(),
            artifacts: BTreeMap::new(),
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
                    Some(mut leaves) => {
                        let artifacts = leaves.artifacts.iter_mut().flat_map(std::mem::take);
                        sealed.artifacts.extend(artifacts.map(|artifact| (artifact.hash.clone(), artifact)));
                        sealed.leaves.insert(leaves.first, leaves);
                    }
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
                PLAN => {
                    if let Err(error) = attestation.statement.parse::<Plan>() {
                        wrong(error.to_string());
                    }
                }
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

    pub(super) fn newest(&self) -> Option<(Checkpoint, Timestamp)> {
        self.checkpoints.last().cloned()
    }

    /// Returns whether a seal covers which artifacts were stored with the event at `index`.
    pub(super) fn seals_artifacts_of(&self, index: u64) -> bool {
        let leaves = self.leaves.range(..=index).next_back().map(|(_, leaves)| leaves);
        leaves.is_some_and(|it| it.artifacts.is_some() && index - it.first < it.leaves.len() as u64)
    }

    /// Returns whether the sealed leaves give the tree of `checkpoint` on top of `before`.
    pub(super) fn has_leaves_to(&self, before: &Frontier, checkpoint: &Checkpoint) -> bool {
        let mut tree = before.clone();
        while tree.size() < checkpoint.size {
            match self.leaves.get(&tree.size()) {
                Some(group) if !group.leaves.is_empty() => group.leaves.iter().for_each(|leaf| tree.push(*leaf)),
                _ => return false,
            }
        }
        tree.size() == checkpoint.size && tree.root() == checkpoint.root
    }
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
        let part = |first: u64, leaves: &[Digest]| (first, Leaves { first, leaves: leaves.to_vec(), artifacts: None });
        let leaves_by_first = BTreeMap::from([part(0, &leaves[..3]), part(3, &leaves[3..])]);
        let sealed = SealedLog {
            checkpoints: Vec::new(),
            leaves: leaves_by_first,
            artifacts: BTreeMap::new(),
            statements: Vec::new(),
            signatures: Vec::new(),
            records: Vec::new(),
        };
        let before = Frontier::default();
        assert!(sealed.has_leaves_to(&before, &checkpoint(root_of(&leaves))));
        assert!(!sealed.has_leaves_to(&before, &checkpoint(root_of(&leaves[..4]))));
        let empty = SealedLog { leaves: BTreeMap::from([part(0, &[])]), ..sealed };
        assert!(!empty.has_leaves_to(&before, &checkpoint(root_of(&leaves))));
    }
}
