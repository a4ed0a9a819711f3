//! Gates: a run waits for a person, and the effects of the decision.

use std::sync::Arc;

use chem_runtime::engine::{Answer, CoreEngineError, FlowEngine, GateError};
use chem_runtime::event::{FlowEventKind, FlowId, RetryScheduled};
use chem_runtime::fingerprint::Fingerprint;
use chem_runtime::flow::{Decision, FlowDefinition, FlowStatus, decide, replay};
use chem_runtime::manifest::{Source, check};
use chem_runtime::step::{Gate, Registry, RetryOn, RetryPolicy, StepExt as _, StepPolicy};
use chem_runtime::steps::demo::{Characters, Count, Seed};
use chem_runtime::store::{EventLog as _, EventStore, Holder, InMemoryEventStore, NewEvent, Takeover};
use chem_tests::events::rehash;
use chem_tests::stores::fresh;
use serde_json::{Value, json};

use crate::counting::{Does, flow};

/// Returns a flow whose first step has a gate that can change the text, and whose last step has a gate without data.
fn gated() -> FlowDefinition {
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "additionalProperties": false,
    });
    let gate = |message: &str, schema: Option<Value>| StepPolicy {
        gate: Some(Gate { message: message.into(), schema, signed_by: Vec::new() }),
        ..StepPolicy::default()
    };
    let engine = FlowEngine::new()
        .first_step(Seed { text: "CCO".into() }.named("seed").unwrap().policy(gate("which text?", Some(schema))))
        .add_step(Characters {}.named("characters").unwrap())
        .add_step(Count {}.named("count").unwrap().policy(gate("count them?", None)))
        .build()
        .unwrap();
    engine.definition().clone()
}

fn ungated(text: &str) -> Fingerprint {
    let engine = FlowEngine::new()
        .first_step(Seed { text: text.into() })
        .add_step(Characters {})
        .add_step(Count {})
        .build()
        .unwrap();
    engine.run_to_end().unwrap();
    engine.flow_fingerprint().unwrap().unwrap()
}

fn engine_on(store: &Arc<dyn EventStore>) -> FlowEngine {
    FlowEngine::on(store.clone()).definition(gated())
}

fn yes(data: Option<Value>) -> Answer {
    Answer { approved: true, data, ..Answer::default() }
}

