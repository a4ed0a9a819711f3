//! Placeholders in the parameters of a step, and the parameters of the flow that its expressions name.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Binder;
use crate::manifest::authored::AuthoredStep;
use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::places::Places;
use crate::manifest::rules;
use crate::manifest::source::Span;
use crate::manifest::template::{self, Filled, Part};
use crate::manifest::yaml::{Node, NodeValue};
use crate::step::ParamType;

impl Binder<'_> {
    /// Fills in the placeholders of a step whose type is not known.
    pub(in crate::manifest) fn fill_only(&mut self, step: &AuthoredStep) {
        for (_, node) in &step.with {
            let mut used = BTreeSet::new();
            self.fill(node, &mut used);
            self.mark_named(node);
        }
    }

    /// The value with its placeholders filled in; `None` if any part of it is wrong.
    pub(super) fn fill(&mut self, node: &Node, used: &mut BTreeSet<String>) -> Option<Value> {
        match &node.value {
            NodeValue::Text(text) if text.contains("${") => {
                self.fill_text(text, node.span, used).map(|filled| filled.value)
            }
            NodeValue::List(items) => {
                let items: Vec<Option<Value>> = items.iter().map(|item| self.fill(item, used)).collect();
                items.into_iter().collect::<Option<_>>().map(Value::Array)
            }
            NodeValue::Map(entries) => {
                let members: Vec<Option<(String, Value)>> =
                    entries.iter().map(|(key, item)| Some((key.name.clone(), self.fill(item, used)?))).collect();
                members.into_iter().collect::<Option<_>>().map(Value::Object)
            }
            _ => node.to_json(),
        }
    }

    fn fill_text(&mut self, text: &str, span: Span, used: &mut BTreeSet<String>) -> Option<Filled> {
        let (parts, places) = (template::parts(text), Places::new(self.source, span, text));
        let mut good = true;
        for part in &parts {
            match part {
                Part::Text(_) | Part::Escape(_) => {}
                Part::Bad { at, message } => {
                    good = false;
                    let at = places.of(at);
                    let help = "write `${params.NAME}`, or `$${` for a `${` that stands for itself";
                    self.findings
                        .add(Diagnostic::new(&rules::BAD_PLACEHOLDER, message, self.source, at).with_help(help));
                }
                Part::Param { name, at } => {
                    self.params.mark_used(name);
                    used.insert(name.clone());
                    match self.params.get(name) {
                        Some(param) => good &= param.value.is_some(),
                        None => {
                            good = false;
                            let at = places.of(at);
                            self.params.report_unknown(name, self.source, at, self.findings);
                        }
                    }
                }
            }
        }
        if !good {
            return None;
        }
        let value_of =
            |name: &str| self.params.get(name).and_then(|param| param.value.as_ref()).unwrap_or(&Value::Null);
        match template::fill(text, &parts, value_of) {
            Ok(filled) => Some(filled),
            Err(template::ListInText(name, at)) => {
                let at = places.of(&at);
                let message = format!("the parameter `{name}` is a list, which cannot be put into text");
                let mut diagnostic = Diagnostic::new(&rules::LIST_IN_TEXT, message, self.source, at);
                if let Some(param) = self.params.get(&name) {
                    diagnostic = diagnostic.with_secondary(self.source, param.declared, "it is declared here");
                }
                let help = format!("let the placeholder stand alone: `${{params.{name}}}`");
                self.findings.add(diagnostic.with_help(help));
                None
            }
        }
    }

    /// Hands each expression the parameters of the flow that it may name.
    pub(super) fn give_params(&mut self, value: &mut Value, ty: &ParamType, used: &mut BTreeSet<String>) {
        match (ty, &mut *value) {
            (ParamType::Expression, Value::String(cel)) => {
                let mut named = Map::new();
                for name in words(cel) {
                    if let Some(given) = self.params.get(name).and_then(|param| param.value.clone()) {
                        named.insert(name.to_owned(), given);
                    }
                }
                for name in named_params(cel) {
                    self.params.mark_used(name);
                    used.insert(name.to_owned());
                }
                if !named.is_empty() {
                    *value = json!({ "cel": cel, "params": named });
                }
            }
            (ParamType::Optional(inner), _) => self.give_params(value, inner, used),
            (ParamType::List(inner), Value::Array(items)) => {
                items.iter_mut().for_each(|item| self.give_params(item, inner, used));
            }
            (ParamType::Map(inner), Value::Object(members)) => {
                members.values_mut().for_each(|member| self.give_params(member, inner, used));
            }
            _ => {}
        }
    }

    /// Marks all that may be meant as a parameter of the flow.
    fn mark_named(&mut self, node: &Node) {
        match &node.value {
            NodeValue::Text(text) => named_params(text).for_each(|name| self.params.mark_used(name)),
            NodeValue::List(items) => items.iter().for_each(|item| self.mark_named(item)),
            NodeValue::Map(entries) => entries.iter().for_each(|(_, item)| self.mark_named(item)),
            _ => {}
        }
    }
}

/// The identifiers in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The names after `params.` in a text.
fn named_params(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("params").filter_map(|(at, found)| {
        let rest = text[at + found.len()..].trim_start().strip_prefix('.')?;
        words(rest.trim_start()).next()
    })
}
