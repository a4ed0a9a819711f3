//! What a spool guarantees beyond the laws: who may take over from a machine that is silent, and what is left by processes that
//! were killed.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::store::spool::SpoolEventStore;
use chem_runtime::store::{
    ErrorClass, EventLog as _, EventStore as _, Holder, Lease, LeaseTerms, Leases as _, OpenMode, PersistenceError,
    RunIndex as _, Takeover,
};
use chem_tests::events::{finished_work, hash, numbered};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(3600);

/// Returns a process on another machine, of which nothing but its sign of life can be known.
fn far_away() -> Holder {
    Holder { host: "far".into(), place: "away".into(), pid: 7, started: 1, job: None }
}

fn open(directory: &TempDir, shows_every: Duration, lapses_after: Duration) -> SpoolEventStore {
    let path = directory.path().join("spool");
    SpoolEventStore::open_with_terms(path, OpenMode::Create, LeaseTerms { shows_every, lapses_after }).unwrap()
}

/// Begins a run on another machine.
fn begin(store: &SpoolEventStore) -> Lease {
    let lease = Lease::of_new_run(FlowId::new(), far_away());
    store.append_as((&lease).into(), 0, &[numbered(0)]).unwrap();
    lease
}

fn take(store: &SpoolEventStore, run: FlowId) -> Result<Lease, PersistenceError> {
    store.acquire_lease(run, &Holder::this_process(), Takeover::IfFree)
}

/// Returns the only file in a directory of a spool.
fn only_file(store: &SpoolEventStore, directory: &str) -> fs::DirEntry {
    let mut files = fs::read_dir(store.path().join(directory)).unwrap();
    let (only, None) = (files.next().unwrap().unwrap(), files.next()) else { panic!("{directory} has several files") };
    only
}

#[test]
fn a_machine_that_is_silent_is_replaced_and_cannot_write_when_it_continues() {
    let directory = tempfile::tempdir().unwrap();
    let silent = open(&directory, LONG, LONG);
    let lease = begin(&silent);
    let patient = open(&directory, LONG, LONG);
    assert!(matches!(take(&patient, lease.flow_id), Err(PersistenceError::Held { .. })));
    let impatient = open(&directory, Duration::from_millis(1), Duration::from_millis(20));
    let begun = Instant::now();
    let taken = loop {
        match take(&impatient, lease.flow_id) {
            Ok(taken) => break taken,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "{error}"),
        }
    };
    assert_eq!(taken.epoch, 2);
    let fenced = silent.append_as((&lease).into(), 1, &[numbered(9)]).unwrap_err();
    assert!(matches!(fenced, PersistenceError::Fenced { holder: Some(_), .. }), "{fenced:?}");
    impatient.append_as((&taken).into(), 1, &[numbered(1)]).unwrap();
    assert_eq!(silent.list(lease.flow_id).unwrap(), impatient.list(lease.flow_id).unwrap());
}

#[test]
fn a_machine_shows_that_it_is_alive_for_as_long_as_it_holds_leases() {
    let directory = tempfile::tempdir().unwrap();
    let alive = open(&directory, Duration::from_millis(1), LONG);
    let lease = begin(&alive);
    let (sign, begun) = (only_file(&alive, "alive").path(), Instant::now());
    let shown = fs::metadata(&sign).unwrap().modified().unwrap();
    while fs::metadata(&sign).unwrap().modified().unwrap() == shown {
        assert!(begun.elapsed() < Duration::from_secs(60), "the sign was not shown again");
        std::thread::yield_now();
    }
    // A sign that was removed comes back, and one that is withdrawn does not.
    fs::remove_file(&sign).unwrap();
    while !sign.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the sign did not come back");
        std::thread::yield_now();
    }
    let other = open(&directory, LONG, LONG);
    assert!(matches!(take(&other, lease.flow_id), Err(PersistenceError::Held { .. })));
    drop(alive);
    assert!(!sign.exists());
    assert_eq!(take(&other, lease.flow_id).unwrap().epoch, 2);
}

