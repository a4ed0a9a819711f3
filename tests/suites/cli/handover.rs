//! Runs that are handed over as one file: exported, audited, imported, and computed again.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

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
    assert!(text.contains("and the run whose results it reused"), "{text}");
    assert_eq!(elsewhere.show("@last")["flow_fingerprint"], second["flow_fingerprint"]);
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
