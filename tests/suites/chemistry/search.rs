//! Searching and comparing, against what `tests/reference/rdkit_search.py` wrote with RDKit.

use std::path::{Path, PathBuf};

use chem_runtime::chemistry::{FindScaffolds, Fingerprint, FingerprintKind, MarkAlerts, RankBySimilarity};
use chem_runtime::chemistry::{Pattern, SelectBySubstructure, Smarts, Smiles, Structure};
use chem_runtime::manifest;
use chem_runtime::records::on_workers;
use chem_runtime::step::{Registry, StepOutput};
use serde_json::json;

use crate::bench::{floats, integers, read, run, table, texts};

const REFERENCE: &str = include_str!("../../reference/approved-drugs-search.tsv");
const PATTERNS: &str = include_str!("../../reference/patterns.smarts");
const HYDROGENS: &str = include_str!("../../reference/hydrogens.smarts");

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/data")
}

fn drugs() -> StepOutput {
    run(&read("approved-drugs.csv", &[]), &data(), &[]).unwrap().remove(0)
}

/// A column of the reference.
fn reference(column: usize) -> Vec<&'static str> {
    REFERENCE.lines().skip(1).map(|line| line.split('\t').nth(column).unwrap()).collect()
}

#[test]
fn every_pattern_is_found_where_the_reference_library_finds_it() {
    let smiles = texts(&table(&drugs()), "smiles");
    for (patterns, merge_hydrogens, column) in [(PATTERNS, None, 2), (HYDROGENS, Some(true), 5)] {
        let smarts = patterns.lines().map(|line| line.split_whitespace().next().unwrap());
        let patterns: Vec<Pattern> =
            smarts.map(|smarts| Pattern::for_molecules(smarts, merge_hydrogens).expect(smarts)).collect();
        let found = |smiles: &String| {
            let structure = Structure::from_smiles(smiles).unwrap();
            let there = patterns.iter().zip(1..).filter(|(pattern, _)| structure.has(pattern).unwrap());
            there.map(|(_, number)| number.to_string()).collect::<Vec<_>>().join(" ")
        };
        let found: Vec<String> = on_workers(|| smiles.iter().map(found).collect()).unwrap();
        for ((name, found), expected) in reference(0).iter().zip(found).zip(reference(column)) {
            assert_eq!(found, expected, "{name}");
        }
    }
}

#[test]
fn what_is_kept_and_what_is_dropped_is_everything() {
    let drugs = drugs();
    let parts = ["keep", "drop"].map(|action| {
        let step = SelectBySubstructure {
            smarts: Smarts::new("c1ccccc1").unwrap(),
            action: action.to_owned(),
            merge_hydrogens: None,
        };
        integers(&table(&run(&step, &data(), &[("molecules", &drugs)]).unwrap()[0]), "record")
    });
    let mut all = parts.concat();
    all.sort_unstable();
    assert_eq!(all, integers(&table(&drugs), "record"));
    assert!(parts.iter().all(|part| part.len() > 50 && part.is_sorted()));
}

