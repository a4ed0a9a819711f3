//! The interface for scripts: exit statuses, JSON, and what goes to stdout and stderr.

use serde_json::Value;

use crate::harness::Place;

const DEMO: &str = "flow: demo\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n  - { id: characters, uses: demo.characters }\n  - { id: count, uses: demo.count }\n";

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn run_prints_one_object_and_show_prints_it_again() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    let outcome = place.chem(&["run", "demo.yaml", "--format", "json"]).expect(0);
    let run = outcome.json();
    assert_eq!(
        keys(&run),
        [
            "definition_hash",
            "error",
            "event_variants",
            "flow",
            "flow_fingerprint",
            "flow_id",
            "operator",
            "status",
            "steps",
            "warnings"
        ]
    );
    assert_eq!((&run["flow"], &run["status"], &run["error"]), (&"demo".into(), &"completed".into(), &Value::Null));
    assert_eq!(run["event_variants"], "ISFSFSGFC");
    let step = &run["steps"][1];
    assert_eq!(
        keys(step),
        ["cached", "fingerprint", "id", "outputs", "status", "taken_over", "usage", "uses", "version"]
    );
    assert_eq!(
        (&step["id"], &step["uses"], &step["version"]),
        (&"characters".into(), &"demo.characters".into(), &1.into())
    );
    assert_eq!((&step["status"], &step["cached"]), (&"finished_ok".into(), &false.into()));
    assert_eq!(step["outputs"][0]["kind"], "characters");
    assert_eq!(step["outputs"][0]["hash"].as_str().unwrap().len(), 64);
    // `show` also says what covers the run.
    let id = run["flow_id"].as_str().unwrap();
    for name in ["@last", id, &id[..30]] {
        let mut shown = place.show(name);
        let evidence = shown.as_object_mut().unwrap().remove("evidence").unwrap();
        assert_eq!(keys(&evidence), ["events", "seal", "statements"]);
        assert_eq!((&evidence["events"], &evidence["seal"]["events"]), (&9.into(), &9.into()));
        assert_eq!(shown, run);
    }
}

#[test]
fn ls_log_and_artifact_print_json_alone() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    let run = place.chem(&["run", "demo.yaml", "--format", "json", "-q"]).expect(0).json();
    let listed = place.chem(&["ls", "--format", "json"]).expect(0).json();
    let mut summary = run.clone();
    summary
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !["steps", "error", "warnings", "operator"].contains(&key.as_str()));
    assert_eq!(listed, Value::Array(vec![summary]));

    let events = place.chem(&["log", "@last", "--format", "json"]).expect(0).json_lines();
    assert_eq!(events.len(), 9);
    for (position, event) in events.iter().enumerate() {
        assert_eq!(keys(event), ["event_type", "flow_id", "payload", "position", "seq", "ts"]);
        assert_eq!(event["position"], position);
    }
    let hash = run["steps"][0]["outputs"][0]["hash"].as_str().unwrap();
    let artifact = place.chem(&["artifact", &hash[..12], "--format", "json"]).expect(0).json();
    assert_eq!(
        (&artifact["hash"], &artifact["kind"], &artifact["payload"]),
        (&hash.into(), &"text".into(), &"CCO".into())
    );
}

