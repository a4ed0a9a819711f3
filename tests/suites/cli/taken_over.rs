//! What a run takes over from an earlier result on other rows: before, in the plan; after, in the run; and not, if asked.

use serde_json::{Value, json};

use crate::harness::Place;

const FLOW: &str = "flow: kept\nsteps:\n\
    \x20 - { id: read, uses: table.read, with: { path: rows.csv } }\n\
    \x20 - { id: keep, uses: table.filter, with: { where: a > 1 } }\n";

/// Writes the file of the flow: a record for each number.
fn write(place: &Place, numbers: &[u32]) {
    let rows: Vec<String> = numbers.iter().map(|number| format!("r{number},{number}\n")).collect();
    place.write("rows.csv", &format!("name,a\n{}", rows.concat()));
}

fn run(place: &Place, options: &[&str]) -> Value {
    place.chem(&[&["run", "flow.yaml", "--format", "json"], options].concat()).expect(0).json()
}

/// Returns the planned step `keep`.
fn planned(place: &Place, options: &[&str]) -> Value {
    let plan = place.chem(&[&["plan", "flow.yaml", "--format", "json"], options].concat()).expect(0).json();
    plan["steps"][1].clone()
}

#[test]
fn a_changed_file_costs_what_has_changed() {
    let place = Place::new();
    place.write("flow.yaml", FLOW);
    write(&place, &[1, 2, 3, 4, 5]);
    assert_eq!(planned(&place, &[])["takes_over"], Value::Null);
    let first = run(&place, &[]);
    assert_eq!(first["steps"][1]["taken_over"], Value::Null);

    write(&place, &[9, 1, 2, 4, 5, 5]);
    let plan = planned(&place, &[]);
    let of = json!({ "flow_id": first["flow_id"], "position": plan["takes_over"]["source"]["position"] });
    assert_eq!(plan["takes_over"], json!({ "source": of, "of": 5, "rows": null, "computed": null }));
    let text = place.chem(&["plan", "flow.yaml"]).expect(0).stdout;
    let source = first["flow_id"].as_str().unwrap();
    assert!(text.contains(&format!("what has not changed of the 5 rows of run {source} is taken over")), "{text}");
    assert_eq!(planned(&place, &["--no-reuse-rows"])["takes_over"], Value::Null);

    let second = run(&place, &[]);
    assert_eq!(second["steps"][1]["taken_over"], json!({ "source": of, "rows": 5, "computed": 1 }));
    let id = second["flow_id"].as_str().unwrap();
    let told = format!("5 of 6 rows taken over from run {source}, 1 computed");
    let shown = place.chem(&["show", id]).expect(0).stdout;
    assert!(shown.contains(&format!("keep: {told}")), "{shown}");
    let why = place.chem(&["why", id, "keep"]).expect(0).stdout;
    assert!(why.contains(&told), "{why}");
    let why = place.chem(&["why", id, "keep", "--format", "json"]).expect(0).json();
    assert_eq!(why["taken_over"], second["steps"][1]["taken_over"]);
    // Verification takes nothing over.
    place.chem(&["verify", id]).expect(0);
    place.chem(&["store", "check", "--deep"]).expect(0);

    let fresh = run(&place, &["--store", "sqlite:other.db", "--no-reuse-rows"]);
    assert_eq!(fresh["steps"][1]["outputs"], second["steps"][1]["outputs"]);
    write(&place, &[9, 1, 2, 4, 5]);
    assert_eq!(run(&place, &["--no-reuse-rows"])["steps"][1]["taken_over"], Value::Null);
}
