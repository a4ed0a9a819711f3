//! Flows in place of a file, and children that have children.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::Place;

const LETTERS: &str = "flow: letters
params: { text: CCO, more: x }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}${params.more}\" } }
  - { id: characters, uses: demo.characters }
  - { id: count, uses: demo.count }
";

/// A flow that takes a while, and leaves a line for each time that its step runs.
const SLOW: &str = "flow: slow
params: { text: CCO, more: x, wait: 0 }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}${params.more}\" } }
  - { id: slow, uses: test.slow, with: { wait: \"${params.wait}\", ran: \"ran-${params.text}${params.more}.txt\" } }
  - { id: characters, uses: demo.characters }
  - { id: count, uses: demo.count }
";

/// Runs `slow.yaml` for each text and each further one: four grandchildren below two children.
const FAMILY: &str = "flow: family
params: { wait: 0 }
steps:
  - id: texts
    map:
      params: { wait: \"${params.wait}\" }
      over: { text: [a, b] }
      steps:
        - id: further
          map:
            flow: slow.yaml
            params: { text: \"${params.text}\", wait: \"${params.wait}\" }
            over: { more: [x, y] }
            take: { letters: count.characters }
        - { id: sum, uses: table.aggregate, with: { values: [sum(letters) as letters] } }
      take: { children: further, letters: sum.letters }
";

fn json_of(place: &Place, arguments: &[&str]) -> Value {
    place.chem(&[arguments, &["--format", "json"]].concat()).expect(0).json()
}

fn id(run: &Value) -> &str {
    run["flow_id"].as_str().unwrap()
}

/// Returns the recorded definition of a run.
fn definition(place: &Place, run: &Value) -> Value {
    let log = place.chem(&["log", id(run), "--format", "json"]).expect(0).stdout;
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    first["payload"]["definition"].clone()
}

#[test]
fn steps_in_place_make_the_children_of_a_file_with_the_same_steps() {
    let mapped = |flow: &str| {
        format!(
            "flow: mapped\nparams: {{ shortest: C, more: 1.10 }}\nsteps:\n  - id: sweep\n    map:\n      \
             params: {{ more: \"${{params.more}}\" }}\n      over: {{ text: [\"${{params.shortest}}\", CCCC] }}\n      \
             take: {{ n: count.characters }}\n{flow}"
        )
    };
    let steps = LETTERS.split_once("steps:\n").unwrap().1.replace("  - ", "        - ");
    let file = Place::new();
    file.write("letters.yaml", &LETTERS.replace("more: x", "more: 1"));
    file.write("mapped.yaml", &mapped("      flow: letters.yaml\n"));
    let in_place = Place::new();
    in_place.write("mapped.yaml", &mapped(&format!("      steps:\n{steps}")));
    in_place.chem(&["check", "mapped.yaml"]).expect(0);
    let [one, other] = [&file, &in_place].map(|place| (json_of(place, &["run", "mapped.yaml"]), place));
    assert_eq!(one.0["flow_fingerprint"], other.0["flow_fingerprint"]);
    for index in 0..2 {
        let [one, other] = [&one, &other].map(|(run, place)| {
            let child = &run["children"][index];
            (child["flow_fingerprint"].clone(), child["given"].clone(), definition(place, child))
        });
        assert_eq!(one, other);
    }

    // The manifest that the log gives has the steps in place, and makes the same run elsewhere.
    let manifest = in_place.chem(&["manifest", "@last"]).expect(0).stdout;
    assert!(manifest.contains("text: ${params.text}${params.more}"), "{manifest}");
    let elsewhere = Place::new();
    elsewhere.write("again.yaml", &manifest);
    let again = json_of(&elsewhere, &["run", "again.yaml"]);
    assert_eq!(again["flow_fingerprint"], other.0["flow_fingerprint"], "{manifest}");
    // A child is a run of its own, which can be repeated and continued without the file around it.
    let child = id(&other.0["children"][0]);
    json_of(&in_place, &["verify", child]);
    json_of(&in_place, &["branch", child, "--from", "characters"]);
}

#[test]
fn a_child_has_children_which_every_command_knows() {
    let place = Place::new();
    place.write("slow.yaml", SLOW).write("family.yaml", FAMILY);
    let run = json_of(&place, &["run", "family.yaml"]);
    let parent = id(&run);
    let children = run["children"].as_array().unwrap();
    assert_eq!(children.len(), 2, "{run}");
    let tree = json_of(&place, &["ls", "--tree"]);
    assert_eq!(tree.as_array().unwrap().len(), 7);
    let grandchildren: Vec<Value> =
        children.iter().flat_map(|child| place.show(id(child))["children"].as_array().unwrap().clone()).collect();
    assert_eq!(grandchildren.len(), 4);
    for run in &grandchildren {
        let shown = place.show(id(run));
        assert!(children.iter().any(|child| shown["child_of"]["parent"] == child["flow_id"]), "{shown}");
    }
    let tree = place.chem(&["ls", "--tree"]).expect(0).stdout;
    assert!(tree.contains(&format!("  └ {}", id(&grandchildren[3]))), "{tree}");
    assert_eq!(json_of(&place, &["verify", parent])["steps_verified"], 1);
    json_of(&place, &["audit", parent]);

    // A change of the innermost flow is named in its parent's parent.
    place.write("slow.yaml", &SLOW.replace("${params.text}${params.more}\" }", "<${params.text}${params.more}\" }"));
    let changed = json_of(&place, &["run", "family.yaml"]);
    assert_ne!(changed["flow_fingerprint"], run["flow_fingerprint"]);
    let why = place.chem(&["why", "@last", "texts"]).expect(0).stdout;
    assert!(why.contains("steps.seed.params.text"), "{why}");
    let diff = place.chem(&["diff", parent, id(&changed)]).expect(1).stdout;
    assert!(diff.contains("texts"), "{diff}");
}

#[test]
fn a_killed_family_goes_on_and_a_worker_of_its_root_runs_all_of_it() {
    let undisturbed = Place::new();
    undisturbed.write("slow.yaml", SLOW).write("family.yaml", FAMILY);
    let expected = json_of(&undisturbed, &["run", "family.yaml"]);
    let ran = |place: &Place, file: &str| {
        std::fs::read_to_string(place.path().join(file)).unwrap_or_default().lines().count()
    };
    for worked in [false, true] {
        let place = Place::new();
        place.write("slow.yaml", SLOW).write("family.yaml", FAMILY);
        let mut killed = place.spawn(&["run", "family.yaml", "--set", "wait=500", "-q"]);
        while ran(&place, "ran-ay.txt") == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        if worked {
            let worked = json_of(&place, &["work", "@last"]);
            assert_eq!(
                (worked["completed"].as_array().unwrap().len(), &worked["stopped"]),
                (2, &json!("nothing_left"))
            );
        }
        let resumed = json_of(&place, &["resume", "@last"]);
        assert_eq!(resumed["event_variants"], "ISFC");
        let letters = |run: &Value| run["steps"][0]["outputs"][0]["hash"].clone();
        assert_ne!(letters(&resumed), Value::Null);
        assert_eq!(["ax", "ay", "bx", "by"].map(|text| ran(&place, &format!("ran-{text}.txt"))), [1, 2, 1, 1]);
        assert_eq!(resumed["children"].as_array().unwrap().len(), expected["children"].as_array().unwrap().len());
        json_of(&place, &["verify", "@last"]);
    }
}

#[test]
fn a_flow_that_would_run_itself_is_refused() {
    let place = Place::new();
    let mapped = |other: &str| {
        format!(
            "flow: it\nparams: {{ n: 1 }}\nsteps:\n  - id: sweep\n    map: {{ flow: {other}, over: {{ n: [1, 2] }} }}\n"
        )
    };
    place.write("one.yaml", &mapped("two.yaml")).write("two.yaml", &mapped("one.yaml"));
    place.write("own.yaml", &mapped("own.yaml"));
    let refused = place.chem(&["check", "one.yaml"]).expect(2);
    assert!(
        refused.stdout.contains("`one.yaml` runs this flow, which would run itself through it"),
        "{}",
        refused.stdout
    );
    assert!(refused.stdout.contains("two.yaml:5:18"), "{}", refused.stdout);
    let refused = place.chem(&["check", "own.yaml"]).expect(2);
    assert!(refused.stdout.contains("`own.yaml` is this manifest, which would run itself"), "{}", refused.stdout);
}

#[test]
fn a_worker_of_the_root_helps_with_the_children_of_a_child_that_another_process_runs() {
    let place = Place::new();
    let family =
        FAMILY.replace("over: { text: [a, b] }", "over: { text: [a] }").replace("[x, y]", "[u, v, w, x, y, z]");
    place.write("slow.yaml", SLOW).write("family.yaml", &family);
    let expected = json_of(&place, &["run", "family.yaml", "--set", "wait=1"]);
    let mut parent = place.spawn(&["run", "family.yaml", "--set", "wait=700", "-q"]);
    while std::fs::read_to_string(place.path().join("ran-av.txt")).unwrap_or_default().lines().count() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let worked = json_of(&place, &["work", "@last"]);
    assert!(parent.wait().unwrap().success());
    let run = place.show("@last");
    let child = &run["children"][0];
    let grandchildren = place.show(id(child))["children"].as_array().unwrap().clone();
    let by_worker = worked["completed"].as_array().unwrap();
    assert!(!by_worker.is_empty() && by_worker.len() < 6, "{worked}");
    assert!(by_worker.iter().all(|id| grandchildren.iter().any(|run| run["flow_id"] == *id)), "{worked}");
    let table = |run: &Value| run["steps"][0]["outputs"][0]["kind"].clone();
    assert_eq!(table(&run), table(&expected));
    // No step of a grandchild has run twice: once before with another wait, and once here.
    for text in ["au", "av", "aw", "ax", "ay", "az"] {
        let ran = std::fs::read_to_string(place.path().join(format!("ran-{text}.txt"))).unwrap();
        assert_eq!(ran.lines().count(), 2, "{text}");
    }
}

#[test]
fn a_tree_of_runs_counts_families() {
    let place = Place::new();
    place.write("slow.yaml", SLOW).write("family.yaml", FAMILY).write("letters.yaml", LETTERS);
    json_of(&place, &["run", "family.yaml"]);
    let newer = json_of(&place, &["run", "family.yaml", "--set", "wait=1"]);
    let tree = |limit: &str, before: &[&str]| {
        json_of(&place, &[&["ls", "--tree", "--limit", limit], before].concat()).as_array().unwrap().clone()
    };
    let newest = tree("1", &[]);
    assert_eq!((newest.len(), id(&newest[0])), (7, id(&newer)));
    let older = tree("1", &["--before", id(&newer)]);
    assert_eq!(older.len(), 7);
    assert!(older.iter().all(|run| newest.iter().all(|other| id(run) != id(other))));
    assert_eq!(tree("2", &[]).len(), 14);
}

#[test]
fn a_plan_says_which_children_are_new_or_changed() {
    let place = Place::new();
    let mapped = |values: &str, least: &str| {
        format!(
            "flow: mapped\nsteps:\n  - id: sweep\n    map:\n      params: {{ least: {least} }}\n      \
             over: {{ most: {values} }}\n      steps:\n        \
             - {{ id: read, uses: table.read, with: {{ path: data.csv }} }}\n        \
             - {{ id: keep, uses: table.filter, with: {{ where: n >= params.least && n <= params.most }} }}\n"
        )
    };
    place.write("data.csv", "n\n1\n2\n3\n").write("mapped.yaml", &mapped("[2, 3]", "1"));
    json_of(&place, &["run", "mapped.yaml"]);
    let plan = || place.chem(&["plan", "mapped.yaml"]).expect(0).stdout;
    // A value before the others moves them and changes none.
    place.write("mapped.yaml", &mapped("[1, 0, 3]", "1"));
    let text = plan();
    let row = |text: &str, label: &str| {
        text.lines().find(|line| line.starts_with("sweep/") && line.contains(label)).unwrap_or_default().to_owned()
    };
    assert!(text.contains("child most=1 is new") && text.contains("child most=2 is gone"), "{text}");
    assert!(row(&text, "most=1").contains("new") && row(&text, "most=3").contains("unchanged"), "{text}");
    assert!(!text.contains("definition") && !text.contains("index"), "{text}");
    // The same parameter of all children.
    place.write("mapped.yaml", &mapped("[2, 3]", "2"));
    let text = plan();
    assert!(text.contains("children.most=2.params.least 1 → 2"), "{text}");
    assert!(row(&text, "most=2").contains("changed") && !text.contains("unchanged"), "{text}");
}
