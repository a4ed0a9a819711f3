//! Differences between the tables and other artifacts of two runs.

use serde_json::Value;

use crate::artifact::TableRoot;

/// A row: a value for each column.
pub(super) type Row = Vec<Value>;

/// Returns the name of the column at `index`, which can be out of range for a damaged row.
pub(super) fn column_name(root: &TableRoot, index: usize) -> String {
    root.columns.get(index).map_or_else(|| format!("column {index}"), |column| column.name.to_string())
}

/// Returns the JSON path of the first difference between two values, and both values there; `None` if they are equal.
pub(crate) fn first_difference(was: &Value, is: &Value) -> Option<(String, Value, Value)> {
    fn walk(path: &str, was: &Value, is: &Value) -> Option<(String, Value, Value)> {
        match (was, is) {
            _ if was == is => None,
            (Value::Object(before), Value::Object(after)) => {
                let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
                keys.sort_unstable();
                keys.dedup();
                let member = |key: &&String| {
                    let (was, is) = (before.get(*key).unwrap_or(&Value::Null), after.get(*key).unwrap_or(&Value::Null));
                    walk(&format!("{path}.{key}"), was, is)
                };
                keys.iter().find_map(member)
            }
            (Value::Array(before), Value::Array(after)) => {
                let item = |index: usize| {
                    let (was, is) =
                        (before.get(index).unwrap_or(&Value::Null), after.get(index).unwrap_or(&Value::Null));
                    walk(&format!("{path}[{index}]"), was, is)
                };
                (0..before.len().max(after.len())).find_map(item)
            }
            _ => Some((path.to_owned(), was.clone(), is.clone())),
        }
    }
    walk("$", was, is)
}
