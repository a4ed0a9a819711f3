//! What a snapshot says when a flow has changed.

use std::path::Path;

use chem_runtime::testing::FlowRecord;

#[test]
fn the_first_step_that_moved_is_named_with_what_moved_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/demo.yaml");
    let pinned = FlowRecord::of_manifest(&path);
    assert_eq!(pinned.first_move(pinned.record()), None);

    let directory = tempfile::tempdir().unwrap();
    let changed = directory.path().join("demo.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&changed, text.replace("text: hello, flow", "text: hello, world")).unwrap();
    let moved = FlowRecord::of_manifest(&changed).first_move(pinned.record()).unwrap();
    assert_eq!(
        moved,
        "the first step whose fingerprint moved is \"seed\": \
         params {\"text\":\"hello, flow\"} → {\"text\":\"hello, world\"}"
    );
}

#[test]
fn only_what_differs_from_run_to_run_is_masked() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/demo.yaml");
    let (one, other) = (FlowRecord::of_manifest(&path), FlowRecord::of_manifest(&path));
    assert_eq!(one.text(), other.text());
    let text = one.text();
    for volatile in ["\"seq\"", "\"ts\"", "\"flow_id\"", env!("CARGO_MANIFEST_DIR")] {
        assert!(!text.contains(volatile), "{volatile} is in the record");
    }
}
