//! A spool on the command line: what is refused, what it cannot do, and `chem store merge`.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Outcome, Place};

const LETTERS: &str = "flow: letters
params: { text: CCO }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
  - { id: characters, uses: demo.characters }
  - { id: count, uses: demo.count }
";

fn place() -> Place {
    let place = Place::new();
    place.write("letters.yaml", LETTERS);
    place
}

fn json_of(place: &Place, arguments: &[&str]) -> Value {
    place.chem(&[arguments, &["--format", "json"]].concat()).expect(0).json()
}

#[test]
fn a_spool_is_used_like_any_store_and_says_what_it_cannot_do() {
    let place = place();
    let store = ["--store", "spool:shared"];
    let missing = place.chem(&["ls", "--store", "spool:shared"]).expect(3).stderr;
    assert!(missing.contains("there is no store at") && missing.contains("shared"), "{missing}");
    let run = json_of(&place, &[&["run", "letters.yaml"], &store[..]].concat());
    let alone = json_of(&place, &["run", "letters.yaml"]);
    assert_eq!(run["flow_fingerprint"], alone["flow_fingerprint"]);
    let again = json_of(&place, &[&["run", "letters.yaml"], &store[..]].concat());
    assert_eq!(again["steps"][2]["cached"], true);
    let id = run["flow_id"].as_str().unwrap();
    let listed = json_of(&place, &[&["ls"], &store[..]].concat());
    assert_eq!((&listed[0]["flow_id"], &listed[1]["flow_id"]), (&run["flow_id"], &again["flow_id"]));
    json_of(&place, &[&["verify", id], &store[..]].concat());
    json_of(&place, &[&["show", &id[..18]], &store[..]].concat());
    place.chem(&[&["log", id], &store[..]].concat()).expect(0);
    place.chem(&[&["store", "status"], &store[..]].concat()).expect(0);
    let refused = place.chem(&[&["log", "--follow"], &store[..]].concat()).expect(3).stderr;
    assert!(refused.contains("chem store merge spool:") && refused.contains("no order"), "{refused}");
    for unsupported in [&["seal"][..], &["audit"]] {
        let refused = place.chem(&[unsupported, &store[..]].concat()).stderr;
        assert!(refused.contains("store merge"), "{refused}");
    }
}

#[test]
fn a_spool_is_checked_and_repaired_run_by_run() {
    let place = place();
    let chem =
        |arguments: &[&str], status| place.chem(&[arguments, &["--store", "spool:shared"]].concat()).expect(status);
    chem(&["run", "letters.yaml"], 0);
    chem(&["run", "letters.yaml"], 0);
    let sound = chem(&["store", "check", "--deep"], 0).stdout;
    assert!(sound.contains("2 runs"), "{sound}");
    chem(&["store", "repair"], 0);
    let directories = std::fs::read_dir(place.path().join("shared/artifacts")).unwrap();
    let files = directories.flat_map(|directory| std::fs::read_dir(directory.unwrap().path()).unwrap());
    let file = files.map(|file| file.unwrap().path()).next().unwrap();
    std::fs::write(file, "{\"kind\":\"text\"}\nother").unwrap();
    chem(&["store", "check", "--deep"], 1);
    let repaired = chem(&["store", "repair"], 0).stdout;
    assert!(repaired.contains("recomputed artifact"), "{repaired}");
    chem(&["store", "check", "--deep"], 0);
}

#[test]
fn what_is_no_spool_is_refused_and_left_alone() {
    let place = place();
    place.write("other/notes.txt", "mine").write("file", "mine");
    std::fs::create_dir(place.path().join("empty")).unwrap();
    let run = |store: &str, status| place.chem(&["run", "letters.yaml", "--store", store]).expect(status).stderr;
    assert!(run("spool:other", 3).contains("is a directory with other files"));
    assert!(run("spool:file", 3).contains("is no directory; a store in a file is `sqlite:"));
    assert!(run("spool:", 3).contains("`spool:` is followed by the path of a directory"));
    run("spool:empty", 0);
    // A process that was killed has left no more than the label.
    place.write("half/chem-spool.json", "{\"format\":1}");
    run("spool:half", 0);
    assert_eq!(std::fs::read_dir(place.path().join("other")).unwrap().count(), 1);
    place.write("empty/chem-spool.json", "{\"format\":2}");
    assert!(run("spool:empty", 3).contains("made by a later release"));
    place.write("empty/chem-spool.json", "{");
    assert!(run("spool:empty", 3).contains("chem-spool.json"));
}

