//! The flow that `chem run --sweep` runs: one step with `map:` over the flow of a manifest.

use std::collections::BTreeMap;
use std::path::Path;

use chem_manifest::params::{Form, read_assigned};
use chem_manifest::yaml::{Node, NodeValue};
use chem_manifest::{Diagnostic, Findings, Override, Source, StepId, rules};
use serde_json::{Value, json};

use super::{Checked, check, load};
use crate::flow::FlowDefinition;
use crate::step::{OutputSpec, Registry, StepKind};

/// What `chem run --sweep` is asked for.
#[derive(Debug, Clone, Default)]
pub struct Sweep {
    /// The parameters with their values, each as `name=value,value`, or as `name=[value, value]`.
    pub over: Vec<String>,
    /// The parameters that all children get, each as `name=value`.
    pub set: Vec<String>,
    /// What to take from each child, as `column=step`, `column=step.output`, `column=step.column`, or without the column. If
    /// empty, the numbers of rows of all tables.
    pub take: Vec<String>,
    /// Whether a failed child becomes a row instead of failing the sweep.
    pub collect: bool,
}

/// Reads the manifest at `path`, and returns the flow that runs it once for each combination of values.
pub fn load_sweep(path: &Path, sweep: &Sweep, registry: &Registry) -> Checked {
    let set: Vec<Override> = sweep.set.iter().map(Override::new).collect();
    // The manifest with its own values shows the types of the parameters, and its mistakes at their places.
    let checked = load(path, &set, registry);
    let Some(flow) = &checked.definition else { return checked };
    let mut findings = Findings::default();
    let yaml = manifest(path, flow, sweep, &mut findings);
    let source = Source::new("--sweep", &yaml);
    if findings.has_errors() {
        return Checked { definition: None, diagnostics: findings.into_sorted(&source), ..checked };
    }
    check(&source, &[], registry, path.parent().unwrap_or(Path::new(".")))
}

/// Writes the manifest of the sweep. Numbers keep the spelling that they have on the command line.
fn manifest(path: &Path, flow: &FlowDefinition, sweep: &Sweep, findings: &mut Findings) -> String {
    let name = StepId::like(&format!("{}-sweep", flow.name().unwrap_or("flow")));
    let name = name.map_or("sweep".to_owned(), |name| name.to_string());
    let mut lines = vec![format!("flow: {name}"), "steps:".into(), "  - id: sweep".into(), "    map:".into()];
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    lines.push(format!("      flow: {}", quoted(&file)));
    let one = |assignment: &String| assigned(assignment, flow, false, findings);
    let fixed: BTreeMap<String, String> = sweep.set.iter().filter_map(one).collect();
    if !fixed.is_empty() {
        lines.push(format!("      params: {}", mapping(&fixed)));
    }
    let list = |assignment: &String| assigned(assignment, flow, true, findings);
    let over: Vec<(String, String)> = sweep.over.iter().filter_map(list).collect();
    lines.push(format!("      over: {}", entries(over.iter().map(|(name, list)| (name, list)))));
    let taken =
        if sweep.take.is_empty() { tables(flow, &over) } else { sweep.take.iter().map(|take| named(take)).collect() };
    lines.push(format!("      take: {}", entries(taken.iter().map(|(column, from)| (column, from)))));
    if sweep.collect {
        lines.push("      on_error: collect".to_owned());
    }
    lines.join("\n") + "\n"
}

/// Returns a parameter with its value or its list of values, as YAML in the type that the flow declares.
fn assigned(text: &str, flow: &FlowDefinition, list: bool, findings: &mut Findings) -> Option<(String, String)> {
    let source = Source::new("--sweep", text);
    let Some((name, values)) = text.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
        let span = chem_manifest::Span::new(0, text.len());
        let message = format!("expected `name=value,value`, found `{text}`");
        let diagnostic = Diagnostic::new(&rules::BAD_OVERRIDE, message, &source, span);
        findings.add(diagnostic.with_help("write `--sweep name=value,value`"));
        return None;
    };
    let declared = flow.params().get(name.trim());
    let is_text = matches!(declared, Some(Value::String(_)) | None);
    let start = name.len() + 1;
    let name = name.trim().to_owned();
    if !list {
        let value = if is_text { quoted(values) } else { values.to_owned() };
        return Some((name, value));
    }
    if values.trim_start().starts_with('[') {
        let form = if is_text { Form::Texts } else { Form::Value };
        let node = read_assigned(&source, start, form, findings)?;
        let items = match &node.value {
            NodeValue::List(items) => items.iter().map(|item| spelled(item, &source)).collect::<Option<Vec<_>>>()?,
            _ => return None,
        };
        return Some((name, format!("[{}]", items.join(", "))));
    }
    let items = values.split(',').map(str::trim).map(|value| if is_text { quoted(value) } else { value.to_owned() });
    Some((name, format!("[{}]", items.collect::<Vec<_>>().join(", "))))
}

/// Returns a value as YAML: a number as it is spelled.
fn spelled(node: &Node, source: &Source) -> Option<String> {
    match &node.value {
        NodeValue::Number(_) | NodeValue::Bool(_) => Some(source.slice(node.span).to_owned()),
        NodeValue::Text(text) => Some(quoted(text)),
        _ => node.to_json().map(|value| value.to_string()),
    }
}

/// Returns the main output of each step that is a table, by the name of its step.
fn tables(flow: &FlowDefinition, over: &[(String, String)]) -> Vec<(String, String)> {
    let steps = flow.steps().iter().map(|step| step.step()).filter(|step| step.kind() != StepKind::Sink);
    let tables =
        steps.filter(|step| step.outputs().first().is_some_and(OutputSpec::is_table)).map(|step| step.id().to_string());
    let column = |id: &String| if over.iter().any(|(name, _)| name == id) { format!("{id}_rows") } else { id.clone() };
    tables.map(|id| (column(&id), quoted(&id))).collect()
}

/// Returns the column and the output that `--take` names.
fn named(take: &str) -> (String, String) {
    match take.split_once('=') {
        Some((column, from)) => (column.trim().to_owned(), quoted(from.trim())),
        None => (take.trim().replace('.', "_"), quoted(take.trim())),
    }
}

fn mapping(values: &BTreeMap<String, String>) -> String {
    entries(values.iter())
}

/// Writes a mapping of values that are YAML already.
fn entries<'e>(entries: impl Iterator<Item = (&'e String, &'e String)>) -> String {
    let entries: Vec<String> = entries.map(|(name, value)| format!("{}: {value}", quoted(name))).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// Writes a text in quotes, in which a placeholder is no placeholder.
fn quoted(text: &str) -> String {
    json!(text.replace("${", "$${")).to_string()
}
