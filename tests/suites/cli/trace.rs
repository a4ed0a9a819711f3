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
    let dropped = "dropped by `acids`: `[CX4][OX2H]` occurs in `CCO`, and `action` is `drop`";
    assert!(text.contains(dropped), "{text}");
    let text = trace(&place, &["toluene"]).expect(0).stdout;
    assert!(text.contains("dropped by `best`: score 2 is not among the 1 highest, of which the last is 3"), "{text}");
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
    let flow = "flow: sent\n\
        steps:\n\
        \x20 - { id: read, uses: table.read, with: { path: library.csv } }\n\
        \x20 - { id: sorted, uses: process.run, with: { command: [sort, -r], version: coreutils, columns: [name] } }\n\
        \x20 - { id: write, uses: table.write, with: { path: out/names.csv } }\n";
    place.write("sent.yaml", flow);
    place.chem(&["run", "sent.yaml"]).expect(0);
    let text = trace(&place, &["--record", "7"]).expect(0).stdout;
    let given = "given to the program `sort -r`, whose 7 rows do not say which rows they come from\n";
    assert!(text.ends_with(given), "{text}");
    let back = trace(&place, &["--row", "1"]).expect(0).stdout;
    assert!(back.contains("row 1: the inputs were given to the program `sort -r`"), "{back}");
    let refused = trace(&place, &["unknown"]).expect(2);
    assert!(refused.stderr.contains("`read` read no record called `unknown`"), "{refused:?}");
    assert!(refused.stderr.contains("help: name a record as its file does"), "{refused:?}");
    trace(&place, &[]).expect(2);
    trace(&place, &["aspirin", "--record", "1"]).expect(2);
    trace(&place, &["aspirin", "--of", "read"]).expect(2);
}

/// A graph over two files: joins of every kind, a union, groups, and rows that become columns and back.
const GRAPH: &str = "flow: graph\n\
    steps:\n\
    \x20 - { id: read, uses: table.read, with: { path: library.csv } }\n\
    \x20 - { id: prices, uses: table.read, source: true, with: { path: prices.csv } }\n\
    \x20 - { id: priced, uses: table.join, inputs: { left: read, right: prices }, with: { on: [name], right_on: [of] } }\n\
    \x20 - { id: all, uses: table.join, inputs: { left: read, right: prices }, with: { on: [name], right_on: [of], how: left } }\n\
    \x20 - { id: unpriced, uses: table.join, inputs: { left: read, right: prices }, with: { on: [name], right_on: [of], how: anti } }\n\
    \x20 - { id: both, uses: table.union, inputs: { first: unpriced, second: priced }, with: { columns: all } }\n\
    \x20 - { id: groups, uses: table.aggregate, inputs: { table: both }, with: { by: [group], values: [count, max(score)] } }\n\
    \x20 - { id: long, uses: table.unpivot, inputs: { table: priced }, with: { columns: [score, price], name: measure } }\n\
    \x20 - { id: wide, uses: table.pivot, with: { name: measure, aggregate: max } }\n\
    \x20 - { id: sorted, uses: table.sort, inputs: { table: all }, with: { by: [score desc] } }\n\
    \x20 - { id: split, uses: table.split, with: { folds: 2 } }\n";

fn graph() -> Place {
    let place = Place::new();
    let library = "name,group,score\na,x,1\nb,x,5\nb,x,5\nc,y,2\n,y,4\n";
    place.write("library.csv", library);
    place.write("prices.csv", "of,price\nb,10\na,20\nb,30\nz,40\n");
    place.write("graph.yaml", GRAPH);
    place.chem(&["run", "graph.yaml"]).expect(0);
    place
}

/// Returns the words of each step for the record of the source `read` that is named so.
fn words(place: &Place, read: &str, record: &[&str]) -> Vec<(String, String)> {
    let found = trace(place, &[record, &["--format", "json"]].concat()).expect(0).json();
    let records = found["records"].as_array().unwrap();
    let record = records.iter().find(|record| record["read"]["step"] == read).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    record["steps"].as_array().unwrap().iter().map(|step| (text(&step["step"]), text(&step["words"]))).collect()
}

/// Checks all that each step of the graph did to a record.
fn expect_words(place: &Place, read: &str, record: &str, expected: &[(&str, &str)]) {
    let found = words(place, read, &["--record", record]);
    let found: Vec<(&str, &str)> = found.iter().map(|(step, words)| (step.as_str(), words.as_str())).collect();
    assert_eq!(found, expected, "{read} {record}");
}

