//! The documentation, held to its word: the help of every step type, the reference, the tutorial and the README.
//!
//! Files that are made from the code (`docs/steps.md`) are compared with what the code says now;
//! `CHEM_UPDATE_DOCS=1 cargo test -p chem-tests --test docs` writes them anew.

#[cfg(all(feature = "chemistry", target_os = "linux"))]
mod commands;
mod console;
mod diagnostics;
mod generated;
mod pages;
mod steps;
mod stopping;
