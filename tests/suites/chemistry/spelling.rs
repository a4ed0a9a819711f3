//! Ten random spellings of a molecule give one record. `tests/reference/rdkit_spellings.py` wrote them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chem_runtime::chemistry::{DeduplicateMolecules, DescribeMolecules, Property};
use serde_json::Value;

use crate::bench::{read, run, table, texts};

/// What later steps do follows from the artifact that reading gives, so that nothing they give can differ either.
#[test]
fn ten_files_that_spell_the_same_molecules_differently_are_one_artifact() {
    let spellings = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/spellings.smi"));
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in spellings.unwrap().lines() {
        by_name.entry(line.split_once('\t').unwrap().1.to_owned()).or_default().push(line.to_owned());
    }
    let hashes: BTreeSet<_> = (0..10)
        .map(|spelling| {
            let directory = tempfile::tempdir().unwrap();
            let file: String = by_name.values().map(|lines| format!("{}\n", lines[spelling])).collect();
            std::fs::write(directory.path().join("a.smi"), file).unwrap();
            run(&read("a.smi", &[]), directory.path(), &[]).unwrap()[0].packed.root.hash().to_string()
        })
        .collect();
    assert_eq!(hashes.len(), 1, "{hashes:?}");
}

#[test]
fn ten_spellings_of_a_molecule_are_one_record() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    let read = run(&read("spellings.smi", &[]), &directory, &[]).unwrap();
    assert_eq!(table(&read[1]).rows(), 0);
    let properties = Property::all().iter().map(|property| property.name.to_owned()).collect();
    let described = run(&DescribeMolecules { properties }, &directory, &[("molecules", &read[0])]).unwrap();
    let described = table(&described[0]);

    let mut by_name: BTreeMap<String, Vec<Vec<Value>>> = BTreeMap::new();
    for row in 0..described.rows() {
        let mut values = described.row(row);
        // The number of the record is the one thing in which they differ.
        assert_eq!(values.remove(2), Value::from(row + 1));
        by_name.entry(values[0].to_string()).or_default().push(values);
    }
    assert!(by_name.len() >= 50, "{} molecules", by_name.len());
    for (name, spellings) in by_name {
        assert_eq!(spellings.len(), 10, "{name}");
        for spelling in &spellings[1..] {
            assert_eq!(spelling, &spellings[0], "{name}");
        }
    }
}

/// RDKit's canonical SMILES of these alternate when they are read again.
#[test]
fn molecules_whose_canonical_form_alternates_are_deduplicated_by_it() {
    let directory = tempfile::tempdir().unwrap();
    let spellings = ["[O-]C1=C2C[C@H](C2)[C@@]12CC2", "[O-]C1=C2C[C@H](C2)[C@]12CC2", "O=I", "[O-][IH+]"];
    let file: String = spellings.iter().map(|smiles| format!("{smiles} x\n")).collect();
    std::fs::write(directory.path().join("a.smi"), file).unwrap();
    let read = run(&read("a.smi", &[]), directory.path(), &[]).unwrap();
    let once = DeduplicateMolecules { by: "smiles".to_owned(), keep: "first".to_owned() };
    let once = table(&run(&once, directory.path(), &[("molecules", &read[0])]).unwrap()[0]);
    assert_eq!(texts(&once, "smiles"), ["[O-]C1=C2C[C@H](C2)[C@@]12CC2", "[O-][IH+]"]);
}
