//! Large, corrupt and duplicate artifacts.

use chem_runtime::artifact::{Artifact, ArtifactError};
use chem_runtime::event::FlowId;
use chem_runtime::store::{ArtifactStore as _, ErrorClass, EventLog as _, EventStore as _, PersistenceError};
use chem_tests::events::{artifact, finished, numbered, random_artifact};
use chem_tests::postgres_server::TestDatabase;

use crate::store_or_skip;

/// Executes SQL that the triggers forbid.
fn by_force(database: &TestDatabase, sql: &str) {
    let table = if sql.contains("event_log") { "event_log" } else { "workflow_step_artifacts" };
    let mut client = database.client();
    client.batch_execute(&format!("ALTER TABLE {table} DISABLE TRIGGER USER; {sql}")).unwrap();
}

#[test]
fn an_artifact_that_was_changed_by_force_is_named() {
    let (store, database) = store_or_skip!();
    let whole = artifact(1);
    store.append(FlowId::new(), 0, &[finished([whole.clone()])]).unwrap();
    for change in ["payload = '{\"number\": 2}'", "kind = 'other'", "payload = '[]'"] {
        by_force(&database, &format!("UPDATE workflow_step_artifacts SET {change}"));
        let error = store.read_artifact(whole.hash()).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Corrupt);
        assert!(
            matches!(&error, PersistenceError::Artifact(ArtifactError::Corrupt { hash, .. }) if *hash == whole.hash())
        );
        assert!(error.to_string().contains(&whole.hash().to_string()), "{error}");
    }
    by_force(&database, "UPDATE workflow_step_artifacts SET payload = '{\"number\": 1.0}', kind = 'note'");
    assert_eq!(store.read_artifact(whole.hash()).unwrap(), Some(whole));
}

#[test]
fn an_event_that_was_changed_by_force_is_named() {
    let (store, database) = store_or_skip!();
    let run = FlowId::new();
    store.append(run, 0, &[numbered(0), numbered(1), numbered(2)]).unwrap();
    by_force(&database, "UPDATE event_log SET payload = '{}' WHERE position = 1");
    let error = store.list(run).unwrap_err();
    assert!(matches!(&error, PersistenceError::Event { flow_id, position: 1, .. } if *flow_id == run), "{error:?}");
    by_force(&database, "UPDATE event_log SET ts = 'infinity' WHERE position = 1");
    assert_eq!(store.list(run).unwrap_err().class(), ErrorClass::Corrupt);
    by_force(&database, "DELETE FROM event_log WHERE position = 1");
    let error = store.list(run).unwrap_err();
    assert!(error.to_string().contains("event 2 where 1 is due"), "{error}");
}

/// Returns `count` artifacts that together exceed one statement, each with its number in it.
fn large(count: u64) -> Vec<Artifact> {
    (0..count).map(|number| random_artifact(number, 1_300_000)).collect()
}

#[test]
fn what_is_too_large_for_one_statement_lands_as_one() {
    let (store, database) = store_or_skip!();
    let (run, artifacts) = (FlowId::new(), large(20));
    assert!(artifacts.iter().map(|artifact| artifact.payload_text().len()).sum::<usize>() > 24 << 20);
    let batch = [numbered(0), finished(artifacts[..12].to_vec()), finished(artifacts[8..].to_vec())];
    assert!(matches!(store.append(run, 1, &batch), Err(PersistenceError::Conflict { found: 0, .. })));
    store.append(run, 0, &batch).unwrap();
    let stored = store.list(run).unwrap();
    assert!(stored.iter().map(|event| &event.kind).eq(batch.iter().map(|event| &event.kind)));
    for artifact in &artifacts {
        assert_eq!(store.read_artifact(artifact.hash()).unwrap().as_ref(), Some(artifact));
    }
    let mut client = database.client();
    let sql = "SELECT count(*), count(DISTINCT produced_in_seq) FROM workflow_step_artifacts";
    let row = client.query_one(sql, &[]).unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (20, 2), "each once, at the event that brought it");
    assert_eq!(client.query_one("SELECT count(DISTINCT xact) FROM event_log", &[]).unwrap().get::<_, i64>(0), 1);
    // An existing artifact is not stored again.
    store.append(FlowId::new(), 0, &batch).unwrap();
    assert_eq!(client.query_one(sql, &[]).unwrap().get::<_, i64>(0), 20);
}

#[test]
fn event_and_artifacts_land_together_or_not_at_all() {
    let (store, database) = store_or_skip!();
    // The database rejects one artifact, the last to be written.
    let artifacts = large(10);
    let last = artifacts.iter().map(|artifact| artifact.hash().to_string()).max().unwrap();
    let check = format!("ALTER TABLE workflow_step_artifacts ADD CHECK (artifact_hash <> '{last}')");
    database.client().batch_execute(&check).unwrap();
    let run = FlowId::new();
    let bad: Vec<Artifact> = artifacts.iter().filter(|it| it.hash().to_string() == last).cloned().collect();
    for batch in [[numbered(0), finished(artifacts.clone())], [finished([artifact(1)]), finished(bad)]] {
        let error = store.append(run, 0, &batch).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Permanent);
        assert!(crate::told(&error).contains("23514"), "{}", crate::told(&error));
        assert_eq!(store.list(run).unwrap(), []);
        assert_eq!(store.find_artifact_hashes("", 99).unwrap(), []);
    }
    store.append(run, 0, &[finished([artifact(1)])]).unwrap();
}
