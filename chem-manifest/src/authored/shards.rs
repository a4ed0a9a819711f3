//! Steps of a flow that run in shards: `map:` with `over:` and `steps:`.

use super::fields::Reader;
use super::{AuthoredStep, Written};
use crate::rules;
use crate::source::Span;
use crate::yaml::{Key, Node, NodeValue};

const KEYS: &[&str] = &["over", "rows", "steps"];

/// How a step runs in shards.
#[derive(Debug, Clone)]
pub struct InShards {
    /// The span of the key `map`.
    pub at: Span,
    /// The id of the first step of the group, as written; empty if it has none.
    pub group: String,
    /// Whether this is the first step of the group.
    pub is_first: bool,
    /// The output that is cut into shards, as `step` or `step.output`.
    pub over: Written,
    /// The number of rows of a shard, about; at least 1.
    pub rows: usize,
}

/// Returns the `map:` of an item of `steps:`, if its steps run in shards. Otherwise, the item is a step.
fn group_of(item: &Node) -> Option<(&Key, &[(Key, Node)])> {
    let NodeValue::Map(others) = &item.value else { return None };
    let (key, map) = others.iter().find(|(key, _)| key.name == "map")?;
    let NodeValue::Map(entries) = &map.value else { return None };
    let of = |entries: &'_ [(Key, Node)], name: &str| {
        entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node.value.clone())
    };
    let in_shards = match of(entries, "over") {
        Some(NodeValue::Map(_)) => false,
        Some(NodeValue::Text(_)) => of(entries, "flow").is_none(),
        // A step has an id, and steps that run in shards have their own.
        _ => of(entries, "steps").is_some() && of(others, "id").is_none(),
    };
    in_shards.then_some((key, entries))
}

impl Reader<'_> {
    /// Reads an item of `steps:` with steps that run in shards; `None` if it is a step itself.
    pub(super) fn group(&mut self, item: &Node) -> Option<Vec<AuthoredStep>> {
        let (key, entries) = group_of(item)?;
        if let NodeValue::Map(others) = &item.value {
            for (other, _) in others.iter().filter(|(other, _)| other.name != "map") {
                let message = format!("a `map` over rows cannot have `{}`", other.name);
                let help = "its steps are steps of this flow: write the key at one of them, or leave it out";
                self.add(&rules::MAP_WITH_OTHERS, message, other.span, help);
            }
        }
        for (other, _) in
            entries.iter().filter(|(other, _)| ["flow", "params", "take", "on_error"].contains(&other.name.as_str()))
        {
            let message = format!("a `map` over rows cannot have `{}`", other.name);
            let help = match other.name.as_str() {
                "on_error" => {
                    "a shard that fails, fails its step; `retry:` of a step is tried for each shard by itself"
                }
                "take" => "the steps after the `map` take the outputs of its steps, with the rows of all shards",
                _ => "its steps are steps of this flow, with its parameters: remove the key",
            };
            self.add(&rules::MAP_WITH_OTHERS, message, other.span, help);
        }
        let known: Vec<(Key, Node)> = entries
            .iter()
            .filter(|(key, _)| !["flow", "params", "take", "on_error"].contains(&key.name.as_str()))
            .cloned()
            .collect();
        let fields = self.fields(&known, KEYS, "a `map` over rows", None);
        let over = self.required(&fields, "over", "the `map`", key.span).and_then(|node| self.text(node, "over"));
        let rows = self.required(&fields, "rows", "the `map`", key.span).and_then(|node| self.shard_rows(node));
        let items = self.required(&fields, "steps", "the `map`", key.span).map(|node| self.items(node, key.span));
        let mut steps: Vec<AuthoredStep> = Vec::new();
        for item in items.unwrap_or_default() {
            if let Some((inner, _)) = group_of(item) {
                let help = "steps run in shards once: move the inner `map` out of this one";
                self.add(&rules::MAP_SHARDS, "a shard is not cut into shards", inner.span, help);
                continue;
            }
            steps.extend(self.step(item));
        }
        let group = steps.first().and_then(|first| first.written_id.clone()).unwrap_or_default();
        if let Some((over, rows)) = over.zip(rows) {
            for (index, step) in steps.iter_mut().enumerate() {
                let (group, over) = (group.clone(), over.clone());
                step.shards = Some(InShards { at: key.span, group, is_first: index == 0, over, rows });
            }
        }
        Some(steps)
    }

    fn shard_rows(&mut self, node: &Node) -> Option<usize> {
        let help = "write the number of rows of a shard, such as `rows: 5000`";
        let NodeValue::Number(number) = &node.value else {
            self.wrong_type(node, "rows", "an integer", help);
            return None;
        };
        let rows = number.as_u64().filter(|rows| *rows > 0).and_then(|rows| usize::try_from(rows).ok());
        if rows.is_none() {
            let message = format!("`rows` is out of range: expected an integer of at least 1, found {number}");
            self.add(&rules::MAP_SHARDS, message, node.span, help);
        }
        rows
    }
}
