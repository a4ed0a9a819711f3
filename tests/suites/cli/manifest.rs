//! `chem manifest`: a run's manifest, from its log.

use crate::harness::Place;

const FLOW: &str = "# Not in the log.
flow: counted
description: 'Yes: counts'
params: { text: CCO, limit: 1.50 }
steps:
  - id: seed
    uses: demo.seed
    with: { text: \"${params.text} $${x} ${params.limit}\" }
    retry: { attempts: 3, backoff: 90s, on: any }
  - id: characters
    uses: demo.characters
    timeout: 2h
  - id: count
    uses: demo.count
    inputs: { characters: characters }
";

/// Returns a directory in which the flow has run, from a subdirectory and with another value for a parameter.
fn counted() -> Place {
    let place = Place::new();
    place.write("flows/counted.yaml", FLOW);
    place.chem(&["run", "flows/counted.yaml", "--set", "limit=2.50"]).expect(0);
    place
}

#[test]
fn a_run_is_repeated_by_its_manifest_in_an_empty_store() {
    let place = counted();
    let run = place.show("@last");
    let printed = place.chem(&["manifest", "@last"]).expect(0);
    assert_eq!(printed.stderr, "");
    let header = format!(
        "# Repeats run {}, from its log. It ran with chem {}.\n# Relative paths start from {}.\n",
        run["flow_id"].as_str().unwrap(),
        env!("CARGO_PKG_VERSION"),
        place.path().canonicalize().unwrap().join("flows").display(),
    );
    let yaml = "flow: counted
description: 'Yes: counts'
steps:
- id: seed
  uses: demo.seed
  with:
    text: CCO $${x} 2.50
  retry:
    attempts: 3
    backoff: 90s
    on: any
- id: characters
  uses: demo.characters
  timeout: 2h
- id: count
  uses: demo.count
";
    assert_eq!(printed.stdout, header + yaml);

    let written = place.chem(&["manifest", "@last", "--output", "again/counted.yaml"]).expect(0);
    assert_eq!(written.stdout, "wrote again/counted.yaml\n");
    assert!(written.stderr.starts_with("warning: `again/counted.yaml` is not in `"), "{}", written.stderr);
    assert_eq!(place.chem(&["manifest", "@last", "--output", "flows/again.yaml"]).expect(0).stderr, "");
    assert_eq!(std::fs::read_to_string(place.path().join("again/counted.yaml")).unwrap(), printed.stdout);
    assert_eq!(place.chem(&["check", "again/counted.yaml"]).expect(0).stderr, "");
    let store = ["--store", "sqlite:again.db", "--format", "json"];
    let again = place.chem(&[&["run", "again/counted.yaml"], &store[..]].concat()).expect(0).json();
    assert_eq!(again["definition_hash"], run["definition_hash"]);
    // What a step took differs from run to run.
    let steps = |run: &serde_json::Value| -> Vec<serde_json::Value> {
        let mut steps = run["steps"].as_array().unwrap().clone();
        steps.iter_mut().for_each(|step| drop(step.as_object_mut().unwrap().remove("usage")));
        steps
    };
    assert_eq!((&again["flow_fingerprint"], steps(&again)), (&run["flow_fingerprint"], steps(&run)));
    // A run of the printed manifest prints the same manifest.
    let printed_again = place.chem(&["manifest", "@last", "--store", "sqlite:again.db"]).expect(0).stdout;
    assert!(printed_again.ends_with(yaml), "{printed_again}");
}

#[test]
fn scripts_get_a_value_and_what_was_written() {
    let place = counted();
    let json = place.chem(&["manifest", "@last", "--format", "json"]).expect(0);
    assert_eq!(json.json()["steps"][0]["retry"], serde_json::json!({ "attempts": 3, "backoff": "90s", "on": "any" }));
    // JSON is YAML.
    place.write("again.yaml", &json.stdout);
    let again = place.chem(&["run", "again.yaml", "--no-cache", "--format", "json"]).expect(0).json();
    assert_eq!(again["flow_fingerprint"], place.show("@last")["flow_fingerprint"]);
    let written = place.chem(&["manifest", "@last", "-o", "it.yaml", "--format", "json"]).expect(0).json();
    assert_eq!(written, serde_json::json!({ "written": ["it.yaml"] }));
    // An existing file is never overwritten: it may be the manifest with its author's comments.
    let refused = place.chem(&["manifest", "@last", "-o", "flows/counted.yaml"]).expect(2).stderr;
    assert!(refused.contains("`flows/counted.yaml` already exists"), "{refused}");
    assert_eq!(std::fs::read_to_string(place.path().join("flows/counted.yaml")).unwrap(), FLOW);
}

#[test]
fn a_run_that_is_not_there_is_named() {
    let place = Place::new();
    place.chem(&["manifest", "@last"]).expect(3);
    place.write("f.yaml", FLOW);
    place.chem(&["run", "f.yaml"]).expect(0);
    for id in ["nothing", "019ab000-0000-7000-8000-000000000000"] {
        let refused = place.chem(&["manifest", id]).expect(2).stderr;
        assert!(refused.contains(&format!("there is no run `{id}` in this store")), "{refused}");
    }
}

#[test]
fn what_another_program_ran_is_printed_with_a_warning() {
    let place = Place::new();
    place.write(
        "f.yaml",
        "flow: f\nsteps:\n  - { id: seed, uses: demo.seed }\n  - { id: slow, uses: test.slow, with: { wait: 0 } }\n",
    );
    place.chem(&["run", "f.yaml"]).expect(0);
    // Runs a program without the steps for tests.
    let mut alone = std::process::Command::new(env!("CARGO_BIN_EXE_chem-alone"));
    let printed =
        alone.args(["manifest", "@last"]).current_dir(place.path()).env_remove("DATABASE_URL").output().unwrap();
    let [out, err] = [printed.stdout, printed.stderr].map(|text| String::from_utf8(text).unwrap());
    let warning = "step `slow` uses `test.slow`, which this program does not have";
    assert!(printed.status.success() && err == format!("warning: {warning}\n"), "{err}");
    assert!(out.contains(&format!("# Warning: {warning}.\n")) && out.contains("uses: test.slow\n"), "{out}");
}

/// The log contains the name of a secret's variable; so does the manifest.
#[test]
fn secrets_branches_and_gates_come_back_as_they_were_written() {
    let place = Place::new();
    let steps = "flow: f\nsteps:\n- id: seed\n  uses: demo.seed\n  with:\n    text: CCO\n  gate:\n    message: $${is} this it?\n    schema:\n      \
                 properties:\n        text:\n          type: string\n      type: object\n- id: characters\n  uses: demo.characters\n";
    place.write("f.yaml", steps);
    place.chem(&["run", "f.yaml"]).expect(4);
    let header = |text: &str| text.lines().filter(|line| line.starts_with("# ")).count();
    let printed = place.chem(&["manifest", "@last"]).expect(0).stdout;
    assert!(header(&printed) == 2 && printed.ends_with(steps), "{printed}");
    place.chem(&["approve", "@last", "seed", "--data", "{\"text\": \"N\"}"]).expect(0);
    assert!(
        place.chem(&["manifest", "@last"]).expect(0).stdout.ends_with(steps),
        "the answer is no part of the manifest"
    );
    place.chem(&["branch", "@last", "--from", "seed", "--set", "seed.text=OCC"]).expect(4);
    let printed = place.chem(&["manifest", "@last"]).expect(0).stdout;
    assert!(printed.ends_with(&steps.replace("text: CCO", "text: OCC")), "{printed}");
}

/// A directory name with a newline must not add a line to the manifest.
#[cfg(unix)]
#[test]
fn a_path_does_not_end_the_comment() {
    let place = Place::new();
    place.write("a\nflow: other/f.yaml", FLOW);
    place.chem(&["run", "a\nflow: other/f.yaml"]).expect(0);
    let printed = place.chem(&["manifest", "@last"]).expect(0).stdout;
    assert!(printed.contains("a\\nflow: other.\nflow: counted\n"), "{printed}");
}