#[test]
fn names_that_lead_to_nothing_are_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let (store, run) = (open(&directory, LONG, LONG), FlowId::new());
    store.append(run, 0, &[finished_work(hash(1), [])]).unwrap();
    let runs = store.all_runs().unwrap();
    let results = store.find_cached(hash(1), None, 9).unwrap();
    let path = |name: &str| store.path().join(name);
    // Writers were killed before their commits: with a name of a run, with one that is not whole, with a run without a commit,
    // with a result, and while they wrote a commit.
    fs::write(path("begun/7fffffffffffffff"), FlowId::new().to_string()).unwrap();
    fs::write(path("begun/7ffffffffffffffe"), run.to_string()).unwrap();
    fs::write(path("begun/7ffffffffffffffd"), "").unwrap();
    fs::create_dir(path("runs").join(FlowId::new().to_string())).unwrap();
    fs::write(path("runs").join(run.to_string()).join(".left"), "{\"pos").unwrap();
    let beside = |name: String| fs::write(only_file(&store, "results").path().join(name), "").unwrap();
    let key: String = hash::<chem_runtime::fingerprint::CacheKey>(1).to_string();
    beside(format!("cache.{key}.7fffffffffffffff.{run}.0"));
    beside(format!("cache.{key}.7fffffffffffffff.{run}.5"));
    beside(format!("cache.{key}.x.{run}"));
    for store in [&store, &open(&directory, LONG, LONG)] {
        assert_eq!(store.all_runs().unwrap(), runs);
        assert_eq!(store.find_run_ids("", 9).unwrap(), [run]);
        assert_eq!(store.find_cached(hash(1), None, 9).unwrap(), results);
    }
    store.append(run, 1, &[numbered(1)]).unwrap();
}

#[test]
fn a_damaged_commit_is_named_and_no_other_run_suffers() {
    let directory = tempfile::tempdir().unwrap();
    let (store, runs) = (open(&directory, LONG, LONG), [FlowId::new(), FlowId::new()]);
    for run in runs {
        store.append(run, 0, &[numbered(0)]).unwrap();
        store.append(run, 1, &[numbered(1)]).unwrap();
    }
    let file = |number: &str| store.path().join("runs").join(runs[0].to_string()).join(number);
    let is_named = |file: &Path| {
        let error = open(&directory, LONG, LONG).list(runs[0]).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Corrupt);
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        assert_eq!(open(&directory, LONG, LONG).list(runs[1]).unwrap().len(), 2);
    };
    let whole = fs::read(file("00000001")).unwrap();
    fs::write(file("00000001"), &whole[..whole.len() / 2]).unwrap();
    is_named(&file("00000001"));
    // A commit that was put at another number.
    fs::copy(file("00000000"), file("00000001")).unwrap();
    is_named(&file("00000001"));
}

/// The number of an event is greater than those of all events that its writer had read, so that a retry comes after the failure
/// that it repeats, although the clock of the machine that failed is ahead.
#[test]
fn an_event_comes_after_those_that_its_writer_had_read() {
    let directory = tempfile::tempdir().unwrap();
    let (far, near) = (open(&directory, LONG, LONG), open(&directory, LONG, LONG));
    let (child, parent) = (FlowId::new(), FlowId::new());
    far.append(child, 0, &[numbered(0)]).unwrap();
    // An hour ahead.
    let commit = only_file(&far, &format!("runs/{child}")).path();
    let seq = far.list(child).unwrap()[0].seq;
    let ahead = seq + ((3600 * 1_000_000) << 10);
    let text = fs::read_to_string(&commit).unwrap().replace(&seq.to_string(), &ahead.to_string());
    fs::write(&commit, text).unwrap();
    assert_eq!(near.list(child).unwrap()[0].seq, ahead);
    near.append(parent, 0, &[numbered(0)]).unwrap();
    let event = near.list(parent).unwrap().remove(0);
    assert!(event.seq > ahead && matches!(event.kind, FlowEventKind::StepSignal(_)));
}
