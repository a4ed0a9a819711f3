//! Audits of one run, tiles, keys of every type, and time stamps.

use std::process::Command;

use crate::evidence::{DEMO, by_force, key, key_of_type, ran};
use crate::harness::{Outcome, Place};

#[test]
fn a_run_is_audited_alone_with_the_proof_that_it_is_in_the_log() {
    let place = ran();
    let first = place.show("@last")["flow_id"].clone();
    let first = first.as_str().unwrap();
    place.chem(&["run", "demo.yaml", "-q", "--no-cache"]).expect(0);
    let audit = place.chem(&["audit", first, "--format", "json"]).expect(0).json();
    assert_eq!((&audit["sound"], &audit["flow_id"], &audit["events"]), (&true.into(), &first.into(), &9.into()));
    assert_eq!((&audit["unsealed"], &audit["artifacts"], &audit["elsewhere"]), (&0.into(), &3.into(), &0.into()));
    assert_eq!(audit["checkpoint"]["size"], 18);
    let proof = audit["proof"].as_str().unwrap();
    assert!(proof.starts_with("c2sp.org/tlog-proof@v1\nindex 8\n") && proof.len() <= 2_048, "{proof}");
    let text = place.chem(&["audit", "@last"]).expect(0).stdout;
    assert!(text.contains("its first 9 events, in a log of 18 events"), "{text}");
    assert!(text.contains("the run is as it was sealed\n\nc2sp.org/tlog-proof@v1\nindex 17\n"), "{text}");
    let unknown = place.chem(&["audit", "0000"]).expect(2).stderr;
    assert!(unknown.contains("0000"), "{unknown}");

    // What is wrong with another run is told apart, unless it may be an event of this one that is missing.
    by_force(&place, "UPDATE workflow_step_artifacts SET metadata = '{}' WHERE produced_in_seq = 3");
    let changed = place.chem(&["audit", first]).expect(1).stdout;
    assert!(
        changed.contains("its metadata are not as they were sealed") && !changed.contains("tlog-proof"),
        "{changed}"
    );
    place.write("other.yaml", &DEMO.replace("CCO", "CCN"));
    place.chem(&["run", "other.yaml", "-q"]).expect(0);
    let other = place.chem(&["audit", "@last"]).expect(0);
    assert!(other.stdout.contains("the run is as it was sealed"), "{}", other.stdout);
    assert!(other.stderr.contains("1 finding is about another run; `chem audit` names all"), "{}", other.stderr);
    by_force(&place, "UPDATE event_log SET payload = replace(payload, '\"demo\"', '\"dem0\"') WHERE seq = 1");
    for run in [first, "@last"] {
        let changed = place.chem(&["audit", run]).expect(1).stdout;
        assert!(changed.contains("not as sealed: event 0 of the log is not as it was sealed"), "{changed}");
    }
}

#[test]
fn the_log_is_written_as_tiles_and_compared_with_those_that_are_there() {
    let place = ran();
    let written = place.chem(&["audit", "--tiles", "tiles", "--format", "json"]).expect(0).json();
    // The entries, the leaves, and the checkpoint.
    assert_eq!(written["tiles"], 3);
    let text = std::fs::read_to_string(place.path().join("tiles/checkpoint")).unwrap();
    assert!(text.contains(&format!("\n9\n{}\n", written["checkpoint"]["root"].as_str().unwrap())), "{text}");
    assert_eq!(std::fs::read(place.path().join("tiles/tile/0/000.p/9")).unwrap().len(), 9 * 32);
    let text = place.chem(&["audit", "--tiles", "tiles"]).expect(0).stdout;
    assert!(text.ends_with("3 files written to tiles: the first 9 events\n"), "{text}");
    let both = place.chem(&["audit", "@last", "--tiles", "tiles"]).expect(2).stderr;
    assert!(both.contains("cannot be used with"), "{both}");
    by_force(&place, "UPDATE event_log SET payload = replace(payload, '\"demo\"', '\"dem0\"') WHERE position = 0");
    let text = place.chem(&["audit", "--tiles", "none"]).expect(1).stdout;
    assert!(text.contains("nothing is written to none") && !place.path().join("none").exists(), "{text}");
}

