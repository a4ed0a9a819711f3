//! What becomes of artifacts.

use chem_runtime::artifact::Artifact;
use chem_runtime::event::FlowId;
use chem_runtime::store::EventStore as _;
use chem_tests::events::{artifact, finished, hash, numbered, signal};
use chem_tests::stores::Backend;
use serde_json::json;

pub(super) fn an_artifact_comes_back_whole(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let payload = json!({"z": [1e16, -0.0, 5e-324, 0.1 + 0.2, u64::MAX], "a": "é\u{10000}\u{1}", "": null});
    let plain = Artifact::new("a kind with 'quotes' and é", &payload).unwrap();
    let noted = artifact(1).with_metadata(json!({"seconds": 1.0, "by": "me"}));
    store.append(flow_id, 0, &[finished([plain.clone(), noted.clone()])]).unwrap();

    let found = store.artifact(plain.hash()).unwrap().unwrap();
    assert_eq!((found.kind(), found.payload_text()), (plain.kind(), plain.payload_text()));
    assert_eq!(found.metadata(), None);
    let found = store.artifact(noted.hash()).unwrap().unwrap();
    assert_eq!(found.payload_text(), noted.payload_text());
    // Notes are canonical too: 1.0 comes back as 1 from every store.
    assert_eq!(found.metadata(), Some(&json!({"by": "me", "seconds": 1})));
}

pub(super) fn the_first_of_two_artifacts_with_one_name_stays(backend: &dyn Backend) {
    let (store, one, other) = (backend.store(), FlowId::new(), FlowId::new());
    let first = artifact(1).with_metadata(json!("first"));
    let second = artifact(1).with_metadata(json!("second"));
    assert_eq!(first.hash(), second.hash());
    store.append(one, 0, &[finished([first.clone(), second.clone()]), finished([second.clone()])]).unwrap();
    store.append(other, 0, &[finished([second, artifact(2)])]).unwrap();
    assert_eq!(store.artifact(first.hash()).unwrap(), Some(first));
    assert_eq!(store.artifacts_with_prefix("", 9).unwrap().len(), 2);
}

pub(super) fn a_missing_artifact_is_none(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.artifact(hash(1)).unwrap(), None);
    store.append(FlowId::new(), 0, &[finished([artifact(1)])]).unwrap();
    assert_eq!(store.artifact(hash(1)).unwrap(), None);
}

pub(super) fn artifacts_land_with_their_event_or_not_at_all(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let (wanted, unwanted) = (artifact(1), artifact(2));
    store.append(flow_id, 0, &[numbered(0), finished([wanted.clone()])]).unwrap();
    // The batch is refused for its last event, and then for its position.
    assert!(store.append(flow_id, 2, &[finished([unwanted.clone()]), signal("\0").into()]).is_err());
    assert!(store.append(flow_id, 1, &[finished([unwanted.clone()])]).is_err());
    assert_eq!(store.artifact(unwanted.hash()).unwrap(), None);
    assert_eq!(store.artifacts_with_prefix("", 9).unwrap(), [wanted.hash()]);
}

pub(super) fn artifacts_are_found_by_the_beginning_of_their_hash(backend: &dyn Backend) {
    let store = backend.store();
    store.append(FlowId::new(), 0, &[finished((0..200).map(artifact))]).unwrap();
    let mut all: Vec<_> = (0..200).map(|number| artifact(number).hash()).collect();
    all.sort();
    assert_eq!(store.artifacts_with_prefix("", usize::MAX).unwrap(), all);
    for prefix in ["0", "7", "f", "ff", "a0"] {
        let expected: Vec<_> = all.iter().filter(|hash| hash.to_string().starts_with(prefix)).copied().collect();
        assert_eq!(store.artifacts_with_prefix(prefix, 500).unwrap(), expected, "{prefix}");
        let some = store.artifacts_with_prefix(prefix, 2).unwrap();
        assert_eq!(some, expected.into_iter().take(2).collect::<Vec<_>>(), "{prefix}");
    }
    let whole = all[17].to_string();
    assert_eq!(store.artifacts_with_prefix(&whole, 2).unwrap(), [all[17]]);
    assert_eq!(store.artifacts_with_prefix("", 0).unwrap(), []);
    for odd in ["g", "%", "_", "F", "'", "é", &format!("{whole}0")] {
        assert_eq!(store.artifacts_with_prefix(odd, 9).unwrap(), [], "{odd}");
    }
}

pub(super) fn a_large_artifact_comes_back(backend: &dyn Backend) {
    let store = backend.store();
    let rows: Vec<_> = (0..50_000).map(|row| json!([format!("molecule {row}"), f64::from(row) / 7.0, null])).collect();
    let large = Artifact::new("rows", &rows.into()).unwrap();
    store.append(FlowId::new(), 0, &[finished([large.clone()])]).unwrap();
    assert_eq!(store.artifact(large.hash()).unwrap(), Some(large));
}
