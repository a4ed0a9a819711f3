//! Manifests: what is understood, and what is said of each mistake.
//!
//! `wrong/` has a manifest for every rule, named after it, and `snapshots/manifest/` what a check says of each. Both
//! together are the specification of the check. `right/` has manifests without a mistake, with what they resolve to.

mod agreement;
mod options;
mod robust;
mod schema;
mod steps;
mod table;
mod values;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chem_runtime::manifest::{Checked, Override, Source, check};
use chem_runtime::step::Registry;

/// The directory with the manifests of this suite, and with `data/`.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/manifest")
}

/// Checks `text` as the manifest `flow.yaml`, with the steps of this suite.
fn check_text(text: &str) -> Checked {
    check_with(text, &[])
}

/// The same with `--set` for each of `overrides`.
fn check_with(text: &str, overrides: &[&str]) -> Checked {
    let overrides: Vec<Override> = overrides.iter().copied().map(Override::new).collect();
    check(&Source::new("flow.yaml", text), &overrides, registry(), &directory())
}

/// The codes of what was found.
fn codes(checked: &Checked) -> Vec<&'static str> {
    checked.diagnostics.iter().map(|diagnostic| diagnostic.rule.code).collect()
}

/// The step types that every build has, and those of this suite: what is pinned does not depend on cargo features.
fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let chosen = Registry::linked().unwrap().iter().filter(|it| !it.spec().name.starts_with("molecules."));
        Registry::of(chosen).unwrap()
    })
}
