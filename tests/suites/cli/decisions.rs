//! Signed decisions at gates.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::evidence::{by_force, key};
use crate::harness::{Outcome, Place};

const GATED: &str = "flow: gated
steps:
  - { id: seed, uses: demo.seed, with: { text: CCO } }
  - id: characters
    uses: demo.characters
    gate: { message: Go on?, signed_by: [ada@lab, grace@lab] }
";

/// Returns a run that waits for a signed decision, and the keys of Ada, who may decide, and of Eve, who may not.
fn waiting() -> Option<(Place, String, String)> {
    let place = Place::new();
    let keys = (key(&place, "ada")?, key(&place, "eve")?);
    place.write("gated.yaml", GATED).chem(&["run", "gated.yaml", "-q"]).expect(4);
    let text = |key: &Path| key.to_str().unwrap().to_owned();
    Some((place, text(&keys.0), text(&keys.1)))
}

fn approve(place: &Place, more: &[&str]) -> Outcome {
    place.chem(&[&["approve", "@last", "characters", "--allowed-signers", "allowed"], more].concat())
}

/// Returns the decision in the log of a run.
fn decision(place: &Place, run: &str) -> Value {
    let events = place.chem(&["log", run, "--format", "json"]).expect(0).json_lines();
    let mut decided = events.into_iter().filter(|event| event["event_type"] == "userinteractionprovided");
    decided.next().unwrap()["payload"].clone()
}

/// Appends an event to the only run of the store, without the program.
fn append(place: &Place, event_type: &str, payload: &Value) {
    let payload = payload.to_string().replace('\'', "\'\'");
    let statement = format!(
        "INSERT INTO event_log (flow_id, position, ts, event_type, payload)
         SELECT flow_id, max(position) + 1, max(ts), '{event_type}', '{payload}' FROM event_log"
    );
    by_force(place, &statement);
}

#[test]
fn a_gate_accepts_only_a_decision_that_one_of_its_principals_signed() {
    let Some((place, ada, eve)) = waiting() else { return };
    let shown = place.show("@last");
    assert_eq!(shown["question"]["signed_by"], json!(["ada@lab", "grace@lab"]));
    let hint = place.chem(&["show", "@last"]).expect(0).stderr;
    assert!(hint.contains("has to be signed by ada@lab or grace@lab") && hint.contains(" --sign"), "{hint}");

    let refused = approve(&place, &[]).expect(4).stderr;
    assert!(refused.contains("accepts only a decision that is signed by `ada@lab` or `grace@lab`"), "{refused}");
    assert!(refused.contains("`--sign`"), "{refused}");
    let refused = approve(&place, &["--sign"]).expect(2).stderr;
    assert!(refused.contains("there is no key to sign with"), "{refused}");
    let refused = approve(&place, &["--sign", "--key", &eve]).expect(4).stderr;
    assert!(refused.contains("it is signed by `eve@lab`") && refused.contains("nothing was recorded"), "{refused}");
    let refused = place.chem(&["approve", "@last", "characters", "--sign", "--key", &ada]).expect(2).stderr;
    assert!(refused.contains("no file of allowed signers") && refused.contains("`CHEM_ALLOWED_SIGNERS`"), "{refused}");
    let refused = place.chem(&["reject", "@last", "characters", "--allowed-signers", "allowed"]).expect(4).stderr;
    assert!(refused.contains("accepts only a decision that is signed"), "{refused}");
    assert_eq!(place.show("@last")["event_variants"], shown["event_variants"]);

    place.chem(&["whoami", "--name", "Ada Lovelace", "--key", &ada]).expect(0);
    let run = approve(&place, &["--sign", "--reason", "looked\nat it", "--format", "json"]).expect(0).json();
    assert_eq!(run["event_variants"], "ISFUPSFC");
    let log = place.chem(&["log", "@last"]).expect(0).stdout;
    assert!(log.contains("characters approved by Ada Lovelace") && log.contains(", signed: looked"), "{log}");

    let text = place.chem(&["show", "@last"]).expect(0).stdout;
    let decided = text.lines().find(|line| line.starts_with("characters approved by Ada Lovelace (")).unwrap();
    assert!(decided.ends_with(", signed: looked at it"), "{decided}");
    let shown = place.show("@last")["decisions"][0].clone();
    assert_eq!((&shown["signed"], &shown["step"]), (&true.into(), &"characters".into()));

    // How a step is run is in no fingerprint.
    let plain = GATED.split("    gate:").next().unwrap();
    place.write("plain.yaml", plain);
    let plain = place.chem(&["run", "plain.yaml", "--format", "json"]).expect(0).json();
    assert_eq!(run["flow_fingerprint"], plain["flow_fingerprint"]);

    let audit = place.chem(&["audit", "--allowed-signers", "allowed", "--format", "json"]).expect(0).json();
    let decided = &audit["decisions"][0];
    assert_eq!((&decided["principal"], &decided["meaning"]), (&"ada@lab".into(), &"approved".into()));
    assert_eq!((&decided["flow_id"], &decided["step"]), (&run["flow_id"], &"characters".into()));
    let text = place.chem(&["audit"]).expect(0).stdout;
    assert!(text.contains("decided: step characters of run"), "{text}");
}

