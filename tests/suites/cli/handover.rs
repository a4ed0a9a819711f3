//! Runs that are handed over as one file: exported, audited, imported, and computed again.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::Place;

const DRUGS: &str = "name,smiles\naspirin,CC(=O)Oc1ccccc1C(=O)O\nethanol,CCO\n";

const FLOW: &str = "flow: heavy
description: Keeps what is heavy.
license: CC-BY-4.0
params: { least: 100 }
steps:
  - id: read
    uses: table.read
    with: { path: data/drugs.csv }
  - id: weigh
    uses: table.compute
    with: { columns: [{ length: size(smiles) }] }
  - id: keep
    uses: table.filter
    with: { where: 'length * 10 > params.least' }
  - id: write
    uses: table.write
    with: { path: out/heavy.csv }
";

/// Returns a directory in which the flow has run.
fn ran() -> Place {
    let place = Place::new();
    place.write("data/drugs.csv", DRUGS).write("heavy.yaml", FLOW).chem(&["run", "heavy.yaml", "-q"]).expect(0);
    place
}

/// Returns a directory with a file `run.zip`, the export of the newest run of `place` with these options.
fn exported(place: &Place, options: &[&str]) -> PathBuf {
    let file = place.path().join("run.zip");
    place.chem(&[&["export", "@last", "run.zip"], options].concat()).expect(0);
    file
}

fn audit(file: &Path) -> Value {
    let elsewhere = Place::new();
    elsewhere.chem(&["audit", file.to_str().unwrap(), "--format", "json"]).json()
}

#[test]
fn a_run_is_handed_over_and_repeated_where_nothing_of_it_was() {
    let place = ran();
    let file = exported(&place, &[]);
    let first = std::fs::read(&file).unwrap();
    let refused = place.chem(&["export", "@last", "run.zip"]).expect(2).stderr;
    assert!(refused.contains("`run.zip` already exists"), "{refused}");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(std::fs::read(exported(&place, &[])).unwrap(), first, "another export has other bytes");

    let elsewhere = Place::new();
    let path = file.to_str().unwrap();
    let text = elsewhere.chem(&["audit", path]).expect(0).stdout;
    assert!(text.contains("everything is as it was exported") && text.contains("nothing is signed"), "{text}");
    let audited = elsewhere.chem(&["audit", path, "--format", "json"]).expect(0).json();
    let run = place.show("@last");
    assert_eq!((&audited["sound"], &audited["flow_id"]), (&true.into(), &run["flow_id"]));
    assert!(!elsewhere.path().join(".chem").exists(), "an audit of a file needs no store");

    std::fs::remove_dir_all(place.path().join("data")).unwrap();
    let verified = elsewhere.chem(&["verify", path]).expect(0).stdout;
    assert!(verified.contains("4 of 4 steps verified"), "{verified}");
    assert!(!elsewhere.path().join("out").exists(), "a file that is verified writes nothing here");

    let imported = elsewhere.chem(&["import", path, "--format", "json"]).expect(0).json();
    assert_eq!(imported["new"], json!([run["flow_id"]]));
    let again = elsewhere.show("@last");
    assert_eq!(again["flow_fingerprint"], run["flow_fingerprint"]);
    assert_eq!(again["steps"], run["steps"]);
    elsewhere.chem(&["store", "check", "--deep"]).expect(0);
    elsewhere.chem(&["audit"]).expect(0);
    let second = elsewhere.chem(&["import", path]).expect(0).stdout;
    assert!(second.contains("already"), "{second}");
    // What was imported can be handed on, with the same head and so with the same signatures.
    elsewhere.chem(&["export", "@last", "again.zip"]).expect(0);
    elsewhere.chem(&["audit", "again.zip"]).expect(0);
}

#[test]
fn the_manifest_in_an_export_runs_where_it_is_unpacked() {
    let place = ran();
    // A file outside the directory of the manifest gets a place within the export.
    place.write("flows/far.yaml", &FLOW.replace("data/drugs.csv", "../data/drugs.csv"));
    place.chem(&["run", "flows/far.yaml", "-q"]).expect(0);
    let run = place.show("@last");
    let file = exported(&place, &[]);
    let unpacked = Place::new();
    unzip(&file, unpacked.path());
    std::fs::remove_dir_all(place.path().join("data")).unwrap();
    unpacked.chem(&["run", "flow/far.yaml", "-q"]).expect(0);
    assert_eq!(unpacked.show("@last")["flow_fingerprint"], run["flow_fingerprint"]);
    Place::new().chem(&["verify", file.to_str().unwrap()]).expect(0);
}

