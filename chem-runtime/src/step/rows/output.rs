//! What comes out for a batch, and what a row step counts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::artifact::{Table, Values};
use crate::step::error::StepError;

/// What comes out for a batch: rows, the values of the computed columns, and rejects.
#[derive(Debug, Default)]
pub struct BatchOutput {
    /// The row of the batch from which each row came; `None` if each came out once.
    pub(super) from: Option<Vec<usize>>,
    pub(super) columns: Vec<Values>,
    /// The rejects, and the row of the batch for each.
    pub(super) rejects: Option<(Vec<usize>, Table)>,
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
    pub fn with(mut self, values: Values) -> Self {
        self.columns.push(values);
        self
    }

    /// Adds the table of rejects, and for each the row of the batch that was rejected, in ascending order. Every batch has one
    /// with the same columns, if only without rows.
    pub fn rejecting(self, rows: Vec<usize>, rejects: Table) -> Self {
        Self { rejects: Some((rows, rejects)), ..self }
    }

    /// Returns the row of the batch from which each row came; `None` if each came out once.
    pub(super) fn from(&self, count: usize) -> Option<&[usize]> {
        self.from.as_deref().filter(|rows| !rows.iter().copied().eq(0..count))
    }

    /// Returns the row of the batch, which has `count` rows, from which each row came.
    pub(super) fn rows(&self, count: usize) -> Vec<usize> {
        self.from.clone().unwrap_or_else(|| (0..count).collect())
    }

    /// Checks the output for a batch of `count` rows, of a step with `computed` computed columns.
    ///
    /// # Errors
    /// Fails if rows or values are missing, out of range or out of order.
    pub(super) fn check(&self, count: usize, computed: usize) -> Result<(), StepError> {
        let in_order = |rows: &[usize]| rows.is_sorted() && rows.last().is_none_or(|last| *last < count);
        let rejected = self.rejects.as_ref();
        let fits = |(rows, table): &(Vec<usize>, Table)| in_order(rows) && rows.len() == table.rows();
        if !self.from.as_deref().is_none_or(in_order) || !rejected.is_none_or(fits) {
            return Err(StepError::new("the row step gives rows that are not in its batch, or not in their order"));
        }
        let out = self.from.as_ref().map_or(count, Vec::len);
        if self.columns.len() != computed || self.columns.iter().any(|data| data.len() != out) {
            let found = self.columns.len();
            return Err(StepError::new(format!(
                "the row step gives {found} columns for {out} rows, of which some may have other numbers of values; it \
                 declares {computed} columns"
            )));
        }
        Ok(())
    }
}

/// What a row step counts, for its signals: each count names the row of the batch for which it counts. The counts of all
/// batches are added. A row that is taken over from an earlier result counts for what it counted there.
#[derive(Debug, Default)]
pub struct Tally {
    all: Counts,
    /// What was counted for each row of the batch.
    notes: BTreeMap<usize, Counts>,
}

/// Counts by what they count.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Counts {
    counts: BTreeMap<Cow<'static, str>, BTreeMap<String, u64>>,
    seen: BTreeMap<Cow<'static, str>, BTreeSet<Box<str>>>,
}

impl Counts {
    fn add(&mut self, what: Cow<'static, str>, name: &str, count: u64) {
        let counts = self.counts.entry(what).or_default();
        match counts.get_mut(name) {
            Some(before) => *before += count,
            None => drop(counts.insert(name.to_owned(), count)),
        }
    }

    fn see(&mut self, what: Cow<'static, str>, value: &str) {
        let seen = self.seen.entry(what).or_default();
        if !seen.contains(value) {
            seen.insert(value.into());
        }
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        self.add_times(other, 1);
    }

    /// Adds what was counted, so many times.
    pub(super) fn add_times(&mut self, other: &Self, times: u64) {
        for (what, names) in &other.counts {
            names.iter().for_each(|(name, count)| self.add(what.clone(), name, *count * times));
        }
        for (what, values) in &other.seen {
            values.iter().for_each(|value| self.see(what.clone(), value));
        }
    }
}

impl Tally {
    /// Counts `what` for a row.
    pub fn add(&mut self, row: usize, what: &'static str) {
        self.add_under(row, what, "");
    }

    /// Counts `what` for a row under `name`, such as a column or a rule.
    pub fn add_under(&mut self, row: usize, what: &'static str, name: &str) {
        self.all.add(what.into(), name, 1);
        self.notes.entry(row).or_default().add(what.into(), name, 1);
    }

    /// Lists `name` under `what`, even if nothing is counted for it. Every batch lists the same names.
    pub fn list(&mut self, what: &'static str, name: &str) {
        self.all.add(what.into(), name, 0);
    }

    /// Records a value of a row, to count the distinct ones.
    pub fn see(&mut self, row: usize, what: &'static str, value: &str) {
        self.all.see(what.into(), value);
        self.notes.entry(row).or_default().see(what.into(), value);
    }

    /// Returns the count of `what`.
    pub fn count(&self, what: &'static str) -> u64 {
        self.count_under(what, "")
    }

    /// Returns the count of `what` for `name`.
    pub fn count_under(&self, what: &'static str, name: &str) -> u64 {
        self.all.counts.get(what).and_then(|counts| counts.get(name)).copied().unwrap_or_default()
    }

    /// Returns the count of `what` for each name, including those that were only listed.
    pub fn counts(&self, what: &str) -> BTreeMap<&str, u64> {
        let counts = self.all.counts.get(what).into_iter().flatten();
        counts.map(|(name, count)| (name.as_str(), *count)).collect()
    }

    /// Returns the number of distinct values that were recorded for `what`.
    pub fn distinct(&self, what: &str) -> usize {
        self.all.seen.get(what).map_or(0, BTreeSet::len)
    }

    /// Adds the counts of other rows, without their notes.
    pub(super) fn add_all(&mut self, other: &Counts) {
        self.all.add_all(other);
    }

    /// Adds what was counted for other rows of the batch; `rows` has the row of the batch for each of them.
    pub(super) fn add_rows(&mut self, other: Self, rows: &[usize]) {
        self.all.add_all(&other.all);
        self.notes.extend(other.notes.into_iter().filter_map(|(row, note)| Some((*rows.get(row)?, note))));
    }

    /// Counts for a row what was counted for it before.
    pub(super) fn count_again(&mut self, row: usize, note: &Counts) {
        self.all.add_all(note);
        self.notes.insert(row, note.clone());
    }

    /// Returns what was counted for a row; `None` if nothing was.
    pub(super) fn note(&self, row: usize) -> Option<&Counts> {
        self.notes.get(&row)
    }

    /// Returns the counts of all rows.
    pub(super) fn into_counts(self) -> Counts {
        self.all
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
