//! Error messages when a command fails: what to do next, in a form that works when copied, and in JSON for scripts.

use std::process::Stdio;

use serde_json::json;

use crate::harness::{Outcome, Place};

const FAILS: &str = "flow: f\nsteps:\n  - { id: seed, uses: demo.seed }\n  - { id: broken, uses: test.fail }\n";
const GATED: &str = "flow: g\nsteps:\n  - { id: seed, uses: demo.seed, gate: { message: Go on? } }\n";

/// Returns the arguments of the command that `said` suggests.
fn advised(said: &str, command: &str) -> Vec<String> {
    let (_, rest) = said.split_once(&format!("`chem {command} ")).unwrap_or_else(|| panic!("{said}"));
    let (rest, _) = rest.split_once('`').unwrap();
    std::iter::once(command).chain(rest.split(' ')).map(str::to_owned).collect()
}

fn follow(place: &Place, said: &str, command: &str) -> Outcome {
    let arguments = advised(said, command);
    place.chem(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn the_next_command_works_as_it_is_printed() {
    let place = Place::new();
    place.write("fail.yaml", FAILS).write("gated.yaml", GATED);
    let failed = place.chem(&["--store", "sqlite:my.db", "run", "fail.yaml"]).expect(1).stderr;
    assert!(follow(&place, &failed, "retry").expect(1).stderr.contains("step `broken` failed"));
    let refused = place.chem(&["resume", "@last", "--store", "sqlite:my.db"]).expect(2).stderr;
    follow(&place, &refused, "show").expect(0);

    let waits = place.chem(&["run", "gated.yaml", "--store", "sqlite:my.db"]).expect(4).stderr;
    assert!(follow(&place, &waits, "approve").expect(0).stdout.contains("completed"));
    assert!(!place.path().join(".chem").exists(), "an advised command made a store of its own");
}

#[cfg(feature = "chemistry")]
#[test]
fn refused_records_are_told_with_where_they_are() {
    let place = Place::new();
    place.write("a.smi", "CCO ethanol\nC1CC broken\nnonsense\n");
    place.write("read.yaml", "flow: r\nsteps:\n  - { id: read, uses: molecules.read, with: { path: a.smi } }\n");
    let told = place.chem(&["run", "read.yaml"]).expect(0).stdout;
    assert!(told.contains("read refused 2 of 3 records: "), "{told}");
    let rejects = follow(&place, &told, "artifact").expect(0).stdout;
    assert!(rejects.contains("C1CC broken") && rejects.contains("nonsense"), "{rejects}");
}

#[test]
fn a_file_that_is_mostly_refused_is_told_loudly() {
    let place = Place::new();
    place.write("most.csv", "a,b\n1,2\n1\n1,2,3\n1,2,3,4\n").write("some.csv", "a,b\n1,2\n1,2\n1,2,3\n");
    place.write("whole.csv", "a,b\n1,2,3\n1,2,3\n");
    let manifest =
        |file: &str| format!("flow: r\nsteps:\n  - {{ id: read, uses: table.read, with: {{ path: {file} }} }}\n");
    for (file, refused, records, words) in [
        ("most.csv", 3, 4, "refused 3 of 4 records, 2 of them for one reason: has 3 cells where the header has 2"),
        ("whole.csv", 2, 2, "refused 2 of 2 records, all for one reason: has 3 cells where the header has 2"),
    ] {
        place.write("read.yaml", &manifest(file));
        // The second run reuses the results of the first, and `show` reports the same from the log.
        for arguments in [&["run", "read.yaml", "-q"][..], &["run", "read.yaml", "-q"], &["show", "@last", "-q"]] {
            let said = place.chem(arguments).expect(0).stderr;
            assert!(said.contains("warning: step `read` ") && said.contains(words), "{arguments:?}: {said}");
        }
        let warnings = &place.show("@last")["warnings"];
        assert_eq!(
            warnings[0],
            json!({
                "step": "read",
                "message": format!("step `read` {words}"),
                "refused": refused,
                "records": records,
                "reason": "has 3 cells where the header has 2",
                "for_reason": 2,
            })
        );
    }
    place.write("read.yaml", &manifest("some.csv"));
    assert_eq!(place.chem(&["run", "read.yaml", "-q"]).expect(0).stderr, "");
    assert_eq!(place.show("@last")["warnings"], json!([]));
}

#[test]
fn a_store_that_ends_with_the_program_is_not_gone_back_to() {
    let place = Place::new();
    place.write("fail.yaml", FAILS).write("gated.yaml", GATED);
    let failed = place.chem(&["run", "fail.yaml", "--store", "memory:"]).expect(1).stderr;
    assert!(failed.contains("step `broken` failed") && !failed.contains("chem retry"), "{failed}");
    let waits = place.chem(&["run", "gated.yaml", "--store", "memory:"]).expect(4).stderr;
    assert!(waits.contains("store is in memory") && !waits.contains("chem approve"), "{waits}");
}

#[test]
fn the_fingerprint_that_a_decision_counts_for_is_shown() {
    let place = Place::new();
    place.write("gated.yaml", GATED);
    let waits = place.chem(&["run", "gated.yaml"]).expect(4).stderr;
    let arguments = advised(&waits, "approve");
    let shown = &arguments[arguments.iter().position(|word| word == "--shown").unwrap() + 1];
    assert!(waits.contains(&format!("\n  fingerprint {shown}\n")), "{waits}");
    assert!(place.show("@last")["question"]["shown"].as_str().unwrap().starts_with(shown.as_str()));
    follow(&place, &waits, "approve").expect(0);
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_takes_nothing_is_no_wrong_usage() {
    let place = Place::new();
    place.write("demo.yaml", "flow: demo\nsteps:\n  - { id: seed, uses: demo.seed }\n");
    for arguments in [&["run", "demo.yaml"][..], &["steps"], &["ls", "--format", "json"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let outcome: Outcome = place.command(arguments).stdout(full).output().unwrap().into();
        let stderr = outcome.expect(5).stderr;
        assert!(stderr.contains("error: cannot write to standard output: "), "{stderr}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_is_an_error_and_leaves_nothing() {
    let place = Place::new();
    let text: String = (0..5_000).map(|row| format!("{row},row {row}\n")).collect();
    place.write("in.csv", &format!("id,text\n{text}"));
    place.write(
        "flow.yaml",
        "flow: copy\nsteps:\n  - { id: read, uses: table.read, with: { path: in.csv } }\n  - { id: write, uses: table.write, with: { path: out.csv } }\n",
    );
    let limited = ["-c", "ulimit -f 40; exec \"$0\" \"$@\""];
    let outcome: Outcome =
        place.command_through("bash", &limited, &["run", "flow.yaml", "--store", "memory:"]).output().unwrap().into();
    let outcome = outcome.expect(1);
    assert!(outcome.stderr.contains("out.csv") && outcome.stderr.contains("File too large"), "{}", outcome.stderr);
    let names = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["flow.yaml", "in.csv"]);
}

#[test]
fn a_sink_writes_over_neither_its_log_nor_its_manifest() {
    let place = Place::new();
    place.write("a.csv", "x\n1\n");
    let manifest = |path: &str| {
        format!(
            "flow: f\nsteps:\n  - {{ id: read, uses: table.read, with: {{ path: a.csv }} }}\n  - {{ id: write, uses: table.write, with: {{ path: {path}, format: csv }} }}\n"
        )
    };
    for path in [".chem/store.db", ".chem/../.chem/store.db-wal"] {
        place.write("f.yaml", &manifest(path));
        let said = place.chem(&["run", "f.yaml"]).expect(1).stderr;
        assert!(said.contains("the log of this run is kept there"), "{said}");
        assert_eq!(place.show("@last")["status"], "failed");
    }
    place.write("f.yaml", &manifest("./f.yaml"));
    let said = place.chem(&["run", "f.yaml"]).expect(2);
    assert!(format!("{}{}", said.stdout, said.stderr).contains("`./f.yaml` is this manifest"), "{}", said.stderr);
    assert_eq!(std::fs::read_to_string(place.path().join("f.yaml")).unwrap(), manifest("./f.yaml"));
}

#[test]
fn scripts_are_told_in_json() {
    let place = Place::new();
    place.write("wrong.yaml", "flow: f\nsteps:\n  - { id: seed, uses: demo.sead }\n");
    let checked = place.chem(&["check", "wrong.yaml", "--format", "json"]).expect(2).json();
    assert_eq!(checked[0]["code"], "E0401");
    for command in ["run", "plan"] {
        assert_eq!(place.chem(&[command, "wrong.yaml", "--format", "json"]).expect(2).json(), checked);
    }
    place.chem(&["store", "migrate"]).expect(0);
    let failure = place.chem(&["show", "zzz", "--format", "json"]).expect(2).json();
    let help = "`chem ls` lists the runs; `--store` names another store";
    assert_eq!(failure, json!({ "error": "there is no run `zzz` in this store", "causes": [], "help": help }));
}

#[test]
fn a_manifest_that_is_not_there_is_called_a_file() {
    let place = Place::new();
    place.write("demo.yaml", "flow: demo\nsteps:\n  - { id: seed, uses: demo.seed }\n");
    place.chem(&["run", "demo.yaml", "-q"]).expect(0);
    let said = place.chem(&["diff", "@last", "flows/nope.yaml"]).expect(2).stderr;
    assert!(said.contains("there is no file `flows/nope.yaml`"), "{said}");
    let said = place.chem(&["check", "nope.yaml"]).expect(2).stdout;
    assert!(said.contains("cannot read `nope.yaml`") && !said.contains('|'), "{said}");
}

#[test]
fn a_manifest_is_checked_that_comes_by_standard_input() {
    use std::io::Write as _;
    let place = Place::new();
    for (text, status) in [("demo.seed", 0), ("demo.sead", 2)] {
        let mut child = place
            .command(&["check", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        write!(child.stdin.take().unwrap(), "flow: f\nsteps:\n  - {{ id: seed, uses: {text} }}\n").unwrap();
        let outcome = Outcome::from(child.wait_with_output().unwrap()).expect(status);
        assert_eq!(outcome.stdout.contains("standard input:3:23"), status == 2, "{}", outcome.stdout);
    }
}

#[test]
fn a_family_of_steps_is_listed() {
    let list = Place::new().chem(&["steps", "demo"]).expect(0).stdout;
    assert!(list.contains("demo.seed") && !list.contains("test.slow"), "{list}");
}
