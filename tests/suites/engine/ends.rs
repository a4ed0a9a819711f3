//! How a run ends, and that an ended run cannot continue.

use chem_runtime::engine::{CoreEngineError, FlowEngine};
use chem_runtime::flow::{FlowStatus, StepStatus};

use crate::counting::{Does, flow, runs};

#[test]
fn a_complete_run_does_not_go_on() {
    let (definition, counters) = flow(&[Does::Add; 2]);
    let engine = FlowEngine::new_with_definition(definition);
    let instance = engine.run_to_end().unwrap();
    assert_eq!(instance.status(), FlowStatus::Completed);
    assert!(matches!(engine.next(), Err(CoreEngineError::FlowCompleted { .. })));
    assert!(matches!(engine.run_to_end(), Err(CoreEngineError::FlowCompleted { .. })));
    assert_eq!(runs(&counters), [1, 1]);
    assert_eq!(engine.event_variants().unwrap(), "ISGFSGFC");
}

#[test]
fn a_failed_step_ends_the_run_and_says_why() {
    let (definition, counters) = flow(&[Does::Add, Does::Fail, Does::Add]);
    let engine = FlowEngine::new_with_definition(definition);
    let Err(CoreEngineError::StepFailed { step, error, causes, .. }) = engine.run_to_end() else {
        panic!("the run has to fail");
    };
    assert_eq!(
        (step.as_str(), error.as_str(), causes),
        ("s1", "the library is empty", vec!["no such molecule".into()])
    );
    let Err(CoreEngineError::FlowHasFailed { step, .. }) = engine.next() else { panic!("a failed run went on") };
    assert_eq!(step.as_str(), "s1");
    assert_eq!(engine.event_variants().unwrap(), "ISGFSX");
    assert_eq!(runs(&counters), [1, 1, 0]);
    assert!(engine.flow_fingerprint().unwrap().is_none());
}

#[test]
fn a_panic_is_a_failed_step() {
    let (definition, _) = flow(&[Does::Add, Does::Panic]);
    let engine = FlowEngine::new_with_definition(definition);
    let Err(CoreEngineError::StepFailed { error, .. }) = engine.run_to_end() else { panic!("the run has to fail") };
    assert_eq!(error, "the step panicked: bug in s1");
    let instance = engine.default_run().instance().unwrap();
    assert_eq!(instance.step("s1").unwrap().status, StepStatus::Failed);
}

#[test]
fn what_no_store_can_hold_fails_the_step_with_its_path() {
    let (definition, _) = flow(&[Does::Unstorable]);
    let engine = FlowEngine::new_with_definition(definition);
    let Err(CoreEngineError::StepFailed { error, causes, .. }) = engine.run_to_end() else {
        panic!("the run has to fail");
    };
    assert!(error.contains("`note`"), "{error}");
    assert!(causes[0].contains("`$.data`") && causes[0].contains("U+0000"), "{causes:?}");
}

#[test]
fn a_step_whose_input_never_came_does_not_start() {
    let (definition, counters) = flow(&[Does::Nothing, Does::Add]);
    let engine = FlowEngine::new_with_definition(definition);
    let Err(CoreEngineError::MissingInputs { step, port, from, .. }) = engine.run_to_end() else {
        panic!("the run cannot go on");
    };
    assert_eq!((step.as_str(), port.as_str(), from.as_str()), ("s1", "input", "s0.main"));
    assert_eq!(engine.event_variants().unwrap(), "ISF");
    assert_eq!(runs(&counters), [1, 0]);
}

#[test]
fn a_cancelled_run_stops_before_the_next_step_and_can_go_on() {
    let (definition, counters) = flow(&[Does::Add; 3]);
    let token = chem_runtime::step::CancelToken::default();
    let store = std::sync::Arc::new(chem_runtime::store::InMemoryEventStore::new());
    let engine = FlowEngine::on(store.clone()).cancel_token(token.clone()).definition(definition.clone());
    engine.next().unwrap();
    token.cancel();
    assert!(matches!(engine.run_to_end(), Err(CoreEngineError::Interrupted { .. })));
    assert_eq!(engine.event_variants().unwrap(), "ISGF");

    let resumed = FlowEngine::on(store).definition(definition);
    resumed.run(engine.default_flow()).unwrap();
    assert_eq!(runs(&counters), [1, 1, 1]);
}
