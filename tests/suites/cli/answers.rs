//! What `process.run` takes from programs: a row for each row, Arrow streams, molecules, further tables, and their version.

use serde_json::{Value, json};

use crate::harness::{Outcome, Place};

/// Returns a place with `in.csv`, and a flow that passes it to `process.run` with these parameters.
fn place(rows: &str, with: &Value) -> Place {
    let place = Place::new();
    place.write("in.csv", rows);
    flow(&place, with, "");
    place
}

fn flow(place: &Place, with: &Value, more: &str) {
    place.write(
        "p.yaml",
        &format!(
            "flow: p\nsteps:\n  - {{ id: read, uses: table.read, with: {{ path: in.csv }} }}\n  - {{ id: run, uses: process.run, with: \
             {with} }}\n{more}"
        ),
    );
}

fn run(place: &Place) -> Value {
    place.chem(&["run", "p.yaml", "--format", "json"]).expect(0).json()
}

fn artifact(place: &Place, run: &Value, step: usize, output: usize) -> Value {
    let hash = run["steps"][step]["outputs"][output]["hash"].as_str().unwrap();
    place.chem(&["artifact", hash, "--rows", "--format", "json"]).expect(0).json()
}

/// Returns the main output of the second step as it is stored, with its columns.
fn columns(place: &Place, run: &Value) -> String {
    let hash = run["steps"][1]["outputs"][0]["hash"].as_str().unwrap();
    place.chem(&["artifact", hash, "--format", "json"]).expect(0).json().to_string()
}

fn failed(place: &Place) -> String {
    let Outcome { status, stderr, .. } = place.chem(&["run", "p.yaml", "-q"]);
    assert_eq!(status, 1, "{stderr}");
    stderr
}

/// Squares the first column of a table in CSV, and notes each start.
const SQUARES: &str = "echo started >> starts; awk -F, 'NR==1{print \"n,square\";next}{print $1\",\"$1*$1}'";

fn squares(more: &Value) -> Value {
    let mut with = json!({
        "command": ["sh", "-c", SQUARES], "version": "awk@1", "send": "csv", "receive": "csv", "rows": true, "columns": ["n"],
        "types": { "square": "integer" }, "batch": 100,
    });
    with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    with
}

fn numbers(range: std::ops::Range<usize>) -> String {
    "name,n\n".to_owned() + &range.map(|n| format!("r{n},{n}\n")).collect::<String>()
}

#[test]
fn a_program_answers_each_row_with_one() {
    let place = place(&numbers(0..1_000), &squares(&json!({})));
    let starts = || std::fs::read_to_string(place.path().join("starts")).unwrap().lines().count();
    let first = run(&place);
    let rows = artifact(&place, &first, 1, 0);
    assert_eq!(rows["rows"][7], json!(["r7", 7, 49]), "{first:#}");
    assert_eq!((rows["rows"].as_array().unwrap().len(), starts()), (1_000, 10));
    assert!(columns(&place, &first).contains("\"provider\":\"awk@1\""));
    assert_eq!(run(&place)["steps"][1]["cached"], true);
    // Rows that an earlier run has computed are taken over, wherever they are.
    place.write("in.csv", &numbers(0..1_050));
    let more = run(&place);
    assert_eq!(artifact(&place, &more, 1, 0)["rows"].as_array().unwrap().len(), 1_050);
    let why = place.chem(&["why", "@last", "run", "--format", "json"]).expect(0).json();
    assert_eq!(why["taken_over"]["rows"], 1_000, "{why:#}");
    assert!(starts() <= 12, "{}", starts());
    place.chem(&["verify", "@last"]).expect(0);
    // The columns are known before the step runs.
    flow(&place, &squares(&json!({})), "  - { id: keep, uses: table.filter, with: { where: sqare > 7 } }\n");
    let found = place.chem(&["check", "p.yaml"]).expect(2).stdout;
    assert!(found.contains("there is no column `sqare`") && found.contains("did you mean `square`?"), "{found}");
}

