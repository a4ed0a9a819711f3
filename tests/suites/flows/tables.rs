//! Flows write what pandas and RDKit compute from the same data: `pandas_tables.py`, `rdkit_flows.py` and `rdkit_alerts.py` in
//! `tests/reference` recorded it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chem_runtime::engine::FlowEngine;
use chem_runtime::flow::FlowStatus;
use chem_runtime::manifest::{self, Source, Style, render};
use chem_runtime::step::Registry;
use chem_runtime::store::InMemoryEventStore;

/// Runs a flow and returns the file that it writes.
fn written(manifest: &str, file: &str) -> String {
    let text = std::fs::read_to_string(flows().join(manifest)).unwrap();
    written_by(&text, file)
}

fn flows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows")
}

/// Runs a manifest as if it were in `flows` and returns the file that it writes.
fn written_by(manifest: &str, file: &str) -> String {
    let (flows, outputs) = (flows(), tempfile::tempdir().unwrap());
    let source = Source::new("flow.yaml", manifest);
    let checked = manifest::check(&source, &[], Registry::linked().unwrap(), &flows);
    assert_eq!(render(&checked.diagnostics, Style::Plain), "");
    let engine = FlowEngine::on(InMemoryEventStore::new()).directory(&flows).output_directory(outputs.path());
    let instance = engine.definition(checked.definition.unwrap()).run_to_end().unwrap();
    assert_eq!(instance.status(), FlowStatus::Completed);
    std::fs::read_to_string(outputs.path().join("out").join(file)).unwrap()
}

/// Compares two CSV files: texts exactly, and numbers up to the last digits.
#[track_caller]
fn assert_same(found: &str, expected: &str) {
    // No cell contains a comma.
    let rows = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let (found, expected) = (rows(found), rows(expected));
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
        for (cell, other) in found.iter().zip(expected) {
            let same = match (cell.parse::<f64>(), other.parse::<f64>()) {
                (Ok(one), Ok(other)) => (one - other).abs() <= 1e-12 * other.abs(),
                _ => cell == other,
            };
            assert!(same, "{cell}, but pandas has {other}: {found:?} {expected:?}");
        }
    }
}

#[test]
fn potency_is_what_pandas_computes() {
    assert_same(&written("potency.yaml", "potency.csv"), include_str!("../../reference/potency.csv"));
}

#[test]
fn united_tables_are_what_pandas_concatenates() {
    assert_same(&written("extremes.yaml", "extremes.csv"), include_str!("../../reference/extremes.csv"));
}

#[test]
fn a_wide_table_and_a_second_table_are_what_pandas_pivots_and_merges() {
    assert_same(&written("selectivity.yaml", "selectivity.csv"), include_str!("../../reference/selectivity.csv"));
}

#[test]
fn pivots_with_several_and_missing_values_are_what_pandas_computes() {
    let mut found = String::from("measure,units,COX-1,COX-2\n");
    for measure in ["count", "sum", "mean", "median", "min", "max", "std", "first"] {
        let text = format!(
            "flow: pivot\nsteps:\n  - {{ id: read, uses: table.read, with: {{ path: data/assay.csv }} }}\n  - {{ id: pivot, uses: \
             table.pivot, with: {{ keep: [units], name: target, value: ic50, aggregate: {measure}, others: drop }} }}\n  - {{ id: \
             write, uses: table.write, with: {{ path: out/pivot.csv }} }}\n"
        );
        let file = written_by(&text, "pivot.csv");
        found.extend(file.lines().skip(1).map(|line| format!("{measure},{line}\n")));
    }
    assert_same(&found, include_str!("../../reference/pivots.csv"));
}

#[cfg(feature = "chemistry")]
#[test]
fn two_libraries_are_united_as_pandas_and_rdkit_unite_them() {
    let file = |name| written("two-libraries.yaml", name);
    assert_same(&file("two-libraries.csv"), include_str!("../../reference/two-libraries.csv"));
    assert_same(&file("only-theirs.csv"), include_str!("../../reference/only-theirs.csv"));
}

/// Returns the CSV file without one of its columns, and the values of that column.
fn without(text: &str, column: usize) -> (String, Vec<String>) {
    let (mut rest, mut taken) = (String::new(), Vec::new());
    for line in text.lines() {
        let mut cells: Vec<&str> = line.split(',').collect();
        taken.push(cells.remove(column).to_owned());
        rest.push_str(&(cells.join(",") + "\n"));
    }
    (rest, taken)
}

