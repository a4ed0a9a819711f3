//! What every store checks before it takes a batch.
//!
//! A store that could hold a value which another could not would make two logs differ, so no store decides for itself:
//! all of them write what [`admit`] hands them, and refuse what it refuses. Positions and transactions are each store's
//! own.

use jiff::Timestamp;

use super::{NewEvent, StoreError};
use crate::artifact::Artifact;
use crate::event::{FlowEventKind, FlowId};
use crate::fingerprint::{CanonicalError, CanonicalText, canonical_json};

/// An event that may be stored.
pub(super) struct Admitted {
    /// The name of its kind.
    pub(super) event_type: &'static str,
    /// Its payload as canonical JSON.
    pub(super) payload: String,
    /// The event as it reads back from that text, where it is not sure to read back as it is.
    pub(super) reads_back_as: Option<FlowEventKind>,
    /// The artifacts that land with it.
    pub(super) artifacts: Vec<AdmittedArtifact>,
}

/// An artifact that may be stored.
pub(super) struct AdmittedArtifact {
    /// The artifact, with its metadata as it reads back. The payload is canonical by construction.
    pub(super) artifact: Artifact,
    /// Its metadata as canonical JSON.
    pub(super) metadata: Option<String>,
}

/// The batch as it is to be stored.
///
/// # Errors
/// [`StoreError::Refused`] and [`StoreError::RefusedArtifact`] for what cannot be stored, with the path where it stands.
pub(super) fn admit(flow_id: FlowId, events: &[NewEvent]) -> Result<Vec<Admitted>, StoreError> {
    events.iter().map(|event| admit_one(flow_id, event)).collect()
}

/// Artifacts as they are to be stored by themselves.
///
/// # Errors
/// [`StoreError::RefusedArtifact`] for one that cannot be stored.
pub(super) fn admit_artifacts(artifacts: &[Artifact]) -> Result<Vec<AdmittedArtifact>, StoreError> {
    artifacts.iter().map(admit_artifact).collect()
}

fn admit_one(flow_id: FlowId, event: &NewEvent) -> Result<Admitted, StoreError> {
    let event_type = event.kind.event_type();
    let refused = |source| StoreError::Refused { flow_id, event_type, source };
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

fn admit_artifact(artifact: &Artifact) -> Result<AdmittedArtifact, StoreError> {
    let refused = |part, source| StoreError::RefusedArtifact { hash: artifact.hash(), part, source };
    canonical_json(&artifact.kind().into()).map_err(|source| refused("kind", source))?;
    let Some(metadata) = artifact.metadata() else {
        return Ok(AdmittedArtifact { artifact: artifact.clone(), metadata: None });
    };
    let text = canonical_json(metadata).map_err(|source| refused("metadata", source))?;
    let read = serde_json::from_str(&text)
        .map_err(|error| refused("metadata", CanonicalError::NotJson { reason: error.to_string() }))?;
    Ok(AdmittedArtifact { artifact: artifact.clone().with_metadata(read), metadata: Some(text) })
}

/// The time to store with an event: to the microsecond, which is as fine as every store holds it.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
