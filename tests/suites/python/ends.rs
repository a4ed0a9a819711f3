//! How steps end before their time: they are stopped, want too much memory, or the program is killed.

use std::path::PathBuf;
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


def note(*pids):
    part = Path(f"part-{os.getpid()}")
    part.write_text(" ".join(map(str, pids)))
    part.rename(f"pids-{os.getpid()}")


def wait():
    child = subprocess.Popen(["sleep", "1000"])
    note(os.getpid(), child.pid)
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
    note(os.getpid())
    try:
        while True:
            context.check_cancelled()
    finally:
        Path("asked").touch()
"#;

/// Starts the flow, and returns the program once its step runs.
fn started(place: &Place) -> Child {
    let mut run = place.command_in_foreground(&["run", "flow.yaml", "-q"]);
    let child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the step runs", || !noted(place).is_empty());
    child
}

/// Returns the files in which the workers have noted processes, with the processes.
fn noted(place: &Place) -> Vec<(PathBuf, Vec<String>)> {
    let files = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("pids-"));
    files
        .map(|path| {
            let pids = std::fs::read_to_string(&path).unwrap().split(' ').map(str::to_owned).collect();
            (path, pids)
        })
        .collect()
}

/// Waits until all workers, of which some may only have begun, and their children are gone.
fn wait_until_gone(place: &Place) {
    until("the workers and their children are gone", || {
        noted(place).iter().flat_map(|(_, pids)| pids).all(|pid| is_gone(pid))
    });
    for (path, _) in noted(place) {
        std::fs::remove_file(path).unwrap();
    }
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
        let mut child = started(&place);
        assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{step}");
        wait_until_gone(&place);
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
        let mut child = started(&place);
        let noted = noted(&place);
        assert!(noted.iter().all(|(_, pids)| pids.len() == 2 && !pids.iter().any(|pid| is_gone(pid))), "{noted:?}");
        // SIGKILL, on Unix.
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until_gone(&place);
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
