//! Ten random spellings of a molecule give one record. `tests/reference/rdkit_spellings.py` wrote them.

use std::collections::BTreeMap;
use std::path::Path;

use chem_runtime::chemistry::{DescribeMolecules, Property};
use serde_json::Value;

use crate::bench::{read, run, table};

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
