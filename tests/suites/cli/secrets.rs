//! Secrets: a manifest names them, a program receives them, and no store, report or message contains their values.

use std::process::Command;

use super::harness::{Outcome, Place};

const VALUE: &str = "hunter2-\"swordfish\"";

/// Returns a directory with a flow that passes a secret to a shell, which runs `script`.
fn asking(script: &str) -> Place {
    let place = Place::new();
    place.write("a.csv", "a\n1\n");
    place.write(
        "ask.yaml",
        &format!(
            "flow: ask\nparams:\n  token: {{ secret: env:LAB_TOKEN }}\nsteps:\n  \
             - {{ id: read, uses: table.read, with: {{ path: a.csv }} }}\n  \
             - id: ask\n    uses: process.run\n    with:\n      command: [sh, -c, '{script}']\n      version: sh@1\n      \
             secrets: {{ TOKEN: \"${{params.token}}\" }}\n"
        ),
    );
    place
}

/// Runs the program with `value` as the secret, and with the key for secrets in this directory.
fn with_secret(place: &Place, value: Option<&str>, arguments: &[&str]) -> Outcome {
    let mut command: Command = place.command(arguments);
    command.env_remove("CHEM_SECRET_KEY_FILE").env("XDG_CONFIG_HOME", place.path().join("config"));
    match value {
        Some(value) => command.env("LAB_TOKEN", value),
        None => command.env_remove("LAB_TOKEN"),
    };
    command.output().unwrap().into()
}

/// Panics if a file of the store or an output contains the secret in any form.
#[track_caller]
fn is_nowhere(place: &Place, said: &[&Outcome]) {
    let forms = [VALUE.to_owned(), VALUE.replace('"', "\\\""), VALUE.replace('"', "\\\\\\\""), "hunter2".to_owned()];
    for form in &forms {
        for outcome in said {
            assert!(!outcome.stdout.contains(form) && !outcome.stderr.contains(form), "{form}: {outcome:?}");
        }
        for entry in std::fs::read_dir(place.path().join(".chem")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
            assert!(!found, "`{form}` is in {}", path.display());
        }
    }
}

#[test]
#[cfg(unix)]
fn a_program_gets_a_secret_and_the_log_gets_a_keyed_hash() {
    let place = asking(&format!("test $${{#TOKEN}} -eq {} && cat", VALUE.len()));
    let first = with_secret(&place, Some(VALUE), &["run", "ask.yaml", "-v"]).expect(0);
    let plan = with_secret(&place, Some(VALUE), &["plan", "ask.yaml"]).expect(0);
    let show = with_secret(&place, Some(VALUE), &["show", "@last", "--format", "json"]).expect(0);
    let log = with_secret(&place, Some(VALUE), &["log", "@last", "--format", "json"]).expect(0);
    assert!(log.stdout.contains("hmac_sha256") && log.stdout.contains("env:LAB_TOKEN"), "{}", log.stdout);
    let manifest = with_secret(&place, Some(VALUE), &["manifest", "@last"]).expect(0);
    assert!(manifest.stdout.contains("      TOKEN:\n        secret: env:LAB_TOKEN\n"), "{}", manifest.stdout);
    is_nowhere(&place, &[&first, &plan, &show, &log, &manifest]);

    let step = |outcome: &Outcome| outcome.json()["steps"][1].clone();
    let again = with_secret(&place, Some(VALUE), &["run", "ask.yaml", "--format", "json"]).expect(0);
    assert_eq!(step(&again)["fingerprint"], step(&show)["fingerprint"]);
    let other = with_secret(&place, Some("another-value"), &["run", "ask.yaml", "--format", "json"]).expect(1);
    assert_ne!(step(&other)["fingerprint"], step(&show)["fingerprint"]);
    is_nowhere(&place, &[&again, &other]);

    use std::os::unix::fs::PermissionsExt as _;
    let key = place.path().join("config/chem/secret.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&key).unwrap();
    let elsewhere = with_secret(&place, Some(VALUE), &["run", "ask.yaml", "--format", "json"]).expect(0);
    assert_ne!(step(&elsewhere)["fingerprint"], step(&show)["fingerprint"], "another key is another hash");
}

#[test]
#[cfg(unix)]
fn what_a_program_says_is_searched_for_secrets() {
    let place = asking(r#"echo "the token is $TOKEN" >&2; exit 3"#);
    let failed = with_secret(&place, Some(VALUE), &["run", "ask.yaml"]).expect(1);
    assert!(failed.stderr.contains("the token is [secret LAB_TOKEN]"), "{}", failed.stderr);
    let log = with_secret(&place, Some(VALUE), &["log", "@last", "--format", "json"]).expect(0);
    let why = with_secret(&place, Some(VALUE), &["why", "@last", "ask"]).expect(0);
    is_nowhere(&place, &[&failed, &log, &why]);

    let place = asking(r#"echo "{\"a\": \"$TOKEN\"}" | sed s/-swordfish//"#);
    let harmless = with_secret(&place, Some("hunter3-swordfish"), &["run", "ask.yaml"]).expect(0);
    assert!(harmless.stderr.contains("answered"), "{harmless:?}");
    let place = asking(r#"printf "{\"a\": \"%s\"}\n" "$TOKEN""#);
    let failed = with_secret(&place, Some("hunter2-swordfish"), &["run", "ask.yaml"]).expect(1);
    assert!(failed.stderr.contains("contains the secret in the environment variable `LAB_TOKEN`"), "{failed:?}");
    is_nowhere(&place, &[&failed]);
}

#[test]
#[cfg(unix)]
fn a_run_is_resumed_with_the_secret_and_not_without() {
    let place = asking("test -e ready && cat");
    with_secret(&place, Some(VALUE), &["run", "ask.yaml"]).expect(1);
    place.write("ready", "");
    let without = with_secret(&place, None, &["retry", "@last"]);
    assert_ne!(without.status, 0, "{without:?}");
    assert!((without.stdout.clone() + &without.stderr).contains("`LAB_TOKEN` is not set"), "{without:?}");
    let with = with_secret(&place, Some(VALUE), &["retry", "@last"]).expect(0);
    is_nowhere(&place, &[&without, &with]);
}

#[test]
fn a_secret_is_not_written_in_a_manifest_nor_put_into_text() {
    let place = asking("cat");
    let manifest = std::fs::read_to_string(place.path().join("ask.yaml")).unwrap();
    for (from, to, words) in [
        ("{ secret: env:LAB_TOKEN }", "hunter2-swordfish", "a secret is not written in a manifest"),
        ("{ secret: env:LAB_TOKEN }", "{ secret: hunter2-swordfish }", "text, a number, or true or false"),
        ("{ secret: env:LAB_TOKEN }", "{ secret: env:A, more: 1 }", "text, a number, or true or false"),
        ("\"${params.token}\"", "\"Bearer ${params.token}\"", "is a secret and cannot be inserted into text"),
        ("version: sh@1", "version: \"${params.token}\"", "expected text, found a mapping"),
    ] {
        assert!(manifest.contains(from), "{from}");
        place.write("wrong.yaml", &manifest.replace(from, to));
        let checked = place.chem(&["check", "wrong.yaml"]).expect(2);
        assert!(checked.stdout.contains(words), "{to}: {}", checked.stdout);
    }
}
