//! An append as the database does it: one statement, and so one round trip and one commit, for one run or for many.

use jiff::Timestamp;
use postgres::{Row, Statement};
use serde::Deserialize;
use uuid::Uuid;

use super::error::{CONFLICT, FENCED};
use super::rows::{Moment, signed};
use super::session::Session;
use crate::event::FlowId;
use crate::store::admit::AdmittedArtifact;
use crate::store::{Holder, Lease, StoreError};

/// The most text that one statement carries. What is larger is sent in pieces, within one transaction.
pub(super) const AT_ONCE: usize = 8 * 1024 * 1024;

const APPEND: &str = "SELECT seqs, stored_at FROM chem_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
const KNOWN: &str = "SELECT artifact_hash FROM workflow_step_artifacts WHERE artifact_hash = ANY($1)";
const ARTIFACTS: &str = "INSERT INTO workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq)
     SELECT hash, kind, payload::jsonb, metadata::jsonb, seq
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
         AS artifact (hash, kind, payload, metadata, seq)
     ON CONFLICT (artifact_hash) DO NOTHING";

/// What is to be appended to one run.
pub(super) struct Pending {
    pub(super) flow_id: FlowId,
    pub(super) expected: u64,
    pub(super) lease: Option<Lease>,
    pub(super) events: Vec<EventRow>,
}

/// An event as the database gets it.
pub(super) struct EventRow {
    pub(super) event_type: &'static str,
    /// Canonical JSON.
    pub(super) payload: String,
    pub(super) artifacts: Vec<AdmittedArtifact>,
}

impl Pending {
    /// Whether this append is the one with which the store learns of the lease.
    fn takes(&self, lease: &Lease) -> bool {
        self.expected == 0 && lease.epoch == 1
    }

    /// How much text it is.
    pub(super) fn size(&self) -> usize {
        let artifact = |artifact: &AdmittedArtifact| artifact.artifact.payload_text().len();
        let event = |event: &EventRow| event.payload.len() + event.artifacts.iter().map(artifact).sum::<usize>();
        self.events.iter().map(event).sum()
    }
}

/// Where events have landed.
pub(super) struct Landed {
    pub(super) seqs: Vec<u64>,
    pub(super) ts: Timestamp,
}

/// Why nothing was stored.
pub(super) enum Failure {
    /// Some of the runs were refused; the others are as good as before.
    Refused(Vec<Refusal>),
    /// The database failed.
    Database(postgres::Error),
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self::Database(error)
    }
}

/// A run that was refused.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Refusal {
    pub(super) flow_id: FlowId,
    /// The run's next position.
    #[serde(default)]
    pub(super) found: Option<u64>,
    /// Who has the run in hand.
    #[serde(default)]
    pub(super) holder: Option<Holder>,
}

impl Refusal {
    /// The error for a writer who expected the run at `expected`.
    pub(super) fn error(&self, expected: u64) -> StoreError {
        let flow_id = self.flow_id;
        match self.found {
            Some(found) => StoreError::Conflict { flow_id, expected, found },
            None => StoreError::Fenced { flow_id, holder: self.holder.clone() },
        }
    }
}

/// Appends to all of these runs, of which no two are the same, or to none of them. What comes back is in their order.
pub(super) fn append(session: &mut Session, batch: &[&Pending]) -> Result<Vec<Landed>, Failure> {
    let statement = session.prepared(APPEND)?;
    let row = execute(batch, true, |parameters| session.query_one(&statement, parameters))?;
    let mut seqs = seqs(&row)?;
    Ok(batch.iter().map(|pending| share(pending, &mut seqs, &row)).collect::<Result<_, _>>()?)
}

/// Appends to one run what is too large for one statement: events and artifacts one after the other, in one transaction.
/// What the store has already is not sent again.
pub(super) fn append_large(session: &mut Session, pending: &Pending) -> Result<Landed, Failure> {
    let (append, known, artifacts) =
        (session.prepared(APPEND)?, session.prepared(KNOWN)?, session.prepared(ARTIFACTS)?);
    let mut transaction = session.transaction()?;
    let row = execute(&[pending], false, |parameters| transaction.query_one(&append, parameters))?;
    let landed = share(pending, &mut seqs(&row)?, &row)?;
    let mut sorted: Vec<(String, &AdmittedArtifact, i64)> = Vec::new();
    for (event, seq) in pending.events.iter().zip(&landed.seqs) {
        sorted.extend(event.artifacts.iter().map(|it| (it.artifact.hash().to_string(), it, signed(*seq))));
    }
    // In the order of their hashes, so that no two calls wait for each other. The first of a name stays.
    sorted.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    sorted.dedup_by(|(a, ..), (b, ..)| a == b);
    let hashes: Vec<&str> = sorted.iter().map(|(hash, ..)| hash.as_str()).collect();
    let stored = transaction.query(&known, &[&hashes])?;
    let stored: std::collections::HashSet<&str> =
        stored.iter().map(|row| row.try_get(0)).collect::<Result<_, postgres::Error>>()?;
    let new: Vec<_> = sorted.iter().filter(|(hash, ..)| !stored.contains(hash.as_str())).collect();
    let mut rest = new.as_slice();
    while !rest.is_empty() {
        let mut size = 0;
        let fits = rest.iter().take_while(|(_, it, _)| {
            let first = size == 0;
            size += it.artifact.payload_text().len();
            first || size <= AT_ONCE
        });
        let (now, later) = rest.split_at(fits.count());
        insert_artifacts(&mut transaction, &artifacts, now)?;
        rest = later;
    }
    transaction.commit()?;
    Ok(landed)
}

