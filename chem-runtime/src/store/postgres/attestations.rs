//! Stores attestations as rows, and reads the rows that they are about.

use std::collections::HashMap;

use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Fault;
use super::rows::{Moment, signed};
use super::session::Session;
use crate::event::FlowId;
use crate::fingerprint::canonical_json;
use crate::store::{ArtifactRow, Attestation, Stray};

const ATTEST: &str = "SELECT store.chem_attest($1, $2, $3, $4, $5, $6)";
const NEXT: &str = "SELECT coalesce(max(number) + 1, 0) FROM store.attestations";
const FROM: &str = "SELECT number, kind, flow_id, statement, signature, attested_at FROM store.attestations
     WHERE number >= $1 ORDER BY number LIMIT $2";
const NEWEST: &str = "SELECT number, kind, flow_id, statement, signature, attested_at FROM store.attestations
     WHERE kind = $1 ORDER BY number DESC LIMIT 1";
const FIRST: &str = "SELECT number, kind, flow_id, statement, signature, attested_at FROM store.attestations
     WHERE kind = $1 AND number >= $2 ORDER BY number LIMIT 1";
const FIRST_SIGNED: &str = "SELECT number, kind, flow_id, statement, signature, attested_at FROM store.attestations
     WHERE kind = $1 AND number >= $2 AND signature IS NOT NULL ORDER BY number LIMIT 1";
const ABOUT: &str = "SELECT number, kind, flow_id, statement, signature, attested_at FROM store.attestations
     WHERE kind = $1 AND flow_id = $2 ORDER BY number";

const ARTIFACTS_OF: &str = "SELECT produced_in_seq, artifact_hash, metadata::text FROM store.workflow_step_artifacts
     WHERE produced_in_seq = ANY($1) ORDER BY produced_in_seq, artifact_hash COLLATE \"C\"";

/// The events that the query in `follow.rs` never returns: those below every era, the one before the beginning of the order,
/// and in the current era those of transactions that have not begun.
const STRAY_EVENTS: &str = "
     WITH eras AS MATERIALIZED (
         SELECT coalesce(min(first_seq), 9223372036854775807) AS first_seq,
                coalesce((array_agg(first_seq ORDER BY era DESC))[1], 9223372036854775807) AS current
         FROM store.delivery_eras
     )
     SELECT seq, flow_id::text, position, event_type FROM store.event_log
     WHERE seq < (SELECT first_seq FROM eras)
     UNION
     SELECT seq, flow_id::text, position, event_type FROM store.event_log WHERE seq = 0 AND xact = '0'::xid8
     UNION
     SELECT seq, flow_id::text, position, event_type FROM store.event_log
     WHERE xact >= pg_snapshot_xmax(pg_current_snapshot()) AND seq >= (SELECT current FROM eras)
     ORDER BY seq LIMIT $1";

const STRAY_ARTIFACTS: &str = "SELECT artifact_hash, produced_in_seq FROM store.workflow_step_artifacts
     WHERE NOT EXISTS (SELECT FROM store.event_log WHERE seq = produced_in_seq)
     ORDER BY artifact_hash COLLATE \"C\" LIMIT $1";

/// Appends attestations, if the first has the next number. Returns whether it did.
pub(super) fn append(session: &mut Session, new: &[Attestation]) -> Result<bool, Fault> {
    if new.is_empty() {
        return Ok(true);
    }
    let statement = session.prepared(ATTEST)?;
    let numbers: Vec<i64> = new.iter().map(|new| signed(new.number)).collect();
    let kinds: Vec<&str> = new.iter().map(|new| new.kind.as_str()).collect();
    let runs: Vec<Option<Uuid>> = new.iter().map(|new| new.flow_id.map(|run| run.as_uuid())).collect();
    let statements: Vec<&str> = new.iter().map(|new| new.statement.as_str()).collect();
    let signatures: Vec<Option<&str>> = new.iter().map(|new| new.signature.as_deref()).collect();
    let times: Vec<String> = new.iter().map(|new| format!("{:.6}", new.ts)).collect();
    let row = session.query_one(&statement, &[&numbers, &kinds, &runs, &statements, &signatures, &times])?;
    Ok(row.try_get(0)?)
}

