//! Sealing and auditing where the order of delivery is not that of the numbers.

use std::io::Write as _;
use std::process::{Command, Stdio};

use chem_runtime::event::FlowId;
use chem_runtime::evidence::{Finding, Witness, audit, seal};
use chem_runtime::store::postgres::PgEventStore;
use chem_runtime::store::{EventLog as _, EventStore, NewEvent};
use chem_tests::events::{artifact, finished, numbered};
use chem_tests::postgres_server::{Binaries, ServerSettings, TestDatabase, server};
use chem_tests::released::root_and_heads;
use tempfile::TempDir;

use crate::following::RAW;
use crate::store_or_skip;

fn append(store: &dyn EventStore, run: FlowId, number: u64) {
    let position = store.next_position(run).unwrap();
    store.append(run, position, &[numbered(number), finished([artifact(number)])]).unwrap();
}

fn witness() -> (TempDir, Witness) {
    let directory = tempfile::tempdir().unwrap();
    let witness = Witness::new(directory.path());
    (directory, witness)
}

/// Audits the store, and returns how many events it has and how many of them are not sealed.
#[track_caller]
fn sound(store: &dyn EventStore, witness: &Witness) -> (u64, u64) {
    let audited = audit(store, Some(witness), None).unwrap();
    assert_eq!(audited.findings, []);
    (audited.events, audited.unsealed())
}

#[test]
fn a_sealer_behind_an_open_transaction_seals_what_comes_before_it_and_later_the_rest() {
    let (store, database) = store_or_skip!();
    let ((_directory, witness), other) = (witness(), PgEventStore::open(&database.address()).unwrap());
    let run = FlowId::new();
    append(&store, run, 0);
    let mut client = database.client();
    let mut open = client.transaction().unwrap();
    open.query_one(RAW, &[]).unwrap();
    append(&store, run, 1);
    append(&store, FlowId::new(), 2);
    assert_eq!(seal(&store, Some(&witness), None).unwrap().events, 2);
    assert!(!seal(&other, Some(&witness), None).unwrap().is_new);
    assert_eq!(sound(&store, &witness), (2, 0));
    open.commit().unwrap();
    assert_eq!(sound(&other, &witness), (7, 5));
    assert_eq!(seal(&other, Some(&witness), None).unwrap().events, 5);
    assert!(!seal(&store, Some(&witness), None).unwrap().is_new);
    assert_eq!(sound(&store, &witness), (7, 0));
}

#[test]
fn an_event_of_a_transaction_that_has_not_begun_is_named() {
    let (store, database) = store_or_skip!();
    let ((_directory, witness), run) = (witness(), FlowId::new());
    let mut client = database.client();
    client.batch_execute("SELECT nextval('event_log_seq_seq')").unwrap();
    // Deeper in the log than the events by which a store that was moved is known.
    let events: Vec<NewEvent> = (0..1_100).map(numbered).collect();
    store.append(run, 0, &events).unwrap();
    seal(&store, Some(&witness), None).unwrap();
    let payload = numbered(7).kind.payload_text().unwrap();
    let planted = format!(
        "INSERT INTO event_log (seq, flow_id, position, event_type, payload, xact)
         VALUES (1, '{run}', 1100, 'stepsignal', '{payload}', '1000000000000')"
    );
    client.batch_execute(&planted).unwrap();
    assert_eq!(store.list(run).unwrap().len(), 1_101);
    let findings = audit(&store, Some(&witness), None).unwrap().findings;
    let named = format!("`stepsignal` at position 1100 of run {run}, seq 1");
    assert_eq!(findings, [Finding::Hidden { event: named }]);
}

#[test]
fn a_log_that_was_dumped_and_restored_into_another_cluster_has_the_same_tree_and_goes_on() {
    let Some(cluster) = server(ServerSettings::default()) else { return };
    let programs = Binaries::find().unwrap();
    if !programs.program("pg_dump").is_file() || !programs.program("psql").is_file() {
        println!("skipped: there is no pg_dump");
        return;
    }
    let first = server(ServerSettings::default()).unwrap();
    let database = TestDatabase::create(&first.url("postgres"));
    // The first cluster is further than the second one, where its transactions would be in the future.
    let burn = "DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$";
    database.client().batch_execute(burn).unwrap();
    let store = PgEventStore::open(&database.address()).unwrap();
    let ((_directory, witness), runs) = (witness(), [FlowId::new(), FlowId::new(), FlowId::new()]);
    for number in 0..9 {
        // Transactions that end in another order than they began.
        let mut client = database.client();
        let mut open = client.transaction().unwrap();
        open.query_one(RAW, &[]).unwrap();
        append(&store, runs[number as usize % 3], number);
        open.commit().unwrap();
        if number % 3 == 2 {
            seal(&store, Some(&witness), None).unwrap();
        }
    }
    assert_eq!(sound(&store, &witness), (27, 0));
    let root = root_and_heads(&store);
    drop(store);

    let moved = TestDatabase::create(&cluster.url("postgres"));
    let dump = Command::new(programs.program("pg_dump")).arg("--no-owner").arg(database.url()).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let mut restore = Command::new(programs.program("psql"))
        .args(["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--output=/dev/null"])
        .arg(moved.url())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    restore.stdin.take().unwrap().write_all(&dump.stdout).unwrap();
    assert!(restore.wait().unwrap().success());

    let store = PgEventStore::open(&moved.address()).unwrap();
    assert_eq!(root_and_heads(&store), root);
    assert_eq!(sound(&store, &witness), (27, 0));
    append(&store, runs[0], 99);
    assert_eq!(seal(&store, Some(&witness), None).unwrap().events, 2);
    assert_eq!(sound(&store, &witness), (29, 0));
    let eras: i64 = moved.client().query_one("SELECT count(*) FROM delivery_eras", &[]).unwrap().get(0);
    assert_eq!(eras, 2, "the transactions of the first cluster are not in the future of the second");
}
