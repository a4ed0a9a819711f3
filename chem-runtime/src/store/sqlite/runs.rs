//! The list of runs, page by page.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::rows::{StoredEvent, signed};
use crate::event::FlowEventKind;
use crate::flow::FlowStatus;
use crate::store::{FlowSummary, RunFilter, StoreError};

/// Walks back over the numbers, as far as the beginnings that are asked for, and from each to the end of its run.
const RUNS: &str = "
    SELECT first.seq, first.flow_id, first.position, first.ts, first.event_type, first.payload,
           last.seq, last.flow_id, last.position, last.ts, last.event_type, last.payload,
           (SELECT group_concat(event_type, ' ' ORDER BY position) FROM event_log WHERE flow_id = first.flow_id)
    FROM event_log AS first
    CROSS JOIN event_log AS last
    WHERE first.position = 0 AND first.seq < ?1
      AND (?2 IS NULL OR (first.event_type = 'flowinitialized' AND first.payload ->> '$.flow' = ?2))
      AND first.ts >= ?3 AND first.ts < ?4
      AND last.flow_id = first.flow_id
      AND last.position = (SELECT max(position) FROM event_log WHERE flow_id = first.flow_id)
      AND (?5 IS NULL OR ?5 = CASE last.event_type
          WHEN 'flowcompleted' THEN ?6
          WHEN 'stepfailed' THEN ?7
          WHEN 'userinteractionrequested' THEN ?8
          WHEN 'userinteractionprovided' THEN iif(last.payload ->> '$.approved', ?9, ?7)
          ELSE ?9 END)
    ORDER BY first.seq DESC LIMIT ?10";

/// Returns up to `limit` runs that `filter` takes, the newest first, of those that begin before the event `before`.
pub(super) fn listed(
    connection: &Connection,
    filter: &RunFilter,
    before: Option<u64>,
    limit: usize,
    failed: impl Fn(rusqlite::Error) -> StoreError,
) -> Result<Vec<FlowSummary>, StoreError> {
    let mut statement = connection.prepare_cached(RUNS).map_err(&failed)?;
    let before = before.and_then(|before| signed(before).ok()).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // Times have one length and one zone, so that they are in the order of their texts.
    let moment = |ts: Option<Timestamp>, otherwise: &str| ts.map_or(otherwise.to_owned(), |ts| format!("{ts:.6}"));
    let [completed, failed_run, waiting, interrupted] =
        [FlowStatus::Completed, FlowStatus::Failed, FlowStatus::Waiting, FlowStatus::Interrupted].map(FlowStatus::name);
    let mut rows = statement
        .query(params![
            before,
            filter.flow,
            moment(filter.since, ""),
            moment(filter.until, "~"),
            filter.status.map(FlowStatus::name),
            completed,
            failed_run,
            waiting,
            interrupted,
            limit,
        ])
        .map_err(&failed)?;
    let mut summaries = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let first = StoredEvent::read(row, 0).map_err(&failed)?.decode()?;
        let last = StoredEvent::read(row, 6).map_err(&failed)?.decode()?;
        let event_types: String = row.get(12).map_err(&failed)?;
        let letter = |event_type| FlowEventKind::letter_of(event_type).unwrap_or('?');
        let event_variants = event_types.split(' ').map(letter).collect();
        summaries.push(FlowSummary { first, last, event_variants });
    }
    Ok(summaries)
}
