//! What the events carry that tie a run to other runs, and a step to its earlier attempts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{FlowId, OutputRef};
use crate::fingerprint::{DivergenceHash, Fingerprint};

/// An event of any run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EventAddress {
    /// The run.
    pub flow_id: FlowId,
    /// The event's place in it.
    pub position: u64,
}

/// A step has ended well without being run: what an earlier run of it put out stands. Follows `StepStarted` in place of
/// `StepFinished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReused {
    /// The fingerprint with which it started.
    pub fingerprint: Fingerprint,
    /// What it put out. The first is the one that a later step takes by default.
    pub outputs: Vec<OutputRef>,
    /// The `StepFinished` of the run in which the step worked.
    pub source: EventAddress,
    /// The step's name in the flow.
    pub step_id: String,
    /// Its place in the flow, from 0.
    pub step_index: usize,
}

/// A step that has failed is to be tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryScheduled {
    /// How many attempts there may be; none if nobody has set a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<u32>,
    /// The number of the attempt to come: 2 for the first retry. After a rejection it is what it was, since the step was
    /// not attempted.
    pub attempt: u32,
    /// The attempt does not begin before; none if it may begin at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Why: what the failure was, or what a person gave as the reason.
    pub reason: String,
    /// The step's name in the flow.
    pub step_id: String,
    /// Its place in the flow, from 0.
    pub step_index: usize,
}

/// The run goes its own way from a step of another run, whose finished steps before that one it shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchCreated {
    /// The hash of what differs between the two definitions from that step on. The same for all branches in which the
    /// same was changed.
    pub divergence: DivergenceHash,
    /// The run that it branches from.
    pub parent: FlowId,
    /// The first of the family: the parent, if that is no branch itself.
    pub root: FlowId,
    /// The flow's parameters that were set for the branch.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// The first step that is not shared.
    pub step_id: String,
    /// Its place in the flow, from 0.
    pub step_index: usize,
}