#[test]
fn a_signed_decision_is_checked_without_the_program() {
    let Some((place, ada, _)) = waiting() else { return };
    approve(&place, &["--sign", "--key", &ada, "--reason", "as planned", "--meaning", "responsible"]).expect(0);
    let decision = decision(&place, "@last");
    let statement = decision["signed"]["statement"].as_str().unwrap();
    let lines: Vec<&str> = statement.lines().collect();
    let run = place.show("@last")["flow_id"].as_str().unwrap().to_owned();
    let shown = decision["shown"].as_str().unwrap();
    let expected = [
        "chem decision v1".to_owned(),
        format!("run {run}"),
        "step characters".to_owned(),
        "question \"Go on?\"".to_owned(),
        format!("shown {shown}"),
        "decision approved".to_owned(),
        "reason \"as planned\"".to_owned(),
        "meaning responsible".to_owned(),
    ];
    assert_eq!(lines[..8], expected);
    assert!(lines[8].starts_with("by ") && lines[9].starts_with("time ") && lines.len() == 10, "{statement}");

    place.write("decision.sig", decision["signed"]["signature"].as_str().unwrap());
    let verify = |text: &str| {
        let mut command = Command::new("ssh-keygen");
        let options = ["-n", "decision@chem", "-I", "ada@lab", "-f", "allowed", "-s", "decision.sig"];
        command.args(["-Y", "verify"]).args(options).current_dir(place.path()).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        child.wait().unwrap().success()
    };
    assert!(verify(statement));
    assert!(!verify(&statement.replace("as planned", "as plannde")));
}

/// Signs a statement about a decision with `ssh-keygen`.
fn signed(place: &Place, key: &str, statement: &str) -> Value {
    place.write("statement", statement);
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-Y", "sign", "-n", "decision@chem", "-f", key, "statement"]).current_dir(place.path());
    assert!(sign.stderr(Stdio::null()).status().unwrap().success());
    let signature = std::fs::read_to_string(place.path().join("statement.sig")).unwrap();
    json!({ "signature": signature, "statement": statement })
}

#[test]
fn a_decision_that_was_put_into_the_log_does_not_count() {
    let Some((place, ada, eve)) = waiting() else { return };
    let question = place.show("@last")["question"].clone();
    let unsigned = json!({
        "approved": true, "shown": question["shown"], "step_id": "characters", "step_index": 1,
    });
    append(&place, "userinteractionprovided", &unsigned);
    let resume = |place: &Place| place.chem(&["resume", "@last", "--allowed-signers", "allowed"]);
    let refused = resume(&place).expect(1).stderr;
    assert!(refused.contains("the decision on step `characters` does not count: it is not signed"), "{refused}");
    assert!(refused.contains("run the flow again"), "{refused}");
    let refused = place.chem(&["resume", "@last"]).expect(2).stderr;
    assert!(refused.contains("no file of allowed signers"), "{refused}");
    let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
    let finding = &audit["findings"][0];
    assert_eq!((&finding["subject"], &finding["step"]), (&"decision".into(), &"characters".into()));

    // A decision of Ada's about another run, and one of Eve's about this one.
    let Some((other, _, _)) = waiting() else { return };
    std::fs::copy(place.path().join("allowed"), other.path().join("allowed")).unwrap();
    approve(&other, &["--sign", "--key", &ada]).expect(0);
    let mut copied = decision(&other, "@last");
    let Some((place, _, _)) = waiting() else { return };
    std::fs::copy(other.path().join("allowed"), place.path().join("allowed")).unwrap();
    append(&place, "userinteractionprovided", &copied);
    let refused = resume(&place).expect(1).stderr;
    assert!(refused.contains("what was signed is another decision"), "{refused}");
    let refused = approve(&place, &["--sign", "--key", &ada]).expect(1).stderr;
    assert!(refused.contains("does not count"), "{refused}");

    let Some((place, _, _)) = waiting() else { return };
    let run = place.show("@last")["flow_id"].as_str().unwrap().to_owned();
    let other_run = other.show("@last")["flow_id"].as_str().unwrap().to_owned();
    std::fs::copy(other.path().join("allowed"), place.path().join("allowed")).unwrap();
    let statement = copied["signed"]["statement"].as_str().unwrap().replace(&other_run, &run);
    copied["signed"] = signed(&place, &eve, &statement);
    append(&place, "userinteractionprovided", &copied);
    let refused = resume(&place).expect(1).stderr;
    assert!(refused.contains("it is signed by `eve@lab`"), "{refused}");
}

