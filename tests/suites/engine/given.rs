//! What an engine is built on: any form of a store, and a repository that has a default.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chem_runtime::engine::{FlowEngine, FlowEngineBuilder, NoSteps};
use chem_runtime::event::{FlowEvent, FlowId};
use chem_runtime::flow::{FlowDefinition, FlowInstance};
use chem_runtime::store::{
    EventStore, FlowRepository, InMemoryEventStore, InMemoryFlowRepository, IntoEventStore, LoadError,
};

use crate::counting::{Does, Watched, flow};

#[test]
fn a_store_may_be_given_as_it_is_shared_or_boxed() {
    fn runs(store: impl IntoEventStore) {
        finishes(FlowEngine::on(store));
    }
    fn finishes(builder: FlowEngineBuilder<NoSteps>) {
        let (definition, _) = flow(&[Does::Add; 3]);
        let engine = builder.definition(definition);
        engine.run_to_end().unwrap();
        assert_eq!(engine.event_variants().unwrap(), "ISGFSGFSGFC");
        assert_eq!(engine.event_store().list(engine.default_flow()).unwrap(), engine.events().unwrap());
    }
    runs(InMemoryEventStore::new());
    runs(Arc::new(InMemoryEventStore::new()));
    runs(Arc::new(InMemoryEventStore::new()) as Arc<dyn EventStore>);
    runs(Box::new(InMemoryEventStore::new()) as Box<dyn EventStore>);
    // A store of a crate that is not chem-runtime.
    runs(Watched::new(None));
    runs(Arc::new(Watched::new(None)));
    for backend in chem_tests::stores::fresh() {
        runs(backend.1.store());
    }
    // The first design's constructors take every form, too.
    let boxed = || Box::new(InMemoryEventStore::new()) as Box<dyn EventStore>;
    finishes(FlowEngine::builder(boxed(), InMemoryFlowRepository::new()));
    let engine = FlowEngine::new_with_stores(boxed(), InMemoryFlowRepository, flow(&[Does::Add]).0);
    engine.run_to_end().unwrap();
}

/// Counts the runs whose state it builds.
#[derive(Default)]
struct Counted(AtomicUsize);

impl FlowRepository for Counted {
    fn load(
        &self,
        flow_id: FlowId,
        events: &[FlowEvent],
        definition: &FlowDefinition,
    ) -> Result<FlowInstance, LoadError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        InMemoryFlowRepository::new().load(flow_id, events, definition)
    }
}

#[test]
fn a_repository_can_be_replaced_and_need_not_be_named() {
    for (_, backend) in chem_tests::stores::fresh() {
        let (store, definition) = (backend.store(), flow(&[Does::Add, Does::Add]).0);
        let engine = FlowEngine::on(store.clone()).definition(definition.clone());
        engine.next().unwrap();
        let run = engine.default_flow();
        drop(engine);

        let repository = Arc::new(Counted::default());
        let resumed = FlowEngine::on(store).repository(repository.clone()).definition(definition);
        resumed.run(run).unwrap();
        assert_eq!(repository.0.load(Ordering::SeqCst), 1);
    }
}
