//! A step that runs another flow once for each combination of values: `map:`. The flow has a manifest of its own, or its steps
//! are in place.

use serde::{Deserialize, Serialize};

use super::fields::{Fields, Reader};
use super::{AuthoredStep, Written};
use crate::rules;
use crate::source::Span;
use crate::yaml::{Key, Node, NodeValue};

const KEYS: &[&str] = &["flow", "steps", "params", "over", "take", "on_error"];

/// The `map:` of a step. Invalid parts have been reported and are absent.
#[derive(Debug, Clone)]
pub struct MapOver {
    /// The span of the key `map`.
    pub at: Span,
    /// The flow to run.
    pub flow: Option<MapFlow>,
    /// The parameters of the flow that have the same value in all children.
    pub params: Vec<(Key, Node)>,
    /// The parameters of the flow that differ between children, each with a list of at least one value, or with the pattern of
    /// files as `{ files: PATTERN }`.
    pub over: Vec<(Key, Node)>,
    /// The outputs of the flow to gather, by the name of the column.
    pub take: Vec<(Key, Written)>,
    /// What to do when a child fails.
    pub on_error: OnError,
}

/// The flow that a `map` runs.
#[derive(Debug, Clone)]
pub enum MapFlow {
    /// The path of its manifest: text that may contain placeholders.
    File(Node),
    /// Its steps. Their only parameters are those under `over` and `params` of the `map`.
    InPlace {
        /// The span of the key `steps`.
        at: Span,
        /// The steps in order.
        steps: Vec<AuthoredStep>,
    },
}

impl MapOver {
    /// Returns the values in which parameters of the flow around the `map` are filled in.
    pub fn values(&self) -> impl Iterator<Item = &Node> {
        let file = match &self.flow {
            Some(MapFlow::File(node)) => Some(node),
            _ => None,
        };
        file.into_iter().chain(self.params.iter().chain(&self.over).map(|(_, node)| node))
    }

    /// Returns the steps in place; empty if the flow has a manifest of its own.
    pub fn steps(&self) -> &[AuthoredStep] {
        match &self.flow {
            Some(MapFlow::InPlace { steps, .. }) => steps,
            _ => &[],
        }
    }

    /// Returns the parameters of the flow in the order of the manifest, each with its value or the first of its values.
    pub fn first_values(&self) -> Vec<(Key, Node)> {
        let first = |node: &Node| match &node.value {
            NodeValue::List(values) => values.first().cloned(),
            _ => files_of(node).cloned(),
        };
        let over = self.over.iter().filter_map(|(key, node)| Some((key.clone(), first(node)?)));
        let given = |name: &str| self.over.iter().any(|(key, _)| key.name == name);
        over.chain(self.params.iter().filter(|(key, _)| !given(&key.name)).cloned()).collect()
    }
}

/// What a step with `map:` does when a child fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The step fails, after the other children have ended.
    #[default]
    Fail,
    /// The step succeeds, and the row of the child has the error.
    Collect,
}

impl OnError {
    /// The values of the key `on_error`.
    pub const NAMES: [&'static str; 2] = ["fail", "collect"];

    /// Returns whether this is the value of a manifest that does not say.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "fail" => Some(Self::Fail),
            "collect" => Some(Self::Collect),
            _ => None,
        }
    }
}

/// Returns the pattern of `{ files: PATTERN }`; `None` for any other value.
pub fn files_of(node: &Node) -> Option<&Node> {
    match &node.value {
        NodeValue::Map(entries) => match entries.as_slice() {
            [(key, pattern)] if key.name == "files" && matches!(pattern.value, NodeValue::Text(_)) => Some(pattern),
            _ => None,
        },
        _ => None,
    }
}