fn insert_artifacts(
    transaction: &mut postgres::Transaction<'_>,
    statement: &Statement,
    artifacts: &[&(String, &AdmittedArtifact, i64)],
) -> Result<(), postgres::Error> {
    let hashes: Vec<&str> = artifacts.iter().map(|(hash, ..)| hash.as_str()).collect();
    let kinds: Vec<&str> = artifacts.iter().map(|(_, it, _)| it.artifact.kind()).collect();
    let payloads: Vec<&str> = artifacts.iter().map(|(_, it, _)| it.artifact.payload_text()).collect();
    let metadatas: Vec<Option<&str>> = artifacts.iter().map(|(_, it, _)| it.metadata.as_deref()).collect();
    let seqs: Vec<i64> = artifacts.iter().map(|(.., seq)| *seq).collect();
    transaction.execute(statement, &[&hashes, &kinds, &payloads, &metadatas, &seqs]).map(drop)
}

type Parameters<'a> = [&'a (dyn postgres::types::ToSql + Sync)];

/// Lays the batch out in arrays and hands them to `query`.
fn execute(
    batch: &[&Pending],
    with_artifacts: bool,
    query: impl FnOnce(&Parameters<'_>) -> Result<Row, postgres::Error>,
) -> Result<Row, Failure> {
    let run_ids: Vec<Uuid> = batch.iter().map(|pending| pending.flow_id.as_uuid()).collect();
    let run_expected: Vec<i64> = batch.iter().map(|pending| signed(pending.expected)).collect();
    // No run under a lease: the database need not look for any.
    let leased = batch.iter().any(|pending| pending.lease.is_some());
    let run_epochs: Option<Vec<Option<i64>>> =
        leased.then(|| batch.iter().map(|pending| pending.lease.as_ref().map(|lease| signed(lease.epoch))).collect());
    let run_holders: Option<Vec<Option<String>>> = leased.then(|| {
        let taken = batch.iter().map(|pending| pending.lease.as_ref().filter(|lease| pending.takes(lease)));
        taken.map(|lease| lease.map(|lease| serde_json::json!(lease.holder).to_string())).collect()
    });

    let count = batch.iter().map(|pending| pending.events.len()).sum();
    let (mut event_runs, mut positions) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut types, mut payloads) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut artifacts: Vec<(i32, String, &AdmittedArtifact)> = Vec::new();
    for pending in batch {
        for (position, event) in (pending.expected..).zip(&pending.events) {
            event_runs.push(pending.flow_id.as_uuid());
            positions.push(signed(position));
            types.push(event.event_type);
            payloads.push(event.payload.as_str());
            if with_artifacts {
                // A batch has far fewer events than an INT can count.
                let event_number = i32::try_from(event_runs.len()).unwrap_or(i32::MAX);
                artifacts.extend(event.artifacts.iter().map(|it| (event_number, it.artifact.hash().to_string(), it)));
            }
        }
    }
    // The order is the same for all callers, so that no two of them wait for each other; the first of a name stays.
    artifacts.sort_by(|(_, a, _), (_, b, _)| a.cmp(b));
    let artifact_events: Vec<i32> = artifacts.iter().map(|(event, ..)| *event).collect();
    let hashes: Vec<&str> = artifacts.iter().map(|(_, hash, _)| hash.as_str()).collect();
    let kinds: Vec<&str> = artifacts.iter().map(|(.., it)| it.artifact.kind()).collect();
    let artifact_payloads: Vec<&str> = artifacts.iter().map(|(.., it)| it.artifact.payload_text()).collect();
    let metadatas: Vec<Option<&str>> = artifacts.iter().map(|(.., it)| it.metadata.as_deref()).collect();

    query(&[
        &run_ids,
        &run_expected,
        &run_epochs,
        &run_holders,
        &event_runs,
        &positions,
        &types,
        &payloads,
        &artifact_events,
        &hashes,
        &kinds,
        &artifact_payloads,
        &metadatas,
    ])
    .map_err(|error| match refusals(&error) {
        Some(refused) => Failure::Refused(refused),
        None => Failure::Database(error),
    })
}

/// The runs that the database names when it refuses an append.
fn refusals(error: &postgres::Error) -> Option<Vec<Refusal>> {
    let told = error.as_db_error().filter(|told| [CONFLICT, FENCED].contains(&told.code().code()))?;
    serde_json::from_str(told.detail()?).ok()
}

/// The numbers of the stored events, in order.
fn seqs(row: &Row) -> Result<std::vec::IntoIter<i64>, postgres::Error> {
    Ok(row.try_get::<_, Option<Vec<i64>>>(0)?.unwrap_or_default().into_iter())
}

/// A run's share of what came back.
fn share(pending: &Pending, seqs: &mut std::vec::IntoIter<i64>, row: &Row) -> Result<Landed, postgres::Error> {
    let Moment(ts) = row.try_get(1)?;
    Ok(Landed { seqs: seqs.take(pending.events.len()).map(i64::unsigned_abs).collect(), ts })
}
