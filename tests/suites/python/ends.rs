//! How steps end before their time: they are stopped, want too much memory, or the program is killed.

use std::process::{Child, Stdio};

use serde_json::json;

use crate::harness::{Place, until};

/// A step whose function waits for a process that it has started, and that writes down both.
const WAITING: &str = r#"
import os
import subprocess
from pathlib import Path

import pyarrow as pa

from chem_flow import Context, step


def wait():
    child = subprocess.Popen(["sleep", "1000"])
    Path("pids.part").write_text(f"{os.getpid()} {child.pid}")
    os.rename("pids.part", "pids")
    child.wait()


@step("lab.row", version=1, rows=True)
def row(name: str) -> {"n": int}:
    wait()
    return {"n": 1}


@step("lab.whole", version=1)
def whole(table: pa.Table) -> pa.Table:
    wait()
    return table


@step("lab.asking", version=1)
def asking(table: pa.Table, context: Context) -> pa.Table:
    Path("pids.part").write_text(f"{os.getpid()}")
    os.rename("pids.part", "pids")
    try:
        while True:
            context.check_cancelled()
    finally:
        Path("asked").touch()
"#;

/// Starts the flow, and returns the program, and the processes of its step.
fn started(place: &Place) -> (Child, Vec<String>) {
    let mut run = place.command(&["run", "flow.yaml", "-q"]);
    let child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the step runs", || place.path().join("pids").exists());
    let text = std::fs::read_to_string(place.path().join("pids")).unwrap();
    std::fs::remove_file(place.path().join("pids")).unwrap();
    (child, text.split(' ').map(str::to_owned).collect())
}

/// Returns whether a process has exited. A zombie has, even if nothing reaps it.
fn is_gone(pid: &str) -> bool {
    let state = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    state.is_empty() || state.starts_with('Z')
}

#[test]
fn ctrl_c_stops_the_step_and_its_workers() {
    let Some(place) = Place::with(WAITING) else { return };
    for step in ["lab.row", "lab.whole", "lab.asking"] {
        place.flow(&format!("{{ id: it, uses: {step} }}"));
        let (mut child, pids) = started(&place);
        assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{step}");
        for pid in pids {
            until("the worker and its child are gone", || is_gone(&pid));
        }
        let run = place.chem(&["show", "@last", "--format", "json"]).expect(0).json();
        assert_eq!(run["status"], "interrupted", "{step}");
    }
    assert!(place.path().join("asked").exists(), "a step that asks can clean up");
}

#[test]
fn no_process_outlives_a_program_that_is_killed() {
    let Some(place) = Place::with(WAITING) else { return };
    for step in ["lab.row", "lab.whole"] {
        place.flow(&format!("{{ id: it, uses: {step} }}"));
        let (mut child, pids) = started(&place);
        assert!(pids.len() == 2 && !pids.iter().any(|pid| is_gone(pid)), "{pids:?}");
        // SIGKILL, on Unix.
        child.kill().unwrap();
        child.wait().unwrap();
        for pid in pids {
            until("the worker and its child are gone", || is_gone(&pid));
        }
    }
}

/// The limit is on the worker's address space, of which it has as much again and no more.
#[test]
fn a_row_that_wants_too_much_memory_is_rejected() {
    let module = |form: &str| {
        format!(
            r#"
import resource

import pyarrow as pa

from chem_flow import step


def measure(name):
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    return len(bytearray(64 << 30 if name == "c" else 1 << 20))

{form}"#
        )
    };
    let record = "
@step('lab.memory', version=1, rows=True)
def memory(name: str) -> {'size': int}:
    return {'size': measure(name)}
";
    let batch = "
@step('lab.memory', version=1, rows=True, columns=['name'])
def memory(rows: pa.Table) -> {'size': int}:
    return pa.table({'size': [measure(name) for name in rows['name'].to_pylist()]})
";
    // Code that is not Python's does not raise: it aborts.
    let aborting = batch.replace("[measure(name) for", "[measure_or_abort(name) for").replace(
        "\n@step",
        "\nimport os\n\n\ndef measure_or_abort(name):\n    try:\n        return measure(name)\n    except MemoryError:\n        os.abort()\n\n\n@step",
    );
    for (form, reason) in [
        (record, "MemoryError"),
        (batch, "MemoryError"),
        (aborting.as_str(), "the worker was killed by SIGABRT while it worked on this row"),
    ] {
        let Some(place) = Place::with(&module(form)) else { return };
        place.flow("{ id: it, uses: lab.memory }");
        let run = place.run();
        assert_eq!(place.rows(&run, 1, 0).len(), 4, "{form}");
        let rejects = place.rows(&run, 1, 1);
        assert_eq!((rejects.len(), &rejects[0][3]), (1, &json!(reason)), "{form}: {rejects:?}");
    }
}