impl Reader<'_> {
    /// Reads `map:` of a step with these `fields`; `None` if it is not a mapping.
    pub(super) fn map(&mut self, fields: &Fields<'_>, key: &Key, node: &Node) -> Option<MapOver> {
        for (other, help) in [
            ("uses", "remove one of the two: `map` runs a flow, `uses` a step type"),
            ("with", "the parameters of the flow go under `params:` in `map:`"),
        ] {
            if let Some((other_key, _)) = fields.get(other) {
                let message = format!("a step with `map` cannot have `{other}`");
                self.add(&rules::MAP_WITH_OTHERS, message, other_key.span, help);
            }
        }
        let NodeValue::Map(entries) = &node.value else {
            self.wrong_type(node, "map", "a mapping", "write `map: { flow: FILE, over: { parameter: [values] } }`");
            return None;
        };
        let fields = self.fields(entries, KEYS, "`map`", None);
        let flow = self.map_flow(&fields, key);
        let params = fields.get("params").map(|(_, node)| self.entries(node, "params", "write `name: value`"));
        let over = self.required(&fields, "over", "the `map`", key.span).map(|node| self.over(node));
        let (mut params, mut over) = (params.unwrap_or_default(), over.unwrap_or_default());
        if let Some(MapFlow::InPlace { .. }) = flow {
            // They are the declarations of the parameters.
            params.iter_mut().for_each(|(key, node)| self.param(key, node));
            for (key, node) in &mut over {
                self.param_name(key);
                if let NodeValue::List(values) = &mut node.value {
                    values.iter_mut().for_each(|value| self.param_value(&key.name, value));
                }
            }
        }
        let take = fields.get("take").map(|(_, node)| self.take(node));
        let on_error = fields.get("on_error").and_then(|(_, node)| self.on_error(node));
        Some(MapOver {
            at: key.span,
            flow,
            params,
            over,
            take: take.unwrap_or_default(),
            on_error: on_error.unwrap_or_default(),
        })
    }

    /// Reads what the `map` runs: `flow:` or `steps:`.
    fn map_flow(&mut self, fields: &Fields<'_>, map: &Key) -> Option<MapFlow> {
        match (fields.get("flow"), fields.get("steps")) {
            (Some((_, flow)), Some((key, _))) => {
                let help = "remove one of the two: `flow` names the manifest that has the steps";
                self.add(&rules::MAP_WITH_OTHERS, "a `map` with `flow` cannot have `steps`", key.span, help);
                self.text(flow, "flow").map(|_| MapFlow::File((*flow).clone()))
            }
            (Some((_, flow)), None) => self.text(flow, "flow").map(|_| MapFlow::File((*flow).clone())),
            (None, Some((key, node))) => Some(MapFlow::InPlace { at: key.span, steps: self.steps(node, key.span) }),
            (None, None) => {
                let help = "add `flow: FILE`, or `steps: […]`";
                self.add(&rules::MISSING_KEY, "the `map` has no `flow` and no `steps`", map.span, help);
                None
            }
        }
    }

    fn over(&mut self, node: &Node) -> Vec<(Key, Node)> {
        let help = "write `parameter: [values]`, as in `over: { max_weight: [300, 400] }`";
        let mut over = self.entries(node, "over", help);
        if over.is_empty() && matches!(node.value, NodeValue::Map(_) | NodeValue::Null) {
            self.add(&rules::MAP_VALUES, "`over` names no parameter", node.handle(), help);
        }
        over.retain(|(key, node)| match &node.value {
            NodeValue::List(values) if values.is_empty() => {
                let message = format!("`over` has no value for `{}`", key.name);
                self.add(&rules::MAP_VALUES, message, node.handle(), help);
                false
            }
            NodeValue::List(_) => true,
            NodeValue::Map(_) if files_of(node).is_some() => true,
            _ => {
                self.wrong_type(node, &key.name, "a list, or `{ files: PATTERN }`", help);
                false
            }
        });
        over
    }

    fn take(&mut self, node: &Node) -> Vec<(Key, Written)> {
        let entries =
            self.entries(node, "take", "write `column: step`, `column: step.output` or `column: step.column`");
        let read = |(column, node): (Key, Node)| self.text(&node, &column.name).map(|written| (column, written));
        entries.into_iter().filter_map(read).collect()
    }

    fn on_error(&mut self, node: &Node) -> Option<OnError> {
        let written = self.text(node, "on_error")?;
        let on_error = OnError::named(&written.text);
        if on_error.is_none() {
            let message = format!("`on_error` is `fail` or `collect`, not `{}`", written.text);
            let help = "`fail` fails the step, `collect` puts the error into the row of the child";
            self.add(&rules::WRONG_TYPE, message, written.span, help);
        }
        on_error
    }
}
