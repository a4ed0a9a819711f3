//! Changes to a store from outside, and how the program detects and reports them.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::harness::{Outcome, Place, slow_flow};

const FLOW: &str = "flow: f
steps:
  - { id: read, uses: table.read, with: { path: in.csv } }
  - { id: sort, uses: table.sort, with: { by: [number] } }
";

/// Returns a directory with a finished run over 3,000 rows.
fn place() -> Place {
    let place = Place::new();
    let rows: String = (0..3000).map(|row| format!("molecule {row},{}\n", (row * 7919) % 3001)).collect();
    place.write("in.csv", &format!("name,number\n{rows}")).write("f.yaml", FLOW);
    place.chem(&["run", "f.yaml", "-q"]).expect(0);
    place
}

/// Executes a statement that the triggers forbid.
fn by_force(place: &Place, statement: &str) {
    let raw = Connection::open(place.path().join(".chem/store.db")).unwrap();
    let triggers: Vec<(String, String)> = raw
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut query| query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .unwrap();
    for (name, _) in &triggers {
        raw.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    raw.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
    assert!(raw.execute(statement, []).unwrap() > 0, "{statement}");
    triggers.iter().for_each(|(_, sql)| raw.execute_batch(sql).unwrap());
}

/// Overwrites a byte in each chunk of a table. One that is stored as text is no longer valid UTF-8.
const FLIPPED_BITS: &str = "UPDATE workflow_step_artifacts
    SET payload = CAST(CAST(substr(payload, 1, 40) AS BLOB) || x'ff' || CAST(substr(payload, 42) AS BLOB) AS TEXT),
        packed = CAST(substr(packed, 1, 40) || x'ff' || substr(packed, 42) AS BLOB)
    WHERE kind = 'rows'";

fn deep(place: &Place, status: i32) -> serde_json::Value {
    place.chem(&["store", "check", "--deep", "--format", "json"]).expect(status).json()
}

#[test]
fn a_damaged_artifact_is_found_and_made_again() {
    let place = place();
    assert_eq!(deep(&place, 0)["sound"], true);
    let told = place.chem(&["store", "check", "--deep"]).expect(0).stdout;
    assert!(told.contains("sound: 1 run and "), "{told}");

    by_force(&place, FLIPPED_BITS);
    let found = deep(&place, 1);
    assert_eq!((&found["sound"], &found["runs"]["unsound"]), (&false.into(), &0.into()));
    let damaged = found["artifacts"]["unsound"].as_u64().unwrap();
    assert!(damaged >= 2, "{found}");
    let told = place.chem(&["store", "check", "--deep"]).expect(1);
    assert!(told.stdout.contains("is corrupt") && told.stdout.contains(&format!("{damaged} artifacts")), "{told:?}");
    assert!(told.stderr.contains("`chem store repair`"), "{told:?}");
    let root = place.show("@last")["steps"][1]["outputs"][0]["hash"].as_str().unwrap().to_owned();
    let refused = place.chem(&["artifact", &root, "--rows"]).expect(3).stderr;
    assert!(refused.contains("is corrupt") && refused.contains("`chem store repair`"), "{refused}");

    let repaired = place.chem(&["store", "repair", "--format", "json"]).expect(0).json();
    assert_eq!(repaired["repaired"].as_array().unwrap().len() as u64, damaged);
    assert_eq!(deep(&place, 0)["sound"], true);
    assert_eq!(place.chem(&["artifact", &root, "--rows"]).expect(0).stdout.lines().count(), 3001);
    assert!(place.chem(&["store", "repair"]).expect(0).stdout.contains("every artifact is intact"));
    let plan = place.chem(&["plan", "f.yaml", "--format", "json"]).expect(0).json();
    assert!(plan["steps"].as_array().unwrap().iter().all(|step| step["action"] == "reuse"), "{plan}");
}

#[test]
fn a_run_that_makes_a_damaged_artifact_heals_it() {
    for options in [&["-q"][..], &["-q", "--no-cache"]] {
        let place = place();
        by_force(&place, FLIPPED_BITS);
        place.chem(&[&["run", "f.yaml"], options].concat()).expect(0);
        assert_eq!(deep(&place, 0)["sound"], true, "{options:?}");
    }
}

#[test]
fn a_run_whose_artifacts_are_damaged_goes_on_once_they_are_repaired() {
    let place = place();
    place.write("gated.yaml", &FLOW.replace("[number] }", "[name] }, gate: { message: Go on? }"));
    place.chem(&["run", "gated.yaml", "-q"]).expect(4);
    by_force(&place, FLIPPED_BITS);
    let failed = place.chem(&["approve", "@last", "sort"]).expect(1).stderr;
    assert!(failed.contains("is corrupt"), "{failed}");
    place.chem(&["store", "repair"]).expect(0);
    assert!(place.chem(&["retry", "@last"]).expect(0).stdout.contains("completed"));
    assert_eq!(deep(&place, 0)["sound"], true);
}

#[test]
fn what_cannot_be_made_again_is_named() {
    let place = place();
    by_force(&place, FLIPPED_BITS);
    place.write("in.csv", "name,number\nother,1\n");
    let left = place.chem(&["store", "repair", "--format", "json"]).expect(1).json();
    assert!(!left["left"].as_array().unwrap().is_empty(), "{left}");
    assert_eq!(deep(&place, 1)["sound"], false);
}

#[test]
fn an_edited_event_is_refused_by_everything_that_reads_the_run() {
    let place = place();
    by_force(
        &place,
        "UPDATE event_log SET payload = replace(payload, '[\"number\"]', '[\"name\"]') WHERE position = 4",
    );
    for command in [
        &["show", "@last"][..],
        &["manifest", "@last"],
        &["verify", "@last"],
        &["why", "@last", "sort"],
        &["resume", "@last"],
    ] {
        let refused = place.chem(command).expect(3).stderr;
        assert!(refused.contains("is broken at position 4"), "{command:?}: {refused}");
        assert!(refused.contains("parameter `by`, `[\"name\"]` here and `[\"number\"]`"), "{command:?}: {refused}");
    }
    let found = deep(&place, 1);
    assert_eq!((&found["findings"][0]["position"], &found["findings"][0]["kind"]), (&4.into(), &"misfit".into()));
    // The earlier step is reused, and the damaged one runs.
    let run = place.chem(&["run", "f.yaml", "--format", "json"]).expect(0);
    assert_eq!(place.show("@last")["event_variants"], "ISHSFC");
    assert!(run.stderr.contains("warning: step `sort`: event 5 of run"), "{}", run.stderr);
}

#[test]
fn a_planted_result_is_passed_over_with_a_warning_and_found_by_the_check() {
    let place = place();
    let honest = place.show("@last");
    // A user who may write the file can insert rows without removing triggers: here a result that passes off the rejected
    // rows as the table.
    let raw = Connection::open(place.path().join(".chem/store.db")).unwrap();
    let planted = "019b0000-0000-7000-8000-00000000000f";
    let output = |index: usize| honest["steps"][0]["outputs"][index]["hash"].as_str().unwrap().to_owned();
    let insert = "INSERT INTO event_log (flow_id, position, ts, event_type, payload)
        SELECT ?1, 0, ts, event_type, replace(payload, ?2, ?3) FROM event_log WHERE position = 3";
    // The store returns the row of a run with an impossible id first.
    for run in [planted, "z19b0000-0000-7000-8000-00000000000f"] {
        assert_eq!(raw.execute(insert, [run, &output(0), &output(1)]).unwrap(), 1);
    }
    drop(raw);

    let run = place.chem(&["run", "f.yaml"]).expect(0);
    assert!(run.stderr.contains(&format!("warning: step `read`: event 0 of run {planted} claims")), "{run:?}");
    assert_eq!(place.show("@last")["flow_fingerprint"], honest["flow_fingerprint"]);
    assert_eq!(place.show("@last")["event_variants"], "ISHSHC");
    let told = place.chem(&["store", "check", "--deep"]).expect(1).stdout;
    assert!(told.contains(&format!("event 0 of run {planted}: the run has not begun")), "{told}");
    assert!(told.contains("sound: 2 runs and") && told.contains("not sound: 1 run and 0 artifacts"), "{told}");
}

#[test]
fn an_unreadable_event_is_named_and_passed_over() {
    let place = place();
    place.chem(&["run", "f.yaml", "-q", "--no-cache"]).expect(0);
    by_force(&place, "UPDATE event_log SET payload = CAST(x'7b22ff' AS TEXT) WHERE seq = 3");
    let told = place.chem(&["log", "--follow", "--format", "json"]).expect(3);
    let lines = told.json_lines();
    assert_eq!(lines.len(), 3, "two events and the failure: {told:?}");
    assert_eq!((&lines[0]["position"], &lines[1]["position"]), (&0.into(), &1.into()));
    assert!(told.stderr.contains("event 2 of run"), "{told:?}");
    let (_, help) = told.stderr.split_once("`chem log ").unwrap();
    let arguments: Vec<&str> = help.split('`').next().unwrap().split(' ').collect();
    let mut follower = place.spawn(&[&["log", "--format", "json"], &arguments[..]].concat());
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(follower.stdout.take().unwrap()));
    for position in [3, 4, 5, 6, 0, 1] {
        let event: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(event["position"], position);
    }
    follower.kill().unwrap();
    follower.wait().unwrap();

    // Reads the log of the single run.
    let run = deep(&place, 1)["findings"][0]["flow_id"].as_str().unwrap().to_owned();
    let told = place.chem(&["log", &run]).expect(3);
    assert_eq!(told.stdout.lines().count(), 2, "{told:?}");
    assert!(told.stderr.contains("--skip-unreadable"), "{told:?}");
    let told = place.chem(&["log", &run, "--skip-unreadable"]).expect(0);
    assert_eq!(told.stdout.lines().count(), 6, "{told:?}");
    assert!(told.stderr.contains("skipped: event 2 of run"), "{told:?}");
}

