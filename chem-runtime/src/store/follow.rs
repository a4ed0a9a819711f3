//! Follows the log of all runs, or of one run.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ErrorClass, EventStore, PersistenceError};
use crate::event::{FlowEvent, FlowId};
use crate::flow::FlowStatus;

/// A reader's position in the log of a store.
///
/// The text form can be saved. It is valid for the store that returned it, even after a dump and restore or a failover.
/// A store restored to an earlier point in time has lost the events after it and reuses their numbers. A PostgreSQL
/// store then rejects a cursor that is not in its log; it fails to detect one only if a new event has both the number
/// and the transaction of the lost event. An SQLite file records only numbers, so after restoring one, start over or
/// use a cursor from before that point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor {
    /// The number of times the store had been moved.
    pub(super) era: u64,
    /// The transaction of the last event that was read.
    pub(super) xact: u64,
    /// The number of that event in the store's global order.
    pub(super) seq: u64,
}

impl Cursor {
    /// The position before the first event.
    pub const START: Self = Self { era: 0, xact: 0, seq: 0 };
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.era, self.xact, self.seq)
    }
}

/// The text is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cursor; use one that this program has printed")]
pub struct InvalidCursor(String);

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut numbers = text.split('-').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(era)), Some(Ok(xact)), Some(Ok(seq)), None) => Ok(Self { era, xact, seq }),
            _ => Err(InvalidCursor(text.to_owned())),
        }
    }
}

/// A batch of events and the cursors to continue from.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// The events, in the total order every reader agrees on.
    pub events: Vec<FlowEvent>,
    /// The cursor after each of `events`, at the same index.
    pub places: Vec<Cursor>,
    /// The cursor after all of `events`.
    pub cursor: Cursor,
}

impl Followed {
    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Adds the event before `after`, if it could be read. Returns whether to continue reading: events before an
    /// unreadable one are delivered first.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Unreadable`] if the event cannot be read and is the first of the batch.
    pub(super) fn take(
        &mut self,
        event: Result<FlowEvent, PersistenceError>,
        after: Cursor,
    ) -> Result<bool, PersistenceError> {
        match event {
            Ok(event) => {
                self.events.push(event);
                self.places.push(after);
                self.cursor = after;
                Ok(true)
            }
            Err(error) if error.class() != ErrorClass::Corrupt => Err(error),
            Err(error) if self.events.is_empty() => {
                Err(PersistenceError::Unreadable(UnreadableEvent::new(after, error)))
            }
            Err(_) => Ok(false),
        }
    }

    /// Returns a batch read after `cursor` from a store that orders events by `seq` alone.
    pub(super) fn by_number(events: Vec<FlowEvent>, cursor: Cursor) -> Self {
        let places: Vec<Cursor> = events.iter().map(|event| Cursor { seq: event.seq, ..cursor }).collect();
        let cursor = places.last().copied().unwrap_or(cursor);
        Self { events, places, cursor }
    }
}

/// An event that cannot be read, and the cursor after it.
#[derive(Debug)]
pub struct UnreadableEvent {
    after: Cursor,
    error: Box<PersistenceError>,
}

impl UnreadableEvent {
    fn new(after: Cursor, error: PersistenceError) -> Self {
        Self { after, error: Box::new(error) }
    }

    /// Returns the cursor after the event, from which to continue reading.
    pub fn after(&self) -> Cursor {
        self.after
    }

    /// Returns why the event cannot be read.
    pub fn error(&self) -> &PersistenceError {
        &self.error
    }
}