#[test]
fn scaffolds_are_those_of_the_reference_library() {
    let found = table(&run(&FindScaffolds {}, &data(), &[("molecules", &drugs())]).unwrap()[0]);
    for ((name, found), expected) in reference(0).iter().zip(texts(&found, "scaffold")).zip(reference(1)) {
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn similarities_are_those_of_the_reference_library() {
    let smiles = texts(&table(&drugs()), "smiles");
    for (kind, column) in [(FingerprintKind::Ecfp4, 3), (FingerprintKind::Maccs, 4)] {
        let prints: Vec<Fingerprint> = on_workers(|| {
            smiles.iter().map(|smiles| Structure::from_smiles(smiles).unwrap().fingerprint(kind).unwrap()).collect()
        })
        .unwrap();
        for (row, expected) in reference(column).iter().enumerate() {
            let found: Vec<f64> =
                prints[row.saturating_sub(4)..row].iter().map(|other| prints[row].tanimoto(other)).collect();
            let expected: Vec<f64> = expected.split_whitespace().map(|number| number.parse().unwrap()).collect();
            assert_eq!(found, expected, "{kind:?} of {}", smiles[row]);
        }
    }
}

fn similar(queries: &[&str], threshold: f64, top: Option<u64>) -> RankBySimilarity {
    let queries = queries.iter().map(|smiles| Smiles::new(smiles).unwrap()).collect();
    RankBySimilarity { queries, threshold, top, ..RankBySimilarity::default() }
}

#[test]
fn the_most_similar_come_first() {
    let drugs = drugs();
    let aspirin = "CC(=O)Oc1ccccc1C(=O)O";
    let run = |step| run(&step, &data(), &[("molecules", &drugs)]);
    let all = table(&run(similar(&[aspirin], 0.0, None)).unwrap()[0]);
    assert_eq!(all.rows(), table(&drugs).rows());
    let similarity = floats(&all, "similarity");
    assert!(similarity.is_sorted_by(|a, b| a >= b));
    // Whatever is equally similar stands in the order in which it came in.
    let records = integers(&all, "record");
    for row in 1..all.rows() {
        assert!(similarity[row - 1] > similarity[row] || records[row - 1] < records[row]);
    }
    assert_eq!((texts(&all, "name")[0].as_str(), similarity[0]), ("aspirin", 1.0));

    let top = table(&run(similar(&[aspirin], 0.0, Some(3))).unwrap()[0]);
    assert_eq!(integers(&top, "record"), records[..3]);
    let close = table(&run(similar(&["C(C)(=O)Oc1ccccc1C(O)=O"], 0.4, None)).unwrap()[0]);
    assert_eq!(close.rows(), similarity.iter().filter(|similarity| **similarity >= 0.4).count());
    assert_eq!(texts(&close, "similar_to")[0], aspirin);

    let file = RankBySimilarity { path: Some("nsaids.smi".into()), top: Some(3), ..similar(&[aspirin], 0.99, None) };
    let found = table(&run(file).unwrap()[0]);
    assert_eq!(texts(&found, "name"), ["aspirin", "ibuprofen"]);
    assert_eq!(texts(&found, "similar_to")[1..], ["ibuprofen"]);
}

#[test]
fn what_cannot_be_compared_with_is_one_clear_error() {
    let drugs = drugs();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("bad.smi"), "CCO fine\nC1CC broken\n").unwrap();
    for (step, words) in [
        (similar(&[], 0.0, None), ["no query molecule", "queries"]),
        (RankBySimilarity { path: Some("bad.smi".into()), ..similar(&[], 0.0, None) }, ["line 2", "unclosed ring"]),
        (RankBySimilarity { path: Some("none.smi".into()), ..similar(&[], 0.0, None) }, ["none.smi", "cannot read"]),
    ] {
        let said = format!("{:?}", run(&step, directory.path(), &[("molecules", &drugs)]).unwrap_err());
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
}

#[test]
fn alerts_are_named_for_each_molecule() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.smi"), "CC=O a\nCCO b\nO=CCC(=O)Cl c\n").unwrap();
    std::fs::write(directory.path().join("alerts.smarts"), "C(=O)Cl acyl chloride\n[CX3H1]=O aldehyde\nS s\n").unwrap();
    let molecules = run(&read("a.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    let marked = run(&alerts("alerts.smarts", None), directory.path(), &[("molecules", &molecules)]);
    let marked = table(&marked.unwrap()[0]);
    assert_eq!(integers(&marked, "alert_count"), [1, 0, 2]);
    assert_eq!(texts(&marked, "alerts"), ["aldehyde", "", "acyl chloride; aldehyde"]);
    assert_eq!(marked.row(1)[4], json!(null));
}

fn alerts(path: &str, merge_hydrogens: Option<bool>) -> MarkAlerts {
    MarkAlerts { path: Some(path.into()), merge_hydrogens, ..MarkAlerts::default() }
}

#[test]
fn hydrogens_in_patterns_are_counted_where_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.smi"), "CCO a\nCC=O b\nC[2H] c\n").unwrap();
    std::fs::write(directory.path().join("alerts.smarts"), "[#8]-[#1] hydroxyl\n[#6](=O)[#1] aldehyde\n").unwrap();
    let molecules = run(&read("a.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    let run = |merge| run(&alerts("alerts.smarts", merge), directory.path(), &[("molecules", &molecules)]);
    let said = run(None).unwrap_err().to_string();
    assert!(said.contains("line 1 of `alerts.smarts`") && said.contains("merge_hydrogens: true"), "{said}");
    let found = |merge| texts(&table(&run(merge).unwrap()[0]), "alerts");
    assert_eq!(found(Some(true)), ["hydroxyl", "aldehyde", ""]);
    assert_eq!(found(Some(false)), ["", "", ""]);

    for (merge_hydrogens, records) in [(Some(true), vec![1, 2, 3]), (Some(false), vec![3])] {
        let (smarts, action) = (Smarts::new("[#6][#1]").unwrap(), "keep".to_owned());
        let step = SelectBySubstructure { smarts, action, merge_hydrogens };
        let kept = super::bench::run(&step, directory.path(), &[("molecules", &molecules)]).unwrap();
        assert_eq!(integers(&table(&kept[0]), "record"), records, "{merge_hydrogens:?}");
    }
}

#[test]
fn a_pattern_that_would_be_looked_for_without_end_ends_the_step_with_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.smi"), format!("CCO\n{}\n", "C".repeat(400))).unwrap();
    std::fs::write(directory.path().join("alerts.smarts"), "[$(*.*.*.*.[Xe])] scattered\n").unwrap();
    let molecules = run(&read("a.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    let step = SelectBySubstructure {
        smarts: Smarts::new("[$(*.*.*.*.[Xe])]").unwrap(),
        action: "drop".to_owned(),
        merge_hydrogens: None,
    };
    let of_step = run(&step, directory.path(), &[("molecules", &molecules)]).unwrap_err().to_string();
    let of_alerts = run(&alerts("alerts.smarts", None), directory.path(), &[("molecules", &molecules)]);
    for (said, name) in [(of_step, "`[$(*.*.*.*.[Xe])]`"), (of_alerts.unwrap_err().to_string(), "`scattered`")] {
        assert!(said.contains(name) && said.contains("2000000 steps") && said.contains("`CCCCCC"), "{said}");
    }
}

/// What `chem check` says of a flow with this step after `read`.
fn checked(uses: &str, with: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f.yaml");
    std::fs::write(directory.path().join("a.smi"), "C\n").unwrap();
    std::fs::write(directory.path().join("with-hydrogens"), "# made by hand\nC=O carbonyl\n[#6][#1] x\n").unwrap();
    let steps = format!(
        "  - id: read\n    uses: molecules.read\n    with: {{ path: a.smi }}\n  - id: it\n    uses: {uses}\n    with: {with}\n"
    );
    std::fs::write(&path, format!("flow: f\nsteps:\n{steps}")).unwrap();
    let checked = manifest::load(&path, &[], Registry::linked().unwrap());
    assert_eq!(checked.definition.is_some(), checked.diagnostics.is_empty());
    let text = manifest::render(&checked.diagnostics, manifest::Style::Plain);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_bad_pattern_and_a_bad_molecule_are_errors_of_the_manifest() {
    for (uses, with) in [
        ("molecules.substructure", r#"{ smarts: "[OX2H]" }"#),
        ("molecules.substructure", r#"{ smarts: "C[#1]", merge_hydrogens: false }"#),
        ("molecules.alerts", "{ path: with-hydrogens, merge_hydrogens: true }"),
        ("molecules.alerts", "{ path: written-by-then }"),
    ] {
        assert!(!checked(uses, with).iter().any(|line| line.contains("E0413")), "{uses} {with}");
    }
    let pointed = checked("molecules.substructure", r#"{ smarts: "C[#1]" }"#).join("\n");
    assert!(pointed.lines().any(|line| line.trim_end().ends_with(" ^^^^")), "{pointed}");
    for (uses, with, words) in [
        ("molecules.substructure", r#"{ smarts: "[OX2H" }"#, ["E0407", "not a SMARTS"]),
        ("molecules.substructure", r#"{ smarts: "C O" }"#, ["E0407", "no spaces"]),
        ("molecules.substructure", r#"{ smarts: "C[#1]" }"#, ["E0413", "merge_hydrogens: true"]),
        ("molecules.substructure", r#"{ smarts: "[#1]", merge_hydrogens: true }"#, ["E0413", "no neighbour"]),
        ("molecules.alerts", "{ path: with-hydrogens }", ["E0413", "line 3 of `with-hydrogens`"]),
        ("molecules.substructure", "{ smarts: 5 }", ["E0404", "SMARTS pattern"]),
        ("molecules.similar", r#"{ queries: ["CCO", "C1CC"] }"#, ["E0407", "unclosed ring"]),
        ("molecules.similar", r#"{ queries: [], threshold: 1.5 }"#, ["E0405", "out of range"]),
        ("molecules.diverse", "{ count: 0 }", ["E0405", "at least 1"]),
    ] {
        let said = checked(uses, with).join("\n");
        assert!(words.iter().all(|word| said.contains(word)), "{uses} {with}:\n{said}");
    }
}

#[test]
fn hostile_patterns_are_refused_or_understood_and_nothing_crashes() {
    let long = |part: &str, times| part.repeat(times);
    for smarts in [
        long("[", 5_000),
        long("C(", 2_000),
        long("!", 4_998),
        format!("[{}C]", long("!", 4_000)),
        format!("[{}C]", long("C,", 2_400)),
        format!("{}C{}", long("[$(", 20), long(")]", 20)),
        format!("C{}", long("~*", 2_000)),
        format!("C1{}", long("C1", 2_000)),
        "[99999999999C]".to_owned(),
        "C%(99999999999)".to_owned(),
        "[C:99999999999999]".to_owned(),
        "[$()]".to_owned(),
        "C>>N".to_owned(),
        "[#999]".to_owned(),
        "(C).(C)".to_owned(),
    ] {
        let benzene = || Structure::from_smiles("c1ccccc1").unwrap();
        let found = on_workers(|| Pattern::from_smarts(&smarts).map(|pattern| benzene().has(&pattern))).unwrap();
        assert!(found.is_ok() || !found.unwrap_err().message.is_empty());
    }
}
