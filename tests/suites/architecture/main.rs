//! The layers of ARCHITECTURE.md, read off the source tree.

mod circles;
mod features;
mod formats;
mod licences;
mod modules;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use modules::{Crate, named_by};

/// Each module of chem-runtime with the modules that it may name. What is not listed here may not exist.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("cancel", &[]),
    ("configuration", &[]),
    ("disk", &[]),
    ("process", &[]),
    ("html", &[]),
    ("fingerprint", &[]),
    ("artifact", &["cancel", "fingerprint"]),
    ("event", &["fingerprint", "artifact"]),
    ("step", &["cancel", "configuration", "disk", "fingerprint", "artifact", "event"]),
    ("flow", &["fingerprint", "artifact", "event", "step"]),
    ("store", &["process", "fingerprint", "artifact", "event", "step", "flow"]),
    ("evidence", &["configuration", "process", "fingerprint", "artifact", "event", "store"]),
    ("manifest", &["fingerprint", "event", "step", "flow"]),
    (
        "engine",
        &["disk", "process", "fingerprint", "artifact", "event", "step", "flow", "store", "evidence", "manifest"],
    ),
    ("handover", &["fingerprint", "artifact", "event", "step", "flow", "store", "evidence", "manifest"]),
    ("report", &["fingerprint", "artifact", "event", "step", "flow", "store"]),
    ("workbench", &["fingerprint", "artifact", "event", "step", "flow", "store", "evidence", "manifest", "engine"]),
    ("testing", &["fingerprint", "artifact", "event", "step", "flow", "store", "manifest", "engine", "workbench"]),
    (
        "explorer",
        &["fingerprint", "artifact", "event", "step", "flow", "store", "report", "workbench", "records", "html"],
    ),
    (
        "cli",
        &[
            "explorer",
            "fingerprint",
            "artifact",
            "event",
            "step",
            "flow",
            "store",
            "evidence",
            "handover",
            "manifest",
            "engine",
            "report",
            "workbench",
            "testing",
            "records",
        ],
    ),
    ("prelude", &["artifact", "step"]),
    // The wings: steps over what the core hands them.
    ("records", &["cancel", "fingerprint", "artifact", "step"]),
    ("steps", &["cancel", "configuration", "disk", "process", "fingerprint", "artifact", "step", "records", "prelude"]),
    ("chemistry", &["cancel", "fingerprint", "artifact", "step", "records", "prelude", "html"]),
];

#[test]
fn no_module_names_one_above_or_beside_it() {
    let source = Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../chem-runtime"));
    let mut wrong = BTreeSet::new();
    for (path, module) in &source.modules {
        let Some(room) = path.first().filter(|room| *room != "main") else { continue };
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| name == room) else {
            wrong.insert(format!("{}: the module `{room}` has no place in the layers", module.file));
            continue;
        };
        for named in &module.named {
            let Some(other) = source.room_of(&named.path) else { continue };
            if other != *room && !allowed.contains(&other.as_str()) {
                wrong.insert(format!("{}: `{room}` names `{other}`", named_by(module, named)));
            }
        }
    }
    assert!(wrong.is_empty(), "the layers are broken:\n{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    files(directory).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
