//! The molecules to measure with.

use std::path::Path;

/// Returns `count` lines of SMILES and name.
pub fn lines(count: usize) -> Vec<String> {
    let given: Vec<String> = match std::env::var_os("CHEM_BENCH_LIBRARY") {
        Some(path) => std::fs::read_to_string(path).unwrap().lines().map(|line| line.replace('\t', " ")).collect(),
        None => drugs(),
    };
    (0..count).map(|index| format!("{} copy {}", given[index % given.len()], index / given.len())).collect()
}

/// Returns the SMILES of a line.
pub fn smiles(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

fn drugs() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/data/approved-drugs.csv");
    let text = std::fs::read_to_string(path).unwrap();
    // The cells are name, SMILES and formula. None is quoted.
    let smiles_and_name = |line: &str| {
        let mut cells = line.rsplitn(3, ',');
        let (_formula, smiles, name) = (cells.next(), cells.next().unwrap(), cells.next().unwrap());
        format!("{smiles} {name}")
    };
    text.lines().skip(1).map(smiles_and_name).collect()
}
