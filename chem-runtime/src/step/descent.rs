//! How the rows of a step's output descend from those of its inputs, so that `chem trace` can follow a record.
//!
//! A step that works row by row needs none of this: what came out for each row is recorded.

use serde_json::{Map, Value};

use super::error::StepError;
use super::files::Files;
use crate::artifact::Table;

/// How the rows of the main output of a step descend from the rows of its inputs.
pub enum Descent<'s> {
    /// The tables do not say it.
    Unknown,
    /// All rows of the first input, in their order.
    Every,
    /// The rows of the first input at the indices that the function returns for the number of its rows, in this order.
    Drawn(Box<dyn Fn(usize) -> Vec<usize> + 's>),
    /// Some rows of the first input, each at most once and in any order, except that equal rows keep theirs.
    Selected {
        /// Which of several equal rows come out.
        of_equal: OfEqual,
        /// The columns that the step computes. All others have the values of the input.
        computed: &'static [&'static str],
    },
    /// All rows of each input, one input after the other in the order of the ports.
    Stacked,
    /// Rows of the first input with those rows of the second that have the same key.
    Joined(Joined<'s>),
    /// One row for each group of rows of the first input.
    Grouped(Grouping<'s>),
}

/// Which of several equal rows a step puts out if it does not put out all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfEqual {
    /// The first ones.
    First,
    /// The last ones.
    Last,
    /// It depends on something else.
    Any,
}

/// The rows of a join, in the order of the first input and then in that of the second.
pub struct Joined<'s> {
    /// The key in the first input.
    pub on: Vec<&'s str>,
    /// The key in the second input.
    pub right_on: Vec<&'s str>,
    /// Which rows come out.
    pub how: HowJoined,
    /// The file with the second table, if it is not an input.
    pub file: Option<&'s str>,
    /// Reads the second table from that file again. It takes a table with the columns of the first.
    pub read: Option<ReadSecond<'s>>,
}

/// Reads the second table of a join from its file.
pub type ReadSecond<'s> = Box<dyn Fn(&Table, &Files) -> Result<Table, StepError> + 's>;

/// Which rows come out of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowJoined {
    /// Each row of the first input once for each row of the second that has its key.
    Inner,
    /// The same, and the rows without such a row.
    Left,
    /// The rows of the first input whose key the second has.
    Semi,
    /// The rows of the first input whose key the second does not have.
    Anti,
}

/// The columns that have equal values in the rows of a group, which the output has as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping<'s> {
    /// These columns.
    By(Vec<&'s str>),
    /// All columns except these.
    AllBut(Vec<&'s str>),
}

/// A row of the first input that did not come out of a step.
pub struct DroppedRow<'a> {
    row: &'a Table,
    of: usize,
    kept: &'a dyn Fn(&[&str]) -> Result<Table, StepError>,
}

/// Why a row did not come out.
#[derive(Debug, Clone, PartialEq)]
pub enum Explanation {
    /// For a reason that is more than the parameters.
    Because {
        /// The reason: a clause without a full stop, such as ``score 2 is not among the 10 highest``.
        words: String,
        /// The values from which it follows, by name.
        values: Map<String, Value>,
    },
    /// Another row came out in its place.
    DuplicateOf {
        /// The index of that row in the main output.
        row: usize,
        /// The key in which both are equal.
        by: String,
    },
}

impl Explanation {
    /// Creates a reason in words, with the values from which it follows.
    pub fn because<'v>(words: impl Into<String>, values: impl IntoIterator<Item = (&'v str, Value)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self::Because { words: words.into(), values }
    }
}

impl<'a> DroppedRow<'a> {
    /// Creates the only row of the table `row`, one `of` so many rows. `kept` reads columns of the main output.
    pub fn new(row: &'a Table, of: usize, kept: &'a dyn Fn(&[&str]) -> Result<Table, StepError>) -> Self {
        Self { row, of, kept }
    }

    /// Returns a table with the row alone.
    pub fn row(&self) -> &Table {
        self.row
    }

    /// Returns the value of a column; null if there is no such column.
    pub fn value(&self, column: &str) -> Value {
        self.row.column(column).filter(|_| self.row.rows() > 0).map(|(_, data)| data.json(0)).unwrap_or_default()
    }

    /// Returns the number of rows of the input.
    pub fn of(&self) -> usize {
        self.of
    }

    /// Returns these columns of the main output, as far as they are there, with all of its rows.
    ///
    /// # Errors
    /// Fails if the output cannot be read.
    pub fn kept(&self, columns: &[&str]) -> Result<Table, StepError> {
        (self.kept)(columns)
    }
}
