//! Sample events of every kind for tests of stores, which do not interpret them.

use chem_runtime::artifact::{Artifact, ChunkRef};
use chem_runtime::event::{
    BranchCreated, ChildOf, Environment, EventAddress, FinishedRows, FlowCompleted, FlowEventKind, FlowId,
    FlowInitialized, Gate, Operator, OutputRef, Person, RecordedDefinition, RecordedStep, Resources, RetryOn,
    RetryPolicy, RetryScheduled, SignedText, StepFailed, StepFinished, StepKind, StepProgressed, StepReused,
    StepSignal, StepStarted, TakenOver, Usage, UserInteractionProvided, UserInteractionRequested,
};
use chem_runtime::fingerprint::{ArtifactHash, CacheKey, Fingerprint, WorkKey};
use chem_runtime::flow::{StepIdentity, definition_hash, flow_fingerprint};
use chem_runtime::store::NewEvent;
use serde_json::{Map, Value, json};

/// Returns a hash whose text ends in `number`.
pub fn hash<H: std::str::FromStr<Err: std::fmt::Debug>>(number: u32) -> H {
    format!("{number:064x}").parse().unwrap()
}

/// Returns a signal with any data.
pub fn signal(data: impl Into<Value>) -> FlowEventKind {
    FlowEventKind::StepSignal(StepSignal {
        step_id: "read".into(),
        step_index: 0,
        signal: "note".into(),
        data: data.into(),
    })
}

/// Returns a signal with `number` as its data.
pub fn numbered(number: u64) -> NewEvent {
    signal(number).into()
}

/// Returns an artifact that contains `number`.
pub fn artifact(number: u64) -> Artifact {
    Artifact::new("note", &json!({ "number": number })).unwrap()
}

/// Returns an artifact that contains `number`, and that databases compress.
pub fn long_artifact(number: u64) -> Artifact {
    let rows: Vec<_> = (0..500).map(|row| json!([format!("CC(=O)N{row}"), number])).collect();
    Artifact::new("rows", &rows.into()).unwrap()
}

/// Returns an artifact of this length that takes a database nearly as many bytes.
pub fn random_artifact(seed: u64, length: usize) -> Artifact {
    let mut state = seed;
    // SplitMix64.
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        char::from(b'#' + ((mixed >> 33) % 90).to_le_bytes()[0])
    };
    let text: String = (0..length).map(|_| next()).collect();
    Artifact::new("text", &json!([seed, text])).unwrap()
}

/// Returns the event that a step finished with these outputs.
pub fn finished(artifacts: impl IntoIterator<Item = Artifact>) -> NewEvent {
    let artifacts: Vec<Artifact> = artifacts.into_iter().collect();
    let output = |(index, artifact): (usize, &Artifact)| OutputRef {
        name: format!("output_{index}"),
        kind: artifact.kind().to_owned(),
        hash: artifact.hash(),
    };
    let outputs = artifacts.iter().enumerate().map(output).collect();
    let fingerprint = hash(7);
    let kind = FlowEventKind::StepFinished(StepFinished {
        step_id: "read".into(),
        step_index: 0,
        fingerprint,
        outputs,
        cache_key: None,
        code: None,
        usage: None,
        rows: None,
    });
    NewEvent { kind, artifacts }
}

/// Returns the event that a step with the cache key `key` finished with these outputs.
pub fn finished_work(key: CacheKey, artifacts: impl IntoIterator<Item = Artifact>) -> NewEvent {
    let mut event = finished(artifacts);
    if let FlowEventKind::StepFinished(finished) = &mut event.kind {
        finished.cache_key = Some(key);
    }
    event
}

/// Returns the event that a step with the work key `key` finished.
pub fn finished_rows(key: WorkKey) -> NewEvent {
    let mut event = finished([]);
    if let FlowEventKind::StepFinished(finished) = &mut event.kind {
        let port = "table".to_owned();
        finished.rows = Some(FinishedRows { outcomes: None, port, taken_over: None, work_key: key });
    }
    event
}

