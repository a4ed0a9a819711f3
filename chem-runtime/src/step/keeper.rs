//! Stores what a step finishes before the step ends.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::StepError;
use crate::artifact::{Artifact, ChunkRef};

/// How far a step has got since it said so last.
pub(crate) struct Reached {
    /// The position in the input then; 0 if the step began anew.
    pub(crate) after: u64,
    /// The number of rows of the input, or of records of the source, that are done.
    pub(crate) position: u64,
    /// The chunks that were finished since then, by output.
    pub(crate) outputs: BTreeMap<String, Vec<ChunkRef>>,
    /// The artifacts of these chunks.
    pub(crate) artifacts: Vec<Artifact>,
    /// What the step needs to continue besides the chunks.
    pub(crate) rest: Artifact,
}

/// Stores what a step has finished, so that an interrupted step can continue behind it.
pub(crate) trait Keeper: Send + Sync {
    /// Stores the chunks and how far the step has got. May return before they are stored, but blocks while much waits.
    ///
    /// # Errors
    /// Returns an interruption if nothing can be stored any more; the engine knows why.
    fn keep(&self, reached: Reached) -> Result<(), StepError>;

    /// Records a signal before the step ends.
    ///
    /// # Errors
    /// Returns an interruption if nothing can be stored any more; the engine knows why.
    fn keep_signal(&self, name: &str, data: Value) -> Result<(), StepError>;
}
