//! The list of runs.

use chem_runtime::event::FlowId;
use chem_runtime::flow::FlowStatus;
use chem_runtime::store::EventStore as _;
use chem_tests::events::{hash, numbered, one_of_each};
use chem_tests::stores::Backend;

use super::batch;

pub(super) fn runs_are_listed_in_the_order_in_which_they_began(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.flows().unwrap(), []);
    // The order of beginning is not that of the ids, nor that of the latest events.
    let mut runs: Vec<FlowId> = (0..5).map(|_| FlowId::new()).collect();
    runs.reverse();
    for &run in &runs {
        store.append(run, 0, &[numbered(0)]).unwrap();
    }
    store.append(runs[1], 1, &[numbered(1)]).unwrap();
    store.append(runs[0], 1, &[numbered(1)]).unwrap();
    let listed: Vec<FlowId> = store.flows().unwrap().iter().map(|summary| summary.flow_id()).collect();
    assert_eq!(listed, runs);
}

pub(super) fn a_summary_tells_the_first_event_the_last_and_all_letters(backend: &dyn Backend) {
    let store = backend.store();
    let (whole, begun, failed) = (FlowId::new(), FlowId::new(), FlowId::new());
    let kinds = one_of_each();
    store.append(whole, 0, &batch(kinds.clone())).unwrap();
    store.append(begun, 0, &batch(kinds[..2].to_vec())).unwrap();
    // The letters of one run are not mixed with those of another.
    store.append(failed, 0, &batch([kinds[0].clone()])).unwrap();
    store.append(begun, 2, &batch([kinds[4].clone()])).unwrap();
    store.append(failed, 1, &batch([kinds[1].clone(), kinds[3].clone()])).unwrap();

    let summaries = store.flows().unwrap();
    let letters: Vec<&str> = summaries.iter().map(|summary| summary.event_variants.as_str()).collect();
    assert_eq!(letters, ["ISFXGHRBUPC", "ISG", "ISX"]);
    for summary in &summaries {
        let events = store.list(summary.flow_id()).unwrap();
        assert_eq!((Some(&summary.first), Some(&summary.last)), (events.first(), events.last()));
        assert_eq!(summary.flow(), Some("oral-leads"));
    }
    let statuses: Vec<FlowStatus> = summaries.iter().map(|summary| summary.status()).collect();
    assert_eq!(statuses, [FlowStatus::Completed, FlowStatus::Interrupted, FlowStatus::Failed]);
    assert_eq!(summaries[0].flow_fingerprint(), Some(hash(1)));
    assert_eq!(summaries[1].flow_fingerprint(), None);
}
