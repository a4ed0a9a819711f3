//! Sealing, and audits of what was sealed.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::Place;

pub const DEMO: &str = "flow: demo\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n  - { id: characters, uses: demo.characters }\n  - { id: count, uses: demo.count }\n";

pub fn ran() -> Place {
    let place = Place::new();
    place.write("demo.yaml", DEMO).chem(&["run", "demo.yaml", "-q"]).expect(0);
    place
}

/// Executes statements on the store with its triggers dropped, and creates them again.
pub fn by_force(place: &Place, statements: &str) {
    let raw = rusqlite::Connection::open(place.path().join(".chem/store.db")).unwrap();
    let triggers: Vec<(String, String)> = raw
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut query| query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .unwrap();
    for (name, _) in &triggers {
        raw.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    raw.execute_batch(&format!("PRAGMA foreign_keys = OFF; {statements}")).unwrap();
    triggers.iter().for_each(|(_, sql)| raw.execute_batch(sql).unwrap());
}

#[test]
fn a_run_is_sealed_at_its_end_and_an_audit_finds_it_as_it_was() {
    let place = ran();
    let audit = place.chem(&["audit", "--format", "json"]).expect(0).json();
    assert_eq!((&audit["sound"], &audit["events"], &audit["unsealed"]), (&true.into(), &9.into(), &0.into()));
    assert_eq!(audit["checkpoint"]["root"], audit["witness"]["root"]);
    assert_eq!((&audit["findings"], &audit["schema"]), (&serde_json::json!([]), &serde_json::json!([])));
    let text = place.chem(&["audit"]).expect(0).stdout;
    assert!(text.contains("9 events, 3 artifacts") && text.contains("everything is as it was sealed"), "{text}");

    let again = place.chem(&["seal", "--format", "json"]).expect(0).json();
    assert_eq!((&again["new"], &again["size"], &again["events"]), (&false.into(), &9.into(), &0.into()));
    assert_eq!(again["root"], audit["checkpoint"]["root"]);
    place.chem(&["run", "demo.yaml", "-q"]).expect(0);
    let audit = place.chem(&["audit", "--format", "json"]).expect(0).json();
    assert_eq!(audit["checkpoints"], 2);
}

#[test]
fn a_change_with_the_triggers_put_back_is_named() {
    let place = ran();
    by_force(&place, "UPDATE event_log SET payload = replace(payload, '\"demo\"', '\"dem0\"') WHERE position = 0");
    place.chem(&["store", "check"]).expect(0);
    let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
    assert_eq!(audit["sound"], false);
    let [finding] = audit["findings"].as_array().unwrap().as_slice() else { panic!("{audit}") };
    assert_eq!((&finding["subject"], &finding["index"], &finding["position"]), (&"event".into(), &0.into(), &0.into()));
    let text = place.chem(&["audit"]).expect(1).stdout;
    assert!(
        text.contains("not as sealed: event 0 of the log is not as it was sealed; there is `flowinitialized`"),
        "{text}"
    );
}

#[test]
fn a_dropped_trigger_is_a_finding() {
    let place = ran();
    let raw = rusqlite::Connection::open(place.path().join(".chem/store.db")).unwrap();
    raw.execute_batch("DROP TRIGGER event_log_is_never_updated").unwrap();
    let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
    assert_eq!(audit["schema"], serde_json::json!(["trigger event_log.event_log_is_never_updated is missing"]));
    let text = place.chem(&["audit"]).expect(1).stdout;
    assert!(
        text.contains("trigger event_log.event_log_is_never_updated is missing\n") && !text.contains("RAISE"),
        "{text}"
    );
}

#[test]
fn a_store_set_back_to_a_copy_is_found_by_the_next_run_and_by_an_audit() {
    let place = ran();
    let (store, copy) = (place.path().join(".chem/store.db"), place.path().join("copy.db"));
    std::fs::copy(&store, &copy).unwrap();
    place.chem(&["run", "demo.yaml", "-q"]).expect(0);
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(place.path().join(format!(".chem/store.db{ending}")));
    }
    std::fs::copy(&copy, &store).unwrap();
    let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
    assert_eq!(audit["findings"][0]["subject"], "store");
    let text = audit["findings"][0]["message"].as_str().unwrap();
    assert!(text.contains("the store was set back"), "{text}");

    let run = place.chem(&["run", "demo.yaml", "-q"]).expect(0);
    assert!(run.stderr.contains("warning: the log is not sealed"), "{}", run.stderr);
    assert!(run.stderr.contains("`chem audit`"), "{}", run.stderr);
    let sealed = place.chem(&["seal"]).expect(1);
    assert!(sealed.stderr.contains("the log is not as it was sealed"), "{}", sealed.stderr);
    // Without a checkpoint outside the store it is a log of its own.
    let elsewhere = place.path().join("elsewhere");
    place.chem(&["seal", "--witness", elsewhere.to_str().unwrap()]).expect(0);
    place.chem(&["audit", "--witness", elsewhere.to_str().unwrap()]).expect(0);
    place.chem(&["audit"]).expect(1);
}

