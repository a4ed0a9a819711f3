//! Tables as they lie in a store: their columns and chunks, whose rows are read only where they are asked for.

use serde::Deserialize;
use serde_json::Value;

use crate::artifact::{Artifact, ArtifactError, ArtifactSource, Column};
use crate::fingerprint::ArtifactHash;

/// The root of a table.
#[derive(Debug, Deserialize)]
pub(super) struct TableRoot {
    pub(super) columns: Vec<Column>,
    pub(super) rows: usize,
    pub(super) chunks: Vec<ChunkRef>,
}

/// A chunk of a table: its name and its number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub(super) struct ChunkRef {
    pub(super) hash: ArtifactHash,
    pub(super) rows: usize,
}

/// A row: a value for each column.
pub(super) type Row = Vec<Value>;

impl TableRoot {
    /// The table of which `artifact` is the root; none if it is no table.
    pub(super) fn of(artifact: &Artifact) -> Option<Self> {
        serde_json::from_str(artifact.payload_text()).ok()
    }

    /// The name of the column at `index`.
    pub(super) fn column(&self, index: usize) -> String {
        self.columns.get(index).map_or_else(|| format!("column {index}"), |column| column.name.to_string())
    }
}

/// The rows of a chunk.
pub(super) fn rows_of(source: &dyn ArtifactSource, chunk: ChunkRef) -> Result<Vec<Row>, ArtifactError> {
    let artifact = source.artifact(chunk.hash)?;
    serde_json::from_str(artifact.payload_text()).map_err(|error| artifact.malformed(error))
}

/// The first place in which two values differ, with what stands there; none if they are equal.
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
