//! Measures whole flows whose steps do nothing, so that the log dominates.

use std::process::Stdio;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use chem_runtime::engine::FlowEngine;
use chem_runtime::flow::build_flow_definition_auto;
use chem_runtime::prelude::*;
use chem_runtime::step::{Bound, StepDefinition, StepId};
use chem_runtime::steps::demo::{Seed, Text};
use chem_runtime::store::{EventStore, InMemoryEventStore};
use chem_tests::postgres_server::TestDatabase;

use crate::Bench;
use crate::table::{Line, Target, median};

/// Returns its text.
#[step("bench.pass", version = 1)]
fn pass(text: Input<Text>) -> Result<Text, StepError> {
    Ok((*text).clone())
}

/// Returns a text, and runs only once the log has recorded that it starts.
#[step("bench.seed_when_told", version = 1, effects)]
fn seed_when_told(
    /// The text.
    text: String,
) -> Result<Text, StepError> {
    Ok(Text(text))
}

/// Returns its text, and runs only once the log has recorded that it starts.
#[step("bench.pass_when_told", version = 1, effects)]
fn pass_when_told(text: Input<Text>) -> Result<Text, StepError> {
    Ok((*text).clone())
}

fn bound<S: Step + 'static>(id: &str, step: S) -> Box<dyn StepDefinition> {
    Box::new(Bound::new(StepId::new(id).unwrap(), step))
}

/// Returns an engine for a flow of `count` steps.
pub fn engine(store: Arc<dyn EventStore>, count: usize, text: &str) -> FlowEngine {
    let rest = (1..count).map(|index| bound(&format!("s{index}"), Pass {}));
    engine_of(store, std::iter::once(bound("seed", Seed { text: text.into() })).chain(rest))
}

/// Returns an engine for three steps that each wait for the log, so that the run needs the maximum of four commits.
fn engine_that_waits(store: Arc<dyn EventStore>, text: &str) -> FlowEngine {
    let first = bound("seed", SeedWhenTold { text: text.into() });
    engine_of(store, [first, bound("s1", PassWhenTold {}), bound("s2", PassWhenTold {})])
}

fn engine_of(store: Arc<dyn EventStore>, steps: impl IntoIterator<Item = Box<dyn StepDefinition>>) -> FlowEngine {
    FlowEngine::on(store).definition(build_flow_definition_auto(steps).unwrap())
}

/// Returns the types and payloads of the events of a run of three steps.
fn rows() -> Vec<(&'static str, String)> {
    let engine = engine(Arc::new(InMemoryEventStore::new()), 3, "CCO");
    engine.run_to_end().unwrap();
    let events = engine.events().unwrap();
    events.iter().map(|event| (event.kind.event_type(), event.kind.payload_text().unwrap())).collect()
}

pub fn one_after_another(bench: &Bench) -> Line {
    in_turns(bench, "one 3-step flow after another", Some(Target::AtLeast(1.9)), |store, text| engine(store, 3, text))
}

pub fn one_after_another_in_four_commits(bench: &Bench) -> Line {
    let work = "the same with steps that wait for the log, in four commits";
    in_turns(bench, work, None, engine_that_waits)
}

fn in_turns(
    bench: &Bench,
    work: &str,
    target: Option<Target>,
    engine: impl Fn(Arc<dyn EventStore>, &str) -> FlowEngine,
) -> Line {
    const FLOWS: usize = 40;
    const ROUNDS: usize = 9;
    let (database, store) = bench.database();
    let store: Arc<dyn EventStore> = Arc::new(store);
    let (rows, mut client) = (rows(), database.client());
    let insert = client
        .prepare("INSERT INTO event_log (flow_id, position, event_type, payload) VALUES ($1, $2, $3, $4::text::jsonb)")
        .unwrap();
    let events = (FLOWS * rows.len()) as f64;
    let rounds = (0..=ROUNDS).map(|round| {
        let begun = Instant::now();
        for flow in 0..FLOWS {
            // A different text each time makes its artifacts new.
            engine(store.clone(), &format!("C{round}.{flow}")).run_to_end().unwrap();
        }
        let ours = events / begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        for _ in 0..FLOWS {
            let run = uuid::Uuid::now_v7();
            for (position, (event_type, payload)) in (0_i64..).zip(&rows) {
                client.execute(&insert, &[&run, &position, event_type, payload]).unwrap();
            }
        }
        (ours, events / begun.elapsed().as_secs_f64())
    });
    // The first round warms up.
    let (ours, bare) = median(rounds.skip(1).collect());
    Line {
        work: work.to_owned(),
        store: format!("{ours:.0} events/s"),
        bare: format!("{bare:.0} events/s: one prepared insert per commit"),
        ratio: ours / bare,
        target,
    }
}

