//! A flow with two sources: what every command makes of it.

use serde_json::{Value, json};

use crate::harness::Place;

const FLOW: &str = "flow: two
params: { ours: ours.csv }
steps:
  - { id: ours, uses: table.read, with: { path: \"${params.ours}\" } }
  - { id: some, uses: table.filter, with: { where: n > 1 } }
  - id: theirs
    uses: table.read
    source: true
    with: { path: theirs.csv }
    gate: { message: Read theirs? }
    retry: { attempts: 2 }
    timeout: 1m
  - { id: sorted, uses: table.sort, with: { by: [id] } }
  - { id: both, uses: table.union, inputs: { first: some, second: sorted } }
  - { id: write, uses: table.write, with: { path: out.csv } }
";

fn place() -> Place {
    let place = Place::new();
    place.write("two.yaml", FLOW).write("ours.csv", "id,n\na,1\nb,2\n").write("theirs.csv", "id,n\nd,4\nc,3\n");
    place
}

/// Runs the flow in the file `manifest`, and approves reading the second source.
fn run(place: &Place, manifest: &str) -> Value {
    let waits = place.chem(&["run", manifest]).expect(4);
    assert!(waits.stderr.contains("step `theirs` waits for a decision"), "{}", waits.stderr);
    place.chem(&["resume", "@last"]).expect(4);
    place.chem(&["approve", "@last", "theirs", "--format", "json"]).expect(0).json()
}

fn id(run: &Value) -> &str {
    run["flow_id"].as_str().unwrap()
}

/// Returns what a plan of the flow does with each step.
fn actions(place: &Place) -> Vec<(String, String)> {
    let plan = place.chem(&["plan", "two.yaml", "--format", "json"]).expect(0).json();
    let text = |step: &Value, key: &str| step[key].as_str().unwrap().to_owned();
    let steps = plan["steps"].as_array().unwrap();
    steps
        .iter()
        .map(|step| {
            (text(step, "id"), step["action"]["name"].as_str().map_or_else(|| text(step, "action"), str::to_owned))
        })
        .collect()
}

#[test]
fn a_plan_draws_each_source_with_what_it_feeds() {
    let place = place();
    let dot = place.chem(&["plan", "two.yaml", "--format", "dot"]).expect(0).stdout;
    let arrows: Vec<&str> = dot.lines().filter(|line| line.contains("->")).map(str::trim).collect();
    assert_eq!(
        arrows,
        [
            "\"ours\" -> \"some\" [label=\"\"];",
            "\"theirs\" -> \"sorted\" [label=\"\"];",
            "\"some\" -> \"both\" [label=\"first\"];",
            "\"sorted\" -> \"both\" [label=\"second\"];",
            "\"both\" -> \"write\" [label=\"\"];",
        ]
    );
    assert_eq!(dot.matches("shape=ellipse").count(), 2, "{dot}");
    let mermaid = place.chem(&["plan", "two.yaml", "--format", "mermaid"]).expect(0).stdout;
    assert!(
        mermaid.contains("step_theirs([\"theirs<br/>") && mermaid.contains("step_some -->|first| step_both"),
        "{mermaid}"
    );
    assert!(!mermaid.contains("--> step_theirs"), "{mermaid}");
}

#[test]
fn a_run_waits_resumes_is_reused_verified_and_repeated_from_its_log() {
    let place = place();
    let first = run(&place, "two.yaml");
    assert_eq!(std::fs::read_to_string(place.path().join("out.csv")).unwrap(), "id,n\nb,2\nc,3\nd,4\n");
    place.chem(&["verify", "@last"]).expect(0);
    place.chem(&["store", "check", "--deep"]).expect(0);

    let manifest = place.chem(&["manifest", "@last"]).expect(0).stdout;
    assert_eq!(manifest.matches("source: true").count(), 1, "{manifest}");
    place.write("again.yaml", &manifest);
    let again = run(&place, "again.yaml");
    assert_eq!(again["flow_fingerprint"], first["flow_fingerprint"]);
    let third = run(&place, "two.yaml");
    place.chem(&["diff", id(&first), id(&third)]).expect(0);

    let branch = place.chem(&["branch", id(&first), "--from", "sorted", "--format", "json"]).expect(0).json();
    assert_eq!(branch["flow_fingerprint"], first["flow_fingerprint"]);
    let steps = branch["steps"].as_array().unwrap();
    assert!(steps[..3].iter().all(|step| step["cached"] == true), "{branch}");
}

#[test]
fn a_change_of_one_source_touches_what_it_feeds_and_nothing_else() {
    let place = place();
    let first = run(&place, "two.yaml");
    place.write("theirs.csv", "id,n\nd,4\ne,5\n");
    let by_name = |name: &str| actions(&place).into_iter().find(|(id, _)| id == name).unwrap().1;
    assert_eq!(["ours", "some"].map(by_name), ["reuse", "reuse"]);
    assert_ne!(by_name("theirs"), "reuse");
    let second = run(&place, "two.yaml");
    let difference = place.chem(&["diff", id(&first), id(&second), "--format", "json"]).expect(1).json();
    assert_eq!(difference["parted"]["step"], json!("theirs"), "{difference}");
    let why = place.chem(&["why", "@last", "both"]).expect(0).stdout;
    assert!(why.contains("upstream sorted changed"), "{why}");
}

#[test]
fn a_source_without_the_mark_is_refused_and_the_help_names_both_ways_out() {
    let place = place();
    place.write("two.yaml", &FLOW.replace("    source: true\n", ""));
    let refused = place.chem(&["check", "two.yaml"]).expect(2);
    let said = refused.stdout + &refused.stderr;
    assert!(
        said.contains("error[E0502]") && said.contains("`source: true`") && said.contains("a flow of its own"),
        "{said}"
    );
}
