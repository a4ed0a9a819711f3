//! The events of a run as lines of JSON.
//!
//! A line has the row of the event in the log, its index there, and its leaf in the tree of the log. The leaf follows from the
//! event and those before it; a reader compares the two, so that a changed line is found by itself.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::evidence::{Digest, EMPTY_HEAD, head_after, leaf_data, leaf_hash};
use crate::store::StoredEvent;

/// An event with its index in the log and its leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoggedEvent {
    pub(super) index: u64,
    pub(super) leaf: Digest,
    /// The row, with 0 in place of its number in the store, which is not part of what the event says.
    pub(super) event: StoredEvent,
}

/// The members of a line, in the order of canonical JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    event_type: String,
    flow_id: String,
    index: u64,
    leaf: String,
    #[serde(borrow)]
    payload: &'a RawValue,
    position: u64,
    ts: String,
}

/// A run: its id, and its events in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunLog {
    pub(super) run: String,
    pub(super) events: Vec<LoggedEvent>,
}

/// A line that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChangedLine {
    /// The index of the line, which is the position of its event.
    pub(super) position: usize,
    pub(super) reason: String,
}

impl RunLog {
    /// Returns the lines.
    pub(super) fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        for LoggedEvent { index, leaf, event } in &self.events {
            let payload: &RawValue = serde_json::from_slice(&event.payload)?;
            let (event_type, flow_id) = (event.event_type.clone(), event.flow_id.clone());
            let (index, position, ts, leaf) = (*index, event.position, event.ts.clone(), leaf.base64());
            let line = Line { event_type, flow_id, index, leaf, payload, position, ts };
            text.push_str(&serde_json::to_string(&line)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// Reads the lines of the run `run`. Returns its events up to the first line that cannot be read, and the first line that
    /// is not as it was written.
    pub(super) fn read(run: &str, text: &[u8]) -> (Self, Option<ChangedLine>) {
        let mut log = Self { run: run.to_owned(), events: Vec::new() };
        let (mut head, mut before, mut changed) = (EMPTY_HEAD, None, None);
        for (position, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let mut note = |reason: &str| {
                changed.get_or_insert_with(|| ChangedLine { position, reason: reason.to_owned() });
            };
            let line = line.strip_suffix(b"\n").unwrap_or_else(|| {
                note("the line has no end");
                line
            });
            let Ok(found) = serde_json::from_slice::<Line<'_>>(line) else {
                note("the line is not an event");
                break;
            };
            let Some(leaf) = Digest::from_base64(&found.leaf) else {
                note("the leaf is not a hash");
                break;
            };
            let is_written_so = serde_json::to_vec(&found).is_ok_and(|written| written == line);
            let Line { event_type, flow_id, index, payload, position: named, ts, .. } = found;
            let payload = payload.get().as_bytes().to_vec();
            let event = StoredEvent { seq: 0, flow_id, position: named, ts, event_type, payload };
            head = head_after(&head, &event);
            if event.flow_id != run || event.position != position as u64 {
                note("the event is not the one of this run and position");
            } else if leaf_hash(&leaf_data(&event, &head)) != leaf {
                note("the event does not have the leaf that was written beside it");
            } else if before.is_some_and(|before| before >= index) {
                note("the event is not after the one before it in the log");
            } else if !is_written_so {
                note("the line is spelled otherwise");
            }
            before = Some(index);
            log.events.push(LoggedEvent { index, leaf, event });
        }
        (log, changed)
    }

    /// Returns the head of the run after its first `events` events; `None` if it has fewer.
    pub(super) fn head_at(&self, events: u64) -> Option<Digest> {
        let events = self.events.get(..usize::try_from(events).ok()?)?;
        Some(events.iter().fold(EMPTY_HEAD, |head, logged| head_after(&head, &logged.event)))
    }

    /// Returns the rows of the events.
    pub(super) fn rows(&self) -> impl Iterator<Item = &StoredEvent> {
        self.events.iter().map(|logged| &logged.event)
    }
}
