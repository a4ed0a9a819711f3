//! `chem trace`: what became of a record, and why.

use serde_json::{Value, json};

use crate::harness::{Outcome, Place};

const LIBRARY: &str = "smiles,name,score\n\
    CC(=O)Oc1ccccc1C(=O)O,aspirin,3\n\
    C1CC,open ring,1\n\
    CCCCCCCCCCCCCCCC,hexadecane,9\n\
    OC(=O)c1ccccc1OC(C)=O,acetylsalicylic acid,1\n\
    CCO,ethanol,7\n\
    CCN,ethylamine,\n\
    Cc1ccccc1,toluene,2\n";

const FLOW: &str = "flow: traced\n\
    params: { max_logp: 5.0 }\n\
    steps:\n\
    \x20 - { id: read, uses: molecules.read, with: { path: library.csv } }\n\
    \x20 - { id: describe, uses: molecules.describe, with: { properties: [logp] } }\n\
    \x20 - { id: keep, uses: molecules.filter, with: { where: \"logp <= params.max_logp && score > 0\" } }\n\
    \x20 - { id: once, uses: molecules.deduplicate }\n\
    \x20 - { id: acids, uses: molecules.substructure, with: { smarts: \"[CX4][OX2H]\", action: drop } }\n\
    \x20 - { id: best, uses: table.top, with: { by: score, count: 1 } }\n\
    \x20 - { id: write, uses: molecules.write, with: { path: out/best.smi } }\n";

fn place() -> Place {
    let place = Place::new();
    place.write("library.csv", LIBRARY);
    place.write("flow.yaml", FLOW);
    place.chem(&["run", "flow.yaml"]).expect(0);
    place
}

fn trace(place: &Place, record: &[&str]) -> Outcome {
    place.chem(&[&["trace", "@last"], record].concat())
}

/// Returns the outcome of each step for the only record, by JSON.
fn outcomes(place: &Place, record: &[&str]) -> Vec<(String, String)> {
    let found = trace(place, &[record, &["--format", "json"]].concat()).expect(0).json();
    assert_eq!((found["records"].as_array().unwrap().len(), &found["more"]), (1, &json!(0)), "{found}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let steps = found["records"][0]["steps"].as_array().unwrap();
    steps.iter().map(|step| (text(&step["step"]), text(&step["outcome"]))).collect()
}

#[test]
fn a_dropped_record_is_followed_to_the_condition_that_dropped_it() {
    let place = place();
    let text = trace(&place, &["hexadecane"]).expect(0).stdout;
    assert!(text.starts_with("hexadecane, record 3 of `library.csv`\n"), "{text}");
    assert!(text.contains("read as `CCCCCCCCCCCCCCCC`") && text.contains("dropped by `keep`: logp 6.48"), "{text}");
    assert!(text.contains(", and `logp <= params.max_logp` does not hold with max_logp 5\n"), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
    let json = trace(&place, &["hexadecane", "--format", "json"]).expect(0).json();
    let steps = &json["records"][0]["steps"];
    let logp = &steps[0]["rows"][0]["values"]["logp"];
    assert_eq!(steps[0]["rows"], json!([{ "row": 1, "values": { "logp": logp }, "alike": 1 }]));
    let why = json!([{
        "condition": "logp <= params.max_logp", "missing": null,
        "columns": { "logp": logp }, "params": { "max_logp": 5 },
    }]);
    assert_eq!((&steps[1]["outcome"], &steps[1]["why"]), (&json!("dropped"), &why));
    // The condition needs a value that is missing.
    let text = trace(&place, &["ethylamine"]).expect(0).stdout;
    assert!(text.contains("dropped by `keep`: score has no value, which `score > 0` needs"), "{text}");
    let text = trace(&place, &["ethanol"]).expect(0).stdout;
    let dropped = "dropped by `acids`: smiles `CCO`; the step has action `drop`, smarts `[CX4][OX2H]`";
    assert!(text.contains(dropped), "{text}");
    let text = trace(&place, &["toluene"]).expect(0).stdout;
    assert!(
        text.contains("dropped by `best`: score 2; the step has") && text.contains("by `score`, count 1"),
        "{text}"
    );
}

#[test]
fn a_record_is_found_in_each_way() {
    let place = place();
    let kept = |step: &str| (step.to_owned(), "kept".to_owned());
    let mut path: Vec<(String, String)> = ["describe", "keep", "once", "acids", "best"].map(kept).into();
    path.push(("write".to_owned(), "given".to_owned()));
    for record in [&["aspirin"][..], &["--record", "1"]] {
        assert_eq!(outcomes(&place, record), path, "{record:?}");
    }
    let text = trace(&place, &["aspirin"]).expect(0).stdout;
    assert!(text.contains("given to this step, which wrote `out/best.smi`"), "{text}");
    // The other spelling is another record of the same molecule.
    let both = trace(&place, &["--smiles", "CC(=O)Oc1ccccc1C(O)=O"]).expect(0).stdout;
    assert!(both.contains("aspirin, record 1") && both.contains("acetylsalicylic acid, record 4"), "{both}");
    let merged = "merged by `once`, which kept the record with the same smiles: copies 2, name `aspirin`, record 1";
    assert!(both.contains(merged), "{both}");
    let ethanol = trace(&place, &["--inchi-key", "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"]).expect(0).stdout;
    assert!(ethanol.starts_with("ethanol, record 5"), "{ethanol}");
    // The result is reused, and so is what came out for each row.
    place.chem(&["run", "flow.yaml"]).expect(0);
    assert_eq!(outcomes(&place, &["aspirin"]), path);
}

#[test]
fn a_rejected_record_is_found_by_its_number_and_its_text() {
    let place = place();
    for record in [&["--record", "2"][..], &["open ring"], &["--smiles", "C1CC"]] {
        let text = trace(&place, record).expect(0).stdout;
        assert!(text.starts_with("record 2 of `library.csv`\n"), "{text}");
        assert!(text.contains("rejected: ") && text.contains("unclosed ring"), "{text}");
        assert!(outcomes(&place, record).is_empty());
    }
}

#[test]
fn what_is_not_followed_is_said() {
    let place = place();
    let flow = "flow: joined\n\
        steps:\n\
        \x20 - { id: read, uses: table.read, with: { path: library.csv } }\n\
        \x20 - { id: cheap, uses: table.filter, with: { where: 'score < 5' } }\n\
        \x20 - { id: count, uses: table.aggregate, with: { by: [score], values: [count] } }\n\
        \x20 - { id: write, uses: table.write, with: { path: out/count.csv } }\n";
    place.write("joined.yaml", flow);
    place.chem(&["run", "joined.yaml"]).expect(0);
    let text = trace(&place, &["--record", "7"]).expect(0).stdout;
    assert!(text.contains("`chem trace` does not follow records through `table.aggregate` yet"), "{text}");
    assert!(!text.contains("write"), "{text}");
    let refused = trace(&place, &["unknown"]).expect(2);
    assert!(refused.stderr.contains("`read` read no record called `unknown`"), "{refused:?}");
    assert!(refused.stderr.contains("help: name a record as its file does"), "{refused:?}");
    trace(&place, &[]).expect(2);
    trace(&place, &["aspirin", "--record", "1"]).expect(2);
}
