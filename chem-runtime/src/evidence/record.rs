//! The attestations that a seal writes, and the digest over all attestations of a store.
//!
//! A seal appends `leaves`, with the leaves since the last one and the rows of the artifacts that were stored with these
//! events; `frontier`, from which the next seal continues; and `checkpoint`, which covers the others by their digest. The
//! leaves and the frontier only save work: an audit compares them with the root before it uses them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::error::EvidenceError;
use super::hash::{Digest, join, push_part, split};
use super::tree::Frontier;
use crate::store::{ArtifactRow, Attestation, Attestations, Cursor};

pub(super) const LEAVES: &str = "leaves";
pub(super) const FRONTIER: &str = "frontier";
pub(super) const CHECKPOINT: &str = "checkpoint";

/// The number of leaves in one attestation.
const LEAVES_EACH: usize = 8_192;

/// The digest of the attestations before the first.
pub(super) const EMPTY_RECORD: Digest = Digest([0; 32]);

/// Returns the digest of attestations after `attestation`, where `before` is that of the ones before it.
pub(super) fn record_after(before: &Digest, attestation: &Attestation) -> Digest {
    let Attestation { number, kind, flow_id, statement, signature, ts } = attestation;
    let mut bytes = Vec::with_capacity(256 + statement.len());
    push_part(&mut bytes, b"chem.attestation.v1");
    push_part(&mut bytes, before.bytes());
    push_part(&mut bytes, &number.to_be_bytes());
    push_part(&mut bytes, kind.as_bytes());
    push_part(&mut bytes, flow_id.map(|id| id.to_string()).unwrap_or_default().as_bytes());
    push_part(&mut bytes, statement.as_bytes());
    push_part(&mut bytes, signature.as_deref().unwrap_or_default().as_bytes());
    push_part(&mut bytes, format!("{ts:.6}").as_bytes());
    Digest::of(&bytes)
}

/// The statement of a `leaves` attestation.
#[derive(Debug, Serialize, Deserialize)]
struct LeavesText {
    first: u64,
    leaves: String,
    /// Missing in what early versions sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    artifacts: Option<Vec<(u64, String, Option<String>)>>,
}

/// Consecutive leaves, and the artifacts that were first stored with their events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaves {
    /// The index of the first.
    pub(super) first: u64,
    pub(super) leaves: Vec<Digest>,
    /// In the order of the events, and for each in that of the hashes; `None` if they are not sealed.
    pub(super) artifacts: Option<Vec<SealedArtifact>>,
}

/// What a seal keeps of the row of an artifact, whose hash covers its content alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SealedArtifact {
    /// The index of the event that the artifact was first stored with.
    pub(super) event: u64,
    pub(super) hash: String,
    /// The digest of the metadata.
    pub(super) metadata: Option<Digest>,
}

impl SealedArtifact {
    /// Returns what a seal keeps of `row`, whose event has the index `event`.
    pub(super) fn of(row: ArtifactRow, event: u64) -> Self {
        let metadata = row.metadata.map(|metadata| Digest::of(metadata.as_bytes()));
        Self { event, hash: row.hash, metadata }
    }
}

impl Leaves {
    /// Returns the leaves in the statement of an attestation; `None` if it is none of this program.
    pub(super) fn read(statement: &str) -> Option<Self> {
        let LeavesText { first, leaves, artifacts } = serde_json::from_str(statement).ok()?;
        let artifact = |(event, hash, metadata): (u64, String, Option<String>)| {
            let metadata = match metadata {
                Some(digest) => Some(Digest::from_base64(&digest)?),
                None => None,
            };
            Some(SealedArtifact { event, hash, metadata })
        };
        let artifacts = match artifacts {
            Some(artifacts) => Some(artifacts.into_iter().map(artifact).collect::<Option<_>>()?),
            None => None,
        };
        Some(Self { first, leaves: split(&leaves)?, artifacts })
    }

    /// Returns the statements of attestations with these leaves.
    fn statements(&self) -> impl Iterator<Item = String> {
        let mut artifacts = self.artifacts.as_deref().unwrap_or_default();
        (self.first..).step_by(LEAVES_EACH).zip(self.leaves.chunks(LEAVES_EACH)).map(move |(first, leaves)| {
            let end = first + leaves.len() as u64;
            let (these, rest) = artifacts.split_at(artifacts.partition_point(|artifact| artifact.event < end));
            artifacts = rest;
            let text = |it: &SealedArtifact| (it.event, it.hash.clone(), it.metadata.map(|digest| digest.base64()));
            let artifacts = self.artifacts.is_some().then(|| these.iter().map(text).collect());
            // A structure of numbers and texts.
            serde_json::json!(LeavesText { first, leaves: join(leaves), artifacts }).to_string()
        })
    }
}

/// The statement of a `frontier` attestation.
#[derive(Debug, Serialize, Deserialize)]
struct Resting {
    cursor: String,
    peaks: String,
    size: u64,
}

/// Where a seal ended: the tree, and the cursor behind its last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) tree: Frontier,
    pub(super) cursor: Cursor,
}

impl Rest {
    /// Reads the statement of an attestation; `None` if it is none of this program.
    pub(super) fn read(statement: &str) -> Option<Self> {
        let Resting { cursor, peaks, size } = serde_json::from_str(statement).ok()?;
        Some(Self { tree: Frontier::from_parts(size, split(&peaks)?)?, cursor: cursor.parse().ok()? })
    }
}

/// Returns the attestations of a seal before its checkpoint, and the checkpoint. `next` is the number of the first,
/// `record` the digest of those before it, `new` what the log has had since the last seal.
pub(super) fn of_seal(
    origin: &str,
    next: u64,
    record: Digest,
    new: &Leaves,
    rest: &Rest,
    ts: Timestamp,
) -> (Vec<Attestation>, Checkpoint) {
    let of = |number: u64, kind: &str, statement: String| Attestation {
        number,
        kind: kind.to_owned(),
        flow_id: None,
        statement,
        signature: None,
        ts,
    };
    let size = rest.tree.size();
    let mut statements: Vec<_> = new.statements().map(|statement| (LEAVES, statement)).collect();
    let resting = Resting { cursor: rest.cursor.to_string(), peaks: join(rest.tree.peaks()), size };
    statements.push((FRONTIER, serde_json::json!(resting).to_string()));
    let new: Vec<Attestation> =
        (next..).zip(statements).map(|(number, (kind, statement))| of(number, kind, statement)).collect();
    let record = new.iter().fold(record, |record, attestation| record_after(&record, attestation));
    let (origin, root, attestations) = (origin.to_owned(), rest.tree.root(), next + new.len() as u64);
    (new, Checkpoint { origin, size, root, attestations, record })
}

/// Appends an attestation with the next number. Its own number is ignored.
pub(super) fn append_next(attestations: &dyn Attestations, attestation: Attestation) -> Result<(), EvidenceError> {
    const ATTEMPTS: usize = 20;
    for _ in 0..ATTEMPTS {
        let number = attestations.next_attestation()?;
        if attestations.append_attestations(&[Attestation { number, ..attestation.clone() }])? {
            return Ok(());
        }
    }
    Err(EvidenceError::Busy)
}

/// Returns the attestation of a checkpoint, which has the number that it names.
pub(super) fn of_checkpoint(checkpoint: &Checkpoint, signature: Option<String>, ts: Timestamp) -> Attestation {
    let (kind, statement) = (CHECKPOINT.to_owned(), checkpoint.to_string());
    Attestation { number: checkpoint.attestations, kind, flow_id: None, statement, signature, ts }
}
