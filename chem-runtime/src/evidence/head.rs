//! The head of a run after each of its events, and the leaf of each event in the tree of the log.
//!
//! Each part is hashed with its length before it, as eight bytes, most significant first:
//!
//! - head(n) = SHA-256(`chem.event.v1`, head(n-1), flow id, position, name of the kind, payload), where the head before the
//!   first event is 32 zero bytes, the flow id is its text, the position has eight bytes, and the payload is its canonical
//!   JSON;
//! - leaf = SHA-256(0x00 ‖ leaf data), where the leaf data are the parts `chem.leaf.v1`, flow id, position, time, head(n).
//!   The time is the text with six digits after the second, such as `2026-11-23T21:34:12.982586Z`.
//!
//! The number of the event in the store is not hashed: it is not part of what the event says.

use super::hash::{Digest, push_part};
use crate::store::StoredEvent;

/// The head of a run that has no events yet.
pub const EMPTY_HEAD: Digest = Digest([0; 32]);

/// Returns the head of a run after `event`, where `before` is its head before it.
pub fn head_after(before: &Digest, event: &StoredEvent) -> Digest {
    let mut bytes = Vec::with_capacity(160 + event.payload.len());
    push_part(&mut bytes, b"chem.event.v1");
    push_part(&mut bytes, before.bytes());
    push_part(&mut bytes, event.flow_id.as_bytes());
    push_part(&mut bytes, &event.position.to_be_bytes());
    push_part(&mut bytes, event.event_type.as_bytes());
    push_part(&mut bytes, &event.payload);
    Digest::of(&bytes)
}

/// Returns the bytes whose RFC 6962 leaf hash is the leaf of `event`, where `head` is the head of its run after it.
pub fn leaf_data(event: &StoredEvent, head: &Digest) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(192);
    push_part(&mut bytes, b"chem.leaf.v1");
    push_part(&mut bytes, event.flow_id.as_bytes());
    push_part(&mut bytes, &event.position.to_be_bytes());
    push_part(&mut bytes, event.ts.as_bytes());
    push_part(&mut bytes, head.bytes());
    bytes
}

/// Returns the leaf of an event from its leaf data.
pub fn leaf_hash(data: &[u8]) -> Digest {
    let mut bytes = Vec::with_capacity(1 + data.len());
    bytes.push(0);
    bytes.extend_from_slice(data);
    Digest::of(&bytes)
}
