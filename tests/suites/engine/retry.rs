//! Failed steps that are retried, automatically and on request.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chem_runtime::engine::{Clock, CoreEngineError, FlowEngine};
use chem_runtime::event::{FlowEventKind, RetryScheduled};
use chem_runtime::flow::{FlowDefinition, FlowStatus};
use chem_runtime::step::{CancelToken, RetryOn, RetryPolicy, StepPolicy};
use jiff::{SignedDuration, Timestamp};

use crate::counting::{Does, PowerLoss, Watched, flow, flow_under, runs};

/// A clock that advances only during waits, and may cancel a run at a given time.
struct TestClock {
    now: Mutex<Timestamp>,
    stop: Option<(Timestamp, CancelToken)>,
}

impl TestClock {
    fn new() -> Self {
        Self { now: Mutex::new(Timestamp::UNIX_EPOCH), stop: None }
    }

    fn seconds(&self) -> i64 {
        self.now.lock().unwrap().as_second()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn pass(&self, time: Duration) {
        let mut now = self.now.lock().unwrap();
        *now += SignedDuration::try_from(time).unwrap();
        if let Some((when, token)) = &self.stop
            && *now >= *when
        {
            token.cancel();
        }
    }
}

fn patient(attempts: u32, on: RetryOn) -> StepPolicy {
    let retry = RetryPolicy { attempts, backoff_ms: 10_000, on };
    StepPolicy { retry: Some(retry), ..StepPolicy::default() }
}

fn on_clock(definition: FlowDefinition, clock: &Arc<TestClock>) -> FlowEngine {
    FlowEngine::new().clock(clock.clone()).definition(definition)
}

fn retries(engine: &FlowEngine) -> Vec<RetryScheduled> {
    let events = engine.events().unwrap().into_iter();
    let retries = events.filter_map(|event| match event.kind {
        FlowEventKind::RetryScheduled(retry) => Some(retry),
        _ => None,
    });
    retries.collect()
}

#[test]
fn a_failure_that_passes_is_tried_again_after_longer_and_longer_waits() {
    let (definition, counters) = flow_under(&[Does::Add, Does::Busy(2), Does::Add], &patient(3, RetryOn::Transient));
    let clock = Arc::new(TestClock::new());
    let engine = on_clock(definition, &clock);
    engine.run_to_end().unwrap();
    assert_eq!(engine.event_variants().unwrap(), "ISGFSXRSXRSGFSGFC");
    assert_eq!(runs(&counters), [1, 3, 1]);
    assert_eq!(clock.seconds(), 10 + 20);
    let told: Vec<_> = retries(&engine).iter().map(|it| (it.attempt, it.allowed, it.reason.clone())).collect();
    assert_eq!(told, [(2, Some(3), "the server is busy".into()), (3, Some(3), "the server is busy".into())]);

    // Neither the attempts nor the events about them change a fingerprint.
    let (calm, _) = flow(&[Does::Add; 3]);
    let undisturbed = FlowEngine::new_with_definition(calm);
    undisturbed.run_to_end().unwrap();
    assert_eq!(engine.flow_fingerprint().unwrap(), undisturbed.flow_fingerprint().unwrap());
}

#[test]
fn there_are_no_more_attempts_than_are_allowed() {
    let (definition, counters) = flow_under(&[Does::Busy(9)], &patient(3, RetryOn::Transient));
    let clock = Arc::new(TestClock::new());
    let engine = on_clock(definition, &clock);
    assert!(matches!(engine.run_to_end(), Err(CoreEngineError::StepFailed { .. })));
    assert_eq!((engine.event_variants().unwrap().as_str(), runs(&counters)), ("ISXRSXRSX", vec![3]));
    // The limit also applies to a retry on request.
    let error = engine.retry(engine.default_flow(), "once more").unwrap_err();
    assert!(matches!(error, CoreEngineError::NoAttemptsLeft { allowed: 3, .. }), "{error}");
    assert_eq!(engine.event_variants().unwrap(), "ISXRSXRSX");
}

#[test]
fn a_failure_that_does_not_pass_is_tried_again_only_where_any_is() {
    for (on, letters) in [(RetryOn::Transient, "ISX"), (RetryOn::Any, "ISXRSX")] {
        let (definition, _) = flow_under(&[Does::Fail], &patient(2, on));
        let engine = on_clock(definition, &Arc::new(TestClock::new()));
        assert!(engine.run_to_end().is_err());
        assert_eq!(engine.event_variants().unwrap(), letters, "{on:?}");
    }
}

#[test]
fn a_person_may_ask_for_another_attempt_and_need_not_wait_for_it() {
    let (definition, counters) = flow(&[Does::Add, Does::Busy(2), Does::Add]);
    let clock = Arc::new(TestClock::new());
    let engine = on_clock(definition, &clock);
    let flow_id = engine.default_flow();
    assert!(engine.run_to_end().is_err());
    assert!(engine.retry(flow_id, "the server is back").is_err());
    let instance = engine.retry(flow_id, "now it is").unwrap();
    assert_eq!(instance.status(), FlowStatus::Completed);
    assert_eq!(engine.event_variants().unwrap(), "ISGFSXRSXRSGFSGFC");
    assert_eq!((runs(&counters), clock.seconds()), (vec![1, 3, 1], 0));
    let told: Vec<_> = retries(&engine).iter().map(|it| (it.attempt, it.allowed, it.reason.clone())).collect();
    assert_eq!(told, [(2, None, "the server is back".into()), (3, None, "now it is".into())]);
    // A run that has not failed cannot be retried.
    assert!(matches!(engine.retry(flow_id, "?"), Err(CoreEngineError::NotFailed { .. })));
}

#[test]
fn a_wait_ends_when_the_run_is_asked_to_stop_and_goes_on_where_it_was() {
    let (definition, _) = flow_under(&[Does::Busy(1)], &patient(2, RetryOn::Transient));
    let cancel = CancelToken::default();
    let when = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(4);
    let clock = Arc::new(TestClock { stop: Some((when, cancel.clone())), ..TestClock::new() });
    let store = Arc::new(Watched::new(None));
    let begin = |clock: &Arc<TestClock>, cancel: CancelToken| {
        FlowEngine::on(store.clone()).clock(clock.clone()).cancel_token(cancel).definition(definition.clone())
    };
    let engine = begin(&clock, cancel);
    let flow_id = engine.default_flow();
    assert!(matches!(engine.run(flow_id), Err(CoreEngineError::Interrupted { .. })));
    assert_eq!(engine.event_variants().unwrap(), "ISXR");
    assert_eq!(engine.handle(flow_id).instance().unwrap().status(), FlowStatus::Interrupted);
    drop(engine);

    // Six seconds of the wait are left.
    let later = Arc::new(TestClock { now: Mutex::new(clock.now()), stop: None });
    begin(&later, CancelToken::default()).run(flow_id).unwrap();
    assert_eq!(later.seconds(), 10);
}

#[test]
fn a_wait_that_a_wrong_clock_has_set_is_no_longer_than_the_manifest_says() {
    let (definition, _) = flow_under(&[Does::Busy(1)], &patient(2, RetryOn::Transient));
    let cancel = CancelToken::default();
    // The run is cancelled during the wait, and the clock that set the wait was an hour ahead.
    let ahead = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
    let clock = Arc::new(TestClock { now: Mutex::new(ahead), stop: Some((ahead, cancel.clone())) });
    let store = Arc::new(Watched::new(None));
    let builder = || FlowEngine::on(store.clone());
    let engine = builder().clock(clock).cancel_token(cancel).definition(definition.clone());
    let flow_id = engine.default_flow();
    assert!(matches!(engine.run(flow_id), Err(CoreEngineError::Interrupted { .. })));
    drop(engine);
    let right = Arc::new(TestClock::new());
    builder().clock(right.clone()).definition(definition).run(flow_id).unwrap();
    assert_eq!(right.seconds(), 10);
}

#[test]
fn power_lost_at_any_append_of_a_run_with_retries_changes_nothing() {
    let does = [Does::Busy(1), Does::Add, Does::Busy(2)];
    let policy = patient(3, RetryOn::Transient);
    for append in 0..8 {
        for loss in [PowerLoss::Before(append), PowerLoss::After(append)] {
            let (definition, _) = flow_under(&does, &policy);
            let store = Arc::new(Watched::new(Some(loss)));
            let engine = |definition: FlowDefinition| {
                let builder = FlowEngine::on(store.clone());
                builder.clock(Arc::new(TestClock::new())).definition(definition)
            };
            let first = engine(definition.clone());
            let flow_id = first.default_flow();
            let Err(error) = first.run(flow_id) else { continue };
            assert!(matches!(error, CoreEngineError::Store(_)), "{loss:?}: {error}");
            drop(first);
            store.light();
            let resumed = engine(definition);
            match resumed.run(flow_id) {
                Ok(_) | Err(CoreEngineError::FlowCompleted { .. }) => {}
                Err(error) => panic!("{loss:?}: {error}"),
            }
            let (calm, _) = flow(&[Does::Add; 3]);
            let undisturbed = FlowEngine::new_with_definition(calm);
            undisturbed.run_to_end().unwrap();
            assert_eq!(
                resumed.flow_fingerprint_for(flow_id).unwrap(),
                undisturbed.flow_fingerprint().unwrap(),
                "{loss:?}"
            );
        }
    }
}
