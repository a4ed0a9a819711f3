//! The artifacts in a store.

use std::ops::Deref;

use super::PersistenceError;
use crate::artifact::{Artifact, ArtifactError, ArtifactSource};
use crate::fingerprint::ArtifactHash;

/// Finds artifacts by their hashes. An append stores them; they never change.
pub trait ArtifactStore: Send + Sync {
    /// Returns the artifact with this hash, or `None` if there is none. Verifies the hash, and if there are several
    /// copies, returns one that matches it.
    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError>;

    /// Returns up to `limit` artifact hashes whose text begins with `prefix`, in order.
    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError>;

    /// Stores another copy of each artifact that the store has no sound copy of, because it is missing or its stored
    /// content does not match its hash. Returns how many copies were stored.
    ///
    /// # Errors
    /// Returns [`PersistenceError::RefusedArtifact`] if an artifact has metadata without a canonical form.
    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError>;
}

/// Reads artifacts from a store, given as a reference or an [`Arc`](std::sync::Arc).
pub struct StoredArtifacts<S>(pub S);

impl<S: Deref<Target: ArtifactStore> + Sync> ArtifactSource for StoredArtifacts<S> {
    fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
        match self.0.read_artifact(hash) {
            Ok(Some(artifact)) => Ok(artifact),
            Ok(None) => Err(ArtifactError::Missing { hash }),
            Err(error) => Err(error.of_reading(hash)),
        }
    }
}
