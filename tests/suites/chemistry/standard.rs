//! Standard forms are RDKit's. `rdkit_standard.py`, `rdkit_charged.py` and `rdkit_forms.py` in `tests/reference` wrote what they
//! are compared with.

use std::collections::BTreeMap;
use std::path::Path;

use chem_runtime::chemistry::StandardizeMolecules;
use chem_runtime::step::StepOutput;
use serde_json::{Value, json};

use crate::bench::{integers, read, run, table, texts};

const REFERENCE: &str = include_str!("../../reference/standardized.tsv");

/// The column of the reference called `name`, in the order of its rows.
fn reference(name: &str) -> Vec<&'static str> {
    let mut lines = REFERENCE.lines();
    let at = lines.next().unwrap().split('\t').position(|column| column == name).unwrap();
    lines.map(|line| line.split('\t').nth(at).unwrap()).collect()
}

fn molecules(count: usize) -> StepOutput {
    let directory = tempfile::tempdir().unwrap();
    let lines: String = REFERENCE.split_inclusive('\n').take(1 + count).collect();
    std::fs::write(directory.path().join("all.tsv"), lines).unwrap();
    let outputs = run(&read("all.tsv", &[]), directory.path(), &[]).unwrap();
    assert_eq!(table(&outputs[1]).rows(), 0);
    outputs.into_iter().next().unwrap()
}

fn standardized(molecules: &StepOutput, operations: &[&str]) -> Vec<StepOutput> {
    let operations = operations.iter().map(ToString::to_string).collect();
    run(&StandardizeMolecules { operations }, Path::new("."), &[("molecules", molecules)]).unwrap()
}

/// The beginning of the reference: records made to be difficult, and a few drugs. Tautomers take long to be found.
const SOME: usize = 120;

/// Where the standard forms are not those of the reference.
fn differences(operations: &[&str], column: &str, count: usize) -> Vec<String> {
    let outputs = standardized(&molecules(count), operations);
    assert!(table(&outputs[0]).rows() > 100);
    assert_eq!(table(&outputs[1]).rows(), 0, "{:?}", texts(&table(&outputs[1]), "reason"));
    let found = texts(&table(&outputs[0]), "smiles");
    let rows = reference("name").into_iter().zip(found).zip(reference(column));
    rows.filter(|((_, found), expected)| found != expected)
        .map(|((name, found), expected)| format!("{name}: {found} is not {expected}"))
        .collect()
}

