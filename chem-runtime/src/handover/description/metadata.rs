//! The root of the document: what the export is, who made it, and what is in it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Listed;
use super::actions::actions;
use super::facts::RunFacts;
use super::graph::{Graph, to, to_all};
use super::parameters::Files;
use super::people::{agent, institution, license};
use super::vocabulary::{identifier, vocabulary};
use crate::handover::contents::{Contents, manifest_name};
use crate::handover::names;

const WORKFLOW: &str = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE";
const WORKFLOW_CRATE: &str = "https://w3id.org/workflowhub/workflow-ro-crate/1.0";
const PROOF: &str = "https://c2sp.org/tlog-proof";

/// Returns the document.
pub(super) fn metadata(contents: &Contents, facts: &RunFacts, listed: &BTreeMap<String, Listed>) -> String {
    let mut graph = Graph::default();
    let files = Files { contents, listed };
    let initialized = &facts.initialized;
    let manifest = identifier(&manifest_name(initialized));
    descriptor(&mut graph);
    let added = actions(&mut graph, facts, &files, &manifest);
    let operator = initialized.environment.operator.as_ref();
    let author = agent(&mut graph, operator);
    let publisher = institution(operator).unwrap_or_else(|| to(&author));
    let license = license(&mut graph, initialized.definition.license.as_deref());
    let date = format!("{:.6}", facts.ended).replace('Z', "+00:00");
    let description = initialized.definition.description.clone();
    let description = description.unwrap_or_else(|| format!("A run of the flow {}, with its proof.", initialized.flow));

    let language = vocabulary("manifest");
    let properties = json!({
        "name": initialized.flow,
        "description": description,
        "version": initialized.definition_hash.short(),
        "conformsTo": to(WORKFLOW),
        "url": vocabulary("manifest"),
        "creator": to(&author),
        "dateCreated": date,
        "sdPublisher": publisher,
        "license": to(&license),
        "programmingLanguage": to(&language),
        "input": to_all(&added.inputs),
        "output": to_all(&added.outputs),
        "hasPart": to_all(&added.tools),
        "step": to_all(&added.steps),
        "connection": to_all(&added.connections),
    });
    let classes = json!(["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]);
    graph.add(&manifest, classes, Value::Null);
    files.add(&mut graph, &manifest_name(initialized), &initialized.flow, properties);
    let release = &initialized.environment.release;
    let properties =
        json!({ "name": "chem manifest", "identifier": to(&language), "url": to(&language), "version": release });
    graph.add(&language, "ComputerLanguage", properties);
    graph.add(WORKFLOW, "CreativeWork", json!({ "name": "ComputationalWorkflow profile", "version": "1.0" }));

    let mut parts = Vec::new();
    for name in listed.keys() {
        // The parts of tables have no entity of their own: the folder has.
        let is_described = !name.starts_with(names::ARTIFACTS) || graph.has(&identifier(name));
        if is_described {
            describe_file(&mut graph, &files, name);
            parts.push(identifier(name));
        }
    }
    if listed.keys().any(|name| name.starts_with(names::ARTIFACTS)) {
        let properties =
            json!({ "name": "artifacts", "description": "The outputs of the steps, named by their hashes." });
        graph.add(names::ARTIFACTS, "Dataset", properties);
        parts.push(names::ARTIFACTS.to_owned());
    }
    let profiles = profiles(&mut graph);
    let root = json!({
        "name": format!("{}, run {}", initialized.flow, facts.flow_id),
        "description": description,
        "datePublished": date,
        "license": to(&license),
        "conformsTo": profiles,
        "mainEntity": to(&manifest),
        "author": to(&author),
        "publisher": publisher,
        "identifier": format!("urn:uuid:{}", facts.flow_id),
        "hasPart": to_all(&parts),
        "mentions": to_all(&added.actions),
    });
    graph.add("./", "Dataset", root);
    // A map of texts always has a JSON form.
    format!("{:#}\n", graph.into_json())
}

/// Adds the document itself.
fn descriptor(graph: &mut Graph) {
    let conforms = [to("https://w3id.org/ro/crate/1.1"), to(WORKFLOW_CRATE)];
    graph.add(names::METADATA, "CreativeWork", json!({ "about": to("./"), "conformsTo": conforms }));
}

/// Adds a file that is no value of a parameter.
fn describe_file(graph: &mut Graph, files: &Files<'_>, name: &str) {
    if name == names::README {
        let properties = json!({ "about": to("./") });
        return files.add(graph, name, "README", properties);
    }
    let what = match name {
        names::VERIFIER => "checks the export without chem",
        names::EXPORT => "what was exported",
        names::CHECKPOINT => "the checkpoint of the log",
        names::PATHS => "the hashes that lead from the events to the root of the log",
        names::ATTESTATIONS => "the list of the attestations",
        names::SIGNERS => "who may sign",
        name if name.ends_with(".sig") => "a signature",
        name if name.ends_with(".tlog-proof") => {
            graph.add(PROOF, "CreativeWork", json!({ "name": "Transparency log proof", "version": "1" }));
            return files.add(graph, name, "the proof of a run's last event", json!({ "conformsTo": to(PROOF) }));
        }
        name if name.starts_with(names::FLOW) && !graph.has(&identifier(name)) => {
            "the manifest of a run below this one"
        }
        name if name.starts_with("proof/events/") => "the events of a run",
        name if name.starts_with("proof/attestations/") => "what a person has stated about the run",
        // Files of the flow and artifacts have been described with the steps that read or wrote them.
        _ => return,
    };
    files.add(graph, name, what, Value::Null);
}

/// Adds the profiles to which the export conforms, and returns references to them.
fn profiles(graph: &mut Graph) -> Value {
    let run = |name: &str| format!("https://w3id.org/ro/wfrun/{name}/0.5");
    let all = [
        (run("process"), "Process Run Crate", "0.5"),
        (run("workflow"), "Workflow Run Crate", "0.5"),
        (run("provenance"), "Provenance Run Crate", "0.5"),
        (WORKFLOW_CRATE.to_owned(), "Workflow RO-Crate", "1.0"),
    ];
    for (id, name, version) in &all {
        graph.add(id, "CreativeWork", json!({ "name": name, "version": version }));
    }
    to_all(all.iter().map(|(id, ..)| id))
}
