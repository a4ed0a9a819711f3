//! What was done: the run, its steps, and the engine that conducted them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::facts::{RunFacts, StepFacts};
use super::graph::{Graph, to, to_all};
use super::parameters::{Files, Valued, formal, plain};
use super::people::agent;
use super::vocabulary::{identifier, step_type, vocabulary};
use crate::event::OutputRef;
use crate::handover::contents::FlowFile;

/// The ids of what the actions added, for the entities that refer to them.
#[derive(Default)]
pub(super) struct Added {
    /// The actions of the run and of the steps.
    pub(super) actions: Vec<String>,
    /// The step types.
    pub(super) tools: BTreeSet<String>,
    /// The steps of the manifest.
    pub(super) steps: Vec<String>,
    /// The formal parameters of the flow.
    pub(super) inputs: BTreeSet<String>,
    pub(super) outputs: BTreeSet<String>,
    /// Their links to those of the steps.
    pub(super) connections: BTreeSet<String>,
}

/// Returns how an action ended, or that it has not.
fn status(error: Option<&str>, is_complete: bool) -> &'static str {
    match (error, is_complete) {
        (Some(_), _) => "http://schema.org/FailedActionStatus",
        (None, true) => "http://schema.org/CompletedActionStatus",
        (None, false) => "http://schema.org/ActiveActionStatus",
    }
}

/// Adds the actions of a run. `manifest` is the id of its manifest.
pub(super) fn actions(graph: &mut Graph, facts: &RunFacts, files: &Files<'_>, manifest: &str) -> Added {
    let mut added = Added::default();
    let (mut taken, mut given) = (BTreeSet::new(), BTreeSet::new());
    for (name, value) in &facts.initialized.definition.params {
        let id = format!("#param/{}", identifier(name));
        let value = plain(graph, name, value);
        formal(graph, &id, name, &value);
        taken.insert(value.id);
        added.inputs.insert(id);
    }
    let mut controls = Vec::new();
    for step in &facts.steps {
        controls.push(Stepped { step, facts, files, manifest }.add(graph, &mut added, &mut taken, &mut given));
    }
    if given.is_empty() {
        // A flow without a file at its end: its results are the last outputs.
        let last = facts.steps.iter().rev().find(|step| !step.outputs.is_empty());
        for output in last.into_iter().flat_map(|step| &step.outputs) {
            let value = files.artifact(graph, output);
            let id = format!("#result/{}", identifier(&output.name));
            formal(graph, &id, &output.name, &value);
            given.insert(value.id);
            added.outputs.insert(id);
        }
    }
    let operator = facts.initialized.environment.operator.as_ref();
    let by = agent(graph, operator);
    let engine = engine(graph, facts);
    let run = json!({
        "name": format!("run of {}", facts.initialized.flow),
        "description": format!("Run {} of the flow {}", facts.flow_id, facts.initialized.flow),
        "identifier": facts.flow_id.to_string(),
        "instrument": to(manifest),
        "agent": to(&by),
        "startTime": time(facts.began),
        "endTime": time(facts.ended),
        "object": to_all(&taken),
        "result": to_all(&given),
        "actionStatus": status(facts.error(), facts.is_complete),
        "error": facts.error(),
        "environment": environment(graph, facts),
    });
    graph.add("#run", "CreateAction", run);
    added.actions.insert(0, "#run".to_owned());
    let organized = json!({
        "name": "chem run",
        "instrument": to(&engine),
        "agent": to(&by),
        "object": to_all(&controls),
        "result": to("#run"),
        "startTime": time(facts.began),
        "endTime": time(facts.ended),
    });
    graph.add("#engine", "OrganizeAction", organized);
    added
}

/// Adds the program, and returns its id.
fn engine(graph: &mut Graph, facts: &RunFacts) -> String {
    let release = &facts.initialized.environment.release;
    let id = vocabulary(&format!("program/{release}"));
    let properties = json!({ "name": "chem", "url": vocabulary("program"), "softwareVersion": release });
    graph.add(&id, "SoftwareApplication", properties);
    id
}

