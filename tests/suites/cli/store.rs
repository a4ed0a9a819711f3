//! `chem store`: the schema version, size and integrity of a store. Also follows its log.

use std::io::{BufRead as _, BufReader};

use chem_runtime::event::FlowId;
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventLog as _, Holder, Leases as _, Takeover};
use chem_tests::events::one_of_each;

use crate::harness::{Outcome, Place, slow_flow};

#[test]
fn a_store_is_made_and_found_current() {
    let place = Place::new();
    let missing = place.chem(&["store", "status"]).expect(3);
    assert!(missing.stderr.contains("chem store migrate"), "{}", missing.stderr);
    assert!(!place.path().join(".chem").exists());
    let made = place.chem(&["store", "migrate", "--format", "json"]).expect(0).json();
    assert_eq!(made[0]["version"], 1);
    assert_eq!(place.chem(&["store", "migrate", "--format", "json"]).expect(0).json(), serde_json::json!([]));
    let status = place.chem(&["store", "status", "--format", "json"]).expect(0).json();
    assert_eq!((&status["applied"], &status["pending"]), (&made, &serde_json::json!([])));
    assert_eq!(place.chem(&["store", "check", "--format", "json"]).expect(0).json(), serde_json::json!([]));
}

#[test]
fn drift_is_named_object_by_object() {
    let place = Place::new();
    place.chem(&["store", "migrate"]).expect(0);
    let change = rusqlite::Connection::open(place.path().join(".chem/store.db")).unwrap();
    change
        .execute_batch(
            "DROP TRIGGER event_log_is_never_deleted_from; CREATE TABLE mine (a); ALTER TABLE event_log ADD COLUMN b TEXT",
        )
        .unwrap();
    drop(change);
    let found = place.chem(&["store", "check", "--format", "json"]).expect(1).json();
    let named: Vec<(&str, &str)> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|drift| (drift["kind"].as_str().unwrap(), drift["object"].as_str().unwrap()))
        .collect();
    let expected = [
        ("changed", "table event_log"),
        ("missing", "trigger event_log.event_log_is_never_deleted_from"),
        ("extra", "table mine"),
    ];
    assert_eq!(named, expected);
}

#[test]
fn the_log_of_a_run_is_followed_to_its_end() {
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(3, 60));
    let mut run = place.spawn(&["run", "slow.yaml", "-q"]);
    // At first there is no store, and then one without a run.
    while place.chem(&["show", "@last", "--format", "json"]).status != 0 && run.try_wait().unwrap().is_none() {}
    let followed = place.chem(&["log", "@last", "--follow", "--format", "json"]).expect(0).json_lines();
    assert!(run.wait().unwrap().success());
    assert_eq!(followed, place.chem(&["log", "@last", "--format", "json"]).expect(0).json_lines());
    assert_eq!(followed.last().unwrap()["event_type"], "flowcompleted");
}

#[test]
fn a_follower_of_a_run_does_not_read_again_what_it_has_printed() {
    let place = Place::new();
    place.write("gated.yaml", "flow: gated\nsteps:\n  - { id: seed, uses: demo.seed, gate: { message: Go on? } }\n");
    place.chem(&["run", "gated.yaml", "-q"]).expect(4);
    let mut follower = place.spawn(&["log", "@last", "--follow", "--format", "json"]);
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let printed = [next(), next()];
    assert_eq!(printed[1]["event_type"], "userinteractionrequested");

    // Events already printed are no longer readable; new ones are still printed until the run ends.
    let path = place.path().join(".chem/store.db");
    let change = rusqlite::Connection::open(&path).unwrap();
    change.execute_batch("DROP TRIGGER event_log_is_never_updated; UPDATE event_log SET payload = '{}'").unwrap();
    let store = SqliteEventStore::open(&path).unwrap();
    let run: FlowId = printed[0]["flow_id"].as_str().unwrap().parse().unwrap();
    let lease = store.acquire_lease(run, &Holder::this_process(), Takeover::Always).unwrap();
    let kinds = one_of_each();
    for (position, event_type) in [(2, "userinteractionprovided"), (3, "stepsignal"), (4, "stepfailed")] {
        let kind = kinds.iter().find(|kind| kind.event_type() == event_type).unwrap();
        store.append_as((&lease).into(), position, &[kind.clone().into()]).unwrap();
        assert_eq!(next()["event_type"], event_type);
    }
    let outcome: Outcome = follower.wait_with_output().unwrap().into();
    assert_eq!(outcome.expect(0).stderr, "");
}

