//! The texts in an export that follow from the rest of it: the manifest, the page for people, the program that checks, and the
//! description in the form of a Workflow Run RO-Crate (provenance profile 0.5, <https://w3id.org/ro/wfrun/provenance/0.5>).
//!
//! An audit makes them again and compares, so they are functions of the export's contents alone.

mod actions;
mod facts;
mod graph;
mod metadata;
mod parameters;
mod people;
mod readme;
mod vocabulary;

use std::collections::BTreeMap;

use facts::RunFacts;

use super::contents::{Contents, manifest_name, relocated};
use super::error::HandoverError;
use super::names;
use crate::event::FlowEvent;
use crate::fingerprint::ContentHash;
use crate::manifest::{manifest_of_run, to_yaml};

/// The size and hash of a file in the export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// The program that checks an export without `chem`.
pub(super) const VERIFIER: &str = include_str!("../verify.py");

/// Returns the texts that follow from the contents of an export, whose other files are `listed`. `events` are those of its
/// runs.
///
/// # Errors
/// [`HandoverError::Indescribable`] if the run has not begun, or no manifest can have its steps.
pub(super) fn describe(
    contents: &Contents,
    events: &[Vec<FlowEvent>],
    listed: &BTreeMap<String, Listed>,
) -> Result<Vec<(String, String)>, HandoverError> {
    let facts = RunFacts::of(contents, events)?;
    let indescribable = |reason: String| HandoverError::Indescribable { flow_id: facts.flow_id, reason };
    let moved = relocated(&facts.initialized, &contents.export.files);
    let manifest = manifest_of_run(&moved).map_err(|error| indescribable(error.to_string()))?;
    let manifest = to_yaml(&manifest).map_err(|error| indescribable(error.to_string()))?;
    let mut texts = vec![
        (manifest_name(&facts.initialized), format!("# Repeats run {}, from its log.\n{manifest}", facts.flow_id)),
        (names::README.to_owned(), readme::readme(contents, &facts)),
        (names::VERIFIER.to_owned(), VERIFIER.to_owned()),
    ];
    let mut listed = listed.clone();
    for (name, text) in &texts {
        let (bytes, sha256) = (text.len() as u64, ContentHash::of(text.as_bytes()).to_string());
        listed.insert(name.clone(), Listed { bytes, sha256 });
    }
    texts.push((names::METADATA.to_owned(), metadata::metadata(contents, &facts, &listed)));
    Ok(texts)
}
