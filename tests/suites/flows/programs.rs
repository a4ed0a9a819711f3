//! Pins the flows that ask a Python script, on machines without Python and RDKit as well.
//!
//! A file in `tests/reference` holds the answers of the script, and a shell script in place of Python prints them, so that the
//! record is that of a machine with RDKit. If `CHEM_TEST_RDKIT` names a Python with RDKit, another test compares its answers
//! with the file (`CHEM_UPDATE_DOCS=1` rewrites the file); `CHEM_REQUIRE_RDKIT=1` makes a missing RDKit a failure.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chem_runtime::assert_record_snapshot;
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::testing::FlowRecord;
use tempfile::TempDir;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A flow that asks a script.
struct Asking {
    manifest: &'static str,
    script: &'static str,
    /// The file with the answers of the script.
    answers: &'static str,
}

const COMPLEXITY: Asking = Asking {
    manifest: "flows/rdkit/complexity.yaml",
    script: "flows/rdkit/descriptors.py",
    answers: "tests/reference/complexity.jsonl",
};

const FOREST: Asking = Asking {
    manifest: "flows/model/forest.yaml",
    script: "flows/model/forest.py",
    answers: "tests/reference/forest.jsonl",
};

/// Runs a copy of the flow with a shell script as `python3`. Returns the record and the directory of the copy.
fn run_with(flow: &Asking, python: &str) -> (FlowRecord, TempDir) {
    let place = tempfile::tempdir().unwrap();
    for file in [flow.manifest, flow.script, "flows/data/approved-drugs.csv"] {
        let copy = place.path().join(file);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(in_repository(file), copy).unwrap();
    }
    let program = place.path().join("bin/python3");
    std::fs::create_dir(program.parent().unwrap()).unwrap();
    std::fs::write(&program, format!("#!/bin/sh\n{python}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let paths = [program.parent().unwrap().to_owned()];
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(paths.into_iter().chain(std::env::split_paths(&inherited))).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_chem-alone"))
        .args(["run", flow.manifest, "--store", "sqlite:store.db", "--format", "json"])
        .env("PATH", path)
        .env_remove("DATABASE_URL")
        .current_dir(place.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let store = SqliteEventStore::open(place.path().join("store.db")).unwrap();
    let flow_id = run["flow_id"].as_str().unwrap().parse().unwrap();
    (FlowRecord::of_run(&in_repository(flow.manifest), &store, flow_id), place)
}

/// Returns the record of a run with the recorded answers.
fn answered(flow: &Asking) -> FlowRecord {
    run_with(flow, &format!("cat > /dev/null\nexec cat '{}'", in_repository(flow.answers).display())).0
}

#[test]
fn complexity() {
    assert_record_snapshot!(answered(&COMPLEXITY));
}

#[test]
fn forest() {
    assert_record_snapshot!(answered(&FOREST));
}

#[test]
fn the_scripts_give_the_answers_that_stand_in_for_them() {
    let Ok(python) = std::env::var("CHEM_TEST_RDKIT") else {
        let hint = "set CHEM_TEST_RDKIT to a Python that has it: pip install rdkit==2026.9.1";
        assert!(std::env::var("CHEM_REQUIRE_RDKIT").as_deref() != Ok("1"), "no RDKit to test with: {hint}");
        // Bypasses the output capture of the test harness.
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: THE TEST THAT NEEDS RDKIT: {hint}\n");
        return;
    };
    for flow in [COMPLEXITY, FOREST] {
        let script = format!("'{python}' \"$@\" > ../../answers.jsonl || exit 1\nexec cat ../../answers.jsonl");
        let (_, place) = run_with(&flow, &script);
        let given = std::fs::read_to_string(place.path().join("answers.jsonl")).unwrap();
        let kept = in_repository(flow.answers);
        if std::env::var("CHEM_UPDATE_DOCS").as_deref() == Ok("1") {
            std::fs::write(kept, given).unwrap();
            continue;
        }
        let kept = std::fs::read_to_string(kept).unwrap();
        let differing = given.lines().zip(kept.lines()).find(|(given, kept)| given != kept);
        assert_eq!(differing, None, "the answer (left) differs from {}", flow.answers);
    }
}
