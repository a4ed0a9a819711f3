//! Servers that stop responding, and poolers that do not keep sessions.

use std::process::Command;
use std::time::{Duration, Instant};

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::PgEventStore;
use chem_runtime::store::{ErrorClass, EventLog as _, PersistenceError, RetryPolicy};
use chem_tests::events::numbered;
use chem_tests::postgres_server::{Proxy, ServerSettings, TestDatabase, Traffic, TransactionPooler, server};

use crate::{address, store_or_skip, told};

/// A time limit much longer than any timeout in these tests.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_server_whose_answers_are_swallowed_is_given_up() {
    let (_store, database) = store_or_skip!();
    let Some(socket) = database.socket() else { return };
    let proxy = Proxy::start(socket);
    let url = format!("{}?answer_timeout=300ms&connect_timeout=2", database.url_through(proxy.port()));
    let store = PgEventStore::open(&address(&url)).unwrap().with_retry_policy(RetryPolicy::NEVER);
    let run = FlowId::new();
    store.append(run, 0, &[numbered(0)]).unwrap();
    proxy.traffic(Traffic::IsSwallowed);
    let begun = Instant::now();
    let error = store.append(run, 1, &[numbered(1)]).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(told(&error).contains("the server has not answered in time"), "{}", told(&error));
    // A server that accepts connections and never responds times out as well.
    let error = PgEventStore::open(&address(&url)).err().unwrap();
    assert!(told(&error).contains("the server has not answered in time"), "{}", told(&error));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    proxy.traffic(Traffic::Passes);
    store.append(run, 1, &[numbered(1)]).unwrap();
}

#[test]
fn a_server_that_was_stopped_is_given_up_and_goes_on_when_it_does() {
    let Some(server) = server(ServerSettings::default()) else { return };
    let url = format!("{}?answer_timeout=300ms&connect_timeout=2", server.url("postgres"));
    let store = PgEventStore::open(&address(&url)).unwrap().with_retry_policy(RetryPolicy::NEVER);
    let run = FlowId::new();
    store.append(run, 0, &[numbered(0)]).unwrap();
    let pids = {
        let mut client = postgres::Client::connect(&server.url("postgres"), postgres::NoTls).unwrap();
        let rows = client.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'chem'", &[]).unwrap();
        rows.iter().map(|row| row.get::<_, i32>(0).to_string()).collect::<Vec<_>>()
    };
    assert!(!pids.is_empty());
    let send = |signal: &str| assert!(Command::new("kill").arg(signal).args(&pids).status().unwrap().success());
    send("-STOP");
    let begun = Instant::now();
    let error = store.append(run, 1, &[numbered(1)]).unwrap_err();
    let (elapsed, said) = (begun.elapsed(), told(&error));
    send("-CONT");
    assert!(said.contains("the server has not answered in time"), "{said}");
    assert!(elapsed < SOON, "{elapsed:?}");
    // The append may or may not have succeeded; the store continues on another connection.
    let next = store.next_position(run).unwrap();
    match store.append(run, next, &[numbered(next)]) {
        Ok(()) | Err(PersistenceError::Conflict { .. }) => {}
        Err(error) => panic!("{}", told(&error)),
    }
}

#[test]
fn a_slow_statement_that_is_answered_in_time_is_waited_for() {
    let (_store, database) = store_or_skip!();
    let separator = if database.url().contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}answer_timeout=20s", database.url());
    let store = PgEventStore::open(&address(&url)).unwrap();
    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    transaction.batch_execute("LOCK TABLE event_log").unwrap();
    std::thread::scope(|scope| {
        let append = scope.spawn(|| store.append(FlowId::new(), 0, &[numbered(0)]));
        let mut observer = database.client();
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'event_log'::regclass";
        crate::until("the append waits", || observer.query_one(waits, &[]).unwrap().get::<_, i64>(0) > 0);
        transaction.rollback().unwrap();
        append.join().unwrap().unwrap();
    });
}

#[test]
fn a_pooler_that_does_not_keep_sessions_is_named() {
    let (_store, database) = store_or_skip!();
    let Some(socket) = database.socket() else { return };
    let refused = |database: &TestDatabase, pooler: &TransactionPooler| {
        let error = PgEventStore::open(&address(&database.url_through(pooler.port()))).err().unwrap();
        assert!(matches!(error, PersistenceError::Unusable { .. }), "{error:?}");
        assert!(error.to_string().contains("(transaction pooling)"), "{error}");
        assert!(error.to_string().contains("`pool_mode = session`"), "{error}");
    };
    // Each transaction of a client uses another session.
    refused(&database, &TransactionPooler::start(socket.clone(), 2));
    // All clients share one session, which exists before they connect.
    let pooler = TransactionPooler::start(socket, 1);
    let warm = postgres::Client::connect(&database.url_through(pooler.port()), postgres::NoTls).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    refused(&database, &pooler);
    drop(warm);
}
