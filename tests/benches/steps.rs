//! Measures the cost of a step in a long flow against a short one: `cargo bench -p chem-tests --bench steps`.
//!
//! The steps do nothing, so that the runtime dominates: decisions, fingerprints, events, artifacts, the store. Flows of 10
//! steps run until as many steps have run as in one flow of 3,000. The two alternate, since the machine may be busy; the
//! ratio is the median over the rounds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chem_runtime::engine::FlowEngine;
use chem_runtime::flow::build_flow_definition_auto;
use chem_runtime::prelude::*;
use chem_runtime::step::{Bound, StepDefinition, StepId};
use chem_runtime::steps::demo::{Seed, Text};
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore, InMemoryEventStore};

const SHORT: usize = 10;
const LONG: usize = 3_000;
const ROUNDS: usize = 7;

/// Returns its text.
#[step("bench.pass", version = 1)]
fn pass(text: Input<Text>) -> Result<Text, StepError> {
    Ok((*text).clone())
}

fn steps(count: usize) -> Vec<Box<dyn StepDefinition>> {
    let mut steps: Vec<Box<dyn StepDefinition>> =
        vec![Box::new(Bound::new(StepId::new("seed").unwrap(), Seed { text: "CCO".into() }))];
    steps.extend((1..count).map(|index| -> Box<dyn StepDefinition> {
        Box::new(Bound::new(StepId::new(format!("s{index}")).unwrap(), Pass {}))
    }));
    steps
}

fn run(store: &Arc<dyn EventStore>, count: usize) -> Duration {
    let definition = build_flow_definition_auto(steps(count)).unwrap();
    let engine = FlowEngine::on(store.clone()).definition(definition);
    let start = Instant::now();
    engine.run_to_end().unwrap();
    start.elapsed()
}

fn main() {
    println!("| store | µs per step, {SHORT} steps | µs per step, {LONG} steps | ratio |");
    println!("|---|---|---|---|");
    let directory = tempfile::tempdir().unwrap();
    let stores: [(&str, Arc<dyn EventStore>); 2] = [
        ("memory", Arc::new(InMemoryEventStore::new())),
        ("SQLite", Arc::new(SqliteEventStore::open(directory.path().join("bench.db")).unwrap())),
    ];
    for (name, store) in stores {
        let mut rounds: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|_| {
                let long = run(&store, LONG);
                let short: Duration = (0..LONG / SHORT).map(|_| run(&store, SHORT)).sum();
                let per_step = |time: Duration| time.as_secs_f64() * 1e6 / LONG as f64;
                (per_step(short), per_step(long))
            })
            .collect();
        rounds.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        let (short, long) = rounds[ROUNDS / 2];
        println!("| {name} | {short:.1} | {long:.1} | {:.2} |", long / short);
    }
}
