//! Reads a manifest as authored: known keys, values of the right types, well-formed names. Resolving the names is left to
//! later stages.

mod environment;
mod fields;
mod map;
mod params;
mod policy;
mod resources;
mod shards;

use std::collections::HashMap;

pub use environment::{Environment, StepSources};
use fields::Reader;
pub use map::{MapFlow, MapOver, OnError, files_of};
pub use policy::{Gate, Policy, Retry, RetryOn};
pub use resources::{Resources, parse_memory, write_memory};
pub use shards::InShards;

use crate::diagnostic::{Diagnostic, Findings};
use crate::rules;
use crate::source::{Source, Span};
use crate::step_id::StepId;
use crate::yaml::{Key, Node, NodeValue};

/// A manifest. Invalid parts have been reported and are absent.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// The name of the flow.
    pub flow: Option<StepId>,
    /// The purpose of the flow, in free text.
    pub description: Option<String>,
    /// The license of the results.
    pub license: Option<String>,
    /// The parameters of the flow; `None` if `params:` is not a mapping.
    pub params: Option<Vec<(Key, Node)>>,
    /// The modules that define further step types, and how these run.
    pub sources: StepSources,
    /// The steps in the order of the manifest.
    pub steps: Vec<AuthoredStep>,
}

/// A step of a manifest.
#[derive(Debug, Clone)]
pub struct AuthoredStep {
    /// The id; `None` if it is missing, malformed or a duplicate.
    pub id: Option<StepId>,
    /// The id as written, valid or not, which other steps may refer to.
    pub written_id: Option<String>,
    /// The span of the id, or the beginning of a step without one.
    pub at: Span,
    /// The name of the step type; `None` if it is missing or the step has `map`.
    pub uses: Option<Written>,
    /// The flow that the step runs once for each combination of values, in place of a step type.
    pub map: Option<MapOver>,
    /// Whether the step is marked as a further source of the flow; `None` if the value is invalid.
    pub source: Option<bool>,
    /// The span of the value of `source:`, if the step has that key.
    pub source_at: Option<Span>,
    /// The source of each wired input: `step` or `step.output`.
    pub inputs: Vec<(Key, Written)>,
    /// Whether part of the wiring was invalid and is missing from `inputs`.
    pub inputs_in_doubt: bool,
    /// The parameters of the step.
    pub with: Vec<(Key, Node)>,
    /// The span of the key `with`; `None` if the step has no such key.
    pub with_key: Option<Span>,
    /// The retry, timeout, gate and resources of the step.
    pub policy: Policy,
    /// How the step runs in shards; `None` if it runs as a whole.
    pub shards: Option<InShards>,
}

impl AuthoredStep {
    /// Returns the values in which parameters of the flow are filled in.
    pub fn values(&self) -> impl Iterator<Item = &Node> {
        let with = self.with.iter().map(|(_, node)| node);
        with.chain(self.map.iter().flat_map(MapOver::values))
    }
}

/// What the advice in diagnostics needs to know about step types.
pub trait StepTypes {
    /// Returns whether the step type `uses` has a parameter `name`.
    fn is_param(&self, uses: &str, name: &str) -> bool;

    /// Returns the name of the first input of the step type `uses`.
    fn first_input(&self, uses: &str) -> Option<&str>;
}

/// A [`StepTypes`] that knows no step type.
pub struct NoStepTypes;

impl StepTypes for NoStepTypes {
    fn is_param(&self, _: &str, _: &str) -> bool {
        false
    }

    fn first_input(&self, _: &str) -> Option<&str> {
        None
    }
}

/// A text value and its span.
#[derive(Debug, Clone)]
pub struct Written {
    /// The text, without quotes.
    pub text: String,
    /// The span of the text, with its quotes if it has any.
    pub span: Span,
}

const MANIFEST_KEYS: &[&str] = &["flow", "description", "license", "params", "steps_from", "environment", "steps"];
const STEP_KEYS: &[&str] = &["id", "uses", "map", "source", "inputs", "with", "retry", "timeout", "gate", "resources"];

/// Reads a manifest from the YAML `document`, which is `None` for an empty file. Reports mistakes to `findings`.
pub fn read(document: Option<&Node>, source: &Source, types: &dyn StepTypes, findings: &mut Findings) -> Manifest {
    let mut reader = Reader { source, types, findings };
    let entries = match document.map(|node| (&node.value, node)) {
        Some((NodeValue::Map(entries), _)) => entries,
        Some((NodeValue::Invalid, _)) => return Manifest::default(),
        Some((NodeValue::Null, _)) | None => {
            let help = "begin with `flow: NAME` and `steps:`";
            reader.add(&rules::NOT_A_MANIFEST, "the manifest is empty", Span::default(), help);
            return Manifest::default();
        }
        Some((_, node)) => {
            let message = format!("expected a mapping, found {}", node.describe());
            reader.add(&rules::NOT_A_MANIFEST, message, node.handle(), "begin with `flow: NAME` and `steps:`");
            return Manifest::default();
        }
    };
    let fields = reader.fields(entries, MANIFEST_KEYS, "a manifest", None);
    let start = entries.first().map_or(Span::default(), |(key, _)| key.span);
    let flow = reader.required(&fields, "flow", "the manifest", start).and_then(|node| reader.name(node, "flow"));
    let description = fields.get("description").and_then(|(_, node)| reader.text(node, "description"));
    let license = fields.get("license").and_then(|(_, node)| reader.license(node));
    let params = fields.get("params").map_or(Some(Vec::new()), |(_, node)| reader.params(node));
    let key = fields.get("steps").map_or(start, |(key, _)| key.span);
    let steps = reader.required(&fields, "steps", "the manifest", start);
    let steps = steps.map(|node| reader.steps(node, key)).unwrap_or_default();
    let sources = reader.step_sources(&fields);
    Manifest { flow, description: description.map(|written| written.text), license, params, sources, steps }
}

