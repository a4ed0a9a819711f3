//! Reads the events of runs, artifacts and results.

use std::sync::mpsc;

use tokio_postgres::Row;
use uuid::Uuid;

use super::Fault;
use super::rows::{event, signed, stored_event};
use super::session::Session;
use crate::artifact::{Artifact, ArtifactError};
use crate::event::{EventAddress, FlowEvent, FlowId};
use crate::fingerprint::ArtifactHash;
use crate::store::packed::unpacked;
use crate::store::{PersistenceError, StoredEvent, StoredResult};

const EVENTS: &str = "SELECT seq, flow_id, position, ts, event_type, payload::text
     FROM store.event_log WHERE flow_id = $1 AND position >= $2 ORDER BY position LIMIT $3";
/// The number of events per page.
const PAGE: usize = 1_024;
const NEXT_POSITION: &str = "SELECT coalesce(max(position) + 1, 0) FROM store.event_log WHERE flow_id = $1";
const NEWEST_SEQ: &str = "SELECT coalesce(max(seq), 0) FROM store.event_log";
const ARTIFACT: &str = "SELECT kind, payload::text, metadata::text, codec, packed FROM store.workflow_step_artifacts WHERE artifact_hash = $1";
/// Orders hashes by bytes; other collations differ, such as Danish, which puts `aa` after `z`.
const ARTIFACTS: &str = "SELECT artifact_hash FROM store.workflow_step_artifacts
     WHERE artifact_hash LIKE $1 || '%' ORDER BY artifact_hash COLLATE \"C\" LIMIT $2";
/// Reads one copy at a time, because their number and size are unbounded.
const REPAIR: &str = "SELECT kind, payload::text, metadata::text, codec, packed, repair FROM store.artifact_repairs
     WHERE artifact_hash = $1 AND repair < $2 ORDER BY repair DESC LIMIT 1";
const RESULTS: &str = "SELECT seq, flow_id, position FROM store.event_log
     WHERE event_type = 'stepfinished' AND payload ->> 'cache_key' = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
const RESULTS_OF_WORK: &str = "SELECT seq, flow_id, position FROM store.event_log
     WHERE event_type = 'stepfinished' AND payload -> 'rows' ->> 'work_key' = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";

/// Passes the events of a run from position `from` on to `each`, in order. Fetches the next page while the current one
/// is decoded.
pub(super) fn events(
    session: &mut Session,
    flow_id: FlowId,
    from: u64,
    mut each: impl FnMut(FlowEvent) -> Result<(), PersistenceError>,
) -> Result<(), Fault> {
    let mut position = from;
    let mut take = |page: &[Row]| {
        for row in page {
            let event = event(row, 0)?;
            if event.position != position {
                return Err(Fault::Store(PersistenceError::Corrupt {
                    reason: format!("run {flow_id} has event {} where {position} is due", event.position),
                }));
            }
            position += 1;
            each(event)?;
        }
        Ok(())
    };
    let first = page(session, flow_id, from, PAGE)?;
    if first.len() < PAGE {
        return take(&first);
    }
    std::thread::scope(|scope| {
        let (sender, pages) = mpsc::sync_channel(1);
        scope.spawn(move || {
            for from in (from + PAGE as u64..).step_by(PAGE) {
                let page = page(session, flow_id, from, PAGE);
                // Events are only ever added at the end, so the first page that is not full is the last.
                let last = page.as_ref().map_or(true, |rows| rows.len() < PAGE);
                if sender.send(page).is_err() || last {
                    return;
                }
            }
        });
        take(&first)?;
        pages.iter().try_for_each(|page| take(&page?))
    })
}

/// Fetches up to `count` rows of a run from position `from` on.
fn page(session: &mut Session, flow_id: FlowId, from: u64, count: usize) -> Result<Vec<Row>, tokio_postgres::Error> {
    let statement = session.prepared(EVENTS)?;
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    session.query(&statement, &[&flow_id.as_uuid(), &signed(from), &limit])
}

pub(super) fn next_position(session: &mut Session, flow_id: FlowId) -> Result<u64, Fault> {
    let statement = session.prepared(NEXT_POSITION)?;
    let row = session.query_one(&statement, &[&flow_id.as_uuid()])?;
    Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
}

