//! Branches: what they share, where they diverge, and a power loss while one is created.

use std::sync::Arc;

use chem_runtime::engine::{BranchError, CoreEngineError, FlowEngine};
use chem_runtime::event::{EventAddress, FlowEventKind, FlowId, StepReused};
use chem_runtime::flow::StepStatus;
use chem_runtime::store::{EventStore, InMemoryEventStore};
use chem_tests::stores::fresh;
use serde_json::Map;

use crate::counting::{Does, PowerLoss, Watched, flow, runs};

fn reused(store: &dyn EventStore, run: FlowId) -> Vec<StepReused> {
    let events = store.list(run).unwrap().into_iter();
    let reused = events.filter_map(|event| match event.kind {
        FlowEventKind::StepReused(reused) => Some(reused),
        _ => None,
    });
    reused.collect()
}

#[test]
fn a_branch_with_nothing_changed_shares_the_beginning_and_comes_to_the_same_fingerprint() {
    for (name, backend) in fresh() {
        let store = backend.store();
        let (definition, counters) = flow(&[Does::Add; 4]);
        let engine = FlowEngine::on(store.clone()).definition(definition);
        let (parent, branch, twig) = (engine.default_flow(), FlowId::new(), FlowId::new());
        engine.run(parent).unwrap();
        let instance = engine.handle(branch).branch_from(parent, "s2", Map::new()).unwrap();
        assert_eq!(engine.event_variants_for(branch).unwrap(), "IBSHSHSGFSGFC", "{name}");
        assert_eq!(instance.flow_fingerprint(), engine.flow_fingerprint_for(parent).unwrap(), "{name}");
        assert_eq!(runs(&counters), [1, 1, 2, 2], "{name}");
        for (index, shared) in reused(store.as_ref(), branch).iter().enumerate() {
            let EventAddress { flow_id, position } = shared.source;
            assert_eq!(flow_id, parent);
            let FlowEventKind::StepFinished(source) = &store.list(parent).unwrap()[position as usize].kind else {
                panic!("{shared:?} comes from something else");
            };
            assert_eq!((source.step_index, &source.outputs), (index, &shared.outputs));
        }
        assert!(instance.steps()[..2].iter().all(|step| step.reused.is_some()));

        // A branch of a branch has the same root, and shares the results of its parent's steps.
        let instance = engine.handle(twig).branch_from(branch, "s3", Map::new()).unwrap();
        let created = instance.branch().unwrap();
        assert_eq!((created.parent, created.root), (branch, parent));
        let sources: Vec<FlowId> = reused(store.as_ref(), twig).iter().map(|shared| shared.source.flow_id).collect();
        assert_eq!(sources, [parent, parent, branch], "{name}");
        // Nothing was changed in either branch.
        let first = engine.handle(branch).instance().unwrap().branch().unwrap().divergence;
        assert_eq!(created.divergence, first);
    }
}

#[test]
fn what_has_not_finished_cannot_be_shared() {
    let (definition, _) = flow(&[Does::Add, Does::Fail, Does::Add]);
    let engine = FlowEngine::new_with_definition(definition);
    let parent = engine.default_flow();
    assert!(engine.run(parent).is_err());
    let branch = FlowId::new();
    let Err(CoreEngineError::Branch(error)) = engine.handle(branch).branch_from(parent, "s2", Map::new()) else {
        panic!("it went")
    };
    let BranchError::NotFinished { step, status, .. } = error else { panic!("{error}") };
    assert_eq!((step.as_str(), status), ("s1", StepStatus::Failed));
    let unknown = engine.handle(branch).branch_from(parent, "s9", Map::new());
    assert!(matches!(unknown, Err(CoreEngineError::Branch(BranchError::UnknownStep { .. }))));
    assert_eq!(engine.events_for(branch).unwrap(), []);
}

#[test]
fn what_stands_before_the_step_has_to_be_the_same() {
    let store = Arc::new(InMemoryEventStore::new());
    let (definition, _) = flow(&[Does::Add; 2]);
    let engine = FlowEngine::on(store.clone()).definition(definition);
    let parent = engine.default_flow();
    engine.run(parent).unwrap();
    let other = FlowEngine::on(store)
        .first_step(chem_runtime::steps::demo::Seed { text: "C".into() })
        .add_step(chem_runtime::steps::demo::Characters {})
        .build()
        .unwrap();
    let refused = other.handle(FlowId::new()).branch_from(parent, "characters", Map::new());
    let Err(CoreEngineError::Branch(BranchError::SharedStepChanged { change, .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(change.to_string(), "step `seed` is new");
}

#[test]
fn power_lost_while_a_branch_is_made_leaves_none_or_all_of_what_it_shares() {
    for append in 0..4 {
        for loss in [PowerLoss::Before(append), PowerLoss::After(append)] {
            let (definition, counters) = flow(&[Does::Add; 4]);
            let parent_engine = FlowEngine::new_with_definition(definition.clone());
            parent_engine.run_to_end().unwrap();
            let parent = parent_engine.default_flow();
            // The parent is in the store before power can be lost.
            let store = Arc::new(Watched::new(Some(loss)));
            for event in parent_engine.events().unwrap() {
                let artifacts = match &event.kind {
                    FlowEventKind::StepFinished(finished) => finished.outputs.iter(),
                    _ => [].iter(),
                }
                .map(|output| parent_engine.event_store().read_artifact(output.hash).unwrap().unwrap())
                .collect();
                let event = chem_runtime::store::NewEvent { kind: event.kind, artifacts };
                store.inner.append(parent, store.inner.next_position(parent).unwrap(), &[event]).unwrap();
            }
            let engine = FlowEngine::on(store.clone()).definition(definition);
            let branch = FlowId::new();
            if engine.handle(branch).branch_from(parent, "s2", Map::new()).is_ok() {
                continue;
            }
            store.light();
            if engine.events_for(branch).unwrap().is_empty() {
                engine.handle(branch).branch_from(parent, "s2", Map::new()).unwrap();
            } else {
                match engine.run(branch) {
                    Ok(_) | Err(CoreEngineError::FlowCompleted { .. }) => {}
                    Err(error) => panic!("{loss:?}: {error}"),
                }
            }
            assert_eq!(engine.event_variants_for(branch).unwrap(), "IBSHSHSGFSGFC", "{loss:?}");
            let same = engine.flow_fingerprint_for(branch).unwrap() == parent_engine.flow_fingerprint().unwrap();
            assert!(same && runs(&counters)[..2] == [1, 1], "{loss:?}");
        }
    }
}
