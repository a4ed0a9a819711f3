//! What is in the record of a flow.

use std::path::Path;

use chem_runtime::testing::FlowRecord;

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
