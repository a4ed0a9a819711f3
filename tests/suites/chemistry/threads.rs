//! Results do not depend on the number of threads: all steps that spread their work over the cores, in one flow, run by
//! programs with one thread and with several.

use std::process::Command;

use serde_json::Value;

const FLOW: &str = r#"
flow: everything
steps:
  - { id: read, uses: molecules.read, with: { path: drugs.csv } }
  - { id: describe, uses: molecules.describe, with: { properties: [molecular_weight, inchi_key] } }
  - { id: rank, uses: molecules.similar, with: { queries: ["CC(=O)Oc1ccccc1C(=O)O", "c1ccncc1"], top: 50 } }
  - { id: rings, uses: molecules.substructure, with: { smarts: "[R]" } }
  - { id: cluster, uses: molecules.cluster, with: { threshold: 0.2 } }
  - { id: scaffold, uses: molecules.scaffold }
  - { id: pick, uses: molecules.diverse, with: { count: 12, seed: 5 } }
  - { id: alerts, uses: molecules.alerts, with: { path: alerts.smarts } }
  - { id: report, uses: report.write, with: { path: out.html } }
"#;

/// The run as the program prints it, with what is its own taken out.
fn run(threads: &str) -> Value {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/data");
    let directory = tempfile::tempdir().unwrap();
    let drugs = std::fs::read_to_string(data.join("approved-drugs.csv")).unwrap();
    let drugs: String = drugs.split_inclusive('\n').take(71).collect();
    std::fs::write(directory.path().join("drugs.csv"), drugs).unwrap();
    std::fs::copy(data.join("alerts.smarts"), directory.path().join("alerts.smarts")).unwrap();
    std::fs::write(directory.path().join("flow.yaml"), FLOW).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_chem-alone"))
        .args(["run", "flow.yaml", "-q", "--format", "json", "--store", "memory:"])
        .current_dir(directory.path())
        .env("RAYON_NUM_THREADS", threads)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut run: Value = serde_json::from_slice(&output.stdout).unwrap();
    run["flow_id"].take();
    let steps = run["steps"].as_array_mut().unwrap();
    steps.iter_mut().for_each(|step| drop(step.as_object_mut().unwrap().remove("usage")));
    run
}

#[test]
fn one_thread_and_several_give_the_same_results() {
    let one = run("1");
    assert_eq!(one["steps"].as_array().unwrap().len(), 9);
    assert_eq!(run("5"), one);
}
