//! Compares the records of two tables.
//!
//! Chunks that both tables contain are not read. The rows of the other chunks are compared as multisets. A removed and an
//! added row are one changed record if they agree in the key column: the column with unique values on both sides that has
//! the most values in common.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::artifact::{ArtifactError, ArtifactSource, ChunkRef, ColumnType, TableRoot};
use crate::workbench::tables::{Row, column_name};

/// The maximum number of example records.
const EXAMPLES: usize = 10;

/// The difference between two tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordDifference {
    /// The number of records that only the second table has.
    pub added: usize,
    /// The number of records that only the first table has.
    pub removed: usize,
    /// The number of changed records.
    pub changed: usize,
    /// For each changed column, the number of records in which it changed.
    pub by_column: BTreeMap<String, usize>,
    /// Whether the tables have the same records in different orders.
    pub reordered: bool,
    /// The key column by which changed records are paired; `None` if there is none.
    pub key: Option<String>,
    /// The columns that only the second table has.
    pub columns_added: Vec<String>,
    /// The columns that only the first table has.
    pub columns_removed: Vec<String>,
    /// At most ten of the differing records.
    pub examples: Vec<Example>,
}

/// A record that differs.
#[derive(Debug, Clone, PartialEq)]
pub enum Example {
    /// A record that only the second table has.
    Added(Value),
    /// A record that only the first table has.
    Removed(Value),
    /// A changed record: its key, and the values before and after by column.
    Changed(Value, BTreeMap<String, (Value, Value)>),
}

/// Compares two tables with different hashes.
pub(super) fn compare(
    source: &dyn ArtifactSource,
    before: &TableRoot,
    after: &TableRoot,
) -> Result<RecordDifference, ArtifactError> {
    let names =
        |root: &TableRoot| -> Vec<String> { (0..root.columns.len()).map(|index| column_name(root, index)).collect() };
    let (old_names, new_names) = (names(before), names(after));
    let (old_set, new_set): (HashSet<&String>, HashSet<&String>) =
        (old_names.iter().collect(), new_names.iter().collect());
    let columns: Vec<String> = new_names.iter().filter(|name| old_set.contains(name)).cloned().collect();
    let mut found = RecordDifference {
        columns_added: new_names.iter().filter(|name| !old_set.contains(name)).cloned().collect(),
        columns_removed: old_names.iter().filter(|name| !new_set.contains(name)).cloned().collect(),
        ..RecordDifference::default()
    };
    // Tables with different columns share no chunks.
    let shared = if old_names == new_names { common(&before.chunks, &after.chunks) } else { HashMap::new() };
    let mut removed = Rows::read(source, before, &shared, &indices(&columns, &old_names))?;
    let in_new = indices(&columns, &new_names);
    let mut added = Rows::read(source, after, &shared, &in_new)?;
    removed.cancel(&mut added);
    let (removed, added) = (removed.rest(), added.rest());

    let discrete = |index: usize| {
        let column = in_new.get(index).and_then(|index| after.columns.get(*index));
        column.is_some_and(|column| column.ty != ColumnType::Float && column.ty != ColumnType::Boolean)
    };
    let key = best_key((0..columns.len()).filter(|&index| discrete(index)), &removed, &added);
    let mut pairs: HashMap<String, &Row> = HashMap::new();
    if let Some(key) = key {
        found.key = Some(columns[key].clone());
        pairs = added.iter().map(|row| (row[key].to_string(), row)).collect();
    }
    let mut paired = HashSet::new();
    for was in &removed {
        let partner = key.and_then(|key| pairs.get(&was[key].to_string()));
        let Some(is) = partner else {
            found.removed += 1;
            found.example(|| Example::Removed(super::record(&columns, was)));
            continue;
        };
        let differing: Vec<usize> = (0..columns.len()).filter(|&index| was[index] != is[index]).collect();
        found.changed += 1;
        for &index in &differing {
            *found.by_column.entry(columns[index].clone()).or_default() += 1;
        }
        paired.extend(key.map(|key| was[key].to_string()));
        found.example(|| {
            let change = |&index: &usize| (columns[index].clone(), (was[index].clone(), is[index].clone()));
            let key = key.map(|key| was[key].clone()).unwrap_or_default();
            Example::Changed(key, differing.iter().map(change).collect())
        });
    }
    for is in added.iter().filter(|row| !key.is_some_and(|key| paired.contains(&row[key].to_string()))) {
        found.added += 1;
        found.example(|| Example::Added(super::record(&columns, is)));
    }
    let nothing = found.added + found.removed + found.changed == 0;
    found.reordered = nothing && old_names == new_names && before.chunks != after.chunks;
    Ok(found)
}

