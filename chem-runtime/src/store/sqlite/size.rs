//! Measures the tables, and the flows and runs in them.

use rusqlite::{Connection, Row};

use super::rows::unsigned;
use crate::store::{Contents, FlowSize, Largest, RunSize, StoreSize, TableSize};

/// Visits every page of the file. Excludes SQLite's internal tables.
const TABLES: &str = "
    SELECT tbl_name, sum(pgsize), coalesce(sum(pgsize) FILTER (WHERE type = 'index'), 0)
    FROM dbstat AS page JOIN sqlite_schema AS object USING (name)
    WHERE page.aggregate = TRUE AND tbl_name NOT LIKE 'sqlite_%'
    GROUP BY tbl_name";
const RUNS: &str = "SELECT count(*) FROM event_log WHERE position = 0";
/// Computes the size of each run. `octet_length` returns the length of a text without reading it.
const CONTENTS: &str = "
    WITH events AS (
        SELECT flow_id,
               max(payload ->> '$.flow') FILTER (WHERE position = 0 AND event_type = 'flowinitialized') AS flow,
               count(*) AS events, sum(octet_length(payload)) AS event_bytes
        FROM event_log GROUP BY flow_id
    ), artifacts AS (
        SELECT flow_id, count(*) AS artifacts,
               sum(octet_length(coalesce(artifact.payload, artifact.packed)) + coalesce(octet_length(artifact.metadata), 0)) AS artifact_bytes
        FROM workflow_step_artifacts AS artifact JOIN event_log ON seq = produced_in_seq
        GROUP BY flow_id
    ), runs AS (
        SELECT flow_id, flow, events, event_bytes,
               coalesce(artifacts, 0) AS artifacts, coalesce(artifact_bytes, 0) AS artifact_bytes
        FROM events LEFT JOIN artifacts USING (flow_id)
    )";
const LARGEST_FLOWS: &str = "
    SELECT sum(events), sum(event_bytes), sum(artifacts), sum(artifact_bytes), flow, count(*)
    FROM runs GROUP BY flow ORDER BY sum(event_bytes + artifact_bytes) DESC, flow LIMIT ?";
const LARGEST_RUNS: &str = "
    SELECT events, event_bytes, artifacts, artifact_bytes, flow, flow_id
    FROM runs ORDER BY event_bytes + artifact_bytes DESC, flow_id LIMIT ?";

pub(super) fn size(connection: &Connection) -> rusqlite::Result<StoreSize> {
    let runs = connection.query_row(RUNS, [], |row| unsigned(row, 0))?;
    let mut tables = connection.prepare(TABLES)?;
    let table = |row: &Row<'_>| {
        let name: String = row.get(0)?;
        let count = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        let rows = connection.query_row(&count, [], |row| unsigned(row, 0))?;
        Ok(TableSize { rows, is_estimate: false, bytes: unsigned(row, 1)?, index_bytes: unsigned(row, 2)?, name })
    };
    let tables = tables.query_map([], table)?.collect::<rusqlite::Result<_>>()?;
    Ok(StoreSize::new(runs, tables))
}

pub(super) fn largest(connection: &Connection, limit: usize) -> rusqlite::Result<Largest> {
    let limit = [i64::try_from(limit).unwrap_or(i64::MAX)];
    let flow = |row: &Row<'_>| Ok(FlowSize { flow: row.get(4)?, runs: unsigned(row, 5)?, contents: contents(row)? });
    let flows = connection
        .prepare(&format!("{CONTENTS}{LARGEST_FLOWS}"))?
        .query_map(limit, flow)?
        .collect::<rusqlite::Result<_>>()?;
    let run = |row: &Row<'_>| {
        let flow_id: String = row.get(5)?;
        // Rows with an invalid run id are skipped, as elsewhere.
        let Ok(flow_id) = flow_id.parse() else { return Ok(None) };
        Ok(Some(RunSize { flow_id, flow: row.get(4)?, contents: contents(row)? }))
    };
    let runs = connection
        .prepare(&format!("{CONTENTS}{LARGEST_RUNS}"))?
        .query_map(limit, run)?
        .filter_map(Result::transpose)
        .collect::<rusqlite::Result<_>>()?;
    Ok(Largest { flows, runs })
}

fn contents(row: &Row<'_>) -> rusqlite::Result<Contents> {
    Ok(Contents {
        events: unsigned(row, 0)?,
        event_bytes: unsigned(row, 1)?,
        artifacts: unsigned(row, 2)?,
        artifact_bytes: unsigned(row, 3)?,
    })
}
