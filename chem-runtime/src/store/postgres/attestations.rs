//! Stores attestations as rows.

use tokio_postgres::Row;
use uuid::Uuid;

use super::Fault;
use super::rows::{Moment, signed};
use super::session::Session;
use crate::store::Attestation;

const ATTEST: &str = "SELECT store.chem_attest($1, $2, $3, $4, $5, $6)";
const NEXT: &str = "SELECT coalesce(max(number) + 1, 0) FROM store.attestations";
const FROM: &str = "SELECT number, kind, flow_id, statement, signature, attested_at FROM store.attestations
     WHERE number >= $1 ORDER BY number LIMIT $2";
const NEWEST: &str = "SELECT number, kind, flow_id, statement, signature, attested_at FROM store.attestations
     WHERE kind = $1 ORDER BY number DESC LIMIT 1";

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