/// Unpacks an archive with a program that knows nothing of this one.
fn unzip(file: &Path, to: &Path) {
    let status = Command::new("python3").args(["-m", "zipfile", "-e"]).arg(file).arg(to).status().unwrap();
    assert!(status.success());
}

#[test]
fn results_of_other_runs_bring_their_runs_along() {
    let place = ran();
    let first = place.show("@last")["flow_id"].clone();
    place.write("heavy.yaml", &FLOW.replace("least: 100", "least: 20")).chem(&["run", "heavy.yaml", "-q"]).expect(0);
    let second = place.show("@last");
    assert_eq!(second["steps"][0]["cached"], true);
    let made = place.chem(&["export", "@last", "run.zip", "--format", "json"]).expect(0).json();
    assert_eq!(made["reused"], json!([first]));
    let elsewhere = Place::new();
    let file = place.path().join("run.zip");
    let text = elsewhere.chem(&["import", file.to_str().unwrap()]).expect(0).stdout;
    assert!(text.contains("and the other run of the file"), "{text}");
    assert_eq!(elsewhere.show("@last")["flow_fingerprint"], second["flow_fingerprint"]);
    elsewhere.show(first.as_str().unwrap());
    elsewhere.chem(&["store", "check", "--deep"]).expect(0);
    elsewhere.chem(&["verify", file.to_str().unwrap()]).expect(0);
}

#[test]
fn rows_of_another_run_bring_that_run_along() {
    let place = Place::new();
    place.write(
        "flow.yaml",
        "flow: kept\nsteps:\n  - { id: read, uses: table.read, with: { path: rows.csv } }\n\
         \x20 - { id: keep, uses: table.filter, with: { where: a > 1 } }\n",
    );
    place.write("rows.csv", "a\n1\n2\n3\n").chem(&["run", "flow.yaml", "-q"]).expect(0);
    let first = place.show("@last")["flow_id"].clone();
    place.write("rows.csv", "a\n9\n1\n2\n3\n").chem(&["run", "flow.yaml", "-q"]).expect(0);
    let second = place.show("@last");
    assert_eq!(second["steps"][1]["taken_over"]["source"]["flow_id"], first);
    let file = exported(&place, &[]);
    let elsewhere = Place::new();
    elsewhere.chem(&["audit", file.to_str().unwrap()]).expect(0);
    elsewhere.chem(&["import", file.to_str().unwrap()]).expect(0);
    elsewhere.show(first.as_str().unwrap());
    elsewhere.chem(&["store", "check", "--deep"]).expect(0);
    elsewhere.chem(&["verify", file.to_str().unwrap()]).expect(0);
}

#[test]
fn an_export_without_data_keeps_the_hashes() {
    let place = ran();
    let file = exported(&place, &["--without-data"]);
    let path = file.to_str().unwrap();
    let elsewhere = Place::new();
    let text = elsewhere.chem(&["audit", path]).expect(0).stdout;
    assert!(text.contains("exported without its data"), "{text}");
    let names = names(&file);
    assert!(!names.iter().any(|name| name.starts_with("artifacts/") || name.ends_with(".csv")), "{names:?}");
    for command in ["import", "verify"] {
        let refused = elsewhere.chem(&[command, path]).expect(2).stderr;
        assert!(refused.contains("`--without-data`"), "{refused}");
    }
}

