//! The file rejects changes to its contents, and forced changes are detected.

use chem_runtime::artifact::ArtifactError;
use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::store::{
    ArtifactStore as _, ErrorClass, EventLog as _, EventStore as _, PersistenceError, RunIndex as _,
};
use chem_tests::events::{artifact, finished, numbered};

use super::{Place, told};

/// Returns a store with three events of a run, the second with an artifact.
fn filled() -> (Place, FlowId) {
    let (place, flow_id) = (Place::new(), FlowId::new());
    place.open().unwrap().append(flow_id, 0, &[numbered(0), finished([artifact(1)]), numbered(2)]).unwrap();
    (place, flow_id)
}

/// The columns of an artifact that is stored as text.
const COLUMNS: &str = "(artifact_hash, kind, payload, metadata, produced_in_seq)";

#[test]
fn events_and_artifacts_are_neither_changed_nor_deleted_nor_replaced() {
    let (place, flow_id) = filled();
    let (raw, store) = (place.raw(), place.open().unwrap());
    let before = (store.list(flow_id).unwrap(), store.read_artifact(artifact(1).hash()).unwrap());
    for statement in [
        "UPDATE event_log SET payload = '{}'",
        "UPDATE OR REPLACE event_log SET position = 1 WHERE position = 2",
        "DELETE FROM event_log",
        "DELETE FROM event_log WHERE position = 2",
        "UPDATE workflow_step_artifacts SET payload = '1'",
        "DELETE FROM workflow_step_artifacts",
        "INSERT OR REPLACE INTO event_log SELECT * FROM event_log WHERE position = 2",
        "INSERT OR REPLACE INTO event_log SELECT seq, flow_id, 3, ts, event_type, payload FROM event_log WHERE seq = 3",
        "INSERT OR REPLACE INTO event_log SELECT NULL, flow_id, position, ts, event_type, '{}' FROM event_log WHERE seq = 1",
    ] {
        let error = raw.execute_batch(statement).expect_err(statement).to_string();
        assert!(error.contains("is append-only"), "{statement}: {error}");
    }
    // A second artifact with the same hash is ignored, whatever its payload.
    raw.execute_batch(&format!("INSERT OR REPLACE INTO workflow_step_artifacts {COLUMNS} SELECT artifact_hash, kind, '1', '1', 3 FROM workflow_step_artifacts"))
        .unwrap();
    assert_eq!((store.list(flow_id).unwrap(), store.read_artifact(artifact(1).hash()).unwrap()), before);
}

#[test]
fn rows_that_this_program_could_not_have_written_are_refused() {
    let (place, _) = filled();
    let raw = place.raw();
    let insert = |values: &str| {
        raw.execute_batch(&format!(
            "INSERT INTO event_log (flow_id, position, ts, event_type, payload) VALUES ({values})"
        ))
    };
    let (run, ts) = ("'018f0000-0000-7000-8000-000000000000'", "'2026-01-02T03:04:05.678901Z'");
    for wrong in [
        format!("{run}, 0, {ts}, 'StepSignal', '{{}}'"),
        format!("{run}, 0, {ts}, 'stepretried', '{{}}'"),
        format!("{run}, 0, {ts}, 'stepsignal', '{{'"),
        format!("{run}, 0, 'yesterday', 'stepsignal', '{{}}'"),
        format!("{run}, 1, {ts}, 'stepsignal', '{{}}'"),
        format!("{run}, -1, {ts}, 'stepsignal', '{{}}'"),
        format!("{run}, 'x', {ts}, 'stepsignal', '{{}}'"),
        format!("upper({run}), 0, {ts}, 'stepsignal', '{{}}'"),
        format!("'r1', 0, {ts}, 'stepsignal', '{{}}'"),
        format!("NULL, 0, {ts}, 'stepsignal', '{{}}'"),
    ] {
        insert(&wrong).expect_err(&wrong);
    }
    insert(&format!("{run}, 0, {ts}, 'stepsignal', '{{}}'")).unwrap();

    raw.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let hash = "a".repeat(64);
    for wrong in [
        format!("'{}', 'note', '1', NULL, 1", &hash[1..]),
        format!("'{}', 'note', '1', NULL, 1", hash.to_uppercase()),
        format!("'{hash}', 'note', '{{', NULL, 1"),
        format!("'{hash}', 'note', '1', '{{', 1"),
        format!("'{hash}', 'note', '1', NULL, 99"),
        format!("'{hash}', 'note', '1', NULL, NULL"),
        format!("'{hash}', NULL, '1', NULL, 1"),
        format!("'{hash}', x'00', '1', NULL, 1"),
        "NULL, 'note', '1', NULL, 1".to_owned(),
    ] {
        raw.execute_batch(&format!("INSERT INTO workflow_step_artifacts {COLUMNS} VALUES ({wrong})"))
            .expect_err(&wrong);
    }
    raw.execute_batch(&format!(
        "INSERT INTO workflow_step_artifacts {COLUMNS} VALUES ('{hash}', 'note', '1', NULL, 1)"
    ))
    .unwrap();
}

