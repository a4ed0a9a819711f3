//! What a finished step that works row by row leaves to later runs.

use serde::{Deserialize, Serialize};

use super::address::EventAddress;
use crate::fingerprint::{ArtifactHash, WorkKey};

/// What a step that works row by row leaves to later runs that do the same work on other rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedRows {
    /// The artifact that says what came out for each row; `None` if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<ArtifactHash>,
    /// The input port with the rows.
    pub port: String,
    /// The rows that were taken over from an earlier result; `None` if all were computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over: Option<TakenOver>,
    /// The key under which later runs find the result. It covers the work except the rows.
    pub work_key: WorkKey,
}

/// How many rows a step took over from an earlier result, and how many it computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// The number of rows of the input that were computed.
    pub computed: u64,
    /// The number of rows of the input for which the earlier result was taken over.
    pub rows: u64,
    /// The `StepFinished` event of the earlier result.
    pub source: EventAddress,
}
