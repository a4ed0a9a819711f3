//! Stores artifacts as rows, and further copies of those whose first copy does not match its hash.
//!
//! If a hash is already present, the stored content is compared with the new artifact, and a further copy is stored if
//! the content is damaged. A new artifact, the usual case, costs only its row.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::SqliteEventStore;
use crate::artifact::{Artifact, ArtifactError};
use crate::fingerprint::ArtifactHash;
use crate::store::admit::{AdmittedArtifact, admit_artifacts, append_time, pack_artifacts};
use crate::store::packed::unpacked;
use crate::store::{ArtifactStore, PersistenceError};

impl ArtifactStore for SqliteEventStore {
    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError> {
        let failed = self.failed("read");
        // The guard lives until the end of the statement: decoding, which hashes, is left to the next one.
        let first = first_copy(&self.reading(), hash).map_err(&failed)?;
        match first.map(|copy| copy.decode(hash)) {
            Some(Ok(artifact)) => Ok(Some(artifact)),
            other => match repaired(&self.reading(), hash).map_err(failed)? {
                Some(artifact) => Ok(Some(artifact)),
                None => other.transpose(),
            },
        }
    }

    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError> {
        if !prefix.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Vec::new());
        }
        let failed = self.failed("read");
        let connection = self.reading();
        let mut statement = connection
            .prepare_cached(
                // Every hash with this prefix sorts before the prefix followed by `g`.
                "SELECT artifact_hash FROM workflow_step_artifacts
                 WHERE artifact_hash >= ?1 AND artifact_hash < ?1 || 'g' ORDER BY artifact_hash LIMIT ?2",
            )
            .map_err(&failed)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![prefix, limit]).map_err(&failed)?;
        let mut hashes = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let text: String = row.get(0).map_err(&failed)?;
            hashes.push(text.parse().map_err(|error| PersistenceError::Corrupt { reason: format!("{error}") })?);
        }
        Ok(hashes)
    }

    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError> {
        let (admitted, now) = (pack_artifacts(admit_artifacts(artifacts)?), append_time());
        let failed = self.failed("repair");
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let mut repaired = 0;
        for artifact in &admitted {
            repaired += u64::from(repair(&transaction, artifact, now).map_err(&failed)?);
        }
        transaction.commit().map_err(failed)?;
        Ok(repaired)
    }
}

/// A stored copy of an artifact, as bytes. The text in a damaged file may not be UTF-8.
struct Copy {
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
    fn decode(self, hash: ArtifactHash) -> Result<Artifact, PersistenceError> {
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
fn repair(connection: &Connection, admitted: &AdmittedArtifact, now: Timestamp) -> rusqlite::Result<bool> {
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
fn first_copy(connection: &Connection, hash: ArtifactHash) -> rusqlite::Result<Option<Copy>> {
    connection
        .prepare_cached(&format!("SELECT {COPY} FROM workflow_step_artifacts WHERE artifact_hash = ?"))?
        .query_row([hash.to_string()], Copy::read)
        .optional()
}

/// Returns the newest sound copy of those stored by repairs.
fn repaired(connection: &Connection, hash: ArtifactHash) -> rusqlite::Result<Option<Artifact>> {
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
