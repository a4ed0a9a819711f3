//! Fingerprints have RDKit's bits and counts, and similarities are RDKit's.

use std::path::{Path, PathBuf};

use chem_runtime::chemistry::{ComputeFingerprints, FingerprintKind, RankBySimilarity, Smiles};
use chem_runtime::fingerprint::ContentHash;

use crate::bench::{floats, read, run, table, texts};

/// `tests/reference/rdkit_fingerprints.py` wrote it.
const REFERENCE: &str = include_str!("../../reference/fingerprints.tsv");

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A column of the reference.
fn reference(name: &str) -> Vec<&'static str> {
    let mut lines = REFERENCE.lines();
    let column = lines.next().unwrap().split('\t').position(|column| column == name).expect(name);
    lines.map(|line| line.split('\t').nth(column).unwrap()).collect()
}

/// The fingerprints of the approved drugs.
fn computed(step: &ComputeFingerprints, column: &str) -> Vec<String> {
    let directory = in_repository("flows/data");
    let drugs = run(&read("approved-drugs.csv", &[]), &directory, &[]).unwrap().remove(0);
    texts(&table(&run(step, &directory, &[("molecules", &drugs)]).unwrap()[0]), column)
}

#[test]
fn bits_and_counts_are_those_of_the_reference_library() {
    let mut wrong = Vec::new();
    for name in ["ecfp2", "ecfp4", "ecfp6", "fcfp2", "fcfp4", "fcfp6", "atom_pair", "topological_torsion", "rdkit_path"]
    {
        for (bits, counts, suffix) in [(None, false, ""), (None, true, "_counts"), (Some(1024), false, "_1024")] {
            if counts && name == "rdkit_path" {
                continue;
            }
            let fingerprint = FingerprintKind::named(name).unwrap();
            let step = ComputeFingerprints { fingerprint, bits: bits.map(u32::into), counts };
            let column = if counts { format!("{name}_counts") } else { name.to_owned() };
            let expected = reference(&format!("{name}{suffix}"));
            let found = computed(&step, &column);
            assert_eq!(found.len(), expected.len());
            for ((found, expected), smiles) in found.iter().zip(expected).zip(reference("smiles")) {
                if ContentHash::of(found.as_bytes()).to_string()[..16] != *expected {
                    wrong.push(format!("{name}{suffix} of {smiles}: {found}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} fingerprints differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn similarities_by_each_metric_are_those_of_the_reference_library() {
    let directory = in_repository("flows/data");
    let drugs = run(&read("approved-drugs.csv", &[]), &directory, &[]).unwrap().remove(0);
    let smiles = texts(&table(&drugs), "smiles");
    let similar = |row: usize, metric: &str| -> f64 {
        let weight = |weight| (metric == "tversky").then_some(weight);
        let step = RankBySimilarity {
            queries: vec![Smiles::new(&smiles[row - 1]).unwrap()],
            fingerprint: FingerprintKind::Ecfp6,
            metric: Some(metric.to_owned()),
            alpha: weight(0.9),
            beta: weight(0.1),
            ..RankBySimilarity::default()
        };
        let ranked = table(&run(&step, &directory, &[("molecules", &drugs)]).unwrap()[0]);
        let position = texts(&ranked, "smiles").iter().position(|other| *other == smiles[row]).unwrap();
        floats(&ranked, "similarity")[position]
    };
    for metric in ["dice", "cosine", "tversky"] {
        let expected = reference(metric);
        for row in (1..smiles.len()).step_by(20) {
            let expected: f64 = expected[row].parse().unwrap();
            assert!((similar(row, metric) - expected).abs() < 1e-6, "{metric} of {}", smiles[row]);
        }
    }
}
