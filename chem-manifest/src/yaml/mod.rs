//! The subset of YAML 1.2 that manifests use, with the span of every value.
//!
//! One parser produces both values and spans, so the two cannot disagree. The rest of YAML is refused, each feature with
//! its own rule: multiple documents, tags, anchors and aliases (which could expand a small file to gigabytes), keys that
//! are not text, numbers without an exact representation, and nesting deeper than [`MAX_DEPTH`].

mod parse;
mod scalar;
mod spans;
mod words;

use serde_json::{Map, Number, Value};

pub use parse::parse;

use crate::source::Span;

/// Returns the type of a value in words, with an article, for messages. Integers and other numbers are one type.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// The maximum nesting of lists and mappings.
pub const MAX_DEPTH: usize = 64;

/// A value and its span.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The span of the whole value, with its quotes or brackets.
    pub span: Span,
    /// The parsed value.
    pub value: NodeValue,
}

/// A value of YAML's core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// A value that is wrong and has been reported; later checks ignore it.
    Invalid,
    /// No value, as in `key:`.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping in source order, without duplicate keys.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and its span.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key, without quotes.
    pub name: String,
    /// The span of the key's first line, with its quotes.
    pub span: Span,
}

impl Node {
    /// Returns the type of the value in words, with an article, for messages.
    pub fn describe(&self) -> &'static str {
        match &self.value {
            NodeValue::Invalid | NodeValue::Null => "nothing",
            NodeValue::Bool(_) => "true or false",
            NodeValue::Number(_) => "a number",
            NodeValue::Text(_) => "text",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a mapping",
        }
    }

    /// Returns the span to underline for the whole value: its beginning if it covers several lines.
    pub fn handle(&self) -> Span {
        let first = match &self.value {
            NodeValue::Map(entries) => entries.first().map(|(key, _)| key.span),
            NodeValue::List(items) => items.first().map(Node::handle),
            _ => None,
        };
        // A value in brackets begins before its first element and usually fits on one line: underline all of it.
        first.filter(|first| first.start == self.span.start).unwrap_or(self.span)
    }

    /// Returns the value as JSON, or `None` if any part of it is invalid.
    pub fn to_json(&self) -> Option<Value> {
        Some(match &self.value {
            NodeValue::Invalid => return None,
            NodeValue::Null => Value::Null,
            NodeValue::Bool(truth) => Value::Bool(*truth),
            NodeValue::Number(number) => Value::Number(number.clone()),
            NodeValue::Text(text) => Value::String(text.clone()),
            NodeValue::List(items) => Value::Array(items.iter().map(Node::to_json).collect::<Option<_>>()?),
            NodeValue::Map(entries) => {
                let member = |(key, node): &(Key, Node)| Some((key.name.clone(), node.to_json()?));
                Value::Object(entries.iter().map(member).collect::<Option<Map<_, _>>>()?)
            }
        })
    }
}
