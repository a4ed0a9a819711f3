//! Errors in a manifest, as the program prints them.

use crate::harness::Place;

#[test]
fn an_error_has_file_line_column_and_the_underlined_source() {
    let place = Place::new();
    place.write("f.yaml", "flow: f\nsteps:\n  - id: seed\n    uses: demo.sead\n");
    let stderr = place.chem(&["run", "f.yaml"]).expect(2).stderr;
    assert!(stderr.contains("f.yaml:4:11"), "{stderr}");
    assert!(stderr.contains("uses: demo.sead") && stderr.contains("^^^^^^^^^"), "{stderr}");
    assert!(stderr.contains("demo.seed"), "{stderr}");
}

#[test]
fn check_prints_all_problems_as_json() {
    let place = Place::new();
    place.write(
        "f.yaml",
        "flow: f\nsteps:\n  - id: seed\n    uses: demo.sead\n  - id: seed\n    uses: demo.characters\n",
    );
    let found = place.chem(&["check", "f.yaml", "--format", "json"]).expect(2).json();
    let found = found.as_array().unwrap();
    assert!(found.len() >= 2, "{found:?}");
    for diagnostic in found {
        for key in ["code", "severity", "message", "help", "file", "line", "column", "end_line", "end_column"] {
            assert!(diagnostic.get(key).is_some(), "{key} is missing: {diagnostic}");
        }
    }
}

#[test]
fn an_override_is_checked_like_the_file() {
    let place = Place::new();
    let manifest = "flow: f\nparams:\n  wait: 1\nsteps:\n  - { id: seed, uses: demo.seed }\n  - { id: s, uses: test.slow, with: { wait: \"${params.wait}\" } }\n";
    place.write("f.yaml", manifest);
    place.chem(&["run", "f.yaml", "--set", "wait=2", "-q"]).expect(0);
    let stderr = place.chem(&["run", "f.yaml", "--set", "wait=soon"]).expect(2).stderr;
    assert!(stderr.contains("wait=soon"), "{stderr}");
    let stderr = place.chem(&["run", "f.yaml", "--set", "wat=2"]).expect(2).stderr;
    assert!(stderr.contains("`wait`"), "{stderr}");
    place.chem(&["run", "f.yaml", "--set", "wait"]).expect(2);
}

#[test]
fn a_rule_is_explained() {
    let place = Place::new();
    let page = place.chem(&["check", "--explain", "e0410"]).expect(0).stdout;
    assert!(page.starts_with("# E0410: unknown column\n") && page.contains("Right:"), "{page}");
    let json = place.chem(&["check", "--explain", "E0410", "--format", "json"]).expect(0).json();
    assert_eq!((&json["code"], &json["page"]), (&"E0410".into(), &page.into()));
    let stderr = place.chem(&["check", "--explain", "W0410"]).expect(2).stderr;
    assert!(stderr.contains("did you mean `E0410`, unknown column?"), "{stderr}");
    place.chem(&["check", "--explain", "E0410", "f.yaml"]).expect(2);
    place.chem(&["check"]).expect(2);
}
