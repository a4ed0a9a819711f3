//! The address of an event.

use serde::{Deserialize, Serialize};

use super::FlowId;

/// The address of an event in any run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EventAddress {
    /// The id of the run.
    pub flow_id: FlowId,
    /// The position of the event in the run, from 0.
    pub position: u64,
}