/// Returns the names of the files in an archive.
fn names(file: &Path) -> Vec<String> {
    let archive = zip::ZipArchive::new(std::fs::File::open(file).unwrap()).unwrap();
    let mut names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_notebook_gets_the_same_files_in_one_folder() {
    let place = ran();
    let zip = names(&exported(&place, &[]));
    place.chem(&["export", "@last", "my run.eln"]).expect(0);
    let eln = names(&place.path().join("my run.eln"));
    assert_eq!(eln, zip.iter().map(|name| format!("my_run/{name}")).collect::<Vec<_>>());
    place.chem(&["audit", "my run.eln"]).expect(0);
    place.chem(&["verify", "my run.eln"]).expect(0);
    let refused = place.chem(&["export", "@last", "run.tar"]).expect(2).stderr;
    assert!(refused.contains("end it in `.zip`, or in `.eln`"), "{refused}");
}

#[test]
fn a_run_that_is_not_sealed_is_not_exported() {
    let place = ran();
    let jsonl = ["--store", "jsonl:log.jsonl"];
    place.chem(&[&["run", "heavy.yaml", "-q"], &jsonl[..]].concat()).expect(0);
    let refused = place.chem(&[&["export", "@last", "run.zip"], &jsonl[..]].concat()).expect(3).stderr;
    assert!(refused.contains("keeps no checkpoints"), "{refused}");
    assert!(!place.path().join("run.zip").exists());
}

#[test]
fn another_run_under_the_same_id_is_refused() {
    let place = ran();
    let file = exported(&place, &[]);
    let other = Place::new();
    other.chem(&["import", file.to_str().unwrap()]).expect(0);
    let raw = rusqlite::Connection::open(other.path().join(".chem/store.db")).unwrap();
    let triggers = "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'";
    let drops: Vec<String> =
        raw.prepare(triggers).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    drops.iter().for_each(|drop| raw.execute_batch(drop).unwrap());
    raw.execute_batch("UPDATE event_log SET payload = replace(payload, 'heavy.yaml', 'other.yaml')").unwrap();
    let refused = other.chem(&["import", file.to_str().unwrap()]).expect(2).stderr;
    assert!(refused.contains("with other events"), "{refused}");
}

#[test]
fn what_is_no_export_is_refused_with_the_reason() {
    let place = ran();
    let good = std::fs::read(exported(&place, &[])).unwrap();
    let mut longer = good.clone();
    longer.push(b'\n');
    let zip_of = |files: &[(&str, &[u8])]| {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut writer, content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    for (name, bytes, reason) in [
        ("empty.zip", Vec::new(), "it is too short"),
        ("text.zip", vec![b'a'; 4_000], "it is not a zip archive"),
        ("cut.zip", good[..good.len() / 2].to_vec(), "it is truncated, or another program wrote it"),
        ("longer.zip", longer, "its end is missing or changed"),
        ("other.zip", zip_of(&[("ro-crate-metadata.json", &[b' '; 300])]), "another program wrote it"),
    ] {
        std::fs::write(place.path().join(name), bytes).unwrap();
        for command in ["audit", "import", "verify"] {
            let refused = place.chem(&[command, name]).expect(1).stderr;
            assert!(refused.contains("is not an export of a run") && refused.contains(reason), "{name}: {refused}");
        }
    }
    let missing = place.chem(&["audit", "none.zip"]).expect(2).stderr;
    assert!(missing.contains("cannot read `none.zip`"), "{missing}");
}

/// Creates a key of the person `name`, who is then an allowed signer. Returns its file.
fn key(place: &Place, name: &str) -> String {
    let file = place.path().join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&file).status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
    let mut allowed = std::fs::read_to_string(place.path().join("allowed")).unwrap_or_default();
    allowed.push_str(&format!("{name}@lab {public}"));
    place.write("allowed", &allowed);
    file.to_str().unwrap().to_owned()
}

/// Returns a directory in which the flow has run, was sealed, and was signed for.
fn signed() -> Place {
    let place = Place::new();
    let key = key(&place, "ada");
    place.chem(&["whoami", "--name", "Ada Lovelace", "--orcid", "0000-0002-1825-0097", "--key", &key]).expect(0);
    place.chem(&["whoami", "--affiliation", "Analytical Society", "--ror", "https://ror.org/02mhbdp94"]).expect(0);
    place.write("data/drugs.csv", DRUGS).write("heavy.yaml", FLOW).chem(&["run", "heavy.yaml", "-q"]).expect(0);
    place.chem(&["sign", "@last", "--meaning", "reviewed"]).expect(0);
    place.chem(&["seal", "--key", &key]).expect(0);
    place.chem(&["export", "@last", "run.zip", "--allowed-signers", "allowed", "--key", &key]).expect(0);
    place
}

/// Runs the program in the repository that checks an export without `chem`. Returns whether it finds nothing, and its text.
fn verify_py(file: &Path, more: &[&str]) -> (bool, String) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chem-runtime/src/handover/verify.py");
    let output = Command::new("python3").arg(program).arg(file).args(more).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.stderr.is_empty(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

#[test]
fn both_programs_say_who_signed_what_and_that_it_is_untouched() {
    let place = signed();
    let file = place.path().join("run.zip");
    let elsewhere = Place::new();
    let text = elsewhere.chem(&["audit", file.to_str().unwrap()]).expect(0).stdout;
    for said in [
        "14 events of run",
        "reviewed by Ada Lovelace (0000-0002-1825-0097; ",
        "proof/checkpoint.txt is signed by ada@lab at 2",
        "-statement.txt is signed by ada@lab at 2",
        "proof/files.sha256 is signed by ada@lab\n",
        "the signers are those that the file brings along",
        "everything is as it was exported",
    ] {
        assert!(text.contains(said), "no `{said}` in:\n{text}");
    }
    let allowed = place.path().join("allowed");
    let audited = elsewhere.chem(&[
        "audit",
        file.to_str().unwrap(),
        "--allowed-signers",
        allowed.to_str().unwrap(),
        "--format",
        "json",
    ]);
    let audited = audited.expect(0).json();
    let principals: Vec<&Value> = audited["signatures"].as_array().unwrap().iter().map(|it| &it["principal"]).collect();
    assert_eq!((principals, &audited["signers_of_export"]), (vec![&json!("ada@lab"); 3], &false.into()));
    // Signers who are not those of the export do not count for each other.
    let other = Place::new();
    key(&other, "eve");
    let foreign = other.path().join("allowed");
    let refused = elsewhere
        .chem(&["audit", file.to_str().unwrap(), "--allowed-signers", foreign.to_str().unwrap()])
        .expect(1)
        .stdout;
    assert!(refused.contains("the signature does not count"), "{refused}");

    let (good, text) = verify_py(&file, &[]);
    for said in [
        "14 events of 1 run(s) are in the log chem/",
        "-statement.txt, reviewed by Ada Lovelace",
        "proof/checkpoint.txt: signed by ada@lab at 2",
        "untouched: every file is as it was exported",
    ] {
        assert!(good && text.contains(said), "no `{said}` in:\n{text}");
    }
    let (good, text) = verify_py(&file, &["--allowed-signers", foreign.to_str().unwrap()]);
    assert!(!good && text.contains("proof/checkpoint.txt: its signature does not count"), "{text}");
    // The copy in the export does the same, in a directory where it was unpacked.
    let unpacked = Place::new();
    unzip(&file, unpacked.path());
    let output = Command::new("python3").arg(unpacked.path().join("verify.py")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    // What was stated is still stated, and signed, in the store that imports it.
    elsewhere.chem(&["import", file.to_str().unwrap()]).expect(0);
    let audit =
        elsewhere.chem(&["audit", "--allowed-signers", allowed.to_str().unwrap(), "--format", "json"]).expect(0).json();
    assert_eq!(audit["signatures"][0]["statement"]["meaning"], "reviewed");
}

#[test]
fn a_signed_decision_is_handed_over_with_its_run() {
    let place = Place::new();
    let key = key(&place, "ada");
    let flow = FLOW.replace(
        "    uses: table.filter\n",
        "    uses: table.filter\n    gate: { message: Keep?, signed_by: [ada@lab] }\n",
    );
    place.write("data/drugs.csv", DRUGS).write("heavy.yaml", &flow).chem(&["run", "heavy.yaml", "-q"]).expect(4);
    place.chem(&["approve", "@last", "keep", "--sign", "--key", &key, "--allowed-signers", "allowed", "-q"]).expect(0);
    let file = exported(&place, &["--allowed-signers", "allowed"]);
    let audited = audit(&file);
    assert_eq!(
        (&audited["sound"], &audited["decisions"][0]["principal"]),
        (&true.into(), &"ada@lab".into()),
        "{audited}"
    );
    let (good, text) = verify_py(&file, &[]);
    assert!(good && text.contains("step keep approved: signed by ada@lab"), "{text}");
    Place::new().chem(&["verify", file.to_str().unwrap()]).expect(0);
}

/// Returns the position of `text` in the bytes of a file.
fn position_of(bytes: &[u8], text: &str) -> usize {
    bytes.windows(text.len()).position(|part| part == text.as_bytes()).unwrap()
}

#[test]
fn one_edit_is_named_with_its_file_and_its_record() {
    let place = signed();
    let good = std::fs::read(place.path().join("run.zip")).unwrap();
    let file = place.path().join("bad.zip");
    for (text, by_chem, by_python) in [
        ("\"least\":100", "event 0 of run", "line 1, event 0: it was changed"),
        ("\"step_id\":\"keep\"", "event 7 of run", "line 8, event 7: it was changed"),
        ("meaning reviewed", "-statement.txt`: its content", "-statement.txt: its content"),
        ("Keeps what is heavy.\"", "event 0 of run", "event 0: it was changed"),
        ("attestations ", ".tlog-proof`: its content", ".tlog-proof: its content"),
        ("# Repeats run", "`flow/heavy.yaml`: its content", "flow/heavy.yaml: its content"),
        ("def wrong", "`verify.py`: its content", "verify.py: its content"),
    ] {
        let mut bad = good.clone();
        let at = position_of(&good, text) + text.len() - 2;
        bad[at] ^= 1;
        std::fs::write(&file, bad).unwrap();
        let found = place.chem(&["audit", "bad.zip"]).expect(1).stdout;
        assert!(found.contains(by_chem), "{text}: {found}");
        let others = found.lines().filter(|line| line.starts_with("changed: event ") && !line.contains(by_chem));
        assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{text}");
        let (good, found) = verify_py(&file, &[]);
        assert!(!good && found.contains(by_python), "{text}: {found}");
        let refused = place.chem(&["import", "bad.zip"]).expect(1).stderr;
        assert!(refused.contains("is not as it was written") && refused.contains("chem audit bad.zip"), "{refused}");
        place.chem(&["verify", "bad.zip"]).expect(1);
    }
}

/// Returns for each byte of an archive the file that has it in its content.
fn owners(bytes: &[u8]) -> Vec<Option<String>> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut owners = vec![None; bytes.len()];
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).unwrap();
        let start = usize::try_from(entry.data_start().unwrap()).unwrap();
        let end = start + usize::try_from(entry.compressed_size()).unwrap();
        owners[start..end].fill(Some(entry.name().unwrap().into_owned()));
    }
    owners
}