#[test]
fn a_record_is_followed_through_joins_unions_and_groups() {
    let place = graph();
    // The second of two equal rows, which has two partners.
    let long = "row 7: measure `score`, value 5; row 8: measure `price`, value 10; row 9: measure `score`, value 5; \
                row 10: measure `price`, value 30";
    expect_words(
        &place,
        "read",
        "3",
        &[
            ("priced", "row 4 with row 1 of `prices`: price 10; row 5 with row 3 of `prices`: price 30"),
            ("all", "row 4 with row 1 of `prices`: price 10; row 5 with row 3 of `prices`: price 30"),
            ("unpriced", "dropped by `unpriced`: name `b`; row 1 of `prices` has this key, and `how` is `anti`"),
            ("both", "row 6; row 7"),
            ("groups", "in the result: one of 5 rows with group `x`, which became row 2: count 5, max_score 5"),
            ("long", long),
            ("wide", "in the result: one of 8 rows with group `x`, name `b`, which became row 2: price 30, score 5"),
            ("sorted", "row 3; row 4"),
            ("split", "in the result: row 3: split 2; row 4: split 1"),
        ],
    );
    // No partner; a key without a value.
    let of = |read: &str, record: &str, step: &str| -> Vec<String> {
        let found = words(&place, read, &["--record", record]);
        found.into_iter().filter(|(id, _)| id == step).map(|(_, words)| words).collect()
    };
    assert_eq!(of("read", "4", "priced"), ["dropped by `priced`: name `c`; no row of `prices` has this key"]);
    assert_eq!(of("read", "4", "all"), ["row 6 without a row of `prices`, which has none with this key"]);
    assert_eq!(of("read", "4", "unpriced"), ["row 1"]);
    assert_eq!(of("read", "5", "priced"), ["dropped by `priced`: name has no value, which equals nothing"]);
    assert_eq!(
        of("read", "4", "groups"),
        ["in the result: one of 2 rows with group `y`, which became row 1: count 2, max_score 4"]
    );
    // The second table of a join is followed as well.
    let joined = "row 3 with row 2 of `read`: group `x`, name `b`, score 5; row 5 with row 3 of `read`: group `x`, name `b`, \
                  score 5";
    assert_eq!(of("prices", "3", "priced"), [joined]);
    assert_eq!(of("prices", "3", "unpriced"), ["with of `b`, the step dropped 2 rows of `read`"]);
    assert_eq!(of("prices", "4", "unpriced"), ["dropped by `unpriced`: of `z`; no row of `read` has this key"]);
}

#[test]
fn a_row_of_a_result_is_followed_back_to_its_records() {
    let place = graph();
    let back = |row: &[&str]| trace(&place, row).expect(0).stdout;
    let text = back(&["--row", "5", "--of", "priced"]);
    let expected = "row 5 of `priced`\n\
        \x20 priced  table.join  row 5 comes from row 3 of `read` and row 3 of `prices`\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("\n  read    table.read  b, record 3 of `library.csv`: read as "), "{text}");
    assert!(text.contains("\n  prices  table.read  record 3 of `prices.csv`: read as of `b`, price 30"), "{text}");
    let json = trace(&place, &["--row", "2", "--of", "groups", "--format", "json"]).expect(0).json();
    assert_eq!((&json["of"], &json["row"], &json["values"]["count"]), (&json!("groups"), &json!(1), &json!(5)));
    assert_eq!(json["steps"][0]["words"], "row 2 comes from 5 rows of `both`: 3, 4, 5, 6, 7");
    let mut records: Vec<(String, u64)> = Vec::new();
    for record in json["records"].as_array().unwrap() {
        records.push((record["step"].as_str().unwrap().to_owned(), record["record"].as_u64().unwrap()));
    }
    records.sort();
    let expected = [("prices", 1), ("prices", 2), ("prices", 3), ("read", 1), ("read", 2), ("read", 3)];
    assert_eq!(records, expected.map(|(step, record)| (step.to_owned(), record)));
    // The last step with a table, without its name.
    assert!(back(&["--row", "1"]).starts_with("row 1 of `split`\n"));
    for (row, error) in [
        (&["--row", "8"][..], "`split` has 7 rows, and no row 8"),
        (&["--row", "0"], "no row 0"),
        (&["--row", "1", "--of", "nothing"], "no step `nothing`"),
        (&["--row", "1", "--of", "read.other"], "`read.other` is not a table"),
    ] {
        let refused = trace(&place, row).expect(2);
        assert!(refused.stderr.contains(error), "{refused:?}");
    }
}

