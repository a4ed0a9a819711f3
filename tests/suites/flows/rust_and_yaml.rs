//! A flow built in Rust and the same flow as a manifest are one flow.

use std::path::Path;

use chem_runtime::engine::FlowEngine;
use chem_runtime::event::FlowEventKind;
use chem_runtime::manifest;
use chem_runtime::step::{Registry, StepExt as _};
use chem_runtime::steps::demo::{Characters, Count, Seed};

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
