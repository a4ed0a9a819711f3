//! A step that takes the history receives the steps that its input came from, and no others.

use std::sync::{Arc, Mutex};

use chem_runtime::artifact::Artifact;
use chem_runtime::engine::FlowEngine;
use chem_runtime::event::{FlowEventKind, FlowId, StepKind};
use chem_runtime::flow::FlowDefinition;
use chem_runtime::step::{
    ExecutionContext, History, PlannedStep, PortSpec, StepDefinition, StepId, StepOutput, StepPolicy, StepRunResult,
};
use chem_runtime::store::{EventStore, InMemoryEventStore};

use crate::counting::{PowerLoss, Watched};

/// A step that outputs its id, and keeps the history it received.
struct Told {
    id: StepId,
    kind: StepKind,
    ports: Vec<PortSpec>,
    heard: Arc<Mutex<Vec<History>>>,
}

impl StepDefinition for Told {
    fn id(&self) -> &StepId {
        &self.id
    }

    fn kind(&self) -> StepKind {
        self.kind
    }

    fn inputs(&self) -> &[PortSpec] {
        &self.ports
    }

    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
        match context.optional_input::<History>("history") {
            Ok(Some(history)) => self.heard.lock().unwrap().push(History::clone(&history)),
            Ok(None) => {}
            Err(error) => return StepRunResult::failure(error),
        }
        let output = Artifact::new("text", &self.id.as_str().into()).unwrap();
        StepRunResult::success([StepOutput::main(output.into())])
    }
}

/// Returns a flow of `a`, then `b` and `c`, which both take `a`, then `d`, which takes `c` and the history.
fn flow() -> (FlowDefinition, Arc<Mutex<Vec<History>>>) {
    flow_and(&[])
}

/// Returns the same flow with more steps after it, which take `a`.
fn flow_and(more: &[&str]) -> (FlowDefinition, Arc<Mutex<Vec<History>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let history = PortSpec { name: "history", kind: "history", optional: true, rows: false };
    let step = |id: &str, kind, ports: &[PortSpec], from: Option<&str>| PlannedStep {
        step: Box::new(Told { id: StepId::new(id).unwrap(), kind, ports: ports.to_vec(), heard: heard.clone() }),
        inputs: from.map(|from| ("input".to_owned(), from.to_owned())).into_iter().collect(),
        source: false,
        policy: StepPolicy::default(),
    };
    let steps = [
        step("a", StepKind::Source, &[], None),
        step("b", StepKind::Transform, &[PortSpec::ANY], Some("a")),
        step("c", StepKind::Transform, &[PortSpec::ANY], Some("a")),
        step("d", StepKind::Sink, &[PortSpec::ANY, history], Some("c")),
    ];
    let more = more.iter().map(|id| step(id, StepKind::Transform, &[PortSpec::ANY], Some("a")));
    (FlowDefinition::new(steps.into_iter().chain(more)).unwrap(), heard)
}

#[test]
fn the_history_is_that_of_the_input_and_an_artifact_of_the_run() {
    let (definition, heard) = flow();
    let engine = FlowEngine::new_with_definition(definition);
    engine.run_to_end().unwrap();
    let history = heard.lock().unwrap().pop().unwrap();
    let ids: Vec<&str> = history.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["a", "c"]);
    assert_eq!(history.steps[1].inputs["input"].step, "a");
    let state = engine.default_run().instance().unwrap();
    for step in &history.steps {
        let state = state.step(&step.id).unwrap();
        assert_eq!((Some(step.fingerprint), &step.outputs), (state.fingerprint(), &state.outputs));
    }
    let hash = state.step("d").unwrap().started.as_ref().unwrap().inputs["history"];
    let stored = engine.event_store().read_artifact(hash).unwrap().unwrap();
    assert_eq!(stored.payload().unwrap(), serde_json::to_value(&history).unwrap());
}

#[test]
fn a_resumed_run_is_told_the_same() {
    let (definition, heard) = flow();
    let undisturbed = FlowEngine::new_with_definition(definition);
    undisturbed.run_to_end().unwrap();
    let expected = heard.lock().unwrap().pop().unwrap();
    let kinds = |engine: &FlowEngine, flow_id| -> Vec<FlowEventKind> {
        engine.events_for(flow_id).unwrap().into_iter().map(|event| event.kind).collect()
    };
    let log = kinds(&undisturbed, undisturbed.default_flow());
    for append in 0..4 {
        for loss in [PowerLoss::Before(append), PowerLoss::After(append)] {
            let (definition, heard) = flow();
            let store = Arc::new(Watched::new(Some(loss)));
            let engine = FlowEngine::on(store.clone()).definition(definition.clone());
            let flow_id = engine.default_flow();
            engine.run_to_end().unwrap_err();
            store.light();
            let resumed = FlowEngine::on(store).definition(definition);
            resumed.run(flow_id).unwrap();
            assert!(heard.lock().unwrap().iter().all(|history| *history == expected), "{loss:?}");
            assert_eq!(kinds(&resumed, flow_id), log, "{loss:?}");
        }
    }
}

#[test]
fn a_branch_with_other_steps_begins_at_the_step_that_takes_the_history() {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let engine = |more: &[&str]| FlowEngine::on(store.clone()).definition(flow_and(more).0);
    let (short, long) = (engine(&["e"]), engine(&["e", "f"]));
    let parent = short.default_flow();
    short.run(parent).unwrap();
    long.run_to_end().unwrap();
    let (same, longer) = (FlowId::new(), FlowId::new());
    short.handle(same).branch_from(parent, "e", Default::default()).unwrap();
    assert_eq!(short.event_variants_for(same).unwrap(), "IBSHSHSHSHSFC");
    let instance = long.handle(longer).branch_from(parent, "e", Default::default()).unwrap();
    assert_eq!(instance.branch().unwrap().step_id, "d");
    assert_eq!(long.event_variants_for(longer).unwrap(), "IBSHSHSHSFSFSFC");
    assert_eq!(instance.flow_fingerprint(), long.flow_fingerprint().unwrap());
}
