//! The identity of a step, and the hashes over it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::event::StepStarted;
use crate::fingerprint::{
    ArtifactHash, CacheKey, CanonicalError, DefinitionHash, Fingerprint, SCHEME, Tag, WorkKey, canonical_text,
    tagged_sha256, write_json_str,
};

/// Every component of a step's fingerprint.
#[derive(Debug, Clone, PartialEq)]
pub struct StepIdentity<'a> {
    /// The id of the step.
    pub step_id: &'a str,
    /// The name of the step type.
    pub uses: &'a str,
    /// The version of the step type.
    pub version: u32,
    /// The hash of the artifact at each input port.
    pub inputs: &'a BTreeMap<String, ArtifactHash>,
    /// The parameters: typed, with defaults, and with content hashes instead of the paths of input files.
    pub params: &'a Map<String, Value>,
}

impl<'a> StepIdentity<'a> {
    /// Returns the identity in a start event.
    pub fn of(started: &'a StepStarted) -> Self {
        Self {
            step_id: &started.step_id,
            uses: &started.uses,
            version: started.version,
            inputs: &started.inputs,
            params: &started.params,
        }
    }

    /// Computes the fingerprint of the step in a flow with this definition hash.
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

    /// Computes the cache key, which identifies the work independent of the step's id and its flow.
    pub fn cache_key(&self) -> Result<CacheKey, CanonicalError> {
        let work =
            Work { inputs: self.inputs, params: self.params, scheme: SCHEME, uses: self.uses, version: self.version };
        Ok(CacheKey::from_bytes(tagged_sha256(Tag::CacheKey, &[&canonical_text(&work)?.text])))
    }

    /// Computes the work key, which identifies what the step does with each row at `port`, whatever rows there are. Like the
    /// cache key, it covers the artifacts at the other ports.
    pub fn work_key(&self, port: &str) -> Result<WorkKey, CanonicalError> {
        let mut inputs = self.inputs.clone();
        inputs.remove(port);
        let work = WorkOnRows {
            inputs: &inputs,
            params: self.params,
            port,
            scheme: SCHEME,
            uses: self.uses,
            version: self.version,
        };
        Ok(WorkKey::from_bytes(tagged_sha256(Tag::WorkKey, &[&canonical_text(&work)?.text])))
    }
}

/// The content of a fingerprint. The fields are in the order of canonical JSON, so that serializing needs no reordering.
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

/// The content of a cache key, in the order of canonical JSON.
#[derive(Serialize)]
struct Work<'a> {
    inputs: &'a BTreeMap<String, ArtifactHash>,
    params: &'a Map<String, Value>,
    scheme: u32,
    uses: &'a str,
    version: u32,
}

/// The content of a work key, in the order of canonical JSON.
#[derive(Serialize)]
struct WorkOnRows<'a> {
    inputs: &'a BTreeMap<String, ArtifactHash>,
    params: &'a Map<String, Value>,
    port: &'a str,
    scheme: u32,
    uses: &'a str,
    version: u32,
}

/// Hashes the ids of a flow's steps in order.
pub fn definition_hash<'a>(step_ids: impl IntoIterator<Item = &'a str>) -> DefinitionHash {
    hash_list(Tag::Definition, step_ids.into_iter().map(str::to_owned), DefinitionHash::from_bytes)
}

/// Hashes the fingerprints of a flow's steps in order.
pub fn flow_fingerprint(steps: impl IntoIterator<Item = Fingerprint>) -> Fingerprint {
    hash_list(Tag::Flow, steps.into_iter().map(|step| step.to_string()), Fingerprint::from_bytes)
}

/// Hashes a list of texts as a JSON array.
fn hash_list<H>(tag: Tag, items: impl Iterator<Item = String>, wrap: fn([u8; 32]) -> H) -> H {
    let mut list = String::from("[");
    for (index, item) in items.enumerate() {
        list.push_str(if index == 0 { "" } else { "," });
        write_json_str(&mut list, &item);
    }
    list.push(']');
    wrap(tagged_sha256(tag, &[&list]))
}
