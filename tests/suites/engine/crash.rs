//! Loses power before or after each append. A resumed run ends like an undisturbed one.

use std::sync::Arc;

use chem_runtime::engine::{CoreEngineError, FlowEngine};
use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::store::{ErrorClass, EventStore};

use crate::counting::{Does, PowerLoss, Watched, flow, runs};

const STEPS: usize = 5;

fn kinds(store: &dyn EventStore, flow_id: FlowId) -> Vec<FlowEventKind> {
    store.list(flow_id).unwrap().into_iter().map(|event| event.kind).collect()
}

#[test]
fn power_lost_at_any_append_costs_nothing_that_had_finished() {
    let (definition, _) = flow(&[Does::Add; STEPS]);
    let undisturbed = Arc::new(Watched::new(None));
    let engine = FlowEngine::on(undisturbed.clone()).definition(definition);
    engine.run_to_end().unwrap();
    let expected = kinds(undisturbed.inner.as_ref(), engine.default_flow());

    for append in 0..=STEPS {
        for loss in [PowerLoss::Before(append), PowerLoss::After(append)] {
            let (definition, counters) = flow(&[Does::Add; STEPS]);
            let store = Arc::new(Watched::new(Some(loss)));
            let engine = FlowEngine::on(store.clone()).definition(definition.clone());
            let flow_id = engine.default_flow();
            assert!(matches!(engine.run_to_end(), Err(CoreEngineError::Store(_))), "{loss:?}");
            let finished = kinds(store.inner.as_ref(), flow_id).iter().filter(|kind| kind.letter() == 'F').count();
            let before = runs(&counters);
            store.light();
            // No step runs before the log has recorded that it starts.
            assert!(before[append.min(STEPS)..].iter().all(|runs| *runs == 0), "{loss:?}: {before:?}");

            // A new process has another engine, which knows only the log.
            let resumed = FlowEngine::on(store.clone()).definition(definition);
            match resumed.run(flow_id) {
                Ok(_) => {}
                // The last append was stored; only its response was lost.
                Err(CoreEngineError::FlowCompleted { .. }) => assert_eq!(loss, PowerLoss::After(STEPS)),
                Err(error) => panic!("{loss:?}: {error}"),
            }
            assert_eq!(kinds(store.inner.as_ref(), flow_id), expected, "{loss:?}");
            let again: Vec<usize> = runs(&counters).iter().zip(before).map(|(after, before)| after - before).collect();
            assert!(again[..finished].iter().all(|runs| *runs == 0), "{loss:?}: a finished step ran again: {again:?}");
            assert!(runs(&counters).iter().all(|runs| (1..=2).contains(runs)), "{loss:?}");
        }
    }
}

#[test]
fn a_session_that_lost_its_store_goes_on_from_the_log() {
    let (definition, _) = flow(&[Does::Add; STEPS]);
    let store = Arc::new(Watched::new(Some(PowerLoss::After(2))));
    let engine = FlowEngine::on(store.clone()).definition(definition);
    assert!(engine.run_to_end().is_err());
    store.light();
    engine.run_to_end().unwrap();
    assert_eq!(engine.event_variants().unwrap(), format!("I{}C", "SGF".repeat(STEPS)));
}

#[test]
fn two_engines_on_one_run_never_fork_its_log() {
    let (definition, _) = flow(&[Does::Add; 3]);
    let store = Arc::new(Watched::new(None));
    let one = FlowEngine::on(store.clone()).definition(definition.clone());
    let other = FlowEngine::on(store.clone()).definition(definition);
    let flow_id = one.default_flow();
    one.next().unwrap();
    // The second engine takes over; the first does not know.
    other.run(flow_id).unwrap();
    let error = one.run(flow_id).unwrap_err();
    let CoreEngineError::Store(error) = error else { panic!("{error}") };
    assert_eq!(error.class(), ErrorClass::Conflict, "{error}");
    assert_eq!(one.event_variants_for(flow_id).unwrap(), "ISGFSGFSGFC");
}

#[test]
fn a_run_that_began_elsewhere_under_this_engines_id_is_gone_on_with() {
    for steps_before in 0..=3 {
        let (definition, counters) = flow(&[Does::Add; 3]);
        let store = Arc::new(Watched::new(None));
        let engine = || FlowEngine::on(store.clone()).definition(definition.clone());
        let (here, mut elsewhere) = (engine(), engine());
        elsewhere.set_default_flow(here.default_flow());
        (0..steps_before).for_each(|_| drop(elsewhere.next().unwrap()));
        drop(elsewhere);
        let ended = here.run_to_end();
        match steps_before {
            3 => assert!(matches!(ended, Err(CoreEngineError::FlowCompleted { .. })), "{ended:?}"),
            _ => drop(ended.unwrap()),
        }
        assert_eq!(here.event_variants().unwrap(), "ISGFSGFSGFC");
        assert_eq!(runs(&counters), [1; 3], "after {steps_before} steps elsewhere");
    }
}
