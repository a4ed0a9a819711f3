//! Files of every sort: each of their records is kept or rejected, and what is wrong with a file is one clear error.

use std::collections::BTreeSet;
use std::io::Write as _;

use chem_runtime::chemistry::FilterMolecules;
use chem_runtime::step::{Expression, StepError};
use chem_runtime::steps::table::WriteTable;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bench::{integers, read, read_file, run, table, texts};

fn said(result: Result<impl Sized, StepError>) -> String {
    format!("{:?}", result.err().unwrap())
}

fn gz(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn one_molecule_reads_alike_from_every_kind_of_file() {
    let csv = b"smiles,name\nOCC,ethanol\n".as_slice();
    type File<'a> = (&'a str, Vec<u8>, &'a [(&'a str, Value)]);
    let files: [File<'_>; 8] = [
        ("a.smi", b"OCC ethanol\n".to_vec(), &[]),
        ("a.SMILES", b"\xef\xbb\xbf# drinks\r\nOCC\tethanol".to_vec(), &[]),
        ("a.csv", csv.to_vec(), &[]),
        ("a.csv", b"\xef\xbb\xbfName;SMILES\r\n\"ethanol\";OCC\r\n".to_vec(), &[("delimiter", json!(";"))]),
        ("a.tsv", b"name\tsmiles\nethanol\tOCC\n".to_vec(), &[]),
        ("a.csv.gz", gz(csv), &[]),
        ("a.smi.gz", gz(b"OCC ethanol"), &[]),
        ("a.dat", csv.to_vec(), &[("format", json!("csv"))]),
    ];
    for (name, content, params) in files {
        let (molecules, rejects) = read_file(name, &content, params).unwrap();
        assert_eq!(rejects.rows(), 0, "{name}");
        assert_eq!(molecules.row(0), [json!("ethanol"), json!("CCO"), json!(1)], "{name}");
        assert_eq!(molecules.rows(), 1, "{name}");
        assert_eq!(molecules.columns()[1].provider.as_deref(), Some("cosmolkit@0.6.1"));
    }
}

#[test]
fn an_empty_file_has_no_molecules() {
    for name in ["a.smi", "a.csv"] {
        let (molecules, rejects) = read_file(name, b"", &[]).unwrap();
        assert_eq!((molecules.rows(), rejects.rows()), (0, 0));
        assert_eq!(molecules.columns().len(), 3);
    }
}

#[test]
fn stray_quotation_marks_cost_their_own_lines_and_no_others() {
    for (name, separator) in [("a.csv", ","), ("a.tsv", "\t")] {
        let mut text = ["smiles", "name"].join(separator);
        for row in 1..=1000 {
            let mark = if [100, 900].contains(&row) { "\"" } else { "" };
            text += &format!("\nC{separator}{mark}n{row}");
        }
        let (molecules, rejects) = read_file(name, text.as_bytes(), &[]).unwrap();
        assert_eq!((molecules.rows(), integers(&rejects, "line")), (998, vec![101, 901]), "{name}");
        assert_eq!(texts(&rejects, "text"), [100, 900].map(|row| format!("C{separator}\"n{row}")), "{name}");
    }
}

#[test]
fn rejects_say_where_what_and_why() {
    let file = b"smiles,name\r\nCCO,a\r\nC1CC,b\r\n\r\n,c\r\nC\xff,d\r\nCC,e,f\r\nCCN,g\r\n";
    let (molecules, rejects) = read_file("a.csv", file, &[]).unwrap();
    assert_eq!(integers(&molecules, "record"), [1, 6]);
    assert_eq!(integers(&rejects, "line"), [3, 5, 6, 7]);
    assert_eq!(integers(&rejects, "record"), [2, 3, 4, 5]);
    assert_eq!(texts(&rejects, "text"), ["C1CC,b", ",c", "C\u{fffd},d", "CC,e,f"]);
    let expected = [
        "not a SMILES: unclosed ring index 1",
        "the SMILES is empty",
        "is not UTF-8 text in the column `smiles`: it has the byte 0xff; name the encoding of the file, such as \
         `encoding: windows-1252`",
        "has 3 cells where the header has 2",
    ];
    assert_eq!(texts(&rejects, "reason"), expected);
}

#[test]
fn a_step_that_must_not_lose_a_record_names_the_first_it_cannot_use() {
    let said = said(read_file("a.smi", b"CCO\nC1CC broken\nfoo", &[("on_error", json!("fail"))]));
    assert!(
        said.contains("line 2 of `a.smi`") && said.contains("`C1CC broken`") && said.contains("unclosed"),
        "{said}"
    );
}

