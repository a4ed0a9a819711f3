//! The features of chem-runtime: each is documented, and the core links few crates.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The most crates that the runtime may link without features, itself and the crates of this workspace included.
const MOST_CRATES: usize = 118;

#[test]
fn the_core_links_few_crates() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "-p", "chem-runtime", "--no-default-features", "-e", "normal", "--prefix", "none"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<&str> = lines.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!(crates.len() <= MOST_CRATES, "the core links {} crates:\n{crates:#?}", crates.len());
    for name in ["calamine", "clap", "cosmolkit", "indicatif", "jsonschema", "parquet", "rusqlite", "tokio-postgres"] {
        let found = crates.iter().find(|found| found.starts_with(&format!("{name} ")));
        assert_eq!(found, None, "`{name}` belongs to a feature");
    }
}

#[test]
fn the_page_of_the_crate_lists_every_feature() {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chem-runtime");
    let manifest = std::fs::read_to_string(runtime.join("Cargo.toml")).unwrap();
    let (_, features) = manifest.split_once("[features]\n").unwrap();
    let (features, _) = features.split_once("\n[").unwrap();
    let default = features.lines().find_map(|line| line.strip_prefix("default = ")).unwrap();
    let names = features.lines().filter(|line| !line.starts_with(['#', ' '])).filter_map(|line| line.split_once(" = "));
    let declared: Vec<(&str, bool)> = names
        .map(|(name, _)| (name, default.contains(&format!("\"{name}\""))))
        .filter(|(name, _)| *name != "default")
        .collect();

    let page = std::fs::read_to_string(runtime.join("src/lib.rs")).unwrap();
    let (_, table) = page.split_once("//! | feature | default | adds |\n//! |---|---|---|\n").unwrap();
    let rows = table.lines().map_while(|line| line.strip_prefix("//! | `"));
    let listed: Vec<(&str, bool)> = rows
        .map(|row| {
            let (name, rest) = row.split_once("` | ").unwrap();
            (name, rest.starts_with("yes "))
        })
        .collect();
    assert_eq!(listed, declared);
}
