//! Sweeps, steps with `map:`, their children, and `chem work`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chem_runtime::event::FlowEventKind;
use chem_runtime::store::spool::SpoolEventStore;
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore, OpenMode, RunFilter};
use serde_json::{Value, json};

use crate::harness::Place;

/// A flow whose steps are pure.
const LETTERS: &str = "flow: letters
params: { text: CCO, more: x }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}${params.more}\" } }
  - { id: characters, uses: demo.characters }
  - { id: count, uses: demo.count }
";

/// A flow that takes a while, and leaves a line for each time that its step runs.
const SLOW: &str = "flow: slow
params: { text: CCO, wait: 0 }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
  - { id: slow, uses: test.slow, with: { wait: \"${params.wait}\", ran: \"ran-${params.text}.txt\" } }
  - { id: characters, uses: demo.characters }
";

/// A flow that fails so many times.
const BUSY: &str = "flow: busy
params: { times: 0 }
steps:
  - { id: seed, uses: demo.seed, with: { text: CCO } }
  - { id: busy, uses: test.busy, with: { times: \"${params.times}\", tried: \"tried-${params.times}.txt\" } }
  - { id: characters, uses: demo.characters }
  - { id: count, uses: demo.count }
";

fn place(name: &str, flow: &str) -> Place {
    let place = Place::new();
    place.write(name, flow);
    place
}

fn json_of(place: &Place, arguments: &[&str]) -> Value {
    place.chem(&[arguments, &["--format", "json"]].concat()).expect(0).json()
}

/// Returns the rows of the table that the step at `index` of a run put out, by the names of the columns.
fn rows(place: &Place, run: &Value, index: usize) -> Vec<BTreeMap<String, Value>> {
    let hash = run["steps"][index]["outputs"][0]["hash"].as_str().unwrap();
    let table = json_of(place, &["artifact", hash, "--rows"]);
    let columns: Vec<String> =
        table["payload"]["columns"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().into()).collect();
    let row = |row: &Value| columns.iter().cloned().zip(row.as_array().unwrap().iter().cloned()).collect();
    table["rows"].as_array().unwrap().iter().map(row).collect()
}

fn lines(place: &Place, file: &str) -> usize {
    std::fs::read_to_string(place.path().join(file)).unwrap_or_default().lines().count()
}

fn id(run: &Value) -> &str {
    run["flow_id"].as_str().unwrap()
}

#[test]
fn a_sweep_makes_the_table_that_separate_runs_make() {
    let (swept, separate) = (place("letters.yaml", LETTERS), place("letters.yaml", LETTERS));
    let sweep = ["run", "letters.yaml", "--sweep", "text=CCO,1.10", "--sweep", "more=[a, \"b,c\"]", "--set"];
    // A value that all children get is one of them only if it is not swept.
    swept.chem(&[&sweep[..], &["text=N"]].concat()).expect(2);
    let run = json_of(&swept, &[&sweep[..6], &["--take", "count.characters", "--take", "text_of=seed"]].concat());
    assert_eq!(run["event_variants"], "ISFC");
    let mut expected = Vec::new();
    for more in ["a", "b,c"] {
        for text in ["CCO", "1.10"] {
            let set = [format!("text={text}"), format!("more={more}")];
            let alone = json_of(&separate, &["run", "letters.yaml", "--set", &set[0], "--set", &set[1]]);
            let whole = format!("{text}{more}");
            expected.push(BTreeMap::from([
                ("text".to_owned(), json!(text)),
                ("more".to_owned(), json!(more)),
                ("count_characters".to_owned(), json!(whole.len())),
                ("text_of".to_owned(), json!(whole)),
                ("flow_fingerprint".to_owned(), alone["flow_fingerprint"].clone()),
            ]));
        }
    }
    assert_eq!(rows(&swept, &run, 0), expected);
    let shown = swept.chem(&["show", "@last"]).expect(0).stdout;
    assert!(shown.contains("more=b,c, text=1.10") && shown.contains("count_characters"), "{shown}");
    // The same work again is one reused result, and a further value costs one child.
    let again = json_of(&swept, &[&sweep[..6], &["--take", "count.characters", "--take", "text_of=seed"]].concat());
    assert_eq!((&again["flow_fingerprint"], &again["steps"][0]["cached"]), (&run["flow_fingerprint"], &json!(true)));
    let wider = json_of(&swept, &["run", "letters.yaml", "--sweep", "text=CCO,1.10,N", "--set", "more=a"]);
    let children = wider["children"].as_array().unwrap();
    let letters = |child: &Value| swept.show(id(child))["event_variants"].as_str().unwrap().to_owned();
    assert_eq!(children.iter().map(letters).collect::<Vec<_>>(), ["ISHSHSHC", "ISHSHSHC", "ISFSFSGFC"]);
}

#[test]
fn a_step_of_a_manifest_maps_a_flow_and_later_steps_take_its_table() {
    let place = place("flows/letters.yaml", LETTERS);
    let manifest = "flow: mapped
params: { shortest: C, most: 4 }
steps:
  - id: sweep
    map:
      flow: flows/letters.yaml
      params: { more: \"\" }
      over: { text: [\"${params.shortest}\", CCCC, CCCCCC] }
      take: { letters: count.characters }
  - { id: keep, uses: table.filter, with: { where: letters <= params.most } }
";
    place.write("mapped.yaml", manifest);
    place.chem(&["check", "mapped.yaml"]).expect(0);
    let plan = json_of(&place, &["plan", "mapped.yaml"]);
    let planned: Vec<&Value> = plan["steps"][0]["children"].as_array().unwrap().iter().map(|it| &it["label"]).collect();
    assert_eq!(planned, ["text=C", "text=CCCC", "text=CCCCCC"]);
    let run = json_of(&place, &["run", "mapped.yaml"]);
    let kept = rows(&place, &run, 1);
    assert_eq!(kept.iter().map(|row| row["letters"].clone()).collect::<Vec<_>>(), [1, 4]);

    // The manifest that the log gives makes the same run elsewhere.
    let manifest = place.chem(&["manifest", "@last"]).expect(0).stdout;
    let elsewhere = self::place("flows/letters.yaml", LETTERS);
    elsewhere.write("again.yaml", &manifest);
    let again = json_of(&elsewhere, &["run", "again.yaml"]);
    assert_eq!(again["flow_fingerprint"], run["flow_fingerprint"], "{manifest}");
    // Where keys are in the manifest says nothing.
    elsewhere.write("mapped.yaml", &place_other_order());
    assert_eq!(json_of(&elsewhere, &["run", "mapped.yaml"])["flow_fingerprint"], run["flow_fingerprint"]);

    // A change of a child's flow is a change of the step, and `why` names it.
    place.write("flows/letters.yaml", &LETTERS.replace("${params.text}$", "<${params.text}$"));
    let changed = json_of(&place, &["run", "mapped.yaml"]);
    assert_ne!(changed["flow_fingerprint"], run["flow_fingerprint"]);
    let why = place.chem(&["why", "@last", "sweep"]).expect(0).stdout;
    assert!(why.contains("steps.seed.params.text \"C\" → \"<C\""), "{why}");
}

/// Returns the manifest of the test above with its keys in another order.
fn place_other_order() -> String {
    "flow: mapped
params: { most: 4, shortest: C }
steps:
  - map:
      take: { letters: count.characters }
      over: { text: [\"${params.shortest}\", CCCC, CCCCCC] }
      params: { more: \"\" }
      flow: flows/letters.yaml
    id: sweep
  - { id: keep, uses: table.filter, with: { where: letters <= params.most } }
"
    .to_owned()
}

#[test]
fn a_child_is_a_run_like_any_other_below_its_parent() {
    let place = place("letters.yaml", LETTERS);
    json_of(&place, &["run", "letters.yaml"]);
    let run = json_of(&place, &["run", "letters.yaml", "--sweep", "text=C,CC"]);
    let parent = id(&run);
    assert_eq!(id(&place.show("@last")), parent, "`@last` is the run that a person began");
    let children = run["children"].as_array().unwrap();
    for (index, child) in children.iter().enumerate() {
        let shown = place.show(id(child));
        let given = json!({ "text": if index == 0 { "C" } else { "CC" } });
        let expected = json!({ "parent": parent, "step_id": "sweep", "step_index": 0, "index": index, "given": given });
        assert_eq!((&shown["child_of"], &shown["status"]), (&expected, &json!("completed")));
        assert_eq!(shown["flow_fingerprint"], child["flow_fingerprint"]);
        json_of(&place, &["verify", id(child)]);
    }
    let listed = place.chem(&["ls"]).expect(0);
    assert!(!listed.stdout.contains(id(&children[0])), "{}", listed.stdout);
    assert!(listed.stderr.contains("2 children of these runs are not listed"), "{}", listed.stderr);
    let tree = json_of(&place, &["ls", "--tree"]);
    let order: Vec<&str> = tree.as_array().unwrap().iter().map(id).skip(1).collect();
    assert_eq!(order, [parent, id(&children[0]), id(&children[1])]);
    let tree = place.chem(&["ls", "--tree"]).expect(0).stdout;
    assert!(
        tree.contains(&format!("└ {}", id(&children[1]))) && tree.contains("letters 1 of sweep: text=CC"),
        "{tree}"
    );
    // The table follows from the ends of the children, and they are verified with it.
    assert_eq!(json_of(&place, &["verify", parent])["steps_verified"], 1);
    place.chem(&["export", id(&children[0]), "child.zip"]).expect(0);
}

#[test]
fn a_killed_parent_goes_on_where_it_was() {
    let swept = place("slow.yaml", SLOW);
    let sweep = ["run", "slow.yaml", "--sweep", "text=a,b,c"];
    let expected = json_of(&place("slow.yaml", SLOW), &[&sweep[..], &["--set", "wait=500"]].concat());
    let mut killed = swept.spawn(&[&sweep[..], &["--set", "wait=500", "-q"]].concat());
    while lines(&swept, "ran-b.txt") == 0 {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let open = swept.chem(&["show", "@last"]).expect(0).stdout;
    assert!(open.contains("not begun"), "{open}");
    let resumed = json_of(&swept, &["resume", "@last"]);
    assert_eq!(resumed["flow_fingerprint"], expected["flow_fingerprint"]);
    assert_eq!(["a", "b", "c"].map(|text| lines(&swept, &format!("ran-{text}.txt"))), [1, 2, 1]);
    assert_eq!(swept.show("@last")["children"].as_array().unwrap().len(), 3);
}

#[test]
fn a_failed_child_fails_the_step_after_the_others_and_is_retried_alone() {
    let place = place("busy.yaml", BUSY);
    let failed = place.chem(&["run", "busy.yaml", "--sweep", "times=0,1,2"]).expect(1);
    assert!(failed.stderr.contains("2 of 3 children failed") && failed.stderr.contains("times=1"), "{}", failed.stderr);
    assert!(failed.stderr.contains("the server is busy"), "{}", failed.stderr);
    place.chem(&["retry", "@last"]).expect(1);
    let run = json_of(&place, &["retry", "@last"]);
    assert_eq!(run["event_variants"], "ISXRSXRSFC");
    assert_eq!(["0", "1", "2"].map(|times| lines(&place, &format!("tried-{times}.txt"))), [1, 2, 3]);
}

#[test]
fn a_manifest_says_how_often_children_are_tried_and_whether_errors_are_collected() {
    let mapped = |more: &str| {
        format!(
            "flow: mapped\nsteps:\n  - id: sweep\n    map: {{ flow: busy.yaml, over: {{ times: [0, 1] }}, \
             take: {{ n: count.characters }}{more}"
        )
    };
    let retried = place("busy.yaml", BUSY);
    retried.write("mapped.yaml", &(mapped(" }") + "\n    retry: { attempts: 2 }\n"));
    assert_eq!(json_of(&retried, &["run", "mapped.yaml"])["event_variants"], "ISXRSFC");
    assert_eq!(["0", "1"].map(|times| lines(&retried, &format!("tried-{times}.txt"))), [1, 2]);

    let collected = place("busy.yaml", BUSY);
    collected.write("mapped.yaml", &mapped(", on_error: collect }\n"));
    let run = json_of(&collected, &["run", "mapped.yaml"]);
    let rows_of = rows(&collected, &run, 0);
    assert_eq!((&rows_of[0]["error"], &rows_of[0]["n"]), (&Value::Null, &json!(3)));
    assert_eq!((&rows_of[1]["flow_fingerprint"], &rows_of[1]["n"]), (&Value::Null, &Value::Null));
    assert_eq!(rows_of[1]["error"], "step `busy` failed: the server is busy");
    // A failure is no result to reuse.
    let again = json_of(&collected, &["run", "mapped.yaml"]);
    assert_eq!(rows(&collected, &again, 0)[1]["error"], Value::Null);
}

#[test]
fn what_a_sweep_cannot_do_is_refused_before_anything_runs() {
    let place = place("letters.yaml", LETTERS);
    place.write("same.yaml", &SLOW.replace("ran-${params.text}.txt", "ran.txt"));
    let refused = |arguments: &[&str], expected: &str| {
        let outcome = place.chem(arguments).expect(2);
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    };
    refused(&["run", "same.yaml", "--sweep", "text=a,b"], "the children with text=a and text=b both write `ran.txt`");
    refused(&["run", "letters.yaml", "--sweep", "txet=a,b"], "did you mean `text`?");
    refused(&["run", "letters.yaml", "--sweep", "text"], "expected `name=value,value`, found `text`");
    refused(&["run", "letters.yaml", "--sweep", "text=a,a"], "`text` has the value `\"a\"` twice");
    refused(&["run", "letters.yaml", "--sweep", "text=a", "--take", "cuont"], "did you mean `count`?");
    refused(&["run", "letters.yaml", "--take", "count"], "--sweep");
    place.chem(&["run", "letters.yaml"]).expect(0);
    refused(&["work", "@last"], "has no step with `map`");
    // What a table cannot hold is known only when the children have run.
    let failed = place.chem(&["run", "letters.yaml", "--sweep", "text=a", "--take", "characters"]).expect(1);
    assert!(failed.stderr.contains("no single value"), "{}", failed.stderr);
}

#[test]
fn a_child_for_each_file_that_matches_a_pattern() {
    let place = Place::new();
    let flow = "flow: rows
params: { library: data/a.csv }
steps:
  - { id: read, uses: table.read, with: { path: \"${params.library}\" } }
";
    let mapped = "flow: files
steps:
  - id: each
    map: { flow: rows.yaml, over: { library: { files: \"data/*.csv\" } }, take: { rows: read } }
";
    place.write("rows.yaml", flow).write("mapped.yaml", mapped);
    place.write("data/b.csv", "n\n1\n2\n").write("data/a.csv", "n\n1\n").write("data/c.txt", "n\n");
    let run = json_of(&place, &["run", "mapped.yaml"]);
    let table = rows(&place, &run, 0);
    let found: Vec<_> = table.iter().map(|row| (row["library"].clone(), row["rows"].clone())).collect();
    assert_eq!(found, [(json!("data/a.csv"), json!(1)), (json!("data/b.csv"), json!(2))]);
    // A file that has changed costs one child, and a further one adds another.
    place.write("data/b.csv", "n\n1\n2\n3\n").write("data/d.csv", "n\n");
    let again = json_of(&place, &["run", "mapped.yaml"]);
    assert_ne!(again["flow_fingerprint"], run["flow_fingerprint"]);
    let children = again["children"].as_array().unwrap();
    let letters = |child: &Value| place.show(id(child))["event_variants"].as_str().unwrap().to_owned();
    assert_eq!(children.iter().map(letters).collect::<Vec<_>>(), ["ISHC", "ISGFC", "ISGFC"]);
    // A run that is continued has the children that it began with, and so has its manifest.
    let manifest = place.chem(&["manifest", "@last"]).expect(0).stdout;
    assert!(manifest.contains("- data/a.csv\n      - data/b.csv\n      - data/d.csv"), "{manifest}");
}

/// Kills a run of three children that wait long in its first child.
fn abandoned(place: &Place, store: &str) -> String {
    let sweep = ["run", "slow.yaml", "--sweep", "text=a,b,c,d,e,f,g,h", "--set", "wait=150", "-q", "--store", store];
    let mut killed = place.spawn(&sweep);
    while lines(place, "ran-a.txt") == 0 {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let runs = place.chem(&["ls", "--format", "json", "--store", store]).expect(0).json();
    id(&runs[0]).to_owned()
}

#[test]
fn a_worker_needs_no_parent_and_stops_when_it_is_told() {
    let place = place("slow.yaml", SLOW);
    let parent = abandoned(&place, "sqlite:store.db");
    let store = ["--store", "sqlite:store.db"];
    let worked = json_of(&place, &[&["work", &parent, "--max", "2"], &store[..]].concat());
    assert_eq!((worked["completed"].as_array().unwrap().len(), &worked["stopped"]), (2, &json!("enough")));
    let late = json_of(&place, &[&["work", &parent, "--until", "2020-01-01T00:00:00Z"], &store[..]].concat());
    assert_eq!((&late["completed"], &late["stopped"]), (&json!([]), &json!("late")));
    let worked = json_of(&place, &[&["work", &parent, "--jobs", "3"], &store[..]].concat());
    assert_eq!((worked["completed"].as_array().unwrap().len(), &worked["stopped"]), (6, &json!("nothing_left")));
    let idle = place.chem(&[&["work", &parent], &store[..]].concat()).expect(0).stdout;
    assert_eq!(idle, "0 children completed, 0 failed; nothing is left to do\n");
    // The parent gathers what others have done, and runs nothing.
    let before: Vec<usize> = "abcdefgh".chars().map(|text| lines(&place, &format!("ran-{text}.txt"))).collect();
    let resumed = json_of(&place, &[&["resume", &parent], &store[..]].concat());
    assert_eq!(resumed["event_variants"], "ISFC");
    let after: Vec<usize> = "abcdefgh".chars().map(|text| lines(&place, &format!("ran-{text}.txt"))).collect();
    assert_eq!((before, after), (vec![2, 1, 1, 1, 1, 1, 1, 1], vec![2, 1, 1, 1, 1, 1, 1, 1]));
}

#[cfg(unix)]
#[test]
fn a_worker_that_is_terminated_hands_its_child_back() {
    let place = place("slow.yaml", SLOW);
    let sweep = ["run", "slow.yaml", "--sweep", "text=a,b", "--set", "wait=600000", "-q"];
    let mut killed = place.spawn(&sweep);
    while lines(&place, "ran-a.txt") == 0 {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let worker = place.spawn(&["work", "@last", "--format", "json"]);
    while lines(&place, "ran-a.txt") + lines(&place, "ran-b.txt") < 2 {
        std::thread::yield_now();
    }
    let began = std::time::Instant::now();
    std::process::Command::new("kill").arg(worker.id().to_string()).status().unwrap();
    let ended = worker.wait_with_output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(ended.status.code(), Some(130));
    let printed: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(printed["stopped"], "interrupted");
    // No process holds a child, although the worker was not killed.
    let children = place.show("@last")["children"].as_array().unwrap().clone();
    assert!(children.iter().all(|child| ["interrupted", "not begun"].contains(&child["status"].as_str().unwrap())));
}

/// Three workers, of which one is killed again and again, and the parent, share the children of a run.
fn workers_share(address: &str, store: &dyn EventStore, place: &Place) {
    let expected = json_of(
        &self::place("slow.yaml", SLOW),
        &["run", "slow.yaml", "--sweep", "text=a,b,c,d,e,f,g,h", "--set", "wait=150"],
    );
    let parent = abandoned(place, address);
    let mut kills = 0;
    let worker = || place.spawn(&["work", &parent, "-q", "--store", address]);
    let (one, other) = (worker(), worker());
    let mut unlucky = worker();
    let resumed = place.spawn(&["resume", &parent, "--format", "json", "-q", "--store", address]);
    for wait in [120, 260, 90, 340, 170] {
        std::thread::sleep(Duration::from_millis(wait));
        kills += usize::from(unlucky.try_wait().unwrap().is_none());
        unlucky.kill().unwrap();
        unlucky.wait().unwrap();
        unlucky = worker();
    }
    for worker in [one, other, unlucky] {
        let ended = worker.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    let resumed = resumed.wait_with_output().unwrap();
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    let resumed: Value = serde_json::from_slice(&resumed.stdout).unwrap();
    assert_eq!(resumed["flow_fingerprint"], expected["flow_fingerprint"]);
    let runs = store.find_runs(&RunFilter::default(), None, 100).unwrap();
    assert_eq!(runs.len(), 9, "eight children and their parent");
    for run in runs.iter().filter(|run| run.child_of().is_some()) {
        let events = store.list(run.flow_id()).unwrap();
        let of_kind = |is: fn(&FlowEventKind) -> bool| events.iter().filter(|event| is(&event.kind)).count();
        assert_eq!(of_kind(|kind| matches!(kind, FlowEventKind::FlowCompleted(_))), 1);
        assert_eq!(of_kind(|kind| matches!(kind, FlowEventKind::StepFinished(_) | FlowEventKind::StepReused(_))), 3);
    }
    // Only a step that a kill has interrupted has run again: that of the parent that was killed first among them.
    let ran: usize = "abcdefgh".chars().map(|text| lines(place, &format!("ran-{text}.txt"))).sum();
    assert!((8..=8 + 1 + kills).contains(&ran), "{ran} steps ran for 8 children and {kills} kills");
}

#[test]
fn workers_share_children_on_sqlite() {
    let place = place("slow.yaml", SLOW);
    let path = place.path().join("store.db");
    let store: Arc<dyn EventStore> = Arc::new(SqliteEventStore::open(Path::new(&path)).unwrap());
    workers_share(&format!("sqlite:{}", path.display()), store.as_ref(), &place);
}

/// What the workers made together is merged into a file, where all of it can be verified.
#[test]
fn workers_share_children_on_a_spool() {
    let place = place("slow.yaml", SLOW);
    let path = place.path().join("shared");
    let store = SpoolEventStore::open(&path, OpenMode::Create).unwrap();
    workers_share(&format!("spool:{}", path.display()), &store, &place);
    let merge = ["store", "merge", "spool:shared", "--store", "sqlite:merged.db"];
    let merged = json_of(&place, &merge);
    assert_eq!(merged["from"][0]["new"].as_array().unwrap().len(), 9, "{merged}");
    assert_eq!(json_of(&place, &merge)["from"][0]["events"], 0);
    let of_file = |arguments: &[&str]| json_of(&place, &[arguments, &["--store", "sqlite:merged.db"]].concat());
    let parent = of_file(&["show", "@last"]);
    let at_first = json_of(&place, &["show", "@last", "--store", "spool:shared"]);
    assert_eq!((id(&parent), &parent["flow_fingerprint"]), (id(&at_first), &at_first["flow_fingerprint"]));
    of_file(&["verify", id(&parent)]);
    of_file(&["audit"]);
    of_file(&["store", "check", "--deep"]);
}

#[cfg(all(feature = "postgres", unix))]
#[test]
fn workers_share_children_on_postgres() {
    use chem_runtime::store::postgres::PgEventStore;
    let Some(database) = chem_tests::postgres_server::database() else { return };
    let store = PgEventStore::open(&database.address()).unwrap();
    workers_share(&database.url(), &store, &place("slow.yaml", SLOW));
}
