//! Modules of one folder do not import each other in a circle.
//!
//! A folder's `mod.rs` is its front: it may use the files beside it, and they what it defines. Only imports between these
//! files, or between folders beside each other, count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::modules::{Crate, ModulePath, named_by};

/// For each module of a folder, the modules of the same folder that it imports from, and where.
type Imports<'a> = BTreeMap<&'a str, BTreeMap<String, BTreeSet<String>>>;

#[test]
fn modules_of_a_folder_do_not_import_in_circles() {
    let mut wrong = Vec::new();
    for name in ["chem-macros", "chem-manifest", "chem-runtime"] {
        let source = Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name));
        let folders: BTreeSet<&[String]> =
            source.modules.keys().filter_map(|path| path.split_last()).map(|(_, folder)| folder).collect();
        for folder in folders {
            let imports = imports_in(&source, folder);
            let folder = [std::slice::from_ref(&source.name), folder].concat().join("::");
            wrong.extend(circles(&imports).iter().map(|circle| described(&folder, circle, &imports)));
        }
    }
    assert!(wrong.is_empty(), "modules import each other in circles:\n{}", wrong.join("\n"));
}

fn imports_in<'a>(source: &'a Crate, folder: &[String]) -> Imports<'a> {
    let mut imports = Imports::new();
    for (path, module) in &source.modules {
        let Some(from) = child_of(folder, path) else { continue };
        for named in module.named.iter().filter(|named| !named.by_a_test) {
            let defined_in = source.defining_module(&named.path);
            if let Some(to) = child_of(folder, &defined_in).filter(|to| *to != from) {
                let places = imports.entry(from).or_default().entry(to.to_owned()).or_default();
                places.insert(named_by(module, named));
            }
        }
    }
    imports
}

/// Returns the module in `folder` that is or contains the module at `path`.
fn child_of<'a>(folder: &[String], path: &'a ModulePath) -> Option<&'a str> {
    path.strip_prefix(folder)?.first().map(String::as_str)
}

/// Returns the largest sets of modules each of which reaches every other.
fn circles<'a>(imports: &Imports<'a>) -> BTreeSet<BTreeSet<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|from| (*from, reached_from(from, imports))).collect();
    let circle_of = |module: &'a str| -> BTreeSet<&'a str> {
        imports
            .keys()
            .copied()
            .filter(|other| reached[module].contains(other) && reached[other].contains(module))
            .collect()
    };
    imports.keys().map(|module| circle_of(module)).filter(|circle| !circle.is_empty()).collect()
}

fn reached_from<'i>(start: &str, imports: &'i Imports<'_>) -> BTreeSet<&'i str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(module) = open.pop() {
        for next in imports.get(module).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    reached
}

fn described(folder: &str, circle: &BTreeSet<&str>, imports: &Imports<'_>) -> String {
    let mut lines = vec![format!("{folder}: {}", circle.iter().copied().collect::<Vec<_>>().join(", "))];
    for from in circle {
        for (to, places) in imports[from].iter().filter(|(to, _)| circle.contains(to.as_str())) {
            let places: Vec<&str> = places.iter().map(String::as_str).collect();
            lines.push(format!("  `{from}` imports from `{to}`: {}", places.join(", ")));
        }
    }
    lines.join("\n")
}
