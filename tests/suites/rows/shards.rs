//! The law of shards: the outputs, the rejects, the signals and the fingerprint of a flow are the same whether its row steps run as a
//! whole or in shards, however the rows are cut, and by any number of workers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chem_runtime::artifact::{Column, ColumnType, Dataset, Table, Values};
use chem_runtime::engine::{FlowEngine, ReusePolicy, WorkOptions};
use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::fingerprint::Fingerprint;
use chem_runtime::flow::FlowDefinition;
use chem_runtime::step;
use chem_runtime::step::{
    BatchOutput, PlannedStep, Registry, RowWork, Rows, Shards, StepDefinition, StepError, StepId, StepPolicy,
};
use chem_runtime::store::{EventStore, FlowSummary, InMemoryEventStore, RunFilter};
use chem_tests::stores::fresh;
use chem_tests::values::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::edits::{Given, Row, row, smiles, table};
use super::{examples, input};

/// A row step of a chain.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) uses: &'static str,
    pub(super) params: Value,
    /// The output that it takes, as `step` or `step.output`.
    pub(super) from: String,
}

/// What the log says of a run, without the source.
#[derive(Debug, PartialEq)]
pub(super) struct Ran {
    pub(super) fingerprint: Option<Fingerprint>,
    /// The hash of each output of each step, and that of what came out for each row.
    pub(super) outputs: Vec<String>,
    signals: Vec<Value>,
}

pub(super) fn definition(rows: &Dataset, links: &[Link], shards: Option<usize>) -> FlowDefinition {
    let registry = Registry::linked().unwrap();
    let given: Box<dyn StepDefinition> = Box::new(Given(StepId::new("given").unwrap(), rows.clone()));
    let linked = links.iter().enumerate().map(|(index, Link { uses, params, from })| {
        let id = StepId::new(format!("s{index}")).unwrap();
        let step = registry.get(uses).unwrap().bind(id, params.as_object().unwrap()).unwrap_or_else(|problems| {
            panic!("{uses}: {}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        });
        let port = step.inputs().iter().find(|port| port.rows).unwrap().name;
        let shards = shards.map(|rows| Shards { group: "s0".into(), over: "given".into(), rows });
        let policy = StepPolicy { shards, ..StepPolicy::default() };
        PlannedStep { step, inputs: vec![(port.to_owned(), from.clone())], source: false, policy }
    });
    FlowDefinition::new([given.into()].into_iter().chain(linked)).unwrap()
}

/// Runs a flow, with workers besides the run itself.
pub(super) fn run(store: &Arc<dyn EventStore>, definition: &FlowDefinition, workers: usize) -> (Ran, FlowId) {
    run_reusing(store, definition, workers, &ReusePolicy::never())
}

pub(super) fn run_reusing(
    store: &Arc<dyn EventStore>,
    definition: &FlowDefinition,
    workers: usize,
    reuse: &ReusePolicy,
) -> (Ran, FlowId) {
    let engine = || {
        let flows = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows");
        FlowEngine::on(store.clone()).reuse(reuse.clone()).directory(flows).definition(definition.clone())
    };
    let parent = engine();
    let flow_id = parent.default_flow();
    let is_over = AtomicBool::new(false);
    let instance = std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let options = WorkOptions { jobs: 1, ..WorkOptions::default() };
                while !is_over.load(Ordering::SeqCst) {
                    engine().work(flow_id, &options).unwrap();
                    std::thread::yield_now();
                }
            });
        }
        let ran = parent.run_to_end();
        is_over.store(true, Ordering::SeqCst);
        ran.unwrap_or_else(|error| panic!("{error}"))
    });
    let (mut outputs, mut signals) = (Vec::new(), Vec::new());
    for event in store.list(flow_id).unwrap() {
        match event.kind {
            FlowEventKind::StepSignal(signal) => signals.push(json!([signal.step_id, signal.signal, signal.data])),
            FlowEventKind::StepFinished(finished) => {
                outputs.extend(finished.outputs.iter().map(|output| format!("{}: {}", output.name, output.hash)));
                let rows = finished.rows;
                assert_eq!(rows.as_ref().and_then(|rows| rows.taken_over), None);
                outputs.extend(rows.and_then(|rows| rows.outcomes).map(|outcomes| outcomes.to_string()));
            }
            _ => {}
        }
    }
    (Ran { fingerprint: instance.flow_fingerprint(), outputs, signals }, flow_id)
}

