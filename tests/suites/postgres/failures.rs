//! Lost responses and a killed server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::{PgEventStore, PgPool, PoolProvider, PoolSettings};
use chem_runtime::store::{
    ErrorClass, EventLog as _, EventStore, Lease, Leases as _, PersistenceError, RetryPolicy, Takeover,
};
use chem_tests::effort::rounds;
use chem_tests::events::{artifact, finished, numbered};
use chem_tests::postgres_server::{Proxy, ServerSettings, TestDatabase, Traffic, server};

use crate::{store_or_skip, until, work};

#[test]
fn a_commit_that_stopped_waiting_for_its_standby_is_waited_for_again() {
    let Some(server) = server(ServerSettings::durable()) else { return };
    let address = crate::address(&server.url("postgres"));
    let store = PgEventStore::open(&address).unwrap();
    let mut client = postgres::Client::connect(&server.url("postgres"), postgres::NoTls).unwrap();
    for stop in ["pg_terminate_backend", "pg_cancel_backend"] {
        let mut wait_for = |names: &str| {
            client.batch_execute(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'")).unwrap();
            client.batch_execute("SELECT pg_reload_conf()").unwrap();
            let shown = "SHOW synchronous_standby_names";
            until("the setting counts", || client.query_one(shown, &[]).unwrap().get::<_, &str>(0) == names);
        };
        wait_for("nobody");
        let run = FlowId::new();
        std::thread::scope(|scope| {
            let append = scope.spawn(|| store.append(run, 0, &[numbered(0)]));
            let mut observer = postgres::Client::connect(&server.url("postgres"), postgres::NoTls).unwrap();
            // Returns the backend and statement that wait for a standby, or `None` once the append has returned.
            let mut waits = |other_than: &str| loop {
                let found = "SELECT pid, query FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query <> $1";
                match observer.query_opt(found, &[&other_than]).unwrap() {
                    Some(row) => break Some((row.get::<_, i32>(0), row.get::<_, String>(1))),
                    None if append.is_finished() => break None,
                    None => std::thread::yield_now(),
                }
            };
            let (pid, statement) = waits("").unwrap();
            let mut other = postgres::Client::connect(&server.url("postgres"), postgres::NoTls).unwrap();
            other.execute(&format!("SELECT {stop}($1)"), &[&pid]).unwrap();
            assert!(waits(&statement).is_some(), "after {stop} the append came back, and no standby has it");
            wait_for("");
            append.join().unwrap().unwrap();
        });
        assert_eq!(store.list(run).unwrap().len(), 1);
    }
}

#[test]
fn a_server_killed_in_mid_run_costs_nothing_that_was_acknowledged() {
    const STEPS: usize = 60;
    const ENGINES: usize = 4;
    let kills = rounds(3) as u64;
    let Some(mut server) = server(ServerSettings::durable()) else { return };
    let store: Arc<dyn EventStore> = Arc::new(PgEventStore::open(&crate::address(&server.url("postgres"))).unwrap());
    let (expected, run) = (work::undisturbed(STEPS), FlowId::new());
    let (acknowledged, killed, running) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(ENGINES as u64));
    std::thread::scope(|scope| {
        for _ in 0..ENGINES {
            // Runs flows in sequence, so that some run is in progress whenever the server is killed.
            scope.spawn(|| {
                loop {
                    let ended = work::engine(store.clone(), STEPS).run_to_end();
                    let last = ended.is_err() || killed.load(Ordering::SeqCst) == kills;
                    if last {
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                    assert_eq!(ended.unwrap().flow_fingerprint(), Some(expected));
                    if last {
                        break;
                    }
                }
            });
        }
        let witness = scope.spawn(|| {
            work::witness(&*store, run, |count| {
                acknowledged.store(count, Ordering::SeqCst);
                running.load(Ordering::SeqCst) > 0
            })
        });
        for kill in 1..=kills {
            let enough = || acknowledged.load(Ordering::SeqCst) >= kill * 10 || witness.is_finished();
            until("ten more events are acknowledged", enough);
            server.kill();
            server.restart().unwrap();
            killed.store(kill, Ordering::SeqCst);
        }
        let acknowledged = witness.join().unwrap();
        work::is_whole(&store.list(run).unwrap(), acknowledged);
    });
    for run in store.all_runs().unwrap().iter().filter(|run| run.flow().is_some()) {
        assert_eq!(run.event_variants, Some(format!("I{}C", "SF".repeat(STEPS + 1))));
    }
}

#[test]
fn a_commit_is_waited_for_whatever_the_database_has_as_its_default() {
    let (_, database) = store_or_skip!();
    for (default, kept) in
        [("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply")]
    {
        let change = format!("ALTER DATABASE \"{}\" SET synchronous_commit = '{default}'", database.name());
        database.client().batch_execute(&change).unwrap();
        let pool = PgPool::connect(&database.address(), PoolSettings::default()).unwrap();
        let found = pool.get().unwrap().query_one("SHOW synchronous_commit", &[]).unwrap().get::<_, String>(0);
        assert_eq!(found, kept, "{default}");
    }
}

#[test]
fn a_session_may_be_idle_for_as_long_as_a_step_works() {
    let (_, database) = store_or_skip!();
    let mut client = database.client();
    let version: i32 = client.query_one("SELECT current_setting('server_version_num')::integer", &[]).unwrap().get(0);
    if version < 140_000 {
        return;
    }
    let limit = format!("ALTER DATABASE \"{}\" SET idle_session_timeout = '1h'", database.name());
    client.batch_execute(&limit).unwrap();
    let settings = PoolSettings { max_size: 1, ..PoolSettings::default() };
    let pool = PgPool::connect(&database.address(), settings).unwrap();
    let store = PgEventStore::new(PoolProvider { pool: pool.clone() });
    let run = FlowId::new();
    store.append(run, 0, &[numbered(0)]).unwrap();
    let mut session = pool.get().unwrap();
    assert_eq!(session.query_one("SHOW idle_session_timeout", &[]).unwrap().get::<_, String>(0), "0");

    // A pooler may set the timeout anyway: a session that it ends is just another lost connection.
    let process: i32 = session.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    // The session may end before the response is read.
    if let Err(error) = session.batch_execute("SET idle_session_timeout = '1ms'") {
        assert_eq!(error.code().map(|code| code.code()), Some("57P05"), "{error}");
    }
    drop(session);
    let ended = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $1";
    until("the session has ended", || client.query_one(ended, &[&process]).unwrap().get::<_, bool>(0));
    store.append(run, 1, &[numbered(1)]).unwrap();
}

/// Returns a store behind a proxy.
fn through_proxy() -> Option<(PgEventStore, Proxy, TestDatabase)> {
    let database = chem_tests::postgres_server::database()?;
    let proxy = Proxy::start(database.socket()?);
    let address = crate::address(&database.url_through(proxy.port()));
    let settings = PoolSettings { max_size: 2, ..PoolSettings::default() };
    let store = PgEventStore::new(PoolProvider { pool: PgPool::connect(&address, settings).unwrap() });
    drop(PgEventStore::open(&database.address()).unwrap());
    Some((store, proxy, database))
}

#[test]
fn a_connection_cut_in_the_middle_of_a_commit_neither_loses_an_event_nor_doubles_it() {
    let Some((store, proxy, _database)) = through_proxy() else { return };
    let run = FlowId::new();
    let lease = Lease::of_new_run(run, chem_runtime::store::Holder::this_process());
    let batch = |position: u64| [numbered(position), finished([artifact(position)])];
    store.append_as((&lease).into(), 0, &batch(0)).unwrap();
    let faults = [
        Traffic::LosesNextAnswer,
        Traffic::LosesNextRequest,
        Traffic::LosesNextAnswer,
        Traffic::LosesNextAnswer,
        Traffic::LosesNextRequest,
    ];
    let cuts = rounds(faults.len());
    for (round, traffic) in (1..).zip(faults.into_iter().cycle().take(cuts)) {
        proxy.traffic(traffic);
        store.append_as((&lease).into(), round * 2, &batch(round)).unwrap();
        let stored = store.list(run).unwrap();
        let (stored, expected) = (stored[round as usize * 2..].iter(), batch(round));
        assert!(stored.map(|event| &event.kind).eq(expected.iter().map(|event| &event.kind)), "{traffic:?}");
    }
    let events = 2 * (cuts + 1);
    assert_eq!(store.next_position(run).unwrap(), events as u64);
    // Reads are retried, too.
    for traffic in [Traffic::LosesNextAnswer, Traffic::LosesNextRequest] {
        proxy.traffic(traffic);
        assert_eq!(store.list(run).unwrap().len(), events);
    }
}

#[test]
fn a_lost_answer_excuses_nobody_who_comes_second() {
    let Some((store, proxy, database)) = through_proxy() else { return };
    let other = PgEventStore::open(&database.address()).unwrap();
    let run = FlowId::new();
    store.append(run, 0, &[numbered(0)]).unwrap();
    // Another writer's batch differs from the one whose response was lost, or is only its beginning.
    other.append(run, 1, &[numbered(7)]).unwrap();
    proxy.traffic(Traffic::LosesNextAnswer);
    assert!(matches!(
        store.append(run, 1, &[numbered(1)]),
        Err(PersistenceError::Conflict { expected: 1, found: 2, .. })
    ));
    proxy.traffic(Traffic::LosesNextAnswer);
    assert!(matches!(store.append(run, 1, &[numbered(7), numbered(8)]), Err(PersistenceError::Conflict { .. })));
    // The same events from another writer are a conflict if no response was lost.
    assert!(matches!(store.append(run, 1, &[numbered(7)]), Err(PersistenceError::Conflict { .. })));

    // A holder that has lost the lease is fenced, even if its earlier append succeeded.
    let run = FlowId::new();
    let lease = Lease::of_new_run(run, chem_runtime::store::Holder::this_process());
    store.append_as((&lease).into(), 0, &[numbered(0)]).unwrap();
    other.acquire_lease(run, &lease.holder, Takeover::Always).unwrap();
    proxy.traffic(Traffic::LosesNextAnswer);
    assert!(matches!(store.append_as((&lease).into(), 1, &[numbered(1)]), Err(PersistenceError::Fenced { .. })));
    assert_eq!(other.next_position(run).unwrap(), 1);
}

#[test]
fn backends_that_are_terminated_are_replaced() {
    let (store, database) = store_or_skip!();
    let run = FlowId::new();
    // Opens several connections, which then all die at once.
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| store.append(FlowId::new(), 0, &[numbered(0)]).unwrap());
        }
    });
    for position in 0..3 {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        database.client().batch_execute(sql).unwrap();
        store.append(run, position, &[numbered(position)]).unwrap();
    }
    work::is_whole(&store.list(run).unwrap(), 3);
}

