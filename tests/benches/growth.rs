//! Measures how a store grows, and what its size costs: `cargo bench -p chem-tests --bench growth`.
//!
//! Fills an SQLite file and, if a server can be started, a PostgreSQL database with whole runs, and prints their size.
//! Then fills them with many runs (`CHEM_BENCH_RUNS`) and measures how long listing and size queries take.

use std::sync::Arc;
use std::time::Instant;

use chem_runtime::engine::{FlowEngine, ReusePolicy};
use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::flow::{FlowDefinition, FlowStatus, build_flow_definition_auto, replay};
use chem_runtime::prelude::*;
use chem_runtime::step::{Bound, StepDefinition, StepId};
use chem_runtime::steps::demo::{Seed, Text};
use chem_runtime::store::{Contents, EventStore, InMemoryEventStore, NewEvent, RunFilter, StoreSize};
use chem_tests::stores::Backend;

/// The number of runs that do all their work, and again of runs that reuse it.
const WHOLE_RUNS: usize = 1_000;

/// Returns its text.
#[step("bench.pass", version = 1)]
fn pass(text: Input<Text>) -> Result<Text, StepError> {
    Ok((*text).clone())
}

fn definition(text: &str) -> FlowDefinition {
    let bound =
        |id: &str, step: Pass| -> Box<dyn StepDefinition> { Box::new(Bound::new(StepId::new(id).unwrap(), step)) };
    let seed = Bound::new(StepId::new("seed").unwrap(), Seed { text: text.into() });
    let seed: Box<dyn StepDefinition> = Box::new(seed);
    build_flow_definition_auto([seed, bound("first", Pass {}), bound("second", Pass {})]).unwrap()
}

fn run(store: &Arc<dyn EventStore>, definition: FlowDefinition) -> FlowId {
    let engine = FlowEngine::on(store.clone()).reuse(ReusePolicy::wherever_possible()).definition(definition);
    let run = engine.default_flow();
    engine.run(run).unwrap();
    run
}

fn main() {
    let runs = std::env::var("CHEM_BENCH_RUNS").ok().map_or(20_000, |runs| runs.parse().unwrap());
    for (name, backend) in
        chem_tests::stores::fresh().into_iter().filter(|(name, store)| *name != "memory" && store.measures_itself())
    {
        let store = backend.store();
        bytes(name, &store);
        #[cfg(feature = "chemistry")]
        of_a_library(&store);
        drop(backend);
    }
    for (name, backend) in
        chem_tests::stores::fresh().into_iter().filter(|(name, store)| *name != "memory" && store.measures_itself())
    {
        times(name, backend.as_ref(), runs);
    }
}

/// Prints what whole runs add to each table.
fn bytes(name: &str, store: &Arc<dyn EventStore>) {
    println!(
        "\n{name}: a run of 3 steps\n\n| | rows a run | bytes a run | bytes a row | indexes among them |\n|---|---|---|---|---|"
    );
    for what in ["all work done", "all of it reused"] {
        let before = store.size().unwrap().unwrap();
        for number in 0..WHOLE_RUNS {
            run(store, definition(&format!("CC(=O)Oc1ccccc1C(=O)O molecule {number}")));
        }
        let after = store.size().unwrap().unwrap();
        for table in ["event_log", "workflow_step_artifacts", "flow_leases"] {
            let grown = |of: fn(&chem_runtime::store::TableSize) -> u64| {
                let of_table = |size: &StoreSize| size.tables.iter().find(|row| row.name == table).map_or(0, of);
                of_table(&after) as f64 - of_table(&before) as f64
            };
            let (rows, bytes, indexes) = (grown(|it| it.rows), grown(|it| it.bytes), grown(|it| it.index_bytes));
            if rows > 0.0 {
                let runs = WHOLE_RUNS as f64;
                println!(
                    "| {what}: `{table}` | {:.1} | {:.0} | {:.0} | {:.0} |",
                    rows / runs,
                    bytes / runs,
                    bytes / rows,
                    indexes / rows
                );
            }
        }
    }
}

