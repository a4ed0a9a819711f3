//! The identity of a step in Python, as its fingerprint covers it and the log records it.

use serde_json::{Map, Value, json};

use super::description::DescribedIdentity;
use crate::fingerprint::ContentHash;

/// The name of the component of a step's identity. No parameter can have it.
pub(super) const COMPONENT: &str = "@python";

impl DescribedIdentity {
    /// Returns what the fingerprint covers besides the parameters: by name, so that a comparison of two runs says which
    /// function or distribution differs.
    pub(super) fn component(&self) -> Value {
        let mut code: Map<String, Value> = Map::new();
        for part in &self.code {
            let module = code.entry(part.module.clone()).or_insert_with(|| json!({}));
            module[part.definition.as_deref().unwrap_or("(module)")] = part.sha256.clone().into();
        }
        let distributions: Map<String, Value> = self
            .distributions
            .iter()
            .map(|found| {
                let mut facts = json!({ "version": found.version });
                if let Some(record) = &found.record_sha256 {
                    facts["record"] = record.clone().into();
                }
                (found.name.clone(), facts)
            })
            .collect();
        let files: Map<String, Value> =
            self.files.iter().map(|file| (file.path.clone(), json!({ "sha256": file.sha256 }))).collect();
        json!({
            "code": code,
            "distributions": distributions,
            "files": files,
            "interpreter": format!("{} {}", self.interpreter.implementation, self.interpreter.version),
        })
    }

    /// Returns a hash of the component.
    pub(super) fn code_hash(&self) -> String {
        ContentHash::of(self.component().to_string().as_bytes()).to_string()
    }
}
