//! Writers and sealers that are killed at any moment leave a log whose audit finds nothing.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use chem_runtime::event::FlowId;
use chem_runtime::evidence::{Witness, audit, prove_run, seal};
use chem_runtime::store::{EventStore, OpenMode, StoreUrl};
use chem_tests::effort::rounds;

const WRITERS: u64 = 16;
/// The number of pairs of events in a commit.
const PAIRS: &str = "25";

/// A process that repeats its work and prints a number after each time.
struct Worker {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Worker {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_store-child"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Returns the number after the next time.
    fn next(&mut self) -> Option<u64> {
        Some(self.lines.next()?.unwrap().parse().unwrap())
    }

    /// Kills the process in the middle of its work. Returns the last number that it printed.
    ///
    /// A process that had to wait too long for the others has ended by itself.
    #[track_caller]
    fn kill(mut self) -> Option<u64> {
        self.child.kill().unwrap();
        let last = std::iter::from_fn(|| self.next()).last();
        let output = self.child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_none() || said.contains("waited 30 s for another process"), "{said}");
        last
    }
}

/// Appends at least `wanted` events by processes that are killed, while another process, killed too, seals the log, and this
/// one audits it.
fn no_false_alarm(url: &StoreUrl, wanted: u64) {
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("witness");
    let (witness, address) = (Witness::new(&kept), url.to_string());
    let (kept, address) = (kept.to_str().unwrap(), address.as_str());
    let store = url.open(OpenMode::Create).unwrap();
    let (over, audits, seals, kills) =
        (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let runs: Vec<FlowId> = (0..WRITERS).map(|_| FlowId::new()).collect();
    std::thread::scope(|scope| {
        let (over, seals, kills) = (&over, &seals, &kills);
        let writers: Vec<_> = (0..)
            .zip(&runs)
            .map(|(number, run)| {
                scope.spawn(move || {
                    let (run, mut written, mut life) = (run.to_string(), 0, 0);
                    while written < wanted.div_ceil(WRITERS) {
                        let mut writer = Worker::start(&["append", address, &run, PAIRS]);
                        // Each life has another length, and the shortest ends in the first commit.
                        let times = (number * 5 + life * 7) % 40;
                        written = (0..times).map_while(|_| writer.next()).last().unwrap_or(written);
                        written = writer.kill().unwrap_or(written);
                        life += 1;
                        kills.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        scope.spawn(move || {
            for life in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let mut sealer = Worker::start(&["seal", address, kept]);
                let sealed = (0..life % 5).map_while(|_| sealer.next()).count();
                seals.fetch_add(sealed as u64, Ordering::Relaxed);
                sealer.kill();
            }
        });
        let (store, witness, audits) = (&store, &witness, &audits);
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                sound(store.as_ref(), witness);
                audits.fetch_add(1, Ordering::Relaxed);
            }
        });
        // The others stop even if a writer has failed.
        let failed = writers.into_iter().map(|writer| writer.join()).filter(Result::is_err).count();
        over.store(true, Ordering::Relaxed);
        assert_eq!(failed, 0);
    });
    let begun = Instant::now();
    let sealed = seal(store.as_ref(), Some(&witness), None).unwrap();
    let (sealing, begun) = (begun.elapsed(), Instant::now());
    let events = sound(store.as_ref(), &witness);
    let auditing = begun.elapsed();
    assert_eq!(sealed.checkpoint.unwrap().size, events);
    assert!(events >= wanted, "{events}");
    let proof = prove_run(store.as_ref(), runs[0]).unwrap().unwrap().to_string();
    assert!(proof.len() <= 2_048, "{proof}");
    println!(
        "{events} events, {} kills of writers, {} seals and {} audits meanwhile; last seal of {} events {sealing:.1?}, \
         audit {auditing:.1?}, proof of a run {} bytes",
        kills.into_inner(),
        seals.into_inner(),
        audits.into_inner(),
        sealed.events,
        proof.len()
    );
}

/// Audits the store and returns the number of its events.
#[track_caller]
fn sound(store: &dyn EventStore, witness: &Witness) -> u64 {
    let audited = audit(store, Some(witness), None).unwrap();
    assert_eq!(audited.findings, []);
    audited.events
}

/// Returns the number of events to append: a million at the effort of the nightly tests.
fn wanted() -> u64 {
    rounds(10_000) as u64
}

#[test]
fn killed_writers_and_sealers_of_a_file_give_no_false_alarm() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("store.db").display());
    no_false_alarm(&url.parse().unwrap(), wanted());
}

#[cfg(all(feature = "postgres", unix))]
#[test]
fn killed_writers_and_sealers_of_a_database_give_no_false_alarm() {
    let Some(database) = chem_tests::postgres_server::database() else { return };
    no_false_alarm(&database.url().parse().unwrap(), wanted());
}
