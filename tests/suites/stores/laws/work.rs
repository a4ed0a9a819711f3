//! Finding results by the cache key of the work.

use chem_runtime::event::{EventAddress, FlowEventKind, FlowId};
use chem_runtime::store::EventStore;
use chem_tests::events::{artifact, finished, finished_rows, finished_work, hash, numbered, one_of_each};
use chem_tests::stores::Backend;

pub(super) fn the_results_of_a_work_are_found_newest_first(backend: &dyn Backend) {
    let (store, one, other) = (backend.store(), FlowId::new(), FlowId::new());
    let found = |store: &dyn EventStore, before, limit| -> Vec<(FlowId, u64)> {
        let results = store.find_cached(hash(1), before, limit).unwrap();
        for result in &results {
            let EventAddress { flow_id, position } = result.address;
            assert_eq!(store.read_event(flow_id, position).unwrap().unwrap().seq, result.seq);
        }
        results.iter().map(|result| (result.address.flow_id, result.address.position)).collect()
    };
    assert_eq!(found(&*store, None, 9), []);
    store.append(one, 0, &[numbered(0), finished_work(hash(1), [artifact(1)]), finished_work(hash(2), [])]).unwrap();
    assert_eq!(found(&*store, None, 9), [(one, 1)]);
    store.append(other, 0, &[finished_work(hash(1), [artifact(2)])]).unwrap();
    // The newest result in the store comes first, whichever run and position it has.
    store.append(one, 3, &[numbered(1), finished_work(hash(1), [])]).unwrap();
    let all = [(one, 4), (other, 0), (one, 1)];
    assert_eq!(found(&*store, None, usize::MAX), all);
    assert_eq!(found(&*store, None, 1), all[..1]);
    assert_eq!(found(&*store, None, 0), []);
    let newest = store.find_cached(hash(1), None, 1).unwrap()[0].seq;
    assert_eq!(found(&*store, Some(newest), 1), all[1..2]);
    assert_eq!(found(&*store, Some(newest), 9), all[1..]);
    assert_eq!(found(&*store, Some(0), 9), []);
    assert_eq!(store.find_cached(hash(2), None, 9).unwrap().len(), 1);
    if let Some(again) = backend.reopen() {
        assert_eq!(found(&*again, None, 9), all);
    }
}

pub(super) fn work_on_rows_is_found_by_its_own_key(backend: &dyn Backend) {
    let (store, one, other) = (backend.store(), FlowId::new(), FlowId::new());
    let found = |store: &dyn EventStore, key: u32, before, limit| -> Vec<(FlowId, u64)> {
        let results = store.find_work(hash(key), before, limit).unwrap();
        results.iter().map(|result| (result.address.flow_id, result.address.position)).collect()
    };
    assert_eq!(found(&*store, 1, None, 9), []);
    // The cache key and the work key of a step may be anything to each other.
    store.append(one, 0, &[finished_rows(hash(1)), finished_work(hash(1), []), finished_rows(hash(2))]).unwrap();
    store.append(other, 0, &[numbered(1), finished_rows(hash(1))]).unwrap();
    let all = [(other, 1), (one, 0)];
    assert_eq!(found(&*store, 1, None, 9), all);
    assert_eq!(found(&*store, 1, None, 1), all[..1]);
    let newest = store.find_work(hash(1), None, 1).unwrap()[0].seq;
    assert_eq!(found(&*store, 1, Some(newest), 9), all[1..]);
    assert_eq!(found(&*store, 2, None, 9), [(one, 2)]);
    assert_eq!(store.find_cached(hash(1), None, 9).unwrap().len(), 1);
    if let Some(again) = backend.reopen() {
        assert_eq!(found(&*again, 1, None, 9), all);
    }
}

pub(super) fn nothing_but_a_finished_step_is_a_result(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let others = one_of_each().into_iter().filter(|kind| !matches!(kind, FlowEventKind::StepFinished(_)));
    let mut events: Vec<_> = others.map(Into::into).collect();
    events.push(finished([artifact(1)]));
    store.append(flow_id, 0, &events).unwrap();
    // A rejected batch leaves no result either.
    assert!(store.append(flow_id, 0, &[finished_work(hash(5), [])]).is_err());
    assert_eq!(store.find_cached(hash(5), None, 9).unwrap(), []);
}
