//! The log: appends to runs, reads runs, and follows all of them.

use std::thread;
use std::time::{Duration, Instant};

use super::{Cursor, Followed, PersistenceError, StoredEvent, Writer};
use crate::artifact::Artifact;
use crate::event::{FlowEvent, FlowEventKind, FlowId};

/// An event to append, with the artifacts it names, which are stored in the same transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The event's kind and payload.
    pub kind: FlowEventKind,
    /// The artifacts it produced. Those that the store already has a sound copy of are not stored again.
    pub artifacts: Vec<Artifact>,
}

impl From<FlowEventKind> for NewEvent {
    fn from(kind: FlowEventKind) -> Self {
        Self { kind, artifacts: Vec::new() }
    }
}

/// The events of runs. The positions of a run's events are contiguous from 0, and events never change.
pub trait EventLog: Send + Sync {
    /// Appends `events` to a run at the position `expected`, together with their artifacts, in one transaction. The
    /// positions of the events are contiguous from `expected`.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Fenced`] if the writer's lease has passed to another holder, or if the writer has no
    /// lease and the run is held; [`PersistenceError::Conflict`] if the run's next position is not `expected`, because
    /// another writer has appended; [`PersistenceError::Refused`] or [`PersistenceError::RefusedArtifact`] if an event or
    /// an artifact has no canonical form. Nothing is stored in any of these cases.
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError>;

    /// Returns the events of a run from `position` on, in order; an empty list if the run has no such position yet.
    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError>;

    /// Returns up to `limit` events after `cursor`, across all runs, in a total order every reader agrees on. The
    /// events of each run are in the order of their positions.
    ///
    /// A reader that continues at the returned cursor gets every event exactly once.
    ///
    /// # Errors
    /// Returns [`PersistenceError::NotInLog`] if the log is known not to contain `cursor`, and
    /// [`PersistenceError::Unreadable`] if the first event after `cursor` cannot be read. Events before an unreadable one
    /// are returned first.
    fn read_log(&self, cursor: Cursor, limit: usize) -> Result<Followed, PersistenceError>;

    /// Returns whether the events of all runs have an order that every reader agrees on. If not, [`read_log`](Self::read_log)
    /// refuses.
    fn is_ordered(&self) -> bool {
        true
    }

    /// Returns events like [`read_log`](Self::read_log). Blocks up to `wait` if there are none yet.
    fn follow(&self, cursor: Cursor, limit: usize, wait: Duration) -> Result<Followed, PersistenceError> {
        poll(wait, || self.read_log(cursor, limit), |read| !read.events.is_empty())
    }

    /// Returns events like [`read_log`](Self::read_log), as they are stored, each with the cursor after it. A store that
    /// overrides this also returns those that this release cannot interpret; the provided method fails for them.
    fn read_stored(&self, cursor: Cursor, limit: usize) -> Result<Vec<(StoredEvent, Cursor)>, PersistenceError> {
        let Followed { events, cursors, .. } = self.read_log(cursor, limit)?;
        events.iter().zip(cursors).map(|(event, after)| Ok((StoredEvent::of(event)?, after))).collect()
    }

    /// Returns the events of the run with this id whose positions are below `before`, in order, as they are stored; an
    /// empty list for a text that is no id.
    fn read_stored_run(&self, flow_id: &str, before: u64) -> Result<Vec<StoredEvent>, PersistenceError> {
        let Ok(flow_id) = flow_id.parse() else { return Ok(Vec::new()) };
        let events = self.read_run(flow_id, 0)?;
        events.iter().take_while(|event| event.position < before).map(StoredEvent::of).collect()
    }

    /// Returns the event of a run at `position`, or `None` if the run has no such position yet.
    fn read_event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, PersistenceError> {
        Ok(self.read_run(flow_id, position)?.into_iter().next())
    }

    /// Returns the position of the run's next event; 0 for an unknown run.
    fn next_position(&self, flow_id: FlowId) -> Result<u64, PersistenceError> {
        Ok(self.read_run(flow_id, 0)?.last().map_or(0, |last| last.position + 1))
    }

    /// Returns the cursor after the event of a run at `position`, or `None` if the run has no such position yet. A reader of the
    /// log may get the event later, if its transaction is still open. The provided method reads the log up to the event.
    fn cursor_after(&self, flow_id: FlowId, position: u64) -> Result<Option<Cursor>, PersistenceError> {
        const PAGE: usize = 1_000;
        let mut cursor = Cursor::START;
        loop {
            let page = self.read_log(cursor, PAGE)?;
            if page.events.is_empty() {
                return Ok(None);
            }
            let is_it = |event: &FlowEvent| (event.flow_id, event.position) == (flow_id, position);
            if let Some(at) = page.events.iter().position(is_it) {
                return Ok(page.cursors.get(at).copied());
            }
            cursor = page.cursor;
        }
    }

    /// Returns the greatest number of an event in the store; `None` if the store cannot tell. An event with a smaller number
    /// may reach readers of the log later, if its transaction is still open.
    fn newest_seq(&self) -> Result<Option<u64>, PersistenceError> {
        Ok(None)
    }

    /// Appends like [`append_as`](Self::append_as), without a lease.
    fn append(&self, flow_id: FlowId, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        self.append_as(flow_id.into(), expected, events)
    }
}

/// Calls `read` until `is_found` accepts its result or `wait` has elapsed, with increasing pauses. For stores whose
/// writers do not wake their readers.
pub(super) fn poll<T>(
    wait: Duration,
    mut read: impl FnMut() -> Result<T, PersistenceError>,
    is_found: impl Fn(&T) -> bool,
) -> Result<T, PersistenceError> {
    const LONGEST: Duration = Duration::from_millis(200);
    let begun = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        let found = read()?;
        let left = wait.saturating_sub(begun.elapsed());
        if is_found(&found) || left.is_zero() {
            return Ok(found);
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST);
    }
}
