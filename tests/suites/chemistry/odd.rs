//! Odd molecules: what is computed from their canonical SMILES is what `tests/reference/rdkit_odd.py` wrote with RDKit, and
//! does not depend on what else is asked for.

use std::collections::BTreeMap;

use chem_runtime::artifact::{ColumnType, Table};
use chem_runtime::chemistry::{DescribeMolecules, FingerprintKind, Pattern, Property, Structure, rounded};
use chem_runtime::records::on_workers;
use serde_json::Value;

use crate::bench::{read, run, table};

const REFERENCE: &str = include_str!("../../reference/odd.tsv");
const PATTERNS: &str = include_str!("../../reference/patterns.smarts");

fn odd_molecules() -> impl Iterator<Item = BTreeMap<&'static str, &'static str>> {
    let mut lines = REFERENCE.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    lines.map(move |line| header.iter().copied().zip(line.split('\t')).collect())
}

/// What the reference says of a property; null where it has no value, or NaN.
fn expected(property: &Property, text: &str) -> Value {
    match property.ty {
        _ if text.is_empty() => Value::Null,
        ColumnType::Float => text.parse().ok().filter(|number: &f64| number.is_finite()).map(rounded).into(),
        ColumnType::Integer => text.parse::<i64>().unwrap().into(),
        ColumnType::Text | ColumnType::Boolean => text.into(),
    }
}

#[test]
fn what_is_computed_from_a_canonical_smiles_is_the_reference_library_s() {
    let patterns: Vec<Pattern> =
        PATTERNS.lines().map(|line| Pattern::from_smarts(line.split_whitespace().next().unwrap()).unwrap()).collect();
    let compare = |molecule: BTreeMap<&str, &str>| -> Vec<String> {
        let canonical = Structure::from_smiles(molecule["smiles"]).unwrap().canonical_smiles().unwrap();
        let structure = Structure::from_canonical(&canonical).unwrap();
        let mut found: Vec<(&str, Value, Value)> = Property::all()
            .iter()
            .filter(|property| !property.needs_stereo)
            .map(|property| (property.name, property.of(&structure), expected(property, molecule[property.name])))
            .collect();
        let scaffold = structure.scaffold().map(Option::unwrap_or_default);
        found.push(("scaffold", scaffold.into(), molecule["scaffold"].into()));
        let here = patterns.iter().zip(1..).filter(|(pattern, _)| structure.has(pattern).unwrap());
        let here: Vec<String> = here.map(|(_, number): (_, u32)| number.to_string()).collect();
        found.push(("patterns", here.join(" ").into(), molecule["patterns"].into()));
        for (name, kind) in [("ecfp4", FingerprintKind::Ecfp4), ("maccs", FingerprintKind::Maccs)] {
            let bits: Vec<String> = structure.fingerprint(kind).unwrap().bits().map(|bit| bit.to_string()).collect();
            found.push((name, bits.join(" ").into(), molecule[name].into()));
        }
        let differs = found.into_iter().filter(|(_, found, expected)| found != expected);
        differs
            .map(|(name, found, expected)| format!("{name} of {}: {found} is not {expected}", molecule["smiles"]))
            .collect()
    };
    let wrong: Vec<String> = on_workers(|| odd_molecules().flat_map(compare).collect()).unwrap();
    assert!(wrong.is_empty(), "{} values differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_value_of_a_property_does_not_depend_on_the_others_that_are_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let smiles: String = odd_molecules().map(|molecule| format!("{}\n", molecule["smiles"])).collect();
    std::fs::write(directory.path().join("odd.smi"), smiles).unwrap();
    let molecules = run(&read("odd.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    let describe = |properties: Vec<&Property>| {
        let properties = properties.iter().map(|property| property.name.to_owned()).collect();
        let step = DescribeMolecules { properties };
        table(&run(&step, directory.path(), &[("molecules", &molecules)]).unwrap().remove(0))
    };
    let all = describe(Property::all().iter().collect());
    for property in Property::all() {
        let alone = describe(vec![property]);
        for row in 0..all.rows() {
            let value = |table: &Table| table.column(property.name).unwrap().1.json(row);
            assert_eq!(value(&alone), value(&all), "{} of {:?}", property.name, all.row(row)[1]);
        }
    }
}