pub(super) fn next(session: &mut Session) -> Result<u64, Fault> {
    let statement = session.prepared(NEXT)?;
    Ok(session.query_one(&statement, &[])?.try_get::<_, i64>(0)?.unsigned_abs())
}

pub(super) fn from(session: &mut Session, number: u64, limit: usize) -> Result<Vec<Attestation>, Fault> {
    let (statement, limit) = (session.prepared(FROM)?, i64::try_from(limit).unwrap_or(i64::MAX));
    session.query(&statement, &[&signed(number), &limit])?.iter().map(attestation).collect()
}

pub(super) fn newest(session: &mut Session, kind: &str) -> Result<Option<Attestation>, Fault> {
    let statement = session.prepared(NEWEST)?;
    session.query_opt(&statement, &[&kind])?.as_ref().map(attestation).transpose()
}

pub(super) fn first(session: &mut Session, kind: &str, from: u64) -> Result<Option<Attestation>, Fault> {
    let statement = session.prepared(FIRST)?;
    session.query_opt(&statement, &[&kind, &signed(from)])?.as_ref().map(attestation).transpose()
}

pub(super) fn first_signed(session: &mut Session, kind: &str, from: u64) -> Result<Option<Attestation>, Fault> {
    let statement = session.prepared(FIRST_SIGNED)?;
    session.query_opt(&statement, &[&kind, &signed(from)])?.as_ref().map(attestation).transpose()
}

pub(super) fn about(session: &mut Session, kind: &str, flow_id: FlowId) -> Result<Vec<Attestation>, Fault> {
    let statement = session.prepared(ABOUT)?;
    session.query(&statement, &[&kind, &flow_id.as_uuid()])?.iter().map(attestation).collect()
}

fn attestation(row: &Row) -> Result<Attestation, Fault> {
    let Moment(ts) = row.try_get(5)?;
    Ok(Attestation {
        number: row.try_get::<_, i64>(0)?.unsigned_abs(),
        kind: row.try_get(1)?,
        flow_id: row.try_get::<_, Option<Uuid>>(2)?.map(Into::into),
        statement: row.try_get(3)?,
        signature: row.try_get(4)?,
        ts,
    })
}

/// Returns the rows of the artifacts of these events, in the order of their numbers.
pub(super) fn artifacts_of(session: &mut Session, events: &[u64]) -> Result<Vec<ArtifactRow>, Fault> {
    let (statement, seqs) =
        (session.prepared(ARTIFACTS_OF)?, events.iter().map(|seq| signed(*seq)).collect::<Vec<_>>());
    let row = |row: &Row| {
        // JSONB changes the text, which is made canonical again.
        let canonical = |text: String| {
            serde_json::from_str(&text).ok().and_then(|value: Value| canonical_json(&value).ok()).unwrap_or(text)
        };
        Ok(ArtifactRow {
            seq: row.try_get::<_, i64>(0)?.unsigned_abs(),
            hash: row.try_get(1)?,
            metadata: row.try_get::<_, Option<String>>(2)?.map(canonical),
        })
    };
    let mut rows: Vec<ArtifactRow> =
        session.query(&statement, &[&seqs])?.iter().map(row).collect::<Result<_, Fault>>()?;
    // The order of a log that was moved is not that of the numbers.
    let places: HashMap<u64, usize> = events.iter().copied().zip(0..).collect();
    rows.sort_by_key(|row| places.get(&row.seq).copied());
    Ok(rows)
}

/// Returns up to `limit` events that no reader of the log gets, and artifacts without an event.
pub(super) fn strays(session: &mut Session, limit: usize) -> Result<Vec<Stray>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let event = |row: &Row| {
        let (flow_id, event_type) = (row.try_get(1)?, row.try_get(3)?);
        Ok(Stray::Event { seq: row.try_get(0)?, flow_id, position: row.try_get(2)?, event_type })
    };
    let statement = session.prepared(STRAY_EVENTS)?;
    let mut found: Vec<Stray> =
        session.query(&statement, &[&limit])?.iter().map(event).collect::<Result<_, Fault>>()?;
    let statement = session.prepared(STRAY_ARTIFACTS)?;
    for row in &session.query(&statement, &[&limit])? {
        found.push(Stray::Artifact { hash: row.try_get(0)?, seq: row.try_get(1)? });
    }
    Ok(found)
}
