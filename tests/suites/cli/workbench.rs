//! Reuse, `plan`, `why`, `verify` and `diff`, as a user or a script sees them.

use serde_json::{Value, json};

use crate::harness::Place;

const DEMO: &str = "flow: demo
params: { text: CCO }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
  - { id: characters, uses: demo.characters }
  - { id: count, uses: demo.count }
";

fn run(place: &Place, more: &[&str]) -> Value {
    let arguments: Vec<&str> = ["run", "demo.yaml", "--format", "json", "-q"].iter().chain(more).copied().collect();
    place.chem(&arguments).expect(0).json()
}

fn cached(run: &Value) -> Vec<bool> {
    run["steps"].as_array().unwrap().iter().map(|step| step["cached"].as_bool().unwrap()).collect()
}

fn actions(place: &Place, more: &[&str]) -> Vec<(String, String)> {
    let arguments: Vec<&str> = ["plan", "demo.yaml", "--format", "json"].iter().chain(more).copied().collect();
    let plan = place.chem(&arguments).expect(0).json();
    let steps = plan["steps"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    steps.map(|step| (text(&step["action"]), text(&step["why"][0]["text"]))).collect()
}

#[test]
fn a_second_run_reuses_the_first_and_says_so() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    let first = run(&place, &[]);
    assert_eq!(cached(&first), [false; 3]);
    let second = run(&place, &[]);
    assert_eq!((cached(&second), &second["event_variants"]), (vec![true; 3], &json!("ISHSHSHC")));
    assert_eq!(second["flow_fingerprint"], first["flow_fingerprint"]);
    let human = place.chem(&["run", "demo.yaml"]).expect(0);
    let id = first["flow_id"].as_str().unwrap();
    assert!(human.stdout.contains(&format!("reused from run {id}: seed, characters, count")), "{}", human.stdout);
    assert!(human.stderr.contains(&format!("[2/3] characters: reused from run {id}")), "{}", human.stderr);

    assert_eq!(cached(&run(&place, &["--no-cache"])), [false; 3]);
    assert_eq!(cached(&run(&place, &["--refresh", "characters"])), [true, false, true]);
    let unknown = place.chem(&["run", "demo.yaml", "--refresh", "cuont"]).expect(2);
    assert!(unknown.stderr.contains("the flow has no step `cuont` to refresh"), "{}", unknown.stderr);
    place.chem(&["run", "demo.yaml", "--refresh", "count", "--no-cache"]).expect(2);
}

#[test]
fn a_run_that_cannot_be_read_keeps_nobody_from_the_others() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    run(&place, &[]);
    let second = run(&place, &["--set", "text=CCN"])["flow_id"].as_str().unwrap().to_owned();
    run(&place, &["--set", "text=CCC"]);
    let change = rusqlite::Connection::open(place.path().join(".chem/store.db")).unwrap();
    change
        .execute_batch("DROP TRIGGER event_log_is_never_updated; UPDATE event_log SET payload = '{}' WHERE seq = 1")
        .unwrap();
    drop(change);

    assert_ne!(place.chem(&["ls"]).status, 0, "all runs were listed");
    assert_eq!(place.show(&second[..35])["flow_id"], second);
    assert_eq!(place.show(&second.to_uppercase()[..35])["flow_id"], second);
    let why = place.chem(&["why", "@last", "seed", "--format", "json"]).expect(0).json();
    assert_eq!(why["against"], second);
    assert_eq!(actions(&place, &["--set", "text=C"])[0].1, "parameter text \"CCC\" → \"C\"");
}