#[test]
fn a_run_that_cannot_be_read_does_not_hide_the_others() {
    let place = place();
    for _ in 0..3 {
        place.chem(&["run", "f.yaml", "-q", "--no-cache"]).expect(0);
    }
    let list = |arguments: &[&str], status: i32| {
        let told = place.chem(&[&["ls", "--format", "json"], arguments].concat()).expect(status);
        let ids =
            told.json().as_array().unwrap().iter().map(|run| run["flow_id"].as_str().unwrap().to_owned()).collect();
        (ids, told.stderr)
    };
    let (all, said): (Vec<String>, _) = list(&[], 0);
    assert_eq!((all.len(), said.as_str()), (4, ""));
    let spoil = |run: &str, which: &str| {
        by_force(
            &place,
            &format!("UPDATE event_log SET payload = '{{}}' WHERE flow_id = '{run}' AND position = ({which})"),
        );
    };
    spoil(&all[1], "0");
    spoil(&all[2], "SELECT max(position) FROM event_log WHERE flow_id = event_log.flow_id");
    spoil(&all[3], "1");
    for arguments in [&[][..], &["--all"], &["--limit", "2"], &["--status", "completed"]] {
        let (read, said) = list(arguments, 3);
        assert_eq!(read, [all[0].clone(), all[3].clone()], "{arguments:?}: {said}");
        for run in [&all[1], &all[2]] {
            assert_eq!(said.matches(run.as_str()).count(), 1, "{arguments:?}: {said}");
        }
        assert!(said.contains("`chem store check --deep`"), "{said}");
    }
    // Whether a run is a branch is in its second event.
    let (read, said) = list(&["--tree"], 3);
    assert_eq!(read, [all[0].clone(), all[3].clone()], "{said}");
    assert!(said.contains(&format!("event 1 of run {}", all[3])), "{said}");
    let told = place.chem(&["ls"]).expect(3);
    assert!(told.stdout.contains(&all[0]) && told.stdout.contains(&all[3]), "{told:?}");
}

