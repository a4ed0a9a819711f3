//! Following the log of all runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chem_runtime::event::{FlowEvent, FlowId};
use chem_runtime::store::{Cursor, ErrorClass, EventStore, Follower, PersistenceError, RunFollower};
use chem_tests::events::{artifact, finished, numbered, one_of_each};
use chem_tests::stores::{Backend, Tampering};

use super::{appended, batch};

const AT_ONCE: Duration = Duration::ZERO;

pub(super) fn every_event_comes_once_and_in_order(backend: &dyn Backend) {
    let Some(store) = followed(backend) else { return };
    let runs = [FlowId::new(), FlowId::new(), FlowId::new()];
    let mut stored = Vec::new();
    for position in 0..4 {
        for run in runs {
            stored.extend(appended(&*store, run, position * 2, &[numbered(0), finished([artifact(1)])]));
        }
    }
    let (all, end) = read_all(&*store, Cursor::START, 1000, stored.len());
    assert_eq!(all, stored);
    assert_eq!(store.follow(end, 1000, AT_ONCE).unwrap().events, []);

    // Reads pages of any size, with the cursor passed as text.
    for limit in [1, 2, 5, 24] {
        assert_eq!(read_all(&*store, Cursor::START, limit, stored.len()), (stored.clone(), end));
    }
}

/// Returns the store, if the events of all its runs have one order. One without it says where they have one.
fn followed(backend: &dyn Backend) -> Option<Arc<dyn EventStore>> {
    let store = backend.store();
    if !backend.orders_all_events() {
        let error = store.follow(Cursor::START, 9, AT_ONCE).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Permanent);
        assert!(error.to_string().contains("chem store merge"), "{error}");
        return None;
    }
    Some(store)
}

/// Reads `count` events after `cursor`. Waits for new events, which may become visible late while other programs have open
/// transactions.
fn read_all(store: &dyn EventStore, mut cursor: Cursor, limit: usize, count: usize) -> (Vec<FlowEvent>, Cursor) {
    let mut read = Vec::new();
    while read.len() < count {
        let followed = store.follow(cursor, limit, Duration::from_secs(60)).unwrap();
        assert!(!followed.events.is_empty() && followed.events.len() <= limit);
        read.extend(followed.events);
        cursor = followed.cursor.to_string().parse().unwrap();
    }
    (read, cursor)
}

pub(super) fn an_empty_log_is_waited_for_and_no_longer_than_asked(backend: &dyn Backend) {
    let Some(store) = followed(backend) else { return };
    let begun = Instant::now();
    let followed = store.follow(Cursor::START, 10, Duration::from_millis(30)).unwrap();
    assert_eq!((followed.events, followed.cursor), (Vec::new(), Cursor::START));
    assert!(begun.elapsed() >= Duration::from_millis(30));
}

pub(super) fn who_waits_is_given_the_next_event(backend: &dyn Backend) {
    let Some(store) = followed(backend) else { return };
    let flow_id = FlowId::new();
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(|| Follower::new(&*store, Cursor::START).take(2).collect::<Result<Vec<_>, _>>());
        store.append(flow_id, 0, &[numbered(0)]).unwrap();
        store.append(flow_id, 1, &[numbered(1)]).unwrap();
        reader.join().unwrap().unwrap()
    });
    assert_eq!(read, store.list(flow_id).unwrap());
}

pub(super) fn nothing_is_lost_while_many_write(backend: &dyn Backend) {
    const WRITERS: u64 = 8;
    const EVENTS: u64 = 25;
    let Some(store) = followed(backend) else { return };
    let runs: Vec<FlowId> = (0..WRITERS).map(|_| FlowId::new()).collect();
    let read: Vec<FlowEvent> = std::thread::scope(|scope| {
        let all = usize::try_from(WRITERS * EVENTS).unwrap();
        let reader = scope.spawn(move || Follower::new(&*backend.store(), Cursor::START).take(all).collect());
        for run in &runs {
            let store = &store;
            scope.spawn(move || {
                for position in 0..EVENTS {
                    store.append(*run, position, &[numbered(position)]).unwrap();
                }
            });
        }
        let read: Result<Vec<FlowEvent>, _> = reader.join().unwrap();
        read.unwrap()
    });
    let mut positions: HashMap<FlowId, u64> = HashMap::new();
    for event in &read {
        let next = positions.entry(event.flow_id).or_default();
        assert_eq!(event.position, *next, "run {}", event.flow_id);
        *next += 1;
    }
    assert_eq!(positions.len(), runs.len());
    // A later reader gets them in the same order.
    assert_eq!(read_all(&*store, Cursor::START, 7, read.len()).0, read);
}

