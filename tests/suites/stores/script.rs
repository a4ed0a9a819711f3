//! Runs one script of valid and invalid operations on every store: the responses agree, and the logs are equal at the end.

use chem_runtime::artifact::Artifact;
use chem_runtime::event::{FlowEvent, FlowEventKind, FlowId};
use chem_runtime::store::{EventStore, NewEvent, PersistenceError};
use chem_tests::events::{artifact, finished, one_of_each, signal};
use chem_tests::values::{cases, json};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::laws::runs_are_found_as_listed;

/// An append to one of several runs.
#[derive(Debug, Clone)]
struct Append {
    run: usize,
    /// The offset of the expected position from the run's next position; 0 succeeds.
    off: i64,
    batch: Vec<Entry>,
}

/// An event in a batch.
#[derive(Debug, Clone)]
enum Entry {
    OfKind(usize),
    Signal(Value),
    Finished(Vec<(u64, Option<Value>)>),
    /// An event that no store accepts.
    Unstorable,
    /// An event with an artifact that no store accepts.
    UnstorableArtifact,
}

fn append() -> impl Strategy<Value = Append> {
    let entry = prop_oneof![
        4 => (0..FlowEventKind::EVENT_TYPES.len()).prop_map(Entry::OfKind),
        4 => json().prop_map(Entry::Signal),
        4 => vec((0_u64..8, option::weighted(0.3, json())), 0..4).prop_map(Entry::Finished),
        1 => Just(Entry::Unstorable),
        1 => Just(Entry::UnstorableArtifact),
    ];
    let off = prop_oneof![6 => Just(0), 1 => -3_i64..4];
    (0_usize..3, off, vec(entry, 0..4)).prop_map(|(run, off, batch)| Append { run, off, batch })
}

fn event(entry: &Entry) -> NewEvent {
    let noted = |(number, metadata): &(u64, Option<Value>)| {
        let artifact = artifact(*number);
        metadata.iter().fold(artifact, |artifact, metadata| artifact.with_metadata(metadata.clone()))
    };
    match entry {
        Entry::OfKind(index) => one_of_each()[*index].clone().into(),
        Entry::Signal(data) => signal(data.clone()).into(),
        Entry::Finished(artifacts) => finished(artifacts.iter().map(noted)),
        Entry::Unstorable => signal(json!({"a": ["\0"]})).into(),
        Entry::UnstorableArtifact => finished([artifact(9).with_metadata(json!("\0"))]),
    }
}

/// The responses and contents of a store, without what differs between stores: `seq` and `ts`.
#[derive(Debug, PartialEq)]
struct Transcript {
    answers: Vec<String>,
    runs: Vec<(String, String, Option<String>)>,
    events: Vec<String>,
    artifacts: Vec<Artifact>,
}

fn perform(store: &dyn EventStore, runs: &[FlowId], script: &[Append]) -> Transcript {
    let answer = |step: &Append| {
        let next = store.next_position(runs[step.run]).unwrap();
        let expected = next.saturating_add_signed(step.off);
        let batch: Vec<NewEvent> = step.batch.iter().map(event).collect();
        match store.append(runs[step.run], expected, &batch) {
            Ok(()) => format!("{} events from {expected}", batch.len()),
            Err(error @ (PersistenceError::Conflict { .. } | PersistenceError::Refused { .. })) => format!("{error:?}"),
            Err(error @ PersistenceError::RefusedArtifact { .. }) => format!("{error:?}"),
            Err(error) => panic!("{error:?}"),
        }
    };
    let answers = script.iter().map(answer).collect();
    runs_are_found_as_listed(store);
    let hashes = store.find_artifact_hashes("", usize::MAX).unwrap();
    Transcript {
        answers,
        runs: store
            .all_runs()
            .unwrap()
            .into_iter()
            .map(|run| (lasting(&run.first), lasting(&run.last), run.event_variants))
            .collect(),
        events: runs.iter().flat_map(|run| store.list(*run).unwrap()).map(|event| lasting(&event)).collect(),
        artifacts: hashes.into_iter().map(|hash| store.read_artifact(hash).unwrap().unwrap()).collect(),
    }
}

/// Formats the parts of an event that are equal in every store.
fn lasting(event: &FlowEvent) -> String {
    format!("{} {} {} {:?}\n", event.flow_id, event.position, event.kind.payload_text().unwrap(), event.kind)
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn every_store_answers_alike_and_holds_the_same_log(script in vec(append(), 0..16)) {
        let runs: Vec<FlowId> = (0..3).map(|_| FlowId::new()).collect();
        let mut transcripts = Vec::new();
        for (name, backend) in chem_tests::stores::fresh() {
            transcripts.push((name, perform(&*backend.store(), &runs, &script)));
        }
        let (reference, expected) = &transcripts[0];
        for (name, transcript) in &transcripts[1..] {
            prop_assert_eq!(transcript, expected, "{} is not as {}", name, reference);
        }
    }
}
