//! Molecules that were made to crash or to hang a program. Without limits and deep stacks, several of these end it: a
//! stack that overflows cannot be caught.

use std::fmt::Write as _;

use chem_runtime::chemistry::{DescribeMolecules, MAX_ATOMS, MAX_RING_CLOSURES};

use crate::bench::{integers, read, read_file, run, table, texts};

/// What goes beyond a limit, with a word of the reason.
fn refused() -> Vec<(String, &'static str)> {
    vec![
        ("C".repeat(100_000), "characters"),
        ("C".repeat(MAX_ATOMS + 1), "atoms"),
        (format!("{}C{}", "C(".repeat(5_000), ")".repeat(5_000)), "atoms"),
        ("C.".repeat(6_000) + "C", "atoms"),
        ("[H]".repeat(1_500), "atoms"),
        ("C1CC1".repeat(MAX_RING_CLOSURES + 1), "rings"),
        (rings_of_a_ladder(400), "rings"),
        (complete_graph(20), "rings"),
        ("(".repeat(20_000), "not a SMILES"),
        ("[".repeat(20_000), "not a SMILES"),
        (format!("C{}", "=".repeat(19_000)), "not a SMILES"),
        ("C%(99999999)CC%(99999999)".to_owned(), "not a SMILES"),
        ("[999999999C]".to_owned(), "not a SMILES"),
        ("[C+999999999999]".to_owned(), "not a SMILES"),
        ("[UH1000000]".to_owned(), "not a SMILES"),
        ("[CH9]".to_owned(), "not a possible molecule"),
    ]
}

/// What keeps the limits: long chains for the stack, fused rings and cages for the ring search, many fragments, many
/// stereo centres. Where a build without optimisation would take long, less than the limit.
fn kept() -> Vec<String> {
    vec![
        format!("C1{}C1", "C".repeat(MAX_ATOMS - 2)),
        "C".repeat(MAX_ATOMS / 2),
        format!("{}C{}", "C(".repeat(300), ")C".repeat(300)),
        "C1CC1".repeat(MAX_RING_CLOSURES),
        rings_of_a_ladder(MAX_RING_CLOSURES / 2),
        complete_graph(15),
        complete_bipartite_graph(9),
        "C.".repeat(MAX_ATOMS - 1) + "C",
        "[C@H](F)".repeat(MAX_ATOMS / 2 - 1) + "Cl",
        "N[C@@H](C)C(=O)".repeat(100) + "O",
        format!("c1{}c1", "cc".repeat(200)),
        "[C+100]".to_owned(),
        "[999C]".to_owned(),
        "*".to_owned(),
        // Buckminsterfullerene.
        "c12c3c4c5c1c1c6c7c2c2c8c3c3c9c4c4c%10c5c5c1c1c6c6c%11c7c2c2c7c8c3c3c8c9c4c4c9c%10c5c5c1c1c6c6c%11c2c2c7c3c3c8c4c4c9c5c1c1c6c2c3c41"
            .to_owned(),
    ]
}

/// `rings` four-membered rings in a row, each fused to the next.
fn rings_of_a_ladder(rings: usize) -> String {
    let mut smiles = "C1CC%(10)C1".to_owned();
    for ring in 2..rings {
        write!(smiles, "C%({})C%({})", 8 + ring + 1, 8 + ring).unwrap();
    }
    write!(smiles, "CC%({})", 8 + rings).unwrap();
    smiles
}

/// `n` uranium atoms, each bonded to each.
fn complete_graph(n: usize) -> String {
    graph(n, |a, b| a < b)
}

/// Two sets of `n` uranium atoms, each of one bonded to each of the other: thousands of rings of equal size.
fn complete_bipartite_graph(n: usize) -> String {
    graph(2 * n, move |a, b| a < n && b >= n)
}

/// `n` uranium atoms with bonds where `bonded(smaller, greater)` says so. A bond to the next atom is written by standing
/// beside it.
fn graph(n: usize, bonded: impl Fn(usize, usize) -> bool) -> String {
    let mut smiles = String::new();
    for atom in 0..n {
        if atom > 0 && !bonded(atom - 1, atom) {
            smiles.push('.');
        }
        smiles.push_str("[U]");
        for other in (0..n).filter(|other| other.abs_diff(atom) > 1) {
            let (a, b) = (atom.min(other), atom.max(other));
            if bonded(a, b) {
                write!(smiles, "%({})", 10 + a * n + b).unwrap();
            }
        }
    }
    smiles
}

#[test]
fn what_goes_beyond_a_limit_is_refused_before_it_is_understood() {
    let file: String = refused().iter().map(|(smiles, _)| format!("{smiles} hostile\n")).collect();
    let (molecules, rejects) = read_file("a.smi", file.as_bytes(), &[]).unwrap();
    assert_eq!(molecules.rows(), 0, "{:?}", texts(&molecules, "smiles"));
    for ((smiles, why), reason) in refused().iter().zip(texts(&rejects, "reason")) {
        assert!(reason.contains(why), "{}…: {reason}", &smiles[..smiles.len().min(20)]);
    }
    assert!(texts(&rejects, "text").iter().all(|text| text.chars().count() <= 121));
}

#[test]
fn what_keeps_the_limits_is_read_and_described() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.smi"), kept().join("\n")).unwrap();
    let read = run(&read("a.smi", &[]), directory.path(), &[]).unwrap();
    assert_eq!(texts(&table(&read[1]), "reason"), Vec::<String>::new());
    let described = run(&DescribeMolecules::default(), directory.path(), &[("molecules", &read[0])]).unwrap().remove(0);
    let described = table(&described);
    assert_eq!(described.rows(), kept().len());
    assert_eq!(integers(&described, "hba").len(), kept().len());
    let unknown_isotope = texts(&described, "smiles").iter().position(|smiles| smiles.contains("999")).unwrap();
    assert!(described.column("molecular_weight").unwrap().1.json(unknown_isotope).is_null());
}
