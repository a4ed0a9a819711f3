//! Converts events and artifacts to and from rows.

use rusqlite::{Connection, Row, Transaction, params};

use super::artifacts;
use crate::event::{EventAddress, FlowId};
use crate::store::admit::{Admitted, append_time};
use crate::store::summary::status_sql;
use crate::store::{StoredEvent, StoredResult};

/// Returns SQL for the name of a run's status, where `last` is the row of its last event.
pub(super) fn status_of_last() -> String {
    status_sql("last.event_type", |member| format!("last.payload ->> '$.{member}'"))
}

/// Returns the position of a run's next event.
pub(super) fn next_position(connection: &Connection, flow_id: FlowId) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT coalesce(max(position) + 1, 0) FROM event_log WHERE flow_id = ?")?
        .query_row([flow_id.to_string()], |row| unsigned(row, 0))
}

/// Returns the greatest number of an event; 0 if there is none.
pub(super) fn newest_seq(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("SELECT coalesce(max(seq), 0) FROM event_log")?.query_row([], |row| unsigned(row, 0))
}

/// Inserts the events from position `expected` on, each with its artifacts.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    flow_id: FlowId,
    expected: u64,
    events: &[Admitted],
) -> rusqlite::Result<()> {
    let mut insert_event = transaction
        .prepare_cached("INSERT INTO event_log (flow_id, position, ts, event_type, payload) VALUES (?, ?, ?, ?, ?)")?;
    let now = append_time();
    let (run, ts) = (flow_id.to_string(), format!("{now:.6}"));
    for (position, Admitted { event_type, payload, artifacts, .. }) in (expected..).zip(events) {
        let seq = insert_event.insert(params![run, signed(position)?, ts, event_type, payload])?;
        artifacts.iter().try_for_each(|admitted| artifacts::insert(transaction, admitted, seq, now))?;
    }
    Ok(())
}

/// Returns the event in the six columns that start at index `at`.
pub(super) fn stored_event(row: &Row<'_>, at: usize) -> rusqlite::Result<StoredEvent> {
    Ok(StoredEvent {
        seq: unsigned(row, at)?,
        flow_id: text(row, at + 1)?,
        position: unsigned(row, at + 2)?,
        ts: text(row, at + 3)?,
        event_type: text(row, at + 4)?,
        payload: row.get_ref(at + 5)?.as_bytes()?.to_vec(),
    })
}

/// Returns the location of a result from the columns seq, flow_id and position; `None` if the run's id is invalid.
pub(super) fn result(row: &Row<'_>) -> rusqlite::Result<Option<StoredResult>> {
    let (seq, position) = (unsigned(row, 0)?, unsigned(row, 2)?);
    let run = text(row, 1)?.parse().ok();
    Ok(run.map(|flow_id| StoredResult { seq, address: EventAddress { flow_id, position } }))
}

/// Returns a column's text with invalid UTF-8 replaced, to display or parse.
pub(super) fn text(row: &Row<'_>, at: usize) -> rusqlite::Result<String> {
    Ok(String::from_utf8_lossy(row.get_ref(at)?.as_bytes()?).into_owned())
}

/// Returns a column that cannot be negative: a count, a size or a position.
pub(super) fn unsigned(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(at)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(at, number))
}

/// Converts a number to SQLite's integer type.
pub(super) fn signed(number: u64) -> rusqlite::Result<i64> {
    i64::try_from(number).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