/// Returns how many children the run has, each of which was claimed once and has completed.
pub(super) fn children(store: &Arc<dyn EventStore>, parent: FlowId) -> usize {
    let runs = store.find_runs(&RunFilter::default(), None, 10_000).unwrap();
    let children = runs.iter().filter(|run| run.child_of().is_some_and(|child| child.parent == parent));
    let check = |child: &&FlowSummary| {
        assert!(child.flow_fingerprint().is_some(), "{}", child.flow_id());
        assert_eq!(store.read_lease(child.flow_id()).unwrap().map(|lease| lease.epoch), Some(1), "{}", child.flow_id());
    };
    children.inspect(check).count()
}

pub(super) fn in_memory() -> Arc<dyn EventStore> {
    Arc::new(InMemoryEventStore::new())
}

#[test]
fn every_row_step_gives_the_same_in_shards() {
    let input = input();
    for (uses, params) in examples() {
        let links = [Link { uses, params: params.clone(), from: "given".into() }];
        let (whole, _) = run(&in_memory(), &definition(&input, &links, None), 0);
        for rows in [7, 30] {
            let store = in_memory();
            let (cut, flow_id) = run(&store, &definition(&input, &links, Some(rows)), 0);
            assert_eq!(cut, whole, "{uses} {params} in shards of {rows} rows");
            // One chunk, which is cut if it has more than twice as many rows.
            assert_eq!(children(&store, flow_id), if rows == 7 { 9 } else { 1 }, "{uses} {params}");
        }
    }
}

/// A step of a random chain: what it does, and which of the outputs before it takes.
fn link() -> impl Strategy<Value = (usize, Index)> {
    (0..KINDS, any::<Index>())
}

/// The number of kinds of steps in a chain.
const KINDS: usize = 8;

/// Returns a chain of steps, each of which takes the rows that are cut, or an output of an earlier one.
fn chain(picks: &[(usize, Index)]) -> Vec<Link> {
    let mut outputs = vec!["given".to_owned()];
    let mut links = Vec::new();
    for (index, (kind, from)) in picks.iter().enumerate() {
        let (new, reject) = (format!("n{index}"), json!({ "on_error": "reject" }));
        let (uses, params) = match kind {
            0 => ("table.filter", json!({ "where": "a > 1" })),
            1 => ("table.filter", json!({ "where": "name >= 'm' || b < 5.5" })),
            2 => ("table.compute", json!({ "columns": [{ new: "b / a" }], "on_error": reject["on_error"] })),
            3 => ("table.compute", json!({ "columns": [{ new: "size(name) * 2" }] })),
            4 => ("table.select", json!({ "drop": ["ok"] })),
            5 => ("edited.counted", json!({})),
            6 => ("table.filter", json!({ "where": "a == null" })),
            _ => ("table.filter", json!({ "where": "a != 99" })),
        };
        // Some steps cannot follow themselves: they would add a column again, or drop one that is gone.
        if [4, 5].contains(kind) && picks[..index].iter().any(|(other, _)| other == kind) {
            continue;
        }
        let id = format!("s{}", links.len());
        links.push(Link { uses, params, from: outputs[from.index(outputs.len())].clone() });
        outputs.push(id.clone());
        if *kind == 2 {
            outputs.push(format!("{id}.rejects"));
        }
    }
    links
}

fn check(store: &Arc<dyn EventStore>, rows: &[Row], picks: &[(usize, Index)], size: usize, workers: usize) {
    let (rows, links) = (table(rows, &[]), chain(picks));
    let (whole, _) = run(&in_memory(), &definition(&rows, &links, None), 0);
    let (cut, _) = run(store, &definition(&rows, &links, Some(size)), workers);
    assert_eq!(cut, whole, "in shards of {size} rows: {links:?}");
}