#[test]
fn a_step_that_started_without_the_decision_is_refused_and_found() {
    let Some((place, ada, _)) = waiting() else { return };
    let run = approve(&place, &["--sign", "--key", &ada, "--format", "json"]).expect(0).json();
    assert_eq!(run["event_variants"], "ISFUPSFC");
    // The question and the decision are taken out, and the end of the run with them.
    by_force(
        &place,
        "DELETE FROM event_log WHERE position IN (3, 4, 7); UPDATE event_log SET position = position - 2 WHERE position > 4",
    );
    let refused = place.chem(&["resume", "@last", "--allowed-signers", "allowed"]).expect(1).stderr;
    assert!(refused.contains("the step started without one"), "{refused}");
    let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
    assert!(audit["findings"].to_string().contains("the step started without one"), "{audit}");
    let branch = ["branch", "@last", "--from", "characters", "--allowed-signers", "allowed"];
    let refused = place.chem(&branch).expect(1).stderr;
    assert!(refused.contains("the step started without one"), "{refused}");
}

#[test]
fn a_key_counts_while_it_is_valid() {
    let Some((place, ada, _)) = waiting() else { return };
    let allowed = std::fs::read_to_string(place.path().join("allowed")).unwrap();
    place.write("allowed", &allowed.replace("ada@lab ", "ada@lab valid-before=\"20200101\" "));
    let refused = approve(&place, &["--sign", "--key", &ada]).expect(4).stderr;
    assert!(refused.contains("no allowed signer had this key"), "{refused}");
    place.write("allowed", &allowed);
    let mut approved = place.command(&["approve", "@last", "characters", "--sign", "--key", &ada]);
    let outcome: Outcome = approved.env("CHEM_ALLOWED_SIGNERS", "allowed").output().unwrap().into();
    outcome.expect(0);

    // A key that is no longer valid cannot sign for a time when it was.
    let mut copied = decision(&place, "@last");
    let statement = copied["signed"]["statement"].as_str().unwrap();
    let (before, _) = statement.split_once("\ntime ").unwrap();
    copied["signed"] = signed(&place, &ada, &format!("{before}\ntime 2019-05-17T10:00:00.000000Z\n"));
    by_force(&place, "DELETE FROM event_log WHERE position > 3");
    append(&place, "userinteractionprovided", &copied);
    place.write("left", &allowed.replace("ada@lab ", "ada@lab valid-before=\"20200101\" "));
    let refused = place.chem(&["resume", "@last", "--allowed-signers", "left"]).expect(1).stderr;
    assert!(refused.contains("no allowed signer had this key"), "{refused}");
    place.chem(&["resume", "@last", "--allowed-signers", "allowed"]).expect(0);
}

#[test]
fn a_rejection_is_signed_and_a_decision_without_a_demand_may_be() {
    let Some((place, ada, _)) = waiting() else { return };
    let reject = ["reject", "@last", "characters", "--allowed-signers", "allowed", "--sign", "--key", &ada];
    place.chem(&reject).expect(0);
    let statement = decision(&place, "@last")["signed"]["statement"].as_str().unwrap().to_owned();
    assert!(statement.contains("\ndecision rejected\nmeaning rejected\n"), "{statement}");
    place.chem(&["retry", "@last", "--allowed-signers", "allowed"]).expect(4);

    place.write("free.yaml", &GATED.replace(", signed_by: [ada@lab, grace@lab]", ""));
    place.chem(&["run", "free.yaml", "-q"]).expect(4);
    place.chem(&["approve", "@last", "characters", "--sign", "--key", &ada]).expect(0);
    let audit = place.chem(&["audit", "--allowed-signers", "allowed", "--format", "json"]).expect(0).json();
    assert_eq!(audit["decisions"].as_array().unwrap().len(), 2, "{audit}");
    let needs = place.chem(&["approve", "@last", "characters", "--meaning", "reviewed"]).expect(2).stderr;
    assert!(needs.contains("--sign"), "{needs}");
    // A decision that was changed.
    by_force(
        &place,
        "UPDATE event_log SET payload = replace(payload, 'rejected', 'rejectde') WHERE event_type = 'userinteractionprovided'",
    );
    let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
    assert!(audit["findings"].to_string().contains("what was signed is another decision"), "{audit}");
}
