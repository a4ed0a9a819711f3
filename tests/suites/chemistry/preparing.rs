//! Molecules prepared: each once, some of them, judged by rules of thumb, and with one value for each property.

use std::collections::BTreeMap;
use std::path::Path;

use chem_runtime::chemistry::{
    DeduplicateMolecules, DescribeMolecules, InlineMolecule, InlineMolecules, JudgeMolecules, Molecules,
    PreferProperties, PropertyValue, SampleMolecules,
};
use chem_runtime::step::{Step, StepOutput};
use serde_json::{Value, json};

use crate::bench::{integers, read, run, table, texts};

fn inline(molecules: &[&str]) -> StepOutput {
    let molecules = molecules.iter().map(|text| InlineMolecule::new(*text)).collect();
    run(&InlineMolecules { molecules }, Path::new("."), &[]).unwrap().remove(0)
}

fn step<S: Step>(params: Value) -> S {
    S::from_params(params.as_object().unwrap()).unwrap()
}

fn over<S: Step>(step: &S, molecules: &StepOutput) -> StepOutput {
    run(step, Path::new("."), &[("molecules", molecules)]).unwrap().remove(0)
}

#[test]
fn a_molecule_is_kept_once_and_the_inchi_key_sees_through_mobile_hydrogens() {
    let molecules = inline(&[
        "Oc1ccncc1 hydroxypyridine",
        "OCC ethanol",
        "O=c1cc[nH]cc1 pyridone",
        "CCO alcohol",
        "* dummy",
        "* other",
    ]);
    let kept = |params| {
        let once = table(&over(&step::<DeduplicateMolecules>(params), &molecules));
        (texts(&once, "name"), integers(&once, "copies"))
    };
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(kept(json!({})), (owned(&["hydroxypyridine", "ethanol", "dummy"]), vec![2, 2, 2]));
    assert_eq!(kept(json!({ "keep": "last" })), (owned(&["pyridone", "alcohol", "other"]), vec![2, 2, 2]));
    let by_smiles = kept(json!({ "by": "smiles" }));
    assert_eq!(by_smiles, (owned(&["hydroxypyridine", "ethanol", "pyridone", "dummy"]), vec![1, 2, 1, 2]));
}

#[test]
fn copies_add_up_over_steps_and_never_replace_a_column_of_the_data() {
    let molecules = inline(&["Oc1ccncc1 a", "Oc1ccncc1 b", "O=c1cc[nH]cc1 c", "CCO d"]);
    let by_smiles = over(&step::<DeduplicateMolecules>(json!({ "by": "smiles" })), &molecules);
    assert_eq!(integers(&table(&by_smiles), "copies"), [2, 1, 1]);
    let once = table(&over(&DeduplicateMolecules::default(), &by_smiles));
    assert_eq!((texts(&once, "name"), integers(&once, "copies")), (vec!["a".to_owned(), "d".to_owned()], vec![3, 1]));

    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.csv"), "smiles,copies\nC,5\nC,6\n").unwrap();
    let read = run(&read("a.csv", &[]), directory.path(), &[]).unwrap().remove(0);
    let said = run(&DeduplicateMolecules::default(), Path::new("."), &[("molecules", &read)]).unwrap_err().to_string();
    assert!(said.contains("`copies`"), "{said}");
}

#[test]
fn a_sample_keeps_the_order_and_says_how_many() {
    let molecules = inline(&["C", "CC", "CCC", "CCCC", "CCCCC", "CCCCCC", "CCCCCCC", "CCCCCCCC"]);
    let records = |params| integers(&table(&over(&step::<SampleMolecules>(params), &molecules)), "record");
    let half = records(json!({ "fraction": 0.5, "seed": 3 }));
    assert_eq!(half, records(json!({ "count": 4, "seed": 3 })));
    assert!(half.len() == 4 && half.is_sorted());
    assert_eq!(records(json!({ "count": 100 })).len(), 8);
    for wrong in [json!({}), json!({ "count": 1, "fraction": 0.5 })] {
        let said = run(&step::<SampleMolecules>(wrong), Path::new("."), &[("molecules", &molecules)]).unwrap_err();
        assert!(said.to_string().contains("either `count` or `fraction`"));
    }
}

#[test]
fn rules_follow_from_the_reference_library_s_values() {
    const REFERENCE: &str = include_str!("../../reference/approved-drugs.tsv");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/data");
    let molecules = run(&read("approved-drugs.csv", &[]), &directory, &[]).unwrap().remove(0);
    let judged = table(&over(&JudgeMolecules::default(), &molecules));
    let mut lines = REFERENCE.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let mut broken = 0;
    for (row, line) in lines.enumerate() {
        let values: BTreeMap<&str, &str> = header.iter().copied().zip(line.split('\t')).collect();
        let value = |name: &str| values[name].parse::<f64>().unwrap();
        let found = |rule: &str| judged.column(rule).unwrap().1.json(row);
        let [weight, logp, tpsa] = ["molecular_weight", "logp", "tpsa"].map(value);
        let breaches = [weight > 500.0, logp > 5.0, value("hbd") > 5.0, value("hba") > 10.0];
        let expected = breaches.iter().filter(|broken| **broken).count();
        assert_eq!(found("lipinski"), json!(expected <= 1), "{}", values["name"]);
        let told = found("lipinski_broken").as_str().map_or(0, |told| told.split("; ").count());
        assert_eq!(told, expected, "{}", values["name"]);
        assert_eq!(found("veber"), json!(value("rotatable_bonds") <= 10.0 && tpsa <= 140.0), "{}", values["name"]);
        assert_eq!(found("egan"), json!(logp <= 5.88 && tpsa <= 131.6), "{}", values["name"]);
        broken += usize::from(expected > 1);
    }
    assert!(broken > 5);
}

#[test]
fn one_value_of_several_says_where_it_is_from() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.csv"), "smiles,name,measured\nCCO,a,-0.3\nCC,b,\n").unwrap();
    let molecules = run(&read("a.csv", &[("numbers", json!(["measured"]))]), directory.path(), &[]).unwrap().remove(0);
    let described = over(&DescribeMolecules { properties: vec!["logp".to_owned()] }, &molecules);
    let params = json!({ "property": "best_logp", "from": ["measured", "logp"] });
    let preferred = over(&step::<PreferProperties>(params), &described);
    let molecules = Molecules::new(table(&preferred)).unwrap();
    let told: Vec<_> = molecules
        .iter()
        .map(|molecule| {
            let (best, source) =
                (molecule.property("best_logp").unwrap(), molecule.property("best_logp_from").unwrap());
            assert_eq!(best.provider(), Some("properties.prefer@2"));
            (molecule.record(), best.value(), source.value())
        })
        .collect();
    let (logp, text) = (molecules.iter().nth(1).unwrap().property("logp").unwrap(), PropertyValue::Text);
    assert_eq!(told[0], (Some(1), Some(PropertyValue::Float(-0.3)), Some(text("measured"))));
    assert_eq!(told[1], (Some(2), logp.value(), Some(text("cosmolkit@0.6.1"))));
    assert_eq!(molecules.hash().unwrap(), preferred.packed.root.hash());
    let again = json!({ "property": "logp", "from": ["measured"] });
    let said = run(&step::<PreferProperties>(again), Path::new("."), &[("molecules", &described)]).unwrap_err();
    assert!(said.to_string().contains("`logp`"), "{said}");
}
