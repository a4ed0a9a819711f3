//! Who holds the lease on a run, by the database's clock.

use std::time::Duration;

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::PgEventStore;
use chem_runtime::store::{EventLog as _, Holder, Lease, LeaseTerms, Leases as _, PersistenceError, Takeover};
use chem_tests::effort::rounds;
use chem_tests::events::numbered;
use chem_tests::postgres_server::TestDatabase;
use postgres::error::SqlState;

use crate::{store_or_skip, until};

fn far_away() -> Holder {
    Holder { host: "far".into(), place: "away".into(), pid: 7, started: 1, job: None }
}

#[test]
fn a_holder_that_does_not_show_itself_loses_its_run() {
    let (store, database) = store_or_skip!();
    let (run, me) = (FlowId::new(), Holder::this_process());
    store.append_as((&Lease::of_new_run(run, far_away())).into(), 0, &[numbered(0)]).unwrap();
    assert!(matches!(store.acquire_lease(run, &me, Takeover::IfFree), Err(PersistenceError::Held { .. })));
    let mut client = database.client();
    let past = |seconds: u32| format!("UPDATE flow_leases SET renewed_at = now() - interval '{seconds} seconds'");
    client.batch_execute(&past(50)).unwrap();
    assert!(matches!(store.acquire_lease(run, &me, Takeover::IfFree), Err(PersistenceError::Held { .. })));
    client.batch_execute(&past(61)).unwrap();
    assert_eq!(store.acquire_lease(run, &me, Takeover::IfFree).unwrap().epoch, 2);
}

#[test]
fn a_store_shows_that_it_has_its_runs_in_hand_until_they_end() {
    let Some(database) = chem_tests::postgres_server::database() else { return };
    let terms = LeaseTerms { shows_every: Duration::from_millis(5), ..LeaseTerms::default() };
    let store = PgEventStore::open(&database.address()).unwrap().with_lease_terms(terms);
    let (taken, begun, let_go) = (FlowId::new(), FlowId::new(), FlowId::new());
    store.append(taken, 0, &[numbered(0)]).unwrap();
    store.acquire_lease(taken, &far_away(), Takeover::IfFree).unwrap();
    for run in [begun, let_go] {
        store.append_as((&Lease::of_new_run(run, far_away())).into(), 0, &[numbered(0)]).unwrap();
    }
    store.release_lease(&Lease::of_new_run(let_go, far_away())).unwrap();

    let mut client = database.client();
    let shown = |client: &mut postgres::Client, run: FlowId| -> Option<bool> {
        let sql = "SELECT renewed_at > taken_at FROM flow_leases WHERE flow_id = $1";
        client.query_one(sql, &[&run.as_uuid()]).unwrap().get(0)
    };
    let is_at_work = || shown(&mut client, taken) == Some(true) && shown(&mut client, begun) == Some(true);
    until("the writer shows itself", is_at_work);
    assert_eq!(shown(&mut client, let_go), None);
}

#[test]
fn an_old_writer_in_the_same_process_does_not_silence_the_new_one() {
    let Some(database) = chem_tests::postgres_server::database() else { return };
    let terms = LeaseTerms { shows_every: Duration::from_millis(5), ..LeaseTerms::default() };
    let store = PgEventStore::open(&database.address()).unwrap().with_lease_terms(terms);
    let run = FlowId::new();
    let old = Lease::of_new_run(run, far_away());
    store.append_as((&old).into(), 0, &[numbered(0)]).unwrap();
    store.acquire_lease(run, &far_away(), Takeover::Always).unwrap();
    assert!(matches!(store.append_as((&old).into(), 1, &[numbered(1)]), Err(PersistenceError::Fenced { .. })));
    store.release_lease(&old).unwrap();
    let mut client = database.client();
    client.batch_execute("UPDATE flow_leases SET renewed_at = taken_at").unwrap();
    let renewed = "SELECT renewed_at > taken_at FROM flow_leases";
    until("the new writer shows itself", || client.query_one(renewed, &[]).unwrap().get::<_, bool>(0));
}

#[test]
fn a_zombie_is_refused_by_the_database_with_a_state_of_its_own() {
    let (store, database) = store_or_skip!();
    for _ in 0..rounds(1) {
        refuses_a_zombie(&store, &database);
    }
}

fn refuses_a_zombie(store: &PgEventStore, database: &TestDatabase) {
    let run = FlowId::new();
    let zombie = Lease::of_new_run(run, far_away());
    store.append_as((&zombie).into(), 0, &[numbered(0)]).unwrap();
    store.acquire_lease(run, &Holder::this_process(), Takeover::Always).unwrap();
    // The zombie wakes up during an append, of which only its statement is left: for its run alone, or batched with other
    // runs.
    let alone = |epoch: i64, position: i64| {
        format!(
            "SELECT chem_append_to_run('{run}', {position}, {epoch}, NULL, ARRAY['stepsignal'], ARRAY['{{}}'],
                 '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}')"
        )
    };
    let shared = |epoch: i64, position: i64| {
        format!(
            "SELECT chem_append(ARRAY['{run}']::uuid[], ARRAY[{position}], ARRAY[{epoch}], ARRAY[NULL],
                 ARRAY[1], ARRAY['stepsignal'], ARRAY['{{}}'],
                 '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}')"
        )
    };
    let mut client = database.client();
    for (position, is_alone) in [(1, true), (2, false)] {
        let call = |epoch, position| if is_alone { alone(epoch, position) } else { shared(epoch, position) };
        let fenced = client.batch_execute(&call(1, position)).unwrap_err();
        assert_eq!(fenced.code(), Some(&SqlState::from_code("CH002")), "{fenced:?}");
        let conflict = client.batch_execute(&call(2, position - 1)).unwrap_err();
        assert_eq!(conflict.code(), Some(&SqlState::from_code("CH001")), "{conflict:?}");
        assert_eq!(store.next_position(run).unwrap(), position as u64);
        client.batch_execute(&call(2, position)).unwrap();
    }
}

#[test]
fn who_takes_a_run_waits_for_the_append_that_is_under_way() {
    let (store, database) = store_or_skip!();
    let run = FlowId::new();
    let lease = Lease::of_new_run(run, far_away());
    store.append_as((&lease).into(), 0, &[numbered(0)]).unwrap();
    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    let append = format!(
        "SELECT chem_append_to_run('{run}', 1, 1, NULL, ARRAY['stepsignal'],
             ARRAY['{{\"step_id\":\"a\",\"step_index\":0,\"signal\":\"late\"}}'],
             '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}')"
    );
    transaction.batch_execute(&append).unwrap();
    std::thread::scope(|scope| {
        let taker = scope.spawn(|| {
            let lease = store.acquire_lease(run, &Holder::this_process(), Takeover::Always).unwrap();
            (lease.epoch, store.next_position(run).unwrap())
        });
        let mut observer = database.client();
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        until("the taker waits", || observer.query_one(waits, &[]).unwrap().get::<_, i64>(0) > 0);
        assert!(!taker.is_finished());
        transaction.commit().unwrap();
        // The new holder sees everything that the previous one has written.
        assert_eq!(taker.join().unwrap(), (2, 2));
    });
}
