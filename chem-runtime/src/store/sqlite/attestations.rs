//! Stores attestations as rows, and reads the rows that they are about.

use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use super::SqliteEventStore;
use super::rows::{signed, text, unsigned};
use crate::event::FlowId;
use crate::store::{ArtifactRow, Attestation, Attestations, PersistenceError, Stray};

impl Attestations for SqliteEventStore {
    fn append_attestations(&self, new: &[Attestation]) -> Result<bool, PersistenceError> {
        let failed = self.failed("append to");
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        if !insert(&transaction, new).map_err(&failed)? {
            return Ok(false);
        }
        transaction.commit().map_err(failed)?;
        self.identity.expect_there(&self.path)?;
        Ok(true)
    }

    fn read_attestations(&self, from: u64, limit: usize) -> Result<Vec<Attestation>, PersistenceError> {
        self::from(&self.reading(), from, limit, self.failed("read"))
    }

    fn next_attestation(&self) -> Result<u64, PersistenceError> {
        next(&self.reading()).map_err(self.failed("read"))
    }

    fn newest_attestation(&self, kind: &str) -> Result<Option<Attestation>, PersistenceError> {
        newest(&self.reading(), kind, self.failed("read"))
    }

    fn first_attestation(&self, kind: &str, from: u64) -> Result<Option<Attestation>, PersistenceError> {
        first(&self.reading(), kind, from, self.failed("read"))
    }

    fn first_signed(&self, kind: &str, from: u64) -> Result<Option<Attestation>, PersistenceError> {
        first_signed(&self.reading(), kind, from, self.failed("read"))
    }

    fn attestations_about(&self, kind: &str, flow_id: FlowId) -> Result<Vec<Attestation>, PersistenceError> {
        about(&self.reading(), kind, flow_id, self.failed("read"))
    }

    fn artifacts_of(&self, events: &[u64]) -> Result<Vec<ArtifactRow>, PersistenceError> {
        artifacts_of(&self.reading(), events).map_err(self.failed("read"))
    }

    fn strays(&self, limit: usize) -> Result<Vec<Stray>, PersistenceError> {
        strays(&self.reading(), limit).map_err(self.failed("read"))
    }
}

/// Inserts attestations, if the first has the next number. Returns whether it did.
fn insert(transaction: &Transaction<'_>, new: &[Attestation]) -> rusqlite::Result<bool> {
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

fn next(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT coalesce(max(number) + 1, 0) FROM attestations")?
        .query_row([], |row| unsigned(row, 0))
}

/// The columns of an attestation, for [`attestation`].
macro_rules! select {
    ($of:literal) => {
        concat!("SELECT number, kind, flow_id, statement, signature, attested_at FROM attestations WHERE ", $of)
    };
}

fn from(
    connection: &Connection,
    number: u64,
    limit: usize,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Vec<Attestation>, PersistenceError> {
    let (from, limit) = (at_least(number), i64::try_from(limit).unwrap_or(i64::MAX));
    found(connection, select!("number >= ? ORDER BY number LIMIT ?"), [from, limit], failed)
}

fn newest(
    connection: &Connection,
    kind: &str,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Option<Attestation>, PersistenceError> {
    Ok(found(connection, select!("kind = ? ORDER BY number DESC LIMIT 1"), [kind], failed)?.pop())
}

fn first(
    connection: &Connection,
    kind: &str,
    from: u64,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Option<Attestation>, PersistenceError> {
    let sql = select!("kind = ? AND number >= ? ORDER BY number LIMIT 1");
    Ok(found(connection, sql, params![kind, at_least(from)], failed)?.pop())
}

fn first_signed(
    connection: &Connection,
    kind: &str,
    from: u64,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Option<Attestation>, PersistenceError> {
    let sql = select!("kind = ? AND number >= ? AND signature IS NOT NULL ORDER BY number LIMIT 1");
    Ok(found(connection, sql, params![kind, at_least(from)], failed)?.pop())
}

fn about(
    connection: &Connection,
    kind: &str,
    flow_id: FlowId,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Vec<Attestation>, PersistenceError> {
    let sql = select!("kind = ? AND flow_id = ? ORDER BY number");
    found(connection, sql, params![kind, flow_id.to_string()], failed)
}

fn found(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Vec<Attestation>, PersistenceError> {
    let mut statement = connection.prepare_cached(sql).map_err(&failed)?;
    let mut rows = statement.query(params).map_err(&failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        found.push(attestation(row, &failed)?);
    }
    Ok(found)
}

/// Returns a number for a comparison. One that exceeds SQLite's integers is above all.
fn at_least(number: u64) -> i64 {
    signed(number).unwrap_or(i64::MAX)
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

/// Returns the rows of the artifacts of these events, whose numbers ascend, in their order.
fn artifacts_of(connection: &Connection, events: &[u64]) -> rusqlite::Result<Vec<ArtifactRow>> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        "SELECT produced_in_seq, artifact_hash, metadata FROM workflow_step_artifacts
         WHERE produced_in_seq BETWEEN ? AND ? ORDER BY produced_in_seq, artifact_hash",
    )?;
    let mut rows = statement.query([signed(*first)?, signed(*last)?])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, metadata) = (unsigned(row, 0)?, row.get_ref(2)?.as_bytes_or_null()?);
        if events.binary_search(&seq).is_ok() {
            let metadata = metadata.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            found.push(ArtifactRow { seq, hash: text(row, 1)?, metadata });
        }
    }
    Ok(found)
}

/// Returns up to `limit` events that are before the first one which a reader gets, and artifacts without an event.
fn strays(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Stray>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut events = connection.prepare_cached(
        "SELECT seq, flow_id, position, event_type FROM event_log WHERE seq < 1 ORDER BY seq LIMIT ?",
    )?;
    let event = |row: &Row<'_>| {
        let (flow_id, event_type) = (text(row, 1)?, text(row, 3)?);
        Ok(Stray::Event { seq: row.get(0)?, flow_id, position: row.get(2)?, event_type })
    };
    let mut artifacts = connection.prepare_cached(
        "SELECT artifact_hash, produced_in_seq FROM workflow_step_artifacts
         WHERE NOT EXISTS (SELECT 1 FROM event_log WHERE seq = produced_in_seq) ORDER BY artifact_hash LIMIT ?",
    )?;
    let artifact = |row: &Row<'_>| Ok(Stray::Artifact { hash: text(row, 0)?, seq: row.get(1)? });
    events.query_map([limit], event)?.chain(artifacts.query_map([limit], artifact)?).collect()
}
