//! A flow built in Rust, the same flow as a manifest, and that manifest as part of a program are one flow.

use std::path::Path;

use chem_runtime::engine::FlowEngine;
use chem_runtime::event::FlowEventKind;
use chem_runtime::include_flow;
use chem_runtime::manifest::{self, IncludedFlow, IncludedFlowError, Source};
use chem_runtime::step::{Bound, Registry, StepDefinition, StepExt as _, StepId};
use chem_runtime::steps::demo::{Characters, Count, Seed};
use chem_runtime::steps::table::{ReadTable, UniteTables};
use chem_runtime::store::InMemoryEventStore;

fn fingerprints(engine: &FlowEngine) -> Vec<String> {
    engine.run_to_end().unwrap();
    let started = |kind: FlowEventKind| match kind {
        FlowEventKind::StepStarted(started) => Some(started.fingerprint.to_string()),
        FlowEventKind::FlowCompleted(completed) => Some(completed.flow_fingerprint.to_string()),
        _ => None,
    };
    engine.events().unwrap().into_iter().filter_map(|event| started(event.kind)).collect()
}

#[test]
fn they_have_the_same_fingerprints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/demo.yaml");
    let checked = manifest::load(&path, &[], Registry::linked().unwrap());
    let written = FlowEngine::new_with_definition(checked.definition.unwrap());

    let named_by_type = FlowEngine::new()
        .first_step(Seed { text: "hello, flow".into() })
        .add_step(Characters {})
        .add_step(Count {})
        .build()
        .unwrap();
    let named_by_hand = FlowEngine::new()
        .first_step(Seed { text: "hello, flow".into() }.named("seed").unwrap())
        .add_step(Characters {}.named("characters").unwrap().input("text", "seed"))
        .add_step(Count {}.named("count").unwrap())
        .build()
        .unwrap();

    let expected = fingerprints(&written);
    assert_eq!(expected.len(), 4);
    assert_eq!(fingerprints(&named_by_type), expected);
    assert_eq!(fingerprints(&named_by_hand), expected);
}

#[test]
fn a_flow_with_two_sources_is_one_flow_too() {
    let directory = tempfile::tempdir().unwrap();
    for file in ["ours.csv", "theirs.csv"] {
        std::fs::write(directory.path().join(file), format!("name\n{file}\n")).unwrap();
    }
    let manifest = "flow: two
steps:
  - { id: ours, uses: table.read, with: { path: ours.csv } }
  - { id: theirs, uses: table.read, source: true, with: { path: theirs.csv } }
  - { id: both, uses: table.union, inputs: { first: ours, second: theirs } }
";
    let source = Source::new("two.yaml", manifest);
    let checked = manifest::check(&source, &[], Registry::linked().unwrap(), directory.path());
    let on = || FlowEngine::on(InMemoryEventStore::new()).directory(directory.path());
    let read = |name: &str| ReadTable::new(format!("{name}.csv").as_str()).named(name).unwrap();
    let built = on()
        .first_step(read("ours"))
        .add_source(read("theirs"))
        .add_step(UniteTables::new().named("both").unwrap().input("first", "ours").input("second", "theirs"))
        .build()
        .unwrap();
    let expected = fingerprints(&on().definition(checked.definition.unwrap()));
    assert_eq!(expected.len(), 4);
    assert_eq!(fingerprints(&built), expected);
    assert!(
        on().first_step(read("ours"))
            .add_step(
                Box::new(Bound::new(StepId::new("x").unwrap(), ReadTable::new("ours.csv"))) as Box<dyn StepDefinition>
            )
            .build()
            .is_err()
    );
}

fn included(flow: &IncludedFlow, outputs: &Path) -> FlowEngine {
    let builder = FlowEngine::on(InMemoryEventStore::new());
    builder.output_directory(outputs).included(flow).unwrap()
}

#[test]
fn a_flow_that_is_part_of_the_program_is_the_flow_of_its_manifest() {
    let mut flows = vec![include_flow!("../flows/demo.yaml")];
    if cfg!(feature = "chemistry") {
        flows.push(include_flow!("../flows/oral-leads.yaml"));
    }
    for flow in flows {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(flow.path());
        let outputs = tempfile::tempdir().unwrap();
        let loaded = FlowEngine::on(InMemoryEventStore::new())
            .directory(path.parent().unwrap())
            .output_directory(outputs.path())
            .definition(manifest::load(&path, &[], Registry::linked().unwrap()).definition.unwrap());
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(fingerprints(&included(&flow, elsewhere.path())), fingerprints(&loaded), "{}", path.display());
    }
}

#[test]
fn an_included_flow_takes_parameters_and_refuses_wrong_ones_as_the_check_does() {
    let flow = include_flow!("../flows/demo.yaml");
    let engine = included(&flow.clone().set("text", "abc"), Path::new("."));
    engine.run_to_end().unwrap();
    assert_eq!(engine.last_step_output("count").unwrap().unwrap().payload_text(), r#"{"characters":3}"#);

    let refused = flow.set("txt", "abc").definition().unwrap_err();
    assert!(matches!(&refused, IncludedFlowError::Invalid(found) if found[0].rule.code == "E0306"));
    assert!(refused.to_string().starts_with("error[E0306]: the flow has no parameter `txt`\n --> --set:1:1"));
}
