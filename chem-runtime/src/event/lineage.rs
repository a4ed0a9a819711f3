//! The payloads of events that link a run to other runs, and a step to its earlier attempts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::address::EventAddress;
use super::{FlowId, Operator, OutputRef};
use crate::fingerprint::{DivergenceHash, Fingerprint};

/// A step takes its outputs from an earlier run instead of running. Follows `StepStarted` in place of `StepFinished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReused {
    /// The fingerprint in the `StepStarted` event.
    pub fingerprint: Fingerprint,
    /// The reused outputs. The first is the main output, which inputs take by default.
    pub outputs: Vec<OutputRef>,
    /// The `StepFinished` event of the run that computed the outputs.
    pub source: EventAddress,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
}

/// A failed step will be retried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryScheduled {
    /// The maximum number of attempts; `None` if there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<u32>,
    /// The number of the next attempt: 2 for the first retry. A rejected step was not attempted and keeps its number.
    pub attempt: u32,
    /// Who asked for the retry; `None` if the policy of the step did, or it was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Operator>,
    /// The earliest time of the attempt; `None` for immediately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The failure, or the reason given by a person.
    pub reason: String,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
}

/// The run is a branch: it shares the finished steps of another run up to a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchCreated {
    /// The hash of the differences between the two definitions. Branches with the same changes have the same hash.
    pub divergence: DivergenceHash,
    /// The run from which this run branches.
    pub parent: FlowId,
    /// The root of the tree of branches: the parent, unless that is a branch itself.
    pub root: FlowId,
    /// The flow parameters that were set for the branch.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// The id of the first step that is not shared.
    pub step_id: String,
    /// The index of that step, from 0.
    pub step_index: usize,
}
