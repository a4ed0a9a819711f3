//! Many concurrent writers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::PgEventStore;
use chem_runtime::store::{EventLog as _, EventStore, Follower, PersistenceError};
use chem_tests::events::{artifact, finished, numbered};

use crate::store_or_skip;

#[test]
fn positions_are_contiguous_under_sixteen_writers_on_each_run() {
    const WRITERS: usize = 16;
    const RUNS: usize = 4;
    const EACH: usize = 10;
    let (store, database) = store_or_skip!();
    let other = PgEventStore::open(&database.address()).unwrap();
    let runs: Vec<FlowId> = (0..RUNS).map(|_| FlowId::new()).collect();
    let barrier = Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (runs, barrier) = (&runs, &barrier);
            let store = if writer % 2 == 0 { &store } else { &other };
            scope.spawn(move || {
                barrier.wait();
                for turn in 0..EACH * RUNS {
                    // Writers use different orders and batch sizes.
                    let run = runs[(turn + writer) % RUNS];
                    let batch: Vec<_> = (0..=writer % 3).map(|number| numbered(number as u64)).collect();
                    let mut expected = store.next_position(run).unwrap();
                    loop {
                        match store.append(run, expected, &batch) {
                            Ok(_) => break,
                            Err(PersistenceError::Conflict { found, .. }) => expected = found,
                            Err(error) => panic!("{}", crate::told(&error)),
                        }
                    }
                }
            });
        }
    });
    let appended: usize = (0..WRITERS).map(|writer| (writer % 3 + 1) * EACH).sum();
    for run in runs {
        let positions: Vec<u64> = store.list(run).unwrap().iter().map(|event| event.position).collect();
        assert_eq!(positions, (0..appended as u64).collect::<Vec<_>>());
    }
}

#[test]
fn ten_thousand_concurrent_appends_are_followed_without_a_gap() {
    const WRITERS: usize = 40;
    const EACH: u64 = 250;
    let (store, database) = store_or_skip!();
    let stores = [Arc::new(store), Arc::new(PgEventStore::open(&database.address()).unwrap())];
    let all = WRITERS * EACH as usize;
    let read = std::thread::scope(|scope| {
        let reader =
            scope.spawn(|| Follower::new(&*stores[0], Default::default()).take(all).collect::<Result<Vec<_>, _>>());
        for writer in 0..WRITERS {
            let store = stores[writer % 2].clone();
            scope.spawn(move || {
                let run = FlowId::new();
                for position in 0..EACH {
                    store.append(run, position, &[numbered(position)]).unwrap();
                }
            });
        }
        reader.join().unwrap().unwrap()
    });
    let seqs: BTreeSet<u64> = read.iter().map(|event| event.seq).collect();
    assert_eq!(seqs.len(), all, "an event came twice");
    let mut next: BTreeMap<FlowId, u64> = BTreeMap::new();
    for event in &read {
        let due = next.entry(event.flow_id).or_default();
        assert_eq!(event.position, *due, "run {}", event.flow_id);
        *due += 1;
    }
    assert_eq!(next.into_values().collect::<BTreeSet<_>>(), [EACH].into());
    let end = stores[1].follow(Default::default(), all + 1, Duration::ZERO).unwrap();
    assert_eq!(end.events, read, "another reader gets another order");
}

/// Returns the number of transactions that committed the events of the store.
fn commits(database: &chem_tests::postgres_server::TestDatabase) -> i64 {
    database.client().query_one("SELECT count(DISTINCT xact) FROM event_log", &[]).unwrap().get(0)
}

#[test]
fn writers_that_come_at_the_same_time_share_commits() {
    const WRITERS: usize = 64;
    const EACH: u64 = 10;
    let (store, database) = store_or_skip!();
    let barrier = Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let run = FlowId::new();
                barrier.wait();
                for position in 0..EACH {
                    // All writers store the same artifacts.
                    store.append(run, position, &[finished([artifact(position)])]).unwrap();
                }
            });
        }
    });
    let appends = (WRITERS as u64 * EACH) as i64;
    assert!(commits(&database) * 4 < appends, "{} commits for {appends} appends", commits(&database));
}

#[test]
fn a_single_writer_has_a_commit_for_each_append() {
    let (store, database) = store_or_skip!();
    let run = FlowId::new();
    for position in 0..10 {
        store.append(run, position * 2, &[numbered(0), finished([artifact(position)])]).unwrap();
    }
    assert_eq!(commits(&database), 10);
}

#[test]
fn the_conflict_of_one_run_and_the_fault_of_another_leave_the_rest_alone() {
    const WRITERS: usize = 48;
    let (store, database) = store_or_skip!();
    // A constraint that the database checks and this program does not know.
    database.client().batch_execute("ALTER TABLE event_log ADD CHECK (NOT payload @> '{\"data\": 13}')").unwrap();
    let barrier = Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                let run = FlowId::new();
                for round in 0..8 {
                    barrier.wait();
                    match writer % 6 {
                        0 => {
                            let error = store.append(run, round + 1, &[numbered(0)]).unwrap_err();
                            assert!(matches!(error, PersistenceError::Conflict { found: 0, .. }), "{error:?}");
                        }
                        1 => {
                            let error = store.append(run, 0, &[numbered(13)]).unwrap_err();
                            assert!(matches!(error, PersistenceError::Backend { transient: false, .. }), "{error:?}");
                            assert!(crate::told(&error).contains("23514"), "{}", crate::told(&error));
                        }
                        _ => store.append(run, round, &[numbered(round)]).unwrap(),
                    }
                }
                assert_eq!(store.next_position(run).unwrap(), if writer % 6 < 2 { 0 } else { 8 });
            });
        }
    });
}

#[test]
fn the_writers_of_one_run_in_one_process_come_one_after_the_other() {
    const WRITERS: u64 = 32;
    let (store, _database) = store_or_skip!();
    let (run, barrier) = (FlowId::new(), Barrier::new(WRITERS as usize));
    let won: usize = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    match store.append(run, 0, &[numbered(writer), numbered(writer)]) {
                        Ok(()) => 1,
                        Err(PersistenceError::Conflict { expected: 0, found: 2, .. }) => 0,
                        Err(error) => panic!("{error:?}"),
                    }
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
    assert_eq!(store.list(run).unwrap().len(), 2);
}
