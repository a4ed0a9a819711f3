//! What comes out for a batch, and what a row step counts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::artifact::{ColumnData, Table};

/// What comes out for a batch: rows, the values of the computed columns, and rejects.
#[derive(Debug, Default)]
pub struct BatchOutput {
    /// The row of the batch from which each row came; `None` if each came out once.
    pub(super) from: Option<Vec<usize>>,
    pub(super) columns: Vec<ColumnData>,
    pub(super) rejects: Option<Table>,
}

impl BatchOutput {
    /// Each row of the batch comes out once.
    pub fn all() -> Self {
        Self::default()
    }

    /// These rows of the batch come out, in ascending order. A row that occurs several times comes out as often.
    pub fn of(rows: Vec<usize>) -> Self {
        Self { from: Some(rows), ..Self::default() }
    }

    /// Adds the values of the next computed column, one for each row that comes out. The columns have the order in which
    /// the step declared them.
    pub fn with(mut self, values: ColumnData) -> Self {
        self.columns.push(values);
        self
    }

    /// Adds the table of the rejected rows. Every batch has one with the same columns, if only without rows.
    pub fn rejecting(self, rejects: Table) -> Self {
        Self { rejects: Some(rejects), ..self }
    }
}

/// What a row step counts, for its signals. The counts of all batches are added.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    counts: BTreeMap<Cow<'static, str>, BTreeMap<String, u64>>,
    seen: BTreeMap<Cow<'static, str>, BTreeSet<Box<str>>>,
}

impl Tally {
    /// Adds `count` to the count of `what`.
    pub fn add(&mut self, what: &'static str, count: usize) {
        self.add_under(what, "", count);
    }

    /// Adds `count` to the count of `what` for `name`, such as a column or a rule.
    pub fn add_under(&mut self, what: &'static str, name: &str, count: usize) {
        let counts = self.counts.entry(what.into()).or_default();
        match counts.get_mut(name) {
            Some(before) => *before += count as u64,
            None => drop(counts.insert(name.to_owned(), count as u64)),
        }
    }

    /// Records a value, to count the distinct ones.
    pub fn see(&mut self, what: &'static str, value: &str) {
        let seen = self.seen.entry(what.into()).or_default();
        if !seen.contains(value) {
            seen.insert(value.into());
        }
    }

    /// Returns the count of `what`.
    pub fn count(&self, what: &'static str) -> u64 {
        self.count_under(what, "")
    }

    /// Returns the count of `what` for `name`.
    pub fn count_under(&self, what: &'static str, name: &str) -> u64 {
        self.counts.get(what).and_then(|counts| counts.get(name)).copied().unwrap_or_default()
    }

    /// Returns the count of `what` for each name, including zeros that were added.
    pub fn counts(&self, what: &str) -> BTreeMap<&str, u64> {
        let counts = self.counts.get(what).into_iter().flatten();
        counts.map(|(name, count)| (name.as_str(), *count)).collect()
    }

    /// Returns the number of distinct values that were recorded for `what`.
    pub fn distinct(&self, what: &str) -> usize {
        self.seen.get(what).map_or(0, BTreeSet::len)
    }

    pub(super) fn add_all(&mut self, other: Self) {
        for (what, names) in other.counts {
            let counts = self.counts.entry(what).or_default();
            names.into_iter().for_each(|(name, count)| *counts.entry(name).or_default() += count);
        }
        for (what, values) in other.seen {
            self.seen.entry(what).or_default().extend(values);
        }
    }
}

/// The numbers of rows of a step that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// The rows of the input.
    pub input: usize,
    /// The rows that came out.
    pub output: usize,
    /// The rejected rows.
    pub rejected: usize,
}
