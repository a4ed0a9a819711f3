//! Finding what was finished by the work that was done.

use chem_runtime::event::{FlowEventKind, FlowId};
use chem_tests::events::{artifact, finished, finished_work, hash, numbered, one_of_each};
use chem_tests::stores::Backend;

pub(super) fn the_newest_result_of_a_work_is_found(backend: &dyn Backend) {
    let (store, one, other) = (backend.store(), FlowId::new(), FlowId::new());
    assert_eq!(store.finished(hash(1)).unwrap(), None);
    store.append(one, 0, &[numbered(0), finished_work(hash(1), [artifact(1)]), finished_work(hash(2), [])]).unwrap();
    let found = store.finished(hash(1)).unwrap().unwrap();
    assert_eq!(found, store.list(one).unwrap()[1]);
    store.append(other, 0, &[finished_work(hash(1), [artifact(2)])]).unwrap();
    assert_eq!(store.finished(hash(1)).unwrap().unwrap(), store.list(other).unwrap()[0]);
    // The newest in the store, whichever run it belongs to and wherever it stands there.
    store.append(one, 3, &[numbered(1), finished_work(hash(1), [])]).unwrap();
    assert_eq!(store.finished(hash(1)).unwrap().unwrap(), store.list(one).unwrap()[4]);
    assert_eq!(store.finished(hash(2)).unwrap().unwrap(), store.list(one).unwrap()[2]);
    if let Some(again) = backend.reopen() {
        assert_eq!(again.finished(hash(1)).unwrap(), store.finished(hash(1)).unwrap());
    }
}

pub(super) fn nothing_but_a_finished_step_is_a_result(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let others = one_of_each().into_iter().filter(|kind| !matches!(kind, FlowEventKind::StepFinished(_)));
    let mut events: Vec<_> = others.map(Into::into).collect();
    events.push(finished([artifact(1)]));
    store.append(flow_id, 0, &events).unwrap();
    // A batch that is refused leaves no result either.
    assert!(store.append(flow_id, 0, &[finished_work(hash(5), [])]).is_err());
    assert_eq!(store.finished(hash(5)).unwrap(), None);
}
