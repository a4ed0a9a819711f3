//! The comparison of the artifacts with the hashes that name them.

use std::collections::BTreeSet;

use super::super::error::EvidenceError;
use super::super::finding::Finding;
use crate::artifact::{ArtifactError, TableRoot};
use crate::fingerprint::ArtifactHash;
use crate::store::{ErrorClass, EventStore, PersistenceError};

/// Reads every artifact that an event, or a table among them, names, and every other one in the store. Returns how many
/// there are.
pub(super) fn check_artifacts(
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
