//! A walk over the log, with the leaf of each event.

use std::collections::HashMap;

use super::hash::Digest;
use super::head::{EMPTY_HEAD, head_after, leaf_data, leaf_hash};
use crate::store::{Cursor, EventLog, PersistenceError, StoredEvent};

/// Reads the log in the order of [`EventLog::read_log`], and computes the head and the leaf of each event. Ends behind the events
/// that were there when it began, and those of its last page, so that it ends although others append faster than it reads.
pub struct Walk<'a> {
    log: &'a dyn EventLog,
    cursor: Cursor,
    /// The greatest number of an event when the walk began; `None` before that.
    newest: Option<u64>,
    heads: HashMap<String, Digest>,
}

/// An event with its hashes.
#[derive(Debug, Clone)]
pub struct Hashed {
    /// The event as it is stored.
    pub event: StoredEvent,
    /// The head of its run after it.
    pub head: Digest,
    /// Its leaf in the tree of the log.
    pub leaf: Digest,
}

impl<'a> Walk<'a> {
    /// The maximum number of events per call to the store.
    const PAGE: usize = 1_000;

    /// Begins a walk behind `cursor`.
    pub fn after(log: &'a dyn EventLog, cursor: Cursor) -> Self {
        Self { log, cursor, newest: None, heads: HashMap::new() }
    }

    /// Returns the cursor after the events that have been returned.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Returns the next events; an empty list at the end.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub fn next_page(&mut self) -> Result<Vec<Hashed>, PersistenceError> {
        let newest = match self.newest {
            Some(newest) => newest,
            None => *self.newest.insert(self.log.newest_seq()?.unwrap_or(u64::MAX)),
        };
        let mut read = self.log.read_stored(self.cursor, Self::PAGE)?;
        if read.iter().all(|(event, _)| event.seq > newest) {
            read.clear();
        }
        let mut page = Vec::with_capacity(read.len());
        for (event, after) in read {
            let before = self.head_before(&event)?;
            let head = head_after(&before, &event);
            match self.heads.get_mut(&event.flow_id) {
                Some(known) => *known = head,
                None => {
                    self.heads.insert(event.flow_id.clone(), head);
                }
            }
            let leaf = leaf_hash(&leaf_data(&event, &head));
            page.push(Hashed { event, head, leaf });
            self.cursor = after;
        }
        Ok(page)
    }

    /// Returns the head of the run before `event`. The events before the beginning of the walk are read for it.
    fn head_before(&self, event: &StoredEvent) -> Result<Digest, PersistenceError> {
        match self.heads.get(&event.flow_id) {
            Some(head) => Ok(*head),
            None if event.position == 0 => Ok(EMPTY_HEAD),
            None => {
                let earlier = self.log.read_stored_run(&event.flow_id, event.position)?;
                Ok(earlier.iter().fold(EMPTY_HEAD, |head, event| head_after(&head, event)))
            }
        }
    }
}
