//! SD files: what RDKit draws is read as RDKit reads it, and what is written is read back.

use std::path::Path;

use chem_runtime::chemistry::WriteMolecules;
use serde_json::{Value, json};

use crate::bench::{read, read_file, run, table, texts};

/// `tests/reference/rdkit_sdf.py` wrote it.
const DRAWN: &str = include_str!("../../reference/drawn.sdf");

#[test]
fn what_is_drawn_in_the_plane_and_in_space_is_the_molecule_that_rdkit_sees() {
    let (molecules, rejects) = read_file("drawn.sdf", DRAWN.as_bytes(), &[("numbers", json!(["atoms"]))]).unwrap();
    assert_eq!(rejects.rows(), 0, "{:?}", texts(&rejects, "reason"));
    assert!(molecules.rows() > 20);
    for (row, name) in texts(&molecules, "name").iter().enumerate() {
        assert_eq!(texts(&molecules, "smiles")[row], texts(&molecules, "expected")[row], "{name}");
    }
    assert!(molecules.column("atoms").unwrap().1.json(0).is_f64());
}

#[test]
fn what_is_written_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.sdf"), DRAWN).unwrap();
    let first = run(&read("a.sdf", &[]), directory.path(), &[]).unwrap().remove(0);
    let write = |path: &str| WriteMolecules { path: path.into(), format: None, columns: None };
    run(&write("b.sdf"), directory.path(), &[("molecules", &first)]).unwrap();
    let again = run(&read("b.sdf", &[]), directory.path(), &[]).unwrap().remove(0);
    assert_eq!(again.packed.root, first.packed.root);
    run(&write("b.smi"), directory.path(), &[("molecules", &first)]).unwrap();
    let lines = run(&read("b.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    assert_eq!(table(&lines).data(1), table(&first).data(1));
    assert_eq!(table(&lines).data(0), table(&first).data(0));
}

#[test]
fn dummy_atoms_that_are_written_are_read_back() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.smi"), "*CCO a\n[1*]c1ccccc1 b\nCC[*:1] c\n").unwrap();
    let first = run(&read("a.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    let write = WriteMolecules { path: "b.sdf".into(), format: None, columns: None };
    run(&write, directory.path(), &[("molecules", &first)]).unwrap();
    let again = run(&read("b.sdf", &[]), directory.path(), &[]).unwrap().remove(0);
    assert_eq!(texts(&table(&first), "smiles").len(), 3);
    assert_eq!(texts(&table(&again), "smiles"), texts(&table(&first), "smiles"));
}

#[test]
fn a_file_that_is_cut_off_loses_its_last_record_and_says_so() {
    let (whole, _) = read_file("a.sdf", DRAWN.as_bytes(), &[]).unwrap();
    let (kept, rejects) = read_file("a.sdf", &DRAWN.as_bytes()[..DRAWN.len() - 200], &[]).unwrap();
    assert_eq!((kept.rows(), rejects.rows()), (whole.rows() - 1, 1));
    assert!(texts(&rejects, "reason")[0].contains("cut off"));
    assert_eq!(texts(&rejects, "text")[0], texts(&whole, "name")[kept.rows()]);
}

#[test]
fn what_an_sd_file_cannot_hold_is_not_written_at_all() {
    let directory = tempfile::tempdir().unwrap();
    for (note, why) in [("a\n\nb", "an empty line"), ("$$$$", "$$$$")] {
        std::fs::write(directory.path().join("a.csv"), format!("smiles,note\nC,\nCC,\"{note}\"\n")).unwrap();
        let molecules = run(&read("a.csv", &[]), directory.path(), &[]).unwrap().remove(0);
        let write = WriteMolecules { path: "out/a.sdf".into(), format: None, columns: None };
        let said = run(&write, directory.path(), &[("molecules", &molecules)]).unwrap_err().to_string();
        assert!(said.contains("`note` of molecule 2") && said.contains(why), "{said}");
        assert_eq!(std::fs::read_dir(directory.path().join("out")).unwrap().count(), 0);
    }
    let said = run(&read("nowhere.sdf", &[("on_error", Value::from("fail"))]), Path::new("."), &[]).unwrap_err();
    assert!(said.to_string().contains("nowhere.sdf"));
}