impl fmt::Display for UnreadableEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for UnreadableEvent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Iterates over the events of all runs after a cursor. Never ends: blocks until the next event is appended.
///
/// ```
/// use chem_runtime::event::{FlowEventKind, FlowId, StepSignal};
/// use chem_runtime::store::{Cursor, EventStore, Follower, InMemoryEventStore};
///
/// let store = InMemoryEventStore::new();
/// let (step_id, signal) = ("a".to_owned(), "note".to_owned());
/// let note = StepSignal { step_id, step_index: 0, signal, data: 1.into() };
/// store.append_kind(FlowId::new(), FlowEventKind::StepSignal(note))?;
/// let first = Follower::new(&store, Cursor::START).next().unwrap()?;
/// assert_eq!(first.position, 0);
/// # Ok::<_, chem_runtime::store::PersistenceError>(())
/// ```
pub struct Follower<'a> {
    store: &'a dyn EventStore,
    cursor: Cursor,
    read: std::vec::IntoIter<FlowEvent>,
}

impl<'a> Follower<'a> {
    /// The maximum number of events per call to the store.
    const BATCH: usize = 1000;
    /// How long one call to the store blocks. The next call follows immediately.
    const WAIT: Duration = Duration::from_secs(60);

    /// Creates a follower of the events in `store` after `cursor`.
    pub fn new(store: &'a dyn EventStore, cursor: Cursor) -> Self {
        Self { store, cursor, read: Vec::new().into_iter() }
    }
}

impl Iterator for Follower<'_> {
    type Item = Result<FlowEvent, PersistenceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.read.next() {
                return Some(Ok(event));
            }
            match self.store.follow(self.cursor, Self::BATCH, Self::WAIT) {
                Ok(followed) => {
                    self.cursor = followed.cursor;
                    self.read = followed.events.into_iter();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Follows the events of one run, returning each exactly once.
///
/// ```
/// use std::time::Duration;
///
/// use chem_runtime::event::{FlowEventKind, FlowId, StepSignal};
/// use chem_runtime::store::{EventStore, InMemoryEventStore, RunFollower};
///
/// let (store, run) = (InMemoryEventStore::new(), FlowId::new());
/// let (step_id, signal) = ("a".to_owned(), "note".to_owned());
/// let note = FlowEventKind::StepSignal(StepSignal { step_id, step_index: 0, signal, data: 1.into() });
/// let mut follower = RunFollower::new(&store, run);
/// for position in 0..3 {
///     store.append_kind(run, note.clone())?;
///     assert_eq!(follower.read(Duration::ZERO)?[0].position, position);
/// }
/// # Ok::<_, chem_runtime::store::PersistenceError>(())
/// ```
pub struct RunFollower<'a> {
    store: &'a dyn EventStore,
    flow_id: FlowId,
    position: u64,
    status: Option<FlowStatus>,
}

impl<'a> RunFollower<'a> {
    /// Creates a follower that starts at the run's first event.
    pub fn new(store: &'a dyn EventStore, flow_id: FlowId) -> Self {
        Self { store, flow_id, position: 0, status: None }
    }

    /// Returns the events appended since the last call. Blocks up to `wait` if there are none yet.
    ///
    /// # Errors
    /// Fails like [`EventStore::read_run`]; the next call then starts at the same position.
    pub fn read(&mut self, wait: Duration) -> Result<Vec<FlowEvent>, PersistenceError> {
        let events = poll(wait, || self.store.read_run(self.flow_id, self.position), |events| !events.is_empty())?;
        if let Some(last) = events.last() {
            self.position = last.position + 1;
            self.status = Some(last.kind.status_after());
        }
        Ok(events)
    }

    /// Returns the position of the next event to read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns whether the run has completed or failed, according to the events read so far. A run that waits for a
    /// person has not ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.status, Some(FlowStatus::Completed | FlowStatus::Failed))
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
    let begun = std::time::Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        let found = read()?;
        let left = wait.saturating_sub(begun.elapsed());
        if is_found(&found) || left.is_zero() {
            return Ok(found);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_from_its_text_and_from_no_other() {
        let cursor = Cursor { era: 1, xact: 735, seq: u64::MAX };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "1-2", "1-2-x", "1-2-3-4", "1--2"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
