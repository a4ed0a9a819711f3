//! Gates: `chem run` that ends with status 4, and `chem approve` and `chem reject` that go on.

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
        (None, "asks for data"),
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
    // Who saw the first file decides on that one.
    place.chem(&["approve", "@last", "read", "--shown", before.as_str().unwrap()]).expect(4);
    place.chem(&["approve", "@last", "read"]).expect(0);
    assert_eq!(place.show("@last")["event_variants"], "IUUPSGFC");
}
