//! Stores of earlier releases.

use std::sync::Arc;

use chem_runtime::store::sqlite::{SqliteEventStore, SqliteFile};
use chem_runtime::store::{Backend as _, EventLog as _, EventStore as _, OpenMode, PersistenceError};
use chem_tests::released::{RUNS, SQLITE_V2, still_works};

use super::{Place, told};

/// Returns the store as release 0.1.0 left it.
fn released() -> Place {
    let place = Place::new();
    place.raw().execute_batch(SQLITE_V2).unwrap();
    place
}

#[test]
fn a_store_of_version_2_is_brought_up_to_date_and_loses_nothing() {
    let place = released();
    let rows = |query: &str| -> Vec<String> {
        let raw = place.raw();
        let mut statement = raw.prepare(query).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut texts = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let value = |column| format!("{:?}", row.get_ref_unwrap(column));
            texts.push((0..columns).map(value).collect::<Vec<_>>().join("|"));
        }
        texts
    };
    let queries = [
        "SELECT seq, flow_id, position, ts, event_type, payload FROM event_log ORDER BY seq",
        "SELECT artifact_hash, kind, payload, metadata, produced_in_seq FROM workflow_step_artifacts ORDER BY artifact_hash",
        "SELECT * FROM flow_leases ORDER BY flow_id",
        "SELECT seq FROM sqlite_sequence WHERE name = 'event_log'",
    ];
    let before = queries.map(rows);
    assert_eq!(before[0].len(), 16);

    let applied = SqliteFile::new(place.path()).migrate().unwrap();
    assert_eq!(applied.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    let store = place.open().unwrap();
    assert_eq!(queries.map(rows), before);
    assert_eq!(rows("PRAGMA foreign_key_check"), [""; 0]);
    assert_eq!(SqliteFile::new(place.path()).check().unwrap(), []);
    // It still rejects changes, and continues its sequence numbers.
    for statement in ["UPDATE event_log SET payload = '{}'", "DELETE FROM event_log WHERE seq = 16"] {
        assert!(place.raw().execute_batch(statement).unwrap_err().to_string().contains("is append-only"));
    }
    let run = RUNS[1].0.parse().unwrap();
    assert!(store.append(run, 3, &[chem_tests::events::numbered(1)]).is_err());
    assert_eq!(store.append_kind(run, chem_tests::events::signal(1)).unwrap().seq, 17);
}

#[test]
fn the_runs_of_a_store_of_version_2_replay_and_go_on() {
    let place = released();
    SqliteFile::new(place.path()).migrate().unwrap();
    still_works(Arc::new(place.open().unwrap()));
}

#[test]
fn a_store_of_version_2_is_left_to_those_who_use_it_until_somebody_migrates_it() {
    let place = released();
    let before = std::fs::read(place.path()).unwrap();
    for opened in [place.open(), SqliteEventStore::open_with(place.path(), OpenMode::Read)] {
        let error = opened.expect_err("the store was opened");
        assert!(matches!(error, PersistenceError::Unusable { .. }), "{error:?}");
        let told = told(&error);
        assert!(
            told.contains("has version 2, and this program needs 12") && told.contains("`chem store migrate`"),
            "{told}"
        );
        assert_eq!(std::fs::read(place.path()).unwrap(), before);
    }
}
