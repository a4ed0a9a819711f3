//! Plans that are sealed before a run.

use serde_json::{Value, json};

use crate::evidence::{by_force, key};
use crate::harness::Place;

const FLOW: &str = "flow: counted
description: How many letters.
params: { text: CCO }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
  - { id: characters, uses: demo.characters }
  - { id: count, uses: demo.count }
";

/// Seals `manifest` as a plan, and returns its name.
fn sealed(place: &Place, manifest: &str) -> String {
    place.write("plan.yaml", manifest);
    let sealed = place.chem(&["seal", "--plan", "plan.yaml", "--format", "json"]).expect(0).json();
    sealed["plan"]["id"].as_str().unwrap().to_owned()
}

/// Returns the deviations of the newest run from a plan: what each is about, and its text.
fn deviations(place: &Place, plan: &str, status: i32) -> Vec<(String, String)> {
    let diff = place.chem(&["diff", plan, "@last", "--format", "json"]).expect(status).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    diff["deviations"].as_array().unwrap().iter().map(|one| (text(&one["about"]), text(&one["text"]))).collect()
}

#[test]
fn a_plan_is_the_first_thing_in_a_store_and_its_run_deviates_in_nothing() {
    let place = Place::new();
    place.write("plan.yaml", FLOW);
    let text = place.chem(&["seal", "--plan", "plan.yaml"]).expect(0);
    assert!(text.stdout.starts_with("stated plan:") && text.stdout.contains(" of counted, 3 steps\n"), "{text:?}");
    assert!(text.stderr.contains("`chem diff plan:"), "{text:?}");
    let audit = place.chem(&["audit", "--format", "json"]).expect(0).json();
    assert!(audit["origin"].as_str().unwrap().starts_with("chem/plan-"), "{audit}");
    assert_eq!((&audit["events"], &audit["checkpoint"]["size"]), (&0.into(), &0.into()));

    let run = place.chem(&["run", "plan.yaml", "--format", "json"]).expect(0).json();
    let diff = place.chem(&["diff", "plan:", "@last", "--format", "json"]).expect(0).json();
    assert_eq!((&diff["deviations"], &diff["begun_after_seal"]), (&json!([]), &true.into()));
    assert_eq!((&diff["flow_id"], &diff["flow"]), (&run["flow_id"], &"counted".into()));
    let text = place.chem(&["diff", "plan:", "@last"]).expect(0).stdout;
    assert!(text.contains("after the plan was sealed\n\nno deviation"), "{text}");
    // The log keeps its name, and its checkpoint outside the store.
    let later = place.chem(&["audit", "--format", "json"]).expect(0).json();
    assert_eq!((&later["origin"], &later["events"]), (&audit["origin"], &9.into()));
    assert_eq!(
        later["witness"],
        later["checkpoint"].as_object().map(|it| json!({"size": it["size"], "root": it["root"]})).unwrap()
    );
}

#[test]
fn every_deviation_is_named() {
    let place = Place::new();
    let plan = sealed(&place, FLOW);
    place.write("run.yaml", FLOW).chem(&["run", "run.yaml", "-q", "--set", "text=CCN"]).expect(0);
    let found = deviations(&place, &plan, 1);
    let expected = [
        ("parameter", "flow parameter text \"CCO\" → \"CCN\""),
        ("step", "step `seed`: parameter text \"CCO\" → \"CCN\""),
    ];
    assert_eq!(found, expected.map(|(about, text)| (about.to_owned(), text.to_owned())));

    let other = FLOW
        .replace("flow: counted", "flow: other")
        .replace("letters", "signs")
        .replace("uses: demo.characters", "uses: demo.characters, timeout: 5s")
        .replace("  - { id: count, uses: demo.count }\n", "  - { id: total, uses: demo.count }\n");
    place.write("run.yaml", &other).chem(&["run", "run.yaml", "-q"]).expect(0);
    let found = deviations(&place, &plan, 1);
    let abouts: Vec<&str> = found.iter().map(|(about, _)| about.as_str()).collect();
    assert_eq!(abouts, ["flow", "description", "step", "step", "policy"], "{found:?}");
    assert_eq!(found[0].1, "the flow is `other`, and the plan is one of `counted`");
    assert_eq!((found[2].1.as_str(), found[3].1.as_str()), ("step `total` is new", "step `count` was removed"));

    // The status shows it to a script, and the text to a person.
    let text = place.chem(&["diff", &plan, "@last"]).expect(1).stdout;
    assert!(text.contains("deviates: step `total` is new"), "{text}");
    let refused = place.chem(&["diff", &plan, "@last", "--set", "text=C"]).expect(2).stderr;
    assert!(refused.contains("a plan is compared with a run"), "{refused}");
}

