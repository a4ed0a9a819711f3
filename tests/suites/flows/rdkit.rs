//! Pins the flow that asks RDKit, on machines without RDKit as well.
//!
//! `tests/reference/complexity.jsonl` holds the answers of the script, and a shell script in place of Python prints them,
//! so that the record is that of a machine with RDKit. If `CHEM_TEST_RDKIT` names a Python with RDKit, another test compares
//! its answers with the file (`CHEM_UPDATE_DOCS=1` rewrites the file); `CHEM_REQUIRE_RDKIT=1` makes a missing RDKit a failure.

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

fn answers() -> PathBuf {
    in_repository("tests/reference/complexity.jsonl")
}

/// Runs a copy of the flow with a shell script as `python3`. Returns the record and the directory of the copy.
fn run_with(python: &str) -> (FlowRecord, TempDir) {
    let place = tempfile::tempdir().unwrap();
    for file in ["flows/rdkit/complexity.yaml", "flows/rdkit/descriptors.py", "flows/data/approved-drugs.csv"] {
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
        .args(["run", "flows/rdkit/complexity.yaml", "--store", "sqlite:store.db", "--format", "json"])
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
    (FlowRecord::of_run(&in_repository("flows/rdkit/complexity.yaml"), &store, flow_id), place)
}

#[test]
fn complexity() {
    let (record, _place) = run_with(&format!("cat > /dev/null\nexec cat '{}'", answers().display()));
    assert_record_snapshot!(record);
}

#[test]
fn rdkit_gives_the_answers_that_stand_in_for_it() {
    let Ok(python) = std::env::var("CHEM_TEST_RDKIT") else {
        let hint = "set CHEM_TEST_RDKIT to a Python that has it: pip install rdkit==2026.9.1";
        assert!(std::env::var("CHEM_REQUIRE_RDKIT").as_deref() != Ok("1"), "no RDKit to test with: {hint}");
        // Bypasses the output capture of the test harness.
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: THE TEST THAT NEEDS RDKIT: {hint}\n");
        return;
    };
    let (_, place) =
        run_with(&format!("'{python}' \"$@\" > ../../answers.jsonl || exit 1\nexec cat ../../answers.jsonl"));
    let given = std::fs::read_to_string(place.path().join("answers.jsonl")).unwrap();
    if std::env::var("CHEM_UPDATE_DOCS").as_deref() == Ok("1") {
        return std::fs::write(answers(), given).unwrap();
    }
    let differing = given
        .lines()
        .zip(std::fs::read_to_string(answers()).unwrap().lines().map(str::to_owned))
        .find(|(given, kept)| given != kept);
    assert_eq!(differing, None, "RDKit's answer (left) differs from tests/reference/complexity.jsonl");
}
