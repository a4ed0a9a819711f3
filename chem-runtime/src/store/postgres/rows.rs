//! Decodes rows into events.

use std::error::Error;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::fingerprint::canonical_json;
use crate::store::summary::status_sql;
use crate::store::{PersistenceError, StoredEvent};

/// The seconds from the start of 1970 to the start of 2000, PostgreSQL's epoch.
const EPOCH: i64 = 946_684_800;

/// A value of type `TIMESTAMPTZ`.
pub(super) struct Moment(pub(super) Timestamp);

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let microseconds = i64::from_be_bytes(raw.try_into()?);
        let since_1970 = microseconds.checked_add(EPOCH * 1_000_000).ok_or("the time is infinite")?;
        Ok(Self(Timestamp::from_microsecond(since_1970)?))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}

/// Decodes the event in the six columns from `at`: seq, flow_id, position, ts, event_type, payload as text.
pub(super) fn event(row: &Row, at: usize) -> Result<FlowEvent, PersistenceError> {
    let unreadable = |error: tokio_postgres::Error| PersistenceError::Corrupt {
        reason: format!("an event cannot be read: {error}"),
    };
    let seq: i64 = row.try_get(at).map_err(unreadable)?;
    let flow_id = FlowId::from(row.try_get::<_, Uuid>(at + 1).map_err(unreadable)?);
    let position = row.try_get::<_, i64>(at + 2).map_err(unreadable)?.unsigned_abs();
    let Moment(ts) = row.try_get(at + 3).map_err(|error| PersistenceError::Corrupt {
        reason: format!("event {position} of run {flow_id} has no time that can be read: {error}"),
    })?;
    let event_type: &str = row.try_get(at + 4).map_err(unreadable)?;
    let payload: &str = row.try_get(at + 5).map_err(unreadable)?;
    let kind = FlowEventKind::from_stored(event_type, payload).map_err(|source| PersistenceError::Event {
        flow_id,
        position,
        source,
    })?;
    Ok(FlowEvent { seq: seq.unsigned_abs(), flow_id, position, ts, kind })
}

/// Returns the event in the same columns as it is stored. JSONB changes the text of a payload, which is made canonical again.
pub(super) fn stored_event(row: &Row, at: usize) -> Result<StoredEvent, PersistenceError> {
    let unreadable =
        |error: &dyn Error| PersistenceError::Corrupt { reason: format!("an event cannot be read: {error}") };
    let column = |error: tokio_postgres::Error| unreadable(&error);
    let payload: &str = row.try_get(at + 5).map_err(column)?;
    let payload: serde_json::Value = serde_json::from_str(payload).map_err(|error| unreadable(&error))?;
    let payload = canonical_json(&payload).map_err(|error| unreadable(&error))?;
    let Moment(ts) = row.try_get(at + 3).map_err(column)?;
    Ok(StoredEvent {
        seq: row.try_get::<_, i64>(at).map_err(column)?.unsigned_abs(),
        flow_id: row.try_get::<_, Uuid>(at + 1).map_err(column)?.to_string(),
        position: u64::try_from(row.try_get::<_, i64>(at + 2).map_err(column)?).map_err(|error| unreadable(&error))?,
        ts: format!("{ts:.6}"),
        event_type: row.try_get(at + 4).map_err(column)?,
        payload: payload.into_bytes(),
    })
}

/// Returns SQL for the name of a run's status, where `last` is the row of its last event.
pub(super) fn status_of_last() -> String {
    status_sql("last.event_type", |member| format!("(last.payload -> '{member}') = 'true'::jsonb"))
}

/// Converts a number for PostgreSQL, which has no unsigned ones. Positions and event numbers are far below its maximum.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