/// Sets the hashes and versions in the events of a run to those that follow from the recorded definition, as the release
/// that ran it would have written them.
pub fn rehash(kinds: &mut [FlowEventKind]) {
    let mut began = None;
    let mut steps: Vec<StepStarted> = Vec::new();
    for kind in kinds {
        match kind {
            FlowEventKind::FlowInitialized(initialized) => began = Some(initialized.clone()),
            FlowEventKind::StepStarted(started) => {
                let began = began.as_ref().unwrap();
                started.version = began.definition.steps[started.step_index].version;
                started.fingerprint = StepIdentity::of(started).fingerprint(began.definition_hash).unwrap();
                steps.truncate(started.step_index);
                steps.push(started.clone());
            }
            FlowEventKind::StepFinished(finished) => {
                let started = &steps[finished.step_index];
                finished.fingerprint = started.fingerprint;
                finished.cache_key = finished.cache_key.map(|_| StepIdentity::of(started).cache_key().unwrap());
                if let Some(rows) = &mut finished.rows {
                    rows.work_key = StepIdentity::of(started).work_key(&rows.port).unwrap();
                }
            }
            FlowEventKind::FlowCompleted(completed) => {
                completed.flow_fingerprint = flow_fingerprint(steps.iter().map(|step| step.fingerprint));
            }
            _ => {}
        }
    }
}