#[test]
fn what_is_wrong_with_a_file_is_one_clear_error() {
    let whole = gz("CCO ethanol\n".repeat(100).as_bytes());
    for (name, content, words) in [
        ("a.csv", b"id,structure\n1,C\n".to_vec(), ["`smiles`", "`structure`"]),
        ("a.smi.gz", whole[..whole.len() / 2].to_vec(), ["`a.smi.gz`", "truncated"]),
        ("a.csv.gz", b"smiles\nC\n".to_vec(), ["`a.csv.gz`", "not gzip"]),
        ("a.csv", b"\xff\xfes\0m\0".to_vec(), ["`a.csv`", "UTF-16"]),
        ("a.xlsx", b"PK".to_vec(), ["`a.xlsx`", "Excel workbook"]),
        ("a.ods", b"PK".to_vec(), ["`a.ods`", "save it as `.xlsx`"]),
        ("a.csv", b"smiles,smiles\nC,C\n".to_vec(), ["`a.csv`", "two columns"]),
    ] {
        let said = said(read_file(name, &content, &[]));
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("a.smi")).unwrap();
    assert!(said(run(&read("a.smi", &[]), directory.path(), &[])).contains("a.smi"));
    assert!(said(run(&read("none.smi", &[]), directory.path(), &[])).contains("none.smi"));
}

#[test]
fn filtering_drops_what_is_missing_and_writing_takes_molecules_as_a_table() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.csv"), "smiles,name,pIC50\nC,weak,4.5\nCC,none,\nCCC,\"strong, 1\",8\n")
        .unwrap();
    let read = run(&read("a.csv", &[("numbers", json!(["pIC50"]))]), directory.path(), &[]).unwrap();
    let strong = FilterMolecules { r#where: Expression::new("pIC50 > 5").unwrap() };
    let kept = run(&strong, directory.path(), &[("molecules", &read[0])]).unwrap();
    assert_eq!(texts(&table(&kept[0]), "name"), ["strong, 1"]);
    let columns = Some(vec!["name".into(), "pIC50".into()]);
    let write = WriteTable { path: "out/a.csv".into(), format: None, columns, escape_formulas: None };
    run(&write, directory.path(), &[("table", &kept[0])]).unwrap();
    assert_eq!(std::fs::read_to_string(directory.path().join("out/a.csv")).unwrap(), "name,pIC50\n\"strong, 1\",8\n");
    let unknown = FilterMolecules { r#where: Expression::new("pIC5 > 5").unwrap() };
    let said = said(run(&unknown, directory.path(), &[("molecules", &read[0])]));
    assert!(said.contains("pIC5") && said.contains("pIC50"), "{said}");
}

/// A record of rubbish, or now and then a molecule.
fn rubbish() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[CNOcno()=#\\[\\]@+\\-1-3%.,\"\t\r\n |]{0,24}".prop_map(String::into_bytes),
        Just(b"CCO,ethanol".to_vec()),
        Just(b"c1ccccc1O phenol".to_vec()),
    ]
}

proptest! {
    #![proptest_config(chem_tests::values::cases(96))]

    #[test]
    fn every_record_of_any_rubbish_is_accounted_for(records in prop::collection::vec(rubbish(), 0..24), packed: bool) {
        let body = records.join(&b'\n');
        for (name, header) in [("a.smi", b"".as_slice()), ("a.csv", b"smiles,name\n"), ("a.tsv", b"smiles\tname\n")] {
            let text = [header, &body].concat();
            let file = if packed { format!("{name}.gz") } else { name.to_owned() };
            let Ok((molecules, rejects)) = read_file(&file, &if packed { gz(&text) } else { text.clone() }, &[]) else {
                // Without a header of its own, rubbish may happen to look like UTF-16 or gzip.
                prop_assert!(name == "a.smi" && !text.is_ascii());
                continue;
            };
            let all: BTreeSet<i64> =
                integers(&molecules, "record").into_iter().chain(integers(&rejects, "record")).collect();
            let count = molecules.rows() + rejects.rows();
            prop_assert_eq!(&all, &(1..=count as i64).collect::<BTreeSet<_>>());
            let lines = integers(&rejects, "line");
            prop_assert!(lines.iter().all(|line| (1..=text.len() as i64 + 1).contains(line)));
            prop_assert!(lines.is_sorted());
            prop_assert!(texts(&rejects, "reason").iter().all(|reason| !reason.is_empty()));
            prop_assert!(texts(&molecules, "smiles").iter().all(|smiles| !smiles.is_empty()));
        }
    }
}
