//! Every property of every approved drug, against the values that `tests/reference/rdkit_reference.py` wrote with RDKit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chem_runtime::artifact::ColumnType;
use chem_runtime::chemistry::{DescribeMolecules, Property, rounded};
use serde_json::Value;

use crate::bench::{read, run, table, texts};

const REFERENCE: &str = include_str!("../../reference/approved-drugs.tsv");

fn drugs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/data/approved-drugs.csv")
}

#[test]
fn every_property_of_every_approved_drug_is_the_reference_library_s() {
    let directory = drugs().parent().unwrap().to_owned();
    let outputs = run(&read("approved-drugs.csv", &[]), &directory, &[]).unwrap();
    assert_eq!(table(&outputs[1]).rows(), 0);
    // Those that need stereochemistry by themselves: with them, the others would go by the longer way too.
    let (with, without): (Vec<&Property>, Vec<&Property>) =
        Property::all().iter().partition(|property| property.needs_stereo);
    let describe = |properties: Vec<&Property>, molecules: &_| {
        let properties = properties.iter().map(|property| property.name.to_owned()).collect();
        run(&DescribeMolecules { properties }, &directory, &[("molecules", molecules)]).unwrap().remove(0)
    };
    let described = describe(with, &describe(without, &outputs[0]));
    let described = table(&described);

    let mut lines = REFERENCE.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let mut wrong = Vec::new();
    for (row, line) in lines.enumerate() {
        let expected: BTreeMap<&str, &str> = header.iter().copied().zip(line.split('\t')).collect();
        let mut compare = |column: &str, found: &Value, expected: Value| {
            if *found != expected {
                wrong.push(format!("{column} of {}: {found} is not {expected}", line.split('\t').next().unwrap()));
            }
        };
        let value = |column: &str| described.column(column).unwrap().1.json(row);
        compare("name", &value("name"), expected["name"].into());
        compare("smiles", &value("smiles"), expected["canonical_smiles"].into());
        for property in Property::all() {
            let text = expected[property.name];
            let expected = match property.ty {
                ColumnType::Float => Some(text.parse().unwrap()).filter(|n: &f64| n.is_finite()).map(rounded).into(),
                ColumnType::Integer => text.parse::<i64>().unwrap().into(),
                ColumnType::Text | ColumnType::Boolean => text.into(),
            };
            compare(property.name, &value(property.name), expected);
        }
    }
    assert_eq!(described.rows(), REFERENCE.lines().count() - 1);
    assert!(wrong.is_empty(), "{} values differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_formula_of_every_approved_drug_is_the_published_one() {
    let directory = drugs().parent().unwrap().to_owned();
    let outputs = run(&read("approved-drugs.csv", &[]), &directory, &[]).unwrap();
    let published = texts(&table(&outputs[0]), "formula");
    let formula = DescribeMolecules { properties: vec!["formula".to_owned()] };
    let described = table(&run(&formula, &directory, &[("molecules", &outputs[0])]).unwrap()[0]);
    assert!(described.rows() >= 150);
    for ((name, computed), published) in
        texts(&described, "name").iter().zip(texts(&described, "formula")).zip(published)
    {
        assert_eq!(elements(&computed), elements(&published), "{name}: {computed} is not {published}");
    }
}

/// How many atoms of each element a formula has. Publishers order elements in more than one way.
fn elements(formula: &str) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    let mut rest = formula;
    while let Some(first) = rest.chars().next() {
        assert!(first.is_ascii_uppercase(), "{formula}");
        let symbol = 1 + rest[1..].chars().take_while(char::is_ascii_lowercase).count();
        let digits = rest[symbol..].chars().take_while(char::is_ascii_digit).count();
        let (element, count) = (&rest[..symbol], &rest[symbol..symbol + digits]);
        *counts.entry(element.to_owned()).or_default() += if count.is_empty() { 1 } else { count.parse().unwrap() };
        rest = &rest[symbol + digits..];
    }
    counts
}