/// Returns whether `text` names the file `name`, or the record that it has.
fn names_it(text: &str, name: &str) -> bool {
    let record = name.rsplit('/').next().and_then(|last| last.split('.').next()).unwrap_or_default();
    text.contains(name) || (record.len() >= 36 && text.contains(record))
}

#[test]
fn every_flipped_byte_is_named() {
    let place = ran();
    let good = std::fs::read(exported(&place, &[])).unwrap();
    let (owners, file) = (owners(&good), place.path().join("bad.zip"));
    let open = |at: usize, bit: u8| {
        let mut bad = good.clone();
        bad[at] ^= 1 << bit;
        std::fs::write(&file, bad).unwrap();
        let said = match chem_runtime::handover::check(&file, None, None) {
            Ok(checked) => checked.findings.iter().map(|finding| format!("{finding}\n")).collect(),
            Err(error) => error.to_string(),
        };
        let expected = owners[at].as_deref();
        let is_named =
            !said.is_empty() && expected.is_none_or(|name| names_it(&said, name) || said.contains("the archive"));
        assert!(is_named, "byte {at}, of {expected:?}, is not named: {said}");
        expected.is_some_and(|name| names_it(&said, name))
    };
    let step = (good.len() / 2_000).max(1);
    let positions: Vec<usize> = (0..good.len()).step_by(step).collect();
    let named = positions.iter().filter(|at| open(**at, (**at % 8) as u8)).count();
    let inside = positions.iter().filter(|at| owners[**at].is_some()).count();
    assert!(positions.len() >= 2_000, "{}", positions.len());
    // A compressed file has a few bits that do not matter; that the archive is changed is found all the same.
    assert!(named * 1_000 >= inside * 990, "{named} of {inside} changed files are named");
}