/// What a step takes and gives may depend on parameters of the flow.
#[test]
fn a_parameter_of_the_flow_decides_whether_a_program_answers_by_row() {
    let by_row = "${params.by_row}";
    let place = place(&numbers(0..10), &squares(&json!({ "rows": by_row, "batch": null })));
    let manifest = std::fs::read_to_string(place.path().join("p.yaml")).unwrap();
    place.write("p.yaml", &manifest.replace("steps:", "params: { by_row: true }\nsteps:"));
    let chem = |more: &[&str]| place.chem(&[&["run", "p.yaml", "--format", "json"], more].concat()).expect(0).json();
    let rows = |run: &Value| artifact(&place, run, 1, 0)["rows"].as_array().unwrap().len();
    let (by_row, whole) = (chem(&[]), chem(&["--set", "by_row=false"]));
    assert_eq!((rows(&by_row), rows(&whole)), (10, 10));
    let fingerprint = |run: &Value| run["steps"][1]["fingerprint"].as_str().unwrap().to_owned();
    assert_ne!(fingerprint(&by_row), fingerprint(&whole));
    place.chem(&["verify", "@last"]).expect(0);
}

/// A killed run continues behind the rows that it had stored, which it does after half a minute.
#[test]
fn answers_that_were_stored_are_not_asked_for_again() {
    let slow = SQUARES.replace("awk", "sleep 0.5; awk");
    let place = place(&numbers(0..200), &squares(&json!({ "batch": 1, "command": ["sh", "-c", slow] })));
    let mut child = place.spawn(&["run", "p.yaml", "-q"]);
    let began = std::time::Instant::now();
    let log = || place.chem(&["log", "@last", "--format", "json"]).stdout;
    while !log().contains("stepprogressed") {
        assert!(child.try_wait().unwrap().is_none(), "the step ended before it stored anything");
        assert!(began.elapsed() < std::time::Duration::from_secs(300), "the step does not get on");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(place.path().join("starts")).unwrap();
    let resumed = place.chem(&["resume", "@last", "--format", "json"]).expect(0).json();
    assert_eq!(artifact(&place, &resumed, 1, 0)["rows"][199], json!(["r199", 199, 39601]));
    let starts = std::fs::read_to_string(place.path().join("starts")).unwrap().lines().count();
    assert!(starts < 190, "{starts} of 200 rows were asked for again");
    assert_eq!(log().matches("\"stepstarted\"").count(), 2, "the step started again");
}

#[test]
fn an_answer_that_is_not_one_row_for_each_is_refused() {
    for (script, says) in [
        (
            "awk -F, 'NR==1{print \"n,square\";next}NR<4{print $1\",\"$1*$1}'",
            "has 2 rows for 3; with `rows: true` a program answers each row with one",
        ),
        (
            "awk -F, 'NR==1{print \"n,square,more\";next}{print $1\",1,2\"}'",
            "has the column `more`, which `types` does not declare",
        ),
        (
            "awk -F, 'NR==1{print \"n,square\";next}{print 7\",1\"}'",
            "has other values in the column `n` than were sent",
        ),
        ("awk 'NR==1{print \"n\";next}{print $1}'", "square"),
    ] {
        let place = place(&numbers(0..3), &squares(&json!({ "command": ["sh", "-c", script] })));
        let said = failed(&place);
        assert!(said.contains(says), "{said}");
    }
    for (more, says) in [
        (json!({ "types": {} }), "`rows: true` requires `types`"),
        (json!({ "molecules": true }), "`molecules: true` is not possible with `rows: true`"),
        (json!({ "outputs": { "other": "csv" } }), "`outputs` is not possible with `rows: true`"),
        (json!({ "rows": null }), "`batch` is only possible with `rows: true`"),
        (json!({ "rows": null, "on_error": "fail" }), "`on_error` is only possible with `rows: true`"),
        (json!({ "version": null }), "neither `version` nor `version_from` is given"),
        (json!({ "version_from": ["no-such-program-as-this"] }), "program `no-such-program-as-this` not found"),
        (json!({ "version_from": [] }), "`version_from` is empty"),
    ] {
        let place = place(&numbers(0..3), &squares(&more));
        let found = place.chem(&["check", "p.yaml"]).expect(2).stdout;
        assert!(found.contains(says), "{found}");
    }
}

#[test]
fn a_row_for_which_the_program_fails_is_rejected_on_demand() {
    // The program fails for 7 with a message, answers nothing for 250, and fails silently for 333.
    let script = "awk -F, 'NR==1{print \"n,square\";next}$1==7{print \"seven\" > \"/dev/stderr\";exit 3}$1==250{next}$1==333{exit 4}{print $1\",\"$1*$1}'";
    let with = |more: Value| {
        let mut with = squares(&json!({ "command": ["sh", "-c", script] }));
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with
    };
    let place = place(&numbers(0..400), &with(json!({ "on_error": "reject" })));
    let rejected = run(&place);
    let rejects = artifact(&place, &rejected, 1, 1)["rows"].as_array().unwrap().clone();
    let expected = [
        ("7", "`sh` exited with status 3; standard error: seven"),
        ("250", "the output of sh has 0 rows for 1; with `rows: true` a program answers each row with one"),
        ("333", "`sh` exited with status 4 and wrote nothing to its standard error"),
    ];
    for (reject, (text, reason)) in rejects.iter().zip(expected) {
        assert_eq!(reject, &json!([null, null, text, reason]), "{rejects:?}");
    }
    assert_eq!((rejects.len(), artifact(&place, &rejected, 1, 0)["rows"].as_array().unwrap().len()), (3, 397));
    place.chem(&["verify", "@last"]).expect(0);
    // Where rows are cut does not matter, and the others are as without these rows.
    flow(&place, &with(json!({ "on_error": "reject", "batch": 7 })), "");
    let other = run(&place);
    let outputs = |run: &Value| run["steps"][1]["outputs"].clone();
    assert_eq!(outputs(&other), outputs(&rejected));
    // Otherwise the step fails, and so it does if it is not the rows.
    flow(&place, &with(json!({ "on_error": "fail" })), "");
    assert!(failed(&place).contains("`sh` exited with status 3"));
    flow(&place, &with(json!({ "on_error": "reject", "command": ["sh", "-c", "echo no license >&2; exit 1"] })), "");
    let said = failed(&place);
    assert!(said.contains("failed for each of 100 rows in a row") && said.contains("no license"), "{said}");
}

#[test]
fn a_table_travels_as_an_arrow_stream() {
    let rows = "name,n,mass,heavy\na,1,0.5,true\nb,,,\n,3,1e300,false\n";
    for (send, receive) in [("arrow", "arrow"), ("jsonl", "jsonl")] {
        let with = json!({ "command": ["cat"], "version": "cat", "send": send, "receive": receive });
        let place = place(rows, &with);
        let run = run(&place);
        assert_eq!(run["steps"][1]["outputs"][0]["hash"], run["steps"][0]["outputs"][0]["hash"], "{send}");
    }
    let arrow = |more: &Value| {
        let mut with = json!({ "command": ["cat"], "version": "cat", "send": "arrow", "receive": "arrow" });
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        failed(&place(rows, &with))
    };
    for (more, says) in [
        (
            json!({ "types": { "n": "float" } }),
            "the column `n` of the output of cat is integer; `types` declares float",
        ),
        (json!({ "types": { "mas": "float" } }), "there is no column `mas` in `the output of cat`"),
        (json!({ "send": "csv" }), "the output of cat is not an Arrow stream"),
    ] {
        let said = arrow(&more);
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn a_program_writes_several_tables() {
    let script = "cat > all; cp all \"$1\"; head -n 1 all > \"$2\"; cat all";
    let with = json!({
        "command": ["sh", "-c", script, "sh", "{copy}", "{one}"], "version": "sh", "send": "jsonl",
        "outputs": { "copy": "jsonl", "one": "jsonl" },
    });
    let place = place("name,n\na,1\nb,2\n", &with);
    let taken = "  - { id: keep, uses: table.filter, inputs: { table: run.one }, with: { where: n > 0 } }\n";
    flow(&place, &with, taken);
    let first = run(&place);
    let outputs = first["steps"][1]["outputs"].as_array().unwrap();
    let names: Vec<&str> = outputs.iter().map(|output| output["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["main", "copy", "one"], "{first:#}");
    assert_eq!(outputs[1]["hash"], outputs[0]["hash"]);
    assert_eq!(artifact(&place, &first, 2, 0)["rows"], json!([["a", 1]]));
    assert_eq!(run(&place)["steps"][1]["cached"], true);
    place.chem(&["verify", "@last"]).expect(0);

    flow(&place, &with, &taken.replace("run.one", "run.ones"));
    let found = place.chem(&["check", "p.yaml"]).expect(2).stdout;
    assert!(found.contains("`run` has no output `ones`") && found.contains("did you mean `one`?"), "{found}");
    for (outputs, says) in [
        (json!({ "other": "csv" }), "the program is not told where to write the output `other`"),
        (json!({ "main": "csv" }), "an output cannot be called `main`"),
        (json!({ "copy": "xml" }), "`xml` is not one of the allowed values"),
    ] {
        let mut with = with.clone();
        with["outputs"] = outputs;
        flow(&place, &with, "");
        let found = place.chem(&["check", "p.yaml"]).expect(2).stdout;
        assert!(found.contains(says), "{found}");
    }
    let mut with = with.clone();
    with["command"][2] = json!("cat; : \"$1\" \"$2\"");
    flow(&place, &with, "");
    let said = failed(&place);
    assert!(said.contains("did not write the output `copy` of `sh`"), "{said}");
}

#[cfg(feature = "chemistry")]
#[test]
fn a_program_gives_molecules() {
    let with = json!({ "command": ["cat"], "version": "cat", "molecules": true });
    let place = place("smiles,name,dose\nOCC,ethanol,5\nC1CC,open,6\nc1ccccc1,benzene,7\n", &with);
    flow(&place, &with, "  - { id: keep, uses: molecules.filter, with: { where: dose > 6 } }\n");
    let first = run(&place);
    let outputs = &first["steps"][1]["outputs"];
    assert_eq!((&outputs[0]["kind"], &outputs[1]["name"]), (&json!("molecules"), &json!("rejects")), "{first:#}");
    assert_eq!(artifact(&place, &first, 1, 0)["rows"][0][1], "CCO");
    assert_eq!(artifact(&place, &first, 1, 1)["rows"].as_array().unwrap().len(), 1);
    assert_eq!(artifact(&place, &first, 2, 0)["rows"].as_array().unwrap().len(), 1);
    // Molecules that come in by rows come out as molecules.
    let with = json!({
        "command": ["sed", "s/}$/,\"length\":1}/"], "version": "sed", "rows": true, "columns": ["smiles"],
        "types": { "length": "integer" },
    });
    place.write(
        "p.yaml",
        &format!(
            "flow: p\nsteps:\n  - {{ id: read, uses: molecules.inline, with: {{ molecules: [CCO ethanol, C methane] }} }}\n  - {{ id: \
             run, uses: process.run, with: {with} }}\n  - {{ id: keep, uses: molecules.filter, with: {{ where: length == 1 }} }}\n"
        ),
    );
    let second = run(&place);
    assert_eq!(second["steps"][1]["outputs"][0]["kind"], "molecules", "{second:#}");
    assert_eq!(artifact(&place, &second, 2, 0)["rows"].as_array().unwrap().len(), 2);
    let replacing = std::fs::read_to_string(place.path().join("p.yaml")).unwrap().replace("\"length\"", "\"smiles\"");
    place.write("p.yaml", &replacing.replace("integer", "text"));
    let found = place.chem(&["check", "p.yaml"]).expect(2).stdout;
    assert!(found.contains("the column `smiles` holds the structures of the molecules"), "{found}");
    assert!(found.contains("p.yaml:4:") && found.contains("`molecules.from_table`"), "{found}");
}

#[test]
fn the_version_that_a_program_gives_is_part_of_the_identity() {
    let with = json!({ "command": ["sed", "s/}$/,\"more\":1}/"], "version_from": ["./tool", "--version"] });
    let place = place("name\na\n", &with);
    let version = |text: &str| {
        use std::os::unix::fs::PermissionsExt as _;

        place.write("tool", &format!("#!/bin/sh\n[ \"$1\" = --version ] && {text}\n"));
        std::fs::set_permissions(place.path().join("tool"), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    version("printf 'tool 6.7.1\\nbuilt long ago\\n'");
    let first = run(&place);
    assert!(columns(&place, &first).contains("\"provider\":\"tool 6.7.1\""));
    assert_eq!(run(&place)["steps"][1]["cached"], true);
    version("printf 'tool 6.7.2\\nbuilt long ago\\n'");
    let second = run(&place);
    assert_eq!(second["steps"][1]["cached"], false);
    assert_ne!(second["steps"][1]["fingerprint"], first["steps"][1]["fingerprint"]);
    let why = place.chem(&["why", "@last", "run"]).expect(0).stdout;
    assert!(why.contains("version_from") && why.contains("6.7.1") && why.contains("6.7.2"), "{why}");
    let shown = place.chem(&["show", "@last"]).expect(0).stdout;
    assert!(shown.contains("run: `version_from` says tool 6.7.2 / built long ago"), "{shown}");
    assert_eq!(place.show("@last")["steps"][1]["answers"]["version_from"], "tool 6.7.2\nbuilt long ago");
    for (text, says) in [
        ("true", "prints nothing; expected a version"),
        ("{ echo wrong >&2; exit 4; }", "exited with status 4; standard error: wrong"),
    ] {
        version(text);
        let said = place.chem(&["run", "p.yaml", "-q"]);
        assert!(said.status != 0 && said.stderr.contains(says), "{said:?}");
    }
    version("echo tool 7 >&2");
    run(&place);
}