#[test]
fn what_people_did_during_a_run_deviates_from_a_plan() {
    let place = Place::new();
    let gated =
        FLOW.replace("uses: demo.seed,", "uses: demo.seed, gate: { message: Which?, schema: { type: object } },");
    let plan = sealed(&place, &gated);
    let run = |data: &str| {
        place.chem(&["run", "plan.yaml", "-q", "--no-cache"]).expect(4);
        let unfinished = deviations(&place, &plan, 1);
        assert_eq!(unfinished[0].1, "step `seed` is waiting");
        place.chem(&["approve", "@last", "seed", "--data", data, "-q", "--no-cache"]).expect(0);
    };
    run("{\"text\": \"CCO\"}");
    assert_eq!(deviations(&place, &plan, 0), []);
    run("{\"text\": \"CCN\"}");
    let found = deviations(&place, &plan, 1);
    assert_eq!(found, [("decision".to_owned(), "step `seed`: the approval set parameter text to \"CCN\"".to_owned())]);
    place.chem(&["branch", "@last", "--from", "count", "-q"]).expect(0);
    let found = deviations(&place, &plan, 1);
    assert_eq!(found[0].0, "branch", "{found:?}");

    place.chem(&["run", "plan.yaml", "-q"]).expect(4);
    place.chem(&["reject", "@last", "seed", "--reason", "too soon", "-q"]).expect(0);
    let found = deviations(&place, &plan, 1);
    assert_eq!(found[0].1, "step `seed` was rejected: too soon");
    place.chem(&["retry", "@last", "-q"]).expect(4);
    let found = deviations(&place, &plan, 1);
    assert_eq!(
        (found[1].0.as_str(), found[1].1.as_str()),
        ("retry", "step `seed` was retried on request: manual retry")
    );
}

#[test]
fn a_run_and_results_from_before_the_plan_are_named() {
    let place = Place::new();
    place.write("plan.yaml", FLOW).chem(&["run", "plan.yaml", "-q"]).expect(0);
    let plan = sealed(&place, FLOW);
    let diff = place.chem(&["diff", &plan, "@last", "--format", "json"]).expect(1).json();
    assert_eq!((&diff["begun_after_seal"], &diff["deviations"]), (&false.into(), &json!([])));
    let text = place.chem(&["diff", &plan, "@last"]).expect(1).stdout;
    assert!(text.contains("before the plan was sealed"), "{text}");

    place.chem(&["run", "plan.yaml", "-q"]).expect(0);
    let found = deviations(&place, &plan, 1);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].0 == "reuse" && found[0].1.contains("which began before the plan was sealed"), "{found:?}");
    place.chem(&["run", "plan.yaml", "-q", "--no-cache"]).expect(0);
    assert_eq!(deviations(&place, &plan, 0), []);
    // Results of a run after the plan are those of the plan.
    place.chem(&["run", "plan.yaml", "-q"]).expect(0);
    assert_eq!(deviations(&place, &plan, 0), []);
}

#[test]
fn a_plan_needs_no_data_and_no_mistakes() {
    let place = Place::new();
    let reads = "flow: it
steps:
  - { id: read, uses: table.read, with: { path: later.csv } }
  - { id: write, uses: table.write, with: { path: out.csv } }
";
    let plan = sealed(&place, reads);
    place.write("later.csv", "a,b\n1,2\n").chem(&["run", "plan.yaml", "-q"]).expect(0);
    assert_eq!(deviations(&place, &plan, 0), []);

    place.write("wrong.yaml", &reads.replace("path: later.csv", "path: none.csv, pathh: x"));
    let refused = place.chem(&["seal", "--plan", "wrong.yaml"]).expect(2).stderr;
    assert!(refused.contains("pathh") && refused.contains("none.csv"), "{refused}");
    let none = if plan.starts_with("plan:00") { "plan:11" } else { "plan:00" };
    let refused = place.chem(&["diff", none, "@last"]).expect(2).stderr;
    assert!(refused.contains(&format!("there is no plan `{none}`")) && refused.contains(&plan[..17]), "{refused}");
    sealed(&place, reads);
    let refused = place.chem(&["diff", "plan:", "@last"]).expect(2).stderr;
    assert!(refused.contains("could be several plans"), "{refused}");
    let refused =
        Place::new().write("p.yaml", FLOW).chem(&["seal", "--plan", "p.yaml", "--store", "jsonl:l"]).expect(3);
    assert!(refused.stderr.contains("keeps no checkpoints"), "{}", refused.stderr);
}

#[test]
fn a_plan_is_signed_and_cannot_be_changed_afterwards() {
    let place = Place::new();
    let Some(key) = key(&place, "ada") else { return };
    place.write("plan.yaml", FLOW);
    place.chem(&["seal", "--plan", "plan.yaml", "--key", key.to_str().unwrap()]).expect(0);
    let audit = place.chem(&["audit", "--allowed-signers", "allowed", "--format", "json"]).expect(0).json();
    assert_eq!(
        (&audit["signatures"][0]["kind"], &audit["signatures"][0]["principal"]),
        (&"plan".into(), &"ada@lab".into())
    );
    by_force(&place, "UPDATE attestations SET statement = replace(statement, 'CCO', 'CCN') WHERE kind = 'plan'");
    let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
    let found = audit["findings"].to_string();
    assert!(found.contains("it is not a signature of this text"), "{found}");
    assert!(found.contains("before this checkpoint is not as it was sealed"), "{found}");
}
