//! Measures what evidence costs: `cargo bench -p chem-tests --bench evidence`.
//!
//! First the heads and the tree against a bare SHA-256 of the same bytes, in turns; then a seal and an audit of a million
//! events, or as many as `CHEM_BENCH_EVENTS` says, in each kind of store.

#[path = "table.rs"]
#[allow(dead_code, reason = "other benchmarks have lower bounds, too")]
mod table;

use std::hint::black_box;
use std::time::Instant;

use chem_runtime::event::FlowId;
use chem_runtime::evidence::{
    Digest, EMPTY_HEAD, Frontier, Witness, audit, head_after, leaf_data, leaf_hash, prove_run, seal,
};
use chem_runtime::store::{EventStore, NewEvent, StoredEvent};
use chem_tests::events::{artifact, finished, signal};
use table::{Line, Target, median};

/// The size of a payload in bytes: that of an average event.
const PAYLOAD: usize = 400;

fn main() {
    let events = std::env::var("CHEM_BENCH_EVENTS").ok().map_or(1_000_000, |events| events.parse().unwrap());
    table::head();
    table::print(&heads_and_tree(events));
    println!();
    for (name, backend) in chem_tests::stores::fresh() {
        let store = backend.store();
        if store.attestations().is_some() {
            sealed(name, store.as_ref(), events);
        }
    }
}

fn heads_and_tree(count: usize) -> Line {
    const ROUNDS: usize = 5;
    let event = |position: u64| StoredEvent {
        seq: position,
        flow_id: "01a20a54-b3f4-750a-b103-55322ccad5ce".into(),
        position,
        ts: "2026-11-23T21:34:12.982586Z".into(),
        event_type: "stepfinished".into(),
        payload: vec![b'a' + (position % 26) as u8; PAYLOAD],
    };
    let events: Vec<StoredEvent> = (0..10_000).map(event).collect();
    let all = || events.iter().cycle().take(count);
    let rounds = (0..=ROUNDS).map(|_| {
        let begun = Instant::now();
        let (mut head, mut tree) = (EMPTY_HEAD, Frontier::default());
        for event in all() {
            head = head_after(&head, event);
            tree.push(leaf_hash(&leaf_data(event, &head)));
        }
        black_box(tree.root());
        let ours = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        for event in all() {
            black_box(Digest::of(&event.payload));
        }
        (ours / count as f64 * 1e6, begun.elapsed().as_secs_f64() / count as f64 * 1e6)
    });
    let (ours, bare) = median(rounds.skip(1).collect());
    Line {
        work: format!("heads and tree of {count} events with payloads of {PAYLOAD} bytes"),
        store: format!("{ours:.2} µs/event"),
        bare: format!("{bare:.2} µs/event: a bare SHA-256 of the payload"),
        ratio: ours / bare,
        target: Some(Target::AtMost(5.0)),
    }
}

/// Prints how long a seal, an audit and a proof of `count` events take.
fn sealed(name: &str, store: &dyn EventStore, count: usize) {
    const RUN: usize = 20;
    let directory = tempfile::tempdir().unwrap();
    let witness = Witness::new(directory.path());
    let text = "x".repeat(PAYLOAD - 60);
    let mut run = FlowId::new();
    for number in 0..count.div_ceil(RUN) {
        run = FlowId::new();
        let mut events: Vec<NewEvent> = (1..RUN).map(|_| signal(text.as_str()).into()).collect();
        events.push(finished([artifact(number as u64)]));
        store.append(run, 0, &events).unwrap();
    }
    let time = |work: &dyn Fn()| {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64()
    };
    let sealing = time(&|| drop(seal(store, Some(&witness), None).unwrap()));
    let auditing = time(&|| {
        let audited = audit(store, Some(&witness), None).unwrap();
        assert_eq!((audited.unsealed(), audited.findings), (0, vec![]));
    });
    let proving = time(&|| drop(prove_run(store, run).unwrap().unwrap()));
    let proof = prove_run(store, run).unwrap().unwrap().to_string().len();
    println!(
        "{name}: {count} events, {} artifacts: sealed in {sealing:.1} s, audited in {auditing:.1} s, a run proved in \
         {proving:.1} s by {proof} bytes",
        count.div_ceil(RUN)
    );
}
