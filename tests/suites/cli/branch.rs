//! `chem branch`, `chem ls --tree`, and runs whose manifest has changed since.

use crate::harness::{Outcome, Place};

const FLOW: &str = "flow: family
params: { text: CCO, wait: 0 }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
  - { id: slow, uses: test.slow, with: { wait: \"${params.wait}\", ran: ran.txt } }
  - { id: characters, uses: demo.characters }
";

fn place() -> Place {
    let place = Place::new();
    place.write("family.yaml", FLOW);
    place
}

fn ran(place: &Place) -> usize {
    std::fs::read_to_string(place.path().join("ran.txt")).unwrap_or_default().lines().count()
}

fn run(place: &Place, arguments: &[&str]) -> serde_json::Value {
    place.chem(&[arguments, &["--format", "json"]].concat()).expect(0).json()
}

/// Returns the letters of a branch that shares one step. The other steps may or may not reuse results in the store, so
/// each counts as having run.
fn letters(run: &serde_json::Value) -> String {
    let letters = run["event_variants"].as_str().unwrap();
    let (shared, own) = letters.split_at("IBSH".len());
    format!("{shared}{}", own.replace('H', "F"))
}

#[test]
fn a_branch_with_nothing_changed_converges_and_one_with_a_change_is_the_run_that_has_it() {
    let place = place();
    let parent = run(&place, &["run", "family.yaml"]);
    let id = parent["flow_id"].as_str().unwrap();
    let same = run(&place, &["branch", id, "--from", "slow"]);
    assert_eq!(same["flow_fingerprint"], parent["flow_fingerprint"]);
    assert_eq!((letters(&same), &same["steps"][0]["cached"]), ("IBSHSFSFC".into(), &true.into()));

    // Sets a parameter of the flow, through the manifest, and one of a step, which needs no manifest.
    let expected = run(&place, &["run", "family.yaml", "--set", "wait=1"]);
    let by_flow = run(&place, &["branch", id, "--from", "slow", "--set", "wait=1"]);
    std::fs::remove_file(place.path().join("family.yaml")).unwrap();
    let by_step = run(&place, &["branch", id, "--from", "slow", "--set", "slow.wait=1"]);
    assert_ne!(expected["flow_fingerprint"], parent["flow_fingerprint"]);
    for branch in [&by_flow, &by_step] {
        assert_eq!(branch["flow_fingerprint"], expected["flow_fingerprint"]);
        assert_eq!(letters(branch), "IBSHSFSFC");
    }
    let gone = place.chem(&["branch", id, "--from", "slow", "--set", "wait=1"]).expect(2);
    assert!(
        gone.stderr.contains("manifest of the run is missing") && gone.stderr.contains("STEP.PARAMETER"),
        "{}",
        gone.stderr
    );
}

#[test]
fn text_that_was_set_is_what_it_was_in_what_comes_of_the_run() {
    let place = place();
    // Includes text that YAML would read as another type.
    for text in ["CCN", "42", " a: \"b\" "] {
        let parent = run(&place, &["run", "family.yaml", "--set", &format!("text={text}")]);
        let id = parent["flow_id"].as_str().unwrap();
        let branch = run(&place, &["branch", id, "--from", "slow", "--set", "wait=1"]);
        let again = run(&place, &["branch", branch["flow_id"].as_str().unwrap(), "--from", "slow", "--set", "wait=0"]);
        assert_eq!(again["flow_fingerprint"], parent["flow_fingerprint"], "{text}");
    }
}

#[test]
fn what_is_set_for_a_branch_is_read_as_it_is_read_for_a_run() {
    let place = place();
    let parent = run(&place, &["run", "family.yaml"]);
    let id = parent["flow_id"].as_str().unwrap();
    for text in ["42", "true", "[a", "1.10", "{}"] {
        let expected = run(&place, &["run", "family.yaml", "--set", &format!("text={text}")]);
        for name in ["text", "seed.text"] {
            let branch = run(&place, &["branch", id, "--from", "seed", "--set", &format!("{name}={text}")]);
            assert_eq!(branch["flow_fingerprint"], expected["flow_fingerprint"], "{name}={text}");
            let log = place.chem(&["log", branch["flow_id"].as_str().unwrap(), "--format", "json"]).json_lines();
            let created = log.iter().find(|event| event["event_type"] == "branchcreated").unwrap();
            assert_eq!(created["payload"]["set"], serde_json::json!({ name: text }));
        }
    }
    // A number may have any spelling, and an invalid value is rejected.
    let expected = run(&place, &["run", "family.yaml", "--set", "wait=1"]);
    let branch = run(&place, &["branch", id, "--from", "slow", "--set", "slow.wait=0x1"]);
    assert_eq!(branch["flow_fingerprint"], expected["flow_fingerprint"]);
    let refused = place.chem(&["branch", id, "--from", "slow", "--set", "slow.wait=[1"]).expect(2);
    assert!(refused.stderr.contains("slow.wait=[1"), "{}", refused.stderr);
}

#[test]
fn a_parameter_in_text_keeps_its_spelling_in_what_comes_of_the_run() {
    let place = Place::new();
    let flow = "flow: spelled
params: { n: 1.10, b: 007, wait: 0 }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"v${params.n} b${params.b}\" } }
  - { id: slow, uses: test.slow, with: { wait: \"${params.wait}\", ran: ran.txt } }
  - { id: characters, uses: demo.characters }
";
    place.write("spelled.yaml", flow);
    let text = |run: &serde_json::Value| {
        let log = place.chem(&["log", run["flow_id"].as_str().unwrap(), "--format", "json"]).json_lines();
        log.iter().find(|event| event["event_type"] == "flowinitialized").unwrap()["payload"]["definition"]["steps"][0]
            ["params"]["text"]
            .clone()
    };
    assert_eq!(text(&run(&place, &["run", "spelled.yaml"])), "v1.10 b007");
    for (set, expected) in
        [("n=2.50", "v2.50 b007"), ("n=500.0", "v500.0 b007"), ("b=1e3", "v1.10 b1e3"), ("n=2", "v2 b007")]
    {
        let parent = run(&place, &["run", "spelled.yaml", "--set", set]);
        let branch = run(&place, &["branch", parent["flow_id"].as_str().unwrap(), "--from", "slow", "--set", "wait=1"]);
        let again = run(&place, &["branch", branch["flow_id"].as_str().unwrap(), "--from", "slow", "--set", "wait=0"]);
        for run in [&parent, &branch, &again] {
            assert_eq!(text(run), expected, "{set}");
        }
        assert_eq!(again["flow_fingerprint"], parent["flow_fingerprint"], "{set}");
    }
}

#[test]
fn a_branch_that_makes_no_sense_is_refused() {
    let place = place();
    place.chem(&["run", "family.yaml"]).expect(0);
    let refused = |arguments: &[&str], told: &str| {
        let outcome = place.chem(&[&["branch", "@last"], arguments].concat()).expect(2);
        assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    };
    refused(&["--from", "sed"], "the flow has no step `sed`");
    refused(&["--from", "characters", "--set", "wait=1"], "step `slow`: parameter wait 0 → 1");
    refused(&["--from", "slow", "--set", "wait"], "expected `NAME=VALUE` or `STEP.PARAMETER=VALUE`, found `wait`");
    refused(&["--from", "slow", "--set", "slw.wait=1"], "no step `slw`");
    refused(&["--from", "slow", "--set", "slow.wait=soon"], "wait");
    refused(&["--from", "slow", "--set", "wiat=1"], "has errors with these values");
    assert_eq!(place.chem(&["ls", "--format", "json"]).json().as_array().unwrap().len(), 1);
    let failing = FLOW.replace("demo.characters", "test.fail");
    place.write("failing.yaml", &failing);
    place.chem(&["run", "failing.yaml"]).expect(1);
    refused(&["--from", "characters"], "is failed, but must have finished");
}

#[test]
fn families_of_runs_are_shown_as_trees() {
    let place = place();
    let first = run(&place, &["run", "family.yaml"]);
    let second = run(&place, &["run", "family.yaml"]);
    let id = |run: &serde_json::Value| run["flow_id"].as_str().unwrap().to_owned();
    let branch = run(&place, &["branch", &id(&first), "--from", "slow"]);
    let twig = run(&place, &["branch", &id(&branch), "--from", "characters"]);
    let other = run(&place, &["branch", &id(&first), "--from", "seed"]);
    let tree = run(&place, &["ls", "--tree"]);
    let order: Vec<&str> = tree.as_array().unwrap().iter().map(|run| run["flow_id"].as_str().unwrap()).collect();
    assert_eq!(order, [id(&first), id(&branch), id(&twig), id(&other), id(&second)]);
    assert_eq!(tree[2]["branch"], serde_json::json!({"parent": id(&branch), "root": id(&first), "from": "characters"}));
    let shown = place.chem(&["ls", "--tree"]).expect(0).stdout;
    assert!(shown.contains(&format!("  └ {}", id(&twig))) && shown.contains("family from characters"), "{shown}");
}

/// Interrupts a run of the flow: kills it during its second step.
fn interrupted(place: &Place) {
    place.write("family.yaml", &FLOW.replace("wait: 0", "wait: 600000"));
    killed_at_work(place, &["run", "family.yaml", "-q"], "ran.txt");
}

/// Runs the program with these arguments and kills it once the file `ran` has one more line.
fn killed_at_work(place: &Place, arguments: &[&str], ran: &str) {
    let lines = || std::fs::read_to_string(place.path().join(ran)).unwrap_or_default().lines().count();
    let before = lines();
    let mut child = place.spawn(arguments);
    while lines() == before {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_was_set_for_a_step_of_a_branch_is_no_change_of_the_manifest() {
    let place = place();
    let first = run(&place, &["run", "family.yaml"]);
    let branch = ["branch", first["flow_id"].as_str().unwrap(), "--from", "slow", "--set", "slow.wait=2000"];
    killed_at_work(&place, &[&branch[..], &["-q"]].concat(), "ran.txt");
    let resumed = run(&place, &["resume", "@last"]);
    assert_eq!(letters(&resumed), "IBSHSFSFC");
    // The value is also kept when a parameter of the flow is set too, or the manifest is adopted.
    let both = run(&place, &["branch", "@last", "--from", "seed", "--set", "text=CCN"]);
    let expected = run(&place, &["run", "family.yaml", "--set", "text=CCN", "--set", "wait=2000"]);
    assert_eq!(both["flow_fingerprint"], expected["flow_fingerprint"]);
    assert_ne!(both["flow_fingerprint"], first["flow_fingerprint"]);
}

#[test]
fn a_project_that_was_moved_is_resumed_where_it_is_now() {
    let place = Place::new();
    place.write("one/family.yaml", &FLOW.replace("wait: 0", "wait: 2000"));
    killed_at_work(&place, &["run", "one/family.yaml", "-q"], "one/ran.txt");
    std::fs::rename(place.path().join("one"), place.path().join("two")).unwrap();
    let resumed = run(&place, &["resume", "@last", "--manifest", "two/family.yaml"]);
    assert_eq!(resumed["event_variants"], "ISFSFSFC");
    assert_eq!(std::fs::read_to_string(place.path().join("two/ran.txt")).unwrap().lines().count(), 2);
}

#[test]
fn a_run_whose_manifest_has_changed_is_refused_and_adopted_when_asked() {
    let place = place();
    let expected = run(&place, &["run", "family.yaml", "--set", "wait=2"]);
    std::fs::remove_file(place.path().join("ran.txt")).unwrap();
    interrupted(&place);
    let before = place.show("@last");
    place.write("family.yaml", &FLOW.replace("wait: 0", "wait: 2"));
    let refused: Outcome = place.chem(&["resume", "@last"]).expect(2);
    assert!(refused.stderr.contains("step `slow`: parameter wait 600000 → 2"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--adopt") && refused.stderr.contains("--recorded"), "{}", refused.stderr);
    assert_eq!(place.show("@last")["event_variants"], before["event_variants"]);

    let adopted = run(&place, &["resume", "@last", "--adopt"]);
    assert_eq!(letters(&adopted), "IBSHSFSFC");
    assert_eq!(adopted["flow_fingerprint"], expected["flow_fingerprint"]);
    // The original run is unchanged.
    let id = before["flow_id"].as_str().unwrap();
    assert_eq!(place.show(id)["status"], "interrupted");
}

#[test]
fn an_adopted_manifest_may_have_other_steps() {
    let place = place();
    interrupted(&place);
    let longer = FLOW.replace("demo.characters }", "demo.characters }\n  - { id: count, uses: demo.count }");
    place.write("family.yaml", &longer);
    let refused = place.chem(&["resume", "@last"]).expect(2);
    assert!(refused.stderr.contains("step `count` is new"), "{}", refused.stderr);
    let adopted = run(&place, &["resume", "@last", "--adopt"]);
    let expected = run(&place, &["run", "family.yaml"]);
    assert_eq!(letters(&adopted), "IBSHSFSFSGFC");
    assert_eq!(adopted["flow_fingerprint"], expected["flow_fingerprint"]);
}

#[test]
fn what_changes_no_fingerprint_does_not_keep_a_run_from_going_on() {
    let place = Place::new();
    place.write("family.yaml", FLOW);
    let mut child = place.spawn(&["run", "family.yaml", "-q", "--set", "wait=60"]);
    while ran(&place) == 0 {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Changes the default of a value that was set by hand, the description and the layout.
    let other = FLOW.replace("wait: 0 }", "wait: 5 }\ndescription: a family\n# Patience.");
    place.write("elsewhere/moved.yaml", &other);
    std::fs::remove_file(place.path().join("family.yaml")).unwrap();
    let resumed = run(&place, &["resume", "@last", "--manifest", "elsewhere/moved.yaml"]);
    assert_eq!(resumed["event_variants"], "ISFSFSFC");
}

#[test]
fn a_manifest_that_is_gone_does_not_keep_a_run_from_going_on() {
    let place = place();
    interrupted(&place);
    place.write("family.yaml", "flow: [");
    let wrong = place.chem(&["resume", "@last"]).expect(2);
    assert!(wrong.stderr.contains("has errors now") && wrong.stderr.contains("E0104"), "{}", wrong.stderr);
    std::fs::remove_file(place.path().join("family.yaml")).unwrap();
    let mut child = place.spawn(&["resume", "@last", "-q"]);
    while ran(&place) == 1 {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
