//! Which files are stores, and the errors for those that are not.

use std::path::{Path, PathBuf};

use chem_runtime::event::FlowId;
use chem_runtime::store::sqlite::{SqliteEventStore, SqliteFile};
use chem_runtime::store::{
    ErrorClass, EventLog as _, EventStore as _, OpenMode, PersistenceError, RunIndex as _, StoreUrl,
};
use chem_tests::events::{artifact, finished, numbered};

use super::{Place, told};

#[track_caller]
fn refused(path: &Path, words: &str) -> PersistenceError {
    let error = SqliteEventStore::open(path).expect_err("the store was opened");
    let told = told(&error);
    assert!(told.contains(words), "{told}");
    assert!(told.contains(&path.display().to_string()), "{told}");
    error
}

#[test]
fn directories_on_the_way_are_made() {
    let place = Place::new();
    let path = place.directory.path().join("a/.chem/store.db");
    SqliteEventStore::open(&path).unwrap().append(FlowId::new(), 0, &[numbered(0)]).unwrap();
    assert_eq!(SqliteEventStore::open(&path).unwrap().all_runs().unwrap().len(), 1);
}

#[test]
fn a_missing_store_is_made_only_in_the_mode_that_creates() {
    let place = Place::new();
    for mode in [OpenMode::Existing, OpenMode::Read] {
        let error = SqliteEventStore::open_with(place.path(), mode).unwrap_err();
        assert!(matches!(error, PersistenceError::Absent { .. }), "{error}");
        assert_eq!(place.files(), [""; 0]);
    }
    let url = StoreUrl::from(SqliteFile::new(place.path()));
    for mode in [OpenMode::Create, OpenMode::Existing, OpenMode::Read] {
        assert_eq!(url.open(mode).unwrap().all_runs().unwrap(), []);
    }
}

#[test]
fn a_name_that_means_something_to_sqlite_is_the_name_of_a_file() {
    let place = Place::new();
    for name in [":memory:", "file:x?mode=memory", "a b'\"%20é.db"] {
        let path = place.directory.path().join(name);
        SqliteEventStore::open(&path).unwrap();
        assert!(path.is_file(), "{name}");
    }
}

#[test]
fn a_directory_is_no_store() {
    let place = Place::new();
    let error = refused(place.directory.path(), "is a directory");
    assert!(error.to_string().contains("/store.db`"), "{error}");
}

#[test]
fn a_place_below_a_file_is_no_place() {
    let place = Place::new();
    std::fs::write(place.path(), "x").unwrap();
    let below = place.path().join("store.db");
    let error = SqliteEventStore::open(&below).unwrap_err();
    assert!(told(&error).contains("cannot make the directory"), "{}", told(&error));
    assert!(matches!(SqliteEventStore::open(""), Err(PersistenceError::Unusable { .. })));
}

#[test]
fn a_file_of_another_kind_is_no_store_and_is_left_as_it_is() {
    let place = Place::new();
    let text = "name,smiles\naspirin,CC(=O)Oc1ccccc1C(=O)O\n".repeat(100);
    std::fs::write(place.path(), &text).unwrap();
    assert_eq!(refused(&place.path(), "is not a store").class(), ErrorClass::Permanent);
    assert!(told(&SqliteEventStore::open_with(place.path(), OpenMode::Read).unwrap_err()).contains("is not a store"));
    assert_eq!(std::fs::read_to_string(place.path()).unwrap(), text);
    assert_eq!(place.files(), ["store.db"]);
}

#[test]
fn the_database_of_another_program_is_no_store_and_is_left_as_it_is() {
    let place = Place::new();
    place.raw().execute_batch("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')").unwrap();
    let before = std::fs::read(place.path()).unwrap();
    refused(&place.path(), "of another program");
    assert!(
        told(&SqliteEventStore::open_with(place.path(), OpenMode::Read).unwrap_err()).contains("of another program")
    );
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
    assert_eq!(place.files(), ["store.db"]);
    // The same holds for a database without tables that has the application id of another program.
    let place = Place::new();
    place.raw().execute_batch("PRAGMA application_id = 252006674").unwrap();
    refused(&place.path(), "of another program");
}

#[test]
fn an_empty_file_becomes_a_store() {
    let place = Place::new();
    std::fs::write(place.path(), "").unwrap();
    place.open().unwrap().append(FlowId::new(), 0, &[numbered(0)]).unwrap();
}

#[test]
fn an_opening_that_was_cut_off_is_taken_up() {
    let place = Place::new();
    // A process killed before its first migration leaves refinery's history table, empty.
    place
        .raw()
        .execute_batch(
            "CREATE TABLE refinery_schema_history
                (version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))",
        )
        .unwrap();
    place.open().unwrap().append(FlowId::new(), 0, &[numbered(0)]).unwrap();
}

#[test]
fn a_store_of_a_later_release_is_refused() {
    let place = Place::new();
    place.open().unwrap();
    place
        .raw()
        .execute_batch("INSERT INTO refinery_schema_history VALUES (9000, 'add_gates', '2031-01-01T00:00:00Z', '1234')")
        .unwrap();
    let error = refused(&place.path(), "made by a later release");
    assert!(error.to_string().contains("version 9000 (`add_gates`)"), "{error}");
}

#[test]
fn a_store_with_another_history_is_refused() {
    for (change, words) in [
        ("checksum = '1234'", "with checksum 1234"),
        ("name = 'something_else'", "`something_else`"),
        ("applied_on = 'yesterday'", "`yesterday` as a time"),
    ] {
        let place = Place::new();
        place.open().unwrap();
        place.raw().execute_batch(&format!("UPDATE refinery_schema_history SET {change}")).unwrap();
        refused(&place.path(), words);
    }
}

#[test]
fn a_damaged_file_is_said_to_be_damaged() {
    let (place, flow_id) = (Place::new(), FlowId::new());
    let store = place.open().unwrap();
    store.append(flow_id, 0, &(0..200).map(|number| finished([artifact(number)])).collect::<Vec<_>>()).unwrap();
    drop(store);
    // Overwrites all pages except the first.
    let mut bytes = std::fs::read(place.path()).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(place.path(), bytes).unwrap();
    let error = match place.open() {
        Ok(store) => store.list(flow_id).unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.class(), ErrorClass::Corrupt);
    assert!(told(&error).contains("is damaged") && told(&error).contains(".recover"), "{}", told(&error));
}

#[cfg(unix)]
#[test]
fn a_store_is_where_its_path_led_when_it_was_opened() {
    let place = Place::new();
    // A relative path from the working directory through the root.
    let up: PathBuf = std::env::current_dir().unwrap().components().skip(1).map(|_| "..").collect();
    let relative = up.join(place.path().strip_prefix("/").unwrap());
    let store = SqliteEventStore::open(&relative).unwrap();
    assert!(store.path().is_absolute(), "{}", store.path().display());
    assert!(place.path().is_file());
}