#[cfg(feature = "chemistry")]
#[test]
fn selections_of_molecules_give_their_reasons() {
    let place = Place::new();
    place.write("library.smi", "CCO a\nOCC b\nc1ccccc1 c\nCC(=O)[O-].[Na+] d\nCCCCCCN e\nCCC f\n");
    let flow = "flow: selections\n\
        steps:\n\
        \x20 - { id: read, uses: molecules.read, with: { path: library.smi } }\n\
        \x20 - { id: neutral, uses: molecules.standardize, with: { operations: [largest_fragment, neutralize] } }\n\
        \x20 - { id: once, uses: molecules.deduplicate }\n\
        \x20 - { id: cluster, uses: molecules.cluster }\n\
        \x20 - { id: near, uses: molecules.similar, with: { queries: [CCO], threshold: 0.1 } }\n\
        \x20 - { id: drawn, uses: molecules.sample, inputs: { molecules: cluster }, with: { count: 2, seed: 1 } }\n\
        \x20 - { id: picked, uses: molecules.diverse, inputs: { molecules: cluster }, with: { count: 3 } }\n";
    place.write("flow.yaml", flow);
    place.chem(&["run", "flow.yaml"]).expect(0);
    let of = |record: &str| words(&place, "read", &["--record", record]);
    let told = |record: &str, step: &str| {
        let found = of(record).into_iter().find(|(id, _)| id == step);
        found.unwrap_or_else(|| panic!("{:?}", of(record))).1
    };
    for (record, step, words) in [
        ("1", "neutral", "row 1"),
        (
            "4",
            "neutral",
            "row 4: changes `largest_fragment, neutralize`, original_smiles `CC(=O)[O-].[Na+]`, smiles `CC(=O)O`, before \
             smiles `CC(=O)[O-].[Na+]`",
        ),
        (
            "2",
            "once",
            "merged by `once`, which kept the record with the same smiles: copies 2, name `a`, record 1, smiles `CCO`, in row 1",
        ),
        ("3", "cluster", "row 2: centre true, cluster 2, cluster_size 1"),
        ("3", "near", "dropped by `near`: its similarity to the nearest query, `CCO`, is 0, below the threshold 0.1"),
        ("5", "drawn", "dropped by `drawn`: the seed 1 draws 2 of 5 rows, and not this one"),
        ("4", "picked", "in the result: row 3: distance 0.818182"),
        (
            "6",
            "picked",
            "dropped by `picked`: its distance to the nearest of the 3 picks, `CCO`, is 0.571429; that of the last pick to \
             those before it was 0.818182",
        ),
    ] {
        assert_eq!(told(record, step), words, "{record} {step}");
    }
}

#[test]
fn the_text_of_a_record_is_read_again_unless_its_file_has_changed() {
    let place = place();
    let of = |record: &str| trace(&place, &[record, "--format", "json"]).expect(0).json()["records"][0]["read"].clone();
    let read = of("ethanol");
    assert_eq!((&read["line"], &read["text"], &read["unread"]), (&json!(6), &json!("CCO,ethanol,7"), &Value::Null));
    assert_eq!(read["words"], "read as `CCO`, written in line 6 as `CCO,ethanol,7`");
    let rejected = of("open ring");
    assert_eq!((&rejected["line"], &rejected["text"]), (&json!(3), &json!("C1CC,open ring,1")));
    place.write("library.csv", &format!("{LIBRARY}CCCC,butane,1\n"));
    let changed = of("ethanol");
    assert_eq!(changed["words"], "read as `CCO`; its text is not shown: `library.csv` has changed since it was read");
    assert_eq!((&changed["line"], &changed["text"]), (&Value::Null, &Value::Null));
    std::fs::remove_file(place.path().join("library.csv")).unwrap();
    let missing = of("ethanol");
    assert!(missing["unread"].as_str().unwrap().contains("library.csv"), "{missing}");
    assert!(of("open ring")["words"].as_str().unwrap().ends_with("its text in line 3 is `C1CC,open ring,1`"));
}

#[cfg(feature = "chemistry")]
#[test]
fn a_record_of_each_format_is_found_in_its_file() {
    let place = Place::new();
    let block = |name: &str, element: &str| {
        format!(
            "{name}\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 {element}   0  0\nM  END\n\
             > <note>\nof {name}\n\n$$$$\n"
        )
    };
    let (water, methane) = (block("water", "O"), block("methane", "C"));
    place.write("two.sdf", &format!("{water}{methane}"));
    place.write("two.smi", "# a comment\nsmiles name\n CCO a\n\nCCN b\n");
    place.write("two.jsonl", "{\"a\": 1}\n\n{\"a\":  2}\n");
    place.write("first.csv", "smiles\nCCO\nCCN\n");
    place.write("second.csv", "smiles\nCO\nCN\n");
    let molecule = methane.strip_suffix("\n$$$$\n").unwrap();
    for (with, line, text) in [
        ("molecules.read, with: { path: two.sdf }", json!(11), molecule),
        ("molecules.read, with: { path: two.smi }", json!(5), "CCN b"),
        ("table.read, with: { path: two.jsonl }", json!(3), "{\"a\":  2}"),
        ("molecules.read, with: { path: [first.csv, second.csv], file_column: of }", json!(3), "CCN"),
        ("molecules.inline, with: { molecules: [CCO a, CCN  b] }", Value::Null, "CCN  b"),
    ] {
        place.write("flow.yaml", &format!("flow: formats\nsteps:\n  - {{ id: read, uses: {with} }}\n"));
        place.chem(&["run", "flow.yaml"]).expect(0);
        let found = trace(&place, &["--record", "2", "--format", "json"]).expect(0).json();
        let read = &found["records"][0]["read"];
        assert_eq!((&read["line"], &read["text"]), (&line, &json!(text)), "{with}: {read}");
    }
}
