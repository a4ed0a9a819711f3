//! Columns that have equal values in two tables, by which rows of one lead to rows of the other.

use serde_json::Value;

use super::tables::Stored;
use crate::workbench::WorkbenchError;
use crate::workbench::tables::Row;

/// Columns that have equal values in two tables: their indices in each.
pub(super) struct Carried {
    from: Vec<usize>,
    to: Vec<usize>,
}

/// Rows of an input from which a row of an output comes.
pub(super) struct Parents<'a> {
    pub(super) port: &'a str,
    pub(super) rows: Vec<usize>,
    /// Whether all of the rows were needed; otherwise it is one of them, which are equal.
    pub(super) all: bool,
}

impl Carried {
    /// No columns.
    pub(super) fn none() -> Self {
        Self { from: Vec::new(), to: Vec::new() }
    }

    /// The columns with these names, where they are in both tables.
    pub(super) fn named<'n>(
        from: &Stored<'_>,
        to: &Stored<'_>,
        names: impl IntoIterator<Item = (&'n str, &'n str)>,
    ) -> Self {
        let pairs = names.into_iter().filter_map(|(one, other)| Some((from.index_of(one)?, to.index_of(other)?)));
        let (from, to) = pairs.unzip();
        Self { from, to }
    }

    /// The columns that both tables have, except those in `but`.
    pub(super) fn common(from: &Stored<'_>, to: &Stored<'_>, but: &[&str]) -> Self {
        let names = from.columns().iter().map(|column| &*column.name).filter(|name| !but.contains(name));
        Self::named(from, to, names.map(|name| (name, name)))
    }

    /// Returns the rows of the second table that have the values of a row of the first.
    pub(super) fn onward(&self, row: &Row, to: &Stored<'_>) -> Result<Vec<usize>, WorkbenchError> {
        to.equal(&self.to, &cells(row, &self.from))
    }

    /// Returns the rows of the first table that have the values of a row of the first.
    pub(super) fn alike(&self, row: &Row, from: &Stored<'_>) -> Result<Vec<usize>, WorkbenchError> {
        from.equal(&self.from, &cells(row, &self.from))
    }

    /// Returns the rows of the first table that have the values of a row of the second.
    pub(super) fn back(&self, row: &Row, from: &Stored<'_>) -> Result<Vec<usize>, WorkbenchError> {
        from.equal(&self.from, &cells(row, &self.to))
    }

    /// Returns the rows of the second table that have the values of a row of the second.
    pub(super) fn alike_behind(&self, row: &Row, to: &Stored<'_>) -> Result<Vec<usize>, WorkbenchError> {
        to.equal(&self.to, &cells(row, &self.to))
    }

    /// Returns the indices in the first table.
    pub(super) fn from(&self) -> &[usize] {
        &self.from
    }

    /// Returns the indices in the second table.
    pub(super) fn to(&self) -> &[usize] {
        &self.to
    }
}

fn cells<'r>(row: &'r Row, columns: &[usize]) -> Vec<&'r Value> {
    columns.iter().map(|column| row.get(*column).unwrap_or(&Value::Null)).collect()
}
