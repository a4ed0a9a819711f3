//! The coordinates of an SD file are kept and written back, or their loss is counted.

use std::path::Path;
use std::sync::Arc;

use chem_runtime::chemistry::WriteMolecules;
use chem_runtime::engine::FlowEngine;
use chem_runtime::event::FlowEventKind;
use chem_runtime::manifest;
use chem_runtime::step::{Registry, Step as _};
use chem_runtime::store::InMemoryEventStore;
use serde_json::{Value, json};

use crate::bench::{read, read_file, run, texts};

/// Ten molecules, of which one is drawn in two dimensions. Some blocks are V3000 and have stereo groups.
const REGISTRY: &str = include_str!("../../../flows/data/registry.sdf");

/// Runs `molecules.read` with these parameters and the steps after it. Returns the signals: step, name and data.
fn signals(directory: &Path, read: &str, steps: &[&str]) -> Vec<(String, String, Value)> {
    let first =
        format!("{{ id: read, uses: molecules.read, with: {{ stereo_groups: keep, duplicate_data: last, {read} }} }}");
    let lines: String = [first.as_str()].iter().chain(steps).map(|step| format!("  - {step}\n")).collect();
    let path = directory.join("flow.yaml");
    std::fs::write(&path, format!("flow: f\nsteps:\n{lines}")).unwrap();
    let checked = manifest::load(&path, &[], Registry::linked().unwrap());
    let definition = checked.definition.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let engine = FlowEngine::on(Arc::new(InMemoryEventStore::new())).directory(directory).definition(definition);
    engine.run_to_end().unwrap();
    let events = engine.events().unwrap().into_iter();
    events
        .filter_map(|event| match event.kind {
            FlowEventKind::StepSignal(signal) => {
                Some((signal.step_id.to_string(), signal.signal.to_string(), signal.data))
            }
            _ => None,
        })
        .collect()
}

fn signal(signals: &[(String, String, Value)], step: &str, name: &str) -> Option<Value> {
    signals.iter().find(|(from, signal, _)| from == step && signal == name).map(|(_, _, data)| data.clone())
}

/// The mol blocks of an SD file.
fn blocks(sd: &str) -> Vec<&str> {
    sd.split_inclusive("$$$$\n").map(|record| &record[..record.find("M  END\n").unwrap() + 7]).collect()
}

#[test]
fn the_loss_of_3d_coordinates_is_counted_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.sdf"), REGISTRY).unwrap();
    let accepted = |read: &str| signal(&signals(directory.path(), read, &[]), "read", "accepted").unwrap();
    let lost = json!({ "coordinates": 9, "duplicate_data": 10 });
    assert_eq!(accepted("path: a.sdf"), lost);
    assert_eq!(accepted("path: a.sdf, coordinates: ignore"), lost);
    assert_eq!(accepted("path: a.sdf, coordinates: keep"), json!({ "duplicate_data": 10 }));
    assert_eq!(accepted("path: a.sdf, coordinates: refuse"), json!({ "duplicate_data": 1 }));

    let params =
        [("stereo_groups", json!("ignore")), ("duplicate_data", json!("last")), ("coordinates", json!("refuse"))];
    let (molecules, rejects) = read_file("a.sdf", REGISTRY.as_bytes(), &params).unwrap();
    assert_eq!((texts(&molecules, "name"), rejects.rows()), (vec!["caffeine".to_owned()], 9));
    assert!(texts(&rejects, "reason").iter().all(|reason| reason.contains("`coordinates: keep`")));
}

#[test]
fn kept_mol_blocks_are_written_back() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.sdf"), REGISTRY).unwrap();
    let write = "{ id: write, uses: molecules.write, with: { path: b.sdf, coordinates: mol_block } }";
    let found = signals(directory.path(), "path: a.sdf, coordinates: keep", &[write]);
    let written = json!({ "molecules": 10, "rejected": 0, "changed": 0, "drawn": 0 });
    assert_eq!(signal(&found, "write", "written"), Some(written));
    let back = std::fs::read_to_string(directory.path().join("b.sdf")).unwrap();
    assert_eq!(blocks(&back), blocks(REGISTRY));

    // As a data field, a block would end at its first empty line.
    let params =
        [("stereo_groups", json!("ignore")), ("duplicate_data", json!("last")), ("coordinates", json!("keep"))];
    let molecules = run(&read("a.sdf", &params), directory.path(), &[]).unwrap().remove(0);
    let write = |column: &str, coordinates: Option<&str>| {
        let params = json!({ "path": "c.sdf", "columns": [column], "coordinates": coordinates, "on_error": "fail" });
        let write = WriteMolecules::from_params(params.as_object().unwrap()).unwrap();
        run(&write, directory.path(), &[("molecules", &molecules)]).err().unwrap().to_string()
    };
    let reason = write("mol_block", None);
    assert!(reason.contains("`coordinates` writes mol blocks as structures"), "{reason}");
    let reason = write("BATCH", Some("PURITY"));
    assert!(reason.contains("the column `PURITY`, which `coordinates` names, is not text"), "{reason}");
}

#[test]
fn a_molecule_that_is_no_longer_that_of_its_mol_block_is_drawn() {
    let salt = "salt\n     x              3D\n\n  3  1  0  0  0  0  0  0  0  0999 V2000\n    \
                0.0000    0.0000    0.5000 C   0  0\n    1.2000    0.0000    0.5000 O   0  0\n    \
                5.0000    0.0000    1.5000 Cl  0  0\n  1  2  1  0\nM  END\n$$$$\n";
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("a.sdf"),
        salt.to_owned() + &salt.replace("Cl ", "C  ").replace("salt", "other"),
    )
    .unwrap();
    let standardize = "{ id: parent, uses: molecules.standardize }";
    let write = "{ id: write, uses: molecules.write, with: { path: b.sdf, coordinates: mol_block } }";
    let found = signals(directory.path(), "path: a.sdf, coordinates: keep", &[write]);
    assert_eq!(signal(&found, "write", "written").unwrap()["drawn"], json!(0));
    let found = signals(directory.path(), "path: a.sdf, coordinates: keep", &[standardize, write]);
    assert_eq!(signal(&found, "write", "written").unwrap()["drawn"], json!(2));
    let back = std::fs::read_to_string(directory.path().join("b.sdf")).unwrap();
    assert!(!back.contains("0.5000 C"), "{back}");
    let (molecules, _) = read_file("b.sdf", back.as_bytes(), &[]).unwrap();
    assert_eq!(texts(&molecules, "smiles"), ["CO", "CO"]);
}
