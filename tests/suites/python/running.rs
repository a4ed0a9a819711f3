//! A flow with a step in Python runs like one with steps in Rust: fingerprints, reuse, rejects, resuming.

use std::process::Stdio;

use serde_json::json;

use crate::harness::{ASSAY, PIC50, Place, until};

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

/// The modules of a run are beside its manifest, wherever that is now.
#[test]
fn a_run_continues_where_its_folder_moved() {
    let module = PIC50.replace("import math\n", "import math\nimport os\nimport time\n").replace(
        "    if ic50_nm < 0:",
        "    if os.path.exists('fail'):\n        raise SystemExit('failed')\n    while os.path.exists('wait'):\n        \
         time.sleep(0.01)\n    if ic50_nm < 0:",
    );
    let Some(place) = Place::with("") else { return };
    let store = format!("sqlite:{}", place.home.path().join("store.db").display());
    let (resume, retry, approve) =
        (&["resume", "@last"][..], &["retry", "@last"][..], &["approve", "@last", "potency"][..]);
    for (command, file, gate) in
        [(resume, "wait", ""), (retry, "fail", ""), (approve, "none", ", gate: { message: really }")]
    {
        let [old, new] = ["old", "new"].map(|name| format!("{name}-{}", command[0]));
        place.write(&format!("{old}/potency.py"), &module).write(&format!("{old}/assay.csv"), ASSAY);
        place.write(&format!("{old}/{file}"), "").write(
            &format!("{old}/flow.yaml"),
            &format!(
                "flow: it\nsteps_from: [potency.py]\nsteps:\n  - {{ id: read, uses: table.read, with: {{ path: assay.csv }} }}\n  \
                 - {{ id: potency, uses: lab.pic50{gate} }}\n"
            ),
        );
        let mut run = place.command(&["run", &format!("{old}/flow.yaml"), "--no-cache", "-q", "--store", &store]);
        let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if file == "wait" {
            let began = || place.chem(&["log", "@last", "--store", &store]).stdout.contains("potency");
            until("the step started", began);
            child.kill().unwrap();
        }
        child.wait().unwrap();
        std::fs::rename(place.path().join(&old), place.path().join(&new)).unwrap();
        std::fs::remove_file(place.path().join(&new).join(file)).unwrap();
        let without = place.chem(&[command, &["--store", &store]].concat());
        assert!(without.status != 0 && without.stderr.contains("there is no file `potency.py`"), "{without:?}");
        let manifest = format!("{new}/flow.yaml");
        let moved = ["--store", &store, "--manifest", &manifest, "--no-cache", "--format", "json"];
        let run = place.chem(&[command, &moved[..]].concat()).expect(0).json();
        assert_eq!((&run["status"], &run["steps"][1]["cached"]), (&json!("completed"), &json!(false)), "{run:#}");
    }
}
