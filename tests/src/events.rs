//! Events of every kind, made up for the stores, which do not ask what they mean.

use chem_runtime::artifact::Artifact;
use chem_runtime::event::{
    Environment, FlowCompleted, FlowEventKind, FlowInitialized, OutputRef, RecordedDefinition, RecordedStep,
    StepFailed, StepFinished, StepKind, StepSignal, StepStarted,
};
use chem_runtime::fingerprint::{ArtifactHash, Fingerprint};
use chem_runtime::flow::definition_hash;
use chem_runtime::store::NewEvent;
use serde_json::{Map, Value, json};

/// A hash whose text ends in `number`.
pub fn hash<H: std::str::FromStr<Err: std::fmt::Debug>>(number: u32) -> H {
    format!("{number:064x}").parse().unwrap()
}

/// Something to be stored, with any data.
pub fn signal(data: impl Into<Value>) -> FlowEventKind {
    FlowEventKind::StepSignal(StepSignal {
        step_id: "read".into(),
        step_index: 0,
        signal: "note".into(),
        data: data.into(),
    })
}

/// A note that says `number`.
pub fn numbered(number: u64) -> NewEvent {
    signal(number).into()
}

/// An artifact that says `number`.
pub fn artifact(number: u64) -> Artifact {
    Artifact::new("note", &json!({ "number": number })).unwrap()
}

/// The end of a step, with what it put out.
pub fn finished(artifacts: impl IntoIterator<Item = Artifact>) -> NewEvent {
    let artifacts: Vec<Artifact> = artifacts.into_iter().collect();
    let output = |(index, artifact): (usize, &Artifact)| OutputRef {
        name: format!("output_{index}"),
        kind: artifact.kind().to_owned(),
        hash: artifact.hash(),
    };
    let outputs = artifacts.iter().enumerate().map(output).collect();
    let fingerprint = hash(7);
    let kind =
        FlowEventKind::StepFinished(StepFinished { step_id: "read".into(), step_index: 0, fingerprint, outputs });
    NewEvent { kind, artifacts }
}

/// One event of each kind, with every field filled.
pub fn one_of_each() -> Vec<FlowEventKind> {
    let params: Map<String, Value> =
        [("limit".to_owned(), json!(0.1 + 0.2)), ("naïve \u{10000}".to_owned(), json!([null, u64::MAX, "\u{1}"]))]
            .into_iter()
            .collect();
    let fingerprint: Fingerprint = hash(1);
    vec![
        FlowEventKind::FlowInitialized(FlowInitialized {
            flow: "oral-leads".into(),
            definition_hash: definition_hash(["read", "keep"]),
            step_count: 2,
            definition: RecordedDefinition {
                description: Some("Line one.\nLine \"two\".".into()),
                params: params.clone(),
                steps: vec![
                    recorded("read", StepKind::Source, &params),
                    RecordedStep {
                        inputs: [("table".to_owned(), "read".to_owned())].into(),
                        ..recorded("keep", StepKind::Sink, &Map::new())
                    },
                ],
            },
            environment: Environment {
                release: "0.1.0".into(),
                libraries: [("demo".to_owned(), "1.2".to_owned())].into(),
                platform: "x86_64-linux".into(),
                directory: Some("/a b/ü".into()),
                manifest: Some("oral-leads.yaml".into()),
            },
        }),
        FlowEventKind::StepStarted(StepStarted {
            step_id: "keep".into(),
            step_index: 1,
            uses: "molecules.filter".into(),
            version: 3,
            inputs: [("table".to_owned(), hash::<ArtifactHash>(2)), ("by".to_owned(), hash(3))].into(),
            params,
            fingerprint,
        }),
        FlowEventKind::StepFinished(StepFinished {
            step_id: "keep".into(),
            step_index: 1,
            fingerprint,
            outputs: vec![OutputRef { name: "main".into(), kind: "molecules".into(), hash: hash(4) }],
        }),
        FlowEventKind::StepFailed(StepFailed {
            step_id: "keep".into(),
            step_index: 1,
            fingerprint: Some(fingerprint),
            error: "line 3: `C1CC` does not close".into(),
            causes: vec!["ring 1 is open".into(), String::new()],
        }),
        signal(json!({"deep": [[{"er": -0.5}]], "empty": {}, "none": null})),
        FlowEventKind::FlowCompleted(FlowCompleted { flow_fingerprint: fingerprint }),
    ]
}

fn recorded(id: &str, kind: StepKind, params: &Map<String, Value>) -> RecordedStep {
    RecordedStep {
        id: id.into(),
        uses: format!("molecules.{id}"),
        version: 1,
        kind,
        inputs: Default::default(),
        params: params.clone(),
    }
}
