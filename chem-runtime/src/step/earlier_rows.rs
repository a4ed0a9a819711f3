//! Results of a row step on other rows: an earlier one, and those of its shards. And what a row step leaves to later runs.

use crate::artifact::Artifact;
use crate::event::{EventAddress, OutputRef, TakenOver};
use crate::fingerprint::ArtifactHash;

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

/// The results of the shards of a row step.
#[derive(Debug, Clone)]
pub(crate) struct ShardResults {
    /// For each shard, in the order of the rows, how many rows of the input it has, and the result; `None` if nothing can be
    /// taken over from it.
    pub(crate) shards: Vec<(usize, Option<EarlierRows>)>,
}

/// What a row step leaves to later runs, besides its outputs.
#[derive(Debug, Clone)]
pub(crate) struct RowsRecord {
    /// The outcome of each row.
    pub(crate) outcomes: Artifact,
    /// The rows that were taken over; `None` if there was no earlier result.
    pub(crate) taken_over: Option<TakenOver>,
}
