//! Programs that `process.run` starts: which environment they see, and that they end with `chem`.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{Outcome, Place};

/// Returns a flow that passes a table to this shell script.
fn flow(script: &str, more: &str) -> String {
    let script = serde_json::to_string(script).unwrap();
    format!(
        "flow: p\nsteps:\n  - {{ id: read, uses: table.read, with: {{ path: in.csv }} }}\n  - {{ id: run, uses: process.run, with: {{ command: [sh, -c, {script}], version: sh{more} }} }}\n"
    )
}

fn place(script: &str, more: &str) -> Place {
    let place = Place::new();
    place.write("in.csv", "x\n1\n").write("p.yaml", &flow(script, more));
    place
}

/// Waits until the file `name` has this many lines, and returns them as process ids.
fn numbers(place: &Place, name: &str, lines: usize) -> Vec<u32> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let text = std::fs::read_to_string(place.path().join(name)).unwrap_or_default();
        let numbers: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        if numbers.len() == lines {
            return numbers;
        }
        assert!(Instant::now() < until, "the program does not get on: {text:?}");
        std::thread::yield_now();
    }
}

fn is_gone(pid: u32) -> bool {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").map(|(_, fields)| fields.starts_with('Z'));
        if state.unwrap_or(true) {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

fn signal(signal: &str, pid: u32) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill {signal} {pid}");
}

/// A script with one process in the program's process group, one in its own session, and one in its own group.
const THREE: &str = "setsid sh -c 'echo $$ >> pids; exec sleep 1000' & timeout 1000 sh -c 'echo $$ >> pids; exec sleep 1000' & echo $$ >> pids; sleep 1000; true";

#[test]
fn a_comparison_with_a_snapshot_stops_on_ctrl_c() {
    let place = place("echo $$ >> pids; exec sleep 1000", "");
    let child = place.spawn(&["snapshot", "p.yaml"]);
    let pids = numbers(&place, "pids", 1);
    signal("-INT", child.id());
    Outcome::from(child.wait_with_output().unwrap()).expect(130);
    assert!(is_gone(pids[0]));
}

#[test]
fn nothing_outlives_a_kill() {
    let place = place(THREE, "");
    let mut child = place.spawn(&["run", "p.yaml", "-q"]);
    let pids = numbers(&place, "pids", 3);
    child.kill().unwrap();
    child.wait().unwrap();
    for pid in pids {
        assert!(is_gone(pid), "process {pid} lives on");
    }
}

#[test]
fn nothing_outlives_a_run_that_is_asked_to_stop_or_a_timeout() {
    for (more, asked) in [("", Some("-TERM")), ("", Some("-USR1")), (", timeout: 2", None)] {
        let place = place(THREE, more);
        let mut child = place.spawn(&["run", "p.yaml", "-q"]);
        let pids = numbers(&place, "pids", 3);
        if let Some(asked) = asked {
            signal(asked, child.id());
        }
        assert_eq!(child.wait().unwrap().code(), Some(if asked.is_some() { 130 } else { 1 }), "{asked:?}");
        for pid in pids {
            assert!(is_gone(pid), "process {pid} lives on");
        }
    }
}

#[test]
fn two_resumes_never_have_two_copies() {
    let script = "old=$(cat pids 2>/dev/null); case \"$(ps -o stat= -p $old)\" in ''|Z*) ;; *) touch two;; esac; echo $$ > pids; [ -e go ] || sleep 1000; cat";
    let place = place(script, ", send: jsonl");
    let mut child = place.spawn(&["run", "p.yaml", "-q"]);
    let pid = numbers(&place, "pids", 1)[0];
    // Stops the process that would end the program.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let group: u32 = stat.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap().parse().unwrap();
    assert_ne!(group, pid);
    signal("-STOP", group);
    child.kill().unwrap();
    child.wait().unwrap();
    place.write("go", "");
    let outcome = place.chem(&["resume", "@last", "-q"]);
    signal("-KILL", group);
    outcome.expect(0);
    assert!(is_gone(pid));
    assert!(!place.path().join("two").exists(), "the second program met the first");
}

#[test]
fn a_program_that_kills_its_own_group_is_killed_itself() {
    let place = place("trap '' TERM; kill -TERM 0; kill -9 0; sleep 1000", "");
    let said = place.chem(&["run", "p.yaml", "-q"]).expect(1).stderr;
    assert!(said.contains("was killed"), "{said}");
}

#[test]
fn secrets_are_not_handed_on_and_sets_are_ordered_alike() {
    let place = place("env > env.txt; cat", ", env: [OMP_NUM_THREADS, NOT_SET]");
    let mut command = place.command(&["run", "p.yaml", "-q", "--store", "memory:"]);
    for name in ["PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "CHEM_STORE", "DATABASE_URL"] {
        command.env(name, "postgres://secret");
    }
    command.env("OMP_NUM_THREADS", "3").env("LC_NUMERIC", "de_DE").env("PYTHONHASHSEED", "17").env("HOME", "/home/ada");
    Outcome::from(command.output().unwrap()).expect(0);
    let text = std::fs::read_to_string(place.path().join("env.txt")).unwrap();
    assert!(!text.contains("secret"), "{text}");
    for line in ["OMP_NUM_THREADS=3", "PYTHONHASHSEED=0", "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=/home/ada"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let known = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "LC_ALL", "TZ", "PYTHONHASHSEED"];
    let of_shell = ["PWD", "OLDPWD", "SHLVL", "_", "CHEM_PROCESS", "OMP_NUM_THREADS"];
    for name in text.lines().filter_map(|line| line.split('=').next()) {
        assert!(known.contains(&name) || of_shell.contains(&name), "{name} in\n{text}");
    }
}
