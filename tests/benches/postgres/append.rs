//! Measures appends of many events to one run.

use std::time::Instant;

use chem_runtime::event::FlowId;
use chem_runtime::store::{EventLog as _, NewEvent};
use uuid::Uuid;

use crate::Bench;
use crate::replay::long_run;
use crate::table::{Line, Target, median};

const BATCH: usize = 500;

pub fn append(bench: &Bench) -> Line {
    const ROUNDS: usize = 9;
    let (database, store) = bench.database();
    let (events, _) = long_run();
    let rows: Vec<(&str, String)> =
        events.iter().map(|event| (event.kind.event_type(), event.kind.payload_text().unwrap())).collect();
    let events: Vec<NewEvent> = events.into_iter().map(|event| event.kind.into()).collect();
    let mut client = database.client();
    let insert = client
        .prepare(
            "INSERT INTO event_log (flow_id, position, event_type, payload)
             SELECT run, position, type, payload::jsonb
             FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS event (run, position, type, payload)",
        )
        .unwrap();
    let count = events.len() as f64;
    let rounds = (0..=ROUNDS).map(|_| {
        let run = FlowId::new();
        let begun = Instant::now();
        for (number, batch) in events.chunks(BATCH).enumerate() {
            store.append(run, (number * BATCH) as u64, batch).unwrap();
        }
        let ours = count / begun.elapsed().as_secs_f64();
        let run = Uuid::now_v7();
        let begun = Instant::now();
        for (number, batch) in rows.chunks(BATCH).enumerate() {
            let positions: Vec<i64> = (0..batch.len()).map(|place| (number * BATCH + place) as i64).collect();
            let types: Vec<&str> = batch.iter().map(|(event_type, _)| *event_type).collect();
            let payloads: Vec<&str> = batch.iter().map(|(_, payload)| payload.as_str()).collect();
            client.execute(&insert, &[&vec![run; batch.len()], &positions, &types, &payloads]).unwrap();
        }
        (ours, count / begun.elapsed().as_secs_f64())
    });
    let (ours, bare) = median(rounds.skip(1).collect());
    Line {
        work: format!("append {count} events to one flow, {BATCH} at a time"),
        store: format!("{ours:.0} events/s"),
        bare: format!("{bare:.0} events/s: a bare unnest insert"),
        ratio: ours / bare,
        target: Some(Target::AtLeast(0.8)),
    }
}