#[test]
fn an_event_of_an_unknown_kind_is_refused_by_the_file() {
    let place = Place::new();
    place.open().unwrap();
    let raw = place.raw();
    raw.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
    for event_type in FlowEventKind::EVENT_TYPES {
        insert_kind(&raw, event_type).unwrap();
    }
    for event_type in ["StepStarted", "STEPSTARTED", "stepstarte", "steppaused", ""] {
        let error = insert_kind(&raw, event_type).unwrap_err().to_string();
        assert!(error.contains("no events of this kind"), "{event_type}: {error}");
    }
}

/// What the migration for a further kind does.
#[test]
fn a_kind_is_added_without_a_copy_of_the_log() {
    let (place, flow_id) = filled();
    let raw = place.raw();
    let query = "SELECT sql FROM sqlite_schema WHERE name = 'event_log_has_known_kinds'";
    let trigger: String = raw.query_row(query, [], |row| row.get(0)).unwrap();
    let wider = trigger.replace("('flowinitialized',", "('steppaused', 'flowinitialized',");
    raw.execute_batch(&format!("DROP TRIGGER event_log_has_known_kinds; {wider}")).unwrap();
    insert_kind(&raw, "steppaused").unwrap();
    assert_eq!(place.open().unwrap().list(flow_id).unwrap().len(), 3);
}

/// Inserts an event as the first of a new run.
fn insert_kind(raw: &rusqlite::Connection, event_type: &str) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO event_log (flow_id, position, ts, event_type, payload)
               VALUES (?, 0, '2026-01-02T03:04:05.678901Z', ?, '{}')";
    raw.execute(sql, (FlowId::new().to_string(), event_type))
}

#[test]
fn an_artifact_that_was_changed_by_force_is_named() {
    let (place, _) = filled();
    let hash = artifact(1).hash();
    let force = |change: &str| {
        place.raw().execute_batch(&format!(
            "DROP TRIGGER IF EXISTS workflow_step_artifacts_is_never_updated; UPDATE workflow_step_artifacts SET {change}"
        ))
    };
    force("payload = '{ \"number\" : 1.0 }'").unwrap();
    assert_eq!(
        place.open().unwrap().read_artifact(hash).unwrap(),
        Some(artifact(1)),
        "another spelling is the same value"
    );
    for change in ["payload = '{\"number\":2}'", "payload = '{\"number\":1}', kind = 'text'"] {
        force(change).unwrap();
        let error = place.open().unwrap().read_artifact(hash).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Corrupt);
        assert!(
            matches!(&error, PersistenceError::Artifact(ArtifactError::Corrupt { hash: named, .. }) if *named == hash)
        );
        assert!(told(&error).contains(&hash.to_string()), "{}", told(&error));
    }
}

#[test]
fn an_event_that_was_changed_by_force_is_named() {
    let (place, flow_id) = filled();
    let force = |change: &str| {
        place.raw().execute_batch(&format!(
            "PRAGMA ignore_check_constraints = ON; DROP TRIGGER IF EXISTS event_log_is_never_updated;
             UPDATE event_log SET {change} WHERE position = 2"
        ))
    };
    for (change, named) in [
        ("payload = '{\"step_id\":\"a\"}'", "missing field"),
        ("payload = '{'", "EOF"),
        ("event_type = 'stepretried'", "probably written by a later release"),
        ("ts = 'yesterday'", "`yesterday` as its time"),
    ] {
        force(change).unwrap();
        let store = place.open().unwrap();
        for error in [store.list(flow_id).unwrap_err(), store.all_runs().unwrap_err()] {
            let told = told(&error);
            assert_eq!(error.class(), ErrorClass::Corrupt);
            assert!(told.contains("event 2") && told.contains(&flow_id.to_string()), "{told}");
            assert!(told.contains(named), "{told}");
        }
    }
}
