//! Finds runs, and results to reuse. Lists runs page by page.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::SqliteEventStore;
use super::rows::{result, signed, status_of_last, stored_event};
use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::fingerprint::{CacheKey, WorkKey};
use crate::flow::FlowStatus;
use crate::store::page::add_to_page;
use crate::store::{FlowSummary, PersistenceError, RunFilter, RunIndex, StoredResult};

impl RunIndex for SqliteEventStore {
    fn find_runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowSummary>, PersistenceError> {
        listed(&self.reading(), filter, before, limit, self.failed("read"))
    }

    fn newest_runs(
        &self,
        flow: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowEvent>, PersistenceError> {
        newest(&self.reading(), flow, before, limit, self.failed("read"))
    }

    fn find_run_ids(&self, prefix: &str, limit: usize) -> Result<Vec<FlowId>, PersistenceError> {
        let failed = self.failed("read");
        let connection = self.reading();
        let mut statement = connection
            .prepare_cached(
                // Every id with this prefix sorts before the prefix followed by `g`.
                "SELECT flow_id FROM event_log
                 WHERE flow_id >= ?1 AND flow_id < ?1 || 'g' AND position = 0 ORDER BY flow_id LIMIT ?2",
            )
            .map_err(&failed)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        run_ids(statement.query(params![prefix, limit]).map_err(&failed)?, &failed)
    }

    fn completed_children(&self, parent: FlowId) -> Result<Vec<FlowId>, PersistenceError> {
        let failed = self.failed("read");
        let connection = self.reading();
        let mut statement = connection.prepare_cached(COMPLETED).map_err(&failed)?;
        let (least, greatest) = parent.range_of_children();
        run_ids(statement.query(params![least.to_string(), greatest.to_string()]).map_err(&failed)?, &failed)
    }

    fn find_cached(
        &self,
        key: CacheKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        // The condition has to match the index's word for word.
        let sql = "SELECT seq, flow_id, position FROM event_log
                   WHERE event_type = 'stepfinished' AND payload ->> '$.cache_key' = ?1 AND seq < ?2
                   ORDER BY seq DESC";
        self.results(sql, &key.to_string(), before, limit)
    }

    fn find_work(
        &self,
        key: WorkKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        // The condition has to match the index's word for word.
        let sql = "SELECT seq, flow_id, position FROM event_log
                   WHERE event_type = 'stepfinished' AND payload ->> '$.rows.work_key' = ?1 AND payload ->> '$.rows.work_key' IS NOT NULL AND seq < ?2
                   ORDER BY seq DESC";
        self.results(sql, &key.to_string(), before, limit)
    }
}

/// Selects all runs, through the index of first events.
const OF_ALL: &str = "?2 IS NULL";
/// Selects the runs of one flow. Must match the index of first events by flow word for word.
const OF_FLOW: &str = "first.event_type = 'flowinitialized' AND first.payload ->> '$.flow' = ?2";

/// Selects the runs that have completed in a range of ids.
const COMPLETED: &str = "SELECT flow_id FROM event_log
                         WHERE event_type = 'flowcompleted' AND flow_id BETWEEN ?1 AND ?2";

/// Returns the SQL that selects the first events of the runs matched by `of`, newest first.
fn beginnings(of: &str) -> String {
    format!(
        "SELECT seq, flow_id, position, ts, event_type, payload FROM event_log AS first
         WHERE position = 0 AND seq < ?1 AND {of}
         ORDER BY seq DESC LIMIT ?3"
    )
}

/// Returns the SQL that also selects the last event of each run. It computes letters only for the returned runs, and
/// only on request.
fn runs(of: &str) -> String {
    format!(
        "SELECT first.seq, first.flow_id, first.position, first.ts, first.event_type, first.payload,
                last.seq, last.flow_id, last.position, last.ts, last.event_type, last.payload,
                CASE WHEN ?7 THEN
                    (SELECT group_concat(event_type, ' ' ORDER BY position) FROM event_log WHERE flow_id = first.flow_id)
                END
         FROM event_log AS first
         CROSS JOIN event_log AS last
         WHERE first.position = 0 AND first.seq < ?1 AND {of}
           AND first.ts >= ?3 AND first.ts < ?4
           AND last.flow_id = first.flow_id
           AND last.position = (SELECT max(position) FROM event_log WHERE flow_id = first.flow_id)
           AND (?5 IS NULL OR ?5 = {})
         ORDER BY first.seq DESC LIMIT ?6",
        status_of_last()
    )
}

/// Returns the first events of the newest runs, newest first.
fn newest(
    connection: &Connection,
    flow: Option<&str>,
    before: Option<u64>,
    limit: usize,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Vec<FlowEvent>, PersistenceError> {
    let of = if flow.is_some() { OF_FLOW } else { OF_ALL };
    let mut statement = connection.prepare_cached(&beginnings(of)).map_err(&failed)?;
    let mut rows = statement.query(params![number_before(before), flow, at_most(limit)]).map_err(&failed)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        events.push(stored_event(row, 0).map_err(&failed)?.decode()?);
    }
    Ok(events)
}

/// Returns up to `limit` runs that match `filter` and begin before the event `before`, newest first.
fn listed(
    connection: &Connection,
    filter: &RunFilter,
    before: Option<u64>,
    limit: usize,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Vec<FlowSummary>, PersistenceError> {
    let of = if filter.flow.is_some() { OF_FLOW } else { OF_ALL };
    let mut statement = connection.prepare_cached(&runs(of)).map_err(&failed)?;
    // All times have the same length and zone, so the order of their texts is chronological.
    let moment = |ts: Option<Timestamp>, otherwise: &str| ts.map_or(otherwise.to_owned(), |ts| format!("{ts:.6}"));
    let mut rows = statement
        .query(params![
            number_before(before),
            filter.flow,
            moment(filter.since, ""),
            moment(filter.until, "~"),
            filter.status.map(FlowStatus::name),
            at_most(limit),
            filter.letters,
        ])
        .map_err(&failed)?;
    let mut summaries = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let first = stored_event(row, 0).map_err(&failed)?;
        let last = stored_event(row, 6).map_err(&failed)?;
        let event_types: Option<String> = row.get(12).map_err(&failed)?;
        let letter = |event_type: &str| FlowEventKind::letter_of(event_type).unwrap_or('?');
        let event_variants = event_types.map(|event_types| event_types.split(' ').map(letter).collect());
        let seq = first.seq;
        let run = first.decode().and_then(|first| Ok(FlowSummary { first, last: last.decode()?, event_variants }));
        if !add_to_page(&mut summaries, run, seq)? {
            break;
        }
    }
    Ok(summaries)
}

/// Returns the exclusive upper bound of `seq`. A number that exceeds SQLite's integers excludes nothing.
fn number_before(before: Option<u64>) -> i64 {
    before.and_then(|before| signed(before).ok()).unwrap_or(i64::MAX)
}

fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Returns the ids of runs, which are the first column of `rows`.
fn run_ids(
    mut rows: rusqlite::Rows<'_>,
    failed: impl Fn(rusqlite::Error) -> PersistenceError,
) -> Result<Vec<FlowId>, PersistenceError> {
    let mut runs = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let text: String = row.get(0).map_err(&failed)?;
        let run = text.parse().map_err(|_| PersistenceError::Corrupt { reason: format!("a run is named `{text}`") })?;
        runs.push(run);
    }
    Ok(runs)
}

