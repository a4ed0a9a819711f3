//! Following the log as it grows, while transactions stay open and after the log has moved.

use std::time::Duration;

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::{PgEventStore, check, migrate};
use chem_runtime::store::{Cursor, EventLog as _, EventStore, Follower, OpenMode, PersistenceError};
use chem_tests::events::{numbered, signal};
use chem_tests::postgres_server::TestDatabase;
use postgres::Client;

use crate::{address, pool, store_or_skip, told};

const AT_ONCE: Duration = Duration::ZERO;
/// Appends an event past the store.
pub(super) const RAW: &str = r#"INSERT INTO event_log (flow_id, position, event_type, payload)
    VALUES (gen_random_uuid(), 0, 'stepsignal', '{"step_id":"a","step_index":0,"signal":"raw"}') RETURNING seq"#;

/// Returns the sequence numbers of the events after `cursor`, and advances it.
fn read_on(store: &dyn EventStore, cursor: &mut Cursor) -> Vec<u64> {
    let followed = store.follow(*cursor, 1000, AT_ONCE).unwrap();
    *cursor = followed.cursor;
    followed.events.iter().map(|event| event.seq).collect()
}

/// Changes the log as if restored from a dump of a cluster that has seen many more transactions.
const MOVE: &str = "UPDATE event_log SET xact = (xact::text::bigint + 1000000000000)::text::xid8";

/// Executes SQL that the log's triggers forbid.
fn change_log(database: &TestDatabase, sql: &str) {
    let guarded = format!(
        "ALTER TABLE event_log DISABLE TRIGGER ALL;
         {sql};
         ALTER TABLE event_log ENABLE TRIGGER ALL;
         ALTER TABLE event_log ENABLE ALWAYS TRIGGER event_log_is_append_only;"
    );
    database.client().batch_execute(&guarded).unwrap();
}

/// A reader that remembers only the greatest sequence number it has seen.
struct Naive {
    client: Client,
    last: i64,
}

impl Naive {
    fn new(database: &TestDatabase) -> Self {
        Self { client: database.client(), last: 0 }
    }

    fn read_on(&mut self) -> Vec<u64> {
        let rows = self.client.query("SELECT seq FROM event_log WHERE seq > $1 ORDER BY seq", &[&self.last]).unwrap();
        let seqs: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        self.last = seqs.last().copied().unwrap_or(self.last);
        seqs.into_iter().map(i64::unsigned_abs).collect()
    }
}

#[test]
fn transactions_held_open_cost_a_naive_reader_events_and_this_one_none() {
    let (store, database) = store_or_skip!();
    let mut naive = Naive::new(&database);
    let (mut cursor, mut read, mut naively_read) = (Cursor::START, Vec::new(), Vec::new());
    let mut all = Vec::new();
    for _ in 0..3 {
        // Three transactions take sequence numbers and commit in the opposite order, with other appends in between.
        let mut clients: Vec<Client> = (0..3).map(|_| database.client()).collect();
        let mut open: Vec<_> = clients.iter_mut().map(|client| client.transaction().unwrap()).collect();
        for transaction in &mut open {
            all.push(transaction.query_one(RAW, &[]).unwrap().get::<_, i64>(0).unsigned_abs());
        }
        while let Some(last) = open.pop() {
            all.push(store.append_kind(FlowId::new(), signal(0)).unwrap().seq);
            read.extend(read_on(&store, &mut cursor));
            naively_read.extend(naive.read_on());
            last.commit().unwrap();
        }
        while read.len() < all.len() {
            read.extend(read_on(&store, &mut cursor));
        }
        naively_read.extend(naive.read_on());
    }
    all.sort_unstable();
    let sorted = |mut seqs: Vec<u64>| {
        seqs.sort_unstable();
        seqs
    };
    assert_eq!(sorted(read.clone()), all, "every event, once");
    assert!(naively_read.len() < all.len(), "the test holds no transaction open at the right moment");
    // A later reader gets them in the same order.
    assert_eq!(read_on(&store, &mut Cursor::default()), read);
}

#[test]
fn a_transaction_that_is_rolled_back_leaves_nothing_and_holds_nobody_back_for_longer() {
    let (store, database) = store_or_skip!();
    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    transaction.query_one(RAW, &[]).unwrap();
    let seq = store.append_kind(FlowId::new(), signal(0)).unwrap().seq;
    assert!(read_on(&store, &mut Cursor::default()).is_empty());
    transaction.rollback().unwrap();
    let first = Follower::new(&store, Cursor::START).next().unwrap().unwrap();
    assert_eq!(first.seq, seq);
}

