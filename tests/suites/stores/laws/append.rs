//! The effects of an append.

use chem_runtime::event::FlowId;
use chem_runtime::store::{ErrorClass, PersistenceError};
use chem_tests::events::{artifact, finished, numbered, one_of_each, signal};
use chem_tests::stores::Backend;

use super::{appended, batch, everything};

pub(super) fn positions_are_contiguous_from_zero(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    store.append(flow_id, 0, &[numbered(0), numbered(1)]).unwrap();
    store.append(flow_id, 2, &[numbered(2)]).unwrap();
    store.append(flow_id, 3, &[numbered(3), numbered(4), numbered(5)]).unwrap();
    let events = store.list(flow_id).unwrap();
    assert_eq!(events.iter().map(|event| event.position).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(
        events.iter().map(|event| event.kind.clone()).collect::<Vec<_>>(),
        (0..6).map(signal).collect::<Vec<_>>()
    );
    assert_eq!(store.next_position(flow_id).unwrap(), 6);
}

pub(super) fn a_wrong_position_is_a_conflict_and_stores_nothing(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    for next in 0..3 {
        let before = everything(&*store);
        for wrong in [0, 1, 2, 3, 4, u64::MAX].into_iter().filter(|wrong| *wrong != next) {
            let error = store.append(flow_id, wrong, &[finished([artifact(1)]), numbered(9)]).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Conflict);
            let PersistenceError::Conflict { flow_id: run, expected, found } = error else { panic!("{error:?}") };
            assert_eq!((run, expected, found), (flow_id, wrong, next));
        }
        assert_eq!(everything(&*store), before);
        store.append(flow_id, next, &[numbered(next)]).unwrap();
    }
}

pub(super) fn an_empty_batch_stores_nothing(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    store.append(flow_id, 0, &[]).unwrap();
    assert_eq!(store.all_runs().unwrap(), []);
    store.append(flow_id, 0, &[numbered(0)]).unwrap();
    store.append(flow_id, 1, &[]).unwrap();
    assert!(matches!(store.append(flow_id, 0, &[]), Err(PersistenceError::Conflict { found: 1, .. })));
    assert_eq!(store.list(flow_id).unwrap().len(), 1);
}

pub(super) fn an_event_is_found_by_its_position(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    // Includes numbers that read back with another spelling, and equal values with two spellings.
    let data = serde_json::json!([1.0, -0.0, 1e16, 5e-324, 0.1 + 0.2, u64::MAX, {"b": 1, "a": 2}]);
    let mut stored = vec![store.append_kind(flow_id, signal(data)).unwrap()];
    stored.extend(appended(&*store, flow_id, 1, &[numbered(1), finished([artifact(1)])]));
    assert_eq!(store.list(flow_id).unwrap(), stored);
    for event in stored {
        assert_eq!(store.read_event(flow_id, event.position).unwrap(), Some(event));
    }
    for (run, position) in [(flow_id, 3), (flow_id, u64::MAX), (FlowId::new(), 0)] {
        assert_eq!(store.read_event(run, position).unwrap(), None);
    }
}

pub(super) fn every_kind_of_event_comes_back(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    store.append(flow_id, 0, &batch(one_of_each())).unwrap();
    let events = store.list(flow_id).unwrap();
    assert_eq!(events.iter().map(|event| event.kind.clone()).collect::<Vec<_>>(), one_of_each());
    assert_eq!(events.len(), chem_runtime::event::FlowEventKind::EVENT_TYPES.len());
    assert!(events.iter().all(|event| event.flow_id == flow_id));
}

pub(super) fn seq_grows_over_all_runs(backend: &dyn Backend) {
    let (store, one, other) = (backend.store(), FlowId::new(), FlowId::new());
    let mut stored = appended(&*store, one, 0, &[numbered(0), numbered(1)]);
    stored.extend(appended(&*store, other, 0, &[numbered(0)]));
    assert!(store.append(one, 0, &[numbered(9)]).is_err());
    stored.extend(appended(&*store, one, 2, &[numbered(2)]));
    stored.extend(appended(&*store, other, 1, &[numbered(1)]));
    assert!(stored.windows(2).all(|pair| pair[0].seq < pair[1].seq), "{stored:?}");
}

pub(super) fn append_kind_goes_on_where_the_run_has_got_to(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    for position in 0..4 {
        let event = store.append_kind(flow_id, signal(position)).unwrap();
        assert_eq!((event.flow_id, event.position, event.kind), (flow_id, position, signal(position)));
    }
    assert_eq!(store.list(flow_id).unwrap().len(), 4);
}

pub(super) fn a_run_that_nobody_began_has_no_events(backend: &dyn Backend) {
    let store = backend.store();
    store.append(FlowId::new(), 0, &[numbered(0)]).unwrap();
    assert_eq!(store.list(FlowId::new()).unwrap(), []);
    assert_eq!(store.next_position(FlowId::new()).unwrap(), 0);
}

/// Uses runs long enough that a store which fetches events in pages needs several, with and without a partial page.
pub(super) fn a_long_run_is_listed_whole(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let is_whole = |length: u64| {
        let listed = store.list(flow_id).unwrap();
        assert!(
            listed
                .iter()
                .map(|event| (event.position, &event.kind))
                .eq((0..length).zip(&(0..length).map(signal).collect::<Vec<_>>()))
        );
    };
    store.append(flow_id, 0, &(0..4_096).map(numbered).collect::<Vec<_>>()).unwrap();
    is_whole(4_096);
    store.append(flow_id, 4_096, &[numbered(4_096)]).unwrap();
    is_whole(4_097);
}
