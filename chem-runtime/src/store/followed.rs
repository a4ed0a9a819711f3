//! Batches of events from the log of all runs.

use super::{Cursor, ErrorClass, PersistenceError, UnreadableEvent};
use crate::event::FlowEvent;

/// A batch of events and the cursors to continue from.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// The events, in the total order every reader agrees on.
    pub events: Vec<FlowEvent>,
    /// The cursor after each of `events`, at the same index.
    pub cursors: Vec<Cursor>,
    /// The cursor after all of `events`.
    pub cursor: Cursor,
}

impl Followed {
    /// Adds the event before `after`, if it could be read. Returns whether to continue reading: events before an
    /// unreadable one are delivered first.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Unreadable`] if the event cannot be read and is the first of the batch.
    pub fn push(
        &mut self,
        event: Result<FlowEvent, PersistenceError>,
        after: Cursor,
    ) -> Result<bool, PersistenceError> {
        match event {
            Ok(event) => {
                self.events.push(event);
                self.cursors.push(after);
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

    /// Returns a batch without events, read after `cursor`.
    pub fn none(cursor: Cursor) -> Self {
        Self { events: Vec::new(), cursors: Vec::new(), cursor }
    }

    /// Returns a batch read after `cursor` from a store that orders events by `seq` alone.
    pub fn by_seq(events: Vec<FlowEvent>, cursor: Cursor) -> Self {
        let cursors: Vec<Cursor> = events.iter().map(|event| Cursor { seq: event.seq, ..cursor }).collect();
        let cursor = cursors.last().copied().unwrap_or(cursor);
        Self { events, cursors, cursor }
    }
}
