//! Measures loading and replaying a long run.

use std::sync::Arc;
use std::time::Instant;

use chem_runtime::event::FlowEvent;
use chem_runtime::store::postgres::{PgFlowRepository, PgPool, PoolProvider};
use chem_runtime::store::{EventLog as _, InMemoryEventStore, NewEvent};

use crate::Bench;
use crate::flows::engine;
use crate::table::{Line, Target, median};

/// Returns the events and the definition of a run of 10,000 events.
pub fn long_run() -> (Vec<FlowEvent>, chem_runtime::flow::FlowDefinition) {
    let engine = engine(Arc::new(InMemoryEventStore::new()), 4_999, "CCO");
    engine.run_to_end().unwrap();
    (engine.events().unwrap(), engine.definition().clone())
}

pub fn replay(bench: &Bench) -> Line {
    const ROUNDS: usize = 21;
    let (database, store) = bench.database();
    let (events, definition) = long_run();
    let run = events[0].flow_id;
    let count = events.len();
    let events: Vec<NewEvent> = events.into_iter().map(|event| event.kind.into()).collect();
    store.append(run, 0, &events).unwrap();
    let pool = PgPool::connect(&database.address(), Default::default()).unwrap();
    let repository = PgFlowRepository::new(PoolProvider { pool });
    let mut client = database.client();
    client.batch_execute("VACUUM ANALYZE event_log").unwrap();
    let select = client
        .prepare(
            "SELECT seq, flow_id, position, ts, event_type, payload::text
             FROM event_log WHERE flow_id = $1 ORDER BY position",
        )
        .unwrap();
    let rounds = (0..=ROUNDS).map(|_| {
        let begun = Instant::now();
        let instance = repository.load_stored(run, &definition).unwrap();
        let ours = begun.elapsed().as_secs_f64() * 1e3;
        assert_eq!(instance.next_position(), count as u64);
        let begun = Instant::now();
        assert_eq!(client.query(&select, &[&run.as_uuid()]).unwrap().len(), count);
        (ours, begun.elapsed().as_secs_f64() * 1e3)
    });
    let (ours, bare) = median(rounds.skip(1).collect());
    Line {
        work: format!("load and replay a flow of {count} events"),
        store: format!("{ours:.1} ms"),
        bare: format!("{bare:.1} ms: the bare SELECT"),
        ratio: ours / bare,
        target: Some(Target::AtMost(1.5)),
    }
}