#[test]
fn deadlocks_and_serialization_failures_are_tried_again() {
    let (store, database) = store_or_skip!();
    for state in ["40001", "40P01", "57P01", "53300"] {
        let mut client = database.client();
        // The database fails only twice: a sequence is not rolled back.
        client
            .batch_execute(&format!(
                "CREATE SEQUENCE failures;
                 CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN
                     IF nextval('public.failures') <= 2 THEN RAISE EXCEPTION 'for a test' USING ERRCODE = '{state}'; END IF;
                     RETURN NULL;
                 END $$;
                 CREATE TRIGGER fails BEFORE INSERT ON event_log FOR EACH STATEMENT EXECUTE FUNCTION fail();"
            ))
            .unwrap();
        let run = FlowId::new();
        store.append(run, 0, &[numbered(0)]).unwrap();
        assert_eq!(store.next_position(run).unwrap(), 1);
        client.batch_execute("DROP TRIGGER fails ON event_log; DROP FUNCTION fail; DROP SEQUENCE failures").unwrap();
    }
}

#[test]
fn trying_again_has_a_limit() {
    let (store, database) = store_or_skip!();
    drop(store);
    let quick = RetryPolicy { attempts: 3, first_wait: Duration::from_millis(1), ..RetryPolicy::default() };
    let store = PgEventStore::open(&database.address()).unwrap().with_retry_policy(quick);
    let mut client = database.client();
    let count = |client: &mut postgres::Client| -> i64 {
        client.query_one("SELECT last_value FROM failures", &[]).unwrap().get(0)
    };
    for (state, attempts, class) in [("40001", 3, ErrorClass::Transient), ("22012", 1, ErrorClass::Permanent)] {
        client
            .batch_execute(&format!(
                "CREATE SEQUENCE failures;
                 CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN PERFORM nextval('public.failures'); RAISE EXCEPTION 'for a test' USING ERRCODE = '{state}'; END $$;
                 CREATE TRIGGER fails BEFORE INSERT ON event_log FOR EACH STATEMENT EXECUTE FUNCTION fail();"
            ))
            .unwrap();
        let error = store.append(FlowId::new(), 0, &[numbered(0)]).unwrap_err();
        assert_eq!((error.class(), count(&mut client)), (class, attempts));
        assert!(crate::told(&error).contains(&format!("for a test (SQLSTATE {state})")), "{}", crate::told(&error));
        client.batch_execute("DROP TRIGGER fails ON event_log; DROP FUNCTION fail; DROP SEQUENCE failures").unwrap();
    }
}