#[test]
fn a_log_that_was_never_sealed_is_sealed_as_it_is_found() {
    let place = Place::new();
    std::fs::create_dir(place.path().join(".chem")).unwrap();
    let raw = rusqlite::Connection::open(place.path().join(".chem/store.db")).unwrap();
    raw.execute_batch(chem_tests::released::SQLITE_V2).unwrap();
    drop(raw);
    place.chem(&["store", "migrate", "-q"]).expect(0);
    let audit = place.chem(&["audit"]).expect(0).stdout;
    assert!(audit.contains("nothing is sealed yet") && audit.contains("no checkpoint outside"), "{audit}");
    let witness = place.path().join("none");
    let missing = place.chem(&["audit", "--witness", witness.to_str().unwrap()]).expect(2);
    assert!(missing.stderr.contains("no checkpoint of this log is in the directory"), "{}", missing.stderr);
    let sealed = place.chem(&["seal", "--format", "json"]).expect(0).json();
    assert_eq!(sealed["origin"], format!("chem/{}", chem_tests::released::RUNS[0].0));
    assert_eq!((&sealed["size"], &sealed["root"]), (&16.into(), &chem_tests::released::ROOT.into()));
    place.chem(&["audit"]).expect(0);
}

#[test]
fn another_program_computes_the_same_root() {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("reference/log_root.py");
    let place = ran();
    place.chem(&["run", "demo.yaml", "-q", "--no-cache"]).expect(0);
    let Ok(output) = Command::new("python3").arg(&script).arg(place.path().join(".chem/store.db")).output() else {
        println!("skipped: there is no python3");
        return;
    };
    let computed = String::from_utf8(output.stdout).unwrap();
    let audit = place.chem(&["audit", "--format", "json"]).expect(0).json();
    assert_eq!(computed.lines().next().unwrap(), format!("18 {}", audit["checkpoint"]["root"].as_str().unwrap()));
    // The events as they are printed give the same heads.
    let log = place.chem(&["log", "@last", "--format", "json"]).expect(0).stdout;
    std::fs::write(place.path().join("log.jsonl"), log).unwrap();
    let output =
        Command::new("python3").arg(&script).arg("--json").arg(place.path().join("log.jsonl")).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.lines().nth(1), computed.lines().nth(2));
}

#[test]
fn a_store_that_cannot_be_sealed_says_so() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    place.chem(&["run", "demo.yaml", "-q", "--store", "jsonl:log.jsonl"]).expect(0);
    let sealed = place.chem(&["seal", "--store", "jsonl:log.jsonl"]).expect(3);
    assert!(sealed.stderr.contains("keeps no checkpoints"), "{}", sealed.stderr);
}

/// Creates a key of the person `name`, and returns its file.
pub fn key(place: &Place, name: &str) -> Option<PathBuf> {
    key_of_type(place, name, "ed25519")
}

/// Creates a key of a type that `ssh-keygen` knows.
pub fn key_of_type(place: &Place, name: &str, kind: &str) -> Option<PathBuf> {
    let file = place.path().join(name);
    let make = |command: &mut Command| command.args(["-q", "-t", kind, "-N", "", "-C", name, "-f"]).arg(&file).status();
    match make(&mut Command::new("ssh-keygen")) {
        Ok(status) => assert!(status.success()),
        Err(_) => {
            println!("skipped: there is no ssh-keygen");
            return None;
        }
    }
    let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
    let mut allowed = std::fs::read_to_string(place.path().join("allowed")).unwrap_or_default();
    allowed.push_str(&format!("{name}@lab {public}"));
    place.write("allowed", &allowed);
    Some(file)
}

