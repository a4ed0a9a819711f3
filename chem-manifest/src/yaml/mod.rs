//! YAML 1.2 as manifests are written in it, with the place of every value.
//!
//! One parser gives values and places alike, so that they cannot disagree. What a manifest has no use for is refused,
//! each with a rule of its own: several documents, tags, anchors and aliases (so that nothing can multiply), keys that
//! are not text, numbers without an exact form, and nesting deeper than [`MAX_DEPTH`].

mod parse;
mod scalar;
mod spans;
mod words;

use serde_json::{Map, Number, Value};

pub use parse::parse;

use crate::source::Span;

/// The deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 64;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The place.
    pub span: Span,
    /// The value.
    pub value: NodeValue,
}

/// A value of YAML's core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// Something that is wrong and has been reported. Whoever comes upon it says nothing more.
    Invalid,
    /// Nothing, as in `key:`.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order in which it is written. No key is there twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key.
    pub name: String,
    /// The place.
    pub span: Span,
}

impl Node {
    /// What it is, as one tells it to a person.
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

    /// The place to point at for all of it. One that is written over many lines is pointed at by its beginning.
    pub fn handle(&self) -> Span {
        let first = match &self.value {
            NodeValue::Map(entries) => entries.first().map(|(key, _)| key.span),
            NodeValue::List(items) => items.first().map(Node::handle),
            _ => None,
        };
        // What is in brackets begins before its first value, and is mostly on one line.
        first.filter(|first| first.start == self.span.start).unwrap_or(self.span)
    }

    /// The value as JSON; `None` if any part of it is invalid.
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
