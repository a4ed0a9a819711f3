//! A hash is the same before and after a trip through each store.

use std::collections::BTreeMap;

use chem_runtime::artifact::Artifact;
use chem_runtime::event::{FlowEventKind, FlowId, StepStarted};
use chem_runtime::fingerprint::canonical_json;
use chem_runtime::flow::{StepIdentity, definition_hash};
use chem_runtime::store::NewEvent;
use chem_tests::events::{hash, signal};
use chem_tests::stores::Backend;
use chem_tests::values::{cases, json, shallow, text};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

macro_rules! trips {
    ($($(#[$meta:meta])* $store:ident => $backend:ty,)*) => {$(
        $(#[$meta])*
        mod $store {
            trips_through! { $backend:
                an_artifact_keeps_its_hash,
                an_event_keeps_its_payload,
                a_recorded_step_keeps_its_fingerprint,
            }
        }
    )*};
}

macro_rules! trips_through {
    ($backend:ty: $($trip:ident,)*) => {$(
        #[test]
        fn $trip() {
            if let Some(backend) = <$backend as chem_tests::stores::Backend>::fresh() {
                super::$trip(&backend);
            }
        }
    )*};
}

chem_tests::stores!(trips);

fn an_artifact_keeps_its_hash(backend: &dyn Backend) {
    let store = backend.store();
    let trip = |values: Vec<_>| {
        let artifact = |(payload, metadata)| Artifact::new("note", &payload).unwrap().with_metadata(metadata);
        let artifacts: Vec<Artifact> = values.into_iter().map(artifact).collect();
        store.append(FlowId::new(), 0, &[NewEvent { kind: signal(0), artifacts: artifacts.clone() }]).unwrap();
        for artifact in artifacts {
            let found = store.read_artifact(artifact.hash()).unwrap().unwrap();
            prop_assert_eq!(found.payload_text(), artifact.payload_text());
            prop_assert_eq!(Artifact::new("note", &found.payload().unwrap()).unwrap().hash(), artifact.hash());
        }
        Ok(())
    };
    TestRunner::new(cases(48)).run(&vec((json(), json()), 1..5), trip).unwrap();
}

fn an_event_keeps_its_payload(backend: &dyn Backend) {
    let store = backend.store();
    let trip = |values: Vec<_>| {
        let (flow_id, kinds): (_, Vec<FlowEventKind>) = (FlowId::new(), values.into_iter().map(signal).collect());
        let batch: Vec<NewEvent> = kinds.iter().cloned().map(NewEvent::from).collect();
        store.append(flow_id, 0, &batch).unwrap();
        let listed = store.list(flow_id).unwrap();
        for (event, kind) in listed.iter().zip(&kinds) {
            // As it reads back from its text. Debug tells -0.0 from 0 and 5.0 from 5, which `==` does not.
            let text = kind.payload_text().unwrap();
            let read = FlowEventKind::from_stored(kind.event_type(), &text).unwrap();
            prop_assert_eq!(format!("{:?}", event.kind), format!("{read:?}"));
            let found = store.read_event(flow_id, event.position).unwrap();
            prop_assert_eq!(format!("{found:?}"), format!("{:?}", Some(event)));
            prop_assert_eq!(event.kind.payload_text(), kind.payload_text());
            prop_assert_eq!(kind.payload_text(), canonical_json(&kind.payload().unwrap()));
        }
        Ok(())
    };
    TestRunner::new(cases(48)).run(&vec(json(), 1..5), trip).unwrap();
}

fn a_recorded_step_keeps_its_fingerprint(backend: &dyn Backend) {
    let store = backend.store();
    let definition = definition_hash(["read", "keep"]);
    let trip = |(inputs, params): (BTreeMap<String, u32>, BTreeMap<String, _>)| {
        let mut started = StepStarted {
            step_id: "keep".into(),
            step_index: 1,
            uses: "molecules.filter".into(),
            version: 3,
            inputs: inputs.into_iter().map(|(port, number)| (port, hash(number))).collect(),
            params: params.into_iter().collect(),
            fingerprint: hash(0),
        };
        started.fingerprint = StepIdentity::of(&started).fingerprint(definition).unwrap();
        let before = (started.fingerprint, StepIdentity::of(&started).cache_key());
        let flow_id = FlowId::new();
        store.append(flow_id, 0, &[FlowEventKind::StepStarted(started).into()]).unwrap();
        let events = store.list(flow_id).unwrap();
        let FlowEventKind::StepStarted(stored) = &events[0].kind else { panic!("{events:?}") };
        let identity = StepIdentity::of(stored);
        prop_assert_eq!(identity.fingerprint(definition).unwrap(), stored.fingerprint);
        prop_assert_eq!((stored.fingerprint, identity.cache_key()), before);
        Ok(())
    };
    let components = (btree_map(text(), any::<u32>(), 0..4), btree_map(text(), shallow(), 0..4));
    TestRunner::new(cases(48)).run(&components, trip).unwrap();
}