#[test]
fn a_checkpoint_is_signed_and_the_signature_is_checked() {
    let place = ran();
    let Some(key) = key(&place, "ada") else { return };
    let refused = place.chem(&["seal", "--key", "none"]).expect(2).stderr;
    assert!(refused.contains("cannot sign with the key `none`"), "{refused}");
    place.chem(&["seal", "--key", key.to_str().unwrap()]).expect(0);
    let audit = place.chem(&["audit", "--allowed-signers", "allowed", "--format", "json"]).expect(0).json();
    assert_eq!(audit["signatures"][0]["principal"], "ada@lab");
    place.chem(&["audit"]).expect(0);

    // A key counts for what it signed while it was valid.
    let allowed = std::fs::read_to_string(place.path().join("allowed")).unwrap();
    place.write("late", &allowed.replace("ada@lab ", "ada@lab valid-after=\"20990101\" "));
    let audit = place.chem(&["audit", "--allowed-signers", "late", "--format", "json"]).expect(1).json();
    let reason = audit["findings"][0]["message"].as_str().unwrap();
    assert!(reason.contains("no allowed signer had this key"), "{reason}");
    place.write("left", &allowed.replace("ada@lab ", "ada@lab valid-before=\"20990101\" "));
    place.chem(&["audit", "--allowed-signers", "left"]).expect(0);

    let missing = place.chem(&["audit", "--allowed-signers", "none"]).expect(2).stderr;
    assert!(missing.contains("cannot read the allowed signers in `none`"), "{missing}");

    // A signature of another text.
    by_force(&place, "UPDATE attestations SET statement = statement || ' ' WHERE signature IS NOT NULL");
    let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
    let found: Vec<&str> =
        audit["findings"].as_array().unwrap().iter().map(|one| one["message"].as_str().unwrap()).collect();
    assert!(found.iter().any(|found| found.contains("it is not a signature of this text")), "{found:?}");
}

