//! `THIRD-PARTY-LICENCES.md` has every crate that a build links, and none that it does not.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[test]
fn the_licences_of_all_linked_crates_are_shipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("THIRD-PARTY-LICENCES.md")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("- "));
    let listed: BTreeSet<&str> = lines.filter(|line| !line.ends_with(" crates")).collect();

    let linked = linked(&root);
    let missing: Vec<&String> = linked.iter().filter(|name| !listed.contains(name.as_str())).collect();
    let locked = locked(&root);
    let stale: Vec<&&str> = listed.iter().filter(|name| !locked.contains(**name)).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "THIRD-PARTY-LICENCES.md lacks {missing:?} and still has {stale:?}\n\
         help: cargo about generate -m chem-runtime/Cargo.toml about.hbs -o THIRD-PARTY-LICENCES.md"
    );
}

/// The crates of other authors that the program links on this machine, each with its version.
fn linked(root: &Path) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "-p", "chem-runtime", "--all-features", "-e", "normal,no-proc-macro"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    // `name v1.2.3`, and behind that the directory of a crate of this workspace, or `(*)` for one that was there before.
    let crates = lines.lines().filter(|line| !line.contains('/')).filter_map(|line| {
        let (name, version) = line.trim_end_matches(" (*)").split_once(" v")?;
        Some(format!("{name} {version}"))
    });
    crates.collect()
}

/// Every crate of `Cargo.lock`, with its version.
fn locked(root: &Path) -> BTreeSet<String> {
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).unwrap();
    let value = |entry: &str, key: &str| {
        let value = entry.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(value.trim_matches('"').to_owned())
    };
    let entries = lock.split("[[package]]").skip(1);
    entries.filter_map(|entry| Some(format!("{} {}", value(entry, "name")?, value(entry, "version")?))).collect()
}
