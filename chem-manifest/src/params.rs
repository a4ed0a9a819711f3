//! The parameters of the flow: what the manifest declares, and what `--set` overrides.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Findings};
use crate::names::listed;
use crate::rules;
use crate::source::{Source, Span};
use crate::yaml::{Key, Node, NodeValue, kind_of, parse};

/// The argument of one `--set name=value`.
#[derive(Debug, Clone)]
pub struct Override {
    text: String,
    /// The manifest that has the value, and its span there.
    written: Option<(Source, Span)>,
}

impl Override {
    /// From `name=value`. Not validated here: [`resolve`] reports mistakes.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), written: None }
    }

    /// From `name=value`, for a value that a manifest has at `span`.
    pub fn written(text: impl Into<String>, manifest: &Source, span: Span) -> Self {
        Self { written: Some((manifest.clone(), span)), ..Self::new(text) }
    }

    /// Returns the value with the text that it was read from: that of the manifest, unless it is spelled otherwise there.
    fn located(&self, node: Node, source: Source) -> (Node, Source) {
        match &self.written {
            Some((manifest, span)) => match &node.value {
                NodeValue::Number(_) | NodeValue::Bool(_) if manifest.slice(*span) != source.slice(node.span) => {
                    (node, source)
                }
                NodeValue::List(_) => (node, source),
                _ => (Node { span: *span, ..node }, manifest.clone()),
            },
            None => (node, source),
        }
    }
}

/// The parameters of a flow after all overrides.
#[derive(Debug, Default)]
pub struct Params {
    by_name: HashMap<String, Param>,
    /// The names in the order of their declaration.
    names: Vec<String>,
    overridden: BTreeSet<String>,
    used: BTreeSet<String>,
    /// Whether `params:` could not be read, so that a name may be unknown only for that reason.
    in_doubt: bool,
}

/// A parameter and the source of its value.
#[derive(Debug)]
pub struct Param {
    /// The span of its name in the manifest.
    pub declared: Span,
    /// The value, with spans into `source`.
    pub node: Node,
    /// The text with the value: the manifest or an override.
    pub source: Source,
    /// The value as JSON; `None` if it is invalid and has been reported.
    pub value: Option<Value>,
}

impl Param {
    /// Returns the value as it is inserted into text. Numbers and booleans keep the spelling of their source: `1.10` stays
    /// `1.10`. Returns `None` for lists and invalid values.
    pub fn spelling(&self) -> Option<&str> {
        match &self.node.value {
            NodeValue::Text(text) => Some(text),
            NodeValue::Number(_) | NodeValue::Bool(_) => Some(self.source.slice(self.node.span)),
            _ => None,
        }
    }
}

/// Applies `overrides` to the `declared` parameters. `declared` is `None` if `params:` could not be read.
pub fn resolve(
    declared: Option<Vec<(Key, Node)>>,
    overrides: &[Override],
    source: &Source,
    findings: &mut Findings,
) -> Params {
    let mut params = Params { in_doubt: declared.is_none(), ..Params::default() };
    for (key, node) in declared.into_iter().flatten() {
        let param = Param { declared: key.span, value: node.to_json(), node, source: source.clone() };
        params.names.push(key.name.clone());
        params.by_name.insert(key.name, param);
    }
    for assignment in overrides {
        params.set(assignment, source, findings);
    }
    params
}

