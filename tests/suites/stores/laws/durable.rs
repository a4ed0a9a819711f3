//! What outlives the process. Skipped for the store in memory.

use chem_runtime::event::FlowId;
use chem_tests::events::{artifact, finished, numbered, one_of_each};
use chem_tests::stores::Backend;
use serde_json::json;

use super::{batch, everything};

pub(super) fn what_was_stored_is_there_when_the_store_is_opened_again(backend: &dyn Backend) {
    let store = backend.store();
    store.append(FlowId::new(), 0, &batch(one_of_each())).unwrap();
    let noted = artifact(1).with_metadata(json!({"a": 1}));
    store.append(FlowId::new(), 0, &[numbered(0), finished([noted, artifact(2)])]).unwrap();
    let before = everything(&*store);
    drop(store);
    if let Some(again) = backend.reopen() {
        assert_eq!(everything(&*again), before);
    }
}

pub(super) fn a_store_opened_again_goes_on_where_it_was(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let first = super::appended(&*store, flow_id, 0, &[numbered(0), numbered(1)]);
    drop(store);
    let Some(again) = backend.reopen() else { return };
    assert_eq!(again.next_position(flow_id).unwrap(), 2);
    let next = again.append_kind(flow_id, chem_tests::events::signal(2)).unwrap();
    assert!(next.seq > first[1].seq);
    assert_eq!(again.list(flow_id).unwrap().len(), 3);
}
