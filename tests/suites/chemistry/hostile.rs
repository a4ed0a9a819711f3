//! Molecules that were made to crash or to hang a program. Without limits and deep stacks, several of these end it: a
//! stack that overflows cannot be caught.

use std::fmt::Write as _;

use chem_runtime::chemistry::{DescribeMolecules, MAX_ATOMS, MAX_RING_CLOSURES, Structure};
use proptest::prelude::*;

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

/// A V2000 block of carbons.
fn v2000(atoms: usize, bonds: &[[usize; 2]]) -> String {
    let mut block = format!("v2000\n\n\n{atoms:3}{:3}  0  0  0  0  0  0  0  0999 V2000\n", bonds.len());
    for at in 0..atoms {
        writeln!(block, "{:10.4}{:10.4}{:10.4} C   0  0", at % 40, at / 40, 0).unwrap();
    }
    for [one, other] in bonds {
        writeln!(block, "{one:3}{other:3}  1  0").unwrap();
    }
    block + "M  END\n"
}

/// A V3000 block of carbons that are numbered from `first`.
fn v3000(first: usize, atoms: usize, bonds: &[[usize; 2]]) -> String {
    let mut block = "v3000\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\n".to_owned();
    write!(block, "M  V30 COUNTS {atoms} {} 0 0 0\nM  V30 BEGIN ATOM\n", bonds.len()).unwrap();
    for at in 0..atoms {
        writeln!(block, "M  V30 {} C {} {} 0 0", first + at, at % 40, at / 40).unwrap();
    }
    block.push_str("M  V30 END ATOM\nM  V30 BEGIN BOND\n");
    for ([one, other], number) in bonds.iter().zip(1..) {
        writeln!(block, "M  V30 {number} 1 {} {}", first + one - 1, first + other - 1).unwrap();
    }
    block + "M  V30 END BOND\nM  V30 END CTAB\nM  END\n"
}

/// A bond between each of `atoms` atoms and the next.
fn chain(atoms: usize) -> Vec<[usize; 2]> {
    (1..atoms).map(|at| [at, at + 1]).collect()
}

/// A bond between each of `atoms` atoms and each other.
fn all_pairs(atoms: usize) -> Vec<[usize; 2]> {
    (1..=atoms).flat_map(|one| (one + 1..=atoms).map(move |other| [one, other])).collect()
}

/// Mol blocks that go beyond a limit or cannot be counted, with a word of the reason.
fn refused_blocks() -> Vec<(String, &'static str)> {
    let long = v3000(1, 9_000, &chain(9_000));
    let meshed = v3000(1001, 40, &all_pairs(40));
    let small = v3000(1, 3, &chain(3));
    vec![
        (long.replace("COUNTS", "counts"), "9000 atoms"),
        (long.replace("COUNTS", "COU-\nM  V30 NTS"), "9000 atoms"),
        (meshed.replace("V30 2 1 ", "V30 2 -\nM  V30 1 "), "741 rings"),
        (meshed, "741 rings"),
        (v2000(40, &all_pairs(40)), "741 rings"),
        (v2000(40, &all_pairs(40)).replace("v2000", "V3000"), "741 rings"),
        (long.replace("COUNTS 9000 8999", "COUNTS 3 2"), "`END ATOM`"),
        (small.replace("COUNTS 3 2", "COUNTS 3 4000000000"), "no bond"),
        (small.replace("M  V30 COUNTS", "M  V30 \nM  V30 COUNTS"), "`COUNTS`"),
    ]
}

#[test]
fn a_mol_block_that_goes_beyond_a_limit_is_refused_and_the_others_are_kept() {
    let mut file = String::new();
    for (block, _) in refused_blocks() {
        write!(file, "{block}$$$$\n{}$$$$\n", v3000(7, 3, &chain(3))).unwrap();
    }
    let (molecules, rejects) = read_file("a.sdf", file.as_bytes(), &[]).unwrap();
    assert_eq!(texts(&molecules, "smiles"), vec!["CCC"; refused_blocks().len()]);
    let reasons = texts(&rejects, "reason");
    assert_eq!(reasons.len(), refused_blocks().len());
    for ((_, why), reason) in refused_blocks().iter().zip(reasons) {
        assert!(reason.contains(why), "{why}: {reason}");
    }
}

proptest! {
    #![proptest_config(chem_tests::values::cases(256))]

    #[test]
    fn a_mutated_mol_block_is_read_within_the_limits_or_refused(
        in_v3000: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[ -~\n]{0,3}", 0..4_usize), 1..4),
    ) {
        let mut block = if in_v3000 { v3000(1, 6, &all_pairs(4)) } else { v2000(6, &all_pairs(4)) };
        for (place, text, length) in changes {
            let place = place.index(block.len());
            block.replace_range(place..(place + length).min(block.len()), &text);
        }
        if let Ok(structure) = Structure::from_mol_block(&block) {
            prop_assert!(structure.heavy_atoms().is_none_or(|atoms| atoms as usize <= MAX_ATOMS), "{block}");
        }
    }
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