#[test]
fn every_flipped_byte_is_found_without_chem() {
    let place = ran();
    let file = exported(&place, &[]);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chem-runtime/src/handover/verify.py");
    let driver = "import io, sys, contextlib\n\
        source = open(sys.argv[1]).read().rsplit('sys.exit', 1)[0]\n\
        good = open(sys.argv[2], 'rb').read()\n\
        for at in range(0, len(good), max(1, len(good) // 500)):\n\
        \x20   open(sys.argv[3], 'wb').write(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1:])\n\
        \x20   scope, text = {'__file__': sys.argv[1]}, io.StringIO()\n\
        \x20   with contextlib.redirect_stdout(text):\n\
        \x20       exec(source, scope)\n\
        \x20       found = scope['main']([sys.argv[3]])\n\
        \x20   assert found == 1 and 'CHANGED' in text.getvalue(), at\n\
        print('all')\n";
    let output =
        Command::new("python3").args(["-c", driver]).arg(program).arg(&file).arg(place.path().join("bad.zip")).output();
    let output = output.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "all\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_run_that_failed_is_handed_over_with_its_error() {
    let place = Place::new();
    place.write("data/drugs.csv", DRUGS).write("out", "a file where a folder has to be");
    place.write("heavy.yaml", FLOW).chem(&["run", "heavy.yaml", "-q"]).expect(1);
    let file = exported(&place, &[]);
    assert_eq!(audit(&file)["sound"], true);
    let elsewhere = Place::new();
    elsewhere.chem(&["import", file.to_str().unwrap()]).expect(0);
    assert_eq!(elsewhere.show("@last")["status"], "failed");
}

