//! How a schema is created and migrated, and which schemas are rejected.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::{PgEventStore, check, migrate, status};
use chem_runtime::store::{ErrorClass, EventLog as _, EventStore as _, PersistenceError};
use chem_tests::events::numbered;
use chem_tests::postgres_server::{TestDatabase, database};
use chem_tests::released::{POSTGRES_V6, still_works};

use crate::{pool, store_or_skip};

macro_rules! migration {
    ($name:literal) => {
        include_str!(concat!("../../../migrations/postgres/", $name, ".sql"))
    };
}

const V1: &str = include_str!("../../../migrations/postgres/V1__create_event_log_and_artifacts.sql");

fn child(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_store-child"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[track_caller]
fn ends_well(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn four_processes_that_start_at_once_on_an_empty_database_all_succeed() {
    for _ in 0..3 {
        let Some(database) = database() else { return };
        let runs: Vec<FlowId> = (0..4).map(|_| FlowId::new()).collect();
        let mut children: Vec<Child> =
            runs.iter().map(|run| child(&["open", &database.url(), &run.to_string()])).collect();
        for child in &mut children {
            child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        }
        // All processes wait for the end of their input.
        children.iter_mut().for_each(|child| drop(child.stdin.take()));
        children.into_iter().for_each(ends_well);
        let store = PgEventStore::open(&database.address()).unwrap();
        assert!(runs.iter().all(|run| store.list(*run).unwrap().len() == 1));
    }
}

#[test]
fn a_pool_from_the_environment_brings_the_schema_up_to_date() {
    // Building such a pool requests a migration of an older schema too.
    let Some(database) = older(&[V1]) else { return };
    assert!(!status(&pool(&database)).unwrap().is_current());
    let run = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_store-child"));
        command.args(["environment", &FlowId::new().to_string()]).stdin(Stdio::null());
        command.env_remove("DATABASE_URL").envs(variables.iter().copied()).output().unwrap()
    };
    let good = run(&[("DATABASE_URL", &database.url()), ("DATABASE_POOL_MAX", "2")]);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    assert!(status(&pool(&database)).unwrap().is_current());
    for (variables, told) in [
        (&[][..], "`DATABASE_URL` is not set"),
        (&[("DATABASE_URL", "sqlite:a.db")][..], "`sqlite:a.db`, which is not a PostgreSQL database"),
        (&[("DATABASE_URL", "postgres://u:hunter2@h:port/d")][..], "is not a number"),
        (
            &[("DATABASE_URL", database.url().as_str()), ("DATABASE_POOL_MAX", "none")][..],
            "`DATABASE_POOL_MAX` is `none`",
        ),
    ] {
        let bad = run(variables);
        let said = String::from_utf8_lossy(&bad.stderr);
        assert!(!bad.status.success() && said.contains(told) && !said.contains("hunter2"), "{said}");
    }
}

/// Returns a database with the schema of an early release: the objects that `migrations` create, and their history.
fn older(migrations: &[&str]) -> Option<TestDatabase> {
    let database = database()?;
    migrate(&pool(&database)).unwrap();
    let mut client = database.client();
    client
        .batch_execute(&format!(
            "CREATE TEMP TABLE history AS SELECT * FROM refinery_schema_history WHERE version <= {};
             DROP TABLE event_log, workflow_step_artifacts, artifact_repairs, delivery_eras, flow_leases,
                 attestations;
             DO $$ DECLARE name text; BEGIN
                 FOR name IN SELECT oid::regprocedure FROM pg_proc WHERE starts_with(proname, 'chem_') LOOP
                     EXECUTE 'DROP FUNCTION ' || name;
                 END LOOP;
             END $$;
             TRUNCATE refinery_schema_history;
             INSERT INTO refinery_schema_history SELECT * FROM history;",
            migrations.len()
        ))
        .unwrap();
    migrations.iter().for_each(|migration| client.batch_execute(migration).unwrap());
    Some(database)
}

/// Returns a database with the schema of the first release and, if `events`, two runs.
fn first_release(events: bool) -> Option<TestDatabase> {
    let database = older(&[V1])?;
    if events {
        let signal = r#"{"step_id": "a", "step_index": 0, "signal": "note", "data": 1}"#;
        database
            .client()
            .batch_execute(&format!(
                "INSERT INTO event_log (flow_id, event_type, payload)
                 SELECT ('00000000-0000-7000-8000-00000000000' || number % 2)::uuid, 'stepsignal', '{signal}'
                 FROM generate_series(1, 7) AS number"
            ))
            .unwrap();
    }
    Some(database)
}

/// Returns a database without runs, from before functions were the only way to write.
pub(crate) fn before_the_guard() -> Option<TestDatabase> {
    older(&[
        V1,
        migration!("V2__number_events_within_their_flow"),
        migration!("V3__refuse_update_delete_and_truncate"),
        migration!("V4__record_the_order_of_delivery"),
        migration!("V5__lease_runs_to_their_writers"),
        migration!("V6__append_at_an_expected_position"),
        migration!("V7__widen_event_types"),
        migration!("V8__find_finished_steps_by_their_work"),
        migration!("V9__append_in_fewer_statements"),
        migration!("V10__append_to_one_run_by_a_function_of_its_own"),
        migration!("V11__keep_leases_and_eras"),
        migration!("V12__repair_artifacts"),
    ])
}

#[test]
fn the_runs_of_a_store_of_version_6_replay_and_go_on() {
    let migrations = [
        V1,
        migration!("V2__number_events_within_their_flow"),
        migration!("V3__refuse_update_delete_and_truncate"),
        migration!("V4__record_the_order_of_delivery"),
        migration!("V5__lease_runs_to_their_writers"),
        migration!("V6__append_at_an_expected_position"),
    ];
    let Some(database) = older(&migrations) else { return };
    database.client().batch_execute(POSTGRES_V6).unwrap();
    assert!(PgEventStore::open(&database.address()).is_err(), "it was brought up to date without being asked");
    migrate(&pool(&database)).unwrap();
    assert_eq!(check(&pool(&database)).unwrap(), []);
    still_works(Arc::new(PgEventStore::open(&database.address()).unwrap()));
}

#[test]
fn an_older_store_without_events_is_brought_up_to_date_without_being_asked() {
    let Some(database) = first_release(false) else { return };
    let store = PgEventStore::open(&database.address()).unwrap();
    store.append(FlowId::new(), 0, &[numbered(0)]).unwrap();
    assert!(status(&pool(&database)).unwrap().is_current());
}

#[test]
fn an_older_store_with_events_is_brought_up_to_date_only_when_asked() {
    let Some(database) = first_release(true) else { return };
    let error = PgEventStore::open(&database.address()).err().unwrap();
    assert!(matches!(error, PersistenceError::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains("run `chem store migrate`"), "{error}");

    let pool = pool(&database);
    let before = status(&pool).unwrap();
    assert_eq!((before.applied.len(), before.has_events, before.obstacle), (1, true, None));
    let applied = migrate(&pool).unwrap();
    assert_eq!(applied, before.pending);
    assert_eq!(migrate(&pool).unwrap(), []);

    // Existing events now have positions, in their order, and followers receive them.
    let store = PgEventStore::open(&database.address()).unwrap();
    for (last, count) in [(0, 3), (1, 4)] {
        let run = format!("00000000-0000-7000-8000-00000000000{last}").parse().unwrap();
        let events = store.list(run).unwrap();
        assert_eq!(events.iter().map(|event| event.position).collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
        assert!(events.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        store.append(run, count, &[numbered(count)]).unwrap();
    }
    let followed = store.follow(Default::default(), 100, std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(followed.events.iter().map(|event| event.seq).take(7).collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
}

#[track_caller]
fn is_refused(database: &TestDatabase, told: &str) {
    let pool = pool(database);
    let errors = [PgEventStore::open(&database.address()).err().unwrap(), migrate(&pool).unwrap_err()];
    for error in errors {
        assert!(matches!(error, PersistenceError::Unusable { .. } | PersistenceError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn a_store_of_a_later_release_is_refused() {
    let (_store, database) = store_or_skip!();
    database
        .client()
        .batch_execute(
            "INSERT INTO refinery_schema_history SELECT 999, 'keep_gates', applied_on, '1'
             FROM refinery_schema_history WHERE version = 1",
        )
        .unwrap();
    is_refused(&database, "made by a later release of this program: its schema has version 999 (`keep_gates`)");
}

#[test]
fn a_store_with_another_history_is_refused() {
    let (_store, database) = store_or_skip!();
    let mut client = database.client();
    client.batch_execute("UPDATE refinery_schema_history SET checksum = '12345' WHERE version = 3").unwrap();
    is_refused(&database, "its migration 3 is");
    client.batch_execute("UPDATE refinery_schema_history SET checksum = 'abc' WHERE version = 3").unwrap();
    is_refused(&database, "cannot be read at version 3");
    client.batch_execute("DELETE FROM refinery_schema_history WHERE version = 3").unwrap();
    is_refused(&database, "lacks migration 3, and has later ones");
}

#[test]
fn the_table_of_another_program_is_left_alone() {
    let Some(database) = database() else { return };
    let mut client = database.client();
    for table in ["event_log", "workflow_step_artifacts", "delivery_eras", "flow_leases"] {
        client.batch_execute(&format!("CREATE TABLE {table} (id INT); INSERT INTO {table} VALUES (1)")).unwrap();
        let told = format!("a table `{table}` that is not this program's");
        is_refused(&database, &told);
        assert!(check(&pool(&database)).unwrap_err().to_string().contains(&told));
        assert!(status(&pool(&database)).unwrap().obstacle.unwrap().contains(&told));
        assert_eq!(client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).unwrap().get::<_, i64>(0), 1);
        client.batch_execute(&format!("DROP TABLE {table}")).unwrap();
    }
    let left = client.query_one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", &[]).unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[test]
fn a_database_that_does_not_have_every_character_is_refused() {
    let Some(database) = database() else { return };
    let mut client = database.client();
    let name = format!("{}_latin1", database.name());
    client
        .batch_execute(&format!(
            "CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        ))
        .unwrap();
    let error = PgEventStore::open(&crate::address(&database.url().replace(database.name(), &name))).err();
    client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
    let error = error.unwrap();
    assert!(matches!(error, PersistenceError::Unusable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("encoding `LATIN1`") && error.to_string().contains("createdb -E UTF8"),
        "{error}"
    );
}

#[test]
fn whoever_waits_for_the_schema_says_for_whom() {
    const LOCK: i64 = 0x6368_656d;
    let Some(database) = database() else { return };
    let mut holder = database.client();
    let process: i32 = holder.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    holder.query_one("SELECT pg_advisory_lock($1)", &[&LOCK]).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chem-alone"));
    command.args(["store", "migrate", "--store", &database.url()]).env_remove("RUST_LOG");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains(&format!("held by the server's process {process} ")), "{said}");
    holder.query_one("SELECT pg_advisory_unlock($1)", &[&LOCK]).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(status(&pool(&database)).unwrap().is_current());
}

#[test]
fn a_transaction_holds_the_schema_while_it_is_changed() {
    let Some(database) = database() else { return };
    let mut client = database.client();
    client
        .batch_execute(
            "CREATE TABLE seen (held BIGINT);
             CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO seen SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
                 WHERE locktype = 'advisory' AND granted AND objid = 1667786093 AND state = 'idle in transaction'
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
             END $$;
             CREATE EVENT TRIGGER look ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION look();",
        )
        .unwrap();
    migrate(&pool(&database)).unwrap();
    // The table of migrations is created under the lock, too.
    let held = client.query_one("SELECT min(held) FROM seen", &[]).unwrap();
    assert_eq!(held.get::<_, Option<i64>>(0), Some(1));
}

#[test]
fn a_schema_that_hides_a_part_of_the_store_is_refused() {
    let (_store, database) = store_or_skip!();
    let mut client = database.client();
    client.batch_execute("CREATE SCHEMA other; CREATE TABLE other.event_log (LIKE event_log INCLUDING ALL)").unwrap();
    let address = crate::address(&format!("{}?options=-c%20search_path%3Dother,public", database.url()));
    let error = PgEventStore::open(&address).err().unwrap();
    assert_eq!(error.class(), ErrorClass::Permanent);
    assert!(error.to_string().contains("several schemas (other, public)"), "{error}");
}

#[test]
fn a_store_lives_in_a_schema_of_its_own_where_the_address_says_so() {
    let Some(database) = database() else { return };
    database.client().batch_execute("CREATE SCHEMA lab; CREATE TABLE event_log (id INT)").unwrap();
    let address = crate::address(&format!("{}?options=-c%20search_path%3Dlab", database.url()));
    let store = PgEventStore::open(&address).unwrap();
    store.append(FlowId::new(), 0, &[numbered(0)]).unwrap();
    let pool = chem_runtime::store::postgres::PgPool::connect(&address, Default::default()).unwrap();
    assert_eq!(chem_runtime::store::postgres::check(&pool).unwrap(), []);
    let error = PgEventStore::open(&database.address()).err().unwrap();
    assert_eq!(error.class(), ErrorClass::Permanent);
}
