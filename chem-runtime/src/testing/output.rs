//! Summarizes an output for a snapshot: a small payload in full, a table by its columns, row count and first rows, a file
//! by its first lines, and any other large payload by its beginning.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::artifact::{Artifact, ArtifactError, ArtifactSource, ArtifactValue as _, Column, Table, TableRoot};
use crate::event::OutputRef;
use crate::fingerprint::ArtifactHash;
use crate::step::{FileWritten, Files};

/// The longest payload that is pinned in full, in bytes.
const WHOLE: usize = 600;
/// How many rows of a table and lines of a file are pinned.
const FIRST: usize = 5;
/// The longest text within a payload that is pinned in full, in characters.
const LONGEST: usize = 120;
/// How many items of a list and members of an object are pinned if the payload is large.
const ITEMS: usize = 8;

/// An output with its summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PinnedOutput {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) hash: ArtifactHash,
    #[serde(flatten)]
    pub(super) content: Content,
}

/// The summary of a payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    /// The payload in full.
    Value(Value),
    /// The columns and the first rows of a table.
    Table(PinnedTable),
    /// The first lines of a file that a sink wrote.
    File(PinnedFile),
    /// The beginning of a large payload, with notes in place of the rest.
    Beginning(Value),
}

/// The columns and the first rows of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PinnedTable {
    pub(super) rows: usize,
    pub(super) columns: Vec<PinnedColumn>,
    pub(super) first: Vec<Vec<Value>>,
}

/// A column with a hash of its values, which shows the columns in which two tables differ after their first rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PinnedColumn {
    #[serde(flatten)]
    pub(super) column: Column,
    pub(super) values: String,
}

/// A file that a sink wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PinnedFile {
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// The number of lines; `None` if it is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lines: Option<usize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) first: Vec<String>,
}

impl PinnedOutput {
    /// Summarizes an output whose artifact is in `source`, and whose file, if a sink wrote one, is among `files`.
    pub(super) fn of(output: &OutputRef, source: &dyn ArtifactSource, files: &Files) -> Result<Self, ArtifactError> {
        let artifact = source.artifact(output.hash)?;
        let content = if TableRoot::of(&artifact).is_ok() {
            Content::Table(PinnedTable::of(&Table::unpack(&artifact, source)?)?)
        } else if artifact.kind() == FileWritten::KIND {
            Content::File(PinnedFile::of(FileWritten::unpack(&artifact, source)?, files))
        } else if artifact.payload_text().len() <= WHOLE {
            Content::Value(artifact.payload()?)
        } else {
            Content::Beginning(abridged(&artifact.payload()?, 0))
        };
        Ok(Self { name: output.name.clone(), kind: output.kind.clone(), hash: output.hash, content })
    }
}

impl PinnedTable {
    fn of(table: &Table) -> Result<Self, ArtifactError> {
        let column = |(index, column): (usize, &Column)| {
            let values: Value =
                (0..table.rows()).map(|row| table.data(index).map(|data| data.json(row)).unwrap_or_default()).collect();
            let hash = Artifact::new("column", &values)?.hash().to_string();
            Ok(PinnedColumn { column: column.clone(), values: hash.chars().take(12).collect() })
        };
        let first =
            (0..table.rows().min(FIRST)).map(|row| table.row(row).iter().map(|cell| abridged(cell, 0)).collect());
        Ok(Self {
            rows: table.rows(),
            columns: table.columns().iter().enumerate().map(column).collect::<Result<_, ArtifactError>>()?,
            first: first.collect(),
        })
    }
}

impl PinnedFile {
    fn of(file: FileWritten, files: &Files) -> Self {
        let text = std::fs::read_to_string(files.output(&file.path)).ok();
        let lines = || text.iter().flat_map(|text| text.lines());
        Self {
            first: lines().take(FIRST).map(shortened).collect(),
            lines: text.as_ref().map(|_| lines().count()),
            path: file.path,
            bytes: file.bytes,
            sha256: file.sha256.to_string(),
        }
    }
}

/// Shortens long texts, lists and objects, and notes their full size.
fn abridged(value: &Value, depth: u32) -> Value {
    let items = (ITEMS >> depth.min(8)).max(2);
    let left_out = |all: usize, what: &str| format!("… ({all} {what})");
    match value {
        Value::String(text) => shortened(text).into(),
        Value::Array(all) => {
            let mut some: Vec<Value> = all.iter().take(items).map(|item| abridged(item, depth + 1)).collect();
            if all.len() > items {
                some.push(left_out(all.len(), "items").into());
            }
            some.into()
        }
        Value::Object(all) => {
            let member = |(name, member): (&String, &Value)| (name.clone(), abridged(member, depth + 1));
            let mut some: Map<String, Value> = all.iter().take(items).map(member).collect();
            if all.len() > items {
                some.insert("…".to_owned(), left_out(all.len(), "members").into());
            }
            some.into()
        }
        other => other.clone(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}… ({} characters)", &text[..cut], text.chars().count()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;
    use crate::artifact::{ColumnType, Packed, Values};

    fn pinned(packed: Packed) -> Content {
        let output =
            OutputRef { hash: packed.root.hash(), kind: packed.root.kind().to_owned(), name: "main".to_owned() };
        let shelf: HashMap<_, _> =
            packed.parts.into_iter().chain([packed.root]).map(|part| (part.hash(), part)).collect();
        PinnedOutput::of(&output, &shelf, &Files::relative_to(".")).unwrap().content
    }

    #[test]
    fn a_small_payload_is_pinned_whole_and_of_a_large_one_the_beginning() {
        let of = |value: Value| pinned(Artifact::new("notes", &value).unwrap().into());
        assert_eq!(of(json!({"a": [1, 2]})), Content::Value(json!({"a": [1, 2]})));
        let Content::Beginning(beginning) = of(json!({"list": (0..1000).collect::<Vec<_>>(), "text": "é".repeat(500)}))
        else {
            panic!("it is large")
        };
        assert_eq!(beginning["list"], json!([0, 1, 2, 3, "… (1000 items)"]));
        assert_eq!(beginning["text"], format!("{}… (500 characters)", "é".repeat(120)));
    }

    #[test]
    fn a_table_tells_in_which_column_it_changed_wherever_that_is() {
        let table = |last: i64| {
            let numbers = |last| Values::integers((0..100).chain([last]));
            let column = |name| Column::new(name, ColumnType::Integer);
            let table = Table::new([(column("a"), numbers(100)), (column("b"), numbers(last))]).unwrap();
            let Content::Table(table) = pinned(table.pack().unwrap()) else { panic!("it is a table") };
            table
        };
        let (before, after) = (table(100), table(101));
        assert_eq!((before.rows, &before.first), (101, &after.first));
        assert_eq!(before.columns[0], after.columns[0]);
        assert_ne!(before.columns[1].values, after.columns[1].values);
    }
}
