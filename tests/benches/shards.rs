//! Measures what shards cost: `cargo bench -p chem-tests --bench shards`.
//!
//! In each kind of store (`CHEM_BENCH_STORES`, all but that in memory by default), runs a flow on many rows (`CHEM_BENCH_ROWS`, a
//! million by default) as a whole and in more and more shards (`CHEM_BENCH_SHARDS`, `10,100,1000` by default), with eight workers
//! (`CHEM_BENCH_WORKERS`) beside the process of the run. The flow has two cheap steps, and once more in place of the first of
//! them a step that takes `CHEM_BENCH_ROW_US` microseconds of a core for each row (none by default, which leaves this out).
//! Prints what a shard costs beyond the work on its rows: the time of the cores, less that of the flow as a whole. Then counts
//! how many of `CHEM_BENCH_CLAIMS` shards of one row, 2000 by default, 64 workers claim and end in a second; 0 leaves this out.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use chem_runtime::artifact::{Column, ColumnType, Table, Values};
use chem_runtime::engine::{FlowEngine, WorkOptions};
use chem_runtime::event::FlowId;
use chem_runtime::fingerprint::Fingerprint;
use chem_runtime::flow::FlowDefinition;
use chem_runtime::step;
use chem_runtime::step::{
    BatchOutput, ExecutionContext, PlannedStep, Registry, RowWork, Rows, Shards, StepDefinition, StepError, StepId,
    StepKind, StepOutput, StepPolicy, StepRunResult,
};
use chem_runtime::store::{EventStore, RunFilter};
use serde_json::{Value, json};

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

/// Doubles `n`, and takes some time of a core for each row.
#[step("bench.slow", version = 1, rows = ["n"])]
fn slow(
    table: Rows<Table>,
    /// The microseconds for each row.
    micros: i64,
) -> Result<RowWork<Table>, StepError> {
    let rounds = micros as u64 * *ROUNDS_PER_US;
    let work = table.each(move |batch, _| {
        let doubled = batch.integers("n")?.map(|n| {
            black_box(spin(rounds));
            n.map(|n| n * 2)
        });
        Ok(BatchOutput::all().with(Values::integers(doubled)))
    });
    Ok(work.with_columns([Column::new("twice", ColumnType::Integer)])?)
}

/// Works without memory and without the clock, which passes also while another thread has the core.
fn spin(rounds: u64) -> u64 {
    (0..rounds).fold(1, |state: u64, round| black_box(state.wrapping_mul(6_364_136_223_846_793_005) ^ round))
}

static ROUNDS_PER_US: LazyLock<u64> = LazyLock::new(|| {
    let timed = |_| {
        let began = Instant::now();
        black_box(spin(1_000_000));
        1_000_000 / (began.elapsed().as_micros() as u64).max(1)
    };
    // Whatever interrupts the loop makes it slower.
    (0..20).map(timed).max().unwrap()
});

/// Returns a flow of two steps on so many rows, in shards of `size` rows. The first takes so many microseconds a row.
fn definition(rows: usize, micros: usize, size: Option<usize>) -> FlowDefinition {
    let numbers = Values::integers((0..rows as i64).map(|row| row * 7919 % 1_000_003));
    let table = Table::new([(Column::new("n", ColumnType::Integer), numbers)]).unwrap();
    let given: Box<dyn StepDefinition> = Box::new(Given(StepId::new("given").unwrap(), table));
    let policy = StepPolicy {
        shards: size.map(|rows| Shards { group: "twice".into(), over: "given".into(), rows }),
        ..StepPolicy::default()
    };
    let step = |id: &str, uses: &str, params: Value, from: &str| {
        let registration = Registry::linked().unwrap().get(uses).unwrap();
        let step = registration.bind(StepId::new(id).unwrap(), params.as_object().unwrap());
        let step = step.unwrap_or_else(|_| panic!("{uses} takes its parameters"));
        let inputs = vec![("table".to_owned(), from.to_owned())];
        PlannedStep { step, inputs, source: false, policy: policy.clone() }
    };
    let first = match micros {
        0 => step("twice", "table.compute", json!({ "columns": [{ "twice": "n * 2" }] }), "given"),
        _ => step("twice", "bench.slow", json!({ "micros": micros }), "given"),
    };
    let steps = [first, step("keep", "table.filter", json!({ "where": "twice > 1000" }), "twice")];
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

/// Runs a flow as a whole and in shards, and prints what they cost.
fn compare(store: &Arc<dyn EventStore>, name: &str, micros: usize, shards: &[usize]) {
    let (rows, workers) = (setting("CHEM_BENCH_ROWS", 1_000_000), setting("CHEM_BENCH_WORKERS", 8));
    let cores = std::thread::available_parallelism().unwrap().get().min(workers + 1) as f64;
    let (expected, _, whole) = run(store, &definition(rows, micros, None), 0);
    let cost = if micros == 0 { "cheap steps".to_owned() } else { format!("{micros} us a row") };
    println!("\n{name}, {rows} rows, {cost}: {:.2} s as a whole\n", whole.as_secs_f64());
    println!(
        "| shards | in shards | times the whole | children | more of a core for each child | and with the gathering |"
    );
    println!("|---:|---:|---:|---:|---:|---:|");
    for shards in shards {
        let (found, parent, took) = run(store, &definition(rows, micros, Some(rows.div_ceil(*shards))), workers);
        assert_eq!(found, expected);
        let (count, worked) = children(store, parent);
        let more = |time: Duration| (time.as_secs_f64() - whole.as_secs_f64()) * 1e3 * cores / count as f64;
        println!(
            "| {count} | {:.2} s | {:.2} | {:.2} s | {:.1} ms | {:.1} ms |",
            took.as_secs_f64(),
            took.as_secs_f64() / whole.as_secs_f64(),
            worked.as_secs_f64(),
            more(worked),
            more(took),
        );
    }
}

fn main() {
    let shards = std::env::var("CHEM_BENCH_SHARDS").unwrap_or_else(|_| "10,100,1000".to_owned());
    let shards: Vec<usize> = shards.split(',').filter(|one| !one.is_empty()).map(|one| one.parse().unwrap()).collect();
    let stores = std::env::var("CHEM_BENCH_STORES").ok();
    let is_meant = |name: &str| stores.as_ref().map_or(name != "memory", |all| all.split(',').any(|one| one == name));
    for (name, backend) in chem_tests::stores::fresh().into_iter().filter(|(name, _)| is_meant(name)) {
        let store = backend.store();
        if !shards.is_empty() {
            compare(&store, name, 0, &shards);
            match setting("CHEM_BENCH_ROW_US", 0) {
                0 => {}
                micros => compare(&store, name, micros, &shards),
            }
        }
        let claims = setting("CHEM_BENCH_CLAIMS", 2_000);
        if claims == 0 {
            continue;
        }
        let (_, parent, _) = run(&store, &definition(claims, 0, Some(1)), 64);
        let (count, worked) = children(&store, parent);
        println!(
            "\n{name}: 64 workers claim and end {count} shards of one row: {:.0} a second",
            count as f64 / worked.as_secs_f64()
        );
    }
}
