//! Row steps in shards: `chem run`, `chem work` and `chem show`, with processes that are killed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chem_runtime::event::FlowEventKind;
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore, FlowSummary, RunFilter};
use serde_json::{Value, json};

use crate::harness::Place;

/// A program that takes a while, and leaves a line for each time that it has answered.
const PROGRAM: &str = "sed 's/}$/, \"one\": 1}/'; sleep 0.1; echo ran >> ran.txt\n";

/// Returns the steps that run in shards, each line after `indent`.
fn steps(indent: &str) -> String {
    let steps = [
        "- id: slow",
        "  uses: process.run",
        "  with: { command: [sh, \"{program}\"], files: { program: slow.sh }, version: \"1\", rows: true, types: { one: integer } }",
        "- { id: half, uses: table.filter, with: { where: n < 30 } }",
    ];
    steps.map(|line| format!("{indent}{line}\n")).concat()
}

fn place() -> Place {
    let place = Place::new();
    let read = "flow: slow\nsteps:\n  - { id: read, uses: table.read, with: { path: numbers.csv } }\n";
    place.write("whole.yaml", &format!("{read}{}", steps("  ")));
    place.write(
        "cut.yaml",
        &format!("{read}  - map:\n      over: read\n      rows: 3\n      steps:\n{}", steps("        ")),
    );
    let numbers: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    place.write("numbers.csv", &format!("n\n{}\n", numbers.join("\n")));
    place.write("slow.sh", PROGRAM);
    place
}

fn json_of(place: &Place, arguments: &[&str]) -> Value {
    place.chem(&[arguments, &["--format", "json"]].concat()).expect(0).json()
}

fn answered(place: &Place) -> usize {
    std::fs::read_to_string(place.path().join("ran.txt")).unwrap_or_default().lines().count()
}

/// Returns what must not depend on shards.
fn result(run: &Value) -> Value {
    let step = |step: &Value| json!([step["id"], step["fingerprint"], step["outputs"]]);
    let steps: Vec<Value> = run["steps"].as_array().unwrap().iter().map(step).collect();
    json!([run["flow_fingerprint"], steps])
}

