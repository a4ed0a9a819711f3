//! The parameters of the flow: what the manifest declares, and what `--set` puts in place of it.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Findings};
use crate::names::listed;
use crate::rules;
use crate::source::{Source, Span};
use crate::yaml::{Key, Node, NodeValue, parse};

/// A value for a parameter of the flow, as `--set name=value` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override(String);

impl Override {
    /// From `name=value`. What is wrong with it, the check says.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
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
    /// Whether what declares them could not be read.
    in_doubt: bool,
}

/// A parameter and where it is from.
#[derive(Debug)]
pub struct Param {
    /// Its name in the manifest.
    pub declared: Span,
    /// Its value.
    pub node: Node,
    /// The text that has it: the manifest or an override.
    pub source: Source,
    /// The value as JSON; none if it is wrong, which has been reported.
    pub value: Option<Value>,
}

impl Param {
    /// The value as text has it: text as it is, and a number or a truth value as it is spelled where it is given, so that
    /// `1.10` stays `1.10`. `None` for a list, and for a value that is wrong.
    pub fn spelling(&self) -> Option<&str> {
        match &self.node.value {
            NodeValue::Text(text) => Some(text),
            NodeValue::Number(_) | NodeValue::Bool(_) => Some(self.source.slice(self.node.span)),
            _ => None,
        }
    }
}

/// The parameters that `declared` says, with `overrides` in place.
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
    for given in overrides {
        params.set(given, source, findings);
    }
    params
}

impl Params {
    /// The parameter called `name`.
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.by_name.get(name)
    }

    /// The names in the order of their declaration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Says that there is no parameter `name`, which stands at `span`.
    pub fn report_unknown(&self, name: &str, source: &Source, span: Span, findings: &mut Findings) {
        if self.in_doubt {
            return;
        }
        let help = match findings.nearest(name, self.names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("declare it under `params:`, as `{name}: …`"),
        };
        let message = format!("the flow has no parameter `{name}`");
        findings.add(Diagnostic::new(&rules::UNKNOWN_PARAM, message, source, span).with_help(help));
    }

    /// Notes that a step uses `name`.
    pub fn mark_used(&mut self, name: &str) {
        if !self.used.contains(name) {
            self.used.insert(name.to_owned());
        }
    }

    /// Those that an override set.
    pub fn overridden(&self) -> &BTreeSet<String> {
        &self.overridden
    }

    /// How the numbers and truth values are spelled that an override set.
    pub fn spelled(&self) -> impl Iterator<Item = (&str, &Value, &str)> {
        self.overridden.iter().filter_map(|name| {
            let param = self.by_name.get(name)?;
            let value = param.value.as_ref().filter(|value| !value.is_string())?;
            Some((name.as_str(), value, param.spelling()?))
        })
    }

    /// The values by name, for the record.
    pub fn values(&self) -> Map<String, Value> {
        let value = |name: &String| Some((name.clone(), self.by_name.get(name)?.value.clone()?));
        self.names.iter().filter_map(value).collect()
    }

    /// Warns of each that no step uses.
    pub fn warn_of_unused(&self, source: &Source, findings: &mut Findings) {
        for name in self.names.iter().filter(|name| !self.used.contains(*name)) {
            let Some(param) = self.by_name.get(name) else { continue };
            let message = format!("the parameter `{name}` is not used");
            let help = format!("write `${{params.{name}}}` where a step needs it, or take it away");
            findings.add(Diagnostic::new(&rules::UNUSED_PARAM, message, source, param.declared).with_help(help));
        }
    }

    fn set(&mut self, given: &Override, manifest: &Source, findings: &mut Findings) {
        let source = Source::new("--set", &given.0);
        let text = source.text();
        let Some((name, _)) = text.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
            let span = Span::new(0, text.len());
            let message = format!("`{text}` is not of the form `name=value`");
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
                Some(meant) => format!("did you mean `{meant}`?"),
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
            let message = format!("`{name}` is {}, and `--set` gives {}", describe(declared), node.describe());
            let whole = Span::new(value_start, text.len());
            let diagnostic = Diagnostic::new(&rules::OVERRIDE_TYPE, message, &source, whole);
            findings.add(diagnostic.with_secondary(manifest, param.declared, "it is declared here"));
            return;
        }
        param.value = node.to_json();
        (param.node, param.source) = (node, source.clone());
        self.overridden.insert(name.to_owned());
    }
}

/// What is expected after `=`, as far as it decides how that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text, which is taken as it is: `--set name=5` needs no quotes.
    Text,
    /// A list of texts, which need no quotes either.
    Texts,
    /// Any other value, written as in a manifest.
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

/// The value that is assigned in `source` from `start` on. `None` if it cannot be read, and `findings` say why. Its places
/// are those in all of `source`.
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

/// Whether `node` can stand where `declared` stood. A whole number and any other are one type: the step that takes it knows
/// better which it needs.
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

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a secret",
    }
}
