//! Measures what shards cost: `cargo bench -p chem-tests --bench shards`.
//!
//! In each kind of store, runs cheap steps on many rows (`CHEM_BENCH_ROWS`, a million by default) as a whole and in more and more
//! shards, with eight workers (`CHEM_BENCH_WORKERS`) in this process, and prints the time of a core for each shard, with the work on
//! its rows. Then counts how many shards of one row 64 workers claim and end in a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chem_runtime::artifact::{Column, ColumnType, Table, Values};
use chem_runtime::engine::{FlowEngine, WorkOptions};
use chem_runtime::event::FlowId;
use chem_runtime::fingerprint::Fingerprint;
use chem_runtime::flow::FlowDefinition;
use chem_runtime::step::{
    ExecutionContext, PlannedStep, Registry, Shards, StepDefinition, StepId, StepKind, StepOutput, StepPolicy,
    StepRunResult,
};
use chem_runtime::store::{EventStore, RunFilter};
use serde_json::json;

/// A source that gives a table.
struct Given(StepId, Table);

impl StepDefinition for Given {
    fn id(&self) -> &StepId {
        &self.0
    }

    fn kind(&self) -> StepKind {
        StepKind::Source
    }

    fn run(&self, _: &ExecutionContext<'_>) -> StepRunResult {
        StepRunResult::success([StepOutput::of("main", self.1.clone()).unwrap()])
    }
}

/// Returns a flow of two cheap steps on so many rows, in shards of `size` rows.
fn definition(rows: usize, size: Option<usize>) -> FlowDefinition {
    let numbers = Values::integers((0..rows as i64).map(|row| row * 7919 % 1_000_003));
    let table = Table::new([(Column::new("n", ColumnType::Integer), numbers)]).unwrap();
    let given: Box<dyn StepDefinition> = Box::new(Given(StepId::new("given").unwrap(), table));
    let policy = StepPolicy {
        shards: size.map(|rows| Shards { group: "twice".into(), over: "given".into(), rows }),
        ..StepPolicy::default()
    };
    let step = |id: &str, uses: &str, params: serde_json::Value, from: &str| {
        let registration = Registry::linked().unwrap().get(uses).unwrap();
        let step = registration.bind(StepId::new(id).unwrap(), params.as_object().unwrap());
        let step = step.unwrap_or_else(|_| panic!("{uses} takes its parameters"));
        let inputs = vec![("table".to_owned(), from.to_owned())];
        PlannedStep { step, inputs, source: false, policy: policy.clone() }
    };
    let steps = [
        step("twice", "table.compute", json!({ "columns": [{ "twice": "n * 2" }] }), "given"),
        step("keep", "table.filter", json!({ "where": "twice > 1000" }), "twice"),
    ];
    FlowDefinition::new([given.into()].into_iter().chain(steps)).unwrap()
}

/// Runs a flow, with workers besides the process of the run. Returns its fingerprint, its id and the time.
fn run(store: &Arc<dyn EventStore>, definition: &FlowDefinition, jobs: usize) -> (Fingerprint, FlowId, Duration) {
    let engine = || FlowEngine::on(store.clone()).definition(definition.clone());
    let (parent, is_over) = (engine(), AtomicBool::new(false));
    let (flow_id, began) = (parent.default_flow(), Instant::now());
    let fingerprint = std::thread::scope(|scope| {
        if jobs > 0 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    engine().work(flow_id, &WorkOptions { jobs, ..WorkOptions::default() }).unwrap();
                    // Nothing is left while the run gathers, and a worker that asks again and again would slow it down.
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
        }
        let fingerprint = parent.run_to_end().unwrap().flow_fingerprint().unwrap();
        is_over.store(true, Ordering::SeqCst);
        fingerprint
    });
    (fingerprint, flow_id, began.elapsed())
}

/// Returns the number of children of a run, and the time from the beginning of the first to the end of the last.
fn children(store: &Arc<dyn EventStore>, parent: FlowId) -> (usize, Duration) {
    let runs = store.find_runs(&RunFilter::default(), None, usize::MAX).unwrap();
    let of: Vec<_> = runs.iter().filter(|run| run.child_of().is_some_and(|child| child.parent == parent)).collect();
    let first = of.iter().map(|run| run.first.ts).min().unwrap();
    let last = of.iter().map(|run| run.last.ts).max().unwrap();
    (of.len(), Duration::try_from(last.duration_since(first)).unwrap())
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |value| value.parse().unwrap())
}

fn main() {
    let (rows, workers) = (setting("CHEM_BENCH_ROWS", 1_000_000), setting("CHEM_BENCH_WORKERS", 8));
    let cores = std::thread::available_parallelism().unwrap().get();
    for (name, backend) in chem_tests::stores::fresh().into_iter().filter(|(name, _)| *name != "memory") {
        let store = backend.store();
        let (expected, _, whole) = run(&store, &definition(rows, None), 0);
        println!("\n{name}: {rows} rows as a whole: {:.2} s\n", whole.as_secs_f64());
        println!(
            "| shards | with the gathering | times the whole | children | of a core for each shard |\n|---|---|---|---|---|"
        );
        for shards in [10, 100, 1_000] {
            let (found, parent, took) = run(&store, &definition(rows, Some(rows.div_ceil(shards))), workers);
            assert_eq!(found, expected);
            let (count, worked) = children(&store, parent);
            let each = worked.as_secs_f64() * 1e3 * cores.min(workers + 1) as f64 / count as f64;
            println!(
                "| {count} | {:.2} s | {:.2} | {:.2} s | {each:.1} ms |",
                took.as_secs_f64(),
                took.as_secs_f64() / whole.as_secs_f64(),
                worked.as_secs_f64(),
            );
        }
        let claims = rows.min(2_000);
        let (_, parent, _) = run(&store, &definition(claims, Some(1)), 64);
        let (count, worked) = children(&store, parent);
        println!("\n64 workers end {count} shards of one row: {:.0} a second", count as f64 / worked.as_secs_f64());
    }
}
