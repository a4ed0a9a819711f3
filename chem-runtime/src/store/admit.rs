//! Checks that every store applies to a batch before it stores it.
//!
//! If one store accepted a value that another cannot represent, their logs would differ. Therefore every store writes
//! what [`admit`] returns and refuses what it refuses. Positions and transactions are left to each store.

use jiff::Timestamp;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use super::packed::PackedPayload;
use super::{NewEvent, PersistenceError};
use crate::artifact::Artifact;
use crate::event::{FlowEventKind, FlowId};
use crate::fingerprint::{CanonicalError, CanonicalText, canonical_json};

/// An event that passed the checks.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The kind's name, as in the log.
    pub event_type: &'static str,
    /// The payload as canonical JSON.
    pub payload: String,
    /// The event as parsed back from `payload`; `None` if it is certain to equal the original.
    pub reads_back_as: Option<FlowEventKind>,
    /// The artifacts to store with it.
    pub artifacts: Vec<AdmittedArtifact>,
}

/// An artifact that passed the checks.
#[derive(Debug, Clone)]
pub struct AdmittedArtifact {
    /// The artifact, with its metadata parsed back from `metadata`. Its payload is canonical by construction.
    pub artifact: Artifact,
    /// The metadata as canonical JSON; `None` if it has none.
    pub metadata: Option<String>,
    /// The payload as a database stores it in place of its text; `None` for the text.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) packed: Option<PackedPayload>,
}

impl AdmittedArtifact {
    fn new(artifact: Artifact, metadata: Option<String>) -> Self {
        Self {
            artifact,
            metadata,
            #[cfg(any(feature = "postgres", feature = "sqlite"))]
            packed: None,
        }
    }
}

/// Returns the batch in the form to store.
///
/// # Errors
/// Returns [`PersistenceError::Refused`] or [`PersistenceError::RefusedArtifact`] for a value that cannot be stored, with its path.
pub fn admit(flow_id: FlowId, events: &[NewEvent]) -> Result<Vec<Admitted>, PersistenceError> {
    events.iter().map(|event| admit_one(flow_id, event)).collect()
}

/// Returns artifacts in the form to store without an event.
///
/// # Errors
/// Returns [`PersistenceError::RefusedArtifact`] for an artifact that cannot be stored.
pub fn admit_artifacts(artifacts: &[Artifact]) -> Result<Vec<AdmittedArtifact>, PersistenceError> {
    artifacts.iter().map(admit_artifact).collect()
}

/// Compresses the artifacts of the events where that pays.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) fn pack(mut events: Vec<Admitted>) -> Vec<Admitted> {
    for event in &mut events {
        event.artifacts = pack_artifacts(std::mem::take(&mut event.artifacts));
    }
    events
}

/// Compresses artifacts where that pays.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) fn pack_artifacts(mut artifacts: Vec<AdmittedArtifact>) -> Vec<AdmittedArtifact> {
    for admitted in &mut artifacts {
        admitted.packed = PackedPayload::of(&admitted.artifact);
    }
    artifacts
}

fn admit_one(flow_id: FlowId, event: &NewEvent) -> Result<Admitted, PersistenceError> {
    let event_type = event.kind.event_type();
    let refused = |source| PersistenceError::Refused { flow_id, event_type, source };
    let CanonicalText { text: payload, reads_back } = event.kind.stored_form().map_err(refused)?;
    let reads_back_as = if reads_back {
        None
    } else {
        let read = FlowEventKind::from_stored(event_type, &payload);
        Some(read.map_err(|error| refused(CanonicalError::NotJson { reason: error.to_string() }))?)
    };
    let artifacts = admit_artifacts(&event.artifacts)?;
    Ok(Admitted { event_type, payload, reads_back_as, artifacts })
}

fn admit_artifact(artifact: &Artifact) -> Result<AdmittedArtifact, PersistenceError> {
    let refused = |part, source| PersistenceError::RefusedArtifact { hash: artifact.hash(), part, source };
    canonical_json(&artifact.kind().into()).map_err(|source| refused("kind", source))?;
    let Some(metadata) = artifact.metadata() else {
        return Ok(AdmittedArtifact::new(artifact.clone(), None));
    };
    let text = canonical_json(metadata).map_err(|source| refused("metadata", source))?;
    let read = serde_json::from_str(&text)
        .map_err(|error| refused("metadata", CanonicalError::NotJson { reason: error.to_string() }))?;
    Ok(AdmittedArtifact::new(artifact.clone().with_metadata(read), Some(text)))
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl AdmittedArtifact {
    /// Returns the payload if it is stored as text.
    pub(super) fn plain(&self) -> Option<&str> {
        self.packed.is_none().then(|| self.artifact.payload_text())
    }

    /// Returns the length of the payload as it is stored, in bytes.
    pub(super) fn stored_length(&self) -> usize {
        self.packed().map_or_else(|| self.artifact.payload_text().len(), <[u8]>::len)
    }

    /// Returns the codec of a payload that is stored compressed.
    pub(super) fn codec(&self) -> Option<&'static str> {
        self.packed.as_ref().map(|packed| packed.codec)
    }

    /// Returns the payload if it is stored compressed.
    pub(super) fn packed(&self) -> Option<&[u8]> {
        self.packed.as_ref().map(|packed| packed.bytes.as_slice())
    }
}

/// Returns the timestamp for new events: the current time to the microsecond, the precision of every store.
pub fn append_time() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
