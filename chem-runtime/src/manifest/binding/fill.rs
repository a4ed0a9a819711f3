//! Fills in the placeholders in the parameters of a step, and the flow parameters that its expressions name.

use std::collections::BTreeSet;

use chem_manifest::authored::AuthoredStep;
use chem_manifest::params::Params;
use chem_manifest::template::{named_params, parts, words};
use chem_manifest::yaml::{Key, Node, NodeValue};
use serde_json::{Map, Value};

use super::Binder;
use crate::manifest::template;
use crate::step::{Expression, ParamType};

impl Binder<'_> {
    /// Checks the placeholders of a step of unknown type.
    pub(in crate::manifest) fn check_only(&mut self, step: &AuthoredStep) {
        for node in step.values() {
            self.params.check(node, self.source, &mut BTreeSet::new(), self.findings);
            self.params.mark_named(node);
        }
    }

    /// Returns the value with its placeholders filled in; `None` if any part of it is invalid.
    pub(super) fn fill(&mut self, node: &Node, used: &mut BTreeSet<String>) -> Option<Value> {
        self.params.check(node, self.source, used, self.findings).then(|| filled(node, self.params))?
    }

    /// Adds to each expression the flow parameters that it may name.
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
                *value = Expression::value_of(cel, named);
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
}

/// Returns the value with its placeholders filled in, which must be checked already; `None` if any part of it is
/// invalid.
pub(in crate::manifest) fn filled(node: &Node, params: &Params) -> Option<Value> {
    match &node.value {
        NodeValue::Text(text) if text.contains("${") => {
            template::fill(text, &parts(text), |name| params.get(name)).map(|filled| filled.value)
        }
        NodeValue::List(items) => {
            items.iter().map(|item| filled(item, params)).collect::<Option<_>>().map(Value::Array)
        }
        NodeValue::Map(entries) => {
            let member = |(key, item): &(Key, Node)| Some((key.name.clone(), filled(item, params)?));
            entries.iter().map(member).collect::<Option<_>>().map(Value::Object)
        }
        _ => node.to_json(),
    }
}

/// Returns the text of `node` with its placeholders filled in, which must be checked already; `None` if it is not text.
pub(in crate::manifest) fn filled_text(node: &Node, params: &Params) -> Option<String> {
    let NodeValue::Text(text) = &node.value else { return None };
    let filled = template::fill_text(text, &parts(text), |name| params.get(name))?;
    filled.value.as_str().map(str::to_owned)
}