pub fn at_once(bench: &Bench) -> Line {
    const FLOWS: usize = 256;
    const EACH: usize = 6;
    const ROUNDS: usize = 5;
    let (database, store) = bench.database();
    let store: Arc<dyn EventStore> = Arc::new(store);
    let rows = rows();
    let script = script(&rows);
    let rounds = (0..=ROUNDS).map(|round| {
        let barrier = Barrier::new(FLOWS + 1);
        let elapsed = std::thread::scope(|scope| {
            for flow in 0..FLOWS {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for turn in 0..EACH {
                        engine(store.clone(), 3, &format!("C{round}.{flow}.{turn}")).run_to_end().unwrap();
                    }
                    barrier.wait();
                });
            }
            barrier.wait();
            let begun = Instant::now();
            barrier.wait();
            begun.elapsed()
        });
        ((FLOWS * EACH * rows.len()) as f64 / elapsed.as_secs_f64(), pgbench(bench, &database, &script))
    });
    let (ours, bare) = median(rounds.skip(1).collect());
    Line {
        work: format!("{FLOWS} flows at once in one process"),
        store: format!("{ours:.0} events/s"),
        bare: format!("{bare:.0} events/s: pgbench, 64 clients, one insert per commit"),
        ratio: ours / bare,
        target: Some(Target::AtLeast(3.0)),
    }
}

/// Returns the SQL that inserts the median event, by size, of a run of three steps.
fn script(rows: &[(&str, String)]) -> String {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|(_, payload)| payload.len());
    let (event_type, payload) = rows[rows.len() / 2];
    let payload = payload.replace('\'', "''");
    format!(
        "INSERT INTO event_log (flow_id, position, event_type, payload) VALUES (gen_random_uuid(), 0, '{event_type}', '{payload}');\n"
    )
}

/// Returns the transactions per second that pgbench reaches with the script.
fn pgbench(bench: &Bench, database: &TestDatabase, script: &str) -> f64 {
    use std::io::Write as _;
    let mut command = bench.server.command("pgbench");
    command.args(["-n", "-M", "prepared", "-c", "64", "-j", "2", "-T", "5", "-f", "-"]);
    command.arg(bench.server.libpq_url(database.name()));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("pgbench is there");
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let rate = told.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.unwrap_or_else(|| panic!("{told}{}", String::from_utf8_lossy(&output.stderr)))
}

pub fn long_against_short(bench: &Bench) -> Line {
    const SHORT: usize = 10;
    const LONG: usize = 3_000;
    const ROUNDS: usize = 3;
    let (_database, store) = bench.database();
    let store: Arc<dyn EventStore> = Arc::new(store);
    let run = |count: usize, text: String| {
        let engine = engine(store.clone(), count, &text);
        let begun = Instant::now();
        engine.run_to_end().unwrap();
        begun.elapsed()
    };
    let rounds = (0..ROUNDS).map(|round| {
        // Half of the short flows run before the long one, and half after it.
        let short = |part: &str| -> Duration {
            (0..LONG / SHORT / 2).map(|flow| run(SHORT, format!("C{round}{part}{flow}"))).sum()
        };
        let before = short("a");
        let long = run(LONG, format!("C{round}"));
        let after = short("b");
        let per_step = |time: Duration| time.as_secs_f64() * 1e3 / LONG as f64;
        (per_step(long), per_step(before + after))
    });
    let (long, short) = median(rounds.collect());
    Line {
        work: format!("a flow of {LONG} steps against one of {SHORT}"),
        store: format!("{long:.3} ms/step"),
        bare: format!("{short:.3} ms/step in the short one"),
        ratio: long / short,
        target: Some(Target::AtMost(1.3)),
    }
}