#[test]
fn keys_of_every_type_sign_checkpoints_and_statements() {
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let place = ran();
        let Some(key) = key_of_type(&place, "ada", kind) else { return };
        let key = key.to_str().unwrap();
        place.chem(&["sign", "@last", "--meaning", "executed", "--key", key]).expect(0);
        place.chem(&["seal", "--key", key]).expect(0);
        let audit = place.chem(&["audit", "--allowed-signers", "allowed", "--format", "json"]).expect(0).json();
        let by: Vec<_> = audit["signatures"].as_array().unwrap().iter().map(|one| one["principal"].as_str()).collect();
        assert_eq!(by, [Some("ada@lab"), Some("ada@lab")], "{kind}");
        let run = place.chem(&["audit", "@last", "--allowed-signers", "allowed", "--format", "json"]).expect(0).json();
        assert_eq!(run["signatures"].as_array().unwrap().len(), 2, "{kind}");
        // Another key under the same name, and the key under another name.
        std::fs::remove_file(key).unwrap();
        std::fs::remove_file(place.path().join("allowed")).unwrap();
        key_of_type(&place, "ada", kind).unwrap();
        let audit = place.chem(&["audit", "--allowed-signers", "allowed", "--format", "json"]).expect(1).json();
        assert_eq!(audit["findings"].as_array().unwrap().len(), 2, "{kind}: {audit}");
        // One character in the middle of the signature.
        by_force(
            &place,
            "UPDATE attestations SET signature = substr(signature, 1, 200)
                 || CASE substr(signature, 201, 1) WHEN 'A' THEN 'B' ELSE 'A' END || substr(signature, 202)
             WHERE signature IS NOT NULL",
        );
        let audit = place.chem(&["audit", "--format", "json"]).expect(1).json();
        let found = audit["findings"].to_string();
        assert_eq!(found.matches("it is not a signature of this text").count(), 2, "{kind}: {found}");
    }
}

#[test]
fn a_key_in_an_agent_signs_by_its_public_part() {
    let place = ran();
    let Some(key) = key(&place, "ada") else { return };
    // The agent ends with the command that it is started for.
    let script = "ssh-add -q ada && rm ada && exec \"$0\" \"$@\"";
    let sealed = place.command_through("ssh-agent", &["sh", "-c", script], &["seal", "--key", "ada.pub"]).output();
    Outcome::from(sealed.unwrap()).expect(0);
    assert!(!key.exists());
    let audit = place.chem(&["audit", "--allowed-signers", "allowed", "--format", "json"]).expect(0).json();
    assert_eq!(audit["signatures"][0]["principal"], "ada@lab");
}

#[test]
fn a_key_counts_for_what_was_signed_while_it_was_valid() {
    let place = ran();
    let Some(key) = key(&place, "ada") else { return };
    place.chem(&["sign", "@last", "--meaning", "reviewed", "--key", key.to_str().unwrap()]).expect(0);
    let allowed = std::fs::read_to_string(place.path().join("allowed")).unwrap();
    for (option, is_valid) in [
        ("valid-after=\"20200101\"", true),
        ("valid-before=\"20990101\"", true),
        ("valid-after=\"20200101\",valid-before=\"20990101\"", true),
        ("valid-after=\"20990101\"", false),
        ("valid-before=\"20200101\"", false),
        ("namespaces=\"statement@chem\"", true),
        ("namespaces=\"git\"", false),
    ] {
        place.write("some", &allowed.replace("ada@lab ", &format!("ada@lab {option} ")));
        let audit = place.chem(&["audit", "--allowed-signers", "some"]).expect(if is_valid { 0 } else { 1 }).stdout;
        assert_eq!(audit.contains("is signed by ada@lab"), is_valid, "{option}: {audit}");
    }
    // The time is the one that was signed, whatever the store says.
    by_force(&place, "UPDATE attestations SET attested_at = '2098-01-01T00:00:00.000000Z' WHERE kind = 'statement'");
    place.write("some", &allowed.replace("ada@lab ", "ada@lab valid-after=\"20970101\" "));
    let audit = place.chem(&["audit", "--allowed-signers", "some", "--format", "json"]).expect(1).json();
    let found = audit["findings"].to_string();
    assert!(found.contains("it is stored with the time 2098-01-01T00:00:00Z, and was signed at"), "{found}");
}

