//! A CSV file that becomes a Parquet file, compared with polars.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use chem_runtime::engine::FlowEngine;
use chem_runtime::step::{Registry, StepDefinition, StepId};
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore, InMemoryEventStore};
use serde_json::json;

const ROUNDS: usize = 5;

/// Prints the seconds of two ways of reading: types from all rows, as here, and types from the first 100 rows. In each, the
/// second time counts, when the library has started its threads.
const POLARS: &str = "
import sys, time
import polars
for rows in (None, 100):
    for _ in range(2):
        began = time.perf_counter()
        polars.read_csv(sys.argv[1], infer_schema_length=rows).write_parquet(sys.argv[2])
        seconds = time.perf_counter() - began
    print(seconds)
";

fn write(path: &Path, rows: usize) {
    use std::fmt::Write as _;
    let mut text = "record,name,ic50,logp,plate,active\n".to_owned();
    for row in 0..rows {
        let (name, ic50, logp) = (row * 7_919 % 10_000_000, row * 37 % 100_000, row * 7_919 % 12_000);
        let (ic50, logp) = (ic50 as f64 / 100.0, logp as f64 / 1_000.0 - 4.0);
        writeln!(text, "{row},CHEM{name:07},{ic50:.2},{logp:.3},P{:04},{}", row / 384, row % 3 > 0).unwrap();
    }
    std::fs::write(path, text).unwrap();
}

fn step(id: &str, uses: &str, params: &serde_json::Value) -> Box<dyn StepDefinition> {
    let registration = Registry::linked().unwrap().get(uses).unwrap();
    let step = registration.bind(StepId::new(id).unwrap(), params.as_object().unwrap());
    step.unwrap_or_else(|problems| panic!("{} problems", problems.len()))
}

/// Returns the seconds of a run.
fn run(directory: &Path, store: Arc<dyn EventStore>) -> f64 {
    let engine = FlowEngine::on(store)
        .directory(directory)
        .first_step(step("read", "table.read", &json!({ "path": "rows.csv" })))
        .add_step(step("write", "table.write", &json!({ "path": "rows.parquet" })))
        .build()
        .unwrap();
    let began = Instant::now();
    engine.run_to_end().unwrap();
    began.elapsed().as_secs_f64()
}

/// Returns the times of polars, of which there are none if no Python has it.
fn polars(directory: &Path) -> Vec<f64> {
    let named = ["CHEM_TEST_PYTHON", "CHEM_TEST_RDKIT"].into_iter().find_map(std::env::var_os);
    let mut python = Command::new(named.unwrap_or_else(|| "python3".into()));
    let output = python.args(["-c", POLARS, "rows.csv", "polars.parquet"]).current_dir(directory).output();
    let printed = output.ok().filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&printed).lines().map(|line| line.parse().unwrap()).collect()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Measures `table.read` and `table.write`, with the log in memory and in SQLite.
pub fn measure(rows: usize) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    write(&path.join("rows.csv"), rows);
    let (mut in_memory, mut in_sqlite, mut of_polars) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..ROUNDS {
        in_memory.push(run(path, Arc::new(InMemoryEventStore::new())));
        in_sqlite.push(run(path, Arc::new(SqliteEventStore::open(path.join(format!("{round}.db"))).unwrap())));
        for (times, seconds) in of_polars.iter_mut().zip(polars(path)) {
            times.push(seconds);
        }
    }
    let (in_memory, in_sqlite) = (median(in_memory), median(in_sqlite));
    println!("{rows} rows of CSV to Parquet: {in_memory:.2} s, with the log in SQLite {in_sqlite:.2} s");
    for (types, times) in ["all rows", "the first 100 rows"].into_iter().zip(of_polars) {
        if times.is_empty() {
            println!("no Python with polars; CHEM_TEST_PYTHON names one");
            return;
        }
        let seconds = median(times);
        let [memory, sqlite] = [in_memory, in_sqlite].map(|ours| ours / seconds);
        println!("polars, types from {types}: {seconds:.2} s, ratio {memory:.2}, with the log in SQLite {sqlite:.2}");
    }
}