#[cfg(unix)]
#[test]
fn a_spool_that_may_not_be_written_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    let place = place();
    let run = json_of(&place, &["run", "letters.yaml", "--store", "spool:shared"]);
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    // Root may write everywhere, so under root the program runs as another user.
    chem_tests::outside::copy_program(env!("CARGO_BIN_EXE_chem-with-test-steps").as_ref(), &place.path().join("chem"));
    let is_root = std::fs::read_to_string("/proc/self/status").unwrap_or_default().contains("\nUid:\t0\t");
    Command::new("chmod").args(["-R", "a+rX,a-w"]).arg(place.path()).status().unwrap();
    let by_another = |arguments: &[&str]| {
        let options = ["--reuid=65534", "--regid=65534", "--clear-groups", "./chem"];
        let mut command = Command::new(if is_root { "setpriv" } else { "./chem" });
        command.args(if is_root { &options[..] } else { &[] }).args(arguments).current_dir(place.path());
        command.env("CHEM_IDENTITY", place.path().join("identity.toml"));
        Outcome::from(command.output().unwrap())
    };
    let read = by_another(&["ls", "--store", "spool:shared", "--format", "json"]);
    let written = by_another(&["run", "letters.yaml", "--store", "spool:shared", "--no-cache"]);
    Command::new("chmod").args(["-R", "u+w"]).arg(place.path()).status().unwrap();
    set(place.path(), 0o700);
    assert_eq!(read.expect(0).json()[0]["flow_id"], run["flow_id"]);
    let refused = written.expect(3).stderr;
    assert!(refused.contains("cannot write the spool") && refused.contains("allow this user to write"), "{refused}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_the_run_is_resumed_when_there_is_room() {
    use chem_tests::small_disk::SmallDisk;

    let place = place();
    let Some(disk) = SmallDisk::mounted(place.path().join("disk"), 256) else {
        return SmallDisk::skip("a spool on a full disk");
    };
    let store = ["--store", "spool:disk/shared"];
    let before = json_of(&place, &[&["run", "letters.yaml"], &store[..]].concat());
    disk.fill();
    let full = place.chem(&[&["run", "letters.yaml", "--set", "text=N"], &store[..]].concat()).expect(3).stderr;
    assert!(full.contains("the disk is full: cannot write the spool"), "{full}");
    // All that was stored before can be read from a full disk.
    json_of(&place, &[&["verify", before["flow_id"].as_str().unwrap()], &store[..]].concat());
    disk.free();
    let after = json_of(&place, &[&["run", "letters.yaml", "--set", "text=N"], &store[..]].concat());
    assert_eq!(after["status"], "completed");
    assert!(json_of(&place, &[&["ls"], &store[..]].concat()).as_array().unwrap().len() >= 2);
}

#[test]
fn two_processes_make_the_same_spool() {
    let place = place();
    let arguments = ["run", "letters.yaml", "--store", "spool:shared", "-q"];
    let runs: Vec<_> = (0..4).map(|_| place.spawn(&arguments)).collect();
    for run in runs {
        let ended = run.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    assert_eq!(json_of(&place, &["ls", "--store", "spool:shared"]).as_array().unwrap().len(), 4);
    // The signs of life of processes that have ended are gone.
    assert_eq!(std::fs::read_dir(place.path().join("shared/alive")).unwrap().count(), 0);
}

#[test]
fn runs_are_merged_once_and_a_run_with_other_events_is_left_out_by_name() {
    let place = place();
    let (sweep, spool) = (["run", "letters.yaml", "--sweep", "text=CCO,CC"], ["--store", "spool:shared"]);
    let swept = json_of(&place, &[&sweep[..], &spool[..]].concat());
    let one = json_of(&place, &["run", "letters.yaml", "--store", "sqlite:one.db", "--set", "text=N"]);
    let merge = ["store", "merge", "shared", "one.db", "--store", "sqlite:all.db"];
    let merged = json_of(&place, &merge);
    assert_eq!((&merged["from"][0]["new"].as_array().unwrap().len(), &merged["from"][0]["present"]), (&3, &json!(0)));
    assert_eq!(merged["from"][1]["new"], json!([one["flow_id"]]));
    let again = json_of(&place, &merge);
    assert_eq!((&again["from"][0]["present"], &again["from"][0]["events"]), (&json!(3), &json!(0)));
    for run in [&swept, &one] {
        let id = run["flow_id"].as_str().unwrap();
        let shown = json_of(&place, &["show", id, "--store", "sqlite:all.db"]);
        assert_eq!(shown["flow_fingerprint"], run["flow_fingerprint"]);
        json_of(&place, &["verify", id, "--store", "sqlite:all.db"]);
    }
    place.chem(&["audit", "--store", "sqlite:all.db"]).expect(0);
    place.chem(&["store", "check", "--deep", "--store", "sqlite:all.db"]).expect(0);

    // Another end of the same run.
    let run = place.path().join("shared/runs").join(swept["flow_id"].as_str().unwrap());
    let mut commits: Vec<_> = std::fs::read_dir(&run).unwrap().map(|file| file.unwrap().path()).collect();
    commits.sort();
    let last = commits.iter().rev().find(|path| std::fs::read_to_string(path).unwrap().contains("\"events\"")).unwrap();
    let text = std::fs::read_to_string(last).unwrap();
    std::fs::write(last, text.replace("flowcompleted", "stepsignal")).unwrap();
    let other = place.chem(&merge).expect(1);
    assert!(
        other.stdout.contains("left out") && other.stdout.contains(swept["flow_id"].as_str().unwrap()),
        "{other:?}"
    );
    let itself = place.chem(&["store", "merge", "shared", "--store", "spool:shared"]).expect(2).stderr;
    assert!(itself.contains("both a source and the target"), "{itself}");
    let missing = place.chem(&["store", "merge", "shared", "spool:nowhere", "--store", "sqlite:new.db"]).expect(3);
    assert!(missing.stderr.contains("nowhere") && !place.path().join("new.db").exists(), "{missing:?}");
    assert!(missing.stderr.contains("nothing was merged") && !missing.stderr.contains("chem run"), "{missing:?}");
}