/// Prints what a run over a library of 304 drugs stores, the first time and again.
#[cfg(feature = "chemistry")]
fn of_a_library(store: &Arc<dyn EventStore>) {
    println!(
        "\n`flows/oral-leads.yaml`, 304 records\n\n| | events | their bytes | artifacts | their bytes |\n|---|---|---|---|---|"
    );
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/oral-leads.yaml");
    for what in ["all work done", "all of it reused"] {
        let loaded = chem_runtime::manifest::load(&manifest, &[], chem_runtime::step::Registry::linked().unwrap());
        let outputs = tempfile::tempdir().unwrap();
        let engine = FlowEngine::on(store.clone())
            .reuse(ReusePolicy::wherever_possible())
            .directory(manifest.parent().unwrap())
            .output_directory(outputs.path())
            .definition(loaded.definition.unwrap());
        let run = engine.default_flow();
        engine.run(run).unwrap();
        let largest = store.largest(usize::MAX).unwrap().unwrap();
        let Contents { events, event_bytes, artifacts, artifact_bytes } =
            largest.runs.iter().find(|size| size.flow_id == run).unwrap().contents;
        println!("| {what} | {events} | {event_bytes} | {artifacts} | {artifact_bytes} |");
    }
}

/// Fills the store with runs, every hundredth of another flow and every thousandth failed, and prints how long queries
/// take.
fn times(name: &str, backend: &dyn Backend, runs: usize) {
    let store = backend.store();
    let sample: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let events: Vec<NewEvent> = {
        let run = run(&sample, definition("CCO"));
        sample.list(run).unwrap().into_iter().map(|event| event.kind.into()).collect()
    };
    let failure = chem_tests::events::one_of_each().into_iter().find(|kind| kind.event_type() == "stepfailed").unwrap();
    let begun = Instant::now();
    for number in 0..runs {
        let mut events = events.clone();
        if let FlowEventKind::FlowInitialized(first) = &mut events[0].kind {
            first.flow = if number % 100 == 0 { "rare" } else { "common" }.into();
        }
        if number % 1_000 == 7 {
            *events.last_mut().unwrap() = failure.clone().into();
        }
        store.append(FlowId::new(), 0, &events).unwrap();
    }
    let long = long_run(&store);
    let filled = begun.elapsed().as_secs_f64();
    let size = store.size().unwrap().unwrap();
    let rows = size.tables.iter().find(|table| table.name == "event_log").unwrap().rows;
    println!(
        "\n{name}: {} runs, {rows} events, {:.0} MB, filled in {filled:.0} s\n",
        size.runs,
        size.bytes() as f64 / 1e6
    );
    println!("| question | ms |\n|---|---|");
    let filter = |change: fn(&mut RunFilter)| {
        let mut filter = RunFilter::default();
        change(&mut filter);
        filter
    };
    let lists = [
        ("the newest 50 runs", filter(|_| {})),
        ("50 runs of a flow that each hundredth run is of", filter(|it| it.flow = Some("rare".into()))),
        ("a flow that has no runs", filter(|it| it.flow = Some("none".into()))),
        ("runs since tomorrow", filter(|it| it.since = Some("2999-01-01T00:00:00Z".parse().unwrap()))),
        ("50 failed runs, of which each thousandth is one", filter(|it| it.status = Some(FlowStatus::Failed))),
        ("runs that wait, of which there are none", filter(|it| it.status = Some(FlowStatus::Waiting))),
    ];
    for (what, filter) in lists {
        print(what, || drop(store.find_runs(&filter, None, 51).unwrap()));
    }
    print("size by table", || drop(store.size().unwrap().unwrap()));
    print("the ten largest flows and runs", || drop(store.largest(10).unwrap().unwrap()));
    let length = store.next_position(long).unwrap();
    print(&format!("load and replay a run of {length} events"), || {
        drop(replay(long, &store.list(long).unwrap()).unwrap())
    });
}

fn long_run(store: &Arc<dyn EventStore>) -> FlowId {
    let seed: Box<dyn StepDefinition> = Box::new(Bound::new(StepId::new("seed").unwrap(), Seed { text: "CCO".into() }));
    let rest = (1..4_999).map(|index| -> Box<dyn StepDefinition> {
        Box::new(Bound::new(StepId::new(format!("s{index}")).unwrap(), Pass {}))
    });
    run(store, build_flow_definition_auto(std::iter::once(seed).chain(rest)).unwrap())
}

/// Prints the median time of five rounds in ms, after a warm-up round.
fn print(what: &str, mut work: impl FnMut()) {
    let mut rounds: Vec<f64> = (0..6)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64() * 1e3
        })
        .skip(1)
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("| {what} | {:.1} |", rounds[2]);
}
