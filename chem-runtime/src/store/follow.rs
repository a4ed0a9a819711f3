//! Follows the log of all runs, or of one run.

use std::time::Duration;

use super::log::poll;
use super::{Cursor, EventLog, PersistenceError};
use crate::event::{FlowEvent, FlowId};
use crate::flow::FlowStatus;

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
    store: &'a dyn EventLog,
    cursor: Cursor,
    read: std::vec::IntoIter<FlowEvent>,
}

impl<'a> Follower<'a> {
    /// The maximum number of events per call to the store.
    const BATCH: usize = 1000;
    /// How long one call to the store blocks. The next call follows immediately.
    const WAIT: Duration = Duration::from_secs(60);

    /// Creates a follower of the events in `store` after `cursor`.
    pub fn new(store: &'a dyn EventLog, cursor: Cursor) -> Self {
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
    store: &'a dyn EventLog,
    flow_id: FlowId,
    position: u64,
    status: Option<FlowStatus>,
}

impl<'a> RunFollower<'a> {
    /// Creates a follower that starts at the run's first event.
    pub fn new(store: &'a dyn EventLog, flow_id: FlowId) -> Self {
        Self { store, flow_id, position: 0, status: None }
    }

    /// Returns the events appended since the last call. Blocks up to `wait` if there are none yet.
    ///
    /// # Errors
    /// Fails like [`EventLog::read_run`]; the next call then starts at the same position.
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
