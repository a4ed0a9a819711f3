//! A flow with a step in Python runs like one with steps in Rust: fingerprints, reuse, rejects, resuming.

use serde_json::json;

use crate::harness::{PIC50, Place};

#[test]
fn a_row_step_computes_rejects_and_is_reused() {
    let Some(place) = Place::with(PIC50) else { return };
    place.flow("{ id: potency, uses: lab.pic50, with: { floor: 0.5 } }");
    let run = place.run();
    assert_eq!(run["status"], "completed");
    let rows = place.rows(&run, 1, 0);
    assert_eq!(rows, [json!(["a", 10, 8]), json!(["c", 0.2, 9.301029995663981]), json!(["e", 100, 7])], "{run:#}");
    let rejects = place.rows(&run, 1, 1);
    assert_eq!(rejects.len(), 2);
    assert_eq!(rejects[0][3], "ValueError: -3.0 is negative");
    assert_eq!(rejects[1][3], "`ic50_nm` is missing");

    let again = place.run();
    assert_eq!(again["steps"][1]["cached"], true);
    assert_eq!(again["flow_fingerprint"], run["flow_fingerprint"]);
    place.chem(&["verify", "@last"]).expect(0);
}

#[test]
fn the_parameters_are_those_of_the_function() {
    let Some(place) = Place::with(PIC50) else { return };
    place.flow("{ id: potency, uses: lab.pic50 }");
    let run = place.run();
    place.flow("{ id: potency, uses: lab.pic50, with: { floor: 0.01 } }");
    assert_eq!(place.run()["steps"][1]["fingerprint"], run["steps"][1]["fingerprint"], "a default written out");
    place.flow("{ id: potency, uses: lab.pic50, with: { floor: 0.02 } }");
    assert_ne!(place.run()["steps"][1]["fingerprint"], run["steps"][1]["fingerprint"]);
}

#[test]
fn a_changed_input_takes_over_the_rows_that_it_had() {
    let Some(place) = Place::with(PIC50) else { return };
    place.flow("{ id: potency, uses: lab.pic50 }");
    place.run();
    place.write("assay.csv", "name,ic50_nm\na,10\nb,-3\nz,50\nc,0.2\nd,\ne,100\n");
    place.run();
    let why = place.chem(&["why", "@last", "potency", "--format", "json"]).expect(0).json();
    assert_eq!(why["taken_over"]["rows"], 5, "{why:#}");
    place.chem(&["verify", "@last"]).expect(0);
}
