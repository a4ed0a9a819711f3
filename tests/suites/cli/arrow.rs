//! `chem artifact --format arrow`: the rows of a table as an Arrow stream.

use serde_json::Value;

use crate::harness::Place;

fn outputs(place: &Place) -> Value {
    place.write("in.csv", "name,mass\na,1.5\nb,\n");
    place.write("flow.yaml", "flow: f\nsteps:\n  - { id: read, uses: table.read, with: { path: in.csv } }\n");
    place.chem(&["run", "flow.yaml", "--format", "json"]).expect(0).json()["steps"][0]["outputs"].clone()
}

/// The suites of the Python package read it.
#[test]
fn a_table_is_a_stream() {
    let place = Place::new();
    let hash = outputs(&place)[0]["hash"].as_str().unwrap().to_owned();
    let printed = place.command(&["artifact", &hash, "--format", "arrow"]).output().unwrap();
    assert!(printed.status.success() && printed.stderr.is_empty(), "{printed:?}");
    // A message begins with four bytes of 255, and the stream ends with one that is empty.
    assert!(printed.stdout.starts_with(&[255; 4]) && printed.stdout.ends_with(&[255, 255, 255, 255, 0, 0, 0, 0]));
    let again = place.command(&["artifact", &hash, "--rows", "--format", "arrow"]).output().unwrap();
    assert_eq!(again.stdout, printed.stdout);
}

#[test]
fn only_a_table_and_only_this_command_is_printed_as_arrow() {
    let place = Place::new();
    outputs(&place);
    for command in ["run", "ls", "plan"] {
        let refused = place.chem(&[command, "flow.yaml", "--format", "arrow"]).expect(2);
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{refused:?}");
    }
    let refused = place.chem(&["show", "@last", "--format", "arrow"]).expect(2).stderr;
    assert!(refused.contains("only `chem artifact` prints Arrow"), "{refused}");
    place.write("text.yaml", "flow: t\nsteps:\n  - { id: a, uses: demo.seed, with: { text: CO } }\n");
    let run = place.chem(&["run", "text.yaml", "--format", "json"]).expect(0).json();
    let hash = run["steps"][0]["outputs"][0]["hash"].as_str().unwrap().to_owned();
    let refused = place.chem(&["artifact", &hash, "--format", "arrow"]).expect(2).stderr;
    assert!(refused.contains("is `text`, which has no rows"), "{refused}");
}
