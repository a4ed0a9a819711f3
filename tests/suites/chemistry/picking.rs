//! Picking and clustering: what is promised of the picks, whoever computed them.

use std::path::{Path, PathBuf};

use chem_runtime::artifact::Table;
use chem_runtime::chemistry::{ClusterMolecules, Fingerprint, FingerprintKind, PickDiverse, Structure};
use chem_runtime::records::on_workers;
use chem_runtime::step::StepOutput;

use crate::bench::{integers, read, run, table, texts};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/data")
}

fn drugs() -> StepOutput {
    run(&read("approved-drugs.csv", &[]), &data(), &[]).unwrap().remove(0)
}

fn prints(table: &Table) -> Vec<Fingerprint> {
    let smiles = texts(table, "smiles");
    let of = |smiles: &String| Structure::from_smiles(smiles).unwrap().fingerprint(FingerprintKind::Ecfp4).unwrap();
    on_workers(|| smiles.iter().map(of).collect()).unwrap()
}

fn pick(drugs: &StepOutput, count: u64, seed: u64) -> Table {
    let step = PickDiverse { count, seed, fingerprint: FingerprintKind::Ecfp4, bits: None };
    table(&run(&step, &data(), &[("molecules", drugs)]).unwrap()[0]).as_ref().clone()
}

#[test]
fn each_pick_is_the_furthest_from_those_before() {
    let drugs = drugs();
    let all = prints(&table(&drugs));
    let picks = integers(&pick(&drugs, 12, 7), "record");
    for (number, picked) in picks.iter().enumerate().skip(1) {
        let before: Vec<usize> = picks[..number].iter().map(|record| *record as usize - 1).collect();
        let far = |row: usize| {
            let nearest = before.iter().map(|other| 1.0 - all[row].tanimoto(&all[*other]));
            nearest.fold(f64::INFINITY, f64::min)
        };
        let left = (0..all.len()).filter(|row| !before.contains(row));
        let furthest = left.reduce(|best, row| if far(row) > far(best) { row } else { best }).unwrap();
        assert_eq!(*picked as usize - 1, furthest, "pick {number}");
    }
}

#[test]
fn what_came_with_the_data_is_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.csv"), "smiles,cluster\nCCO,x\nCCN,y\n").unwrap();
    let molecules = run(&read("a.csv", &[]), directory.path(), &[]).unwrap().remove(0);
    let cluster = ClusterMolecules { threshold: 0.5, fingerprint: FingerprintKind::Ecfp4, bits: None };
    let refused = run(&cluster, directory.path(), &[("molecules", &molecules)]).unwrap_err();
    assert!(refused.to_string().contains("the data already has a column `cluster`"), "{refused}");
    // What the step itself has worked out may be worked out anew.
    let once = run(&cluster, &data(), &[("molecules", &drugs())]).unwrap().remove(0);
    let twice = run(&cluster, &data(), &[("molecules", &once)]).unwrap().remove(0);
    assert_eq!(table(&once), table(&twice));
}

#[test]
fn a_seed_always_picks_the_same_and_another_seed_others() {
    let drugs = drugs();
    assert_eq!(integers(&pick(&drugs, 5, 0), "record"), [112, 60, 172, 11, 9]);
    assert_ne!(integers(&pick(&drugs, 5, 1), "record"), integers(&pick(&drugs, 5, 0), "record"));
    // The picks of a small set are the first picks of a greater one.
    let (few, many) = (integers(&pick(&drugs, 5, 3), "record"), integers(&pick(&drugs, 50, 3), "record"));
    assert_eq!(few, many[..5]);
    let mut everything = integers(&pick(&drugs, 1_000, 3), "record");
    everything.sort_unstable();
    assert_eq!(everything, integers(&table(&drugs), "record"));
}

#[test]
fn members_are_near_their_centres_and_every_molecule_has_a_cluster() {
    let drugs = drugs();
    let step = ClusterMolecules { threshold: 0.4, fingerprint: FingerprintKind::Ecfp4, bits: None };
    let clustered = table(&run(&step, &data(), &[("molecules", &drugs)]).unwrap()[0]);
    let (prints, clusters) = (prints(&clustered), integers(&clustered, "cluster"));
    let centres = clustered.booleans("centre").unwrap();
    let mut sizes = vec![0; clusters.iter().copied().max().unwrap() as usize + 1];
    for (row, cluster) in clusters.iter().enumerate() {
        sizes[*cluster as usize] += 1;
        let centre = (0..prints.len()).find(|other| clusters[*other] == *cluster && centres.value(*other));
        assert!(prints[row].tanimoto(&prints[centre.unwrap()]) >= 0.4, "row {row}");
    }
    assert_eq!(sizes.iter().sum::<i64>(), 304);
    let centres = centres.true_count();
    assert_eq!(centres, sizes.len() - 1);
    let expected: Vec<i64> = clusters.iter().map(|cluster| sizes[*cluster as usize]).collect();
    assert_eq!(integers(&clustered, "cluster_size"), expected);
}
