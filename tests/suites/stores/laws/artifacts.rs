//! Storing, finding and repairing artifacts.

use chem_runtime::artifact::Artifact;
use chem_runtime::event::FlowId;
use chem_runtime::store::{ErrorClass, PersistenceError};
use chem_tests::events::{artifact, finished, hash, long_artifact, numbered, random_artifact, signal};
use chem_tests::stores::{Backend, Tampering};
use serde_json::json;

pub(super) fn an_artifact_comes_back_whole(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let payload = json!({"z": [1e16, -0.0, 5e-324, 0.1 + 0.2, u64::MAX], "a": "é\u{10000}\u{1}", "": null});
    let plain = Artifact::new("a kind with 'quotes' and é", &payload).unwrap();
    let noted = artifact(1).with_metadata(json!({"seconds": 1.0, "by": "me"}));
    store.append(flow_id, 0, &[finished([plain.clone(), noted.clone()])]).unwrap();

    let found = store.read_artifact(plain.hash()).unwrap().unwrap();
    assert_eq!((found.kind(), found.payload_text()), (plain.kind(), plain.payload_text()));
    assert_eq!(found.metadata(), None);
    let found = store.read_artifact(noted.hash()).unwrap().unwrap();
    assert_eq!(found.payload_text(), noted.payload_text());
    // Metadata is canonical too: 1.0 reads back as 1 from every store.
    assert_eq!(found.metadata(), Some(&json!({"by": "me", "seconds": 1})));
}

pub(super) fn the_first_of_two_artifacts_with_one_name_stays(backend: &dyn Backend) {
    let (store, one, other) = (backend.store(), FlowId::new(), FlowId::new());
    let first = artifact(1).with_metadata(json!("first"));
    let second = artifact(1).with_metadata(json!("second"));
    assert_eq!(first.hash(), second.hash());
    store.append(one, 0, &[finished([first.clone(), second.clone()]), finished([second.clone()])]).unwrap();
    store.append(other, 0, &[finished([second, artifact(2)])]).unwrap();
    assert_eq!(store.read_artifact(first.hash()).unwrap(), Some(first));
    assert_eq!(store.find_artifact_hashes("", 9).unwrap().len(), 2);
}

pub(super) fn a_missing_artifact_is_none(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.read_artifact(hash(1)).unwrap(), None);
    store.append(FlowId::new(), 0, &[finished([artifact(1)])]).unwrap();
    assert_eq!(store.read_artifact(hash(1)).unwrap(), None);
}

pub(super) fn artifacts_land_with_their_event_or_not_at_all(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let (wanted, unwanted) = (artifact(1), artifact(2));
    store.append(flow_id, 0, &[numbered(0), finished([wanted.clone()])]).unwrap();
    // The first batch is rejected for its last event, the second for its position.
    assert!(store.append(flow_id, 2, &[finished([unwanted.clone()]), signal("\0").into()]).is_err());
    assert!(store.append(flow_id, 1, &[finished([unwanted.clone()])]).is_err());
    assert_eq!(store.read_artifact(unwanted.hash()).unwrap(), None);
    assert_eq!(store.find_artifact_hashes("", 9).unwrap(), [wanted.hash()]);
}

pub(super) fn artifacts_are_found_by_the_beginning_of_their_hash(backend: &dyn Backend) {
    let store = backend.store();
    store.append(FlowId::new(), 0, &[finished((0..200).map(artifact))]).unwrap();
    let mut all: Vec<_> = (0..200).map(|number| artifact(number).hash()).collect();
    all.sort();
    assert_eq!(store.find_artifact_hashes("", usize::MAX).unwrap(), all);
    for prefix in ["0", "7", "f", "ff", "a0"] {
        let expected: Vec<_> = all.iter().filter(|hash| hash.to_string().starts_with(prefix)).copied().collect();
        assert_eq!(store.find_artifact_hashes(prefix, 500).unwrap(), expected, "{prefix}");
        let some = store.find_artifact_hashes(prefix, 2).unwrap();
        assert_eq!(some, expected.into_iter().take(2).collect::<Vec<_>>(), "{prefix}");
    }
    let whole = all[17].to_string();
    assert_eq!(store.find_artifact_hashes(&whole, 2).unwrap(), [all[17]]);
    assert_eq!(store.find_artifact_hashes("", 0).unwrap(), []);
    for odd in ["g", "%", "_", "F", "'", "é", &format!("{whole}0")] {
        assert_eq!(store.find_artifact_hashes(odd, 9).unwrap(), [], "{odd}");
    }
}

pub(super) fn a_large_artifact_comes_back(backend: &dyn Backend) {
    let store = backend.store();
    let rows: Vec<_> = (0..50_000).map(|row| json!([format!("molecule {row}"), f64::from(row) / 7.0, null])).collect();
    let large = Artifact::new("rows", &rows.into()).unwrap();
    store.append(FlowId::new(), 0, &[finished([large.clone()])]).unwrap();
    assert_eq!(store.read_artifact(large.hash()).unwrap(), Some(large));
}

/// Returns the payload of `artifact(number)`, to overwrite that of another artifact.
fn note(number: u64) -> String {
    artifact(number).payload_text().to_owned()
}

