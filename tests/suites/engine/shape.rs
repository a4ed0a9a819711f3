//! What a run costs, and what it looks like from outside.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chem_runtime::engine::FlowEngine;
use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::flow::{FlowDefinition, FlowDefinitionError, build_flow_definition_auto};
use chem_runtime::step::{PlannedStep, StepDefinition, StepId, StepKind};

use crate::counting::{Counting, Does, Watched, flow};

#[test]
fn n_steps_cost_n_plus_one_commits_and_no_reading_of_the_log() {
    for steps in [1, 10, 300] {
        let (definition, _) = flow(&vec![Does::Add; steps]);
        let store = Arc::new(Watched::new(None));
        let engine = FlowEngine::on(store.clone()).definition(definition);
        engine.run_to_end().unwrap();
        assert_eq!(store.appends.load(Ordering::SeqCst), steps + 1);
        assert_eq!(store.lists.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn next_runs_one_step_and_reads_the_log_of_a_run_that_was_named_elsewhere_once() {
    let (definition, _) = flow(&[Does::Add; 3]);
    let store = Arc::new(Watched::new(None));
    let mut engine = FlowEngine::on(store.clone()).definition(definition);
    engine.set_default_flow(FlowId::new());
    for expected in ["ISGF", "ISGFSGF", "ISGFSGFSGFC"] {
        engine.next().unwrap();
        let letters: String =
            store.inner_events(engine.default_flow()).iter().map(|event| event.kind.letter()).collect();
        assert_eq!(letters, expected);
    }
    assert_eq!(store.lists.load(Ordering::SeqCst), 1);
}

#[test]
fn stepping_and_running_write_the_same_log() {
    let stepped = FlowEngine::new_with_definition(flow(&[Does::Add; 3]).0);
    for _ in 0..3 {
        stepped.next().unwrap();
    }
    let ran = FlowEngine::new_with_definition(flow(&[Does::Add; 3]).0);
    ran.run_to_end().unwrap();
    let kinds = |engine: &FlowEngine| -> Vec<FlowEventKind> {
        engine.events().unwrap().into_iter().map(|event| event.kind).collect()
    };
    assert_eq!(kinds(&stepped), kinds(&ran));
}

#[test]
fn the_last_output_of_a_step_is_at_hand() {
    let engine = FlowEngine::new_with_definition(flow(&[Does::Add; 3]).0);
    assert!(engine.last_step_output("s1").unwrap().is_none());
    engine.run_to_end().unwrap();
    assert_eq!(engine.last_step_output("s1").unwrap().unwrap().payload_text(), "2");
    assert!(engine.last_step_output("nobody").unwrap().is_none());
}

#[test]
fn a_flow_begins_with_a_source_and_has_no_other_that_is_not_marked() {
    let step = |id: &str, kind| -> Box<dyn StepDefinition> {
        Box::new(Counting::new(StepId::new(id).unwrap(), kind, Does::Add))
    };
    let built = build_flow_definition_auto([step("a", StepKind::Transform)]);
    assert!(matches!(built, Err(FlowDefinitionError::FirstStepNotSource { .. })));
    let built = build_flow_definition_auto([step("a", StepKind::Source), step("b", StepKind::Source)]);
    assert!(matches!(built, Err(FlowDefinitionError::SourceAfterFirst { .. })));
    let source = |step: Box<dyn StepDefinition>| PlannedStep { source: true, ..step.into() };
    let marked = |kind| [step("a", StepKind::Source).into(), source(step("b", kind))];
    assert!(FlowDefinition::new(marked(StepKind::Source)).is_ok());
    let built = FlowDefinition::new(marked(StepKind::Sink));
    assert!(matches!(built, Err(FlowDefinitionError::NotSource { kind: StepKind::Sink, .. })));
    let built = build_flow_definition_auto([step("a", StepKind::Source), step("a", StepKind::Sink)]);
    assert!(matches!(built, Err(FlowDefinitionError::DuplicateId(_))));
    let sink = [step("a", StepKind::Source), step("b", StepKind::Sink), step("c", StepKind::Transform)];
    assert!(matches!(build_flow_definition_auto(sink), Err(FlowDefinitionError::WiredToSink { .. })));
    assert!(matches!(build_flow_definition_auto([]), Err(FlowDefinitionError::NoSteps)));
}
