//! Reads the declarations of parameters.

use super::fields::Reader;
use crate::rules;
use crate::yaml::{Key, Node, NodeValue};

impl Reader<'_> {
    /// Reads `params:` of a manifest; `None` if it is not a mapping.
    pub(super) fn params(&mut self, node: &Node) -> Option<Vec<(Key, Node)>> {
        let mut params = self.entries(node, "params", "write `name: value`");
        if !matches!(node.value, NodeValue::Map(_) | NodeValue::Null) {
            return None;
        }
        params.iter_mut().for_each(|(name, value)| self.param(name, value));
        Some(params)
    }

    /// Checks a declaration. An invalid value is reported and replaced.
    pub(super) fn param(&mut self, name: &Key, value: &mut Node) {
        self.param_name(name);
        match &value.value {
            NodeValue::Map(entries) if names_secret(entries) => {}
            _ => self.param_value(&name.name, value),
        }
    }

    pub(super) fn param_name(&mut self, name: &Key) {
        if !is_identifier(&name.name) {
            let message = format!("`{}` cannot name a parameter", name.name);
            let help =
                "a name contains letters, digits and `_`, does not begin with a digit, and has at most 64 characters";
            self.add(&rules::BAD_NAME, message, name.span, help);
        }
    }

    /// Checks that the value of the parameter `name` is a scalar or a list of scalars. Another is reported and replaced.
    pub(super) fn param_value(&mut self, name: &str, value: &mut Node) {
        let odd = |node: &Node| matches!(node.value, NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_));
        let scalar = "text, a number, or true or false";
        match &value.value {
            NodeValue::List(items) => match items.iter().find(|item| odd(item)) {
                Some(item) => self.wrong_type(item, "a value of a list", scalar, "lists cannot be nested"),
                None => return,
            },
            _ if odd(value) => self.wrong_type(value, name, scalar, "write a value or a list of values"),
            _ => return,
        }
        value.value = NodeValue::Invalid;
    }
}

/// Returns whether this is `{ secret: env:NAME }`, which refers to an environment variable.
fn names_secret(entries: &[(Key, Node)]) -> bool {
    let [(key, node)] = entries else { return false };
    let name = if let NodeValue::Text(text) = &node.value { text.strip_prefix("env:") } else { None };
    key.name == "secret" && name.is_some_and(|name| !name.is_empty() && !name.contains(['=', '\0']))
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|next| next.is_ascii_alphanumeric() || next == '_')
        && name.len() <= 64
}