#[track_caller]
fn waits_at<T>(result: Result<T, CoreEngineError>, step: &str, message: &str) {
    match result {
        Err(CoreEngineError::Waiting { step: at, message: asked, .. }) => {
            assert_eq!((at.as_str(), asked.as_str()), (step, message));
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the run went on"),
    }
}

/// A later release may find a run whose finished steps have versions that it lacks.
#[test]
fn a_parked_run_survives_that_a_finished_step_has_another_version_now() {
    let registry = Registry::linked().unwrap();
    for (name, backend) in fresh() {
        let (written, store) = (Arc::new(InMemoryEventStore::new()) as Arc<dyn EventStore>, backend.store());
        let engine = engine_on(&written);
        waits_at(engine.run_to_end(), "seed", "which text?");
        waits_at(engine.default_run().answer("seed", yes(Some(json!({})))), "count", "count them?");
        // The same run, as written by a release that had version 7 of the first step.
        let run = FlowId::new();
        let mut kinds: Vec<FlowEventKind> =
            written.list(engine.default_flow()).unwrap().into_iter().map(|event| event.kind).collect();
        if let FlowEventKind::FlowInitialized(begun) = &mut kinds[0] {
            begun.definition.steps[0].version = 7;
        }
        rehash(&mut kinds);
        for (position, kind) in (0..).zip(kinds) {
            let artifacts = match &kind {
                FlowEventKind::StepFinished(finished) => {
                    finished.outputs.iter().map(|output| written.read_artifact(output.hash).unwrap().unwrap()).collect()
                }
                _ => Vec::new(),
            };
            store.append(run, position, &[NewEvent { kind, artifacts }]).unwrap();
        }
        let instance = replay(run, &store.list(run).unwrap()).unwrap();
        let recorded = &instance.initialized().unwrap().definition;
        assert!(FlowDefinition::from_recorded("f", recorded, registry).is_err(), "{name}");
        let definition = FlowDefinition::of_run(&instance, registry).unwrap();
        let engine = FlowEngine::on(store.clone()).definition(definition);
        assert_eq!(engine.handle(run).answer("count", yes(None)).unwrap().status(), FlowStatus::Completed, "{name}");
    }
}

#[test]
fn a_run_waits_at_each_gate_and_goes_on_from_there_in_any_process_on_any_store() {
    for (name, backend) in fresh() {
        let store = backend.store();
        let first = engine_on(&store);
        let flow_id = first.default_flow();
        waits_at(first.run(flow_id), "seed", "which text?");
        assert_eq!(first.handle(flow_id).instance().unwrap().status(), FlowStatus::Waiting, "{name}");
        assert_eq!(store.all_runs().unwrap()[0].status(), FlowStatus::Waiting, "{name}");
        // Running again changes nothing, and the run has no lease holder in between.
        waits_at(engine_on(&store).run(flow_id), "seed", "which text?");
        waits_at(engine_on(&store).handle(flow_id).answer("seed", yes(Some(json!({})))), "count", "count them?");
        engine_on(&store).handle(flow_id).answer("count", yes(None)).unwrap();
        assert_eq!(first.event_variants_for(flow_id).unwrap(), "IUPSFSFUPSGFC", "{name}");
        assert_eq!(first.flow_fingerprint_for(flow_id).unwrap(), Some(ungated("CCO")), "{name}");
    }
}

#[test]
fn what_an_approval_brings_along_has_the_fingerprints_of_a_manifest_that_says_so() {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let engine = engine_on(&store);
    let flow_id = engine.default_flow();
    waits_at(engine.run(flow_id), "seed", "which text?");
    waits_at(engine.handle(flow_id).answer("seed", yes(Some(json!({"text": "c1ccccc1"})))), "count", "count them?");
    engine.handle(flow_id).answer("count", yes(None)).unwrap();
    assert_eq!(engine.flow_fingerprint_for(flow_id).unwrap(), Some(ungated("c1ccccc1")));
    assert_ne!(ungated("c1ccccc1"), ungated("CCO"));
}

#[test]
fn a_rejected_run_has_failed_and_may_be_asked_about_again() {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let engine = engine_on(&store);
    let flow_id = engine.default_flow();
    waits_at(engine.run(flow_id), "seed", "which text?");
    let no = Answer { reason: Some("the wrong library".into()), ..Answer::default() };
    let instance = engine.handle(flow_id).answer("seed", no).unwrap();
    assert_eq!(instance.status(), FlowStatus::Failed);
    assert_eq!(store.all_runs().unwrap()[0].status(), FlowStatus::Failed);
    assert_eq!(instance.step("seed").unwrap().error.as_ref().unwrap().0, "rejected: the wrong library");
    assert!(matches!(engine.run(flow_id), Err(CoreEngineError::FlowHasFailed { .. })));
    waits_at(engine.retry(flow_id, "it is the right one"), "seed", "which text?");
    assert_eq!(engine.event_variants_for(flow_id).unwrap(), "IUPRU");
}

#[test]
fn the_status_after_each_event_is_what_is_decided_next() {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let engine = engine_on(&store);
    let flow_id = engine.default_flow();
    waits_at(engine.run(flow_id), "seed", "which text?");
    engine.handle(flow_id).answer("seed", Answer::default()).unwrap();
    waits_at(engine.retry(flow_id, "look again"), "seed", "which text?");
    waits_at(engine.handle(flow_id).answer("seed", yes(Some(json!({})))), "count", "count them?");
    engine.handle(flow_id).answer("count", yes(None)).unwrap();
    let (failing, _) = flow(&[Does::Add, Does::Fail]);
    let failing = FlowEngine::new_with_definition(failing);
    failing.run_to_end().unwrap_err();

    for events in [store.list(flow_id).unwrap(), failing.events().unwrap()] {
        for (index, event) in events.iter().enumerate() {
            let instance = replay(event.flow_id, &events[..=index]).unwrap();
            let decided = match decide(&instance) {
                Decision::Completed => FlowStatus::Completed,
                Decision::Failed(_) | Decision::Retry(_) => FlowStatus::Failed,
                Decision::Wait(_) => FlowStatus::Waiting,
                _ => FlowStatus::Interrupted,
            };
            assert_eq!((instance.status(), event.kind.status_after()), (decided, decided), "{event:?}");
        }
    }
}

#[test]
fn a_rejection_is_no_attempt() {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let gate = Some(Gate { message: "go on?".into(), schema: None, signed_by: Vec::new() });
    let retry = Some(RetryPolicy { attempts: 1, backoff_ms: 0, on: RetryOn::Transient });
    let policy = StepPolicy { gate, retry, ..StepPolicy::default() };
    let engine = FlowEngine::on(store.clone())
        .first_step(Seed { text: "CCO".into() }.named("seed").unwrap().policy(policy))
        .build()
        .unwrap();
    let flow_id = engine.default_flow();
    waits_at(engine.run(flow_id), "seed", "go on?");
    for _ in 0..2 {
        engine.handle(flow_id).answer("seed", Answer::default()).unwrap();
        waits_at(engine.retry(flow_id, "look again"), "seed", "go on?");
    }
    engine.handle(flow_id).answer("seed", Answer::default()).unwrap();

    // A log of an earlier release, which counted a rejection as an attempt, is read unchanged.
    let counted = RetryScheduled {
        by: None,
        step_id: "seed".into(),
        step_index: 0,
        attempt: 2,
        allowed: None,
        reason: "look again".into(),
        not_before: None,
    };
    let lease = store.acquire_lease(flow_id, &far_away(), Takeover::IfFree).unwrap();
    let position = store.next_position(flow_id).unwrap();
    store.append_as((&lease).into(), position, &[FlowEventKind::RetryScheduled(counted).into()]).unwrap();
    assert_eq!(engine.handle(flow_id).instance().unwrap().step("seed").unwrap().attempt, 2);
}

/// Returns a holder on another host, whose liveness is unknown here.
fn far_away() -> Holder {
    Holder { host: "far".into(), place: "away".into(), pid: 7, started: 1, job: None }
}

#[test]
fn nobody_has_a_rejected_run_in_hand() {
    for (name, backend) in fresh() {
        let store = backend.store();
        let engine = engine_on(&store);
        let flow_id = engine.default_flow();
        waits_at(engine.run(flow_id), "seed", "which text?");
        engine.handle(flow_id).answer("seed", Answer::default()).unwrap();
        assert!(store.acquire_lease(flow_id, &far_away(), Takeover::IfFree).is_ok(), "{name}");
    }
}

#[test]
fn a_step_whose_file_is_gone_is_not_approved_and_may_be_rejected() {
    for (name, backend) in fresh() {
        let (store, directory) = (backend.store(), tempfile::tempdir().unwrap());
        let file = directory.path().join("in.csv");
        std::fs::write(&file, "name\na\n").unwrap();
        let manifest = "flow: gated
steps:
  - { id: read, uses: table.read, with: { path: in.csv }, gate: { message: This one? } }
";
        let registry = Registry::linked().unwrap();
        let checked = check(&Source::new("m.yaml", manifest), &[], registry, directory.path());
        let engine = FlowEngine::on(store.clone()).directory(directory.path()).definition(checked.definition.unwrap());
        let flow_id = engine.default_flow();
        waits_at(engine.run(flow_id), "read", "This one?");
        std::fs::remove_file(&file).unwrap();
        match engine.handle(flow_id).answer("read", yes(None)) {
            Err(CoreEngineError::Gate(GateError::CannotStart { step, reason })) => {
                assert!(step == "read" && reason.contains("in.csv"), "{name}: {reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(engine.event_variants_for(flow_id).unwrap(), "IU", "{name}");
        let lease = store.acquire_lease(flow_id, &far_away(), Takeover::IfFree).unwrap();
        store.release_lease(&lease).unwrap();
        let rejected = engine.handle(flow_id).answer("read", Answer::default()).unwrap();
        assert_eq!(rejected.status(), FlowStatus::Failed, "{name}");
    }
}

#[test]
fn an_answer_that_does_not_fit_is_not_taken() {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let engine = engine_on(&store);
    let flow_id = engine.default_flow();
    waits_at(engine.run(flow_id), "seed", "which text?");
    let refused = |step: &str, answer: Answer| match engine.handle(flow_id).answer(step, answer) {
        Err(CoreEngineError::Gate(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was taken"),
    };
    assert!(matches!(refused("count", yes(None)), GateError::NotAsked { .. }));
    assert!(matches!(refused("seed", yes(None)), GateError::Answer(_)));
    assert!(matches!(refused("seed", yes(Some(json!({"text": 3})))), GateError::Answer(_)));
    assert!(matches!(refused("seed", yes(Some(json!({"txt": "C"})))), GateError::Answer(_)));
    let other = Answer { shown: Some("0000".into()), ..yes(Some(json!({}))) };
    assert!(matches!(refused("seed", other), GateError::Changed { .. }));
    assert_eq!(engine.event_variants_for(flow_id).unwrap(), "IU");
    let shown = engine.handle(flow_id).instance().unwrap().step("seed").unwrap().question.as_ref().unwrap().shown;
    let right = Answer { shown: Some(shown.short()), ..yes(Some(json!({}))) };
    waits_at(engine.handle(flow_id).answer("seed", right), "count", "count them?");
    // A question that was already answered cannot be answered again.
    assert!(matches!(refused("seed", yes(Some(json!({})))), GateError::NotAsked { .. }));
    assert!(matches!(refused("count", yes(Some(json!({})))), GateError::Answer(_)));
}

#[test]
fn a_run_parked_by_an_earlier_release_goes_on_in_this_one() {
    let before: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let parked = engine_on(&before);
    waits_at(parked.run_to_end(), "seed", "which text?");

    // The same log, as another release on another machine would have written it.
    let mut events: Vec<NewEvent> = Vec::new();
    for event in parked.events().unwrap() {
        let kind = match event.kind {
            FlowEventKind::FlowInitialized(mut begun) => {
                begun.environment.release = "0.0.9".into();
                begun.environment.platform = "aarch64-macos".into();
                FlowEventKind::FlowInitialized(begun)
            }
            kind => kind,
        };
        events.push(kind.into());
    }
    let (store, flow_id) = (Arc::new(InMemoryEventStore::new()), FlowId::new());
    store.append(flow_id, 0, &events).unwrap();
    let log = store.list(flow_id).unwrap();
    let FlowEventKind::FlowInitialized(begun) = &log[0].kind else { panic!("{log:?}") };
    let registry = Registry::linked().unwrap();
    let definition = FlowDefinition::from_recorded(&begun.flow, &begun.definition, registry).unwrap();
    let engine = FlowEngine::on(store).definition(definition);
    waits_at(engine.handle(flow_id).answer("seed", yes(Some(json!({})))), "count", "count them?");
    engine.handle(flow_id).answer("count", yes(None)).unwrap();
    assert_eq!(engine.flow_fingerprint_for(flow_id).unwrap(), Some(ungated("CCO")));
}

#[test]
fn a_flow_in_rust_with_a_schema_that_is_none_is_not_built() {
    let schema = Some(json!({"type": "objekt"}));
    let policy = StepPolicy {
        gate: Some(Gate { message: "which text?".into(), schema, signed_by: Vec::new() }),
        ..StepPolicy::default()
    };
    let built = FlowEngine::new().first_step(Seed { text: "CCO".into() }.named("seed").unwrap().policy(policy)).build();
    let error = built.err().unwrap().to_string();
    assert!(error.starts_with("step `seed`: the schema of the gate cannot be used"), "{error}");
}