impl RecordDifference {
    fn example(&mut self, example: impl FnOnce() -> Example) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

/// Returns how often both tables contain each chunk.
fn common<'a>(before: &'a [ChunkRef], after: &'a [ChunkRef]) -> HashMap<&'a ChunkRef, usize> {
    let count = |chunks: &'a [ChunkRef]| {
        let mut counts: HashMap<&ChunkRef, usize> = HashMap::new();
        chunks.iter().for_each(|chunk| *counts.entry(chunk).or_default() += 1);
        counts
    };
    let (before, after) = (count(before), count(after));
    before.into_iter().map(|(chunk, times)| (chunk, times.min(after.get(chunk).copied().unwrap_or(0)))).collect()
}

/// Returns the index of each column in `names`.
fn indices(columns: &[String], names: &[String]) -> Vec<usize> {
    // Of two equal names, which only a damaged root has, the first counts.
    let by_name: HashMap<&str, usize> =
        names.iter().enumerate().rev().map(|(index, name)| (name.as_str(), index)).collect();
    columns.iter().filter_map(|column| by_name.get(column.as_str()).copied()).collect()
}

/// The rows of a table outside shared chunks, in order, each with its text.
struct Rows(Vec<(String, Option<Row>)>);

impl Rows {
    fn read(
        source: &dyn ArtifactSource,
        root: &TableRoot,
        shared: &HashMap<&ChunkRef, usize>,
        columns: &[usize],
    ) -> Result<Self, ArtifactError> {
        let mut left = shared.clone();
        let mut rows = Vec::new();
        for chunk in &root.chunks {
            if let Some(times) = left.get_mut(chunk).filter(|times| **times > 0) {
                *times -= 1;
                continue;
            }
            for row in root.read(chunk, source)? {
                let row: Row = columns.iter().map(|&index| row.get(index).cloned().unwrap_or_default()).collect();
                rows.push((Value::Array(row.clone()).to_string(), Some(row)));
            }
        }
        Ok(Self(rows))
    }

    /// Removes the rows that both have, as often as both have them.
    fn cancel(&mut self, other: &mut Self) {
        let mut theirs: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, (text, _)) in other.0.iter().enumerate().rev() {
            theirs.entry(text).or_default().push(index);
        }
        let mut both = Vec::new();
        for (text, row) in &mut self.0 {
            if let Some(index) = theirs.get_mut(text.as_str()).and_then(Vec::pop) {
                *row = None;
                both.push(index);
            }
        }
        for index in both {
            other.0[index].1 = None;
        }
    }

    fn rest(self) -> Vec<Row> {
        self.0.into_iter().filter_map(|(_, row)| row).collect()
    }
}

/// Returns the key column; `None` if no column with unique values has common values.
fn best_key(columns: impl Iterator<Item = usize>, removed: &[Row], added: &[Row]) -> Option<usize> {
    let values = |rows: &[Row], column: usize| -> Option<HashSet<String>> {
        let values: HashSet<String> =
            rows.iter().filter(|row| !row[column].is_null()).map(|row| row[column].to_string()).collect();
        (values.len() == rows.len()).then_some(values)
    };
    let mut best = None;
    for column in columns {
        let (Some(was), Some(is)) = (values(removed, column), values(added, column)) else { continue };
        let both = was.intersection(&is).count();
        if both > best.map_or(0, |(most, _)| most) {
            best = Some((both, column));
        }
    }
    best.map(|(_, column)| column)
}
