//! The records that lie between two tables.
//!
//! Chunks that both tables have are not read: what is in them is in both. Of the others the rows are compared as a bag;
//! of those that only one side has, two are one record that changed if they agree in the column that tells records apart
//! best: the one whose values are all different on both sides, and of which both sides have the most in common.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::artifact::{ArtifactError, ArtifactSource, ChunkRef, ColumnType, TableRoot};
use crate::workbench::tables::{Row, column_name};

/// How many records are given as examples.
const EXAMPLES: usize = 10;

/// What lies between two tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordDifference {
    /// How many records only the second has.
    pub added: usize,
    /// How many records only the first has.
    pub removed: usize,
    /// How many records changed.
    pub changed: usize,
    /// In how many records a column changed, for each that did.
    pub by_column: BTreeMap<String, usize>,
    /// Whether both have the same records in another order.
    pub reordered: bool,
    /// The column by which records that changed were told.
    pub key: Option<String>,
    /// The columns that only the second has.
    pub columns_added: Vec<String>,
    /// The columns that only the first has.
    pub columns_removed: Vec<String>,
    /// Some of the records.
    pub examples: Vec<Example>,
}

/// A record that differs.
#[derive(Debug, Clone, PartialEq)]
pub enum Example {
    /// Only the second has it.
    Added(Value),
    /// Only the first has it.
    Removed(Value),
    /// Both have it, with these columns changed: what they were and what they are.
    Changed(Value, BTreeMap<String, (Value, Value)>),
}

/// Compares two tables of different names.
pub(super) fn compare(
    source: &dyn ArtifactSource,
    before: &TableRoot,
    after: &TableRoot,
) -> Result<RecordDifference, ArtifactError> {
    let names =
        |root: &TableRoot| -> Vec<String> { (0..root.columns.len()).map(|index| column_name(root, index)).collect() };
    let (old_names, new_names) = (names(before), names(after));
    let columns: Vec<String> = new_names.iter().filter(|name| old_names.contains(name)).cloned().collect();
    let mut found = RecordDifference {
        columns_added: new_names.iter().filter(|name| !columns.contains(name)).cloned().collect(),
        columns_removed: old_names.iter().filter(|name| !columns.contains(name)).cloned().collect(),
        ..RecordDifference::default()
    };
    // Rows of different columns are never in one chunk.
    let shared = if old_names == new_names { common(&before.chunks, &after.chunks) } else { HashMap::new() };
    let mut removed = Rows::read(source, before, &shared, &places(&columns, &old_names))?;
    let mut added = Rows::read(source, after, &shared, &places(&columns, &new_names))?;
    removed.cancel(&mut added);
    let (removed, added) = (removed.rest(), added.rest());

    let discrete = |index: usize| {
        let column = after.columns.iter().find(|column| *column.name == *columns[index]);
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

/// How often both tables have each chunk.
fn common(before: &[ChunkRef], after: &[ChunkRef]) -> HashMap<ChunkRef, usize> {
    let count = |chunks: &[ChunkRef]| {
        let mut counts: HashMap<ChunkRef, usize> = HashMap::new();
        chunks.iter().for_each(|chunk| *counts.entry(*chunk).or_default() += 1);
        counts
    };
    let (before, after) = (count(before), count(after));
    before.into_iter().map(|(chunk, times)| (chunk, times.min(after.get(&chunk).copied().unwrap_or(0)))).collect()
}

/// Where the columns stand among `names`.
fn places(columns: &[String], names: &[String]) -> Vec<usize> {
    columns.iter().filter_map(|column| names.iter().position(|name| name == column)).collect()
}

/// The rows of a table that are in no shared chunk, in their order, each with its text.
struct Rows(Vec<(String, Option<Row>)>);

impl Rows {
    fn read(
        source: &dyn ArtifactSource,
        root: &TableRoot,
        shared: &HashMap<ChunkRef, usize>,
        places: &[usize],
    ) -> Result<Self, ArtifactError> {
        let mut left = shared.clone();
        let mut rows = Vec::new();
        for chunk in &root.chunks {
            if let Some(times) = left.get_mut(chunk).filter(|times| **times > 0) {
                *times -= 1;
                continue;
            }
            for row in chunk.read(source)? {
                let row: Row = places.iter().map(|&place| row.get(place).cloned().unwrap_or_default()).collect();
                rows.push((Value::Array(row.clone()).to_string(), Some(row)));
            }
        }
        Ok(Self(rows))
    }

    /// Takes away what both have, as often as both have it.
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

/// The column that tells records apart best; none if no value is on both sides.
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
