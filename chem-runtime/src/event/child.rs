//! The place of a run among the children of another.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::FlowId;

/// The run is a child: one of the runs that a step with `map:` runs. Part of the first event of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildOf {
    /// The values of the parameters that differ between the children.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub given: Map<String, Value>,
    /// The index of the child, from 0.
    pub index: usize,
    /// The run with the step.
    pub parent: FlowId,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
}

impl ChildOf {
    /// The name under which `given` has the rows of a child that works on some, as in `1-5000`.
    pub(crate) const ROWS: &str = "rows";

    /// Returns the numbers of the first and of the last row on which the child works, from 1; `None` if it does not work on rows.
    pub(crate) fn rows(&self) -> Option<(usize, usize)> {
        let (first, last) = self.given.get(Self::ROWS)?.as_str()?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    }
}