impl Params {
    /// Returns the parameter called `name`.
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.by_name.get(name)
    }

    /// Returns the names in the order of their declaration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Reports that the parameter `name`, used at `span`, does not exist.
    pub fn report_unknown(&self, name: &str, source: &Source, span: Span, findings: &mut Findings) {
        if self.in_doubt {
            return;
        }
        let help = match findings.nearest(name, self.names()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("declare it under `params:`, as `{name}: …`"),
        };
        let message = format!("the flow has no parameter `{name}`");
        findings.add(Diagnostic::new(&rules::UNKNOWN_PARAM, message, source, span).with_help(help));
    }

    /// Records that a step uses `name`.
    pub fn mark_used(&mut self, name: &str) {
        if !self.used.contains(name) {
            self.used.insert(name.to_owned());
        }
    }

    /// Returns the names of the parameters that an override set.
    pub fn overridden(&self) -> &BTreeSet<String> {
        &self.overridden
    }

    /// Returns the name, value and original spelling of each number and boolean that an override set.
    pub fn spelled(&self) -> impl Iterator<Item = (&str, &Value, &str)> {
        self.overridden.iter().filter_map(|name| {
            let param = self.by_name.get(name)?;
            let value = param.value.as_ref().filter(|value| !value.is_string())?;
            Some((name.as_str(), value, param.spelling()?))
        })
    }

    /// Returns the values by name, as the log records them.
    pub fn values(&self) -> Map<String, Value> {
        let value = |name: &String| Some((name.clone(), self.by_name.get(name)?.value.clone()?));
        self.names.iter().filter_map(value).collect()
    }

    /// Warns of each parameter that no step uses.
    pub fn warn_of_unused(&self, source: &Source, findings: &mut Findings) {
        for name in self.names.iter().filter(|name| !self.used.contains(*name)) {
            let Some(param) = self.by_name.get(name) else { continue };
            let message = format!("the parameter `{name}` is not used");
            let help = format!("write `${{params.{name}}}` where a step needs it, or remove it");
            findings.add(Diagnostic::new(&rules::UNUSED_PARAM, message, source, param.declared).with_help(help));
        }
    }

    fn set(&mut self, assignment: &Override, manifest: &Source, findings: &mut Findings) {
        let source = Source::new("--set", &assignment.text);
        let text = source.text();
        let Some((name, _)) = text.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
            let span = Span::new(0, text.len());
            let message = format!("expected `name=value`, found `{text}`");
            let help = "write `--set name=value`";
            findings.add(Diagnostic::new(&rules::BAD_OVERRIDE, message, &source, span).with_help(help));
            return;
        };
        let (value_start, name_end) = (name.len() + 1, name.trim_end().len());
        let name = name.trim();
        let Some(param) = self.by_name.get_mut(name) else {
            if self.in_doubt {
                return;
            }
            let message = format!("the flow has no parameter `{name}`");
            let help = match findings.nearest(name, self.names.iter().map(String::as_str)) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None if self.names.is_empty() => "the manifest declares no `params:`".to_owned(),
                None => {
                    let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
                    format!("it has {}", listed(&names))
                }
            };
            let span = Span::new(0, name_end);
            findings.add(Diagnostic::new(&rules::UNKNOWN_OVERRIDE, message, &source, span).with_help(help));
            return;
        };
        let Some(declared) = &param.value else { return };
        let Some(node) = read_assigned(&source, value_start, Form::of(declared), findings) else { return };
        if !agrees(declared, &node) {
            // The only mapping that can be declared is a secret.
            let declared = if declared.is_object() { "a secret" } else { kind_of(declared) };
            let message = format!("`{name}` is {declared}, but `--set` gives {}", node.describe());
            let whole = Span::new(value_start, text.len());
            let diagnostic = Diagnostic::new(&rules::OVERRIDE_TYPE, message, &source, whole);
            findings.add(diagnostic.with_secondary(manifest, param.declared, "declared here"));
            return;
        }
        param.value = node.to_json();
        (param.node, param.source) = assignment.located(node, source.clone());
        self.overridden.insert(name.to_owned());
    }
}

/// How the text after `=` is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As literal text: `--set name=5` needs no quotes.
    Text,
    /// As a YAML list whose numbers and booleans are text.
    Texts,
    /// As YAML.
    Value,
}

impl Form {
    fn of(declared: &Value) -> Self {
        match declared {
            Value::String(_) => Self::Text,
            Value::Array(items) if items.iter().all(Value::is_string) => Self::Texts,
            _ => Self::Value,
        }
    }
}

/// Parses the value in `source` from the byte `start` on. Its spans are relative to all of `source`. Returns `None` and
/// reports to `findings` if the value is not valid YAML.
pub fn read_assigned(source: &Source, start: usize, form: Form, findings: &mut Findings) -> Option<Node> {
    let whole = Span::new(start, source.text().len());
    if form == Form::Text {
        return Some(Node { span: whole, value: NodeValue::Text(source.slice(whole).to_owned()) });
    }
    let value = Source::new(source.name(), source.slice(whole));
    let mut wrong = Findings::default();
    let node = parse(&value, &mut wrong);
    let failed = wrong.has_errors();
    for mut diagnostic in wrong.into_sorted(&value) {
        for label in std::iter::once(&mut diagnostic.primary).chain(&mut diagnostic.secondary) {
            label.source = source.clone();
            label.span = Span::new(label.span.start + start, label.span.end + start);
        }
        findings.add(diagnostic);
    }
    if failed {
        return None;
    }
    let mut node = node.unwrap_or(Node { span: Span::default(), value: NodeValue::Null });
    shift(&mut node, start);
    if let (Form::Texts, NodeValue::List(items)) = (form, &mut node.value) {
        for item in items.iter_mut().filter(|item| matches!(item.value, NodeValue::Number(_) | NodeValue::Bool(_))) {
            item.value = NodeValue::Text(source.slice(item.span).to_owned());
        }
    }
    Some(node)
}

fn shift(node: &mut Node, by: usize) {
    node.span = Span::new(node.span.start + by, node.span.end + by);
    if let NodeValue::List(items) = &mut node.value {
        items.iter_mut().for_each(|item| shift(item, by));
    }
}

/// Returns whether `node` can override `declared`. Integers and floats are one type here: the step that takes the value
/// checks which it needs.
fn agrees(declared: &Value, node: &Node) -> bool {
    match (declared, &node.value) {
        (Value::String(_), NodeValue::Text(_))
        | (Value::Bool(_), NodeValue::Bool(_))
        | (Value::Number(_), NodeValue::Number(_)) => true,
        (Value::Array(_), NodeValue::List(items)) => {
            items.iter().all(|item| !matches!(item.value, NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_)))
        }
        _ => false,
    }
}