/// Creates a time stamping authority, and returns the command that asks it; `None` if there is no `openssl`.
fn authority(place: &Place) -> Option<String> {
    place.write(
        "tsa.cnf",
        "[tsa]\ndefault_tsa = here\n[here]\nserial = tsa.serial\nsigner_cert = tsa.pem\ncerts = ca.pem\n\
         signer_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\n",
    );
    place.write("tsa.ext", "extendedKeyUsage = critical, timeStamping\n").write("tsa.serial", "01\n");
    let made = "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 3650 &&
        openssl req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -subj /CN=tsa &&
        openssl x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tsa.pem -days 3650 -extfile tsa.ext &&
        openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=other -days 3650";
    match Command::new("openssl").arg("version").output() {
        Ok(output) if output.status.success() => {}
        _ => {
            println!("skipped: there is no openssl");
            return None;
        }
    }
    let output = Command::new("sh").args(["-c", made]).current_dir(place.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some("openssl ts -reply -config tsa.cnf -queryfile /dev/stdin".to_owned())
}

#[test]
fn a_checkpoint_is_stamped_by_an_authority_and_the_stamp_is_checked() {
    let place = ran();
    let Some(ask) = authority(&place) else { return };
    let stamped = place.chem(&["seal", "--timestamp", &ask]).expect(0).stdout;
    assert!(stamped.contains("nothing new to seal") && stamped.contains("time stamp: "), "{stamped}");
    let audit = place.chem(&["audit", "--format", "json"]).expect(0).json();
    assert_eq!((&audit["timestamps"][0]["size"], &audit["timestamps"][0]["verified"]), (&9.into(), &false.into()));
    let text = place.chem(&["audit", "--timestamp-ca", "ca.pem"]).expect(0).stdout;
    assert!(text.contains("the checkpoint of 9 events existed at ") && text.contains(" GMT\n"), "{text}");
    let other = place.chem(&["audit", "--timestamp-ca", "other.pem"]).expect(1).stdout;
    assert!(other.contains("the time stamp does not count"), "{other}");
    let missing = place.chem(&["audit", "--timestamp-ca", "none.pem"]).expect(2).stderr;
    assert!(missing.contains("cannot read the certificates in `none.pem`"), "{missing}");

    // A checkpoint gets one stamp, and a stamp is no reason for another checkpoint.
    let again = place.chem(&["seal", "--timestamp", &ask]).expect(0).stdout;
    assert!(again.contains("nothing new to seal") && !again.contains("time stamp"), "{again}");
    place.chem(&["run", "demo.yaml", "-q"]).expect(0);
    place.chem(&["seal", "--timestamp", &ask]).expect(0);
    let audit = place.chem(&["audit", "--timestamp-ca", "ca.pem", "--format", "json"]).expect(0).json();
    assert_eq!((audit["timestamps"].as_array().unwrap().len(), &audit["checkpoints"]), (2, &2.into()));

    // A stamp of another checkpoint.
    by_force(
        &place,
        "UPDATE attestations SET statement = (SELECT json_set(statement, '$.token', (SELECT first.statement ->> 'token' FROM attestations AS first WHERE first.kind = 'timestamp' ORDER BY number LIMIT 1)))
         WHERE number = (SELECT max(number) FROM attestations)",
    );
    let found = place.chem(&["audit", "--format", "json"]).expect(1).json()["findings"].to_string();
    assert!(found.contains("it is not about this checkpoint"), "{found}");
}

#[test]
fn an_authority_that_does_not_answer_leaves_the_seal_as_it_is() {
    let place = ran();
    let Some(_) = authority(&place) else { return };
    for (command, words) in [
        ("false", "the command for time stamps failed with exit status: 1: `false`"),
        ("cat", "is no time stamp of the checkpoint"),
        ("echo 'no such host' >&2; exit 6", "no such host"),
    ] {
        let failed = place.chem(&["seal", "--timestamp", command]).expect(1).stderr;
        assert!(failed.contains(words), "{command}: {failed}");
    }
    assert_eq!(place.chem(&["audit", "--format", "json"]).expect(0).json()["timestamps"], serde_json::json!([]));
}
