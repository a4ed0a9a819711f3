//! What listing runs reads, and that large tables are not counted.

use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::store::postgres::PgEventStore;
use chem_runtime::store::{
    ArtifactStore as _, Cursor, EventLog as _, EventStore as _, NewEvent, RunFilter, RunIndex as _,
};
use chem_tests::events::{artifact, finished, numbered, one_of_each};

use crate::{store_or_skip, until};

#[test]
fn runs_are_listed_by_the_indexes_of_their_beginnings() {
    let (store, database) = store_or_skip!();
    for number in 0..200 {
        let mut first = one_of_each()[0].clone();
        if let FlowEventKind::FlowInitialized(begun) = &mut first {
            begun.flow = format!("flow {}", number % 50);
        }
        let events: Vec<_> = std::iter::once(first.into()).chain((1..40).map(numbered)).collect();
        store.append(FlowId::new(), 0, &events).unwrap();
    }
    let mut client = database.client();
    client.batch_execute("ANALYZE event_log").unwrap();
    let mut scans = |index: &str| -> i64 {
        client.query_one("SELECT idx_scan FROM pg_stat_all_indexes WHERE indexrelname = $1", &[&index]).unwrap().get(0)
    };
    let of = |flow: Option<&str>| RunFilter { flow: flow.map(str::to_owned), ..RunFilter::default() };
    for (flow, index) in [(None, "event_log_beginnings"), (Some("flow 7"), "event_log_beginnings_by_flow")] {
        let before = scans(index);
        // The statistics of a session are counted when it ends.
        let store = PgEventStore::open(&database.address()).unwrap();
        assert_eq!(store.find_runs(&of(flow), None, 3).unwrap().len(), 3);
        assert_eq!(store.newest_runs(flow, None, 3).unwrap().len(), 3);
        drop(store);
        until("both lists have used the index", || scans(index) >= before + 2);
    }
}

/// A session plans each statement once, and the server has not looked at the tables of a new store yet.
#[test]
fn what_was_planned_on_an_empty_store_serves_a_long_log() {
    const PAGE: usize = 100;
    let (store, database) = store_or_skip!();
    let attestations = store.attestations().unwrap();
    let all = || {
        let (mut cursor, mut read) = (Cursor::START, 0);
        loop {
            let page = store.read_stored(cursor, PAGE).unwrap();
            let Some((last, after)) = page.last() else { break };
            read += page.len();
            attestations.artifacts_of(&page.iter().map(|(event, _)| event.seq).collect::<Vec<_>>()).unwrap();
            store.read_stored_run(&last.flow_id, last.position).unwrap();
            cursor = *after;
        }
        store.newest_seq().unwrap();
        store.newest_runs(None, None, 3).unwrap();
        for hash in store.find_artifact_hashes("", 10).unwrap() {
            assert!(store.read_artifact(hash).unwrap().is_some());
        }
        read
    };
    assert_eq!(all(), 0);
    for run in 0..100 {
        let events: Vec<NewEvent> = (1..40).map(numbered).chain([finished([artifact(run)])]).collect();
        store.append(FlowId::new(), 0, &events).unwrap();
    }
    assert_eq!(all(), 4_000);
    let mut client = database.client();
    let mut count = |what: &str| -> i64 {
        let sql = format!(
            "SELECT sum({what})::bigint FROM pg_stat_user_tables WHERE relname IN ('event_log', 'workflow_step_artifacts')"
        );
        client.query_one(&sql, &[]).unwrap().get(0)
    };
    // The statistics of a session are counted when it ends.
    drop(store);
    until("the reads are counted", || count("idx_tup_fetch") >= 8_000);
    assert_eq!(count("seq_tup_read"), 0);
    // Each page may look at the newest 1,000 events, and at its own, but not at the whole log.
    let fetched = count("idx_tup_fetch");
    assert!(fetched < 80_000, "{fetched} rows were fetched to read 4,000 events");
}

#[test]
fn the_rows_of_a_large_table_are_estimated() {
    let (store, database) = store_or_skip!();
    let rows = || {
        let size = store.size().unwrap().unwrap();
        size.tables.into_iter().find(|table| table.name == "event_log").unwrap()
    };
    store.append(FlowId::new(), 0, &[numbered(0), numbered(1)]).unwrap();
    assert_eq!((rows().rows, rows().is_estimate), (2, false));
    // A log of 80 MB, large enough to use the server's estimate of its rows.
    database
        .client()
        .batch_execute(
            "INSERT INTO event_log (flow_id, position, event_type, payload)
             SELECT '019b0000-0000-7000-8000-000000000001', number, 'stepsignal', to_jsonb(repeat(md5(number::text), 50))
             FROM generate_series(0, 39999) AS number",
        )
        .unwrap();
    let log = rows();
    assert!(log.bytes - log.index_bytes > 64 << 20, "{log:?} is not large");
    assert_eq!((log.rows, log.is_estimate), (40_002, false), "the server has not looked at it yet");
    database.client().batch_execute("ANALYZE event_log").unwrap();
    let log = rows();
    assert!(log.is_estimate && log.rows.abs_diff(40_002) < 4_000, "{log:?}");
    assert_eq!(store.size().unwrap().unwrap().runs, 2);
}
