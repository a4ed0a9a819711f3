//! What somebody who may write a store can make others believe: nothing that its run does not bear out.

use std::sync::Arc;

use chem_runtime::artifact::Artifact;
use chem_runtime::engine::ReusePolicy;
use chem_runtime::event::{EventAddress, FinishedRows, FlowEvent, FlowEventKind, FlowId, StepFinished, StepStarted};
use chem_runtime::flow::{ReplayError, replay};
use chem_runtime::step::{CancelToken, Registry};
use chem_runtime::store::{EventStore, InMemoryEventStore, NewEvent};
use chem_runtime::workbench::{Audit, FindingKind, audit};
use chem_tests::events::hash;
use chem_tests::stores::{Tampering, fresh};
use serde_json::json;

use crate::pieces::{row, run};

fn ends(events: &[FlowEvent]) -> String {
    events.iter().map(|event| event.kind.letter()).filter(|letter| matches!(letter, 'F' | 'H')).collect()
}

fn reuse() -> ReusePolicy {
    ReusePolicy::wherever_possible()
}

fn audited(store: &Arc<dyn EventStore>) -> Audit {
    audit(store.as_ref(), Registry::linked().unwrap(), &CancelToken::default()).unwrap()
}

/// A memory store with the run of `events`, changed by `change`, and the artifacts of `origin`.
fn edited(
    origin: &Arc<dyn EventStore>,
    events: &[FlowEvent],
    mut change: impl FnMut(usize, &mut FlowEventKind),
) -> (Arc<dyn EventStore>, FlowId) {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let flow_id = events[0].flow_id;
    let mut kinds: Vec<FlowEventKind> = events.iter().map(|event| event.kind.clone()).collect();
    kinds.iter_mut().enumerate().for_each(|(position, kind)| change(position, kind));
    let mut new: Vec<NewEvent> = kinds.into_iter().map(NewEvent::from).collect();
    let all = origin.find_artifact_hashes("", usize::MAX).unwrap();
    new[0].artifacts = all.iter().map(|hash| origin.read_artifact(*hash).unwrap().unwrap()).collect();
    store.append(flow_id, 0, &new).unwrap();
    (store, flow_id)
}

fn started(kind: &mut FlowEventKind) -> &mut StepStarted {
    let FlowEventKind::StepStarted(started) = kind else { panic!("{kind:?}") };
    started
}

fn finished(kind: &mut FlowEventKind) -> &mut StepFinished {
    let FlowEventKind::StepFinished(finished) = kind else { panic!("{kind:?}") };
    finished
}

#[test]
fn every_component_of_a_run_is_recomputed_and_the_one_that_was_changed_is_named() {
    let origin: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    // I S F S F S F C
    let (_, events) = run(&origin, &row(3), reuse());
    type Change = fn(&mut FlowEventKind);
    let changes: [(usize, Change, &str); 16] = [
        (
            3,
            |kind| drop(started(kind).params.insert("number".into(), json!(9))),
            "parameter `number`, `9` here and `1`",
        ),
        (3, |kind| drop(started(kind).params.remove("dull")), "parameter `dull`, absent here and `false`"),
        (
            3,
            |kind| drop(started(kind).params.insert("more".into(), json!([1]))),
            "parameter `more`, `[1]` here and absent",
        ),
        (3, |kind| drop(started(kind).params.insert("library".into(), json!({"sha256": "0"}))), "`library`"),
        (3, |kind| started(kind).version = 2, "the version, 2 here and 1"),
        (3, |kind| started(kind).uses = "other".into(), "the step type, `other` here and `made.up`"),
        (3, |kind| _ = started(kind).inputs.insert("a".into(), hash(7)), "input `a`"),
        (3, |kind| _ = started(kind).inputs.insert("b".into(), hash(7)), "input `b`"),
        (3, |kind| started(kind).fingerprint = hash(7), "does not follow from its components"),
        (4, |kind| finished(kind).cache_key = Some(hash(7)), "the cache key of step `s1`"),
        (
            4,
            |kind| {
                let port = "a".to_owned();
                finished(kind).rows = Some(FinishedRows { outcomes: None, port, taken_over: None, work_key: hash(7) });
            },
            "the work key of step `s1`",
        ),
        (
            4,
            |kind| {
                let port = "rows".to_owned();
                finished(kind).rows = Some(FinishedRows { outcomes: None, port, taken_over: None, work_key: hash(7) });
            },
            "step `s1` has no input `rows` with rows",
        ),
        (4, |kind| finished(kind).fingerprint = hash(7), "finishes with a different fingerprint"),
        // What a step has put out is what the next one was given.
        (5, |_| (), "input `a` of step `s2`"),
        (
            0,
            |kind| {
                let FlowEventKind::FlowInitialized(began) = kind else { panic!() };
                began.definition_hash = hash(7);
            },
            "the definition hash is",
        ),
        (
            7,
            |kind| {
                let FlowEventKind::FlowCompleted(completed) = kind else { panic!() };
                completed.flow_fingerprint = hash(7);
            },
            "the flow fingerprint is",
        ),
    ];
    for (broken_at, change, words) in changes {
        let (store, flow_id) = edited(&origin, &events, |position, kind| match (position, broken_at) {
            (4, 5) => finished(kind).outputs[0].hash = hash(7),
            _ if position == broken_at => change(kind),
            _ => {}
        });
        let ReplayError { position, reason, .. } = replay(flow_id, &store.list(flow_id).unwrap()).expect_err(words);
        assert_eq!(position, broken_at as u64, "{words}: {reason}");
        assert!(reason.contains(words), "{reason}, and not {words}");
        // The same is found by who looks at all of the store.
        let audit = audited(&store);
        assert_eq!((audit.sound_runs, audit.unsound_runs, audit.is_sound()), (0, 1, false));
        let [finding] = &audit.findings[..] else { panic!("{audit:?}") };
        assert_eq!(finding.event, Some(EventAddress { flow_id, position }));
        assert_eq!(finding.reason, reason);
    }
    let (store, _) = edited(&origin, &events, |_, _| ());
    assert!(audited(&store).is_sound());
}

