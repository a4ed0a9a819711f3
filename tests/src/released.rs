//! Stores as earlier releases left them, and what must hold for them in every later release.

use std::sync::Arc;

use chem_runtime::engine::FlowEngine;
use chem_runtime::event::{FlowId, event_variants};
use chem_runtime::evidence::{Digest, Frontier, Hashed, Walk, Witness, audit, seal};
use chem_runtime::flow::{FlowDefinition, FlowStatus, replay};
use chem_runtime::step::Registry;
use chem_runtime::store::{Cursor, EventStore};

/// The SQL that creates a store of version 2 of the embedded schema.
pub const SQLITE_V2: &str = include_str!("../released/sqlite-v2.sql");

/// The SQL that fills a store of version 6 of the PostgreSQL schema.
pub const POSTGRES_V6: &str = include_str!("../released/postgres-v6.sql");

/// The runs in both of them, with their status and the letters of their events.
pub const RUNS: [(&str, FlowStatus, &str); 3] = [
    ("01a20a54-b3f4-750a-b103-55322ccad5ce", FlowStatus::Completed, "ISFSFSGFC"),
    ("01a20a54-b451-7403-b071-1bdba4c1d3ac", FlowStatus::Interrupted, "ISFS"),
    ("01a20a54-c0de-7403-b071-1bdba4c1d3ac", FlowStatus::Failed, "ISX"),
];

/// The flow fingerprint of the complete run.
pub const COMPLETE: &str = "e02b93f049790dc1a61af786c1be7aef099c75233c1de4da0ea2748f155d2723";

/// The flow fingerprint that the interrupted run ends with once it is resumed.
pub const INTERRUPTED: &str = "65e316dfc61eb3d5203c10fd69ee107ea3b54033a84d6158f07f44a56b58fa29";

/// The root of the tree of their 16 events.
pub const ROOT: &str = "OqT4NgEgQpcNxw1XLuRftwIiU8pxCZhQ6latTD74dps=";

/// The number of events and the root, and the head of each run, as `reference/log_root.py` prints them.
pub const ROOT_AND_HEADS: &str = include_str!("../released/root.txt");

/// Returns the root and the heads of a log in the same form.
pub fn root_and_heads(store: &dyn EventStore) -> String {
    let (mut walk, mut tree) = (Walk::after(store, Cursor::START), Frontier::default());
    let mut heads: Vec<(String, Digest)> = Vec::new();
    loop {
        let page = walk.next_page().unwrap();
        if page.is_empty() {
            let heads: String = heads.iter().map(|(run, head)| format!("{run} {head}\n")).collect();
            return format!("{} {}\n{heads}", tree.size(), tree.root().base64());
        }
        for Hashed { event, head, leaf } in page {
            tree.push(leaf);
            match heads.iter_mut().find(|(run, _)| *run == event.flow_id) {
                Some((_, known)) => *known = head,
                None => heads.push((event.flow_id, head)),
            }
        }
    }
}

/// Checks that the log has the root and the heads that it has in every release, that the runs replay, that their artifacts
/// exist, that the interrupted run can be resumed to its end, and that the log is sealed and found sound before and after.
pub fn still_works(store: Arc<dyn EventStore>) {
    let directory = tempfile::tempdir().unwrap();
    let witness = Witness::new(directory.path());
    let sealed = |events| {
        assert_eq!(seal(store.as_ref(), Some(&witness), None).unwrap().events, events);
        assert_eq!(audit(store.as_ref(), Some(&witness), None).unwrap().findings, []);
    };
    assert_eq!(audit(store.as_ref(), Some(&witness), None).unwrap().unsealed(), 16);
    sealed(16);
    assert_eq!(root_and_heads(store.as_ref()), ROOT_AND_HEADS);
    assert!(ROOT_AND_HEADS.starts_with(&format!("16 {ROOT}\n")));
    let id = |run: usize| -> FlowId { RUNS[run].0.parse().unwrap() };
    for (run, (_, status, letters)) in RUNS.iter().enumerate() {
        let events = store.list(id(run)).unwrap();
        assert_eq!(event_variants(&events), *letters);
        let instance = replay(id(run), &events).unwrap();
        assert_eq!(instance.status(), *status);
        for output in instance.steps().iter().flat_map(|step| &step.outputs) {
            assert!(store.read_artifact(output.hash).unwrap().is_some(), "{output:?}");
        }
        // This release writes the same payloads as those releases, byte for byte.
        for event in &events {
            let text = event.kind.payload_text().unwrap();
            assert!([SQLITE_V2, POSTGRES_V6].iter().all(|sql| sql.contains(&text.replace('\'', "''"))), "{text}");
        }
    }
    let complete = replay(id(0), &store.list(id(0)).unwrap()).unwrap();
    assert_eq!(complete.flow_fingerprint().unwrap().to_string(), COMPLETE);

    let begun = replay(id(1), &store.list(id(1)).unwrap()).unwrap();
    let initialized = begun.initialized().unwrap();
    let registry = Registry::linked().unwrap();
    let definition = FlowDefinition::from_recorded(&initialized.flow, &initialized.definition, registry).unwrap();
    let engine = FlowEngine::on(store.clone()).definition(definition);
    let resumed = engine.run(id(1)).unwrap();
    assert_eq!(resumed.flow_fingerprint().unwrap().to_string(), INTERRUPTED);
    sealed(resumed.next_position() - begun.next_position());
}
