//! The parameters of the flow and of its steps, and the values that they had: files, artifacts and plain values.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Listed;
use super::graph::{Graph, to};
use super::vocabulary::{identifier, vocabulary};
use crate::event::OutputRef;
use crate::handover::contents::{Contents, FlowFile};
use crate::handover::names;

const FORMAL: &str = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE";

/// Adds a formal parameter, and the value that it had.
pub(super) fn formal(graph: &mut Graph, id: &str, name: &str, value: &Valued) {
    let properties = json!({
        "name": name,
        "additionalType": value.kind,
        "conformsTo": to(FORMAL),
        "workExample": to(&value.id),
    });
    graph.add(FORMAL, "CreativeWork", json!({ "name": "FormalParameter profile", "version": "1.0" }));
    graph.add(id, "FormalParameter", properties);
    graph.add(&value.id, value.class, json!({ "exampleOfWork": to(id) }));
}

/// A value in the document: its id, its class, and what a formal parameter says of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Valued {
    pub(super) id: String,
    class: &'static str,
    kind: &'static str,
}

/// The files of an export that a document describes.
pub(super) struct Files<'a> {
    pub(super) contents: &'a Contents,
    pub(super) listed: &'a BTreeMap<String, Listed>,
}

impl Files<'_> {
    /// Adds a file of the export.
    pub(super) fn add(&self, graph: &mut Graph, name: &str, what: &str, properties: Value) {
        let id = identifier(name);
        let facts = self.listed.get(name).map(|Listed { bytes, sha256 }| {
            json!({ "contentSize": bytes.to_string(), "sha256": sha256, "encodingFormat": format_of(name) })
        });
        graph.add(&id, "File", json!({ "name": what }));
        graph.add(&id, "File", facts.unwrap_or_default());
        graph.add(&id, "File", properties);
    }

    /// Adds a file of the flow: itself, or its hash if it was left out.
    pub(super) fn flow_file(&self, graph: &mut Graph, file: &FlowFile) -> Valued {
        if file.omitted.is_none() {
            let name = format!("{}{}", names::FLOW, file.name);
            self.add(graph, &name, &file.path, Value::Null);
            return Valued { id: identifier(&name), class: "File", kind: "File" };
        }
        let id = format!("#file/{}", &file.sha256[..file.sha256.len().min(12)]);
        hashed(graph, id, &file.path, &file.sha256, "sha256")
    }

    /// Adds an artifact: its file, or its hash if it was left out.
    pub(super) fn artifact(&self, graph: &mut Graph, output: &OutputRef) -> Valued {
        let name = names::artifact(output.hash);
        if self.listed.contains_key(&name) {
            self.add(graph, &name, &output.kind, json!({ "identifier": output.hash.to_string() }));
            return Valued { id: identifier(&name), class: "File", kind: "File" };
        }
        hashed(
            graph,
            format!("#artifact/{}", output.hash.short()),
            &output.kind,
            &output.hash.to_string(),
            "artifact-hash",
        )
    }

    /// Returns the file that the output of a step describes.
    pub(super) fn written(&self, step: &str, output: &OutputRef) -> Option<&FlowFile> {
        let is_it =
            |file: &&FlowFile| file.run.is_none() && file.written && file.step == step && file.param == output.name;
        self.contents.export.files.iter().find(is_it)
    }
}

/// Adds a value that is known by its hash alone.
fn hashed(graph: &mut Graph, id: String, name: &str, hash: &str, scheme: &str) -> Valued {
    let property = vocabulary(scheme);
    graph.add(&id, "PropertyValue", json!({ "name": name, "value": hash, "propertyID": property }));
    Valued { id, class: "PropertyValue", kind: "PropertyValue" }
}

/// Adds a plain value of a parameter of the flow.
pub(super) fn plain(graph: &mut Graph, name: &str, value: &Value) -> Valued {
    let kind = match value {
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "Float",
        Value::Number(_) => "Integer",
        _ => "Text",
    };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let id = format!("#value/{}", identifier(name));
    graph.add(&id, "PropertyValue", json!({ "name": name, "value": text }));
    Valued { id, class: "PropertyValue", kind }
}

/// Returns the media type of a file, by its name.
fn format_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv") => "text/csv",
        Some("tsv") => "text/tab-separated-values",
        Some("md") => "text/markdown",
        Some("html") => "text/html",
        Some("json") => "application/json",
        Some("jsonl") => "application/jsonl",
        Some("yaml" | "yml") => "application/yaml",
        Some("py") => "text/x-python",
        Some("sdf" | "mol") => "chemical/x-mdl-sdfile",
        Some("smi") => "chemical/x-daylight-smiles",
        Some("parquet") => "application/vnd.apache.parquet",
        Some("txt" | "sig" | "sha256" | "tlog-proof") => "text/plain",
        _ => "application/octet-stream",
    }
}