/// The parent is killed, and so is one of three workers, again and again.
fn workers_share(address: &str, store: &dyn EventStore, place: &Place) {
    let whole = json_of(&self::place(), &["run", "whole.yaml"]);
    let mut killed = place.spawn(&["run", "cut.yaml", "-q", "--store", address]);
    while answered(place) == 0 {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let runs = json_of(place, &["ls", "--store", address]);
    let parent = runs[0]["flow_id"].as_str().unwrap();
    let worker = || place.spawn(&["work", parent, "-q", "--store", address]);
    let (one, other, mut unlucky) = (worker(), worker(), worker());
    for wait in [120, 260, 90, 340, 170] {
        std::thread::sleep(Duration::from_millis(wait));
        unlucky.kill().unwrap();
        unlucky.wait().unwrap();
        unlucky = worker();
    }
    let resumed = place.spawn(&["resume", parent, "--format", "json", "-q", "--store", address]);
    for worker in [one, other, unlucky] {
        let ended = worker.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    let resumed = resumed.wait_with_output().unwrap();
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    let resumed: Value = serde_json::from_slice(&resumed.stdout).unwrap();
    assert_eq!(result(&resumed), result(&whole));
    let runs = store.find_runs(&RunFilter::default(), None, 100).unwrap();
    let is_shard = |run: &&FlowSummary| run.child_of().is_some_and(|child| child.parent.to_string() == parent);
    assert_eq!(runs.iter().filter(is_shard).count(), 20);
    for run in runs.iter().filter(|run| run.child_of().is_some()) {
        let events = store.list(run.flow_id()).unwrap();
        // A shard at which two workers were killed is cut into parts, which then completed in its place.
        if matches!(&run.last.kind, FlowEventKind::StepFailed(failed) if failed.deaths == 2) {
            assert_eq!(
                runs.iter().filter(|part| part.child_of().is_some_and(|it| it.parent == run.flow_id())).count(),
                3
            );
            continue;
        }
        let of_kind = |is: fn(&FlowEventKind) -> bool| events.iter().filter(|event| is(&event.kind)).count();
        assert_eq!(of_kind(|kind| matches!(kind, FlowEventKind::FlowCompleted(_))), 1);
        assert_eq!(of_kind(|kind| matches!(kind, FlowEventKind::StepFinished(_) | FlowEventKind::StepReused(_))), 3);
    }
}

#[test]
fn workers_share_shards_on_sqlite() {
    let place = place();
    let path = place.path().join("store.db");
    let store: Arc<dyn EventStore> = Arc::new(SqliteEventStore::open(Path::new(&path)).unwrap());
    workers_share(&format!("sqlite:{}", path.display()), store.as_ref(), &place);
}

#[cfg(feature = "postgres")]
#[test]
fn workers_share_shards_on_postgres() {
    use chem_runtime::store::postgres::PgEventStore;
    let Some(database) = chem_tests::postgres_server::database() else { return };
    let store = PgEventStore::open(&database.address()).unwrap();
    workers_share(&database.url(), &store, &place());
}

#[test]
fn every_command_says_the_same_of_a_run_in_shards() {
    let place = place();
    let (whole, cut) =
        (json_of(&place, &["run", "whole.yaml", "--no-cache"]), json_of(&place, &["run", "cut.yaml", "--no-cache"]));
    assert_eq!(result(&cut), result(&whole));
    let id = |run: &Value| run["flow_id"].as_str().unwrap().to_owned();
    let (whole, cut) = (id(&whole), id(&cut));
    let shown = json_of(&place, &["show", &cut]);
    let children = shown["children"].as_array().unwrap();
    assert_eq!(
        (children.len(), &children[0]["given"], &children[19]["given"]),
        (20, &json!({ "rows": "1-3" }), &json!({ "rows": "58-60" }))
    );
    let child = children[1]["flow_id"].as_str().unwrap().to_owned();
    for run in [&cut, &child] {
        place.chem(&["verify", run]).expect(0);
        place.chem(&["audit", run]).expect(0);
    }
    place.chem(&["diff", &whole, &cut]).expect(0);
    let trace = |run: &str| place.chem(&["trace", run, "--record", "31"]).expect(0).stdout;
    assert_eq!(trace(&whole), trace(&cut));
    let manifest = place.chem(&["manifest", &cut]).expect(0).stdout;
    place.write("again.yaml", &manifest);
    let again = json_of(&place, &["run", "again.yaml"]);
    assert_eq!(result(&again), result(&json_of(&place, &["show", &cut])));
    assert!(manifest.contains("- map:\n    over: read\n    rows: 3\n    steps:\n    - id: slow\n"), "{manifest}");
}

#[test]
fn a_shard_that_fails_fails_the_step_and_is_retried_alone() {
    let place = place();
    place.write(
        "slow.sh",
        "rows=$(cat); echo ran >> ran.txt\n\
         if test -f broken && echo \"$rows\" | grep -q 31; then exit 1; fi\n\
         echo \"$rows\" | sed 's/}$/, \"one\": 1}/'\n",
    );
    place.write("broken", "");
    let failed = place.chem(&["run", "cut.yaml"]).expect(1);
    assert!(failed.stderr.contains("1 of 20 shards failed"), "{}", failed.stderr);
    assert_eq!(answered(&place), 20);
    std::fs::remove_file(place.path().join("broken")).unwrap();
    let run = json_of(&place, &["retry", "@last"]);
    assert_eq!((&run["status"], answered(&place)), (&json!("completed"), 21));
}

/// The children of a sweep work in shards. The run is killed, a worker of it helps, and all of it is exported.
#[test]
fn children_of_a_sweep_work_in_shards() {
    let swept = |flow: &str| {
        format!(
            "flow: sweep\nsteps:\n  - id: sweep\n    map:\n      flow: {flow}\n      over: {{ below: [10, 30] }}\n      \
             take: {{ ones: total.ones }}\n"
        )
    };
    let place = || {
        let place = self::place();
        for file in ["whole.yaml", "cut.yaml"] {
            let flow = std::fs::read_to_string(place.path().join(file)).unwrap();
            let flow = flow.replace("steps:\n  - { id: read", "params: { below: 0 }\nsteps:\n  - { id: read");
            let total = "  - { id: total, uses: table.aggregate, with: { values: [sum(one) as ones] } }\n";
            place.write(file, &format!("{}{total}", flow.replace("n < 30", "n < params.below")));
            place.write(&format!("sweep-{file}"), &swept(file));
        }
        place
    };
    let whole = json_of(&place(), &["run", "sweep-whole.yaml"]);
    let place = place();
    let mut killed = place.spawn(&["run", "sweep-cut.yaml", "-q"]);
    while answered(&place) < 3 {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let parent = json_of(&place, &["ls"])[0]["flow_id"].as_str().unwrap().to_owned();
    let worker = place.spawn(&["work", &parent, "-q"]);
    let resumed = json_of(&place, &["resume", &parent]);
    let worker = worker.wait_with_output().unwrap();
    assert!(worker.status.success(), "{}", String::from_utf8_lossy(&worker.stderr));
    assert_eq!(resumed["steps"][0]["outputs"].as_array().unwrap().len(), 1);
    let children = |run: &Value| -> Vec<Value> {
        run["children"].as_array().unwrap().iter().map(|child| child["flow_fingerprint"].clone()).collect()
    };
    assert_eq!(children(&resumed), children(&whole));
    for child in resumed["children"].as_array().unwrap() {
        let shards = place.show(child["flow_id"].as_str().unwrap())["children"].clone();
        assert_eq!(shards.as_array().unwrap().len(), 20, "{shards}");
    }
    json_of(&place, &["verify", &parent]);
    json_of(&place, &["export", &parent, "family.zip"]);
    let family = place.path().join("family.zip");
    let elsewhere = Place::new();
    let audited = json_of(&elsewhere, &["audit", family.to_str().unwrap()]);
    assert_eq!((&audited["sound"], &audited["runs"]), (&json!(true), &json!(1 + 2 + 2 * 20)), "{audited}");
}
