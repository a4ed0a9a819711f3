//! Reads the keys of mappings and checks the types of their values.

use std::collections::HashMap;

use super::{StepTypes, Written};
use crate::diagnostic::{Diagnostic, Findings};
use crate::license::{self, is_license};
use crate::names::listed;
use crate::rules;
use crate::source::{Source, Span};
use crate::step_id::StepId;
use crate::yaml::{Key, Node, NodeValue};

/// The value of each key, with the key as it is written.
pub(super) type Fields<'n> = HashMap<&'static str, (&'n Key, &'n Node)>;

/// Reads nodes of expected types, and reports those of other types.
pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    pub(super) types: &'a dyn StepTypes,
    pub(super) findings: &'a mut Findings,
}

impl Reader<'_> {
    /// Returns the values of the `allowed` keys. Reports other keys; one that is probably a misspelling of an absent
    /// allowed key is used as that key.
    pub(super) fn fields<'n>(
        &mut self,
        entries: &'n [(Key, Node)],
        allowed: &'static [&'static str],
        owner: &str,
        uses: Option<&Node>,
    ) -> Fields<'n> {
        let mut fields = Fields::new();
        let known = |name: &str| allowed.iter().copied().find(|key| *key == name);
        for (key, node) in entries {
            if let Some(name) = known(&key.name) {
                fields.insert(name, (key, node));
            }
        }
        for (key, node) in entries.iter().filter(|(key, _)| known(&key.name).is_none()) {
            let nearest = self.findings.nearest(&key.name, allowed.iter().copied()).and_then(known);
            let help = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None if self.is_param(uses, &key.name) => {
                    format!("`{}` is a parameter: put it under `with:`", key.name)
                }
                None => format!("{owner} has the keys {}", listed(allowed)),
            };
            self.add(&rules::UNKNOWN_KEY, format!("{owner} has no key `{}`", key.name), key.span, &help);
            if let Some(nearest) = nearest {
                fields.entry(nearest).or_insert((key, node));
            }
        }
        fields
    }

    fn is_param(&self, uses: Option<&Node>, name: &str) -> bool {
        let Some(NodeValue::Text(uses)) = uses.map(|node| &node.value) else { return false };
        self.types.is_param(uses, name)
    }

    pub(super) fn required<'n>(&mut self, fields: &Fields<'n>, key: &str, owner: &str, at: Span) -> Option<&'n Node> {
        let found = fields.get(key).map(|(_, node)| *node);
        if found.is_none() {
            let message = format!("{owner} has no `{key}`");
            self.add(&rules::MISSING_KEY, message, at, &format!("add `{key}: …`"));
        }
        found
    }

    pub(super) fn name(&mut self, node: &Node, what: &str) -> Option<StepId> {
        let written = self.text(node, if what == "step" { "id" } else { what })?;
        let id = StepId::new(&written.text).ok();
        if id.is_none() {
            let message = format!("`{}` cannot name a {what}", written.text);
            let form = "a name begins with a lower-case letter, contains lower-case letters, digits, `_` and `-`, and has at most 64 characters";
            let help = match StepId::like(&written.text) {
                Some(name) => format!("{form}, such as `{name}`"),
                None => form.to_owned(),
            };
            self.add(&rules::BAD_NAME, message, written.span, &help);
        }
        id
    }

    pub(super) fn text(&mut self, node: &Node, key: &str) -> Option<Written> {
        if let NodeValue::Text(text) = &node.value {
            return Some(Written { text: text.clone(), span: node.span });
        }
        let help = match node.value {
            NodeValue::Bool(_) | NodeValue::Number(_) => "quote it to make it text",
            _ => "write text after the `:`",
        };
        self.wrong_type(node, key, "text", help);
        None
    }

    pub(super) fn license(&mut self, node: &Node) -> Option<String> {
        let Written { text, span } = self.text(node, "license")?;
        if is_license(&text) {
            return Some(text);
        }
        let message = format!("`{text}` is not a license: expected {}", license::EXPECTED);
        self.add(&rules::WRONG_TYPE, message, span, "write `license: CC-BY-4.0`, or `license: https://…`");
        None
    }

    /// Returns the entries of a mapping. A key without a value is an empty mapping.
    pub(super) fn entries(&mut self, node: &Node, key: &str, help: &str) -> Vec<(Key, Node)> {
        match &node.value {
            NodeValue::Map(entries) => entries.clone(),
            NodeValue::Null => Vec::new(),
            _ => {
                self.wrong_type(node, key, "a mapping", help);
                Vec::new()
            }
        }
    }

    pub(super) fn wrong_type(&mut self, node: &Node, key: &str, expected: &str, help: &str) {
        if node.value == NodeValue::Invalid {
            return;
        }
        let name = if key.starts_with("a ") { key.to_owned() } else { format!("`{key}`") };
        let message = match node.value {
            NodeValue::Null => format!("{name} has no value; expected {expected}"),
            _ => format!("{name} has the wrong type: expected {expected}, found {}", node.describe()),
        };
        self.add(&rules::WRONG_TYPE, message, node.handle(), help);
    }

    pub(super) fn add(&mut self, rule: &'static rules::Rule, message: impl Into<String>, span: Span, help: &str) {
        self.findings.add(Diagnostic::new(rule, message, self.source, span).with_help(help));
    }
}