#[cfg(unix)]
#[test]
fn a_store_that_was_deleted_during_a_run_is_noticed() {
    for replaced in [false, true] {
        let place = Place::new();
        place.write("slow.yaml", &slow_flow(4, 150));
        let child = place.spawn(&["run", "slow.yaml"]);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !place.path().join("ran.txt").exists() {
            assert!(Instant::now() < deadline, "the child does not get on");
            std::thread::yield_now();
        }
        std::fs::remove_dir_all(place.path().join(".chem")).unwrap();
        if replaced {
            place.chem(&["store", "migrate"]).expect(0);
        }
        let told: Outcome = child.wait_with_output().unwrap().into();
        let told = told.expect(3);
        assert!(told.stderr.contains("was deleted or replaced"), "{told:?}");
        assert!(!told.stdout.contains("completed"), "{told:?}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_no_store_and_nothing_is_left_beside_it() {
    let place = Place::new();
    place.write("f.yaml", "flow: f\nsteps:\n  - { id: seed, uses: demo.seed }\n");
    let pipe = place.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(place.path().join("socket")).unwrap();
    std::os::unix::fs::symlink("/dev/null", place.path().join("link")).unwrap();
    let before = names(place.path());
    for store in ["sqlite:/dev/null", "sqlite:/dev/zero", "sqlite:pipe", "sqlite:socket", "sqlite:link"] {
        for command in [&["run", "f.yaml"][..], &["ls"], &["store", "migrate"], &["plan", "f.yaml"]] {
            let refused = place.chem(&[command, &["--store", store]].concat()).expect(3).stderr;
            assert!(refused.contains("is not a store"), "{store}, {command:?}: {refused}");
        }
    }
    assert_eq!(names(place.path()), before);
    assert!(!Path::new("/dev/null.lock").exists() && !Path::new("/dev/zero.lock").exists());
}

fn names(directory: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// On a full disk no file can grow. A limit on the file size has the same effect on a program.
#[cfg(target_os = "linux")]
#[test]
fn where_nothing_can_be_written_what_is_there_is_read() {
    let place = place();
    let wal = place.path().join(".chem/store.db-wal");
    for (lock, log) in [(true, false), (false, false), (false, true)] {
        if !lock {
            std::fs::remove_file(place.path().join(".chem/store.db.lock")).unwrap();
        }
        if log {
            // Like a copy of the store of a killed program: with the write-ahead log and without its index.
            let writer = Connection::open(place.path().join(".chem/store.db")).unwrap();
            writer.execute_batch("INSERT INTO flow_leases (flow_id, epoch, holder) VALUES ('x', 1, '{}')").unwrap();
            let written = std::fs::read(&wal).unwrap();
            drop(writer);
            std::fs::write(&wal, written).unwrap();
        }
        for command in [
            &["ls"][..],
            &["show", "@last"],
            &["log", "@last"],
            &["plan", "f.yaml"],
            &["store", "status"],
            &["store", "check"],
            &["store", "check", "--deep"],
        ] {
            let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", script, crate::harness::PROGRAM]).args(command).current_dir(place.path());
            // The output goes to pipes, which the limit does not affect.
            let told: Outcome = shell.output().unwrap().into();
            told.expect(0);
        }
        assert_eq!(wal.metadata().map_or(0, |log| log.len()) > 0, log);
    }
}