#[test]
fn a_server_that_is_not_there_or_does_not_let_us_in_is_said_to_be_so() {
    let (_store, database) = store_or_skip!();
    let refused = |address: &str| {
        let error = PgEventStore::open(&crate::address(address)).err().unwrap();
        let told = crate::told(&error);
        assert!(!told.contains("hunter2"), "{told}");
        told
    };
    let told = refused("postgres://u:hunter2@127.0.0.1:1/d");
    assert!(told.contains("no server answers there; is it running?"), "{told}");
    let told = refused("postgres://u:hunter2@%2Fno%2Fsuch%2Fdirectory/d");
    assert!(told.contains("no server answers there"), "{told}");
    let told = refused(&database.url().replace("chem_test_", "no_such_"));
    assert!(told.contains("there is no such database; create it first"), "{told}");
}

#[test]
fn a_statement_that_takes_too_long_is_given_up() {
    let (_store, database) = store_or_skip!();
    let url = database.url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let store = PgEventStore::open(&crate::address(&format!("{url}{separator}statement_timeout=50ms"))).unwrap();
    let run = FlowId::new();
    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    transaction.batch_execute("LOCK TABLE event_log").unwrap();
    let error = store.append(run, 0, &[numbered(0)]).unwrap_err();
    assert!(error.to_string().contains("longer than `statement_timeout` allows"), "{error}");
    transaction.rollback().unwrap();
    store.append(run, 0, &[numbered(0)]).unwrap();
}
