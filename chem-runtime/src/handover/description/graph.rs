//! The entities of a JSON-LD document, each once.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Entities by their ids, in the order in which they were added.
#[derive(Default)]
pub(super) struct Graph {
    entities: Vec<Map<String, Value>>,
    by_id: BTreeMap<String, usize>,
}

/// Returns a reference to an entity.
pub(super) fn to(id: &str) -> Value {
    json!({ "@id": id })
}

/// Returns references to entities.
pub(super) fn to_all<'a>(ids: impl IntoIterator<Item = &'a String>) -> Value {
    ids.into_iter().map(|id| to(id)).collect()
}

impl Graph {
    /// Adds an entity, whose properties are the members of `properties`. An entity with the id gets the values that it does not
    /// have yet, and keeps its class.
    pub(super) fn add(&mut self, id: &str, class: impl Into<Value>, properties: Value) {
        let index = *self.by_id.entry(id.to_owned()).or_insert_with(|| {
            self.entities.push(Map::from_iter([("@id".to_owned(), id.into()), ("@type".to_owned(), class.into())]));
            self.entities.len() - 1
        });
        let Value::Object(properties) = properties else { return };
        for (name, value) in properties {
            let found = self.entities[index].entry(name).or_insert(Value::Array(Vec::new()));
            if let Value::Array(values) = found {
                for value in listed(value) {
                    if !values.contains(&value) {
                        values.push(value);
                    }
                }
            }
        }
    }

    /// Returns whether there is an entity with this id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Returns the document.
    pub(super) fn into_json(self) -> Value {
        let entities = self.entities.into_iter().map(|entity| {
            // A list with one value is written as the value.
            let members = entity.into_iter().filter_map(|(name, value)| match value {
                Value::Array(mut values) if values.len() < 2 => Some((name, values.pop()?)),
                value => Some((name, value)),
            });
            Value::Object(members.collect())
        });
        json!({
            "@context": ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"],
            "@graph": entities.collect::<Vec<_>>(),
        })
    }
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values,
        value => vec![value],
    }
}
