//! Repeats runs from the manifest that their log gives.

use std::path::Path;
use std::sync::Arc;

use chem_runtime::engine::{CoreEngineError, FlowEngine};
use chem_runtime::event::{Environment, FlowEvent, FlowEventKind, FlowInitialized};
use chem_runtime::flow::FlowDefinition;
use chem_runtime::manifest::{Source, Style, check, manifest_of_run, render, to_yaml};
use chem_runtime::step::Registry;
use chem_runtime::store::{EventStore, InMemoryEventStore};

/// Returns the manifest of a run with these events, as YAML.
#[track_caller]
pub fn manifest_of(events: &[FlowEvent]) -> String {
    let Some(FlowEventKind::FlowInitialized(initialized)) = events.first().map(|event| &event.kind) else {
        panic!("a run begins with its definition: {events:?}");
    };
    to_yaml(&manifest_of_run(initialized).unwrap()).unwrap()
}

/// Returns the manifest of a run of `definition`, as YAML, without running it.
#[track_caller]
pub fn manifest_of_definition(definition: &FlowDefinition) -> String {
    let initialized = FlowInitialized {
        child_of: None,
        definition: definition.recorded().unwrap(),
        definition_hash: definition.hash(),
        environment: Environment::default(),
        flow: definition.name().unwrap().to_owned(),
        step_count: definition.steps().len(),
    };
    to_yaml(&manifest_of_run(&initialized).unwrap()).unwrap()
}

/// Returns the flow of a manifest whose relative paths resolve against `directory`. Panics if it has an error or a
/// warning.
#[track_caller]
pub fn definition_of(yaml: &str, directory: &Path, registry: &Registry) -> FlowDefinition {
    let checked = check(&Source::new("repeated.yaml", yaml), &[], registry, directory);
    assert_eq!(render(&checked.diagnostics, Style::Plain), "", "{yaml}");
    checked.definition.unwrap()
}

/// Runs a flow in an empty store to its end or to a step that waits, and returns the events. Discards the files it writes.
#[track_caller]
pub fn run(definition: FlowDefinition, directory: &Path) -> Vec<FlowEvent> {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let outputs = tempfile::tempdir().unwrap();
    let engine = FlowEngine::on(store).directory(directory).output_directory(outputs.path()).definition(definition);
    match engine.run_to_end() {
        Ok(_) | Err(CoreEngineError::Waiting { .. }) => engine.events().unwrap(),
        Err(error) => panic!("{error}"),
    }
}

/// Returns the hashes of a run: of its definition, of each step that starts, finishes or waits, and of the flow.
pub fn fingerprints(events: &[FlowEvent]) -> Vec<String> {
    let hash = |event: &FlowEvent| match &event.kind {
        FlowEventKind::FlowInitialized(it) => Some(format!("definition {}", it.definition_hash)),
        FlowEventKind::UserInteractionRequested(it) => Some(format!("{} {} asks", it.step_id, it.shown)),
        FlowEventKind::StepStarted(it) => Some(format!("{} {}", it.step_id, it.fingerprint)),
        FlowEventKind::StepFinished(it) => Some(format!("{} {} {:?}", it.step_id, it.fingerprint, it.outputs)),
        FlowEventKind::FlowCompleted(it) => Some(format!("flow {}", it.flow_fingerprint)),
        _ => None,
    };
    events.iter().filter_map(hash).collect()
}
