//! Kills a process while it appends: everything acknowledged is stored, whole, and the store still works.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use chem_runtime::event::FlowId;
use chem_runtime::store::{EventStore, OpenMode, StoreUrl};
use chem_tests::effort::rounds;
use chem_tests::events::{artifact, finished, signal};

#[test]
fn what_was_acknowledged_survives_kill_9_in_a_file() {
    what_was_acknowledged_survives_kill_9("sqlite");
}

#[test]
fn what_was_acknowledged_survives_kill_9_in_a_directory() {
    what_was_acknowledged_survives_kill_9("spool");
}

fn what_was_acknowledged_survives_kill_9(scheme: &str) {
    let directory = tempfile::tempdir().unwrap();
    let address = format!("{scheme}:{}", directory.path().join("store").display());
    let run = FlowId::new();
    let mut acknowledged = 0;
    for kill in 0..rounds(20) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_store-child"))
            .args(["append", &address, &run.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Kills the process at a different point each time, including during the first commit, and never while it waits
        // for this test.
        for _ in 0..kill % 7 {
            acknowledged = lines.next().unwrap().unwrap().parse().unwrap();
        }
        child.kill().unwrap();
        for line in lines {
            acknowledged = line.unwrap().parse().unwrap();
        }
        child.wait().unwrap();
        check(address.parse::<StoreUrl>().unwrap().open(OpenMode::Create).unwrap().as_ref(), run, acknowledged);
    }
    assert!(acknowledged > 0);
}

/// Checks that everything acknowledged is in the store, that commits are whole, and that there are no other events.
fn check(store: &dyn EventStore, run: FlowId, acknowledged: u64) {
    let events = store.list(run).unwrap();
    assert!(events.len() as u64 >= acknowledged, "{acknowledged} were acknowledged, {} are there", events.len());
    assert_eq!(events.len() % 2, 0, "a commit is there in half");
    for (position, event) in (0..).zip(&events) {
        assert_eq!(event.position, position);
        if position % 2 == 0 {
            assert_eq!(event.kind, signal(position));
        } else {
            let artifact = artifact(position);
            assert_eq!(event.kind, finished([artifact.clone()]).kind);
            assert_eq!(store.read_artifact(artifact.hash()).unwrap(), Some(artifact));
        }
    }
}
