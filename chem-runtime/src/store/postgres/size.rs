//! The disk space of the tables, and of the flows and runs in them.

use tokio_postgres::Row;
use uuid::Uuid;

use super::Fault;
use super::rows::signed;
use super::session::{Session, TABLES};
use crate::store::{Contents, FlowSize, Largest, RunSize, StoreSize, TableSize};

/// The bytes of each table, and the row count that the planner estimates; negative if there is no estimate.
const SIZES: &str = "
     SELECT relname::text, pg_total_relation_size(class.oid), pg_indexes_size(class.oid), pg_relation_size(class.oid),
            CASE WHEN relpages > 0 AND reltuples >= 0 THEN
                (reltuples::double precision / relpages
                 * (pg_relation_size(class.oid) / current_setting('block_size')::bigint))::bigint
            ELSE -1 END
     FROM pg_class AS class
     WHERE relname = ANY ($1::text[]) AND relkind = 'r'
       AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = $name$store.event_log$name$::regclass)";
/// Tables of up to this many bytes have their rows counted, not estimated.
const COUNTED: i64 = 64 << 20;
const RUNS: &str = "SELECT count(*) FROM store.event_log WHERE position = 0";

/// The contents of each run. `pg_column_size` returns the length of a value without reading values stored outside their
/// row.
macro_rules! contents {
    ($largest:literal) => {
        concat!(
            "WITH events AS (
                 SELECT flow_id,
                        max(payload ->> 'flow') FILTER (WHERE position = 0 AND event_type = 'flowinitialized') AS flow,
                        count(*) AS events, sum(pg_column_size(payload)) AS event_bytes
                 FROM store.event_log GROUP BY flow_id
             ), artifacts AS (
                 SELECT flow_id, count(*) AS artifacts,
                        sum(coalesce(pg_column_size(artifact.payload), pg_column_size(artifact.packed)) + coalesce(pg_column_size(artifact.metadata), 0))
                            AS artifact_bytes
                 FROM store.workflow_step_artifacts AS artifact JOIN store.event_log ON seq = produced_in_seq
                 GROUP BY flow_id
             ), runs AS (
                 SELECT flow_id, flow, events, event_bytes,
                        coalesce(artifacts, 0) AS artifacts, coalesce(artifact_bytes, 0) AS artifact_bytes
                 FROM events LEFT JOIN artifacts USING (flow_id)
             ) ",
            $largest
        )
    };
}
const LARGEST_FLOWS: &str = contents!(
    "SELECT sum(events)::bigint, sum(event_bytes)::bigint, sum(artifacts)::bigint, sum(artifact_bytes)::bigint, flow,
            count(*)
     FROM runs GROUP BY flow ORDER BY sum(event_bytes + artifact_bytes) DESC, flow NULLS FIRST LIMIT $1"
);
const LARGEST_RUNS: &str = contents!(
    "SELECT events, event_bytes::bigint, artifacts, artifact_bytes::bigint, flow, flow_id
     FROM runs ORDER BY event_bytes + artifact_bytes DESC, flow_id LIMIT $1"
);

pub(super) fn size(session: &mut Session) -> Result<StoreSize, Fault> {
    let (sizes, runs) = (session.prepared(SIZES)?, session.prepared(RUNS)?);
    let runs = unsigned(&session.query_one(&runs, &[])?, 0)?;
    let mut tables = Vec::new();
    for row in session.query(&sizes, &[&TABLES.map(str::to_owned).to_vec()])? {
        let (name, estimate): (String, i64) = (row.try_get(0)?, row.try_get(4)?);
        let is_estimate = estimate >= 0 && row.try_get::<_, i64>(3)? > COUNTED;
        let rows = if is_estimate {
            estimate.unsigned_abs()
        } else {
            let count = session.in_schema(&format!("SELECT count(*) FROM store.{name}"));
            unsigned(&session.query_one(&count, &[])?, 0)?
        };
        tables.push(TableSize { name, rows, is_estimate, bytes: unsigned(&row, 1)?, index_bytes: unsigned(&row, 2)? });
    }
    Ok(StoreSize::new(runs, tables))
}

pub(super) fn largest(session: &mut Session, limit: usize) -> Result<Largest, Fault> {
    let limit = signed(limit as u64);
    let (flows, runs) = (session.prepared(LARGEST_FLOWS)?, session.prepared(LARGEST_RUNS)?);
    let flow = |row: &Row| -> Result<FlowSize, Fault> {
        Ok(FlowSize { flow: row.try_get(4)?, runs: unsigned(row, 5)?, contents: contents(row)? })
    };
    let run = |row: &Row| -> Result<RunSize, Fault> {
        let flow_id = row.try_get::<_, Uuid>(5)?.into();
        Ok(RunSize { flow_id, flow: row.try_get(4)?, contents: contents(row)? })
    };
    Ok(Largest {
        flows: session.query(&flows, &[&limit])?.iter().map(flow).collect::<Result<_, _>>()?,
        runs: session.query(&runs, &[&limit])?.iter().map(run).collect::<Result<_, _>>()?,
    })
}

fn contents(row: &Row) -> Result<Contents, tokio_postgres::Error> {
    Ok(Contents {
        events: unsigned(row, 0)?,
        event_bytes: unsigned(row, 1)?,
        artifacts: unsigned(row, 2)?,
        artifact_bytes: unsigned(row, 3)?,
    })
}

/// Reads a count or a size, which is never negative.
fn unsigned(row: &Row, at: usize) -> Result<u64, tokio_postgres::Error> {
    Ok(row.try_get::<_, i64>(at)?.unsigned_abs())
}