#[test]
fn the_exit_status_says_how_it_went() {
    let place = Place::new();
    let fail = "flow: f\nsteps:\n  - { id: seed, uses: demo.seed }\n  - { id: broken, uses: test.fail }\n";
    place.write("demo.yaml", DEMO).write("fail.yaml", fail).write("panic.yaml", &fail.replace("fail", "panic"));
    place.write("wrong.yaml", "flow: f\nsteps:\n  - { id: seed, uses: demo.sead }\n");

    let said = place.chem(&["run", "fail.yaml", "-q"]).expect(1).stderr;
    for line in [
        "error: step `broken` failed: nothing can be made of `hello, flow`\n",
        "\n  because: the bottle is empty\n",
        "\n  step type: test.fail@1\n",
        "\n  parameters: none\n",
        "`chem retry ",
    ] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    let failed = place.chem(&["run", "fail.yaml", "--format", "json"]).expect(1);
    assert_eq!(failed.json()["status"], "failed");
    assert_eq!(failed.json()["error"]["message"], "nothing can be made of `hello, flow`");
    assert_eq!(failed.json()["error"]["causes"][0], "the bottle is empty");
    let panicked = place.chem(&["run", "panic.yaml"]).expect(1);
    assert!(panicked.stderr.contains("a bug met `hello, flow`"), "{}", panicked.stderr);
    assert!(!panicked.stderr.contains("thread"), "{}", panicked.stderr);

    place.chem(&["run", "wrong.yaml"]).expect(2);
    place.chem(&["run", "absent.yaml"]).expect(2);
    place.chem(&["run"]).expect(2);
    place.chem(&["check", "demo.yaml"]).expect(0);
    place.chem(&["check", "demo.yaml", "wrong.yaml"]).expect(2);
    place.chem(&["show", "0000"]).expect(2);
    place.chem(&["resume", "@last"]).expect(2);
    place.chem(&["artifact", "abc"]).expect(2);
    place.chem(&["ls", "--store", "mysql://x"]).expect(3);
    place.chem(&["run", "demo.yaml", "--store", "sqlite:."]).expect(3);
}

#[test]
fn nothing_is_written_while_a_manifest_has_an_error() {
    let place = Place::new();
    place.write("wrong.yaml", "flow: f\nsteps:\n  - { id: seed, uses: demo.sead }\n");
    place.chem(&["run", "wrong.yaml"]).expect(2);
    assert!(!place.path().join(".chem").exists());
    place.chem(&["ls"]).expect(3);
    assert!(!place.path().join(".chem").exists(), "a command that reads made a store");
}

#[test]
fn results_go_to_stdout_and_messages_to_stderr() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    let outcome = place.chem(&["run", "demo.yaml"]).expect(0);
    assert!(outcome.stdout.contains("completed") && outcome.stdout.contains("flow fingerprint"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("[2/3] characters: demo.characters@1"), "{}", outcome.stderr);
    assert!(!outcome.stdout.contains('\u{1b}') && !outcome.stderr.contains('\u{1b}'), "colour without a terminal");
    let quiet = place.chem(&["run", "demo.yaml", "-q"]).expect(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(Place::new().chem(&["completions", shell]).expect(0).stdout.contains("resume"));
    }
}

#[test]
fn steps_lists_and_explains() {
    let place = Place::new();
    let list = place.chem(&["steps"]).expect(0).stdout;
    assert!(list.contains("demo.seed") && list.contains("test.slow"), "{list}");
    let page = place.chem(&["steps", "test.slow"]).expect(0).stdout;
    assert!(page.contains("How long to wait.") && page.contains("in ms") && page.contains("default 20"), "{page}");
    let unknown = place.chem(&["steps", "demo.sed"]).expect(2).stderr;
    assert!(unknown.contains("did you mean `demo.seed`?"), "{unknown}");
}

#[test]
fn steps_lists_the_functions_of_expressions() {
    let place = Place::new();
    let list = place.chem(&["steps", "--functions"]).expect(0).stdout;
    assert!(list.contains("log10(number)") && list.contains("extract(text, pattern[, group])"), "{list}");
    let list = place.chem(&["steps", "--functions", "--format", "json"]).expect(0).stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let convert = list.as_array().unwrap().iter().find(|function| function["name"] == "convert").unwrap();
    assert_eq!(convert["examples"][0]["value"], "0.000000035", "{convert}");
    place.chem(&["steps", "table", "--functions"]).expect(2);
}

#[test]
fn an_id_may_be_shortened_while_it_is_unambiguous() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    for _ in 0..2 {
        place.chem(&["run", "demo.yaml", "-q"]).expect(0);
    }
    // Both ids begin with the same upper digits of the time in milliseconds.
    let ambiguous = place.chem(&["show", "0"]).expect(2).stderr;
    assert!(ambiguous.contains("several runs"), "{ambiguous}");
}