impl SqliteEventStore {
    /// Returns up to `limit` results, newest first. `sql` takes the key and the number below which they must be.
    fn results(
        &self,
        sql: &str,
        key: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        let failed = self.failed("read");
        let connection = self.reading();
        let mut statement = connection.prepare_cached(sql).map_err(&failed)?;
        let before = before.and_then(|before| signed(before).ok()).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![key, before]).map_err(&failed)?;
        let mut results = Vec::new();
        // Rows with an invalid run id do not count. Reads no more rows than needed.
        while results.len() < limit
            && let Some(row) = rows.next().map_err(&failed)?
        {
            results.extend(result(row).map_err(&failed)?);
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::SqliteEventStore;

    #[test]
    fn runs_are_looked_up_in_indexes() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteEventStore::open(directory.path().join("store.db")).unwrap();
        let connection = store.connection();
        let plan = |sql: &str| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            for number in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(number, 1).unwrap();
            }
            let mut rows = statement.raw_query();
            let mut plan = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                plan.push(row.get::<_, String>(3).unwrap());
            }
            plan
        };
        let completed = plan(COMPLETED);
        assert!(
            completed[0].ends_with("USING COVERING INDEX event_log_completions (flow_id>? AND flow_id<?)"),
            "{completed:?}"
        );
        for (of, index) in [
            (OF_ALL, "USING INDEX event_log_beginnings (seq<?)"),
            (OF_FLOW, "USING INDEX event_log_beginnings_by_flow (<expr>=? AND seq<?)"),
        ] {
            for sql in [beginnings(of), runs(of)] {
                let plan = plan(&sql);
                assert!(plan[0].ends_with(index), "{plan:#?}");
                let is_slow = |step: &String| step.starts_with("SCAN") || step == "USE TEMP B-TREE FOR ORDER BY";
                assert!(!plan.iter().any(is_slow), "{plan:#?}");
            }
        }
    }
}
