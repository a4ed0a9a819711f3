//! The list of runs.

use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::flow::FlowStatus;
use chem_runtime::store::EventStore as _;
use chem_tests::events::{hash, numbered, one_of_each, signal};
use chem_tests::stores::Backend;

use super::{batch, runs_are_found_as_listed};

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

pub(super) fn runs_are_looked_for_without_the_list_and_found_as_it_has_them(backend: &dyn Backend) {
    let store = backend.store();
    runs_are_found_as_listed(&store);
    // Ids whose order is not that of beginning, of which many begin alike, and flows by turns, one of which is odd.
    let ids = (0..12_u128).map(|number| {
        let high = [0x01a2_0a54_b3f4_u128, 0x01a2_0a54_b451, 0xffff_ffff_ffff, 0][number as usize % 4] << 80;
        FlowId::from(uuid::Uuid::from_u128(high | ((number * 7) % 12) << 76 | number))
    });
    for (number, id) in ids.enumerate() {
        let mut first = one_of_each()[0].clone();
        if let FlowEventKind::FlowInitialized(begun) = &mut first {
            begun.flow = ["leads", "l\"ea\\d's \u{1f9ea}%"][number % 2].into();
        }
        // What begins no flow has no flow, whatever it says.
        let first = if number % 5 == 4 { signal(serde_json::json!({"flow": "leads"})) } else { first };
        store.append(id, 0, &batch([first])).unwrap();
        store.append(id, 1, &[numbered(1), numbered(2)]).unwrap();
        // A run of which nothing is stored is none.
        store.append(FlowId::new(), 0, &[]).unwrap();
    }
    // The run that was written to last is not the newest.
    let oldest = store.flows().unwrap()[0].flow_id();
    store.append(oldest, 3, &[numbered(3)]).unwrap();
    runs_are_found_as_listed(&store);
    assert_eq!(store.newest(Some("leads"), None, usize::MAX).unwrap().len(), 5);
}

pub(super) fn what_begins_no_id_finds_no_run(backend: &dyn Backend) {
    let (store, id) = (backend.store(), FlowId::new());
    store.append(id, 0, &[numbered(0)]).unwrap();
    let text = id.to_string();
    for prefix in
        ["-", "g", "%", "_", "{", "é", "\0", &text.to_uppercase(), &text.replace('-', ""), &format!("{text}0")]
    {
        assert_eq!(store.flows_with_prefix(prefix, 9).unwrap(), [], "{prefix}");
    }
}
