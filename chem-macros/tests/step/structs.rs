//! Steps that are structs under `#[derive(Step)]`. That such a step is what a function under `#[step]` would be is the suite
//! `twins`' to show, in which two steps have one name.

use chem_runtime::engine::{CoreEngineError, FlowEngine};
use chem_runtime::prelude::*;
use chem_runtime::step::{
    PortSpec, Registry, SinkRole, SourceRole, StepDefinition, StepId, StepKind, StepOutput, StepRunResult,
    TransformRole,
};
use chem_runtime::steps::demo::{CharacterCount, CharacterList, Text};
use serde_json::json;

/// Gives a text.
#[derive(Step)]
#[step("structs.seed", version = 1, source)]
struct SeedStep {
    /// The text to give.
    text: String,
}

impl RunStep for SeedStep {
    type Inputs = ();
    type Output = Text;

    fn run(&self, (): (), _: &ExecutionContext<'_>) -> Result<Text, StepError> {
        Ok(Text(self.text.clone()))
    }
}

/// Splits a text into its characters.
#[derive(Step)]
#[step("structs.split", version = 1)]
struct SplitStep;

impl RunStep for SplitStep {
    type Inputs = Input<Text>;
    type Output = CharacterList;

    fn run(&self, text: Input<Text>, _: &ExecutionContext<'_>) -> Result<CharacterList, StepError> {
        Ok(CharacterList(text.0.chars().collect()))
    }
}

/// Prints characters and counts them.
#[derive(Step)]
#[step("structs.print_and_count", version = 1, sink)]
struct PrintAndCountStep {}

impl RunStep for PrintAndCountStep {
    type Inputs = Input<CharacterList>;
    type Output = CharacterCount;

    fn run(
        &self,
        characters: Input<CharacterList>,
        context: &ExecutionContext<'_>,
    ) -> Result<CharacterCount, StepError> {
        context.signal("printed", &characters.0.iter().collect::<String>())?;
        Ok(CharacterCount { characters: characters.0.len() })
    }
}

/// A text, by hand.
struct Greeting(StepId);

impl StepDefinition for Greeting {
    fn id(&self) -> &StepId {
        &self.0
    }

    fn kind(&self) -> StepKind {
        StepKind::Source
    }

    fn run(&self, _: &ExecutionContext<'_>) -> StepRunResult {
        match Artifact::new("text", &"Hola".into()) {
            Ok(artifact) => StepRunResult::success([StepOutput::main(artifact.into())]),
            Err(error) => StepRunResult::failure(error.into()),
        }
    }
}

#[test]
fn a_flow_is_built_of_structs() {
    let engine = FlowEngine::new()
        .first_step(SeedStep::new("Hola"))
        .add_step(SplitStep::new())
        .add_step(PrintAndCountStep::new())
        .build()
        .unwrap();
    engine.run_to_end().unwrap();
    assert_eq!(engine.event_variants().unwrap(), "ISFSFSGFC");
    assert_eq!(
        engine.last_step_output("print_and_count").unwrap().unwrap().payload().unwrap(),
        json!({"characters": 4})
    );
}

#[test]
fn a_step_written_by_hand_stands_among_them() {
    let greeting = Greeting(StepId::new("greeting").unwrap());
    let engine = FlowEngine::new().first_step(greeting).add_step(SplitStep).build().unwrap();
    engine.run_to_end().unwrap();
    assert_eq!(engine.last_step_output("split").unwrap().unwrap().payload().unwrap(), json!(["H", "o", "l", "a"]));

    // What kind it is shows when the flow is built.
    let late = Greeting(StepId::new("late").unwrap());
    let refused = FlowEngine::new().first_step(SeedStep::new("x")).add_step(late).build();
    assert!(matches!(refused, Err(CoreEngineError::Definition(_))));
}

#[test]
fn the_attribute_makes_the_kind() {
    fn is<R, S: Step<Role = R>>(kind: StepKind) {
        assert_eq!(S::SPEC.kind, kind);
    }
    is::<SourceRole, SeedStep>(StepKind::Source);
    is::<SourceRole, Plain>(StepKind::Source);
    is::<TransformRole, SplitStep>(StepKind::Transform);
    is::<SinkRole, PrintAndCountStep>(StepKind::Sink);
}

/// Its maker is its own.
#[derive(Step)]
#[step("structs.plain", version = 1, kind = Source, new = false)]
struct Plain {
    /// A number.
    #[param(default = 7)]
    number: i64,
}

impl Plain {
    fn new() -> Self {
        Self { number: 8 }
    }
}

impl RunStep for Plain {
    type Inputs = ();
    type Output = Table;

    fn run(&self, (): (), _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        let column = Column::new("number", ColumnType::Integer);
        Ok(Table::new([(column, Values::integers([self.number]))])?)
    }
}

#[test]
fn new_can_be_the_authors() {
    assert_eq!((Plain::new().number, Plain::default().number), (8, 7));
}

#[test]
fn one_input_is_called_input_and_the_fields_of_a_struct_name_several() {
    assert_eq!(SplitStep::SPEC.inputs, [PortSpec { name: "input", kind: "text", optional: false, rows: false }]);
    let ports: Vec<_> = Join::SPEC.inputs.iter().map(|port| (port.name, port.kind, port.optional)).collect();
    assert_eq!(ports, [("left", "table", false), ("type", "text", true)]);
}

/// Joins a table with what may be there.
#[derive(Step)]
#[step("structs.join", version = 1)]
struct Join {
    /// The column that it is about.
    #[param(columns_of = ["left", "type"])]
    on: Option<ColumnName>,
}

#[derive(StepInputs)]
struct Joined {
    left: Input<Table>,
    r#type: Option<Input<Text>>,
}

impl RunStep for Join {
    type Inputs = Joined;
    type Output = WithRejects<Table>;

    fn run(&self, inputs: Joined, _: &ExecutionContext<'_>) -> Result<WithRejects<Table>, StepError> {
        drop((&self.on, inputs.r#type));
        Ok(WithRejects { kept: Table::clone(&inputs.left), rejects: Table::default() })
    }
}

#[test]
fn what_may_be_left_out_is_set_by_name() {
    assert_eq!(Join::new().with_on("name").to_params(), *json!({"on": "name"}).as_object().unwrap());
    assert!(Join::new().to_params().is_empty());
}

#[test]
fn each_is_registered_under_its_name() {
    for name in ["structs.seed", "structs.split", "structs.print_and_count", "structs.plain", "structs.join"] {
        let registration = Registry::linked().unwrap().get(name).unwrap();
        assert_eq!(registration.spec().name, name);
        assert!(registration.spec().defined_in.1.ends_with("structs.rs"));
    }
    assert_eq!(SeedStep::SPEC.help().text, "Gives a text.");
}
