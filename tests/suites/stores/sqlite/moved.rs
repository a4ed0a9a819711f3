//! Copies of a store elsewhere: the log has the same tree there.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use chem_runtime::event::FlowId;
use chem_runtime::evidence::{Witness, audit, seal};
use chem_runtime::store::sqlite::{SqliteEventStore, SqliteFile};
use chem_runtime::store::{Backend as _, EventStore};
use chem_tests::events::{artifact, finished, numbered};
use chem_tests::released::root_and_heads;

use super::Place;

fn append(store: &dyn EventStore, run: FlowId, number: u64) {
    let position = store.next_position(run).unwrap();
    store.append(run, position, &[numbered(number), finished([artifact(number)])]).unwrap();
}

/// Checks that the store at `path` is sound and goes on as the one that it is a copy of, whose log had this root.
fn goes_on(path: &Path, root: &str, run: FlowId, directory: &Path) {
    // A witness of its own: the original goes on another way.
    let kept = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), kept.path().join(file.file_name())).unwrap();
    }
    let witness = Witness::new(kept.path());
    assert_eq!(SqliteFile::new(path).check().unwrap(), []);
    let store = SqliteEventStore::open(path).unwrap();
    assert_eq!(root_and_heads(&store), root);
    let audited = audit(&store, Some(&witness), None).unwrap();
    assert_eq!((audited.unsealed(), audited.findings), (0, vec![]));
    append(&store, run, 99);
    assert_eq!(seal(&store, Some(&witness), None).unwrap().events, 2);
    assert_eq!(audit(&store, Some(&witness), None).unwrap().findings, []);
}

#[test]
fn a_copied_or_dumped_store_has_the_same_tree_and_goes_on() {
    let (place, kept) = (Place::new(), tempfile::tempdir().unwrap());
    let (store, witness) = (place.open().unwrap(), Witness::new(kept.path()));
    let runs = [FlowId::new(), FlowId::new()];
    for number in 0..6 {
        append(&store, runs[number as usize % 2], number);
        if number % 2 == 1 {
            seal(&store, Some(&witness), None).unwrap();
        }
    }
    let root = root_and_heads(&store);
    let path = |name: &str| place.directory.path().join(name);

    place.raw().execute("VACUUM INTO ?", [path("vacuumed.db").to_str().unwrap()]).unwrap();
    goes_on(&path("vacuumed.db"), &root, runs[0], kept.path());
    drop(store);
    std::fs::copy(place.path(), path("copied.db")).unwrap();
    goes_on(&path("copied.db"), &root, runs[0], kept.path());

    let Ok(dump) = Command::new("sqlite3").arg(place.path()).arg(".dump").output() else {
        println!("skipped: there is no sqlite3");
        return;
    };
    let mut restore = Command::new("sqlite3").arg(path("restored.db")).stdin(Stdio::piped()).spawn().unwrap();
    restore.stdin.take().unwrap().write_all(&dump.stdout).unwrap();
    assert!(restore.wait().unwrap().success());
    goes_on(&path("restored.db"), &root, runs[0], kept.path());
}
