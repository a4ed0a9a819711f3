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

use super::contents::{Contents, manifest_name};
use super::error::HandoverError;
use super::family::Family;
use super::manifests::NamedManifests;
use super::names;
use crate::event::{FlowEvent, FlowInitialized};
use crate::fingerprint::ContentHash;
use crate::manifest::{manifest_of_run, to_yaml};
use crate::step::shard_step::SHARD_STEP;

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
    let family = Family::of(events).ok_or_else(|| indescribable("it has no events".to_owned()))?;
    let manifests = NamedManifests::of(&family, &contents.export);
    let (mut texts, mut below) = (Vec::new(), 0);
    for (id, _, begun) in family.members() {
        let moved = manifests.relocated(id, family.relocated(id, begun, &contents.export.files));
        let (name, manifest) = match family.name_of(id) {
            None => (manifest_name(begun), manifest_of_run(&moved)),
            // The rows of a shard are in the log alone.
            Some(_) if is_shard(&moved) => continue,
            Some(run) => (names::manifest_of_child(&run), manifest_of_run(&moved)),
        };
        below += usize::from(id != facts.flow_id);
        let manifest = manifest.map_err(|error| indescribable(error.to_string()))?;
        let manifest = to_yaml(&manifest).map_err(|error| indescribable(error.to_string()))?;
        texts.push((name, format!("# Repeats run {id}, from its log.\n{manifest}")));
    }
    texts.push((names::README.to_owned(), readme::readme(contents, &facts, below, &manifests)));
    let manifests = manifests.texts.into_iter().map(|(name, text)| (format!("{}{name}", names::FLOW), text));
    // A step may have read the same manifest as a file.
    texts.extend(manifests.filter(|(name, _)| !contents.has_file(name)));
    texts.push((names::VERIFIER.to_owned(), VERIFIER.to_owned()));
    let mut listed = listed.clone();
    for (name, text) in &texts {
        let (bytes, sha256) = (text.len() as u64, ContentHash::of(text.as_bytes()).to_string());
        listed.insert(name.clone(), Listed { bytes, sha256 });
    }
    texts.push((names::METADATA.to_owned(), metadata::metadata(contents, &facts, &listed)));
    Ok(texts)
}

/// Returns whether a run works on a shard.
pub(super) fn is_shard(begun: &FlowInitialized) -> bool {
    begun.definition.steps.iter().any(|step| step.uses == SHARD_STEP)
}
