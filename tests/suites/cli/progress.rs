//! Kills the real program in the middle of a step that works row by row. The resumed run continues behind the chunks that the
//! step had stored, and ends like an undisturbed one.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chem_runtime::event::{FlowEventKind, FlowId, StepProgress};
use chem_runtime::flow::replay;
use chem_runtime::store::EventStore;
use chem_runtime::store::sqlite::SqliteEventStore;

use crate::harness::Place;

const ROWS: u64 = 12_000;

/// Each row takes a while on a thread that sleeps, so that the step takes seconds on any machine, and stores what it has done.
fn flow(place: &Place) {
    let rows: String = (0..ROWS).map(|row| format!("{row},name {row}\n")).collect();
    place.write("numbers.csv", &format!("n,name\n{rows}"));
    place.write(
        "rows.yaml",
        "flow: rows
steps:
  - { id: read, uses: table.read, with: { path: numbers.csv } }
  - { id: square, uses: test.slow_rows, with: { column: n, wait: 1000, worked: worked.txt } }
  - { id: even, uses: table.filter, with: { where: n % 2 == 0 } }
  - { id: write, uses: table.write, with: { path: out/even.csv } }
",
    );
}

/// Returns the number of rows on which the slow step has worked in the directory of a run.
fn worked(directory: &Path) -> u64 {
    std::fs::read_to_string(directory.join("worked.txt")).unwrap_or_default().lines().count() as u64
}

/// Returns the events of a run without those of progress, whose number depends on time, and without what its environment was
/// and what its steps used.
fn events(store: &dyn EventStore, run: FlowId) -> Vec<FlowEventKind> {
    let kinds = store.list(run).unwrap().into_iter().map(|event| event.kind);
    let kinds = kinds.map(|kind| match kind {
        FlowEventKind::FlowInitialized(mut begun) => {
            begun.environment = Default::default();
            FlowEventKind::FlowInitialized(begun)
        }
        FlowEventKind::StepFinished(mut finished) => {
            finished.usage = None;
            FlowEventKind::StepFinished(finished)
        }
        kind => kind,
    });
    kinds.filter(|kind| !matches!(kind, FlowEventKind::StepProgressed(_))).collect()
}

fn progress(store: &dyn EventStore, run: FlowId) -> Option<StepProgress> {
    replay(run, &store.list(run).unwrap()).unwrap().current().and_then(|(_, step)| step.progress.clone())
}

fn newest(store: &dyn EventStore) -> Option<FlowId> {
    store.all_runs().unwrap().iter().map(|run| run.flow_id()).max()
}

fn survives(address: &str, store: &Arc<dyn EventStore>) {
    let (place, elsewhere) = (Place::new(), Place::new());
    flow(&place);
    flow(&elsewhere);
    let mut child = place.spawn(&["run", "rows.yaml", "-q", "--store", address]);
    let began = Instant::now();
    let run = loop {
        let run = newest(store.as_ref());
        if let Some(run) = run.filter(|run| progress(store.as_ref(), *run).is_some()) {
            break run;
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended before the step had stored anything");
        assert!(began.elapsed() < Duration::from_secs(120), "the step stores nothing");
        std::thread::sleep(Duration::from_millis(20));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let stored = progress(store.as_ref(), run).unwrap();
    assert!(stored.chunks() > 0 && stored.position < ROWS, "{stored:?}");
    let before = worked(place.path());
    assert!(before >= stored.position);

    place.chem(&["resume", &run.to_string(), "-q", "--store", address]).expect(0);
    let again = worked(place.path()) - before;
    assert_eq!(again, ROWS - stored.position, "rows that were stored were worked on again");
    let letters = place.chem(&["show", &run.to_string(), "--store", address, "--format", "json"]).expect(0).json();
    assert!(letters["event_variants"].as_str().unwrap().contains('K'), "{letters}");

    let undisturbed = elsewhere.path().join("undisturbed.db");
    let there = format!("sqlite:{}", undisturbed.display());
    elsewhere.chem(&["run", "rows.yaml", "-q", "--store", &there]).expect(0);
    let other: Arc<dyn EventStore> = Arc::new(SqliteEventStore::open(&undisturbed).unwrap());
    let expected = events(other.as_ref(), newest(other.as_ref()).unwrap());
    assert_eq!(events(store.as_ref(), run), expected);
    assert_eq!(worked(elsewhere.path()), ROWS);
    let written = |place: &Place| std::fs::read_to_string(place.path().join("out/even.csv")).unwrap();
    assert_eq!(written(&place), written(&elsewhere));
    for command in [&["store", "check", "--deep"][..], &["verify", &run.to_string()]] {
        place.chem(&[command, &["--store", address]].concat()).expect(0);
    }
}

#[test]
fn a_killed_step_continues_behind_its_chunks_on_sqlite() {
    let place = Place::new();
    let path = place.path().join("store.db");
    let store: Arc<dyn EventStore> = Arc::new(SqliteEventStore::open(&path).unwrap());
    survives(&format!("sqlite:{}", path.display()), &store);
}

#[cfg(all(feature = "postgres", unix))]
#[test]
fn a_killed_step_continues_behind_its_chunks_on_postgres() {
    use chem_runtime::store::postgres::PgEventStore;
    let Some(database) = chem_tests::postgres_server::database() else { return };
    let store: Arc<dyn EventStore> = Arc::new(PgEventStore::open(&database.address()).unwrap());
    survives(&database.url(), &store);
}

/// Ctrl-C ends a run like a kill: what the step had stored is not done again.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_step_continues_behind_its_chunks() {
    let place = Place::new();
    flow(&place);
    let path = place.path().join("store.db");
    let store: Arc<dyn EventStore> = Arc::new(SqliteEventStore::open(&path).unwrap());
    let address = format!("sqlite:{}", path.display());
    let child = place.spawn(&["run", "rows.yaml", "-q", "--store", &address]);
    let began = Instant::now();
    let run = loop {
        if let Some(run) = newest(store.as_ref()).filter(|run| progress(store.as_ref(), *run).is_some()) {
            break run;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "the step stores nothing");
        std::thread::sleep(Duration::from_millis(20));
    };
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let (stored, before) = (progress(store.as_ref(), run).unwrap(), worked(place.path()));
    place.chem(&["resume", &run.to_string(), "-q", "--store", &address]).expect(0);
    assert_eq!(worked(place.path()) - before, ROWS - stored.position);
}
