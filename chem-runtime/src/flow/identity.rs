//! What makes a step what it is, and the hashes over it (DESIGN: identity).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::event::StepStarted;
use crate::fingerprint::{
    ArtifactHash, CacheKey, CanonicalError, DefinitionHash, Fingerprint, SCHEME, Tag, canonical_text, tagged_sha256,
    write_json_str,
};

/// Every component of a step's fingerprint.
#[derive(Debug, Clone, PartialEq)]
pub struct StepIdentity<'a> {
    /// The step's name in its flow.
    pub step_id: &'a str,
    /// Its step type.
    pub uses: &'a str,
    /// The step type's version.
    pub version: u32,
    /// The hash of the artifact at each input port.
    pub inputs: &'a BTreeMap<String, ArtifactHash>,
    /// Parameters: typed, defaulted, with the content of input files in place of their paths.
    pub params: &'a Map<String, Value>,
}

impl<'a> StepIdentity<'a> {
    /// The identity that an event recorded.
    pub fn of(started: &'a StepStarted) -> Self {
        Self {
            step_id: &started.step_id,
            uses: &started.uses,
            version: started.version,
            inputs: &started.inputs,
            params: &started.params,
        }
    }

    /// The step's fingerprint in a flow with this definition.
    pub fn fingerprint(&self, definition: DefinitionHash) -> Result<Fingerprint, CanonicalError> {
        let components = Components {
            definition_hash: definition,
            inputs: self.inputs,
            params: self.params,
            scheme: SCHEME,
            step_id: self.step_id,
            uses: self.uses,
            version: self.version,
        };
        Ok(Fingerprint::from_bytes(tagged_sha256(Tag::Step, &[&canonical_text(&components)?.text])))
    }

    /// What the step computes, whatever it is called and whichever flow it stands in.
    pub fn cache_key(&self) -> Result<CacheKey, CanonicalError> {
        let work =
            Work { inputs: self.inputs, params: self.params, scheme: SCHEME, uses: self.uses, version: self.version };
        Ok(CacheKey::from_bytes(tagged_sha256(Tag::CacheKey, &[&canonical_text(&work)?.text])))
    }
}

/// What a fingerprint is over, with its members in the order of canonical JSON, so that they are written as they come.
#[derive(Serialize)]
struct Components<'a> {
    definition_hash: DefinitionHash,
    inputs: &'a BTreeMap<String, ArtifactHash>,
    params: &'a Map<String, Value>,
    scheme: u32,
    step_id: &'a str,
    uses: &'a str,
    version: u32,
}

/// What a cache key is over, in the same order.
#[derive(Serialize)]
struct Work<'a> {
    inputs: &'a BTreeMap<String, ArtifactHash>,
    params: &'a Map<String, Value>,
    scheme: u32,
    uses: &'a str,
    version: u32,
}

/// The hash of a flow's step ids in order, and of nothing else.
pub fn definition_hash<'a>(step_ids: impl IntoIterator<Item = &'a str>) -> DefinitionHash {
    hash_list(Tag::Definition, step_ids.into_iter().map(str::to_owned), DefinitionHash::from_bytes)
}

/// The hash of the fingerprints of a flow's steps in order.
pub fn flow_fingerprint(steps: impl IntoIterator<Item = Fingerprint>) -> Fingerprint {
    hash_list(Tag::Flow, steps.into_iter().map(|step| step.to_string()), Fingerprint::from_bytes)
}

/// Hashes a list of texts as the JSON array that it is.
fn hash_list<H>(tag: Tag, items: impl Iterator<Item = String>, wrap: fn([u8; 32]) -> H) -> H {
    let mut list = String::from("[");
    for (index, item) in items.enumerate() {
        list.push_str(if index == 0 { "" } else { "," });
        write_json_str(&mut list, &item);
    }
    list.push(']');
    wrap(tagged_sha256(tag, &[&list]))
}
