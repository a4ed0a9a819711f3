//! Events and artifacts as rows.

use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::store::StoreError;
use crate::store::admit::{Admitted, AdmittedArtifact, now};

/// The position that the next event of a run will have.
pub(super) fn next_position(connection: &Connection, flow_id: FlowId) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT coalesce(max(position) + 1, 0) FROM event_log WHERE flow_id = ?")?
        .query_row([flow_id.to_string()], |row| unsigned(row, 0))
}

/// Inserts the events from position `expected`, each with its artifacts.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    flow_id: FlowId,
    expected: u64,
    events: Vec<Admitted>,
) -> rusqlite::Result<()> {
    let mut insert_event = transaction
        .prepare_cached("INSERT INTO event_log (flow_id, position, ts, event_type, payload) VALUES (?, ?, ?, ?, ?)")?;
    let mut insert_artifact = transaction.prepare_cached(
        "INSERT INTO workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq)
         VALUES (?, ?, ?, ?, ?) ON CONFLICT (artifact_hash) DO NOTHING",
    )?;
    let (run, ts) = (flow_id.to_string(), format!("{:.6}", now()));
    for (position, Admitted { event_type, payload, artifacts, .. }) in (expected..).zip(events) {
        let seq = insert_event.insert(params![run, signed(position)?, ts, event_type, payload])?;
        for AdmittedArtifact { artifact, metadata } in artifacts {
            let (hash, kind) = (artifact.hash().to_string(), artifact.kind());
            insert_artifact.execute(params![hash, kind, artifact.payload_text(), metadata, seq])?;
        }
    }
    Ok(())
}

/// An event as its row has it.
pub(super) struct StoredEvent {
    seq: u64,
    flow_id: String,
    position: u64,
    ts: String,
    event_type: String,
    payload: String,
}

impl StoredEvent {
    /// Reads the six columns from `at`.
    pub(super) fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: unsigned(row, at)?,
            flow_id: row.get(at + 1)?,
            position: unsigned(row, at + 2)?,
            ts: row.get(at + 3)?,
            event_type: row.get(at + 4)?,
            payload: row.get(at + 5)?,
        })
    }

    /// The event, or which one it is that cannot be read.
    pub(super) fn decode(self) -> Result<FlowEvent, StoreError> {
        let Self { seq, flow_id, position, ts, event_type, payload } = self;
        let corrupt = |what: &str, found: &str| StoreError::Corrupt {
            reason: format!("event {position} of run `{flow_id}` has `{found}` as its {what}"),
        };
        let run: FlowId = flow_id.parse().map_err(|_| corrupt("run", &flow_id))?;
        let ts: Timestamp = ts.parse().map_err(|_| corrupt("time", &ts))?;
        let kind = FlowEventKind::from_stored(&event_type, &payload).map_err(|source| StoreError::Event {
            flow_id: run,
            position,
            source,
        })?;
        Ok(FlowEvent { seq, flow_id: run, position, ts, kind })
    }
}

fn unsigned(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(at)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(at, number))
}

/// A number as SQLite has it.
pub(super) fn signed(number: u64) -> rusqlite::Result<i64> {
    i64::try_from(number).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