#[test]
fn transactions_of_another_database_hold_nobody_back() {
    let (store, _database) = store_or_skip!();
    let other = chem_tests::postgres_server::database().unwrap();
    let mut client = other.client();
    client.batch_execute("CREATE TABLE busy (id INT)").unwrap();
    let mut transaction = client.transaction().unwrap();
    transaction.batch_execute("INSERT INTO busy VALUES (1)").unwrap();
    let seq = store.append_kind(FlowId::new(), signal(0)).unwrap().seq;
    let first = Follower::new(&store, Cursor::START).next().unwrap().unwrap();
    assert_eq!(first.seq, seq);
    transaction.rollback().unwrap();
}

#[test]
fn a_log_that_was_moved_to_another_cluster_is_delivered_before_what_comes_after() {
    let (store, database) = store_or_skip!();
    let (run, other) = (FlowId::new(), FlowId::new());
    let mut cursor = Cursor::START;
    for position in 0..3 {
        store.append(run, position, &[numbered(position)]).unwrap();
    }
    let half = Follower::new(&store, cursor).take(3).count();
    cursor = store.follow(cursor, 2, Duration::from_secs(60)).unwrap().cursor;
    assert_eq!((half, cursor.to_string().ends_with("-2")), (3, true));
    drop(store);
    change_log(&database, MOVE);
    let moved: u64 = cursor.to_string().split('-').nth(1).unwrap().parse::<u64>().unwrap() + 1_000_000_000_000;
    let cursor: Cursor = format!("0-{moved}-2").parse().unwrap();

    let store = PgEventStore::open(&database.address()).unwrap();
    store.append(other, 0, &[numbered(0)]).unwrap();
    store.append(run, 3, &[numbered(3)]).unwrap();
    let read: Vec<(FlowId, u64)> = Follower::new(&store, Cursor::START)
        .take(5)
        .map(|event| event.map(|event| (event.flow_id, event.position)).unwrap())
        .collect();
    assert_eq!(read, [(run, 0), (run, 1), (run, 2), (other, 0), (run, 3)]);
    // A cursor from before the move is still valid.
    let rest: Vec<u64> = Follower::new(&store, cursor).take(3).map(|event| event.unwrap().position).collect();
    assert_eq!(rest, [2, 0, 3]);
    // Opening the store again does not begin another era.
    drop(PgEventStore::open(&database.address()).unwrap());
    let eras: i64 = database.client().query_one("SELECT count(*) FROM delivery_eras", &[]).unwrap().get(0);
    assert_eq!(eras, 2);
}

#[test]
fn who_waits_for_events_does_not_walk_through_those_that_were_moved() {
    const MOVED: u64 = 20_000;
    let (store, database) = store_or_skip!();
    drop(store);
    let payload = r#"{"step_id": "a", "step_index": 0, "signal": "raw"}"#;
    database
        .client()
        .batch_execute(&format!(
            "INSERT INTO event_log (flow_id, position, event_type, payload, xact)
             SELECT gen_random_uuid(), 0, 'stepsignal', '{payload}', (1000000000000 + number)::text::xid8
             FROM generate_series(1, {MOVED}) AS number;
             ANALYZE;"
        ))
        .unwrap();
    let store = PgEventStore::open(&database.address()).unwrap();
    store.append_kind(FlowId::new(), signal(0)).unwrap();
    let (mut cursor, mut read) = (Cursor::START, 0);
    while read < MOVED + 1 {
        read += read_on(&store, &mut cursor).len() as u64;
    }
    drop(store);
    let before = blocks_read(&database);

    let store = PgEventStore::open(&database.address()).unwrap();
    assert!(store.follow(cursor, 1000, Duration::from_secs(2)).unwrap().events.is_empty());
    drop(store);
    // The wait makes more than ten polls. All events take eighty blocks of the index, and the new ones one or two.
    let read = blocks_read(&database) - before;
    assert!(read < 200, "{read} blocks of the index");
}

/// Returns the number of blocks of the delivery index that sessions which have ended have read.
fn blocks_read(database: &TestDatabase) -> i64 {
    let mut client = database.client();
    // The statistics of a session are counted when it ends.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND backend_type = 'client backend'";
    while client.query_one(others, &[]).unwrap().get::<_, i64>(0) > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let read = "SELECT idx_blks_read + idx_blks_hit FROM pg_statio_user_indexes
                WHERE indexrelname = 'event_log_by_delivery'";
    client.query_one(read, &[]).unwrap().get(0)
}