#[test]
fn the_size_of_a_store_is_told_by_table_flow_and_run() {
    let place = Place::new();
    place.write("good.yaml", "flow: good\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n");
    place.write("long.yaml", &slow_flow(5, 0).replace("flow: slow", "flow: long"));
    for manifest in ["good.yaml", "long.yaml", "good.yaml"] {
        place.chem(&["run", manifest, "-q"]).expect(0);
    }
    let status = place.chem(&["store", "status", "--format", "json"]).expect(0).json();
    let tables = status["tables"].as_array().unwrap();
    let log = tables.iter().find(|table| table["table"] == "event_log").unwrap();
    let events: i64 = rusqlite::Connection::open(place.path().join(".chem/store.db"))
        .and_then(|raw| raw.query_row("SELECT count(*) FROM event_log", [], |row| row.get(0)))
        .unwrap();
    assert_eq!((&status["runs"], &log["rows"], &log["rows_are_estimated"]), (&3.into(), &events.into(), &false.into()));
    assert_eq!(status["bytes"], tables.iter().map(|table| table["bytes"].as_u64().unwrap()).sum::<u64>());
    assert!(log["bytes"].as_u64().unwrap() > log["index_bytes"].as_u64().unwrap());
    assert_eq!(
        (&status["largest_flows"], &status["largest_runs"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );

    let largest = place.chem(&["store", "status", "--largest", "2", "--format", "json"]).expect(0).json();
    let flows = largest["largest_flows"].as_array().unwrap();
    assert_eq!((&flows[0]["flow"], &flows[0]["runs"]), (&"long".into(), &1.into()));
    assert_eq!((&flows[1]["flow"], &flows[1]["runs"], &flows[1]["artifacts"]), (&"good".into(), &2.into(), &1.into()));
    let runs = largest["largest_runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["flow"]), (2, &"long".into()));

    let told = place.chem(&["store", "status"]).expect(0);
    assert!(told.stdout.contains("3 runs in ") && told.stdout.contains("workflow_step_artifacts"), "{}", told.stdout);
    assert!(told.stderr.contains("chem store status --largest"), "{}", told.stderr);
    let told = place.chem(&["store", "status", "--largest"]).expect(0);
    assert!(told.stdout.contains("\nflow  runs  size") && told.stdout.contains("\nrun "), "{}", told.stdout);
    assert_eq!(told.stderr, "");
}

#[test]
fn the_log_of_all_runs_is_followed_and_taken_up_again() {
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(1, 0));
    place.chem(&["run", "slow.yaml", "-q"]).expect(0);

    let mut follower = place.spawn(&["log", "--follow", "--format", "json"]);
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let printed: Vec<serde_json::Value> =
        (0..6).map(|_| serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()).collect();
    let stop = std::process::Command::new("kill").args(["-INT", &follower.id().to_string()]).status().unwrap();
    assert!(stop.success());
    let outcome: crate::harness::Outcome = follower.wait_with_output().unwrap().into();
    let stderr = outcome.expect(130).stderr;
    let cursor = stderr.trim().trim_end_matches('`').rsplit(' ').next().unwrap().to_owned();
    // Each line has the cursor after it, for readers that miss the final message.
    assert_eq!(printed[5]["cursor"], cursor.as_str());
    let after_the_second = printed[1]["cursor"].as_str().unwrap();
    let mut follower = place.spawn(&["log", "--follow", "--from", after_the_second, "--format", "json"]);
    let third = BufReader::new(follower.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&third).unwrap(), printed[2]);

    place.chem(&["run", "slow.yaml", "-q"]).expect(0);
    let mut follower = place.spawn(&["log", "--follow", "--from", &cursor, "--format", "json"]);
    let first = BufReader::new(follower.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    follower.kill().unwrap();
    follower.wait().unwrap();
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&first["position"], &first["event_type"]), (&0.into(), &"flowinitialized".into()));
    assert_eq!(first["flow_id"], place.show("@last")["flow_id"]);
}

