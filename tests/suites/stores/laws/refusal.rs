//! What every store rejects alike, before it writes anything.

use chem_runtime::artifact::Artifact;
use chem_runtime::event::FlowId;
use chem_runtime::fingerprint::{CanonicalError, MAX_DEPTH};
use chem_runtime::store::{ErrorClass, NewEvent, PersistenceError};
use chem_tests::events::{artifact, finished, numbered, signal};
use chem_tests::stores::Backend;
use chem_tests::values::nested;
use serde_json::{Value, json};

use super::everything;

/// Returns values that no store accepts, and the error for each as the data of a signal.
fn refused() -> Vec<(Value, CanonicalError)> {
    let nul = |path: &str| CanonicalError::NulCharacter { path: path.into() };
    vec![
        (json!("a\0b"), nul("$.data")),
        (json!(["a", {"b": ["\0"]}]), nul("$.data[1].b[0]")),
        (json!({"k": {"a\0b": 1}}), nul("$.data.k.a\\u0000b")),
        (
            nested(json!(1), MAX_DEPTH),
            CanonicalError::TooDeep { path: "$.data.k[0].k[0].k[0].k[0].k[0].k[0].k[0].k[0].k[0].k[0].k[0…".into() },
        ),
    ]
}

pub(super) fn a_value_that_cannot_be_stored_is_refused_with_its_path(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    for (data, why) in refused() {
        let error = store.append_kind(flow_id, signal(data)).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Permanent);
        let PersistenceError::Refused { flow_id: run, event_type, source } = error else { panic!("{error:?}") };
        assert_eq!((run, event_type, source), (flow_id, "stepsignal", why));
    }
    assert_eq!(store.all_runs().unwrap(), []);
    // One level less is accepted.
    store.append_kind(flow_id, signal(nested(json!(1), MAX_DEPTH - 1))).unwrap();
}

pub(super) fn a_refused_event_takes_its_batch_with_it(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    store.append(flow_id, 0, &[numbered(0)]).unwrap();
    let before = everything(&*store);
    for (data, _) in refused() {
        let batch = [numbered(1), finished([artifact(1)]), signal(data).into()];
        assert!(matches!(store.append(flow_id, 1, &batch), Err(PersistenceError::Refused { .. })));
    }
    assert_eq!(everything(&*store), before);
}

pub(super) fn metadata_that_cannot_be_stored_is_refused(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    for metadata in [json!({"note": "\0"}), nested(json!(1), MAX_DEPTH + 1)] {
        let noted = artifact(1).with_metadata(metadata);
        let error = store.append(flow_id, 0, &[finished([noted.clone()])]).unwrap_err();
        assert!(
            matches!(error, PersistenceError::RefusedArtifact { hash, part: "metadata", .. } if hash == noted.hash()),
            "{error:?}"
        );
    }
    let kind = Artifact::new("no\0te", &json!(1)).unwrap();
    let event = NewEvent { kind: signal(1), artifacts: vec![kind] };
    let error = store.append(flow_id, 0, &[event]).unwrap_err();
    assert!(matches!(error, PersistenceError::RefusedArtifact { part: "kind", .. }), "{error:?}");
    assert_eq!(store.all_runs().unwrap(), []);
    assert_eq!(store.find_artifact_hashes("", 9).unwrap(), []);
}

pub(super) fn refusal_comes_before_conflict(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let error = store.append(flow_id, 5, &[signal("\0").into()]).unwrap_err();
    assert!(matches!(error, PersistenceError::Refused { .. }), "{error:?}");
}
