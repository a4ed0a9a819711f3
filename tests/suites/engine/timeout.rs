//! Steps that exceed their timeout are stopped and fail, and the process survives.

use chem_runtime::engine::{CoreEngineError, FlowEngine};
use chem_runtime::flow::StepStatus;
use chem_runtime::step::{RetryOn, RetryPolicy, StepPolicy};

use crate::counting::{Does, flow, flow_under, runs};

fn within(timeout_ms: u64, attempts: u32) -> StepPolicy {
    let retry = RetryPolicy { attempts, backoff_ms: 0, on: RetryOn::Transient };
    StepPolicy { retry: Some(retry), timeout_ms: Some(timeout_ms), ..StepPolicy::default() }
}

#[test]
fn a_step_that_ends_in_time_ends_as_it_would_without_a_limit() {
    let (definition, _) = flow_under(&[Does::Add; 3], &within(60_000, 1));
    let (without, _) = flow(&[Does::Add; 3]);
    let engines = [definition, without].map(FlowEngine::new_with_definition);
    let [limited, free] = engines.map(|engine| {
        engine.run_to_end().unwrap();
        (engine.event_variants().unwrap(), engine.flow_fingerprint().unwrap())
    });
    assert_eq!(limited, free);
    assert_eq!(limited.0, "ISGFSGFSGFC");
}

#[test]
fn a_step_that_takes_too_long_is_stopped_and_may_be_tried_again() {
    let (definition, counters) = flow_under(&[Does::Endless], &within(20, 2));
    let engine = FlowEngine::new_with_definition(definition);
    let Err(CoreEngineError::StepFailed { error, .. }) = engine.run_to_end() else { panic!("the run has to fail") };
    assert_eq!(error, "the step did not end within 20ms");
    assert_eq!((engine.event_variants().unwrap().as_str(), runs(&counters)), ("ISXRSX", vec![2]));
}

#[test]
fn a_step_that_does_not_stop_is_left_behind_and_not_tried_again_beside_itself() {
    for on in [RetryOn::Transient, RetryOn::Any] {
        let retry = Some(RetryPolicy { attempts: 3, backoff_ms: 0, on });
        let (definition, counters) = flow_under(&[Does::Deaf], &StepPolicy { retry, ..within(20, 3) });
        let engine = FlowEngine::new_with_definition(definition);
        let Err(CoreEngineError::StepFailed { error, .. }) = engine.run_to_end() else { panic!("the run has to fail") };
        assert!(error.contains("did not end within 20ms") && error.contains("was left behind"), "{error}");
        assert_eq!((engine.event_variants().unwrap().as_str(), runs(&counters)), ("ISX", vec![1]), "{on:?}");
        // The log records it for the process that loads the run later.
        let state = engine.default_run().instance().unwrap();
        assert!(state.steps()[0].left_behind, "{on:?}");
        assert!(matches!(engine.run_to_end(), Err(CoreEngineError::FlowHasFailed { .. })));
    }
}

#[test]
fn a_panic_within_a_limit_is_a_failed_step() {
    let (definition, _) = flow_under(&[Does::Panic], &within(60_000, 1));
    let engine = FlowEngine::new_with_definition(definition);
    let Err(CoreEngineError::StepFailed { error, .. }) = engine.run_to_end() else { panic!("the run has to fail") };
    assert_eq!(error, "the step panicked: bug in s0");
    let instance = engine.default_run().instance().unwrap();
    assert_eq!(instance.step("s0").unwrap().status, StepStatus::Failed);
}

#[test]
fn a_run_that_is_stopped_within_a_limit_is_interrupted_and_not_failed() {
    let (definition, _) = flow_under(&[Does::Endless], &within(60_000, 1));
    let cancel = chem_runtime::step::CancelToken::default();
    let engine = FlowEngine::new().cancel_token(cancel.clone()).definition(definition);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| engine.run_to_end());
        while engine.events().unwrap().len() < 2 {
            std::thread::yield_now();
        }
        cancel.cancel();
        assert!(matches!(run.join().unwrap(), Err(CoreEngineError::Interrupted { .. })));
    });
    assert_eq!(engine.event_variants().unwrap(), "IS");
}
