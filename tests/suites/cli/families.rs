//! Runs with children that are handed over as one file, or branched.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::Place;

/// Keeps the rows of a file of a folder beside it.
const KEEP: &str = "flow: keep
params: { least: 1, library: ../data/drugs.csv }
steps:
  - { id: read, uses: table.read, with: { path: \"${params.library}\" } }
  - { id: keep, uses: table.filter, with: { where: size(name) > params.least } }
  - { id: write, uses: table.write, with: { path: \"kept-${params.least}.csv\" } }
";

/// Two children, each with a child of its own.
const FAMILY: &str = "flow: family
params: { most: 3 }
steps:
  - id: limits
    map:
      over: { limit: [1, 5] }
      steps:
        - id: kept
          map:
            flow: flows/keep.yaml
            over: { least: [\"${params.limit}\"] }
            take: { kept: keep }
        - { id: sum, uses: table.aggregate, with: { values: [sum(kept) as kept] } }
      take: { kept: sum.kept }
  - { id: few, uses: table.filter, with: { where: kept <= params.most } }
";

fn json_of(place: &Place, arguments: &[&str]) -> Value {
    place.chem(&[arguments, &["--format", "json"]].concat()).expect(0).json()
}

/// Returns a directory with the flows and their data.
fn family() -> Place {
    let place = Place::new();
    place.write("data/drugs.csv", "name\naspirin\nibuprofen\nethanol\n");
    place.write("flows/keep.yaml", KEEP).write("family.yaml", FAMILY);
    place
}

fn python(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("python3").args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Exports the family from the store at `from`, and imports it into the one at `to`.
fn hand_over(from: &str, to: &str) {
    let place = family();
    let run = json_of(&place, &["run", "family.yaml", "--store", from]);
    assert_eq!(run["children"].as_array().unwrap().len(), 2, "{run}");
    if from.starts_with("postgres:") {
        place.chem(&["seal", "--store", from]).expect(0);
    }
    let exported = json_of(&place, &["export", "@last", "run.zip", "--store", from]);
    assert_eq!((exported["children"].as_array().unwrap().len(), &exported["reused"]), (4, &json!([])), "{exported}");
    let file = place.path().join("run.zip");
    let file = file.to_str().unwrap();
    let tree = |place: &Place, store: &str| {
        let runs = json_of(place, &["ls", "--tree", "--store", store]);
        let facts = |run: &Value| (run["flow_id"].clone(), run["flow_fingerprint"].clone(), run["child_of"].clone());
        let mut runs: Vec<_> = runs.as_array().unwrap().iter().map(facts).collect();
        runs.sort_by_key(|(id, ..)| id.to_string());
        runs
    };
    let before = tree(&place, from);

    // Nothing of it is left where it is checked.
    std::fs::remove_dir_all(place.path().join("data")).unwrap();
    std::fs::remove_dir_all(place.path().join("flows")).unwrap();
    let elsewhere = Place::new();
    let audited = json_of(&elsewhere, &["audit", file]);
    assert_eq!((&audited["sound"], &audited["runs"]), (&true.into(), &json!(5)), "{audited}");
    let verified = json_of(&elsewhere, &["verify", file]);
    assert_eq!(verified["steps_verified"], 2, "{verified}");

    let imported = json_of(&elsewhere, &["import", file, "--store", to]);
    assert_eq!(imported["new"].as_array().unwrap().len(), 5, "{imported}");
    assert_eq!(tree(&elsewhere, to), before);
    let again = json_of(&elsewhere, &["import", file, "--store", to]);
    assert_eq!((&again["new"], &again["events"]), (&json!([]), &json!(0)));
    let shown = json_of(&elsewhere, &["show", "@last", "--store", to]);
    assert_eq!((&shown["flow_id"], &shown["children"]), (&run["flow_id"], &run["children"]));
    // A spool has no order of all events to check.
    if !to.starts_with("spool:") {
        json_of(&elsewhere, &["store", "check", "--deep", "--store", to]);
    }
}

#[test]
fn a_family_is_handed_over_between_files() {
    hand_over("sqlite:from.db", "sqlite:to.db");
}

#[test]
fn a_family_is_handed_over_to_a_spool() {
    hand_over("sqlite:from.db", "spool:to");
}

#[cfg(all(feature = "postgres", unix))]
#[test]
fn a_family_is_handed_over_between_postgres_and_a_file() {
    let Some(database) = chem_tests::postgres_server::database() else { return };
    hand_over(&database.url(), "sqlite:to.db");
    let Some(database) = chem_tests::postgres_server::database() else { return };
    hand_over("sqlite:from.db", &database.url());
}

#[test]
fn a_family_is_checked_without_the_program() {
    let place = family();
    let run = json_of(&place, &["run", "family.yaml"]);
    place.chem(&["export", "@last", "run.zip"]).expect(0);
    let unpacked = place.path().join("unpacked");
    let file = place.path().join("run.zip");
    let (is_extracted, _) = python(&["-m", "zipfile", "-e", file.to_str().unwrap(), unpacked.to_str().unwrap()]);
    assert!(is_extracted);
    let verifier = unpacked.join("verify.py");
    let verifier = verifier.to_str().unwrap();
    let (is_sound, text) = python(&[verifier, file.to_str().unwrap()]);
    assert!(is_sound && text.contains("of 5 run(s)"), "{text}");
    // Each child has a manifest, which repeats it where its files are.
    let child = run["children"][1]["flow_id"].as_str().unwrap();
    assert!(unpacked.join(format!("flow/{child}.yaml")).is_file());
    let grandchild = place.show(child)["children"][0]["flow_id"].as_str().unwrap().to_owned();
    let repeated = Place::new();
    copy(&unpacked.join("flow"), repeated.path());
    let again = json_of(&repeated, &["run", &format!("{grandchild}.yaml")]);
    assert_eq!(again["flow_fingerprint"], place.show(&grandchild)["flow_fingerprint"]);
    // So does the manifest of the run, with the text of the one that its children's steps name.
    let again = json_of(&repeated, &["run", "family.yaml"]);
    assert_eq!(again["flow_fingerprint"], run["flow_fingerprint"]);
    assert_eq!(std::fs::read_to_string(unpacked.join("flow/flows/keep.yaml")).unwrap(), KEEP);
    // A child that was left out is missed.
    std::fs::remove_file(unpacked.join(format!("proof/events/{child}.jsonl"))).unwrap();
    let (is_sound, text) = python(&[verifier]);
    assert!(!is_sound && text.contains("child 1 of step limits is missing or another run"), "{text}");
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => {
                std::fs::create_dir_all(&to).unwrap();
                copy(&entry.path(), &to);
            }
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn a_branch_shares_the_children_of_its_parent_or_has_its_own() {
    let place = family();
    let run = json_of(&place, &["run", "family.yaml"]);
    // The step with the children is shared: the branch has none, and is verified with those of its parent.
    let shared = json_of(&place, &["branch", "@last", "--from", "few", "--set", "most=1"]);
    assert_eq!((&shared["event_variants"], &shared["children"]), (&json!("IBSHSGFC"), &json!([])));
    assert_eq!(json_of(&place, &["verify", "@last"])["steps_verified"], 2);
    let exported = json_of(&place, &["export", "@last", "branch.zip"]);
    assert_eq!((exported["children"].as_array().unwrap().len(), exported["reused"].as_array().unwrap().len()), (0, 5));
    let elsewhere = Place::new();
    let file = place.path().join("branch.zip");
    assert_eq!(json_of(&elsewhere, &["audit", file.to_str().unwrap()])["sound"], true);
    // The step runs again: the branch has children of its own, whose steps are reused where they leave no file.
    let own = json_of(&place, &["branch", run["flow_id"].as_str().unwrap(), "--from", "limits"]);
    assert_eq!(own["flow_fingerprint"], run["flow_fingerprint"]);
    let children = own["children"].as_array().unwrap();
    assert_eq!(children.len(), 2);
    assert_ne!(children[0]["flow_id"], run["children"][0]["flow_id"]);
    assert_eq!(children[0]["flow_fingerprint"], run["children"][0]["flow_fingerprint"]);
    let grandchild = &place.show(children[0]["flow_id"].as_str().unwrap())["children"][0];
    let letters = place.show(grandchild["flow_id"].as_str().unwrap())["event_variants"].clone();
    assert!(letters.as_str().unwrap().starts_with("ISHSH"), "{letters}");
}

#[test]
fn the_log_has_the_text_of_a_manifest_that_a_step_names() {
    let place = family();
    let sweep = "flow: sweep
params: { most: 3 }
steps:
  - id: kept
    map: { flow: flows/keep.yaml, over: { least: [1, 5] }, take: { kept: keep } }
  - { id: few, uses: table.filter, with: { where: kept <= params.most } }
";
    place.write("sweep.yaml", sweep);
    let run = json_of(&place, &["run", "sweep.yaml"]);
    let printed = place.chem(&["manifest", "@last"]).expect(0).stdout;
    assert!(printed.contains("--children-of kept` prints flows/keep.yaml as it was then."), "{printed}");
    // A comment makes no other flow, and the log keeps what was there.
    place.write("flows/keep.yaml", &format!("# Least is a length.\n{KEEP}"));
    let plan = place.chem(&["plan", "sweep.yaml"]).expect(0).stdout;
    assert!(plan.contains("kept.flow") && !plan.contains("kept.text") && !plan.contains("Least is"), "{plan}");
    json_of(&place, &["branch", "@last", "--from", "few", "--set", "most=2"]);
    let of_run = ["manifest", run["flow_id"].as_str().unwrap(), "--children-of", "kept"];
    assert_eq!(place.chem(&of_run).expect(0).stdout, KEEP);
    assert_eq!(json_of(&place, &of_run), json!({ "path": "flows/keep.yaml", "text": KEEP }));
    let elsewhere = Place::new();
    elsewhere.write("data/drugs.csv", &std::fs::read_to_string(place.path().join("data/drugs.csv")).unwrap());
    elsewhere.write("sweep.yaml", &printed).write("flows/keep.yaml", &place.chem(&of_run).expect(0).stdout);
    assert_eq!(json_of(&elsewhere, &["run", "sweep.yaml"])["flow_fingerprint"], run["flow_fingerprint"]);

    let refused = place.chem(&["manifest", "@last", "--children-of", "few"]).expect(2).stderr;
    assert!(refused.contains("step `few` of run") && refused.contains("names no manifest"), "{refused}");
    let refused = place.chem(&["manifest", "@last", "--children-of", "keep"]).expect(2).stderr;
    assert!(refused.contains("has no step `keep`") && refused.contains("its steps: `kept` and `few`"), "{refused}");
}
