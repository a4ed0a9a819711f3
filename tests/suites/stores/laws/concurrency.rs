//! Many concurrent writers.

use std::sync::{Arc, Barrier};

use chem_runtime::event::FlowId;
use chem_runtime::store::{EventStore, Holder, Lease, PersistenceError};
use chem_tests::events::{artifact, finished, numbered, signal};
use chem_tests::stores::Backend;

const WRITERS: u64 = 16;
const EACH: u64 = 8;

pub(super) fn of_many_writers_on_one_run_one_wins_each_position(backend: &dyn Backend) {
    let (stores, flow_id, barrier) = (openings(backend), FlowId::new(), Barrier::new(WRITERS as usize));
    let won: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, barrier) = (stores[writer as usize % stores.len()].clone(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    append_until_won(&*store, flow_id, writer)
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let events = stores[0].list(flow_id).unwrap();
    assert_eq!(events.len() as u64, WRITERS * EACH);
    for (position, event) in (0..).zip(&events) {
        assert_eq!(event.position, position);
        let winners: Vec<u64> = won.iter().filter(|(_, at)| *at == position).map(|(writer, _)| *writer).collect();
        assert_eq!(winners.len(), 1, "position {position}");
        assert_eq!(event.kind, signal(winners[0]), "position {position}");
    }
}

/// Returns the store opened several times, as separate processes would.
fn openings(backend: &dyn Backend) -> Vec<Arc<dyn EventStore>> {
    (0..3).filter_map(|_| backend.reopen()).chain([backend.store()]).collect()
}

/// Appends until `EACH` appends have succeeded, retrying each conflict at the position it reports. Returns the writer and
/// position of each.
fn append_until_won(store: &dyn EventStore, flow_id: FlowId, writer: u64) -> Vec<(u64, u64)> {
    let (mut won, mut next) = (Vec::new(), 0);
    while (won.len() as u64) < EACH {
        match store.append(flow_id, next, &[numbered(writer)]) {
            Ok(_) => {
                won.push((writer, next));
                next += 1;
            }
            Err(PersistenceError::Conflict { found, .. }) => {
                assert!(found > next, "a conflict at {next} says {found}");
                next = found;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    won
}

pub(super) fn many_writers_on_many_runs_do_not_disturb_each_other(backend: &dyn Backend) {
    let (stores, barrier) = (openings(backend), Barrier::new(WRITERS as usize));
    let runs: Vec<FlowId> = (0..WRITERS).map(|_| FlowId::new()).collect();
    std::thread::scope(|scope| {
        for (&run, store) in runs.iter().zip(stores.iter().cycle()) {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                for position in 0..EACH {
                    // All writers store the same artifacts.
                    store.append(run, position, &[finished([artifact(position)])]).unwrap();
                }
            });
        }
    });
    let mut all = Vec::new();
    for &run in &runs {
        let events = stores[0].list(run).unwrap();
        let positions: Vec<u64> = events.iter().map(|event| event.position).collect();
        assert_eq!(positions, (0..EACH).collect::<Vec<_>>());
        all.extend(events.iter().map(|event| event.seq));
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len() as u64, WRITERS * EACH, "two events have one seq");
    assert_eq!(stores[0].find_artifact_hashes("", 99).unwrap().len() as u64, EACH);
}

pub(super) fn of_appends_at_the_same_time_the_wrong_ones_are_refused_and_no_others(backend: &dyn Backend) {
    let (store, barrier) = (backend.store(), Barrier::new(WRITERS as usize));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                for round in 0..EACH {
                    let lease = Lease::of_new_run(FlowId::new(), Holder::this_process());
                    let stored =
                        || (store.list(lease.flow_id).unwrap().len(), store.read_lease(lease.flow_id).unwrap());
                    barrier.wait();
                    let at = |position| store.append_as((&lease).into(), position, &[numbered(round)]);
                    match writer % 4 {
                        0 => {
                            assert!(matches!(at(2), Err(PersistenceError::Fenced { .. })));
                            assert_eq!(stored(), (0, None));
                        }
                        1 => {
                            let ahead = store.append(lease.flow_id, 1, &[numbered(round)]);
                            assert!(matches!(ahead, Err(PersistenceError::Conflict { found: 0, .. })), "{ahead:?}");
                            assert_eq!(stored(), (0, None));
                        }
                        _ => {
                            at(0).unwrap();
                            let (events, recorded) = stored();
                            assert_eq!((events, recorded.map(|lease| lease.epoch)), (1, Some(1)));
                        }
                    }
                }
            });
        }
    });
}

pub(super) fn two_openings_of_one_store_see_each_other(backend: &dyn Backend) {
    let (store, flow_id) = (backend.store(), FlowId::new());
    let Some(other) = backend.reopen() else { return };
    store.append(flow_id, 0, &[numbered(0)]).unwrap();
    assert_eq!(other.list(flow_id).unwrap(), store.list(flow_id).unwrap());
    other.append(flow_id, 1, &[finished([artifact(1)])]).unwrap();
    assert!(matches!(store.append(flow_id, 1, &[numbered(9)]), Err(PersistenceError::Conflict { found: 2, .. })));
    assert_eq!(store.read_artifact(artifact(1).hash()).unwrap(), Some(artifact(1)));
    assert_eq!(store.all_runs().unwrap(), other.all_runs().unwrap());
}