#[test]
fn chains_of_row_steps_give_the_same_in_shards() {
    let inputs = (vec(row(), 0..40), vec(link(), 1..6), 1_usize..12, 0_usize..2);
    let checked = TestRunner::new(cases(16)).run(&inputs, |(rows, picks, size, workers)| {
        check(&in_memory(), &rows, &picks, size, workers);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn shards_give_the_same_in_every_store_with_any_workers() {
    let inputs = (vec(row(), 20..40), vec(link(), 1..4), select(vec![2_usize, 5, 9]));
    for (name, backend) in fresh() {
        let checked = TestRunner::new(cases(2)).run(&inputs, |(rows, picks, size)| {
            check(&backend.store(), &rows, &picks, size, 2);
            Ok(())
        });
        checked.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_row_in_front_costs_the_shards_that_it_changes() {
    let smiles = if cfg!(feature = "chemistry") { smiles() } else { Vec::new() };
    let made = |count: i64| -> Vec<Row> {
        let row =
            |a: i64| Row { name: Some("x"), molecule: a as usize % 12, a: Some(a * 7919 % 100_003), b: None, ok: None };
        (0..count).map(row).collect()
    };
    let links = [
        Link { uses: "table.compute", params: json!({ "columns": [{ "twice": "a * 2" }] }), from: "given".into() },
        Link { uses: "table.filter", params: json!({ "where": "twice > 1000" }), from: "s0".into() },
    ];
    let store = in_memory();
    let mut rows = made(20_000);
    let all = ReusePolicy::wherever_possible();
    let (_, first) = run_reusing(&store, &definition(&table(&rows, &smiles), &links, Some(1_000)), 0, &all);
    rows.insert(0, Row { a: Some(5), ..rows[0].clone() });
    let now = definition(&table(&rows, &smiles), &links, Some(1_000));
    let (cut, second) = run_reusing(&store, &now, 0, &all);
    let worked = |flow_id: &FlowId| {
        store
            .list(*flow_id)
            .unwrap()
            .iter()
            .filter(|event| matches!(&event.kind, FlowEventKind::StepFinished(finished) if finished.step_id == "s0"))
            .count()
    };
    let runs = store.find_runs(&RunFilter::default(), None, 10_000).unwrap();
    let of = |parent| runs.iter().filter(move |run| run.child_of().is_some_and(|child| child.parent == parent));
    let count = |parent| of(parent).map(|run| worked(&run.flow_id())).sum::<usize>();
    assert!(count(first) > 10, "{}", count(first));
    assert!((1..=2).contains(&count(second)), "{} of {} children worked", count(second), of(second).count());
    let (whole, _) = run(&in_memory(), &definition(&table(&rows, &smiles), &links, None), 0);
    assert_eq!(cut, whole);
}

/// How many rows have reached `shards.counted`.
static REACHED: AtomicUsize = AtomicUsize::new(0);

/// Passes each row on, and counts the rows that reach it.
#[step("shards.counted", version = 1, rows = ["a"])]
fn counted(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    let work = table.each(|batch, _| {
        let numbers: Vec<Option<i64>> = batch.integers("a")?.collect();
        REACHED.fetch_add(numbers.len(), Ordering::Relaxed);
        Ok(BatchOutput::of((0..numbers.len()).collect()).with(Values::integers(numbers)))
    });
    Ok(work.with_columns([Column::new("same", ColumnType::Integer)])?)
}

#[test]
fn each_row_is_worked_on_in_one_shard_and_not_again_by_the_run_or_another_worker() {
    let made = |a: i64| Row { name: Some("x"), molecule: 0, a: Some(a * 7919 % 100_003), b: None, ok: None };
    let rows: Vec<Row> = (0..3_000).map(made).collect();
    let links = [Link { uses: "shards.counted", params: json!({}), from: "given".into() }];
    let smiles = if cfg!(feature = "chemistry") { smiles() } else { Vec::new() };
    for (name, backend) in fresh() {
        for workers in [0, 3] {
            let (store, before) = (backend.store(), REACHED.load(Ordering::Relaxed));
            let (_, parent) = run(&store, &definition(&table(&rows, &smiles), &links, Some(100)), workers);
            assert!(children(&store, parent) > 10, "{name}");
            assert_eq!(REACHED.load(Ordering::Relaxed) - before, rows.len(), "{name}: {workers} workers");
        }
    }
}