/// The one finding that no export with its workflow inside can avoid: <https://github.com/crs4/rocrate-validator/issues/51>.
const KNOWN: &str = "process-run-crate-0.5_5.1: ";

#[test]
fn an_export_is_a_valid_provenance_run_crate() {
    let Ok(python) = std::env::var("CHEM_TEST_ROC_VALIDATOR") else {
        let hint =
            "set CHEM_TEST_ROC_VALIDATOR to a Python that has it: pip install roc-validator==0.13.0 runcrate==0.6.2";
        assert!(
            std::env::var("CHEM_REQUIRE_ROC_VALIDATOR").as_deref() != Ok("1"),
            "no roc-validator to test with: {hint}"
        );
        // Bypasses the output capture of the test harness.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("\nSKIPPED: {hint}\n").as_bytes());
        return;
    };
    let validated = |place: &Place, options: &[&str]| {
        let _ = std::fs::remove_file(place.path().join("run.zip"));
        let (file, unpacked) = (exported(place, options), Place::new());
        unzip(&file, unpacked.path());
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/validate_export.py");
        let mut command = Command::new(&python);
        // The network does not answer.
        command.envs([("http_proxy", "http://127.0.0.1:9"), ("https_proxy", "http://127.0.0.1:9")]);
        let output = command.arg(program).arg(unpacked.path()).output().unwrap();
        let json = output.stdout.split(|byte| *byte == b'\n').rfind(|line| line.starts_with(b"{"));
        let json = json.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        serde_json::from_slice::<Value>(json).unwrap()
    };
    let place = signed();
    for options in [&[][..], &["--without-data"]] {
        let found = validated(&place, options);
        assert_eq!(found["required"], json!([]), "{options:?}");
        let recommended = found["recommended"].as_array().unwrap();
        let other: Vec<&Value> = recommended.iter().filter(|it| !it.as_str().unwrap().starts_with(KNOWN)).collect();
        assert!(other.is_empty(), "{options:?}: {other:?}");
        let report: Vec<&str> = found["report"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        for said in ["action: #run", "action: #step/weigh", "  step: flow/heavy.yaml#keep"] {
            assert!(report.contains(&said), "{said}: {report:?}");
        }
    }
    // Without an identity and a license, what is required is there, and less is recommended.
    let anonymous = Place::new();
    let flow = FLOW.replace("license: CC-BY-4.0\n", "").replace("least: 100", "least: 10");
    anonymous.write("data/drugs.csv", DRUGS).write("heavy.yaml", &flow).chem(&["run", "heavy.yaml", "-q"]).expect(0);
    assert_eq!(validated(&anonymous, &[])["required"], json!([]));
    anonymous.chem(&["run", "heavy.yaml", "-q"]).expect(0);
    assert_eq!(validated(&anonymous, &[])["required"], json!([]), "of a run that reuses everything");
}