#[test]
fn the_largest_fragment_is_the_reference_library_s() {
    let wrong = differences(&["largest_fragment"], "largest_fragment", usize::MAX - 1);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn charges_are_taken_away_as_by_the_reference_library() {
    let wrong = [("neutralized", &["neutralize"][..]), ("parent", &["neutralize", "largest_fragment"])]
        .map(|(column, operations)| differences(operations, column, usize::MAX - 1));
    assert!(wrong.concat().is_empty(), "{}", wrong.concat().join("\n"));
}

#[test]
fn charges_are_taken_from_stereocentres_and_in_the_order_of_the_reference_library() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    let molecules = run(&read("charged.tsv", &[]), &directory, &[]).unwrap().remove(0);
    let reference = table(&molecules);
    assert_eq!(texts(&reference, "smiles"), texts(&reference, "before"));
    let found = texts(&table(&standardized(&molecules, &["neutralize"])[0]), "smiles");
    let rows = texts(&reference, "before").into_iter().zip(found).zip(texts(&reference, "neutralized"));
    let wrong: Vec<String> = rows
        .filter(|((_, found), expected)| found != expected)
        .map(|((before, found), expected)| format!("{before}: {found} is not {expected}"))
        .collect();
    assert!(reference.rows() > 400 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_ion_without_room_for_a_hydrogen_does_not_keep_the_others_charged() {
    let directory = tempfile::tempdir().unwrap();
    let salt = "F[P-](F)(F)(F)(F)F.CC(=O)[O-].C[NH3+].C[NH3+]";
    let file = format!("{salt} salt\nF[P-](F)(F)(F)(F)F ion\nC1=C[CH-]C=C1 cyclopentadienide\n");
    std::fs::write(directory.path().join("a.smi"), file).unwrap();
    let molecules = run(&read("a.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    let neutral = table(&standardized(&molecules, &["neutralize"])[0]);
    let expected = ["CC(=O)O.CN.C[NH3+].F[P-](F)(F)(F)(F)F", "F[P-](F)(F)(F)(F)F", "C1=CCC=C1"];
    assert_eq!(texts(&neutral, "smiles"), expected);
}

#[test]
fn canonical_tautomers_are_the_reference_library_s() {
    let wrong = differences(&["canonical_tautomer", "neutralize", "largest_fragment"], "tautomer", SOME);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the operations that rewrite groups, bonds and protons make of the molecules of `rdkit_forms.py`.
#[test]
fn groups_metals_and_protons_are_rewritten_as_by_the_reference_library() {
    const FORMS: &str = include_str!("../../reference/forms.tsv");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("forms.tsv"), FORMS).unwrap();
    let molecules = run(&read("forms.tsv", &[]), directory.path(), &[]).unwrap().remove(0);
    let reference = table(&molecules);
    assert!(reference.rows() > 2_000);
    let mut wrong = Vec::new();
    for (operation, column) in
        [("normalize", "normalized"), ("disconnect_metals", "disconnected"), ("reionize", "reionized")]
    {
        let outputs = standardized(&molecules, &[operation]);
        let [standard, rejects] = [table(&outputs[0]), table(&outputs[1])];
        let mut found: BTreeMap<i64, String> =
            integers(&standard, "record").into_iter().zip(texts(&standard, "smiles")).collect();
        let reasons: BTreeMap<i64, String> =
            integers(&rejects, "record").into_iter().zip(texts(&rejects, "reason")).collect();
        let rows = integers(&reference, "record").into_iter().zip(texts(&reference, "smiles"));
        let mut changed = 0;
        for ((record, before), expected) in rows.zip(texts(&reference, column)) {
            changed += usize::from(before != expected);
            // The reference is empty where RDKit refuses the molecule.
            let found = found.remove(&record).unwrap_or_default();
            if found != expected {
                let reason = reasons.get(&record).map(String::as_str).unwrap_or_default();
                wrong.push(format!("{operation} of {before}: `{found}` is not `{expected}` {reason}"));
            }
        }
        assert!(changed > 70, "{operation} changes {changed}");
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_change_is_recorded_and_what_spoke_of_other_molecules_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let file = "smiles,name,batch\n[Na+].CC(=O)[O-],a,1\nCC,b,2\nC[NH3+],c,3\n";
    std::fs::write(directory.path().join("a.csv"), file).unwrap();
    let molecules = run(&read("a.csv", &[]), directory.path(), &[]).unwrap().remove(0);
    let describe = chem_runtime::chemistry::DescribeMolecules { properties: vec!["formula".to_owned()] };
    let described = run(&describe, directory.path(), &[("molecules", &molecules)]).unwrap().remove(0);
    let standard = standardized(&described, &["neutralize", "largest_fragment"]);
    let rows: Vec<BTreeMap<String, Value>> = (0..3)
        .map(|row| {
            let table = table(&standard[0]);
            table.columns().iter().map(|column| column.name.to_string()).zip(table.row(row)).collect()
        })
        .collect();
    let told = |row: usize| {
        Value::from(["smiles", "batch", "changes", "original_smiles"].map(|column| rows[row][column].clone()).to_vec())
    };
    assert_eq!(told(0), json!(["CC(=O)O", 1, "largest_fragment, neutralize", "CC(=O)[O-].[Na+]"]));
    assert_eq!(told(1), json!(["CC", 2, null, null]));
    assert_eq!(told(2), json!(["CN", 3, "neutralize", "C[NH3+]"]));
    assert!(!rows[0].contains_key("formula"));
}

#[test]
fn what_an_earlier_step_changed_is_not_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.smi"), "Cl.CC[NH3+] salt\nCC[NH3+] ion\nCC plain\n").unwrap();
    let molecules = run(&read("a.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    let parents = standardized(&molecules, &["largest_fragment"]).remove(0);
    let neutral = standardized(&parents, &["neutralize"]).remove(0);
    let again = table(&standardized(&neutral, &["neutralize"]).remove(0));
    let told = |row: usize| again.row(row)[3..].to_vec();
    assert_eq!(told(0), [json!("largest_fragment, neutralize"), json!("CC[NH3+].Cl")]);
    assert_eq!(told(1), [json!("neutralize"), json!("CC[NH3+]")]);
    assert_eq!(told(2), [Value::Null, Value::Null]);
}

#[test]
fn a_molecule_without_a_standard_form_is_accounted_for() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.smi"), format!("CC ethane\n{} long\n", "C".repeat(151))).unwrap();
    let molecules = run(&read("a.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    let standard = standardized(&molecules, &["canonical_tautomer"]);
    assert_eq!((table(&standard[0]).rows(), table(&standard[1]).rows()), (1, 1));
    assert!(texts(&table(&standard[1]), "reason")[0].contains("151 heavy atoms"));
    assert_eq!(table(&standard[1]).row(0)[..2], [Value::Null, json!(2)]);
}