#[cfg(feature = "chemistry")]
#[test]
fn training_and_test_molecules_are_what_pandas_and_rdkit_compute_and_share_no_scaffold() {
    let (table, split) = without(&written("train-test.yaml", "train-test.csv"), 4);
    assert_same(&table, include_str!("../../reference/train-test.csv"));
    let scaffolds = |part: &str| -> BTreeSet<&str> {
        let rows = table.lines().zip(&split).filter(|(_, found)| *found == part);
        rows.filter_map(|(line, _)| line.split(',').nth(3)).collect()
    };
    let (train, test) = (scaffolds("train"), scaffolds("test"));
    assert!(!train.is_empty() && !test.is_empty() && train.is_disjoint(&test), "{train:?} {test:?}");
    let (long, _) = without(&written("train-test.yaml", "train-test-long.csv"), 1);
    assert_same(&long, include_str!("../../reference/train-test-long.csv"));
}

#[cfg(feature = "chemistry")]
#[test]
fn interfering_and_unwanted_drugs_are_those_that_rdkit_finds() {
    // The drugs come first in the reference, in the order of their records.
    let expected: Vec<Vec<&str>> = include_str!("../../reference/alerts.tsv")
        .lines()
        .skip(1)
        .map(|line| line.split('\t').nth(1).unwrap().split_terminator("; ").collect())
        .collect();
    let of = |row: &[&str], catalogue: &str| -> String {
        let named: Vec<&str> = row.iter().copied().filter(|name| name.starts_with(catalogue)).collect();
        named.join("; ")
    };
    let (pains, brenk) = (written("unwanted.yaml", "pains.tsv"), written("unwanted.yaml", "unwanted.tsv"));
    let wanted = written("unwanted.yaml", "wanted.smi").lines().count();
    let (pains, brenk) = (pains.lines().skip(1), brenk.lines().skip(1));
    let mut counts = (0, 0);
    let rows = pains.map(|line| (line, "pains_")).chain(brenk.map(|line| (line, "brenk:")));
    for (line, catalogue) in rows {
        let cells: Vec<&str> = line.split('\t').collect();
        let row = &expected[cells[0].parse::<usize>().unwrap() - 1];
        assert_eq!(cells[2], of(row, catalogue), "{line}");
        match catalogue {
            "pains_" => counts.0 += 1,
            _ => {
                assert_eq!(of(row, "pains_"), "", "{line}");
                counts.1 += 1;
            }
        }
    }
    let drugs = &expected[..counts.0 + counts.1 + wanted];
    let interfering = drugs.iter().filter(|row| !of(row, "pains_").is_empty()).count();
    let unwanted = drugs.iter().filter(|row| of(row, "pains_").is_empty() && !of(row, "brenk:").is_empty()).count();
    assert_eq!((counts, drugs.len()), ((interfering, unwanted), 304));
}

#[cfg(feature = "chemistry")]
#[test]
fn violations_of_the_rule_of_five_are_those_that_rdkit_counts() {
    let file = |name| written("rule-of-five.yaml", name);
    assert_same(&file("rule-of-five.csv"), include_str!("../../reference/rule-of-five.csv"));
    assert_same(&file("violations.csv"), include_str!("../../reference/violations.csv"));
}

#[cfg(feature = "chemistry")]
#[test]
fn clusters_by_path_fingerprints_are_those_of_rdkit() {
    assert_same(&written("path-clusters.yaml", "path-clusters.csv"), include_str!("../../reference/path-clusters.csv"));
}

#[cfg(feature = "chemistry")]
#[test]
fn racemates_and_data_with_one_header_twice_are_read_as_by_rdkit() {
    assert_same(&written("registry.yaml", "registry.csv"), include_str!("../../reference/registry.csv"));
}

#[cfg(feature = "chemistry")]
#[test]
fn potencies_of_an_export_of_chembl_are_what_pandas_and_rdkit_compute() {
    assert_same(
        &written("chembl-potency.yaml", "chembl-potency.csv"),
        include_str!("../../reference/chembl-potency.csv"),
    );
}
