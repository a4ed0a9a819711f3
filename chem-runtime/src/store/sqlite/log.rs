//! Appends to the log and reads it.
//!
//! Appends of several threads share a commit, which waits for the disk once for all of them. Each of them is refused, or
//! stored as a whole, as if it were alone.

use std::sync::Arc;

use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::SqliteEventStore;
use super::lease::{self, LeaseError};
use super::rows::{self, newest_seq, next_position, signed};
use crate::event::{FlowEvent, FlowId};
use crate::store::admit::{admit, pack};
use crate::store::group::{Ticket, fail_all};
use crate::store::pending::Pending;
use crate::store::{Cursor, ErrorClass, EventLog, Followed, NewEvent, PersistenceError, StoredEvent, Writer};

impl EventLog for SqliteEventStore {
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        let pending = Pending::new(writer, expected, pack(admit(writer.flow_id(), events)?));
        self.writer.submit(pending, |batch| self.commit(batch))
    }

    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError> {
        let Ok(position) = signed(position) else { return Ok(Vec::new()) };
        let failed = self.failed("read");
        let connection = self.reading();
        let mut statement = connection
            .prepare_cached(
                "SELECT seq, flow_id, position, ts, event_type, payload FROM event_log
                 WHERE flow_id = ? AND position >= ? ORDER BY position",
            )
            .map_err(&failed)?;
        let mut rows = statement.query(params![flow_id.to_string(), position]).map_err(&failed)?;
        let mut events = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            events.push(rows::stored_event(row, 0).map_err(&failed)?.decode()?);
        }
        Ok(events)
    }

    fn read_log(&self, cursor: Cursor, limit: usize) -> Result<Followed, PersistenceError> {
        let mut followed = Followed::none(cursor);
        for (stored, after) in self.read_stored(cursor, limit)? {
            if !followed.push(stored.decode(), after)? {
                break;
            }
        }
        Ok(followed)
    }

    fn read_stored(&self, cursor: Cursor, limit: usize) -> Result<Vec<(StoredEvent, Cursor)>, PersistenceError> {
        // SQLite serialises writers, so the order of `seq` is the commit order.
        let failed = self.failed("read");
        let connection = self.reading();
        let mut statement = connection
            .prepare_cached(
                "SELECT seq, flow_id, position, ts, event_type, payload FROM event_log WHERE seq > ? ORDER BY seq LIMIT ?",
            )
            .map_err(&failed)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = signed(cursor.seq).unwrap_or(i64::MAX);
        let mut rows = statement.query([after, limit]).map_err(&failed)?;
        let mut stored = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let event = rows::stored_event(row, 0).map_err(&failed)?;
            let after = Cursor { seq: event.seq, ..cursor };
            stored.push((event, after));
        }
        Ok(stored)
    }

    fn read_stored_run(&self, flow_id: &str, before: u64) -> Result<Vec<StoredEvent>, PersistenceError> {
        let failed = self.failed("read");
        let connection = self.reading();
        let mut statement = connection
            .prepare_cached(
                "SELECT seq, flow_id, position, ts, event_type, payload FROM event_log
                 WHERE flow_id = ? AND position < ? ORDER BY position",
            )
            .map_err(&failed)?;
        let before = signed(before).unwrap_or(i64::MAX);
        let stored =
            statement.query_map(params![flow_id, before], |row| rows::stored_event(row, 0)).map_err(&failed)?;
        stored.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    fn read_event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, PersistenceError> {
        // No run reaches a position that exceeds SQLite's integers.
        let Ok(position) = signed(position) else { return Ok(None) };
        let stored = self
            .reading()
            .prepare_cached(
                "SELECT seq, flow_id, position, ts, event_type, payload FROM event_log WHERE flow_id = ? AND position = ?",
            )
            .and_then(|mut statement| {
                statement.query_row(params![flow_id.to_string(), position], |row| rows::stored_event(row, 0)).optional()
            })
            .map_err(self.failed("read"))?;
        stored.map(StoredEvent::decode).transpose()
    }

    fn next_position(&self, flow_id: FlowId) -> Result<u64, PersistenceError> {
        next_position(&self.reading(), flow_id).map_err(self.failed("read"))
    }

    fn cursor_after(&self, flow_id: FlowId, position: u64) -> Result<Option<Cursor>, PersistenceError> {
        Ok(self.read_event(flow_id, position)?.map(|event| Cursor { seq: event.seq, ..Cursor::START }))
    }

    fn newest_seq(&self) -> Result<Option<u64>, PersistenceError> {
        newest_seq(&self.reading()).map(Some).map_err(self.failed("read"))
    }
}

impl SqliteEventStore {
    /// Commits a batch and reports the result to each of its callers.
    fn commit(&self, batch: &[Arc<Ticket>]) {
        match self.commit_together(batch) {
            Ok(results) => {
                // The file may have been replaced while the transaction ran.
                let is_there = || self.identity.expect_there(&self.path);
                batch.iter().zip(results).for_each(|(ticket, result)| ticket.done(result.and_then(|()| is_there())));
            }
            // The error may concern one append only; the others must not fail because of it.
            Err(error) if error.class() != ErrorClass::Transient && batch.len() > 1 => {
                batch.iter().for_each(|ticket| self.commit(std::slice::from_ref(ticket)));
            }
            Err(error) => fail_all(batch.iter(), error),
        }
    }

    /// Commits all appends of a batch but those that are refused. Returns the result of each.
    fn commit_together(&self, batch: &[Arc<Ticket>]) -> Result<Vec<Result<(), PersistenceError>>, PersistenceError> {
        let failed = self.failed("append to");
        let mut connection = self.connection();
        // Takes the write lock before reading positions, so no other writer can append in between.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let mut results = Vec::with_capacity(batch.len());
        for ticket in batch {
            results.push(match append(&transaction, &ticket.pending) {
                Ok(()) => Ok(()),
                Err(LeaseError::Store(refusal)) => Err(refusal),
                Err(LeaseError::Sqlite(error)) => return Err(failed(error)),
            });
        }
        transaction.commit().map_err(failed)?;
        Ok(results)
    }
}

/// Appends the events of one run, unless they are refused. A refused append writes nothing.
fn append(transaction: &Transaction<'_>, pending: &Pending) -> Result<(), LeaseError> {
    let Pending { flow_id, expected, .. } = *pending;
    let recorded = lease::read(transaction, flow_id)?;
    let new = pending.writer().check(expected, recorded.as_ref())?;
    let found = next_position(transaction, flow_id)?;
    if found != expected {
        return Err(PersistenceError::Conflict { flow_id, expected, found }.into());
    }
    if let Some(lease) = new {
        lease::record(transaction, lease)?;
    }
    Ok(rows::insert(transaction, flow_id, expected, &pending.events)?)
}