pub(super) fn newest_seq(session: &mut Session) -> Result<u64, Fault> {
    let statement = session.prepared(NEWEST_SEQ)?;
    Ok(session.query_one(&statement, &[])?.try_get::<_, i64>(0)?.unsigned_abs())
}

pub(super) fn artifact(session: &mut Session, hash: ArtifactHash) -> Result<Option<Artifact>, Fault> {
    let statement = session.prepared(ARTIFACT)?;
    let first = session.query_opt(&statement, &[&hash.to_string()])?.map(|row| copy(hash, &row));
    if let Some(Ok(sound)) = first {
        return Ok(Some(sound));
    }
    let (statement, mut before) = (session.prepared(REPAIR)?, i64::MAX);
    while let Some(row) = session.query_opt(&statement, &[&hash.to_string(), &before])? {
        before = row.try_get(5)?;
        if let Ok(sound) = copy(hash, &row) {
            return Ok(Some(sound));
        }
    }
    first.transpose()
}

/// Decodes the columns kind, payload, metadata, codec and packed; fails if the artifact does not have the hash `hash`.
fn copy(hash: ArtifactHash, row: &Row) -> Result<Artifact, Fault> {
    let (kind, payload): (&str, Option<&str>) = (row.try_get(0)?, row.try_get(1)?);
    let (codec, packed): (Option<&str>, Option<&[u8]>) = (row.try_get(3)?, row.try_get(4)?);
    let payload = unpacked(payload.map(|text| text.as_bytes().to_vec()), codec, packed)
        .map_err(|reason| PersistenceError::Artifact(ArtifactError::Corrupt { hash, reason }))?;
    let metadata = row.try_get::<_, Option<&str>>(2)?.map(serde_json::from_str).transpose().map_err(|error| {
        PersistenceError::Corrupt { reason: format!("the metadata of artifact {hash} is not JSON: {error}") }
    })?;
    Ok(Artifact::from_stored(hash, kind, &payload, metadata).map_err(PersistenceError::Artifact)?)
}

pub(super) fn artifact_hashes(session: &mut Session, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, Fault> {
    let statement = session.prepared(ARTIFACTS)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let hash = |row: &Row| {
        let text: &str = row.try_get(0)?;
        let found = text.parse();
        Ok(found
            .map_err(|error| PersistenceError::Corrupt { reason: format!("an artifact is named `{text}`: {error}") })?)
    };
    session.query(&statement, &[&prefix, &limit])?.iter().map(hash).collect()
}

/// Returns up to `limit` results with this cache key, newest first.
pub(super) fn results(
    session: &mut Session,
    key: &str,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<StoredResult>, Fault> {
    newest(session, RESULTS, key, before, limit)
}

/// Returns up to `limit` results with this work key, newest first.
pub(super) fn results_of_work(
    session: &mut Session,
    key: &str,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<StoredResult>, Fault> {
    newest(session, RESULTS_OF_WORK, key, before, limit)
}

fn newest(
    session: &mut Session,
    sql: &'static str,
    key: &str,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<StoredResult>, Fault> {
    let statement = session.prepared(sql)?;
    let (before, limit) = (before.map_or(i64::MAX, signed), i64::try_from(limit).unwrap_or(i64::MAX));
    let result = |row: &Row| {
        let (seq, flow_id, position): (i64, Uuid, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let address = EventAddress { flow_id: flow_id.into(), position: position.unsigned_abs() };
        Ok(StoredResult { seq: seq.unsigned_abs(), address })
    };
    session.query(&statement, &[&key, &before, &limit])?.iter().map(result).collect()
}

/// Returns up to `count` events of a run from position `from` on.
pub(super) fn events_between(
    session: &mut Session,
    flow_id: FlowId,
    from: u64,
    count: usize,
) -> Result<Vec<FlowEvent>, Fault> {
    page(session, flow_id, from, count)?.iter().map(|row| Ok(event(row, 0)?)).collect()
}

/// Returns the events of a run whose positions are below `before`, as they are stored.
pub(super) fn stored_before(session: &mut Session, flow_id: FlowId, before: u64) -> Result<Vec<StoredEvent>, Fault> {
    let count = usize::try_from(before).unwrap_or(usize::MAX);
    page(session, flow_id, 0, count)?.iter().map(|row| Ok(stored_event(row, 0)?)).collect()
}
