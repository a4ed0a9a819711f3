//! The checked-in schema, and how a database has drifted from it.

use std::path::Path;

use chem_runtime::fingerprint::ContentHash;
use chem_runtime::store::postgres::{PgPool, check, describe};
use chem_runtime::store::schema::{Drift, DriftKind};

use crate::{pool, store_or_skip};

/// The environment variable that, set to any value, makes the test update the snapshot.
const UPDATE: &str = "CHEM_UPDATE_SCHEMA";

#[test]
fn the_schema_is_the_one_that_is_checked_in() {
    let (_store, database) = store_or_skip!();
    let found = describe(&pool(&database)).unwrap();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots");
    let hash = format!("{}  schema.sql\n", ContentHash::of(found.as_bytes()));
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(directory.join("schema.sql"), &found).unwrap();
        std::fs::write(directory.join("schema.sql.sha256"), &hash).unwrap();
    }
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    assert_eq!(found, read("schema.sql"), "if the change is meant, set {UPDATE}=1 and run this test again");
    assert_eq!(check(&pool(&database)).unwrap(), []);
}

/// Detects a change to the snapshot without a server.
#[test]
fn the_snapshot_has_the_hash_that_is_checked_in() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots");
    let text = std::fs::read(directory.join("schema.sql")).unwrap();
    let expected = std::fs::read_to_string(directory.join("schema.sql.sha256")).unwrap();
    assert_eq!(format!("{}  schema.sql\n", ContentHash::of(&text)), expected);
}

#[test]
fn the_checked_in_schema_makes_a_database_that_is_described_by_it() {
    let (_store, database) = store_or_skip!();
    let expected = include_str!("../../../snapshots/schema.sql");
    // The functions refer to the schema of their tables as `store`.
    database.client().batch_execute(&format!("CREATE SCHEMA store; SET search_path = store; {expected}")).unwrap();
    let address = crate::address(&format!("{}?options=-c%20search_path%3Dstore", database.url()));
    let pool = PgPool::connect(&address, Default::default()).unwrap();
    assert_eq!(describe(&pool).unwrap(), expected);
}

/// Applies the change, and returns the resulting drift.
fn after(change: &str) -> Option<Vec<Drift>> {
    let (_store, database) = crate::new_store()?;
    database.client().batch_execute(change).unwrap();
    Some(check(&pool(&database)).unwrap())
}

#[track_caller]
fn drifts(change: &str, expected: &[(DriftKind, &str)]) {
    let Some(found) = after(change) else { return };
    let kinds: Vec<(DriftKind, &str)> = found.iter().map(|drift| (drift.kind, drift.object.as_str())).collect();
    assert_eq!(kinds, expected, "{change}: {found:#?}");
    for drift in &found {
        let told = drift.to_string();
        assert!(told.contains(&drift.object) && told.contains('\n'), "{told}");
    }
}

#[test]
fn a_dropped_or_disabled_trigger_is_named() {
    use DriftKind::{Changed, Missing};
    drifts(
        "DROP TRIGGER event_log_is_append_only ON event_log",
        &[(Missing, "trigger event_log.event_log_is_append_only")],
    );
    drifts(
        "ALTER TABLE event_log DISABLE TRIGGER event_log_is_append_only",
        &[(Changed, "trigger event_log.event_log_is_append_only")],
    );
    drifts(
        "ALTER TABLE workflow_step_artifacts ENABLE TRIGGER workflow_step_artifacts_is_append_only",
        &[(Changed, "trigger workflow_step_artifacts.workflow_step_artifacts_is_append_only")],
    );
}

#[test]
fn a_widened_check_and_a_dropped_constraint_are_named() {
    use DriftKind::{Changed, Missing};
    drifts(
        "ALTER TABLE event_log DROP CONSTRAINT event_log_event_type_check1;
         ALTER TABLE event_log ADD CONSTRAINT event_log_event_type_check1
             CHECK (event_type IN ('flowinitialized','stepstarted','stepfinished','stepfailed','stepsignal','flowcompleted','other'))",
        &[(Changed, "constraint event_log.event_log_event_type_check1")],
    );
    drifts(
        "ALTER TABLE event_log DROP CONSTRAINT event_log_flow_id_position_key",
        &[(Missing, "constraint event_log.event_log_flow_id_position_key")],
    );
    drifts(
        "ALTER TABLE workflow_step_artifacts DISABLE TRIGGER ALL;
         ALTER TABLE workflow_step_artifacts ENABLE ALWAYS TRIGGER workflow_step_artifacts_is_append_only",
        &[(Changed, "constraint workflow_step_artifacts.workflow_step_artifacts_produced_in_seq_fkey")],
    );
}

#[test]
fn a_column_that_is_extra_missing_or_another_is_named() {
    use DriftKind::{Changed, Extra, Missing};
    drifts("ALTER TABLE event_log ADD COLUMN note TEXT", &[(Extra, "column event_log.note")]);
    drifts("ALTER TABLE event_log ALTER COLUMN payload DROP NOT NULL", &[(Changed, "column event_log.payload")]);
    drifts("ALTER TABLE event_log ALTER COLUMN ts DROP DEFAULT", &[(Changed, "column event_log.ts")]);
    drifts(
        "ALTER TABLE workflow_step_artifacts ALTER COLUMN kind TYPE VARCHAR(9)",
        &[(Changed, "column workflow_step_artifacts.kind")],
    );
    drifts(
        "ALTER TABLE workflow_step_artifacts DROP COLUMN metadata",
        &[(Missing, "column workflow_step_artifacts.metadata")],
    );
}

#[test]
fn everything_else_that_was_changed_is_named() {
    use DriftKind::{Changed, Excessive, Extra, Missing};
    drifts("DROP INDEX event_log_by_flow", &[(Missing, "index event_log_by_flow")]);
    drifts(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'event_log_flow_id_position_key'::regclass",
        &[(Changed, "constraint event_log.event_log_flow_id_position_key")],
    );
    drifts("CREATE TABLE mine () INHERITS (event_log)", &[(Extra, "child event_log.mine")]);
    drifts("CREATE INDEX mine ON event_log (ts)", &[(Extra, "index mine")]);
    drifts("ALTER SEQUENCE event_log_seq_seq CACHE 10", &[(Changed, "sequence event_log_seq_seq")]);
    drifts("ALTER TABLE flow_leases SET UNLOGGED", &[(Changed, "table flow_leases")]);
    drifts("ALTER TABLE event_log ENABLE ROW LEVEL SECURITY", &[(Changed, "table event_log")]);
    drifts("ALTER TABLE event_log FORCE ROW LEVEL SECURITY", &[(Changed, "table event_log")]);
    drifts("CREATE POLICY mine ON event_log USING (position > 0)", &[(Extra, "policy event_log.mine")]);
    drifts(
        "CREATE FUNCTION chem_append_to_run(run UUID) RETURNS VOID LANGUAGE sql AS ''",
        &[
            (Extra, "function chem_append_to_run(run uuid)"),
            (Excessive, "right EXECUTE on function chem_append_to_run of PUBLIC"),
        ],
    );
    drifts("CREATE RULE nothing AS ON DELETE TO event_log DO INSTEAD NOTHING", &[(Extra, "rule event_log.nothing")]);
    drifts(
        "CREATE OR REPLACE FUNCTION chem_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        &[(Changed, "function chem_refuse_change")],
    );
    drifts("DROP FUNCTION chem_take_lease", &[(Missing, "function chem_take_lease")]);
}
