//! Appends to one run or several with a single statement: one round trip and one commit.

use serde::Deserialize;
use tokio_postgres::Row;
use uuid::Uuid;

use super::artifacts::{self, Columns, Others};
use super::client::Parameters;
use super::error::{CONFLICT, FENCED};
use super::rows::signed;
use super::session::Session;
use crate::event::FlowId;
use crate::store::pending::Pending;
use crate::store::{Holder, PersistenceError};

const APPEND_TO_RUN: &str = "SELECT store.chem_append_to_run($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
/// Writes a message that nothing reads, so that the transaction has a commit, which waits for standbys.
const SETTLE: &str = "SELECT pg_logical_emit_message(true, 'chem', '')";
const APPEND_TO_RUNS: &str = "SELECT store.chem_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// Why nothing was appended.
pub(super) enum Failure {
    /// The database refused some of the runs; the others can still be appended.
    Refused(Vec<Refusal>),
    /// The database failed.
    Database(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

/// A run that the database refused.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Refusal {
    pub(super) flow_id: FlowId,
    /// The run's next position; `None` if the writer was fenced.
    #[serde(default)]
    pub(super) found: Option<u64>,
    /// The lease holder, if the writer was fenced.
    #[serde(default)]
    pub(super) holder: Option<Holder>,
}

impl Refusal {
    /// Returns the error for a writer that expected the run at `expected`.
    pub(super) fn error(&self, expected: u64) -> PersistenceError {
        let flow_id = self.flow_id;
        match self.found {
            Some(found) => PersistenceError::Conflict { flow_id, expected, found },
            None => PersistenceError::Fenced { flow_id, holder: self.holder.clone() },
        }
    }
}

/// Appends to all runs of the batch, which must be distinct, or to none. Returns the artifacts to look at.
pub(super) fn append(session: &mut Session, batch: &[&Pending]) -> Result<Others, Failure> {
    let placed = artifacts::in_order(batch.iter().flat_map(|pending| &pending.events));
    let artifacts = Columns::of(placed.iter());
    let others = if let [pending] = batch {
        let statement = session.prepared(APPEND_TO_RUN)?;
        append_to_run(pending, &artifacts, |parameters| session.query_one(&statement, parameters))?
    } else {
        append_to_runs(session, batch, &artifacts)?
    };
    settle_if_warned(session)?;
    Ok(others)
}

/// Appends to one run what is too large for one statement: first the events, then the artifacts, in one transaction.
/// Returns the artifacts to look at.
pub(super) fn append_large(session: &mut Session, pending: &Pending) -> Result<Others, Failure> {
    let append = session.prepared(APPEND_TO_RUN)?;
    let append_artifacts = session.prepared(artifacts::APPEND)?;
    let mut transaction = session.transaction()?;
    let none = Columns::of([].iter());
    append_to_run(pending, &none, |parameters| transaction.query_one(&append, parameters))?;
    let others = artifacts::append_in_pieces(&mut transaction, &append_artifacts, pending)?;
    transaction.commit()?;
    settle_if_warned(session)?;
    Ok(others)
}

/// The server warns if its wait for a standby was canceled; the commit may then be on this server only.
fn settle_if_warned(session: &mut Session) -> Result<(), Failure> {
    if session.was_warned() {
        settle(session)?;
    }
    Ok(())
}

/// Waits until every earlier commit is where the server's settings require it: on its disk, and on its standbys.
///
/// A commit whose writer stopped waiting for standbys is visible to others before the standbys have it.
pub(super) fn settle(session: &mut Session) -> Result<(), tokio_postgres::Error> {
    let statement = session.prepared(SETTLE)?;
    session.execute(&statement, &[]).map(drop)
}

fn append_to_run(
    pending: &Pending,
    artifacts: &Columns<'_>,
    execute: impl FnOnce(&Parameters<'_>) -> Result<Row, tokio_postgres::Error>,
) -> Result<Others, Failure> {
    let types: Vec<&str> = pending.events.iter().map(|event| event.event_type).collect();
    let payloads: Vec<&str> = pending.events.iter().map(|event| event.payload.as_str()).collect();
    let told = execute(&[
        &pending.flow_id.as_uuid(),
        &signed(pending.expected),
        &pending.epoch(),
        &pending.new_holder(),
        &types,
        &payloads,
        &artifacts.events,
        &artifacts.hashes,
        &artifacts.kinds,
        &artifacts.payloads,
        &artifacts.metadatas,
        &artifacts.codecs,
        &artifacts.packed,
    ]);
    others(told)
}

fn append_to_runs(session: &mut Session, batch: &[&Pending], artifacts: &Columns<'_>) -> Result<Others, Failure> {
    let statement = session.prepared(APPEND_TO_RUNS)?;
    let run_ids: Vec<Uuid> = batch.iter().map(|pending| pending.flow_id.as_uuid()).collect();
    let run_expected: Vec<i64> = batch.iter().map(|pending| signed(pending.expected)).collect();
    // Without leases in the batch, the database skips their lookup.
    let leased = batch.iter().any(|pending| pending.lease.is_some());
    let run_epochs: Option<Vec<Option<i64>>> = leased.then(|| batch.iter().map(|pending| pending.epoch()).collect());
    let run_holders: Option<Vec<Option<String>>> =
        leased.then(|| batch.iter().map(|pending| pending.new_holder()).collect());

    // A batch has far fewer events than an INT can count.
    let run_counts: Vec<i32> =
        batch.iter().map(|pending| i32::try_from(pending.events.len()).unwrap_or(i32::MAX)).collect();
    let count = batch.iter().map(|pending| pending.events.len()).sum();
    let (mut types, mut payloads) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for pending in batch {
        for event in &pending.events {
            types.push(event.event_type);
            payloads.push(event.payload.as_str());
        }
    }
    let told = session.query_one(
        &statement,
        &[
            &run_ids,
            &run_expected,
            &run_epochs,
            &run_holders,
            &run_counts,
            &types,
            &payloads,
            &artifacts.events,
            &artifacts.hashes,
            &artifacts.kinds,
            &artifacts.payloads,
            &artifacts.metadatas,
            &artifacts.codecs,
            &artifacts.packed,
        ],
    );
    others(told)
}

fn others(told: Result<Row, tokio_postgres::Error>) -> Result<Others, Failure> {
    let mut others = Others::default();
    others.add(&told.map_err(failure)?)?;
    Ok(others)
}

fn failure(error: tokio_postgres::Error) -> Failure {
    match refusals(&error) {
        Some(refused) => Failure::Refused(refused),
        None => Failure::Database(error),
    }
}

/// Returns the runs that the database names when it refuses an append.
fn refusals(error: &tokio_postgres::Error) -> Option<Vec<Refusal>> {
    let told = error.as_db_error().filter(|told| [CONFLICT, FENCED].contains(&told.code().code()))?;
    serde_json::from_str(told.detail()?).ok()
}
