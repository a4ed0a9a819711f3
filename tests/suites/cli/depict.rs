//! `chem depict`: a structure as SVG, or why there is none.

use std::io::Write as _;
use std::process::Stdio;

use crate::harness::{Outcome, Place};

#[test]
fn a_structure_is_drawn() {
    let place = Place::new();
    let drawn = place.chem(&["depict", "CC(=O)Oc1ccccc1C(=O)O"]).expect(0).stdout;
    assert!(drawn.contains("<svg") && drawn.ends_with("</svg>\n"), "{drawn}");
    assert_eq!(drawn, place.chem(&["depict", "CC(=O)Oc1ccccc1C(=O)O"]).expect(0).stdout);
    let wide = place.chem(&["depict", "CCO", "--width", "500", "--height", "40"]).expect(0).stdout;
    assert!(wide.contains("500") && wide != place.chem(&["depict", "CCO"]).expect(0).stdout, "{wide}");
    place.chem(&["depict", "CCO", "--width", "100000"]).expect(2);
}

#[test]
fn a_text_that_is_no_structure_has_no_drawing() {
    let place = Place::new();
    for wrong in ["C1CC", "", &"C".repeat(301)] {
        let refused = place.chem(&["depict", wrong]).expect(1);
        assert!(refused.stdout.is_empty() && refused.stderr.contains("error: `"), "{refused:?}");
    }
    let refused = place.chem(&["depict", "CCO", "CCN"]).expect(2);
    assert!(refused.stderr.contains("expected one structure, found 2"), "{refused:?}");
    assert!(refused.stderr.contains("--format json"), "{refused:?}");
}

/// The line of a structure that cannot be drawn keeps its position, so that a script can pair them.
#[test]
fn a_script_gets_the_drawings_of_many() {
    let place = Place::new();
    let mut chem = place.command(&["depict", "--format", "json", "-", "CN"]);
    let mut child = chem.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"CCO\n\nnothing\n").unwrap();
    let drawn = Outcome::from(child.wait_with_output().unwrap()).expect(0).json();
    let drawn: Vec<(&str, bool, bool)> = drawn
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["smiles"].as_str().unwrap(), one["svg"].is_string(), one["error"].is_string()))
        .collect();
    assert_eq!(drawn, [("CCO", true, false), ("", false, true), ("nothing", false, true), ("CN", true, false)]);
}
