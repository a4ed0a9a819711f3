//! Runs for tests to disturb.

use std::sync::Arc;

use chem_runtime::engine::FlowEngine;
use chem_runtime::event::{FlowEvent, FlowId};
use chem_runtime::fingerprint::Fingerprint;
use chem_runtime::steps::demo::Seed;
use chem_runtime::store::{EventStore, InMemoryEventStore};
use chem_tests::events::{numbered, signal};
use chem_tests::steps::Slow;

/// Returns an engine for a flow of a source and `steps` slow steps.
pub fn engine(store: Arc<dyn EventStore>, steps: usize) -> FlowEngine {
    let mut builder = FlowEngine::on(store).first_step(Seed { text: "C".into() });
    for _ in 0..steps {
        builder = builder.add_step(Slow { wait: 3, ran: None });
    }
    builder.build().unwrap()
}

/// Returns the fingerprint of an undisturbed run.
pub fn undisturbed(steps: usize) -> Fingerprint {
    let engine = engine(Arc::new(InMemoryEventStore::new()), steps);
    engine.run_to_end().unwrap().flow_fingerprint().unwrap()
}

/// Appends to the run while `goes_on` holds, and returns the number of acknowledged events.
pub fn witness(store: &dyn EventStore, run: FlowId, goes_on: impl Fn(u64) -> bool) -> u64 {
    let mut acknowledged = 0;
    while goes_on(acknowledged) {
        store.append(run, acknowledged, &[numbered(acknowledged)]).unwrap();
        acknowledged += 1;
    }
    acknowledged
}

/// Checks that exactly the acknowledged events are present, each once.
#[track_caller]
pub fn is_whole(events: &[FlowEvent], acknowledged: u64) {
    assert_eq!(events.len() as u64, acknowledged);
    for (number, event) in (0..).zip(events) {
        assert_eq!((event.position, &event.kind), (number, &signal(number)));
    }
}
