//! What became of a record in a step.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::flow::StepStatus;

/// What a step did with a record.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTrace {
    /// The id of the step.
    pub step: String,
    /// The step type.
    pub uses: String,
    /// What became of the record.
    pub outcome: StepOutcome,
    /// Whether the way of the record ends here: no later step takes what came out for it.
    pub last: bool,
}

/// What became of a record in a step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome {
    /// The record came out, in these rows.
    Kept(Vec<Kept>),
    /// The record went into these groups of rows.
    Grouped(Vec<Group>),
    /// The step used the record to select rows of another table: what it did to them.
    Used(String),
    /// The step rejected the record for this reason.
    Rejected(String),
    /// The step dropped the record.
    Dropped(Vec<WhyDropped>),
    /// The step kept another record in place of this one.
    Merged {
        /// The values of the other record that identify it: its name, its number, and its SMILES.
        into: Map<String, Value>,
        /// The index of its row in the main output, from 0.
        row: usize,
        /// The column or key in which both are equal.
        by: String,
    },
    /// The step is a sink that took the record, and wrote these files.
    Given(Vec<String>),
    /// The step took the record, but cannot be followed.
    Unfollowed(String),
    /// The step did not finish.
    NotFinished(StepStatus),
}

/// A row that came out for a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The index of the row in the main output, from 0.
    pub row: usize,
    /// The values that the step computed or changed, by column.
    pub values: Map<String, Value>,
    /// The values that the row had before, of columns whose values the step changed.
    pub replaced: Map<String, Value>,
    /// The number of rows of the input that have the same values: more than 1 if the row may be that of another record.
    pub alike: usize,
    /// The row of the other table, if the step joined two.
    pub partner: Option<Partner>,
}

/// The row with which a row was joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// The output or the file that has the other row, as the flow names it.
    pub of: String,
    /// The index of the row, from 0; `None` if it is not known, or if there is none.
    pub row: Option<usize>,
    /// Whether the other table has no row with the key.
    pub missing: bool,
    /// Why the file with the other table is not read, if it is not.
    pub unread: Option<String>,
}

/// A group of rows that became one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The index of the row in the main output, from 0.
    pub row: usize,
    /// The values that are equal in the group, by column.
    pub key: Map<String, Value>,
    /// The number of rows in the group.
    pub members: usize,
    /// The values that were computed for the group, by column.
    pub values: Map<String, Value>,
}

/// Why a step dropped a record.
#[derive(Debug, Clone, PartialEq)]
pub enum WhyDropped {
    /// A condition did not hold.
    Condition {
        /// The condition, or the part of it that did not hold.
        condition: String,
        /// The column without a value, if the condition depends on it.
        missing: Option<String>,
        /// The values of the columns in the condition.
        columns: BTreeMap<String, Value>,
        /// The values of the flow parameters in the condition.
        params: BTreeMap<String, Value>,
    },
    /// The step says why.
    Told {
        /// The reason.
        words: String,
        /// The values from which it follows, by name.
        values: Map<String, Value>,
    },
    /// The step drops such records. What it did follows from these.
    Parameters {
        /// The parameters of the step, without files.
        params: Map<String, Value>,
        /// The values of the columns on which the step decides, as far as they are known.
        columns: BTreeMap<String, Value>,
    },
}
