//! Artifacts: the immutable outputs of steps, identified by the hash of their content.
//!
//! The payload of an artifact is canonical JSON text: the same bytes are hashed, stored and parsed. [`ArtifactValue`]
//! converts Rust types to artifacts and back; most steps use [`Table`]. Stores decide how to keep artifacts.

mod chunk;
mod table;
mod value;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

pub(crate) use table::{
    Cell, NumbersInText, OpenChunk, Packer, RowTexts, TableShard, TextCensus, number_spelled, write_float,
};
pub use table::{
    Cells, ChunkRef, Column, ColumnType, Dataset, Table, TableBuilder, TableError, TablePiece, TableRoot, TableStream,
    TextCell, Values,
};
pub use value::{ArtifactValue, Handed, JsonArtifact, Packed};

use crate::cancel::Interrupted;
use crate::fingerprint::{ArtifactHash, CanonicalError, Tag, canonical_json, tagged_sha256};

/// An immutable output of a step: its kind, its payload, and the hash over both.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    hash: ArtifactHash,
    kind: Arc<str>,
    /// A `String`, which becomes shared without a copy.
    payload: Arc<String>,
    metadata: Option<Value>,
}

impl Artifact {
    /// Creates an artifact of `kind`.
    ///
    /// # Errors
    /// Fails if `payload` has no canonical form.
    pub fn new(kind: &str, payload: &Value) -> Result<Self, ArtifactError> {
        Ok(Self::from_canonical(kind, canonical_json(payload)?))
    }

    /// Creates an artifact from text that is canonical by construction.
    pub(crate) fn from_canonical(kind: &str, mut payload: String) -> Self {
        let hash = hash_of(kind, &payload);
        payload.shrink_to_fit();
        Self { hash, kind: kind.into(), payload: payload.into(), metadata: None }
    }

    /// Restores an artifact from a store, which may have reformatted the payload, as JSONB does.
    ///
    /// # Errors
    /// Fails if the canonical form of the payload does not have the hash under which it was stored.
    pub fn from_stored(
        hash: ArtifactHash,
        kind: &str,
        payload: &str,
        metadata: Option<Value>,
    ) -> Result<Self, ArtifactError> {
        let canonical = if hash_of(kind, payload) == hash {
            payload.to_owned()
        } else {
            let value: Value = serde_json::from_str(payload).map_err(|error| ArtifactError::Corrupt {
                hash,
                reason: format!("its payload is not JSON: {error}"),
            })?;
            let canonical = canonical_json(&value)?;
            let found = hash_of(kind, &canonical);
            if found != hash {
                return Err(ArtifactError::Corrupt { hash, reason: format!("its content hashes to {found}") });
            }
            canonical
        };
        Ok(Self { hash, kind: kind.into(), payload: canonical.into(), metadata })
    }

    /// Sets metadata, which is not part of the identity.
    pub fn with_metadata(mut self, metadata: Value) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Returns the hash of kind and payload.
    pub fn hash(&self) -> ArtifactHash {
        self.hash
    }

    /// Returns the kind: `table`, `molecules`, `text`, ….
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the payload as canonical JSON.
    pub fn payload_text(&self) -> &str {
        &self.payload
    }

    /// Parses the payload.
    pub fn payload(&self) -> Result<Value, ArtifactError> {
        serde_json::from_str(&self.payload).map_err(|error| self.malformed(error))
    }

    /// Returns the metadata, which is not part of the identity.
    pub fn metadata(&self) -> Option<&Value> {
        self.metadata.as_ref()
    }

    /// Returns the error for a payload that does not have the form of its kind.
    pub fn malformed(&self, reason: impl std::fmt::Display) -> ArtifactError {
        ArtifactError::Malformed { hash: self.hash, kind: self.kind().to_owned(), reason: reason.to_string() }
    }
}

fn hash_of(kind: &str, payload: &str) -> ArtifactHash {
    ArtifactHash::from_bytes(tagged_sha256(Tag::Artifact, &[kind, payload]))
}

/// A source of artifacts.
pub trait ArtifactSource: Sync {
    /// Returns the artifact with this hash.
    ///
    /// # Errors
    /// [`ArtifactError::Missing`] if there is none, [`ArtifactError::Corrupt`] if the content does not match the hash,
    /// [`ArtifactError::Unavailable`] if the source cannot be read.
    fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError>;
}

impl ArtifactSource for HashMap<ArtifactHash, Artifact> {
    fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
        self.get(&hash).cloned().ok_or(ArtifactError::Missing { hash })
    }
}

/// Why an artifact cannot be created or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The value has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The work was cancelled.
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
    /// The source has no artifact with this hash.
    #[error("there is no artifact {hash}")]
    Missing {
        /// The hash that was requested.
        hash: ArtifactHash,
    },
    /// The stored content does not match the hash.
    #[error("artifact {hash} is corrupt: {reason}")]
    Corrupt {
        /// The hash under which the content is stored.
        hash: ArtifactHash,
        /// What was found instead.
        reason: String,
    },
    /// The payload does not have the form of its kind.
    #[error("artifact {hash} does not read as `{kind}`: {reason}")]
    Malformed {
        /// The hash of the artifact.
        hash: ArtifactHash,
        /// The kind of the artifact.
        kind: String,
        /// What is wrong with the payload.
        reason: String,
    },
    /// The artifact has another kind than required.
    #[error("artifact {hash} has the wrong kind: expected `{expected}`, found `{found}`")]
    WrongKind {
        /// The hash of the artifact.
        hash: ArtifactHash,
        /// The required kind.
        expected: String,
        /// The actual kind.
        found: String,
    },
    /// The source cannot be read.
    #[error("artifact {hash} could not be read")]
    Unavailable {
        /// The hash that was requested.
        hash: ArtifactHash,
        /// The error of the store.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The columns do not form a table.
    #[error(transparent)]
    Table(#[from] TableError),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hash_depends_on_kind_and_content_and_not_on_spelling() {
        let one = Artifact::new("text", &json!({"a": 1, "b": 2.0})).unwrap();
        let same = Artifact::new("text", &json!({"b": 2, "a": 1.0})).unwrap();
        assert_eq!(one, same);
        assert_ne!(one.hash(), Artifact::new("note", &json!({"a": 1, "b": 2})).unwrap().hash());
    }

    #[test]
    fn a_stored_payload_is_checked_against_its_name() {
        let artifact = Artifact::new("text", &json!({"a": [1.5]})).unwrap();
        let spaced = Artifact::from_stored(artifact.hash(), "text", "{ \"a\" : [1.50] }", None).unwrap();
        assert_eq!(spaced, artifact);
        for corrupt in ["{\"a\":[1.6]}", "{\"a\":", ""] {
            let error = Artifact::from_stored(artifact.hash(), "text", corrupt, None).unwrap_err();
            assert!(error.to_string().contains(&artifact.hash().to_string()), "{error}");
        }
    }
}
