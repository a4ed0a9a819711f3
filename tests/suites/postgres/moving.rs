//! Copying logs from one store to another.

use std::sync::Arc;

use chem_runtime::event::FlowId;
use chem_runtime::flow::replay;
use chem_runtime::store::postgres::{PgEventStore, PgFlowRepository, PoolProvider};
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore, InMemoryEventStore, NewEvent};

use crate::{pool, store_or_skip, work};

/// Appends the events of a run in one store to another, with the artifacts they refer to.
fn carry(from: &dyn EventStore, to: &dyn EventStore, run: FlowId) {
    use chem_runtime::event::FlowEventKind::StepFinished;
    let events = from.list(run).unwrap().into_iter().map(|event| {
        let named = match &event.kind {
            StepFinished(finished) => finished.outputs.iter().map(|output| output.hash).collect(),
            _ => Vec::new(),
        };
        let artifacts = named.into_iter().map(|hash| from.read_artifact(hash).unwrap().unwrap()).collect();
        NewEvent { kind: event.kind, artifacts }
    });
    to.append(run, 0, &events.collect::<Vec<_>>()).unwrap();
}

#[test]
fn a_run_carried_from_store_to_store_replays_to_the_same_state() {
    let (store, database) = store_or_skip!();
    let directory = tempfile::tempdir().unwrap();
    let postgres: Arc<dyn EventStore> = Arc::new(store);
    let sqlite: Arc<dyn EventStore> = Arc::new(SqliteEventStore::open(directory.path().join("store.db")).unwrap());
    let memory: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let engine = work::engine(postgres.clone(), 3);
    let run = engine.run_to_end_default_flow().unwrap();
    carry(&*postgres, &*sqlite, run);
    carry(&*sqlite, &*memory, run);
    let again = chem_tests::postgres_server::database().unwrap();
    let last: Arc<dyn EventStore> = Arc::new(PgEventStore::open(&again.address()).unwrap());
    carry(&*memory, &*last, run);

    let state = |store: &dyn EventStore| replay(run, &store.list(run).unwrap()).unwrap();
    let expected = state(&*postgres);
    assert_eq!(expected.flow_fingerprint(), Some(work::undisturbed(3)));
    let variants = |store: &dyn EventStore| store.all_runs().unwrap()[0].event_variants.clone();
    for store in [&sqlite, &memory, &last] {
        assert_eq!(state(store.as_ref()), expected);
        assert_eq!(variants(store.as_ref()), variants(postgres.as_ref()));
    }
    let repository = PgFlowRepository::new(PoolProvider { pool: pool(&database) });
    assert_eq!(repository.load_stored(run, engine.definition()).unwrap(), expected);
    assert_eq!(repository.load_stored(FlowId::new(), engine.definition()).unwrap().next_position(), 0);
    let other = work::engine(memory, 2);
    assert!(repository.load_stored(run, other.definition()).is_err());
}