#[test]
fn a_plan_says_what_the_run_then_does_and_makes_no_store() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    let new = |_| ("run".to_owned(), "new".to_owned());
    assert_eq!(actions(&place, &[]), (0..3).map(new).collect::<Vec<_>>());
    assert!(!place.path().join(".chem").exists());

    let id = run(&place, &[])["flow_id"].as_str().unwrap().to_owned();
    assert!(actions(&place, &[]).iter().all(|step| *step == ("reuse".to_owned(), format!("finished in run {id}"))));
    let changed = actions(&place, &["--set", "text=CCN"]);
    let expected = ["parameter text \"CCO\" → \"CCN\"", "upstream seed changed", "upstream characters changed"];
    assert_eq!(changed, expected.map(|why| ("run".to_owned(), why.to_owned())));
    assert_eq!(cached(&run(&place, &["--set", "text=CCN"])), [false; 3]);

    let human = place.chem(&["plan", "demo.yaml", "--set", "text=C1CC1"]).expect(0).stdout;
    assert!(human.starts_with("demo: 3 steps, 3 to run, 0 to reuse\n"), "{human}");
    assert!(human.contains("params.text") && human.contains("--set text"), "{human}");
    let plan = place.chem(&["plan", "demo.yaml", "--format", "json", "--set", "text=C"]).expect(0).json();
    let expected = json!({"text": {"value": "C", "from": "set", "through": ["text"]}});
    assert_eq!((&plan["params"], &plan["steps"][0]["params"]), (&expected, &expected));
    assert_eq!(plan["steps"][2]["inputs"], json!({"characters": "characters"}));
}

#[test]
fn a_plan_is_drawn_and_nothing_else_is() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    let dot = place.chem(&["plan", "demo.yaml", "--format", "dot"]).expect(0).stdout;
    assert!(dot.starts_with("digraph \"demo\" {\n") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("  \"seed\" -> \"characters\""), "{dot}");
    let mermaid = place.chem(&["plan", "demo.yaml", "--format", "mermaid"]).expect(0).stdout;
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("step_seed --> step_characters"), "{mermaid}");
    let refused = place.chem(&["ls", "--format", "dot"]).expect(2);
    assert!(refused.stderr.contains("only `chem plan` draws graphs"), "{}", refused.stderr);
}

#[test]
fn why_names_the_file_that_changed() {
    let place = Place::new();
    let flow = |path: &str| {
        let read = format!("flow: demo\nsteps:\n  - {{ id: read, uses: table.read, with: {{ path: {path} }} }}\n");
        place.write("demo.yaml", &read);
    };
    let told = || place.chem(&["why", "@last", "read"]).expect(0).stdout;
    flow("in.csv");
    place.write("in.csv", "name\na\n");
    run(&place, &[]);
    place.write("in.csv", "name\nb\n");
    run(&place, &[]);
    assert!(told().starts_with("read ran: input path: file `in.csv` changed (sha "), "{}", told());
    let why = place.chem(&["why", "@last", "read", "--format", "json"]).expect(0).json();
    assert_eq!(why["why"][0]["path"], "in.csv");
    flow("other.csv");
    place.write("other.csv", "name\nc\n");
    let human = place.chem(&["plan", "demo.yaml"]).expect(0).stdout;
    assert!(human.contains("→ `other.csv` (sha "), "{human}");
    run(&place, &[]);
    assert!(told().starts_with("read ran: input path: file `in.csv` (sha "), "{}", told());
}

#[test]
fn why_names_the_cause_however_far_back() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    let first = run(&place, &[]);
    run(&place, &["--set", "text=CCCC"]);
    let why = place.chem(&["why", "@last", "count", "--format", "json"]).expect(0).json();
    assert_eq!((&why["against"], &why["cached"]), (&first["flow_id"], &json!(false)));
    assert_eq!(why["why"][0]["text"], "upstream characters changed");
    let upstream: Vec<&Value> = why["upstream"].as_array().unwrap().iter().map(|step| &step["step"]).collect();
    assert_eq!(upstream, ["characters", "seed"]);
    let human = place.chem(&["why", "@last", "seed"]).expect(0).stdout;
    assert!(human.starts_with("seed ran: parameter text \"CCO\" → \"CCCC\"\nagainst run "), "{human}");

    let id = first["flow_id"].as_str().unwrap();
    let new = place.chem(&["why", id, "seed"]).expect(0).stdout;
    assert!(new.starts_with("seed ran: new\n"), "{new}");
    let named = place.chem(&["why", "@last", "seed", "--against", "@last"]).expect(0).stdout;
    assert!(named.starts_with("seed ran, although nothing about it had changed\n"), "{named}");
    let unknown = place.chem(&["why", id, "sead"]).expect(2);
    assert!(unknown.stderr.contains("the flow has no step `sead`"), "{}", unknown.stderr);
}

