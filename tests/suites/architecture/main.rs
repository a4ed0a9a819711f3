//! The layers of ARCHITECTURE.md, read off the source tree.

mod formats;
mod licences;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each module of chem-runtime with the modules that it may name. What is not listed here may not exist.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("cancel", &[]),
    ("process", &[]),
    ("fingerprint", &[]),
    ("artifact", &["cancel", "fingerprint"]),
    ("event", &["fingerprint", "artifact"]),
    ("step", &["cancel", "fingerprint", "artifact", "event"]),
    ("flow", &["fingerprint", "artifact", "event", "step"]),
    ("store", &["process", "fingerprint", "artifact", "event", "step", "flow"]),
    ("manifest", &["fingerprint", "artifact", "event", "step", "flow"]),
    ("engine", &["cancel", "fingerprint", "artifact", "event", "step", "flow", "store", "manifest"]),
    ("report", &["fingerprint", "artifact", "event", "step", "flow", "store", "manifest", "engine"]),
    ("workbench", &["fingerprint", "artifact", "event", "step", "flow", "store", "manifest", "engine"]),
    ("testing", &["fingerprint", "artifact", "event", "step", "flow", "store", "manifest", "engine", "workbench"]),
    (
        "cli",
        &[
            "fingerprint",
            "artifact",
            "event",
            "step",
            "flow",
            "store",
            "manifest",
            "engine",
            "report",
            "workbench",
            "records",
        ],
    ),
    ("prelude", &["artifact", "step", "event"]),
    // The wings: steps over what the core hands them.
    ("records", &["cancel", "fingerprint", "artifact", "step"]),
    ("steps", &["cancel", "process", "fingerprint", "artifact", "step", "records", "prelude"]),
    ("chemistry", &["cancel", "fingerprint", "artifact", "step", "records", "prelude"]),
];

#[test]
fn no_module_names_one_above_or_beside_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chem-runtime/src");
    let mut wrong = BTreeSet::new();
    for file in rust_files(&root) {
        let relative = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        let module = relative.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        if module == "lib" || module == "main" {
            continue;
        }
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
            wrong.insert(format!("{relative}: the module `{module}` has no place in the layers"));
            continue;
        };
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            for named in named_modules(line) {
                let known = MAY_NAME.iter().any(|(name, _)| *name == named);
                if known && named != module && !allowed.contains(&named.as_str()) {
                    wrong.insert(format!("{relative}:{}: `{module}` names `{named}`", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "the layers are broken:\n{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

/// The modules after `crate::` or `chem_runtime::` in a line of code.
fn named_modules(line: &str) -> Vec<String> {
    if line.trim_start().starts_with("//") {
        return Vec::new();
    }
    let mut named = Vec::new();
    for start in ["crate::", "chem_runtime::"] {
        for (at, _) in line.match_indices(start) {
            let rest = &line[at + start.len()..];
            named.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    named
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
