//! A step that is asked to stop stops, whichever it is.

use std::sync::{Arc, Mutex};

use chem_runtime::engine::{CoreEngineError, FlowEngine, Observer};
use chem_runtime::event::{FlowEventKind, StepStarted};
use chem_runtime::flow::FlowInstance;
use chem_runtime::manifest;
use chem_runtime::step::{CancelToken, Progress, Registry, StepId};
use chem_runtime::store::InMemoryEventStore;

use crate::generated::in_repository;
use crate::steps::{copy_beginnings, specs};

/// Asks the run to stop as soon as a step of the type `at` has begun.
struct StopsAt {
    at: &'static str,
    cancel: CancelToken,
    begun: Mutex<Option<String>>,
}

impl Progress for StopsAt {
    fn step_progress(&self, _: &StepId, _: u64, _: Option<u64>) {}
}

impl Observer for StopsAt {
    fn step_starts(&self, _: &FlowInstance, started: &StepStarted, _: bool) {
        if started.uses == self.at {
            *self.begun.lock().unwrap() = Some(started.step_id.clone());
            self.cancel.cancel();
        }
    }
}

/// In the examples of all step types, the step that the example is of is asked to stop when it begins. It looks for that at
/// least once for each of its records, and so none comes to its end: the run is interrupted there, and not failed.
#[test]
fn every_step_stops_when_it_is_asked_to() {
    let flows = tempfile::tempdir().unwrap();
    copy_beginnings(&in_repository("flows/data"), &flows.path().join("data"));
    let mut wrong = Vec::new();
    for spec in specs() {
        let Some(example) = spec.help().example else { continue };
        // Those of the family `demo` work on one short text.
        if spec.name.starts_with("demo.") || cfg!(not(feature = "chemistry")) && example.contains("uses: molecules.") {
            continue;
        }
        let path = flows.path().join(format!("{}.yaml", spec.name));
        std::fs::write(&path, &example).unwrap();
        let definition = manifest::load(&path, &[], Registry::linked().unwrap()).definition.unwrap();
        let cancel = CancelToken::default();
        let observer = Arc::new(StopsAt { at: spec.name, cancel: cancel.clone(), begun: Mutex::default() });
        let engine = FlowEngine::on(InMemoryEventStore::new())
            .directory(flows.path())
            .cancel_token(cancel)
            .observer(observer.clone())
            .definition(definition);
        let result = engine.run_to_end();
        let step = observer.begun.lock().unwrap().clone().unwrap();
        let ended = engine.events().unwrap().into_iter().find(|event| match &event.kind {
            FlowEventKind::StepFinished(it) => it.step_id == step,
            FlowEventKind::StepFailed(it) => it.step_id == step,
            _ => false,
        });
        if !matches!(result, Err(CoreEngineError::Interrupted { .. })) || ended.is_some() {
            wrong.push(format!("`{}`: {:?}, {:?}", spec.name, result.err(), ended.map(|event| event.kind)));
        }
    }
    assert!(wrong.is_empty(), "steps that do not stop:\n{}", wrong.join("\n"));
}
