//! Merging stores: runs that are split over stores come together, in whatever order and however often they are merged.

use chem_runtime::event::FlowId;
use chem_runtime::handover::merge;
use chem_runtime::step::CancelToken;
use chem_runtime::store::{EventStore, Holder, Lease, NewEvent};
use chem_tests::events::{artifact, finished, numbered};
use chem_tests::stores::{Backend, Memory, Spool, Sqlite, Tampering, fresh};
use chem_tests::values::cases;
use proptest::collection::vec;
use proptest::prelude::*;

/// The events of a run, of which every second one has artifacts; runs share some.
fn history(run: u64, length: usize) -> Vec<NewEvent> {
    let event = |number: u64| match number % 2 {
        0 => numbered(run * 100 + number),
        _ => finished([artifact(number), artifact(run * 100 + number)]),
    };
    (0..length as u64).map(event).collect()
}

/// Appends the events in commits of one or two.
fn append(store: &dyn EventStore, flow_id: FlowId, events: &[NewEvent]) {
    let mut position = store.next_position(flow_id).unwrap() as usize;
    while position < events.len() {
        let until = events.len().min(position + 1 + position % 2);
        store.append(flow_id, position as u64, &events[position..until]).unwrap();
        position = until;
    }
}

#[track_caller]
fn has_all(store: &dyn EventStore, runs: &[FlowId], histories: &[Vec<NewEvent>]) {
    for (flow_id, history) in runs.iter().zip(histories) {
        let kinds: Vec<_> = store.list(*flow_id).unwrap().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, history.iter().map(|event| event.kind.clone()).collect::<Vec<_>>());
        for artifact in history.iter().flat_map(|event| &event.artifacts) {
            assert_eq!(store.read_artifact(artifact.hash()).unwrap().as_ref(), Some(artifact));
        }
    }
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn runs_split_over_stores_come_together_in_any_order(
        lengths in vec(1_usize..7, 1..5),
        cuts in vec(vec(0_usize..7, 5), 1..4),
        order in vec(0_usize..8, 1..8),
        begun in vec(0_usize..7, 5),
    ) {
        let runs: Vec<FlowId> = lengths.iter().map(|_| FlowId::new()).collect();
        let histories: Vec<Vec<NewEvent>> =
            (1..).zip(&lengths).map(|(run, length)| history(run, *length)).collect();
        // Each source has the beginnings of some runs, and the last one all of them.
        let sources: Vec<Box<dyn Backend>> = (0..=cuts.len())
            .map(|number| -> Box<dyn Backend> {
                let source: Box<dyn Backend> = match number % 2 {
                    0 => Box::new(Memory::fresh().unwrap()),
                    _ => Box::new(Spool::fresh().unwrap()),
                };
                for ((run, events), index) in runs.iter().zip(&histories).zip(0..) {
                    let cut = cuts.get(number).map_or(events.len(), |cuts: &Vec<usize>| cuts[index].min(events.len()));
                    append(source.store().as_ref(), *run, &events[..cut]);
                }
                source
            })
            .collect();
        for (name, backend) in fresh() {
            let target = backend.store();
            // A merge that was killed has left the beginnings of runs.
            for ((run, events), begun) in runs.iter().zip(&histories).zip(&begun) {
                append(target.as_ref(), *run, &events[..(*begun).min(events.len())]);
            }
            let all = order.iter().map(|number| number % sources.len()).chain(0..sources.len());
            for number in all {
                let merged = merge(sources[number].store().as_ref(), target.as_ref(), &CancelToken::default()).unwrap();
                prop_assert_eq!((merged.refused, merged.lost), (vec![], vec![]), "{}", name);
            }
            has_all(target.as_ref(), &runs, &histories);
            for source in &sources {
                let again = merge(source.store().as_ref(), target.as_ref(), &CancelToken::default()).unwrap();
                prop_assert_eq!((again.events, again.new, again.continued), (0, vec![], vec![]), "{}", name);
            }
        }
    }
}

#[test]
fn a_run_with_other_events_and_one_that_runs_are_left_out_and_the_others_are_merged() {
    for (name, backend) in fresh() {
        let (source, target) = (Sqlite::fresh().unwrap(), backend.store());
        let (from, runs) = (source.store(), [FlowId::new(), FlowId::new(), FlowId::new()]);
        for (number, run) in (1..).zip(runs) {
            append(from.as_ref(), run, &history(number, 4));
        }
        append(target.as_ref(), runs[0], &history(9, 2));
        let far = Holder { host: "far".into(), place: "away".into(), pid: 7, started: 1, job: None };
        let lease = Lease::of_new_run(runs[1], far);
        target.append_as((&lease).into(), 0, &history(2, 1)).unwrap();
        let merged = merge(from.as_ref(), target.as_ref(), &CancelToken::default()).unwrap();
        assert_eq!((merged.new, merged.present), (vec![runs[2]], 0), "{name}");
        let refused: Vec<_> = merged.refused.iter().map(|run| run.flow_id.unwrap()).collect();
        assert_eq!(refused, [runs[0], runs[1]], "{name}");
        assert!(merged.refused[0].reason.contains("different events"), "{:?}", merged.refused);
        assert!(merged.refused[1].reason.contains("process 7 on far"), "{:?}", merged.refused);
        has_all(target.as_ref(), &runs[2..], &[history(3, 4)]);
        target.release_lease(&lease).unwrap();
        let again = merge(from.as_ref(), target.as_ref(), &CancelToken::default()).unwrap();
        assert_eq!((again.continued, again.present, again.refused.len()), (vec![runs[1]], 1, 1), "{name}");
        has_all(target.as_ref(), &runs[1..], &[history(2, 4), history(3, 4)]);
    }
}

#[test]
fn an_artifact_that_the_source_has_lost_is_named() {
    let (source, target) = (Spool::fresh().unwrap(), Sqlite::fresh().unwrap());
    let (from, run, lost) = (source.store(), FlowId::new(), artifact(1));
    append(from.as_ref(), run, &history(3, 4));
    let tampering = Tampering::Payload { hash: lost.hash(), payload: "1" };
    assert!(source.by_force(tampering));
    let merged = merge(from.as_ref(), target.store().as_ref(), &CancelToken::default()).unwrap();
    assert_eq!((merged.lost, merged.events), (vec![(run, lost.hash())], 4));
}