pub(super) fn an_event_that_cannot_be_read_keeps_no_other_from_its_readers(backend: &dyn Backend) {
    let Some(store) = followed(backend) else { return };
    let flow_id = FlowId::new();
    let stored = appended(&*store, flow_id, 0, &(0..7).map(numbered).collect::<Vec<_>>());
    for position in [2, 5, 6] {
        if !backend.by_force(Tampering::Event { flow_id, position, payload: "{}" }) {
            return;
        }
    }
    let wait = Duration::from_secs(60);
    let (mut read, mut named, mut cursor) = (Vec::new(), Vec::new(), Cursor::START);
    while named.len() < 3 {
        match store.follow(cursor, 1000, wait) {
            Ok(followed) => {
                assert!(!followed.events.is_empty());
                cursor = followed.cursor;
                read.extend(followed.events);
            }
            Err(PersistenceError::Unreadable(unreadable)) => {
                let PersistenceError::Event { flow_id: run, position, .. } = unreadable.error() else {
                    panic!("{unreadable:?}")
                };
                assert_eq!(*run, flow_id);
                assert!(unreadable.to_string().contains(&format!("event {position} of run {flow_id}")), "{unreadable}");
                // A reader that does not advance past it gets the same error again.
                assert!(matches!(store.follow(cursor, 1, wait), Err(PersistenceError::Unreadable(_))));
                named.push(*position);
                cursor = unreadable.after().to_string().parse().unwrap();
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(named, [2, 5, 6]);
    assert!(read.iter().eq([0, 1, 3, 4].map(|position: usize| &stored[position])), "{read:?}");
    let mut follower = Follower::new(&*store, Cursor::START);
    assert_eq!(follower.by_ref().take(2).collect::<Result<Vec<_>, _>>().unwrap(), stored[..2]);
    assert_eq!(follower.next().unwrap().unwrap_err().class(), ErrorClass::Corrupt);
}

/// Uses a run long enough that a store which fetches events in pages needs several.
pub(super) fn a_run_is_read_on_from_any_position(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    store.append(flow_id, 0, &(0..2_100).map(numbered).collect::<Vec<_>>()).unwrap();
    store.append(FlowId::new(), 0, &[numbered(0)]).unwrap();
    let all = store.list(flow_id).unwrap();
    for from in [0, 1, 51, 52, 1_023, 1_024, 1_076, 2_099, 2_100, 2_101] {
        assert_eq!(store.read_run(flow_id, from).unwrap(), all.get(from as usize..).unwrap_or_default(), "{from}");
    }
    assert_eq!(store.read_run(flow_id, u64::MAX).unwrap(), []);
    assert_eq!(store.read_run(FlowId::new(), 0).unwrap(), []);
}

pub(super) fn a_follower_of_a_run_reads_each_event_once(backend: &dyn Backend) {
    let (store, flow_id, kinds) = (backend.store(), FlowId::new(), one_of_each());
    let mut follower = RunFollower::new(&*store, flow_id);
    assert_eq!((follower.read(AT_ONCE).unwrap(), follower.position()), (Vec::new(), 0));
    let of = |event_type: &str| kinds.iter().find(|kind| kind.event_type() == event_type).unwrap().clone();
    let batches = [
        vec![of("flowinitialized"), of("stepstarted")],
        vec![of("userinteractionrequested")],
        vec![of("userinteractionprovided"), of("stepfinished"), of("flowcompleted")],
    ];
    let mut stored = Vec::new();
    for kinds in batches {
        assert!(!follower.has_ended());
        let new = appended(&*store, flow_id, stored.len() as u64, &batch(kinds));
        assert_eq!(follower.read(AT_ONCE).unwrap(), new);
        assert_eq!(follower.read(AT_ONCE).unwrap(), []);
        // Changes an event that the follower has already read.
        let position = stored.len() as u64;
        backend.by_force(Tampering::Event { flow_id, position, payload: "{}" });
        stored.extend(new);
        assert_eq!(follower.position(), stored.len() as u64);
    }
    assert!(follower.has_ended());

    // The error repeats on every read, and no earlier event was lost.
    let other = FlowId::new();
    let first = appended(&*store, other, 0, &[numbered(0)]);
    let mut follower = RunFollower::new(&*store, other);
    assert_eq!(follower.read(AT_ONCE).unwrap(), first);
    store.append(other, 1, &[numbered(1)]).unwrap();
    if backend.by_force(Tampering::Event { flow_id: other, position: 1, payload: "{}" }) {
        for _ in 0..2 {
            assert_eq!(follower.read(AT_ONCE).unwrap_err().class(), ErrorClass::Corrupt);
            assert_eq!(follower.position(), 1);
        }
    }
}
