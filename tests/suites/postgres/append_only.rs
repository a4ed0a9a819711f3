//! What the database rejects, whichever role asks.

use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::store::{ArtifactStore as _, EventLog as _, EventStore as _, Holder, Lease, Writer};
use chem_tests::events::{artifact, finished, hash, numbered, signal};
use postgres::error::SqlState;
use postgres::types::ToSql;

use crate::store_or_skip;

fn insert(client: &mut postgres::Client, event_type: &str, position: i64) -> Result<u64, postgres::Error> {
    let run: &(dyn ToSql + Sync) = &uuid::Uuid::now_v7();
    let sql = "INSERT INTO event_log (flow_id, position, event_type, payload) VALUES ($1, $2, $3, '{}')";
    client.execute(sql, &[run, &position, &event_type])
}

#[test]
fn an_event_type_that_is_none_is_refused_by_the_check() {
    let (_store, database) = store_or_skip!();
    let mut client = database.client();
    for event_type in FlowEventKind::EVENT_TYPES {
        assert_eq!(insert(&mut client, event_type, 0).unwrap(), 1);
    }
    for event_type in ["StepStarted", "STEPSTARTED", "stepstarte", "steppaused", ""] {
        let error = insert(&mut client, event_type, 0).unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::CHECK_VIOLATION), "{event_type}: {error:?}");
    }
}

#[test]
fn update_delete_and_truncate_are_refused() {
    let (store, database) = store_or_skip!();
    let flow_id = FlowId::new();
    store.append(flow_id, 0, &[numbered(0), finished([artifact(1)])]).unwrap();
    let before = store.list(flow_id).unwrap();
    let mut client = database.client();
    for table in ["event_log", "workflow_step_artifacts"] {
        for sql in [
            format!("UPDATE {table} SET payload = '{{}}'"),
            format!("UPDATE {table} SET payload = '{{}}' WHERE false"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table} CASCADE"),
            // Under the replica role only triggers that are always enabled fire.
            format!("SET session_replication_role = replica; DELETE FROM {table}"),
        ] {
            let error = client.batch_execute(&sql).unwrap_err();
            let told = error.as_db_error().unwrap();
            assert_eq!(told.code().code(), "CH003", "{sql}");
            assert!(told.message().contains("is append-only"), "{sql}: {told:?}");
            client.batch_execute("RESET session_replication_role").unwrap();
        }
    }
    assert_eq!(store.list(flow_id).unwrap(), before);
    assert_eq!(store.read_artifact(artifact(1).hash()).unwrap(), Some(artifact(1)));
}

#[test]
fn leases_and_eras_stay() {
    let (store, database) = store_or_skip!();
    store
        .append_as(Writer::Holder(&Lease::of_new_run(FlowId::new(), Holder::this_process())), 0, &[numbered(0)])
        .unwrap();
    let mut client = database.client();
    for sql in [
        "DELETE FROM flow_leases",
        "TRUNCATE flow_leases",
        "DELETE FROM delivery_eras",
        "UPDATE delivery_eras SET first_seq = 9",
        "TRUNCATE delivery_eras",
        "SET session_replication_role = replica; DELETE FROM flow_leases",
    ] {
        let error = client.batch_execute(sql).unwrap_err();
        let told = error.as_db_error().unwrap();
        assert_eq!(told.code().code(), "CH003", "{sql}");
        assert!(told.message().contains("stay for ever"), "{sql}: {told:?}");
    }
}

#[test]
fn rows_that_this_program_could_not_have_written_are_refused() {
    let (store, database) = store_or_skip!();
    let event = store.append_kind(FlowId::new(), signal(0)).unwrap();
    let mut client = database.client();
    let long = hash::<chem_runtime::fingerprint::ArtifactHash>(1).to_string();
    for (wrong, values) in [
        (
            "a position below zero",
            "event_log (flow_id, position, event_type, payload) VALUES (gen_random_uuid(), -1, 'stepsignal', '{}')"
                .to_owned(),
        ),
        (
            "no position",
            "event_log (flow_id, event_type, payload) VALUES (gen_random_uuid(), 'stepsignal', '{}')".to_owned(),
        ),
        (
            "a position again",
            format!(
                "event_log (flow_id, position, event_type, payload) VALUES ('{}', 0, 'stepsignal', '{{}}')",
                event.flow_id
            ),
        ),
        (
            "no payload",
            "event_log (flow_id, position, event_type) VALUES (gen_random_uuid(), 0, 'stepsignal')".to_owned(),
        ),
        (
            "a short hash",
            format!(
                "workflow_step_artifacts (artifact_hash, kind, payload, produced_in_seq) VALUES ('abc', 'a', '1', {})",
                event.seq
            ),
        ),
        (
            "an artifact of no event",
            format!(
                "workflow_step_artifacts (artifact_hash, kind, payload, produced_in_seq) VALUES ('{long}', 'a', '1', 999999)"
            ),
        ),
        ("an epoch of zero", "flow_leases (flow_id, epoch, holder) VALUES (gen_random_uuid(), 0, '{}')".to_owned()),
    ] {
        let error = client.batch_execute(&format!("INSERT INTO {values}")).unwrap_err();
        assert!(error.code().is_some_and(|state| state.code().starts_with("23")), "{wrong}: {error:?}");
    }
}