#[test]
fn verify_and_diff_say_by_their_status_whether_all_is_as_it_was() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    let first = run(&place, &[]);
    let id = first["flow_id"].as_str().unwrap();
    let verified = place.chem(&["verify", id, "--format", "json"]).expect(0).json();
    assert_eq!((&verified["verified"], &verified["steps_verified"]), (&json!(true), &json!(3)));
    assert!(place.chem(&["verify", id]).expect(0).stdout.ends_with("3 of 3 steps verified\n"));
    let wrong = place.chem(&["verify", id, "--tolerance", "logp"]).expect(2);
    assert!(wrong.stderr.contains("`logp` is not a tolerance"), "{}", wrong.stderr);

    let none = place.chem(&["verify", id, "--tolerance", "nocol=1"]).expect(2);
    assert!(none.stderr.contains("no table of this run has a column `nocol`"), "{}", none.stderr);

    run(&place, &[]);
    place.chem(&["diff", id, "@last"]).expect(0);
    place.chem(&["diff", id, "demo.yaml"]).expect(0);
    run(&place, &["--set", "text=CCN"]);
    let diff = place.chem(&["diff", id, "@last", "--format", "json"]).expect(1).json();
    assert_eq!(diff["params"][0]["text"], "parameter text \"CCO\" → \"CCN\"");
    assert_eq!(diff["parted"]["step"], "seed");
    assert_eq!(diff["steps"][1]["outputs"][0]["change"], json!({"path": "$[2]", "before": "O", "after": "N"}));
    let human = place.chem(&["diff", id, "demo.yaml", "--set", "text=CCS"]).expect(1).stdout;
    assert!(human.contains("diverged at seed: parameter text \"CCO\" → \"CCS\""), "{human}");
    place.chem(&["diff", id, "@last", "--set", "text=C"]).expect(2);
}

#[test]
fn a_diff_tells_which_records_differ_and_how() {
    let place = Place::new();
    place.write("t.yaml", "flow: t\nsteps:\n  - { id: read, uses: table.read, with: { path: t.csv } }\n");
    place.write("t.csv", "name,weight\na,1\nb,2\nc,3\n");
    place.chem(&["run", "t.yaml", "-q"]).expect(0);
    let before = place.show("@last")["flow_id"].as_str().unwrap().to_owned();
    place.write("t.csv", "name,weight\na,1\nb,5\nd,3\n");
    place.chem(&["run", "t.yaml", "-q"]).expect(0);
    let told = place.chem(&["diff", &before, "@last"]).expect(1).stdout;
    for line in ["read.main", "  - c", "  + d", "  ~ b: weight 2 → 5"] {
        assert!(told.lines().any(|told| told == line), "{line} is not in\n{told}");
    }
}

#[test]
fn a_run_that_failed_is_not_verified_and_differs_from_one_that_did_not() {
    let place = Place::new();
    let busy = "flow: busy
steps:
  - { id: seed, uses: demo.seed, with: { text: CCO } }
  - { id: ask, uses: test.busy, with: { times: 1, tried: tried.txt } }
  - { id: characters, uses: demo.characters }
";
    place.write("busy.yaml", busy);
    place.chem(&["run", "busy.yaml", "-q"]).expect(1);
    let failed = place.show("@last")["flow_id"].as_str().unwrap().to_owned();
    let verified = place.chem(&["verify", &failed]).expect(1);
    assert!(verified.stdout.ends_with("1 of 3 steps verified\n"), "{}", verified.stdout);
    place.chem(&["run", "busy.yaml", "-q"]).expect(0);
    let diff = place.chem(&["diff", "@last", &failed]).expect(1).stdout;
    assert!(diff.contains("status: completed → failed") && diff.contains("has not started"), "{diff}");
    place.chem(&["diff", &failed, "@last"]).expect(1);
}