/// Reads only which modules define step types, without reporting mistakes, which [`read`] does.
pub fn step_sources(document: Option<&Node>, source: &Source) -> StepSources {
    let Some(NodeValue::Map(entries)) = document.map(|node| &node.value) else { return StepSources::default() };
    let mut unreported = Findings::default();
    let mut reader = Reader { source, types: &NoStepTypes, findings: &mut unreported };
    let fields = reader.fields(entries, MANIFEST_KEYS, "a manifest", None);
    reader.step_sources(&fields)
}

impl Reader<'_> {
    /// Returns the items of a list of steps, of which there must be one.
    fn items<'n>(&mut self, node: &'n Node, key: Span) -> &'n [Node] {
        match &node.value {
            NodeValue::List(items) if !items.is_empty() => return items,
            NodeValue::List(_) | NodeValue::Null => {
                self.add(&rules::NO_STEPS, "a flow needs at least one step", key, "write the first as `- id: …`");
            }
            _ => self.wrong_type(node, "steps", "a list", "begin each step with `- `"),
        }
        &[]
    }

    /// Reads a list of steps, which is the value of `key`.
    fn steps(&mut self, node: &Node, key: Span) -> Vec<AuthoredStep> {
        let mut found = Vec::new();
        for item in self.items(node, key) {
            match self.group(item) {
                Some(group) => found.extend(group),
                None => found.extend(self.step(item)),
            }
        }
        let mut first_uses: HashMap<StepId, Span> = HashMap::new();
        let mut steps = Vec::new();
        for mut step in found {
            if let Some(id) = &step.id {
                if let Some(first) = first_uses.get(id) {
                    let message = format!("two steps have the id `{id}`");
                    self.findings.add(
                        Diagnostic::new(&rules::DUPLICATE_ID, message, self.source, step.at)
                            .with_secondary(self.source, *first, "first used here")
                            .with_help("rename one of the two"),
                    );
                    step.id = None;
                } else {
                    first_uses.insert(id.clone(), step.at);
                }
            }
            steps.push(step);
        }
        steps
    }

    fn step(&mut self, node: &Node) -> Option<AuthoredStep> {
        let NodeValue::Map(entries) = &node.value else {
            self.wrong_type(node, "a step", "a mapping", "write `id: …` and `uses: …`, each on a line");
            return None;
        };
        let start = node.handle();
        let uses = entries.iter().find(|(key, _)| key.name == "uses").map(|(_, node)| node);
        let fields = self.fields(entries, STEP_KEYS, "a step", uses);
        let id_node = self.required(&fields, "id", "the step", start);
        let id = id_node.and_then(|node| self.name(node, "step"));
        let map = fields.get("map").map(|(key, node)| self.map(&fields, key, node));
        let uses = match map {
            Some(_) => None,
            None => self.required(&fields, "uses", "the step", id_node.map_or(start, |node| node.span)),
        };
        let uses = uses.and_then(|node| self.text(node, "uses"));
        let (inputs, inputs_in_doubt) =
            fields.get("inputs").map(|(_, node)| self.inputs(node, uses.as_ref())).unwrap_or((Vec::new(), false));
        let source = fields.get("source").map(|(_, node)| *node);
        let with = fields.get("with");
        let policy = Policy {
            retry: fields.get("retry").and_then(|(_, node)| self.retry(node)),
            timeout_ms: fields.get("timeout").and_then(|(_, node)| self.time(node, "timeout", false)),
            gate: fields.get("gate").and_then(|(_, node)| self.gate(node)),
            resources: fields.get("resources").and_then(|(_, node)| self.resources(node)),
        };
        let written_id = id_node.and_then(|node| match &node.value {
            NodeValue::Text(text) => Some(text.clone()),
            _ => None,
        });
        Some(AuthoredStep {
            id,
            written_id,
            at: id_node.map_or(start, |node| node.span),
            uses,
            map: map.flatten(),
            source: source.map_or(Some(false), |node| self.source_mark(node)),
            source_at: source.map(|node| node.span),
            inputs,
            inputs_in_doubt,
            with: with.map(|(_, node)| self.entries(node, "with", "write `parameter: value`")).unwrap_or_default(),
            with_key: with.map(|(key, _)| key.span),
            policy,
            shards: None,
        })
    }

    /// Reads `source:`.
    fn source_mark(&mut self, node: &Node) -> Option<bool> {
        if let NodeValue::Bool(mark) = node.value {
            return Some(mark);
        }
        let help = "`source: true` marks a further source of the flow; the parameters of a step belong under `with:`";
        self.wrong_type(node, "source", "true or false", help);
        None
    }

    /// Reads the wiring, and returns whether any of it was invalid.
    fn inputs(&mut self, node: &Node, uses: Option<&Written>) -> (Vec<(Key, Written)>, bool) {
        let port = uses.and_then(|uses| self.types.first_input(&uses.text)).unwrap_or("input");
        let help = match &node.value {
            NodeValue::Text(from) => format!("name the input that takes it: `inputs: {{ {port}: {from} }}`"),
            _ => format!("write `inputs: {{ {port}: step }}`, or `inputs: {{ {port}: step.output }}`"),
        };
        let entries = self.entries(node, "inputs", &help);
        let mut in_doubt = !matches!(node.value, NodeValue::Map(_) | NodeValue::Null);
        let mut inputs = Vec::new();
        for (port, from) in entries {
            match self.text(&from, &port.name) {
                Some(written) => inputs.push((port, written)),
                None => in_doubt = true,
            }
        }
        (inputs, in_doubt)
    }
}
