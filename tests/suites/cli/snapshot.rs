//! `chem snapshot`: what a flow does beside its pinned snapshot.

use std::path::Path;

use crate::harness::Place;

/// Returns a directory with the repository's demo flow and its snapshot.
fn pinned() -> Place {
    let place = Place::new();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in ["flows/demo.yaml", "snapshots/flows/demo.snap"] {
        place.write(file, &std::fs::read_to_string(repository.join(file)).unwrap());
    }
    place
}

fn snapshot(place: &Place) -> String {
    std::fs::read_to_string(place.path().join("snapshots/flows/demo.snap")).unwrap()
}

fn edit(place: &Place, from: &str, to: &str) {
    let manifest = std::fs::read_to_string(place.path().join("flows/demo.yaml")).unwrap();
    assert!(manifest.contains(from), "{manifest}");
    place.write("flows/demo.yaml", &manifest.replace(from, to));
}

#[test]
fn the_snapshot_of_a_test_in_rust_is_read() {
    let place = pinned();
    let before = snapshot(&place);
    let same = place.chem(&["snapshot", "flows/demo.yaml"]).expect(0);
    assert_eq!((same.stdout.as_str(), same.stderr.as_str()), ("ok snapshots/flows/demo.snap\n", ""));
    assert_eq!(place.chem(&["snapshot", "flows/demo.yaml", "-q"]).expect(0).stdout, "");
    let json = place.chem(&["snapshot", "flows/demo.yaml", "--format", "json", "--accept"]).expect(0).json();
    assert_eq!((&json[0]["outcome"], &json[0]["status"]), (&"same".into(), &"completed".into()), "{json}");
    assert_eq!(snapshot(&place), before);
    assert!(!place.path().join(".chem").exists(), "the run went to a store");
}

#[test]
fn a_change_is_named_and_accepted() {
    let place = pinned();
    let before = snapshot(&place);
    edit(&place, "hello, flow", "hello, you");
    let cause = "step `seed`: parameter `text` changed: `\"hello, flow\"` → `\"hello, you\"`";
    let refused = place.chem(&["snapshot", "flows/demo.yaml"]).expect(1).stdout;
    assert!(refused.starts_with(&format!("{cause}\n")), "{refused}");
    let help = "help: if the change is intended, accept it with `chem snapshot --accept flows/demo.yaml`\n";
    assert!(refused.ends_with(help), "{refused}");
    let json = place.chem(&["snapshot", "flows/demo.yaml", "--format", "json"]).expect(1).json();
    assert_eq!((&json[0]["outcome"], &json[0]["headline"]), (&"different".into(), &cause.into()), "{json}");
    assert_eq!(snapshot(&place), before);

    place.write("snapshots/flows/demo.snap.new", "left by an earlier review");
    let accepted = place.chem(&["snapshot", "--accept", "flows/demo.yaml"]).expect(0).stdout;
    assert_eq!(accepted, "wrote snapshots/flows/demo.snap\n");
    assert!(!place.path().join("snapshots/flows/demo.snap.new").exists());
    place.chem(&["snapshot", "flows/demo.yaml"]).expect(0);
    // The header that the test wrote stays, and so does every byte if the change is taken back.
    let header = |text: &str| text.split_once("\n---\n").unwrap().0.to_owned();
    assert_eq!(header(&snapshot(&place)), header(&before));
    edit(&place, "hello, you", "hello, flow");
    place.chem(&["snapshot", "--accept", "flows/demo.yaml"]).expect(0);
    assert_eq!(snapshot(&place), before);
}

#[test]
fn a_flow_without_a_snapshot_gets_one_that_a_test_in_rust_reads() {
    let place = pinned();
    std::fs::remove_dir_all(place.path().join("snapshots")).unwrap();
    let refused = place.chem(&["snapshot", "flows/demo.yaml"]).expect(1).stdout;
    assert!(refused.starts_with("`flows/demo.yaml` has no snapshot yet\n"), "{refused}");
    place.chem(&["snapshot", "--accept", "flows/demo.yaml"]).expect(0);
    let written = insta::Snapshot::from_file(&place.path().join("snapshots/flows/demo.snap")).unwrap();
    assert_eq!(written.metadata().source(), Some("flows/demo.yaml"));
    place.chem(&["snapshot", "flows/demo.yaml"]).expect(0);
}

#[test]
fn several_flows_are_compared_at_once() {
    let place = pinned();
    place.write("flows/other.yaml", "flow: other\nsteps:\n  - { id: a, uses: demo.seed, with: { text: CO } }\n");
    let compared = place.chem(&["snapshot", "flows/demo.yaml", "flows/other.yaml"]).expect(1).stdout;
    assert!(compared.starts_with("ok ") && compared.contains("`flows/other.yaml` has no snapshot yet"), "{compared}");
    place.chem(&["snapshot", "flows/other.yaml", "--accept"]).expect(0);
    place.chem(&["snapshot", "flows/demo.yaml", "flows/other.yaml"]).expect(0);
}

#[test]
fn a_wrong_manifest_is_reported_as_by_check() {
    let place = pinned();
    edit(&place, "demo.seed", "demo.sead");
    let refused = place.chem(&["snapshot", "flows/demo.yaml"]).expect(2);
    assert!(refused.stdout.is_empty() && refused.stderr.contains("error[E0401]"), "{refused:?}");
    let json = place.chem(&["snapshot", "flows/demo.yaml", "--format", "json"]).expect(2).json();
    assert_eq!(json[0]["code"], "E0401");
}

#[test]
fn a_confined_flow_stays_in_its_folder() {
    let place = Place::new();
    place.write("secret.csv", "a\n1\n").write(
        "project/flow.yaml",
        "flow: copy\nsteps:\n  - { id: read, uses: table.read, with: { path: ../secret.csv } }\n  \
         - { id: write, uses: table.write, with: { path: out.csv } }\n",
    );
    place.chem(&["snapshot", "project/flow.yaml", "--confined", "--accept"]).expect(0);
    let compared = place.chem(&["snapshot", "project/flow.yaml"]).expect(1).stdout;
    assert!(compared.starts_with("step `read` no longer fails: cannot read `project/../secret.csv`"), "{compared}");
    assert!(compared.contains("is confined") && !place.path().join("project/out.csv").exists(), "{compared}");
}
