//! The attestations that a seal writes, and the digest over all attestations of a store.
//!
//! A seal appends `leaves`, with the leaves since the last one; `frontier`, from which the next seal continues; and
//! `checkpoint`. Only the checkpoint is evidence. The others are convenience: an audit compares them with it before it
//! uses them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::hash::{Digest, join, push_part, split};
use super::tree::Frontier;
use crate::store::{Attestation, Cursor};

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
pub(super) struct Leaves {
    /// The index of the first.
    pub(super) first: u64,
    leaves: String,
}

impl Leaves {
    /// Returns the leaves in the statement of an attestation; `None` if it is none of this program.
    pub(super) fn read(statement: &str) -> Option<(u64, Vec<Digest>)> {
        let Self { first, leaves } = serde_json::from_str(statement).ok()?;
        Some((first, split(&leaves)?))
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
/// `record` the digest of those before it, `leaves` what the tree has had since the last seal.
pub(super) fn of_seal(
    origin: &str,
    next: u64,
    record: Digest,
    leaves: &[Digest],
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
    let mut first = size - leaves.len() as u64;
    let mut statements = Vec::new();
    for some in leaves.chunks(LEAVES_EACH) {
        // A structure of numbers and texts.
        let statement = serde_json::json!(Leaves { first, leaves: join(some) }).to_string();
        statements.push((LEAVES, statement));
        first += some.len() as u64;
    }
    let resting = Resting { cursor: rest.cursor.to_string(), peaks: join(rest.tree.peaks()), size };
    statements.push((FRONTIER, serde_json::json!(resting).to_string()));
    let new: Vec<Attestation> =
        (next..).zip(statements).map(|(number, (kind, statement))| of(number, kind, statement)).collect();
    let record = new.iter().fold(record, |record, attestation| record_after(&record, attestation));
    let (origin, root, attestations) = (origin.to_owned(), rest.tree.root(), next + new.len() as u64);
    (new, Checkpoint { origin, size, root, attestations, record })
}

/// Returns the attestation of a checkpoint, which has the number that it names.
pub(super) fn of_checkpoint(checkpoint: &Checkpoint, signature: Option<String>, ts: Timestamp) -> Attestation {
    let (kind, statement) = (CHECKPOINT.to_owned(), checkpoint.to_string());
    Attestation { number: checkpoint.attestations, kind, flow_id: None, statement, signature, ts }
}
