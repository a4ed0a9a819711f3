//! Stores of a backend that another crate registers: this program has `jsonl:`, from the crate of the tests.

use std::process::Command;

use chem_runtime::engine::FlowEngine;
use chem_runtime::steps::demo::{Characters, Count, Seed};
use chem_runtime::store::{OpenMode, StoreUrl};
use chem_tests as _;
use serde_json::json;

use crate::harness::Place;

const MANIFEST: &str = "flow: greeting\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n";

#[test]
fn the_command_line_works_on_a_store_of_a_backend_from_another_crate() {
    let place = Place::new();
    place.write("flow.yaml", MANIFEST);
    let on_lines =
        |arguments: &[&str]| place.chem(&[arguments, &["--store", "jsonl:log.jsonl", "--format", "json"]].concat());
    let missing = on_lines(&["ls"]).expect(3);
    assert!(missing.stderr.contains("there is no store at `log.jsonl`"), "{}", missing.stderr);

    let run = on_lines(&["run", "flow.yaml"]).expect(0).json();
    assert_eq!(run["status"], "completed");
    let id = run["flow_id"].as_str().unwrap();
    assert_eq!(on_lines(&["ls"]).expect(0).json()[0]["flow_id"], id);
    assert_eq!(on_lines(&["show", &id[..18]]).expect(0).json()["flow_fingerprint"], run["flow_fingerprint"]);
    assert_eq!(on_lines(&["log", "@last"]).expect(0).json_lines().len(), 4);
    assert_eq!(on_lines(&["run", "flow.yaml"]).expect(0).json()["steps"][0]["cached"], true);
    on_lines(&["verify", "@last"]).expect(0);
    assert_eq!(on_lines(&["store", "status"]).expect(0).json()["applied"], json!([]));
    assert_eq!(on_lines(&["store", "check"]).expect(0).json(), json!([]));
    on_lines(&["store", "check", "--deep"]).expect(0);
    let refused = on_lines(&["store", "grant", "ada", "reader"]).expect(3).stderr;
    assert!(refused.contains("`jsonl:log.jsonl` is a store without roles"), "{refused}");

    // Advice names the store.
    let held = place.chem(&["show", "zzz", "--store", "jsonl:log.jsonl"]).expect(2).stderr;
    assert!(held.contains("`chem ls --store jsonl:log.jsonl`"), "{held}");
}

#[test]
fn a_program_without_the_backend_names_those_that_it_has() {
    let place = Place::new();
    let alone = Command::new(env!("CARGO_BIN_EXE_chem-alone"))
        .args(["ls", "--store", "jsonl:log.jsonl"])
        .current_dir(place.path())
        .output()
        .unwrap();
    let told = String::from_utf8(alone.stderr).unwrap();
    assert!(told.contains("unknown kind of store `jsonl:`; a store is `memory:`, "), "{told}");
    assert!(!told.contains("jsonl:PATH"), "{told}");
    let with = place.chem(&["ls", "--store", "jsonl"]).expect(3).stderr;
    assert!(with.contains("`jsonl:PATH`") && with.contains("`sqlite:PATH`"), "{with}");
}

#[test]
fn the_library_opens_a_store_of_another_crate_by_its_url() {
    let place = Place::new();
    let url: StoreUrl = format!("jsonl:{}", place.path().join("log.jsonl").display()).parse().unwrap();
    assert!(url.open(OpenMode::Existing).is_err());
    let engine = FlowEngine::on(url.open(OpenMode::Create).unwrap())
        .first_step(Seed { text: "CCO".into() })
        .add_step(Characters {})
        .add_step(Count {})
        .build()
        .unwrap();
    engine.run_to_end().unwrap();
    let reopened = url.open(OpenMode::Read).unwrap();
    assert_eq!(reopened.list(engine.default_flow()).unwrap(), engine.events().unwrap());
}
