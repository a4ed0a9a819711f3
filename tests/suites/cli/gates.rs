//! Gates: `chem run` exits with status 4, and `chem approve` and `chem reject` continue.

use crate::harness::Place;

const GATED: &str = "flow: gated
steps:
  - id: seed
    uses: demo.seed
    gate:
      message: Which text?
      schema:
        type: object
        properties: { text: { type: string } }
        required: [text]
        additionalProperties: false
  - { id: characters, uses: demo.characters, gate: { message: Go on? } }
";

#[test]
fn a_run_waits_with_status_4_and_is_approved_step_by_step() {
    let place = Place::new();
    place.write("gated.yaml", GATED);
    let run = place.chem(&["run", "gated.yaml"]).expect(4);
    assert!(run.stderr.contains("step `seed` waits for a decision: Which text?"), "{}", run.stderr);
    let shown = place.show("@last");
    assert_eq!((&shown["status"], &shown["event_variants"]), (&"waiting".into(), &"IU".into()));
    assert_eq!(shown["question"]["message"], "Which text?");
    place.chem(&["resume", "@last"]).expect(4);
    for (data, told) in [
        (None, "requires data"),
        (Some("{}"), "\"text\" is a required property"),
        (Some("{\"text\""), "`--data` is not JSON"),
        (Some("{\"text\": \"C\", \"x\": 1}"), "'x' was unexpected"),
    ] {
        let mut arguments = vec!["approve", "@last", "seed"];
        arguments.extend(data.iter().flat_map(|data| ["--data", *data]));
        let refused = place.chem(&arguments).expect(2);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
    let approve = ["approve", "@last", "seed", "--data", "{\"text\": \"CCO\"}", "--reason", "looked at it"];
    let waits = place.chem(&[&approve[..], &["--format", "json"]].concat()).expect(4).json();
    assert_eq!((&waits["status"], &waits["event_variants"]), (&"waiting".into(), &"IUPSFU".into()));
    let run = place.chem(&["approve", "@last", "characters", "--format", "json"]).expect(0).json();
    assert_eq!(run["event_variants"], "IUPSFUPSFC");

    let plain = "flow: plain
steps:
  - { id: seed, uses: demo.seed, with: { text: CCO } }
  - { id: characters, uses: demo.characters }
";
    place.write("plain.yaml", plain);
    let ungated = place.chem(&["run", "plain.yaml", "--format", "json"]).expect(0).json();
    assert_eq!(run["flow_fingerprint"], ungated["flow_fingerprint"]);
}

#[test]
fn a_rejected_run_has_failed() {
    let place = Place::new();
    place.write("gated.yaml", GATED);
    place.chem(&["run", "gated.yaml"]).expect(4);
    place.chem(&["reject", "@last", "characters"]).expect(2);
    let rejected = place.chem(&["reject", "@last", "seed", "--reason", "not this one"]).expect(0);
    assert!(rejected.stderr.contains("step `seed` failed: rejected: not this one"), "{}", rejected.stderr);
    assert_eq!(place.show("@last")["status"], "failed");
    place.chem(&["approve", "@last", "seed", "--data", "{\"text\": \"C\"}"]).expect(2);
    place.chem(&["retry", "@last"]).expect(4);
}

#[cfg(feature = "chemistry")]
#[test]
fn a_decision_does_not_count_for_inputs_that_have_changed() {
    let place = Place::new();
    place.write("drugs.csv", "smiles\nCCO\n");
    let manifest = "flow: gated
steps:
  - { id: read, uses: molecules.read, with: { path: drugs.csv }, gate: { message: The right file? } }
";
    place.write("gated.yaml", manifest);
    place.chem(&["run", "gated.yaml"]).expect(4);
    let before = place.show("@last")["question"]["shown"].clone();
    place.write("drugs.csv", "smiles\nCCN\n");
    let refused = place.chem(&["approve", "@last", "read"]).expect(4);
    assert!(refused.stderr.contains("has changed since it was shown"), "{}", refused.stderr);
    let after = place.show("@last");
    assert_ne!(after["question"]["shown"], before);
    assert_eq!(after["event_variants"], "IUU");
    // A decision on the first file cannot apply to the second.
    place.chem(&["approve", "@last", "read", "--shown", before.as_str().unwrap()]).expect(4);
    place.chem(&["approve", "@last", "read"]).expect(0);
    assert_eq!(place.show("@last")["event_variants"], "IUUPSGFC");
}

#[test]
fn what_is_not_to_be_reused_is_not_after_a_gate_either() {
    let place = Place::new();
    let plain = GATED.split("    gate:").next().unwrap().to_owned()
        + "    with: { text: CCO }\n  - { id: characters, uses: demo.characters }\n";
    place.write("plain.yaml", &plain).write("gated.yaml", GATED);
    place.chem(&["run", "plain.yaml", "-q"]).expect(0);
    let (seed, characters) = (["seed", "--data", "{\"text\": \"CCO\"}"], ["characters"]);
    let approve = |more: &[&str]| {
        place.chem(&["run", "gated.yaml", "-q"]).expect(4);
        place.chem(&[&["approve", "@last", "-q"], &seed[..], more].concat()).expect(4);
        place.chem(&[&["approve", "@last", "-q"], &characters[..], more].concat()).expect(0);
        place.show("@last")["event_variants"].clone()
    };
    assert_eq!(approve(&[]), "IUPSHUPSHC");
    assert_eq!(approve(&["--no-cache"]), "IUPSFUPSFC");
    assert_eq!(approve(&["--refresh", "characters"]), "IUPSHUPSFC");
    for command in [&["approve", "@last", "seed"][..], &["retry", "@last"], &["branch", "@last", "--from", "seed"]] {
        let refused = place.chem(&[command, &["--refresh", "sed"]].concat()).expect(2);
        assert!(refused.stderr.contains("no step `sed` to refresh"), "{}", refused.stderr);
    }
}

#[test]
fn a_failure_after_an_approval_shows_what_was_approved() {
    let place = Place::new();
    let manifest = "flow: busy
steps:
  - { id: seed, uses: demo.seed }
  - id: ask
    uses: test.busy
    with: { times: 1, tried: tried.txt }
    gate: { message: How often?, schema: { type: object } }
";
    place.write("busy.yaml", manifest);
    place.chem(&["run", "busy.yaml", "-q"]).expect(4);
    let failed = place.chem(&["approve", "@last", "ask", "--data", "{\"times\": 77}"]).expect(1);
    assert!(failed.stderr.contains("times: 77") && !failed.stderr.contains("times: 1"), "{}", failed.stderr);
}

#[test]
fn a_gate_that_the_manifest_no_longer_has_is_told_of_and_adopted_when_asked() {
    let place = Place::new();
    let gated = "flow: gated
steps:
  - { id: seed, uses: demo.seed, with: { text: CCO } }
  - { id: characters, uses: demo.characters, gate: { message: Go on? } }
";
    place.write("gated.yaml", gated);
    place.chem(&["run", "gated.yaml", "-q"]).expect(4);
    place.write("gated.yaml", &gated.replace(", gate: { message: Go on? }", ", timeout: 5s"));
    let waits = place.chem(&["resume", "@last"]).expect(4);
    for told in ["step `characters`: gate was removed", "step `characters`: timeout_ms is new: 5000", "--adopt"] {
        assert!(waits.stderr.contains(told), "{}", waits.stderr);
    }
    place.chem(&["resume", "@last", "--adopt", "-q"]).expect(0);
    assert_eq!(place.show("@last")["event_variants"], "IBSHSFC");
}

#[test]
fn a_project_that_was_moved_goes_on_where_its_manifest_is_now() {
    let place = Place::new();
    let manifest = "flow: moved
steps:
  - { id: read, uses: table.read, with: { path: in.csv }, gate: { message: This one? } }
  - { id: write, uses: table.write, with: { path: out.csv } }
";
    let moved = |from: &str, to: &str| std::fs::rename(place.path().join(from), place.path().join(to)).unwrap();
    place.write("one/flow.yaml", manifest).write("one/in.csv", "name\na\n");
    place.chem(&["run", "one/flow.yaml", "-q"]).expect(4);
    moved("one", "two");
    let gone = place.chem(&["approve", "@last", "read"]).expect(4);
    assert!(gone.stderr.contains("cannot start") && gone.stderr.contains("in.csv"), "{}", gone.stderr);
    let other = manifest.replace("out.csv", "other.csv");
    place.write("other.yaml", &other).write("in.csv", "name\na\n");
    let refused = place.chem(&["approve", "@last", "read", "--manifest", "other.yaml"]).expect(2);
    assert!(refused.stderr.contains("step `write`: parameter path"), "{}", refused.stderr);
    place.chem(&["approve", "@last", "read", "--manifest", "two/flow.yaml", "-q"]).expect(0);
    assert!(place.path().join("two/out.csv").exists());
}