/// Adds the versions of the libraries and the platform, and returns references to them.
fn environment(graph: &mut Graph, facts: &RunFacts) -> Value {
    let environment = &facts.initialized.environment;
    let mut values: BTreeMap<&str, &str> =
        environment.libraries.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
    values.insert("platform", &environment.platform);
    values.retain(|_, value| !value.is_empty());
    let mut ids = Vec::new();
    for (name, value) in values {
        let id = format!("#environment/{}", identifier(name));
        let property = vocabulary(&format!("environment/{name}"));
        graph.add(&id, "PropertyValue", json!({ "name": name, "value": value, "propertyID": property }));
        ids.push(id);
    }
    to_all(&ids)
}

/// Formats a time to the second, with its zone: some readers know no fractions.
fn time(time: jiff::Timestamp) -> String {
    format!("{time:.0}").replace('Z', "+00:00")
}

/// A step that is being described.
struct Stepped<'a> {
    step: &'a StepFacts,
    facts: &'a RunFacts,
    files: &'a Files<'a>,
    manifest: &'a str,
}

impl Stepped<'_> {
    /// Adds the step, its type and its action. Returns the id of the action of the engine upon it.
    fn add(
        &self,
        graph: &mut Graph,
        added: &mut Added,
        taken: &mut BTreeSet<String>,
        given: &mut BTreeSet<String>,
    ) -> String {
        let Self { step, manifest, .. } = self;
        let id = identifier(&step.recorded.id);
        let tool = step_type(&step.recorded.uses, step.recorded.version);
        let (objects, mut connections) = self.inputs(graph, &tool, added, taken);
        let (results, written) = self.outputs(graph, &tool, added, given);
        connections.extend(written);
        let properties = json!({
            "name": step.recorded.uses,
            "softwareVersion": step.recorded.version.to_string(),
            "url": vocabulary(&format!("steps/{}", step.recorded.uses)),
        });
        graph.add(&tool, "SoftwareApplication", properties);
        let how_to = format!("{manifest}#{}", identifier(&step.recorded.id));
        let properties = json!({
            "name": step.recorded.id,
            "position": step.position.to_string(),
            "workExample": to(&tool),
            "connection": to_all(&connections),
        });
        graph.add(&how_to, "HowToStep", properties);
        let by = agent(graph, step.operator.as_ref());
        let action = format!("#step/{id}");
        let description = match step.reused {
            None => format!("Step {} of the run", step.recorded.id),
            Some(source) => format!(
                "Step {} of the run, whose result is that of event {} of run {}",
                step.recorded.id, source.position, source.flow_id
            ),
        };
        let properties = json!({
            "name": format!("step {}", step.recorded.id),
            "description": description,
            "instrument": to(&tool),
            "agent": to(&by),
            "startTime": time(step.began),
            "endTime": time(step.ended),
            "object": to_all(&objects),
            "result": to_all(&results),
            "actionStatus": status(step.error.as_deref(), step.is_finished),
            "error": step.error,
            "resourceUsage": self.usage(graph, &id),
        });
        graph.add(&action, "CreateAction", properties);
        let control = format!("#control/{id}");
        let decided = step.decision.as_ref().map(|decision| {
            let by = agent(graph, decision.by.as_ref());
            let reason = decision.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let verb = if decision.approved { "approved" } else { "rejected" };
            json!({ "agent": to(&by), "description": format!("{verb}{reason}") })
        });
        graph.add(&control, "ControlAction", decided.unwrap_or_default());
        let properties = json!({
            "name": format!("orchestrate {}", step.recorded.id),
            "instrument": to(&how_to),
            "object": to(&action),
        });
        graph.add(&control, "ControlAction", properties);
        added.actions.push(action);
        added.tools.insert(tool);
        added.steps.push(how_to);
        control
    }

    /// Adds what the step took: its inputs and the files that it read. Returns their ids, and those of their connections.
    fn inputs(
        &self,
        graph: &mut Graph,
        tool: &str,
        added: &mut Added,
        taken: &mut BTreeSet<String>,
    ) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut objects, mut connections) = (BTreeSet::new(), BTreeSet::new());
        for (port, wire) in &self.step.recorded.inputs {
            let Some((from, output)) = self.facts.feed(wire) else { continue };
            let value = self.output(graph, from, output);
            let target = port_id(self.step, "in", port);
            self.port(graph, tool, "input", &target, port, &value);
            let source = port_id(from, "out", &output.name);
            connections.insert(connect(graph, &self.step.recorded.id, &source, &target));
            objects.insert(value.id);
        }
        let read = |file: &&FlowFile| !file.written && file.step == self.step.recorded.id;
        for file in self.files.contents.export.files.iter().filter(|file| file.run.is_none()).filter(read) {
            let value = self.files.flow_file(graph, file);
            let target = port_id(self.step, "in", &file.param);
            self.port(graph, tool, "input", &target, &file.param, &value);
            let source = format!("#input/{}", identifier(&file.path));
            formal(graph, &source, &file.path, &value);
            let connection = connect(graph, &self.step.recorded.id, &source, &target);
            added.connections.insert(connection.clone());
            connections.insert(connection);
            added.inputs.insert(source);
            taken.insert(value.id.clone());
            objects.insert(value.id);
        }
        (objects, connections)
    }

    /// Adds what the step put out. Returns the ids, and those of the connections to the outputs of the flow.
    fn outputs(
        &self,
        graph: &mut Graph,
        tool: &str,
        added: &mut Added,
        given: &mut BTreeSet<String>,
    ) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut results, mut connections) = (BTreeSet::new(), BTreeSet::new());
        for output in &self.step.outputs {
            let value = self.output(graph, self.step, output);
            let source = port_id(self.step, "out", &output.name);
            self.port(graph, tool, "output", &source, &output.name, &value);
            if let Some(file) = self.files.written(&self.step.recorded.id, output) {
                let target = format!("#output/{}", identifier(&file.path));
                formal(graph, &target, &file.path, &value);
                let connection = connect(graph, &self.step.recorded.id, &source, &target);
                added.connections.insert(connection.clone());
                connections.insert(connection);
                added.outputs.insert(target);
                given.insert(value.id.clone());
            }
            results.insert(value.id);
        }
        (results, connections)
    }

    /// Adds an output of a step: the file that it describes, or the artifact.
    fn output(&self, graph: &mut Graph, step: &StepFacts, output: &OutputRef) -> Valued {
        match self.files.written(&step.recorded.id, output) {
            Some(file) => self.files.flow_file(graph, file),
            None => self.files.artifact(graph, output),
        }
    }

    /// Adds a formal parameter of the step's type.
    fn port(&self, graph: &mut Graph, tool: &str, direction: &str, id: &str, name: &str, value: &Valued) {
        formal(graph, id, name, value);
        graph.add(tool, "SoftwareApplication", json!({ direction: to(id) }));
    }

    /// Adds the time and memory that the step took, and returns references to them.
    fn usage(&self, graph: &mut Graph, id: &str) -> Value {
        let Some(usage) = &self.step.usage else { return Value::Null };
        let measured = [
            ("cpu-time", usage.cpu_ms, "https://qudt.org/vocab/unit/MilliSEC"),
            ("peak-memory", usage.peak_memory, "https://qudt.org/vocab/unit/BYTE"),
        ];
        let mut ids = Vec::new();
        for (name, value, unit) in measured {
            if let Some(value) = value {
                let entity = format!("#{name}/{id}");
                let property = vocabulary(&format!("usage/{name}"));
                let value = value.to_string();
                let properties = json!({ "name": name, "value": value, "propertyID": property, "unitCode": unit });
                graph.add(&entity, "PropertyValue", properties);
                ids.push(entity);
            }
        }
        to_all(&ids)
    }
}

/// Returns the id of a formal parameter of a step's type. Steps of one type share it.
fn port_id(step: &StepFacts, direction: &str, name: &str) -> String {
    let (uses, version) = (&step.recorded.uses, step.recorded.version);
    format!("#{}/{version}/{direction}/{}", identifier(uses), identifier(name))
}

/// Adds a connection of two formal parameters, and returns its id.
fn connect(graph: &mut Graph, step: &str, source: &str, target: &str) -> String {
    let id = format!("#connection/{}/{}/{}", identifier(step), &source[1..], &target[1..]);
    let properties = json!({ "name": step, "sourceParameter": to(source), "targetParameter": to(target) });
    graph.add(&id, "ParameterConnection", properties);
    id
}