#[test]
fn a_log_that_came_without_its_sequence_is_appended_to() {
    let (store, database) = store_or_skip!();
    let run = FlowId::new();
    for position in 0..3 {
        store.append(run, position, &[numbered(position)]).unwrap();
    }
    drop(store);
    let behind = || database.client().batch_execute("ALTER SEQUENCE event_log_seq_seq RESTART").unwrap();
    behind();
    // This happens when only the rows were copied. Their transaction ids may or may not be valid on this server.
    let drifts = check(&pool(&database)).unwrap();
    assert_eq!(drifts.iter().map(|drift| drift.object.as_str()).collect::<Vec<_>>(), ["sequence event_log_seq_seq"]);
    let store = PgEventStore::open(&database.address()).unwrap();
    store.append(run, 3, &[numbered(3)]).unwrap();
    drop(store);

    behind();
    change_log(&database, MOVE);
    let store = PgEventStore::open(&database.address()).unwrap();
    store.append(run, 4, &[numbered(4)]).unwrap();
    let read: Vec<u64> = Follower::new(&store, Cursor::START).take(5).map(|event| event.unwrap().position).collect();
    assert_eq!(read, [0, 1, 2, 3, 4]);
    drop(store);

    behind();
    migrate(&pool(&database)).unwrap();
    assert_eq!(check(&pool(&database)).unwrap(), []);
}

#[test]
fn who_may_not_set_the_sequence_is_told_who_may() {
    let (store, database) = store_or_skip!();
    store.append_kind(FlowId::new(), signal(0)).unwrap();
    drop(store);
    let role = format!("{}_writer", database.name());
    let mut client = database.client();
    client
        .batch_execute(&format!(
            "CREATE ROLE {role};
             GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role};
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
             ALTER SEQUENCE event_log_seq_seq RESTART;"
        ))
        .unwrap();
    let error = PgEventStore::open(&address(&as_role(&database, &role))).err().unwrap();
    assert!(told(&error).contains("its owner does so with `chem store migrate`"), "{}", told(&error));
    migrate(&pool(&database)).unwrap();
    drop(PgEventStore::open(&address(&as_role(&database, &role))).unwrap());
    client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
}

/// Returns the URL of the database for a session with the rights of `role`.
fn as_role(database: &TestDatabase, role: &str) -> String {
    with_option(database, &format!("role%3D{role}"))
}

fn with_option(database: &TestDatabase, option: &str) -> String {
    format!("{}?options=-c%20{option}", database.url())
}

#[test]
fn a_log_that_was_moved_is_read_by_who_may_not_write_and_not_followed() {
    let (store, database) = store_or_skip!();
    let run = FlowId::new();
    store.append(run, 0, &[numbered(0)]).unwrap();
    drop(store);
    change_log(&database, MOVE);
    let role = format!("{}_reader", database.name());
    let mut client = database.client();
    client
        .batch_execute(&format!("CREATE ROLE {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
        .unwrap();
    let addresses = [as_role(&database, &role), with_option(&database, "default_transaction_read_only%3Don")];
    for url in &addresses {
        let store = PgEventStore::open_with(&address(url), OpenMode::Read).unwrap();
        assert_eq!(store.list(run).unwrap().len(), 1);
        let error = store.follow(Cursor::START, 10, AT_ONCE).unwrap_err();
        assert!(matches!(error, PersistenceError::Unusable { .. }), "{error:?}");
        assert!(error.to_string().contains("was moved here from another server"), "{error}");
    }
    drop(PgEventStore::open(&database.address()).unwrap());
    for url in &addresses {
        let store = PgEventStore::open_with(&address(url), OpenMode::Read).unwrap();
        assert_eq!(Follower::new(&store, Cursor::START).next().unwrap().unwrap().position, 0);
    }
    client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
}

#[test]
fn a_place_that_a_restored_log_does_not_have_is_refused() {
    let (store, database) = store_or_skip!();
    let append = || store.append_kind(FlowId::new(), signal(0)).unwrap().seq;
    let appended = [append(), append(), append(), append()];
    let (mut places, mut cursor, mut read) = (Vec::new(), Cursor::START, Vec::new());
    while read.len() < appended.len() {
        let followed = store.follow(cursor, 1000, Duration::from_secs(60)).unwrap();
        assert_eq!(followed.cursors.last(), Some(&followed.cursor));
        read.extend(followed.events.iter().map(|event| event.seq));
        places.extend(followed.cursors);
        cursor = followed.cursor;
    }
    assert_eq!(read, appended);

    // This is the state after a restore to the moment before the third event, with its sequence numbers reused.
    change_log(&database, "DELETE FROM event_log WHERE seq > 2; SELECT setval('event_log_seq_seq', 2)");
    let refused = |cursor: Cursor| {
        let error = store.follow(cursor, 1000, AT_ONCE).unwrap_err();
        assert!(matches!(error, PersistenceError::NotInLog { cursor: named } if named == cursor), "{error:?}");
        assert!(error.to_string().contains(&cursor.to_string()), "{error}");
    };
    refused(cursor);
    let since = [append(), append(), append()];
    assert!(since.contains(&appended[3]), "the numbers are given again");
    places[2..].iter().for_each(|place| refused(*place));
    // This era has not begun.
    refused(places[1].to_string().replacen('0', "7", 1).parse().unwrap());
    let rest: Vec<u64> = Follower::new(&store, places[1]).take(3).map(|event| event.unwrap().seq).collect();
    assert_eq!(rest, since);
}
