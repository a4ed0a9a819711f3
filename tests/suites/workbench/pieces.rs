//! Steps that are made up: what a piece puts out depends on every component of its work, and on nothing else.

use std::sync::Arc;

use chem_runtime::artifact::{Artifact, JsonArtifact};
use chem_runtime::engine::{FlowEngine, ReusePolicy};
use chem_runtime::event::FlowEvent;
use chem_runtime::fingerprint::ContentHash;
use chem_runtime::flow::{FlowDefinition, FlowInstance};
use chem_runtime::step::{
    ExecutionContext, Files, OutputSpec, PlannedStep, PortSpec, StepDefinition, StepError, StepId, StepKind,
    StepOutput, StepPolicy, StepRunResult, StepTypeRef,
};
use chem_runtime::store::EventStore;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What pieces hand on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word(pub String);

impl JsonArtifact for Word {
    const KIND: &'static str = "word";
}

/// A step that is made up.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    pub id: String,
    pub uses: String,
    pub version: u32,
    pub number: u32,
    /// What stands in the file that it reads.
    pub file: u32,
    /// The places of the steps that feed it, one for each port; none for a source, such as the first step.
    pub from: Vec<usize>,
    /// Whether it puts out the same whatever its parameters are.
    pub dull: bool,
    pub reusable: bool,
}

impl Piece {
    pub fn new(index: usize, from: Vec<usize>) -> Self {
        let uses = "made.up".to_owned();
        Self { id: format!("s{index}"), uses, version: 1, number: 1, file: 1, from, dull: false, reusable: true }
    }
}

const PORTS: [PortSpec; 2] = [
    PortSpec { name: "a", kind: "word", optional: false, rows: false },
    PortSpec { name: "b", kind: "word", optional: true, rows: false },
];

struct Made {
    id: StepId,
    piece: Piece,
}

impl StepDefinition for Made {
    fn id(&self) -> &StepId {
        &self.id
    }

    fn kind(&self) -> StepKind {
        if self.piece.from.is_empty() { StepKind::Source } else { StepKind::Transform }
    }

    fn step_type(&self) -> StepTypeRef<'_> {
        StepTypeRef { name: &self.piece.uses, version: self.piece.version }
    }

    fn inputs(&self) -> &[PortSpec] {
        if self.piece.from.is_empty() { &[] } else { &PORTS }
    }

    fn outputs(&self) -> &[OutputSpec] {
        &[OutputSpec { kind: "word", ..OutputSpec::ANY }]
    }

    fn params(&self) -> Result<Map<String, Value>, StepError> {
        let Value::Object(params) = json!({ "number": self.piece.number, "dull": self.piece.dull }) else {
            return Err(StepError::new("not an object"));
        };
        Ok(params)
    }

    fn identity(&self, _: &Files) -> Result<Map<String, Value>, StepError> {
        let mut params = self.params()?;
        params.insert("library".into(), json!({ "sha256": ContentHash::of(&self.piece.file.to_be_bytes()) }));
        Ok(params)
    }

    fn is_reusable(&self) -> bool {
        self.piece.reusable
    }

    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
        let word = |port| context.optional_input::<Word>(port).unwrap().map(|word| word.0.clone());
        let Piece { uses, version, number, file, dull, .. } = &self.piece;
        let own = if *dull { json!(uses) } else { json!([uses, version, number, file]) };
        // A word for all of it, of a length that does not grow along a flow.
        let word = Artifact::new("word", &json!([own, word("a"), word("b")])).unwrap().hash().to_string();
        StepRunResult::success([StepOutput::of("main", Word(word)).unwrap()])
    }
}

/// The flow of these pieces.
pub fn definition(pieces: &[Piece]) -> FlowDefinition {
    let planned = pieces.iter().map(|piece| {
        let wire = |(port, from): (&PortSpec, &usize)| (port.name.to_owned(), pieces[*from].id.clone());
        let inputs = PORTS.iter().zip(&piece.from).map(wire).collect();
        let made = Made { id: StepId::new(piece.id.clone()).unwrap(), piece: piece.clone() };
        let source = piece.from.is_empty();
        PlannedStep { step: Box::new(made), inputs, source, policy: StepPolicy::default() }
    });
    FlowDefinition::new(planned).unwrap().with_name("pieces")
}

/// Pieces in a row.
pub fn row(length: usize) -> Vec<Piece> {
    (0..length).map(|index| Piece::new(index, index.checked_sub(1).into_iter().collect())).collect()
}

/// Runs the pieces and gives the run with its events.
pub fn run(store: &Arc<dyn EventStore>, pieces: &[Piece], policy: ReusePolicy) -> (FlowInstance, Vec<FlowEvent>) {
    let engine = FlowEngine::on(store.clone()).reuse(policy).definition(definition(pieces));
    let instance = engine.run_to_end().unwrap();
    let events = engine.events().unwrap();
    (instance, events)
}
