//! Stores attestations as rows.

use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use super::rows::{signed, text, unsigned};
use crate::event::FlowId;
use crate::store::{Attestation, PersistenceError};

/// Inserts attestations, if the first has the next number. Returns whether it did.
pub(super) fn insert(transaction: &Transaction<'_>, new: &[Attestation]) -> rusqlite::Result<bool> {
    let next = next(transaction)?;
    if !(next..).zip(new).all(|(number, new)| new.number == number) {
        return Ok(false);
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO attestations (number, kind, flow_id, statement, signature, attested_at) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    for Attestation { number, kind, flow_id, statement, signature, ts } in new {
        let (flow_id, ts) = (flow_id.map(|flow_id| flow_id.to_string()), format!("{ts:.6}"));
        insert.execute(params![signed(*number)?, kind, flow_id, statement, signature, ts])?;
    }
    Ok(true)
}

pub(super) fn next(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT coalesce(max(number) + 1, 0) FROM attestations")?
        .query_row([], |row| unsigned(row, 0))
}

pub(super) fn from(
    connection: &Connection,
    number: u64,
    limit: usize,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Vec<Attestation>, PersistenceError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT number, kind, flow_id, statement, signature, attested_at FROM attestations
             WHERE number >= ? ORDER BY number LIMIT ?",
        )
        .map_err(&failed)?;
    let (from, limit) = (signed(number).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    let mut rows = statement.query([from, limit]).map_err(&failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        found.push(attestation(row, &failed)?);
    }
    Ok(found)
}

pub(super) fn newest(
    connection: &Connection,
    kind: &str,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Option<Attestation>, PersistenceError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT number, kind, flow_id, statement, signature, attested_at FROM attestations
             WHERE kind = ? ORDER BY number DESC LIMIT 1",
        )
        .map_err(&failed)?;
    let mut rows = statement.query([kind]).map_err(&failed)?;
    rows.next().map_err(&failed)?.map(|row| attestation(row, &failed)).transpose()
}

fn attestation(
    row: &Row<'_>,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Attestation, PersistenceError> {
    let number = unsigned(row, 0).map_err(&failed)?;
    let optional = |at: usize| -> rusqlite::Result<Option<String>> {
        Ok(row.get_ref(at)?.as_bytes_or_null()?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    };
    let corrupt = |what: &str, found: &str| PersistenceError::Corrupt {
        reason: format!("attestation {number} has `{found}` as its {what}"),
    };
    let flow_id = optional(2).map_err(&failed)?;
    let flow_id = flow_id.map(|id| id.parse::<FlowId>().map_err(|_| corrupt("run", &id))).transpose()?;
    let ts = text(row, 5).map_err(&failed)?;
    let ts: Timestamp = ts.parse().map_err(|_| corrupt("time", &ts))?;
    let (kind, statement) = (text(row, 1).map_err(&failed)?, text(row, 3).map_err(&failed)?);
    Ok(Attestation { number, kind, flow_id, statement, signature: optional(4).map_err(&failed)?, ts })
}
