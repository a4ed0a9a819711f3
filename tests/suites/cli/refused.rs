//! `fail_above`: a step fails if it refuses more than a share of its records.

use crate::harness::Place;

/// Returns a flow of one step that reads `file`, with `more` parameters.
fn reading(uses: &str, file: &str, more: &str) -> String {
    format!("flow: read\nsteps:\n  - id: read\n    uses: {uses}\n    with: {{ path: {file}, {more} }}\n")
}

/// Reads `file`, half of whose records are refused, with a limit that allows half and with one that does not.
fn half_is_refused(uses: &str, file: &str, content: &str, words: &str) {
    let place = Place::new();
    place.write(file, content).write("empty.yaml", &reading(uses, &format!("empty-{file}"), "fail_above: 0"));
    place.write("half.yaml", &reading(uses, file, "fail_above: 0.5")).write(&format!("empty-{file}"), "");
    place.write("less.yaml", &reading(uses, file, "on_error: reject, fail_above: 0.49"));
    place.chem(&["run", "half.yaml", "-q"]).expect(0);
    place.chem(&["run", "empty.yaml", "-q"]).expect(0);
    let said = place.chem(&["run", "less.yaml", "-q"]).expect(1).stderr;
    let counts = format!("2 of 4 records of `{file}` cannot be used, a share of 0.5 where `fail_above` allows 0.49; ");
    assert!(said.contains("step `read` failed") && said.contains(&counts) && said.contains(words), "{said}");
}

#[test]
fn more_than_a_share_of_a_table() {
    let lines = "a,b\n1,2\n1\n1,2\n1\n";
    let words = "all for one reason: has 1 cell where the header has 2; the first is line 3";
    half_is_refused("table.read", "half.csv", lines, words);
    let lines = "{\"a\":1}\n[]\n{\"a\":1}\nx\n";
    half_is_refused("table.read", "half.jsonl", lines, "the first is line 2");
}

#[cfg(feature = "chemistry")]
#[test]
fn more_than_a_share_of_molecules() {
    let words = "; the first is line ";
    half_is_refused("molecules.read", "half.csv", "smiles\nCCO\nC1CC\nCC\nC1CCC\n", words);
    half_is_refused("molecules.read", "half.smi", "CCO\nC1CC\nCC\nC1CCC\n", words);
    let block =
        "\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\nM  END\n$$$$\n";
    let cut = "\n\n\n  2  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\nM  END\n$$$$\n";
    half_is_refused("molecules.read", "half.sdf", &[block, cut, block, cut].concat(), words);
}

#[cfg(feature = "chemistry")]
#[test]
fn more_than_a_share_of_what_is_written() {
    let place = Place::new();
    let flow = |more: &str| {
        format!(
            "flow: write\nsteps:\n  - {{ id: read, uses: molecules.inline, with: {{ molecules: [C a, 'C[P@H]c1ccccc1 b'] }} }}\n  - {{ id: write, uses: molecules.write, with: {{ path: out.sdf, {more} }} }}\n"
        )
    };
    place.write("half.yaml", &flow("fail_above: 0.5")).write("less.yaml", &flow("fail_above: 0.4"));
    place.write("changed.yaml", &flow("on_error: write, fail_above: 0"));
    let said = place.chem(&["run", "less.yaml", "-q"]).expect(1).stderr;
    let words = "1 of 2 molecules cannot be written to `out.sdf`, a share of 0.5 where `fail_above` allows 0.4; all for one \
                 reason: ";
    assert!(said.contains(words) && said.contains("the first is record 2"), "{said}");
    assert!(!place.path().join("out.sdf").exists());
    place.chem(&["run", "half.yaml", "-q"]).expect(0);
    assert_eq!(std::fs::read_to_string(place.path().join("out.sdf")).unwrap().matches("$$$$").count(), 1);
    place.chem(&["run", "changed.yaml", "-q"]).expect(0);
    assert_eq!(std::fs::read_to_string(place.path().join("out.sdf")).unwrap().matches("$$$$").count(), 2);
}

#[test]
fn a_share_that_cannot_be_one_is_an_error_of_the_manifest() {
    let place = Place::new();
    place.write("a.csv", "a\n1\n");
    for (more, line, words) in [
        ("fail_above: 5", "wrong.yaml:5:38", "`5` is out of range: it must be at most 1"),
        ("fail_above: -0.1", "wrong.yaml:5:38", "`-0.1` is out of range: it must be at least 0"),
        ("fail_above: half", "wrong.yaml:5:38", "expected a number"),
        ("fail_above: 0.1, on_error: fail", "wrong.yaml:5:38", "`on_error: fail` allows none"),
    ] {
        place.write("wrong.yaml", &reading("table.read", "a.csv", more));
        let said = place.chem(&["check", "wrong.yaml"]).expect(2);
        let said = said.stdout + &said.stderr;
        assert!(said.contains(line) && said.contains(words), "{more}: {said}");
    }
}
