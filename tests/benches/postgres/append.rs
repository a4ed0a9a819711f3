//! Measures appends of many events to one run, and what a sealer beside them costs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chem_runtime::event::FlowId;
use chem_runtime::evidence::{Witness, seal};
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

/// Appends with a process beside that seals the log each second, and without one.
pub fn append_beside_a_sealer(bench: &Bench) -> Line {
    const ROUNDS: usize = 9;
    /// The number of runs in a round, so that it takes longer than the pause of the sealer.
    const RUNS: usize = 4;
    let (_database, store) = bench.database();
    let directory = tempfile::tempdir().unwrap();
    let witness = Witness::new(directory.path());
    let (events, _) = long_run();
    let events: Vec<NewEvent> = events.into_iter().map(|event| event.kind.into()).collect();
    let appended = || {
        let begun = Instant::now();
        for _ in 0..RUNS {
            let run = FlowId::new();
            for (number, batch) in events.chunks(BATCH).enumerate() {
                store.append(run, (number * BATCH) as u64, batch).unwrap();
            }
        }
        (RUNS * events.len()) as f64 / begun.elapsed().as_secs_f64()
    };
    let rounds = (0..=ROUNDS).map(|_| {
        let alone = appended();
        // What the round before left is not the work of this one.
        seal(&store, Some(&witness), None).unwrap();
        let over = AtomicBool::new(false);
        let beside = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    seal(&store, Some(&witness), None).unwrap();
                    std::thread::sleep(Duration::from_secs(1));
                }
            });
            let beside = appended();
            over.store(true, Ordering::Relaxed);
            beside
        });
        seal(&store, Some(&witness), None).unwrap();
        (beside, alone)
    });
    let (beside, alone) = median(rounds.skip(1).collect());
    Line {
        work: format!("append to one flow, {BATCH} at a time, while the log is sealed each second"),
        store: format!("{beside:.0} events/s"),
        bare: format!("{alone:.0} events/s: without a sealer"),
        ratio: beside / alone,
        target: Some(Target::AtLeast(0.97)),
    }
}
