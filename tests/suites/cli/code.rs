//! Warnings about results whose step has different code now.

use crate::harness::{Outcome, Place};

const DEMO: &str = "flow: demo\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n";

fn run(place: &Place, development: Option<&str>, arguments: &[&str]) -> (Outcome, String) {
    let mut command = place.command(&[&["run", "demo.yaml"], arguments].concat());
    command.env_remove("CHEM_DEV");
    if let Some(value) = development {
        command.env("CHEM_DEV", value);
    }
    let outcome = Outcome::from(command.output().unwrap()).expect(0);
    let fingerprint = place.show("@last")["flow_fingerprint"].as_str().unwrap().to_owned();
    (outcome, fingerprint)
}

/// Replaces the code hash of every stored result.
fn change_code(place: &Place) {
    let raw = rusqlite::Connection::open(place.path().join(".chem/store.db")).unwrap();
    raw.execute_batch(
        "DROP TRIGGER IF EXISTS event_log_is_never_updated;
         UPDATE event_log SET payload = json_set(payload, '$.code', '0123456789abcdef')
         WHERE event_type = 'stepfinished'",
    )
    .unwrap();
}

/// These tests run in builds with debug assertions. The engine's own tests cover release builds.
#[test]
fn a_step_whose_code_changed_without_its_version_is_named_with_both_ways_out() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    let (first, fingerprint) = run(&place, None, &[]);
    assert!(!first.stderr.contains("warning"), "{}", first.stderr);
    let (same, _) = run(&place, None, &[]);
    assert!(same.stderr.contains("reused from run") && !same.stderr.contains("warning"), "{}", same.stderr);

    let worked = place.chem(&["ls", "--format", "json"]).json()[0]["flow_id"].as_str().unwrap().to_owned();
    change_code(&place);
    for development in [None, Some(""), Some("1")] {
        let (told, same) = run(&place, development, &[]);
        assert!(
            told.stderr.contains(&format!(
                "warning: step `seed`: the code of `demo.seed` has changed since run {worked} computed this result"
            )),
            "{development:?}: {}",
            told.stderr
        );
        assert!(told.stderr.contains("`version = 2`") && told.stderr.contains("`--refresh seed`"), "{}", told.stderr);
        assert_eq!(same, fingerprint);
    }
    let plan = |development: &str, options: &[&str]| {
        let mut command = place.command(&[&["plan", "demo.yaml"], options].concat());
        Outcome::from(command.env("CHEM_DEV", development).output().unwrap()).expect(0)
    };
    let planned = plan("1", &[]);
    assert!(
        planned.stderr.contains("warning: step `seed`: the code of `demo.seed` has changed since run "),
        "{planned:?}"
    );
    assert!(planned.stderr.contains("`version = 2`") && planned.stderr.contains("`--refresh seed`"), "{planned:?}");
    assert_eq!(plan("1", &["--format", "json"]).json()["steps"][0]["code_changed"], true);
    assert_eq!(plan("1", &["--refresh", "seed", "--format", "json"]).json()["steps"][0]["code_changed"], false);
    for (development, options) in [("0", &[][..]), ("1", &["-q"]), ("1", &["--refresh", "seed"])] {
        assert_eq!(plan(development, options).stderr, "", "{development} {options:?}");
    }

    let (silenced, _) = run(&place, Some("0"), &[]);
    assert!(silenced.stderr.contains("reused from run") && !silenced.stderr.contains("warning"), "{}", silenced.stderr);
    let (quiet, _) = run(&place, Some("1"), &["-q"]);
    assert_eq!(quiet.stderr, "");

    let (anew, same) = run(&place, None, &["--refresh", "seed"]);
    assert!(!anew.stderr.contains("warning"), "{}", anew.stderr);
    assert_eq!(same, fingerprint);
    let (after, _) = run(&place, None, &[]);
    assert!(after.stderr.contains("reused from run") && !after.stderr.contains("warning"), "{}", after.stderr);
}
