//! Artifacts: the immutable outputs of steps, named by the hash of what they hold.
//!
//! An artifact keeps its payload as canonical JSON text, so that what is hashed, what is stored and what is read are
//! the same bytes. [`ArtifactValue`] is how a Rust type becomes one and comes back; [`Table`] is the type that most
//! steps hand on. How artifacts are stored is the event store's to know.

mod chunk;
mod dataset;
mod table;
mod value;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

pub use dataset::Dataset;
pub use table::{
    ChunkRef, Column, ColumnData, ColumnType, NumbersInText, Table, TableBuilder, TableError, TableRoot,
    number_spelled, write_float,
};
pub use value::{ArtifactValue, Handed, JsonArtifact, Packed};

use crate::cancel::Interrupted;
use crate::fingerprint::{ArtifactHash, CanonicalError, Tag, canonical_json, tagged_sha256};

/// An immutable output of a step: its kind, its payload, and the hash over both.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    hash: ArtifactHash,
    kind: Arc<str>,
    payload: Arc<str>,
    metadata: Option<Value>,
}

impl Artifact {
    /// An artifact of `kind` that holds `payload`.
    pub fn new(kind: &str, payload: &Value) -> Result<Self, ArtifactError> {
        Ok(Self::from_canonical(kind, canonical_json(payload)?))
    }

    /// The same, from text that is canonical by construction.
    pub(crate) fn from_canonical(kind: &str, payload: String) -> Self {
        let hash = hash_of(kind, &payload);
        Self { hash, kind: kind.into(), payload: payload.into(), metadata: None }
    }

    /// An artifact as a store gives it back: the payload may have been written anew (JSONB does that), so it is brought
    /// into canonical form, and must then have the hash under which it was stored.
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

    /// The same artifact with notes that are not part of its identity.
    pub fn with_metadata(mut self, metadata: Value) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// What names the artifact.
    pub fn hash(&self) -> ArtifactHash {
        self.hash
    }

    /// What it is: `table`, `molecules`, `text`, ….
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The payload as canonical JSON.
    pub fn payload_text(&self) -> &str {
        &self.payload
    }

    /// The payload, read.
    pub fn payload(&self) -> Result<Value, ArtifactError> {
        serde_json::from_str(&self.payload).map_err(|error| self.malformed(error))
    }

    /// Notes that are not part of the artifact's identity.
    pub fn metadata(&self) -> Option<&Value> {
        self.metadata.as_ref()
    }

    /// The error for a payload that does not have the shape of its kind.
    pub fn malformed(&self, reason: impl std::fmt::Display) -> ArtifactError {
        ArtifactError::Malformed { hash: self.hash, kind: self.kind().to_owned(), reason: reason.to_string() }
    }
}

fn hash_of(kind: &str, payload: &str) -> ArtifactHash {
    ArtifactHash::from_bytes(tagged_sha256(Tag::Artifact, &[kind, payload]))
}

/// Where artifacts are read from.
pub trait ArtifactSource: Sync {
    /// The artifact named `hash`.
    ///
    /// # Errors
    /// [`ArtifactError::Missing`] if there is none, [`ArtifactError::Corrupt`] if what is there is something else,
    /// [`ArtifactError::Unavailable`] if the source cannot be asked.
    fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError>;
}

impl ArtifactSource for HashMap<ArtifactHash, Artifact> {
    fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
        self.get(&hash).cloned().ok_or(ArtifactError::Missing { hash })
    }
}

/// Why an artifact could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The value has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The work was asked to stop.
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
    /// No store knows it.
    #[error("there is no artifact {hash}")]
    Missing {
        /// Its name.
        hash: ArtifactHash,
    },
    /// What is stored under this hash is not what was hashed.
    #[error("artifact {hash} is corrupt: {reason}")]
    Corrupt {
        /// Its name.
        hash: ArtifactHash,
        /// What was found.
        reason: String,
    },
    /// The payload does not have the shape of its kind.
    #[error("artifact {hash} does not read as `{kind}`: {reason}")]
    Malformed {
        /// Its name.
        hash: ArtifactHash,
        /// What it should have been.
        kind: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An artifact of one kind where another is needed.
    #[error("artifact {hash} is `{found}` where `{expected}` is needed")]
    WrongKind {
        /// Its name.
        hash: ArtifactHash,
        /// The kind that was asked for.
        expected: String,
        /// The kind that it is.
        found: String,
    },
    /// The store could not be asked.
    #[error("artifact {hash} could not be read")]
    Unavailable {
        /// Its name.
        hash: ArtifactHash,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A table whose columns do not fit together.
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