/// Returns one event of each kind, with every field filled.
pub fn one_of_each() -> Vec<FlowEventKind> {
    let params: Map<String, Value> =
        [("limit".to_owned(), json!(0.1 + 0.2)), ("naïve \u{10000}".to_owned(), json!([null, u64::MAX, "\u{1}"]))]
            .into_iter()
            .collect();
    let fingerprint: Fingerprint = hash(1);
    vec![
        FlowEventKind::FlowInitialized(FlowInitialized {
            child_of: Some(Box::new(ChildOf {
                given: params.clone(),
                index: 2,
                parent: another_run(),
                step_id: "sweep".into(),
                step_index: 1,
            })),
            flow: "oral-leads".into(),
            definition_hash: definition_hash(["read", "keep"]),
            step_count: 2,
            definition: RecordedDefinition {
                description: Some("Line one.\nLine \"two\".".into()),
                license: Some("CC-BY-4.0".into()),
                params: params.clone(),
                overridden: ["limit".to_owned()].into(),
                spelled: [("limit".to_owned(), "5e2".to_owned())].into(),
                step_sources: None,
                steps: vec![
                    recorded("read", StepKind::Source, &params),
                    RecordedStep {
                        inputs: [("table".to_owned(), "read".to_owned())].into(),
                        retry: Some(RetryPolicy { attempts: 3, backoff_ms: 1500, on: RetryOn::Any }),
                        timeout_ms: Some(60_000),
                        gate: Some(Gate {
                            message: "Go on?".into(),
                            schema: Some(json!({"type": "object"})),
                            signed_by: vec!["ada@example.org".into()],
                        }),
                        resources: Some(Resources {
                            cpus: Some(2),
                            gpus: Some(1),
                            memory_mib: Some(4096),
                            time_ms: Some(7_200_000),
                        }),
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
                operator: Some(operator()),
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
            cache_key: Some(hash(5)),
            code: Some("0123456789abcdef".into()),
            usage: Some(usage()),
            rows: Some(FinishedRows {
                outcomes: Some(hash(8)),
                port: "table".into(),
                taken_over: Some(TakenOver {
                    computed: 3,
                    rows: 1_000_000,
                    source: EventAddress { flow_id: another_run(), position: 12 },
                }),
                work_key: hash(9),
            }),
        }),
        FlowEventKind::StepFailed(StepFailed {
            step_id: "keep".into(),
            step_index: 1,
            fingerprint: Some(fingerprint),
            error: "line 3: `C1CC` does not close".into(),
            causes: vec!["ring 1 is open".into(), String::new()],
            deaths: 2,
            transient: true,
            left_behind: false,
            usage: Some(Usage { cpu_ms: None, peak_memory: None, ..usage() }),
        }),
        signal(json!({"deep": [[{"er": -0.5}]], "empty": {}, "none": null})),
        FlowEventKind::StepReused(StepReused {
            step_id: "keep".into(),
            step_index: 1,
            fingerprint,
            outputs: vec![OutputRef { name: "main".into(), kind: "molecules".into(), hash: hash(4) }],
            source: EventAddress { flow_id: another_run(), position: 12 },
        }),
        FlowEventKind::RetryScheduled(RetryScheduled {
            step_id: "keep".into(),
            step_index: 1,
            attempt: 2,
            by: Some(Operator { person: None, ..operator() }),
            allowed: Some(3),
            reason: "the server was busy".into(),
            not_before: Some("2026-11-23T21:20:00.123456Z".parse().unwrap()),
        }),
        FlowEventKind::BranchCreated(BranchCreated {
            parent: another_run(),
            root: another_run(),
            step_id: "keep".into(),
            step_index: 1,
            set: [("limit".to_owned(), json!(0.5))].into_iter().collect(),
            divergence: hash(5),
        }),
        FlowEventKind::UserInteractionRequested(UserInteractionRequested {
            step_id: "keep".into(),
            step_index: 1,
            message: "Is this the \"right\" library?".into(),
            schema: Some(json!({"type": "object", "required": ["limit"]})),
            inputs: [("table".to_owned(), hash(2))].into(),
            shown: fingerprint,
            signed_by: vec!["ada@example.org".into()],
        }),
        FlowEventKind::UserInteractionProvided(UserInteractionProvided {
            step_id: "keep".into(),
            step_index: 1,
            approved: true,
            by: Some(operator()),
            data: Some(json!({"limit": 0.1 + 0.2})),
            reason: Some("looked at it".into()),
            shown: fingerprint,
            signed: Some(SignedText { signature: "-----BEGIN\n".into(), statement: "chem decision v1\n".into() }),
        }),
        FlowEventKind::StepProgressed(StepProgressed {
            after: 2_000,
            code: Some("0123456789abcdef".into()),
            fingerprint,
            outputs: [("main".to_owned(), vec![ChunkRef { hash: hash(6), rows: 1_024, starts: vec![Some(2), None] }])]
                .into(),
            position: 4_096,
            rest: hash(7),
            step_id: "keep".into(),
            step_index: 1,
        }),
        FlowEventKind::FlowCompleted(FlowCompleted { flow_fingerprint: fingerprint }),
    ]
}

fn operator() -> Operator {
    let person = Some(Person {
        affiliation: Some("Analytical Society".into()),
        name: "Ada Lovelace".into(),
        orcid: Some("0000-0002-1825-0097".into()),
        ror: Some("https://ror.org/02mhbdp94".into()),
    });
    Operator { host: "lab".into(), login: "ada".into(), person }
}

fn usage() -> Usage {
    let time = |text: &str| text.parse().unwrap();
    let (started, ended) = (time("2026-11-23T21:20:00.123456Z"), time("2026-11-23T21:20:01Z"));
    Usage { cpu_ms: Some(870), ended, peak_memory: Some(1 << 27), started }
}

fn another_run() -> FlowId {
    "019b0000-0000-7000-8000-000000000001".parse().unwrap()
}

fn recorded(id: &str, kind: StepKind, params: &Map<String, Value>) -> RecordedStep {
    RecordedStep {
        id: id.into(),
        uses: format!("molecules.{id}"),
        version: 1,
        kind,
        inputs: Default::default(),
        params: params.clone(),
        retry: None,
        timeout_ms: None,
        gate: None,
        resources: None,
        shards: None,
    }
}