#[test]
fn a_person_is_in_the_log_of_a_run_with_what_its_steps_took() {
    let place = Place::new();
    place.write("demo.yaml", DEMO);
    let alone = place.chem(&["whoami", "--format", "json"]).expect(0).json();
    assert_eq!((&alone["name"], &alone["orcid"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    let host = alone["host"].as_str().unwrap();
    for (options, expected) in [
        (&["--orcid", "123"][..], "error: `123` is not an ORCID iD"),
        (&["--orcid", "0000-0002-1825-0097"], "error: an identity needs a name\n  help: give it with `--name NAME`"),
        (&["--name", " "], "error: ` ` is not a name"),
    ] {
        let refused = place.chem(&[&["whoami"], options].concat()).expect(2).stderr;
        assert!(refused.contains(expected), "{refused}");
    }
    let refused = place.chem(&["whoami", "--name", "Ada Lovelace", "--orcid", "0000-0002-1825-0098"]).expect(2).stderr;
    assert!(refused.contains("`0000-0002-1825-0098` is not an ORCID iD"), "{refused}");
    place.chem(&["whoami", "--name", "Ada Lovelace", "--orcid", "0000-0002-1825-0097"]).expect(0);
    let text = place.chem(&["whoami"]).expect(0).stdout;
    assert!(text.starts_with("Ada Lovelace (0000-0002-1825-0097; ") && text.contains(host), "{text}");

    let run = place.chem(&["run", "demo.yaml", "--format", "json"]).expect(0).json();
    assert_eq!(run["operator"]["person"]["name"], "Ada Lovelace");
    assert_eq!((&run["operator"]["host"], &run["operator"]["login"]), (&alone["host"], &alone["login"]));
    let usage = &run["steps"][0]["usage"];
    let time = |name: &str| usage[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("started") <= time("ended"), "{usage}");
    if cfg!(target_os = "linux") {
        assert!(usage["cpu_ms"].is_u64() && usage["peak_memory"].as_u64().unwrap() > 1 << 20, "{usage}");
    }
    let text = place.chem(&["show", "@last"]).expect(0).stdout;
    assert!(
        text.contains(", begun by Ada Lovelace") && text.contains("begun by Ada Lovelace (0000-0002-1825-0097; "),
        "{text}"
    );
    assert!(text.contains("\nstep        began ") && text.contains(" took "), "{text}");
    let log = place.chem(&["log", "@last"]).expect(0).stdout;
    assert!(log.contains(", by Ada Lovelace (0000-0002-1825-0097; "), "{log}");
    let finished = log.lines().find(|line| line.contains("seed finished")).unwrap();
    assert!(finished.ends_with("B)") && finished.contains(" ms, CPU "), "{finished}");

    std::fs::write(place.home.path().join("identity.toml"), "nmae = 'Ada'\n").unwrap();
    let refused = place.chem(&["run", "demo.yaml"]).expect(2).stderr;
    assert!(refused.contains("cannot be used") && refused.contains("nmae"), "{refused}");
}

#[test]
fn a_service_without_a_home_directory_has_an_identity_too() {
    let place = Place::new();
    let mut command = place.command(&["whoami", "--format", "json"]);
    for name in ["HOME", "XDG_CONFIG_HOME", "CHEM_IDENTITY"] {
        command.env_remove(name);
    }
    let outcome: crate::harness::Outcome = command.output().unwrap().into();
    let identity = outcome.expect(0).json();
    assert!(!identity["login"].as_str().unwrap().is_empty() && !identity["host"].as_str().unwrap().is_empty());
    // The account has a home directory, unless it is one of a container.
    if std::env::home_dir().is_some_and(|home| home.is_dir()) {
        assert!(identity["file"].as_str().unwrap().ends_with("chem/identity.toml"), "{identity}");
    }
}

#[test]
fn a_statement_about_a_run_is_signed_and_holds_only_for_what_was_signed() {
    let place = ran();
    let Some(key) = key(&place, "ada") else { return };
    let missing = place.chem(&["sign", "00000000", "--meaning", "reviewed"]).expect(2).stderr;
    assert!(missing.contains("`00000000`") && !missing.contains("key"), "{missing}");
    let none = place.chem(&["sign", "@last", "--meaning", "reviewed"]).expect(2).stderr;
    assert!(none.contains("there is no key to sign with") && none.contains("`chem whoami --key FILE`"), "{none}");
    place.chem(&["whoami", "--name", "Ada Lovelace", "--key", key.to_str().unwrap()]).expect(0);
    let signed = place.chem(&["sign", "@last", "--meaning", "reviewed", "--format", "json"]).expect(0).json();
    assert_eq!((&signed["events"], &signed["meaning"]), (&9.into(), &"reviewed".into()));
    let audit = place.chem(&["audit", "--allowed-signers", "allowed", "--format", "json"]).expect(0).json();
    let signature = &audit["signatures"][0];
    assert_eq!((&signature["principal"], &signature["kind"]), (&"ada@lab".into(), &"statement".into()));
    assert_eq!(signature["statement"]["flow_id"], signed["flow_id"]);
    assert!(signature["statement"]["by"].as_str().unwrap().starts_with("Ada Lovelace"));

    // The next seal covers the statement, which cannot be taken away.
    place.chem(&["seal"]).expect(0);
    by_force(
        &place,
        "UPDATE attestations SET statement = replace(statement, 'reviewed', 'approved') WHERE kind = 'statement'",
    );
    let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
    let found: Vec<&str> =
        audit["findings"].as_array().unwrap().iter().map(|one| one["message"].as_str().unwrap()).collect();
    assert!(found.iter().any(|found| found.contains("it is not a signature of this text")), "{found:?}");
    assert!(found.iter().any(|found| found.contains("before this checkpoint is not as it was sealed")), "{found:?}");
    by_force(
        &place,
        "UPDATE attestations SET statement = replace(statement, 'approved', 'reviewed') WHERE kind = 'statement'",
    );
    place.chem(&["audit"]).expect(0);

    by_force(
        &place,
        "UPDATE event_log SET payload = replace(payload, '\"count\":3', '\"count\":4') WHERE position = 6",
    );
    let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
    let found = audit["findings"].to_string();
    assert!(found.contains("is not as it was when this was stated"), "{found}");
}
