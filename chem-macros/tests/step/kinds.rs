//! Sources, transforms and sinks, run in a flow: their inputs, outputs, errors and context.

use chem_runtime::engine::FlowEngine;
use chem_runtime::event::FlowEventKind;
use chem_runtime::flow::FlowDefinition;
use chem_runtime::prelude::*;
use chem_runtime::step::{Registry, SinkRole, SourceRole, StepKind, StepSpec, TransformRole};
use serde_json::json;

/// Gives a column of numbers.
#[step("kinds.numbers", version = 1)]
fn numbers(
    /// How many.
    #[param(default = 3)]
    count: u32,
) -> Result<Table, StepError> {
    let values = 0..i64::from(count);
    Ok(Table::new([(Column::new("n", ColumnType::Integer), Values::integers(values))])?)
}

/// Keeps even numbers.
#[step("kinds.even", version = 1, kind = Transform)]
fn even(mut numbers: Input<Table>) -> Result<WithRejects<Table>, StepError> {
    let rows: Vec<usize> = (0..numbers.rows()).collect();
    let (even, odd): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row % 2 == 0);
    let rejects = numbers.gather(&odd);
    numbers = std::sync::Arc::new(numbers.gather(&even)).into();
    Ok(WithRejects { kept: Table::clone(&numbers), rejects })
}

/// Signals how many rows come from each side.
#[step("kinds.compare", version = 1, kind = Sink)]
fn compare(
    context: &ExecutionContext<'_>,
    left: Input<Table>,
    right: Option<Input<Table>>,
    /// What to call the signal.
    #[param(default = "rows")]
    name: String,
) -> Result<(), StepError> {
    context.signal(&name, &json!([left.rows(), right.map(|right| right.rows())]))
}

/// Counts, not quite the same every time.
#[step("kinds.roughly", version = 1, kind = Sink, approximate, effects, cache = false)]
fn roughly(table: Input<Table>, context: &ExecutionContext<'_>) -> Result<(), StepError> {
    context.signal("rows", &table.rows())
}

type IoResult<T> = std::io::Result<T>;

mod alias {
    pub(super) use super::IoResult as Result;
}

/// Fails with an error of the standard library, in a result that an alias names.
#[step("kinds.fails", version = 1)]
fn fails() -> alias::Result<Table> {
    Err(std::io::Error::other("no disk"))
}

#[test]
fn the_arguments_make_the_kind() {
    fn is<R, S: Step<Role = R>>(kind: StepKind) {
        assert_eq!(S::SPEC.kind, kind);
    }
    is::<SourceRole, Numbers>(StepKind::Source);
    is::<TransformRole, Even>(StepKind::Transform);
    is::<SinkRole, Compare>(StepKind::Sink);
}

#[test]
fn what_may_be_done_with_results_is_said_in_the_attribute() {
    let said = |spec: StepSpec| (spec.cache, spec.effects, spec.approximate);
    assert_eq!(said(Even::SPEC), (true, false, false));
    assert_eq!(said(Roughly::SPEC), (false, true, true));
}

#[test]
fn ports_and_outputs_are_those_of_the_signature() {
    let inputs: Vec<_> = Compare::SPEC.inputs.iter().map(|port| (port.name, port.kind, port.optional)).collect();
    assert_eq!(inputs, [("left", "table", false), ("right", "table", true)]);
    let outputs: Vec<_> = Even::SPEC.outputs.iter().map(|output| (output.name, output.kind)).collect();
    assert_eq!(outputs, [("main", "table"), ("rejects", "table")]);
    assert!(Compare::SPEC.outputs.is_empty());
}

fn payloads(engine: &FlowEngine) -> Result<String, StepError> {
    engine.events()?.iter().map(|event| Ok(event.kind.payload_text()?)).collect()
}

#[test]
fn a_flow_of_them_runs() {
    let compare = Compare { name: "sizes".into() };
    let engine = FlowEngine::new()
        .first_step(Numbers { count: 5 })
        .add_step(Even {})
        .add_step(compare.named("both").unwrap().input("left", "even").input("right", "even.rejects"))
        .add_step(Compare::default().named("one").unwrap().input("left", "numbers"))
        .build()
        .unwrap();
    engine.run_to_end().unwrap();
    let log = payloads(&engine).unwrap();
    assert!(log.contains("[3,2]"), "{log}");
    assert!(log.contains("[5,null]"), "{log}");
}

#[test]
fn any_error_becomes_the_steps() {
    let engine = FlowEngine::new().first_step(Fails {}).build().unwrap();
    let _ = engine.run_to_end();
    let log = payloads(&engine).unwrap();
    assert!(log.contains("no disk"), "{log}");
}

#[test]
fn each_is_registered_under_its_name() {
    let registry = Registry::linked().unwrap();
    for name in ["kinds.numbers", "kinds.even", "kinds.compare", "kinds.fails", "params.all", "hygiene.names"] {
        assert_eq!(registry.get(name).map(|one| one.spec().name), Some(name));
    }
}

#[test]
fn a_run_of_another_program_is_told_which_crates_have_steps_here() {
    let engine = FlowEngine::new().first_step(Numbers::new()).build().unwrap();
    engine.run_to_end().unwrap();
    let FlowEventKind::FlowInitialized(mut begun) = engine.events().unwrap().remove(0).kind else { unreachable!() };
    begun.definition.steps[0].uses = "other.numbers".to_owned();
    let registry = Registry::linked().unwrap();
    assert_eq!(registry.crates().into_iter().collect::<Vec<_>>(), ["chem-macros", "chem-runtime"]);
    let refused = FlowDefinition::from_recorded("f", &begun.definition, registry).err().unwrap().to_string();
    assert_eq!(
        refused,
        "step `numbers` uses `other.numbers`, which this program does not have; use a program that links it (the step types \
         here are those of the crates `chem-macros` and `chem-runtime`; a program links another crate by naming it: \
         `use my_steps as _;`)"
    );
}

#[test]
fn every_default_is_a_value_that_its_parameter_may_have() {
    for registration in Registry::linked().unwrap().iter() {
        let spec = registration.spec();
        for param in spec.params {
            let Some(default) = param.default else { continue };
            let params = [(param.name.to_owned(), default.make())].into_iter().collect();
            let id = chem_runtime::step::StepId::new("it").unwrap();
            let problems = registration.bind(id, &params).err().unwrap_or_default();
            let about = problems.iter().find(|problem| problem.to_string().contains(&format!("`{}`", param.name)));
            assert!(about.is_none(), "{}: {}", spec.name, about.unwrap());
        }
    }
}
