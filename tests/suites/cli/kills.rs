//! Kills the real program two hundred times at random moments, on a store that all runs share. Each run still ends with
//! the undisturbed fingerprint, and no finished step runs twice.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chem_runtime::engine::FlowEngine;
use chem_runtime::event::{FlowId, event_variants};
use chem_runtime::flow::{FlowStatus, StepStatus, replay};
use chem_runtime::manifest;
use chem_runtime::step::Registry;
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore, InMemoryEventStore};

use crate::harness::{Place, slow_flow};

const KILLS: usize = 200;
const STEPS: usize = 4;

/// A pseudorandom generator with the same numbers in every run of the test.
struct Dice(u64);

impl Dice {
    /// Returns a number below `end`, by splitmix64.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Returns how often each step has run in the directory of a run, from the lines it wrote.
fn ran(directory: &Path) -> HashMap<String, usize> {
    let mut runs = HashMap::new();
    for step in std::fs::read_to_string(directory.join("ran.txt")).unwrap_or_default().lines() {
        *runs.entry(step.to_owned()).or_default() += 1;
    }
    runs
}

/// Returns the letters and the fingerprint of an undisturbed run.
fn undisturbed(manifest: &Path, outputs: &Path) -> (String, String) {
    let definition = manifest::load(manifest, &[], Registry::linked().unwrap()).definition.unwrap();
    let engine = FlowEngine::on(InMemoryEventStore::new()).output_directory(outputs).definition(definition);
    engine.run_to_end().unwrap();
    (engine.event_variants().unwrap(), engine.flow_fingerprint().unwrap().unwrap().to_string())
}

fn survives(address: &str, store: &Arc<dyn EventStore>) {
    let begun = Instant::now();
    let mut dice = Dice(6);
    // An estimate of how long a whole run takes, refined as runs complete.
    let mut whole = Duration::from_millis(300);
    let (mut kills, mut runs) = (0, 0);
    while kills < KILLS {
        runs += 1;
        let (place, elsewhere) = (Place::new(), Place::new());
        // Each run has a different text, so that it cannot reuse the results of another.
        let flow = slow_flow(STEPS, 3).replace("text: CCO", &format!("text: run {runs}"));
        place.write("slow.yaml", &flow);
        let expected = undisturbed(&place.path().join("slow.yaml"), elsewhere.path());
        let known: Vec<FlowId> = store.all_runs().unwrap().iter().map(|flow| flow.flow_id()).collect();
        let mut run: Option<FlowId> = None;
        loop {
            let (finished, before) = match run {
                Some(run) => (finished(store.as_ref(), run), ran(place.path())),
                None => Default::default(),
            };
            let id = run.map(|run| run.to_string());
            let command = match &id {
                Some(id) => ["resume", id.as_str()],
                None => ["run", "slow.yaml"],
            };
            // A server may execute the last append of a process after the process was killed and after this test has
            // checked.
            let mut child = place.spawn(&[&command[..], &["-q", "--format", "json", "--store", address]].concat());
            // One process in four is not killed, so that runs end.
            let spared = dice.below(4) == 0 || kills == KILLS;
            if spared {
                let began = Instant::now();
                let output = child.wait_with_output().unwrap();
                // The process fails if that last append has ended the run.
                let ended = || run.is_some_and(|run| status(store.as_ref(), run) == FlowStatus::Completed);
                assert!(output.status.success() || ended(), "{}", String::from_utf8_lossy(&output.stderr));
                // A run that was not visible before may appear beside the one that has just ended.
                run = run.or_else(|| {
                    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
                    Some(printed["flow_id"].as_str().unwrap().parse().unwrap())
                });
                whole = whole.min(began.elapsed().max(Duration::from_millis(20)));
            } else {
                std::thread::sleep(Duration::from_micros(dice.below(whole.as_micros() as u64 * 5 / 4)));
                kills += usize::from(child.try_wait().unwrap().is_none());
                child.kill().unwrap();
                child.wait().unwrap();
            }
            let after = ran(place.path());
            for step in finished {
                assert_eq!(after.get(&step), before.get(&step), "`{step}` had finished and ran again");
            }
            run =
                run.or_else(|| store.all_runs().unwrap().iter().map(|it| it.flow_id()).find(|id| !known.contains(id)));
            let Some(run) = run else { continue };
            let events = store.list(run).unwrap();
            let instance = replay(run, &events).unwrap();
            match instance.status() {
                FlowStatus::Interrupted => assert!(!spared, "it ended without an end"),
                FlowStatus::Completed => {
                    // If the first run was not visible by then, the next one reuses what it had finished.
                    let letters = event_variants(&events).replace('H', "F");
                    let found = (letters, instance.flow_fingerprint().unwrap().to_string());
                    assert_eq!(found, expected);
                    break;
                }
                status => panic!("{status:?}: {events:?}"),
            }
        }
    }
    eprintln!("{kills} kills over {runs} runs in {:.1?}", begun.elapsed());
}

fn status(store: &dyn EventStore, run: FlowId) -> FlowStatus {
    replay(run, &store.list(run).unwrap()).unwrap().status()
}

/// Returns the ids of the run's finished steps.
fn finished(store: &dyn EventStore, run: FlowId) -> Vec<String> {
    let instance = replay(run, &store.list(run).unwrap()).unwrap();
    let finished = instance.steps().iter().filter(|step| step.status == StepStatus::FinishedOk);
    finished.map(|step| step.id.clone()).collect()
}

#[test]
fn two_hundred_kills_on_sqlite() {
    let place = Place::new();
    let path = place.path().join("store.db");
    let store: Arc<dyn EventStore> = Arc::new(SqliteEventStore::open(&path).unwrap());
    survives(&format!("sqlite:{}", path.display()), &store);
}

#[cfg(all(feature = "postgres", unix))]
#[test]
fn two_hundred_kills_on_postgres() {
    use chem_runtime::store::postgres::PgEventStore;
    let Some(database) = chem_tests::postgres_server::database() else { return };
    let store: Arc<dyn EventStore> = Arc::new(PgEventStore::open(&database.address()).unwrap());
    survives(&database.url(), &store);
}