pub(super) fn an_artifact_that_is_not_what_its_name_says_is_stored_again(backend: &dyn Backend) {
    let store = backend.store();
    let whole = artifact(1).with_metadata(json!("first"));
    store.append(FlowId::new(), 0, &[finished([whole.clone(), artifact(2)])]).unwrap();
    let damaged = backend.by_force(Tampering::Payload { hash: whole.hash(), payload: &note(7) });
    if damaged {
        let error = store.read_artifact(whole.hash()).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Corrupt);
        // Storing other artifacts does not repair this one.
        store.append(FlowId::new(), 0, &[finished([artifact(2), artifact(3)])]).unwrap();
        assert!(store.read_artifact(whole.hash()).is_err());
    }
    store.append(FlowId::new(), 0, &[numbered(0), finished([artifact(3), whole.clone()])]).unwrap();
    assert_eq!(store.read_artifact(whole.hash()).unwrap(), Some(whole.clone()));
    if let Some(again) = backend.reopen() {
        assert_eq!(again.read_artifact(whole.hash()).unwrap(), Some(whole.clone()));
    }
    // One repair copy is stored, however often the artifact is made.
    store.append(FlowId::new(), 0, &[finished([whole.clone(), whole.clone()])]).unwrap();
    assert_eq!(backend.repairs(), usize::from(damaged));
    // A repair copy can be damaged too; one sound copy among several is enough.
    if backend.by_force(Tampering::Repairs { hash: whole.hash(), payload: &note(8) }) {
        assert!(store.read_artifact(whole.hash()).is_err());
        store.append(FlowId::new(), 0, &[finished([whole.clone()])]).unwrap();
        assert_eq!(store.read_artifact(whole.hash()).unwrap(), Some(whole));
    }
    assert_eq!(store.find_artifact_hashes("", 9).unwrap().len(), 3, "each is listed once");
}

pub(super) fn a_name_that_holds_something_else_is_no_artifact(backend: &dyn Backend) {
    let store = backend.store();
    store.append(FlowId::new(), 0, &[numbered(0)]).unwrap();
    let wanted = artifact(5);
    if backend.by_force(Tampering::Squatter { hash: wanted.hash(), payload: &note(9) }) {
        assert_eq!(store.read_artifact(wanted.hash()).unwrap_err().class(), ErrorClass::Corrupt);
    }
    store.append(FlowId::new(), 0, &[finished([wanted.clone()])]).unwrap();
    assert_eq!(store.read_artifact(wanted.hash()).unwrap(), Some(wanted));
}

pub(super) fn a_repair_stores_what_has_no_sound_copy_and_nothing_else(backend: &dyn Backend) {
    let store = backend.store();
    store.append(FlowId::new(), 0, &[finished([artifact(1), artifact(2)])]).unwrap();
    assert_eq!(store.repair_artifacts(&[artifact(1), artifact(2)]).unwrap(), 0);
    let damaged = backend.by_force(Tampering::Payload { hash: artifact(2).hash(), payload: &note(7) });
    assert_eq!(store.repair_artifacts(&[artifact(1), artifact(2)]).unwrap(), u64::from(damaged));
    assert_eq!(store.repair_artifacts(&[artifact(1), artifact(2)]).unwrap(), 0);
    for number in [1, 2] {
        assert_eq!(store.read_artifact(artifact(number).hash()).unwrap(), Some(artifact(number)));
    }
    // A missing artifact is stored too.
    assert_eq!(store.repair_artifacts(&[artifact(3)]).unwrap(), 1);
    assert_eq!(store.read_artifact(artifact(3).hash()).unwrap(), Some(artifact(3)));
    let unstorable = artifact(4).with_metadata(json!("\0"));
    assert!(matches!(store.repair_artifacts(&[unstorable]), Err(PersistenceError::RefusedArtifact { .. })));
}

pub(super) fn a_large_append_repairs_too(backend: &dyn Backend) {
    let store = backend.store();
    let large: Vec<Artifact> = (0..9).map(|number| random_artifact(number, 1_200_000)).collect();
    store.append(FlowId::new(), 0, &[finished(large.clone())]).unwrap();
    backend.by_force(Tampering::Payload { hash: large[3].hash(), payload: &note(7) });
    store.append(FlowId::new(), 0, &[finished(large.clone())]).unwrap();
    for artifact in &large {
        assert_eq!(store.read_artifact(artifact.hash()).unwrap().as_ref(), Some(artifact));
    }
}

pub(super) fn a_damaged_artifact_that_is_packed_is_stored_again(backend: &dyn Backend) {
    let store = backend.store();
    let whole = long_artifact(1);
    for (repairs, change) in [(1, "packed = substr(packed, 1, 40)"), (2, "codec = 'other'")] {
        store.append(FlowId::new(), 0, &[finished([whole.clone()])]).unwrap();
        assert_eq!(store.read_artifact(whole.hash()).unwrap().as_ref(), Some(&whole));
        for table in ["workflow_step_artifacts", "artifact_repairs"] {
            let statement = format!("UPDATE {table} SET {change} WHERE packed IS NOT NULL");
            if !backend.by_force(Tampering::Sql { table, statement: &statement }) {
                return;
            }
        }
        assert_eq!(store.read_artifact(whole.hash()).unwrap_err().class(), ErrorClass::Corrupt, "{change}");
        store.append(FlowId::new(), 0, &[finished([whole.clone()])]).unwrap();
        assert_eq!(store.read_artifact(whole.hash()).unwrap().as_ref(), Some(&whole), "{change}");
        assert_eq!(backend.repairs(), repairs, "{change}");
    }
}

/// As in a store that is older than compression.
pub(super) fn an_artifact_that_is_stored_as_text_is_not_stored_again(backend: &dyn Backend) {
    let store = backend.store();
    let whole = long_artifact(1);
    store.append(FlowId::new(), 0, &[finished([whole.clone()])]).unwrap();
    backend.by_force(Tampering::Payload { hash: whole.hash(), payload: whole.payload_text() });
    assert_eq!(store.read_artifact(whole.hash()).unwrap().as_ref(), Some(&whole));
    store.append(FlowId::new(), 0, &[finished([whole.clone()])]).unwrap();
    assert_eq!(store.repair_artifacts(&[whole]).unwrap(), 0);
    assert_eq!(backend.repairs(), 0);
}
