//! Stores artifacts as rows, and further copies of those whose first copy does not match its hash.
//!
//! If a hash is already present, the stored content is compared with the new artifact, and a further copy is stored if
//! the content is damaged. A new artifact, the usual case, costs only its row.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::artifact::{Artifact, ArtifactError};
use crate::fingerprint::ArtifactHash;
use crate::store::PersistenceError;
use crate::store::admit::AdmittedArtifact;
use crate::store::packed::unpacked;

/// A stored copy of an artifact, as bytes. The text in a damaged file may not be UTF-8.
pub(super) struct Copy {
    kind: Vec<u8>,
    payload: Option<Vec<u8>>,
    metadata: Option<Vec<u8>>,
    codec: Option<Vec<u8>>,
    packed: Option<Vec<u8>>,
}

/// The columns of a copy, as [`Copy::read`] takes them.
const COPY: &str = "kind, payload, metadata, codec, packed";

impl Copy {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let bytes = |at: usize| -> rusqlite::Result<Option<Vec<u8>>> {
            Ok(row.get_ref(at)?.as_bytes_or_null()?.map(<[u8]>::to_vec))
        };
        let kind = row.get_ref(0)?.as_bytes()?.to_vec();
        Ok(Self { kind, payload: bytes(1)?, metadata: bytes(2)?, codec: bytes(3)?, packed: bytes(4)? })
    }

    /// Returns the artifact if its content matches `hash`.
    pub(super) fn decode(self, hash: ArtifactHash) -> Result<Artifact, PersistenceError> {
        let corrupt = |reason: String| PersistenceError::Artifact(ArtifactError::Corrupt { hash, reason });
        let text =
            |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|error| corrupt(format!("it is not text: {error}")));
        let codec = self.codec.map(text).transpose()?;
        let payload = unpacked(self.payload, codec.as_deref(), self.packed.as_deref()).map_err(corrupt)?;
        let metadata = self.metadata.map(|bytes| serde_json::from_slice(&bytes)).transpose();
        let metadata = metadata.map_err(|error| corrupt(format!("its metadata is not JSON: {error}")))?;
        Artifact::from_stored(hash, &text(self.kind)?, &payload, metadata).map_err(PersistenceError::Artifact)
    }
}

/// Inserts an artifact of the event `seq`.
pub(super) fn insert(
    connection: &Connection,
    admitted: &AdmittedArtifact,
    seq: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let AdmittedArtifact { artifact, metadata, .. } = admitted;
    let mut insert = connection.prepare_cached(
        "INSERT INTO workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq, codec, packed)
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (artifact_hash) DO NOTHING",
    )?;
    let (hash, payload) = (artifact.hash().to_string(), admitted.plain());
    let stored = params![hash, artifact.kind(), payload, metadata, seq, admitted.codec(), admitted.packed()];
    if insert.execute(stored)? == 0 {
        repair(connection, admitted, now)?;
    }
    Ok(())
}

/// Stores a further copy of an artifact unless the store has a sound one. Returns whether it stored one.
pub(super) fn repair(connection: &Connection, admitted: &AdmittedArtifact, now: Timestamp) -> rusqlite::Result<bool> {
    let AdmittedArtifact { artifact, metadata, .. } = admitted;
    let (hash, kind, payload) = (artifact.hash().to_string(), artifact.kind(), admitted.plain());
    let (codec, packed) = (admitted.codec(), admitted.packed());
    let as_it_should_be: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM workflow_step_artifacts
                            WHERE artifact_hash = ? AND kind = ? AND payload IS ? AND codec IS ? AND packed IS ?
                              AND (metadata IS NULL OR json_valid(metadata)))",
        )?
        .query_row(params![hash, kind, payload, codec, packed], |row| row.get(0))?;
    if as_it_should_be {
        return Ok(false);
    }
    // A different spelling of the same value is also sound, and what another codec has packed.
    let sound = first_copy(connection, artifact.hash())?.is_some_and(|copy| copy.decode(artifact.hash()).is_ok());
    if sound || repaired(connection, artifact.hash())?.is_some() {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO artifact_repairs (artifact_hash, kind, payload, metadata, repaired_at, codec, packed)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![hash, kind, payload, metadata, format!("{now:.6}"), codec, packed])?;
    tracing::warn!(%hash, kind, "stored an artifact again: the stored copy was not what its name says");
    Ok(true)
}

/// Returns the copy that was stored first.
pub(super) fn first_copy(connection: &Connection, hash: ArtifactHash) -> rusqlite::Result<Option<Copy>> {
    connection
        .prepare_cached(&format!("SELECT {COPY} FROM workflow_step_artifacts WHERE artifact_hash = ?"))?
        .query_row([hash.to_string()], Copy::read)
        .optional()
}

/// Returns the newest sound copy of those stored by repairs.
pub(super) fn repaired(connection: &Connection, hash: ArtifactHash) -> rusqlite::Result<Option<Artifact>> {
    let mut copies = connection
        .prepare_cached(&format!("SELECT {COPY} FROM artifact_repairs WHERE artifact_hash = ? ORDER BY repair DESC"))?;
    let mut rows = copies.query([hash.to_string()])?;
    while let Some(row) = rows.next()? {
        if let Ok(artifact) = Copy::read(row)?.decode(hash) {
            return Ok(Some(artifact));
        }
    }
    Ok(None)
}
