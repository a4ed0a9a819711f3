//! What a changed library costs.
//!
//! Describes molecules by eight properties, and again after one in a thousand was changed and one for a hundred put in front: once
//! computing all rows, once taking over what has not changed. The ratio is that of the two, in the same process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chem_runtime::artifact::{Column, ColumnType, Dataset, Table, Values};
use chem_runtime::engine::{FlowEngine, ReusePolicy};
use chem_runtime::event::{FlowEventKind, OutputRef, TakenOver};
use chem_runtime::step::{ExecutionContext, Registry, StepDefinition, StepId, StepKind, StepOutput, StepRunResult};
use chem_runtime::store::EventStore;
use chem_runtime::store::sqlite::SqliteEventStore;
use serde_json::json;

/// One in so many is changed.
const CHANGED: usize = 1_000;
/// One for so many is put in front.
const IN_FRONT: usize = 100;

const GROUPS: [&str; 10] = ["C", "CC", "O", "N", "F", "Cl", "Br", "C#N", "OC", "C(F)(F)F"];

/// A source that gives a table.
struct Given(StepId, Dataset);

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

/// Returns the SMILES with this number: a benzene ring with five groups. The numbers below 100,000 differ in their groups.
pub fn smiles(number: usize) -> String {
    let group = |place: u32| GROUPS[number / 10_usize.pow(place) % 10];
    let chain = "C".repeat(1 + number / 100_000);
    format!("{chain}c1c({})c({})c({})c({})c1{}", group(0), group(1), group(2), group(3), group(4))
}

fn table(numbers: &[usize]) -> Dataset {
    let text = |of: &dyn Fn(usize) -> String| Values::texts(numbers.iter().map(|number| of(*number)));
    let records = (1..).take(numbers.len());
    let columns = [
        (Column::new("name", ColumnType::Text), text(&|number| format!("m{number}"))),
        (Column::new("smiles", ColumnType::Text), text(&smiles)),
        (Column::new("record", ColumnType::Integer).as_location(), Values::integers(records)),
    ];
    Dataset::new("molecules", Table::new(columns).unwrap())
}

struct Ran {
    time: Duration,
    outputs: Vec<OutputRef>,
    taken_over: Option<TakenOver>,
}

/// Describes the molecules. The time is that of the step with its events and artifacts, without the source.
fn describe(store: &Arc<dyn EventStore>, policy: ReusePolicy, rows: Dataset) -> Ran {
    let params = json!({ "properties": [
        "molecular_weight", "logp", "tpsa", "hbd", "hba", "rotatable_bonds", "rings", "fraction_csp3"
    ] });
    let registration = Registry::linked().unwrap().get("molecules.describe").unwrap();
    let step = registration.bind(StepId::new("describe").unwrap(), params.as_object().unwrap());
    let step = step.unwrap_or_else(|problems| panic!("{} problems", problems.len()));
    let given = Given(StepId::new("given").unwrap(), rows);
    let engine = FlowEngine::on(store.clone()).reuse(policy).first_step(given).add_step(step).build().unwrap();
    let flow_id = engine.default_flow();
    engine.next().unwrap();
    let start = Instant::now();
    let instance = engine.run_to_end().unwrap();
    let time = start.elapsed();
    let taken_over = store.list(flow_id).unwrap().into_iter().find_map(|event| match event.kind {
        FlowEventKind::StepFinished(finished) if finished.step_index == 1 => finished.rows?.taken_over,
        _ => None,
    });
    Ran { time, outputs: instance.steps()[1].outputs.clone(), taken_over }
}

/// Measures with this many molecules.
pub fn measure(count: usize) {
    let directory = tempfile::tempdir().unwrap();
    let open =
        |name: &str| -> Arc<dyn EventStore> { Arc::new(SqliteEventStore::open(directory.path().join(name)).unwrap()) };
    let (changed, in_front) = (count / CHANGED, count / IN_FRONT);
    let before: Vec<usize> = (0..count).collect();
    let mut after: Vec<usize> = (200_000..200_000 + in_front).chain(before.iter().copied()).collect();
    (0..changed).for_each(|index| after[in_front + index * CHANGED] += 100_000);
    let store = open("changed.db");
    let first = describe(&store, ReusePolicy::wherever_possible(), table(&before));
    let full = describe(&open("full.db"), ReusePolicy::never(), table(&after));
    let taken = describe(&store, ReusePolicy::wherever_possible(), table(&after));
    assert_eq!(taken.outputs, full.outputs);
    let (rows, computed) = taken.taken_over.map(|taken| (taken.rows, taken.computed)).unwrap_or_default();
    println!("{count} molecules: {:.2?}", first.time);
    println!("{changed} changed and {in_front} in front, all computed: {:.2?}", full.time);
    println!("the same, {rows} rows taken over and {computed} computed: {:.2?}", taken.time);
    println!("ratio: {:.1} %", 100.0 * taken.time.as_secs_f64() / full.time.as_secs_f64());
}