#[test]
fn a_planted_result_is_passed_over_and_hides_no_honest_one() {
    for (name, backend) in fresh() {
        let store = backend.store();
        let (honest, events) = run(&store, &row(3), reuse());
        let poison = Artifact::new("word", &json!("poison")).unwrap();
        // A result under another run, at its beginning; one behind a beginning; and the same again.
        for _ in 0..3 {
            let mut planted = events[4].kind.clone();
            finished(&mut planted).outputs[0].hash = poison.hash();
            let event = NewEvent { kind: planted, artifacts: vec![poison.clone()] };
            store.append(FlowId::new(), 0, std::slice::from_ref(&event)).unwrap();
            store.append(FlowId::new(), 0, &[events[0].kind.clone().into(), event]).unwrap();
        }
        let (after, again) = run(&store, &row(3), reuse());
        assert_eq!(ends(&again), "HHH", "{name}");
        assert!(after.steps().iter().all(|step| step.reused.unwrap().flow_id == honest.flow_id()), "{name}");
        assert_eq!(after.flow_fingerprint(), honest.flow_fingerprint());
        if !backend.orders_all_events() {
            continue;
        }
        let audit = audited(&store);
        assert_eq!((audit.sound_runs, audit.unsound_runs), (2, 6), "{name}");
        assert!(audit.findings.iter().all(|finding| finding.kind == FindingKind::Misfit), "{name}: {audit:?}");
    }
}

#[test]
fn an_edited_result_is_no_result_and_those_before_it_are() {
    for (name, backend) in fresh() {
        let store = backend.store();
        let (honest, events) = run(&store, &row(3), reuse());
        let mut poisoned = events[4].kind.clone();
        finished(&mut poisoned).outputs[0].hash = honest.steps()[0].outputs[0].hash;
        let payload = poisoned.payload_text().unwrap();
        let flow_id = honest.flow_id();
        if !backend.by_force(Tampering::Event { flow_id, position: 4, payload: &payload }) {
            continue;
        }
        let (after, again) = run(&store, &row(3), reuse());
        assert_eq!(ends(&again), "HFF", "{name}");
        assert_eq!(after.flow_fingerprint(), honest.flow_fingerprint(), "{name}");
        assert_eq!(after.steps()[1].outputs, honest.steps()[1].outputs, "{name}");
        let (third, _) = run(&store, &row(3), reuse());
        assert_eq!(third.steps()[1].reused.unwrap().flow_id, after.flow_id(), "{name}");

        // What follows a fault in the log is not believed, and what comes before it is.
        let mut changed = events[3].kind.clone();
        started(&mut changed).params.insert("number".into(), json!(2));
        let (fresh, _) = edited(&store, &events, |position, kind| {
            if position == 3 {
                *kind = changed.clone();
            }
        });
        assert_eq!(ends(&run(&fresh, &row(3), reuse()).1), "HFF", "{name}");
    }
}

#[test]
fn a_result_that_is_said_to_be_reused_is_looked_up() {
    let origin: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let (first, _) = run(&origin, &row(2), reuse());
    let (_, events) = run(&origin, &row(2), reuse());
    assert_eq!(ends(&events), "HH");
    assert!(audited(&origin).is_sound());
    for (source, words) in [
        (EventAddress { flow_id: first.flow_id(), position: 2 }, "has different outputs"),
        (EventAddress { flow_id: first.flow_id(), position: 3 }, "does not finish a step"),
        (EventAddress { flow_id: first.flow_id(), position: 99 }, "is not in the store"),
        (EventAddress { flow_id: FlowId::new(), position: 2 }, "is not in the store"),
    ] {
        let copied: Vec<NewEvent> = events
            .iter()
            .map(|event| {
                let mut kind = event.kind.clone();
                if let FlowEventKind::StepReused(reused) = &mut kind
                    && reused.step_index == 1
                {
                    reused.source = source;
                }
                kind.into()
            })
            .collect();
        let flow_id = FlowId::new();
        origin.append(flow_id, 0, &copied).unwrap();
        let audit = audited(&origin);
        let finding = audit.findings.iter().find(|finding| finding.event.unwrap().flow_id == flow_id).unwrap();
        assert_eq!((finding.kind, finding.event.unwrap().position), (FindingKind::Reuse, 4));
        assert!(finding.reason.contains(words), "{}", finding.reason);
        assert!(!audit.is_sound());
    }
}