#[test]
fn a_follower_that_ends_by_an_error_says_where_it_was() {
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(1, 0));
    place.chem(&["run", "slow.yaml", "-q"]).expect(0);
    let mut follower = place.spawn(&["log", "--follow", "--format", "json"]);
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let printed: Vec<serde_json::Value> =
        (0..6).map(|_| serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()).collect();
    let change = rusqlite::Connection::open(place.path().join(".chem/store.db")).unwrap();
    change.execute_batch("ALTER TABLE event_log RENAME TO event_log_elsewhere").unwrap();
    let failure: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let here = format!("continue from here with `chem log --follow --from {}`", printed[5]["cursor"].as_str().unwrap());
    assert_eq!(failure["help"], here.as_str());
    let outcome: Outcome = follower.wait_with_output().unwrap().into();
    assert!(outcome.expect(3).stderr.contains(&here));
}

#[test]
fn following_a_log_makes_no_store() {
    let place = Place::new();
    let told = place.chem(&["log", "--follow"]).expect(3).stderr;
    assert!(told.contains("there is no store at `.chem/store.db`"), "{told}");
    assert!(!place.path().join(".chem").exists());
}

/// This is the case of a colleague with read access only, and of an archive.
#[cfg(target_os = "linux")]
#[test]
fn a_store_that_may_not_be_written_is_read() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    place.write("f.yaml", "flow: f\nsteps:\n  - { id: seed, uses: demo.seed }\n");
    place.chem(&["run", "f.yaml", "--store", "sqlite:kept/a b.db"]).expect(0);
    let allow = |path: &str, mode: u32| {
        std::fs::set_permissions(place.path().join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // Root may write everywhere, so under root the program runs as another user.
    chem_tests::outside::copy_program(env!("CARGO_BIN_EXE_chem-with-test-steps").as_ref(), &place.path().join("chem"));
    let options = ["--reuid=65534", "--regid=65534", "--clear-groups", "./chem"];
    let is_root = std::fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t");
    let by_another = |arguments: &[&str]| {
        let mut command = std::process::Command::new(if is_root { "setpriv" } else { "./chem" });
        command.args(if is_root { &options[..] } else { &[] }).args(arguments);
        let command = command.args(["--store", "sqlite:kept/a b.db"]).current_dir(place.path());
        Outcome::from(command.output().unwrap())
    };
    for (path, mode) in [("", 0o755), ("chem", 0o755), ("kept/a b.db", 0o444), ("kept", 0o555)] {
        allow(path, mode);
    }
    assert!(by_another(&["ls"]).expect(0).stdout.contains("completed"));
    assert!(by_another(&["show", "@last"]).expect(0).stdout.contains("flow fingerprint"));
    assert!(by_another(&["plan", "f.yaml"]).expect(0).stdout.contains("reuse"));
    by_another(&["store", "check"]).expect(0);
    assert!(by_another(&["store", "check", "--deep"]).expect(0).stdout.contains("sound: 1 run"));
    let refused = by_another(&["run", "f.yaml"]).expect(3).stderr;
    assert!(refused.contains("cannot be opened for writing"), "{refused}");
    // Reading also works if only the files beside the store cannot be written.
    allow("kept", 0o755);
    std::fs::remove_file(place.path().join("kept/a b.db.lock")).unwrap();
    allow("kept/a b.db", 0o666);
    allow("kept", 0o555);
    assert!(by_another(&["ls"]).expect(0).stdout.contains("completed"));
    allow("kept", 0o755);
}
