//! Results of a row step on other rows: an earlier one, and those of its shards. And what a row step leaves to later runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::event::{EventAddress, FlowId, OutputRef, TakenOver};
use crate::fingerprint::ArtifactHash;

/// The signal with the rows of a step that were set apart.
pub(crate) const SET_APART: &str = "set_apart";

/// A finished result of the same work on other rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EarlierRows {
    /// The `StepFinished` event of the result.
    pub(crate) source: EventAddress,
    /// The artifact with the rows.
    pub(crate) input: ArtifactHash,
    /// The outputs.
    pub(crate) outputs: Vec<OutputRef>,
    /// The artifact with the outcome of each row.
    pub(crate) outcomes: ArtifactHash,
}

/// The results of the shards of a row step, in the order of the rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShardResults {
    pub(crate) shards: Vec<ShardResult>,
}

/// What a shard of a row step computed.
#[derive(Debug, Clone)]
pub(crate) struct ShardResult {
    /// The number of rows of the input.
    pub(crate) rows: usize,
    /// What is known about them.
    pub(crate) known: KnownShard,
    /// How much greater the values of each column that locates rows are in the input than in the shard; `None` if the rows of
    /// the input have yet to be compared with those of the shard.
    pub(crate) offsets: Option<Vec<i64>>,
}

impl ShardResult {
    pub(crate) fn new(rows: usize, known: KnownShard) -> Self {
        Self { rows, known, offsets: None }
    }
}

/// A table of which it is known that it has the rows of tables that shards put out, in their order.
pub(crate) type ShardTables = Vec<ShardTable>;

/// The rows of one of the tables that were joined.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShardTable {
    /// The table that the shard put out.
    pub(crate) table: ArtifactHash,
    /// The number of its rows.
    pub(crate) rows: usize,
    /// How much greater the values of each column that locates rows are in the table that has the rows of all shards.
    pub(crate) offsets: Vec<i64>,
}

/// What is known about the rows of a shard.
#[derive(Debug, Clone)]
pub(crate) enum KnownShard {
    /// What came out for them.
    Result(EarlierRows),
    /// Nothing: they are worked on.
    Nothing,
    /// The rows are set apart: nothing comes out for them, and they are rejected for this reason.
    SetApart {
        /// The run that found it out; `None` if that does not matter.
        run: Option<FlowId>,
        /// Why.
        reason: String,
    },
}

/// A row that was set apart, as the signal of its step describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowSetApart {
    /// Why.
    pub(crate) reason: String,
    /// The number of the row in the input of the step, from 1.
    pub(crate) row: usize,
    /// The run that found it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<FlowId>,
}

impl ShardResults {
    /// Returns the results of a step that works on all of its `rows` rows except for those that are set apart, which are in their
    /// order.
    pub(crate) fn without(rows: usize, set_apart: &[RowSetApart]) -> Self {
        let (mut shards, mut next) = (Vec::new(), 0);
        for RowSetApart { reason, row, run } in set_apart {
            shards.push(ShardResult::new(row.saturating_sub(next + 1), KnownShard::Nothing));
            shards.push(ShardResult::new(1, KnownShard::SetApart { run: *run, reason: reason.clone() }));
            next = *row;
        }
        shards.push(ShardResult::new(rows.saturating_sub(next), KnownShard::Nothing));
        Self { shards }
    }

    /// Returns the rows that are set apart, in their order.
    pub(crate) fn set_apart(&self) -> Vec<RowSetApart> {
        let (mut found, mut before) = (Vec::new(), 0);
        for ShardResult { rows, known, .. } in &self.shards {
            if let KnownShard::SetApart { run, reason } = known {
                let one = |row| RowSetApart { reason: reason.clone(), row, run: *run };
                found.extend((before + 1..=before + rows).map(one));
            }
            before += rows;
        }
        found
    }
}

/// What a row step leaves to later runs, besides its outputs.
#[derive(Debug, Clone)]
pub(crate) struct RowsRecord {
    /// The outcome of each row.
    pub(crate) outcomes: Artifact,
    /// The rows that were taken over; `None` if there was no earlier result.
    pub(crate) taken_over: Option<TakenOver>,
    /// Whether no row was set apart. A result that lacks rows is not reused.
    pub(crate) is_whole: bool,
    /// For each output whose rows are those of the shards, by its name, where they are from.
    pub(crate) joined: BTreeMap<&'static str, ShardTables>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_set_apart_come_back_from_their_signal() {
        let apart = |row| RowSetApart { reason: format!("row {row}"), row, run: None };
        for rows in [vec![], vec![apart(1)], vec![apart(3), apart(4), apart(9)], vec![apart(10)]] {
            let results = ShardResults::without(10, &rows);
            assert_eq!(results.set_apart(), rows);
            assert_eq!(results.shards.iter().map(|shard| shard.rows).sum::<usize>(), 10);
        }
    }
}
