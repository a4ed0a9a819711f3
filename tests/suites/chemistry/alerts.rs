//! Alerts: those of the built-in catalogues occur where RDKit finds them, and files are read as they are published.

use std::path::{Path, PathBuf};

use chem_runtime::chemistry::{AlertCatalogue, MarkAlerts};
use chem_runtime::manifest;
use chem_runtime::step::Registry;

use crate::bench::{integers, read, run, table, texts};

/// `tests/reference/rdkit_alerts.py` wrote it.
const REFERENCE: &str = include_str!("../../reference/alerts.tsv");

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn of_catalogues(names: &[&str]) -> MarkAlerts {
    let catalogue = names.iter().map(|name| AlertCatalogue::new(name).unwrap()).collect();
    MarkAlerts { catalogue: Some(catalogue), ..MarkAlerts::default() }
}

#[test]
fn alerts_of_the_catalogues_occur_where_the_reference_library_finds_them() {
    let all = of_catalogues(&["pains", "brenk", "nih", "zinc", "chembl"]);
    let mut found = Vec::new();
    for (directory, file) in [("flows/data", "approved-drugs.csv"), ("tests/reference", "odd.smi")] {
        let directory = in_repository(directory);
        let molecules = run(&read(file, &[]), &directory, &[]).unwrap().remove(0);
        let marked = table(&run(&all, &directory, &[("molecules", &molecules)]).unwrap()[0]);
        let alerts = texts(&marked, "alerts");
        for (count, alerts) in integers(&marked, "alert_count").into_iter().zip(&alerts) {
            assert_eq!(count as usize, alerts.split_terminator("; ").count(), "{alerts}");
        }
        found.extend(alerts);
    }
    let expected: Vec<(&str, &str)> = REFERENCE.lines().skip(1).map(|line| line.split_once('\t').unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    for (found, (smiles, expected)) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{smiles}");
    }
}

#[test]
fn catalogues_come_before_the_file_and_names_stay_unique() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.smi"), "O=C1C=CC(=O)C=C1 quinone\nO=C1C(=O)C=CC=C1 other\n").unwrap();
    std::fs::write(
        directory.path().join("list.csv"),
        "smarts,description,max\nO=CC=C,enone; any,1\nO=CC=C,chinone,0\n",
    )
    .unwrap();
    let molecules = run(&read("a.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    let step = MarkAlerts { path: Some("list.csv".into()), ..of_catalogues(&["chembl_dundee"]) };
    let marked = table(&run(&step, directory.path(), &[("molecules", &molecules)]).unwrap()[0]);
    let found = texts(&marked, "alerts");
    for (found, number) in found.iter().zip(["", " #2"]) {
        let chinone = format!("chembl_dundee:chinone{number}");
        assert!(found.split("; ").any(|name| name == chinone), "{found}");
        assert!(found.ends_with("; enone, any; chinone"), "{found}");
    }
}

/// Returns what `chem check` reports about a flow that marks alerts.
fn checked(with: &str, list: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f.yaml");
    std::fs::write(directory.path().join("a.smi"), "C\n").unwrap();
    std::fs::write(directory.path().join("list"), list).unwrap();
    let steps = format!(
        "  - id: read\n    uses: molecules.read\n    with: {{ path: a.smi }}\n  - id: it\n    uses: molecules.alerts\n    with: {with}\n"
    );
    std::fs::write(&path, format!("flow: f\nsteps:\n{steps}")).unwrap();
    let checked = manifest::load(&path, &[], Registry::linked().unwrap());
    manifest::render(&checked.diagnostics, manifest::Style::Plain)
}

#[test]
fn the_check_knows_what_cannot_be_marked() {
    for with in ["{ catalogue: [pains, brenk, chembl] }", "{ path: list }", "{ catalogue: [zinc], path: list }"] {
        let said = checked(with, "C=O a; b\nC=N a\n");
        assert!(said.is_empty(), "{with}:\n{said}");
    }
    for (with, words) in [
        ("{}", ["E0413", "no alerts to look for"]),
        ("{ catalogue: [] }", ["E0413", "no alerts to look for"]),
        ("{ catalogue: [brenks] }", ["E0406", "`brenk`"]),
        ("{ catalogue: [brenk, brenk] }", ["E0413", "`brenk` is named twice"]),
        ("{ catalogue: [pains_b, pains] }", ["E0413", "`pains_b` is named twice"]),
        ("{ catalogue: [brenk], merge_hydrogens: true }", ["E0413", "`merge_hydrogens` concerns a file"]),
        ("{ path: list, order: names }", ["E0406", "`name_smarts`"]),
    ] {
        let said = checked(with, "C=O a\n");
        assert!(words.iter().all(|word| said.contains(word)), "{with}:\n{said}");
    }
}

#[test]
fn the_check_reads_all_of_a_file() {
    let long = "# a comment\n".repeat(10_000);
    let said = checked("{ path: list }", &format!("{long}[C=O broken\n[#6][#1] hydrogen\n"));
    assert!(said.contains("line 10001 of `list` has no usable pattern: not a SMARTS"), "{said}");
    assert!(said.contains("line 10002 of `list`") && said.contains("merge_hydrogens: true"), "{said}");
    assert!(checked("{ path: list }", "# none\n").contains("`list` has no alerts"));
}
