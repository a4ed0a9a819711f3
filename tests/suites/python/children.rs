//! Children whose steps are in Python.

use serde_json::{Value, json};

use crate::harness::{PIC50, Place};

const FLOW: &str = "flow: potency
steps_from: [steps.py]
params: { floor: 0.01 }
steps:
  - { id: read, uses: table.read, with: { path: assay.csv } }
  - { id: potency, uses: lab.pic50, with: { floor: \"${params.floor}\" } }
  - { id: strong, uses: table.filter, with: { where: pic50 >= 9 } }
";

/// The same steps, in place.
const IN_PLACE: &str = "flow: swept
steps_from: [steps.py]
steps:
  - id: sweep
    map:
      over: { floor: [0.01, 1] }
      steps:
        - { id: read, uses: table.read, with: { path: assay.csv } }
        - { id: potency, uses: lab.pic50, with: { floor: \"${params.floor}\" } }
        - { id: strong, uses: table.filter, with: { where: pic50 >= 9 } }
      take: { strong: strong }
";

fn json_of(place: &Place, arguments: &[&str]) -> Value {
    place.chem(&[arguments, &["--format", "json", "-q"]].concat()).expect(0).json()
}

#[test]
fn children_run_steps_in_python_from_a_file_and_in_place() {
    let Some(place) = Place::with(PIC50) else { return };
    place.write("potency.yaml", FLOW).write("flow.yaml", IN_PLACE);
    place.write("mapped.yaml", "flow: swept\nsteps:\n  - id: sweep\n    map: { flow: potency.yaml, over: { floor: [0.01, 1] }, take: { strong: strong } }\n");
    let alone = ["0.01", "1"].map(|floor| {
        let run = json_of(&place, &["run", "potency.yaml", "--set", &format!("floor={floor}"), "--no-cache"]);
        run["flow_fingerprint"].clone()
    });
    let children = |run: &Value| {
        let children = run["children"].as_array().unwrap().iter();
        children.map(|child| child["flow_fingerprint"].clone()).collect::<Vec<_>>()
    };
    let mut swept = Vec::new();
    for manifest in ["mapped.yaml", "flow.yaml"] {
        let plan = json_of(&place, &["plan", manifest]);
        assert_eq!(plan["steps"][0]["children"].as_array().unwrap().len(), 2, "{plan}");
        let run = json_of(&place, &["run", manifest]);
        assert_eq!(children(&run), alone, "{manifest}");
        assert_eq!(json_of(&place, &["verify", "@last"])["steps_verified"], 1);
        swept.push(run["flow_fingerprint"].clone());
    }
    assert_eq!(swept[0], swept[1]);
    // Another computation is another fingerprint.
    place.write("steps.py", &PIC50.replace("9 - ", "10 - "));
    let changed = json_of(&place, &["run", "mapped.yaml"]);
    assert_ne!(changed["flow_fingerprint"], swept[0]);
    assert_ne!(children(&changed)[0], alone[0]);
    // A confined run starts no program in a child either.
    let refused = place.chem(&["run", "mapped.yaml", "--confined", "-q"]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert_eq!(
        json_of(&place, &["run", "mapped.yaml", "--confined", "--allow-programs"])["status"],
        json!("completed")
    );
}

/// A module with a step that writes a file.
const WRITES: &str = r#"
import pyarrow as pa

from chem_flow import OutputFile, step


@step("lab.note", version=1)
def note(table: pa.Table, *, path: OutputFile) -> None:
    with open(path, "w") as file:
        file.write(str(table.num_rows))
"#;

#[test]
fn children_of_children_that_write_one_file_in_python_are_refused() {
    let Some(place) = Place::with("") else { return };
    let flow = |path: &str| {
        format!(
            "flow: note\nsteps_from: [write.py]\nparams: {{ most: 1 }}\nsteps:\n  - {{ id: read, uses: table.read, with: {{ path: ../assay.csv }} }}\n  - {{ id: note, uses: lab.note, with: {{ path: \"{path}\" }} }}\n"
        )
    };
    let nested = |params: &str| {
        format!(
            "flow: outer\nsteps:\n  - id: outer\n    map:\n      over: {{ limit: [1, 2] }}\n      steps:\n        - {{ id: inner, map: {{ flow: below/note.yaml{params} }} }}\n"
        )
    };
    place.write("below/write.py", WRITES).write("below/note.yaml", &flow("note-${params.most}.txt"));
    // Each child of the outer step has one of its own for each `most`, so both write both files.
    place.write("flow.yaml", &nested(", over: { most: [1, 2] }"));
    let found = place.chem(&["check", "flow.yaml"]).expect(2).stdout;
    assert!(found.contains("the children with limit=1 and limit=2 both write `below/note-1.txt`"), "{found}");
    place.write("flow.yaml", &nested(", over: { most: [\"${params.limit}\"] }"));
    place.chem(&["check", "flow.yaml"]).expect(0);
    // So it is for the children of one step, and for steps in place.
    place.write("below/note.yaml", &flow("note.txt"));
    place.write(
        "flow.yaml",
        "flow: outer\nsteps:\n  - { id: outer, map: { flow: below/note.yaml, over: { most: [1, 2] } } }\n",
    );
    let found = place.chem(&["check", "flow.yaml"]).expect(2).stdout;
    assert!(found.contains("the children with most=1 and most=2 both write `note.txt`"), "{found}");
}
