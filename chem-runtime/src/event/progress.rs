//! How far a step has got before it ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::artifact::ChunkRef;
use crate::fingerprint::{ArtifactHash, Fingerprint};

/// A step that is running has got so far. The chunks and the rest are stored with the event, so that a resumed run continues
/// behind it. A step writes none unless it takes long or puts out much. Not part of any fingerprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepProgressed {
    /// The position in the input after the event before this one; 0 if the step began anew.
    #[serde(default)]
    pub after: u64,
    /// A hash of the step's code, like that in `StepFinished`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The fingerprint in the `StepStarted` event.
    pub fingerprint: Fingerprint,
    /// The chunks that were finished since the event before this one, by output.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Vec<ChunkRef>>,
    /// The number of rows of the input, or of records of the source, that are done.
    pub position: u64,
    /// The artifact with what the step needs to continue besides the finished chunks and the earlier events.
    pub rest: ArtifactHash,
    /// The id of the step.
    pub step_id: String,
    /// The index of the step, from 0.
    pub step_index: usize,
}

/// How far a step has got, by all of its `StepProgressed` events.
#[derive(Debug, Clone, PartialEq)]
pub struct StepProgress {
    /// The hash of the code that did the work; `None` if the step has none.
    pub code: Option<String>,
    /// The fingerprint of the work.
    pub fingerprint: Fingerprint,
    /// The finished chunks by output, in the order of their rows.
    pub outputs: BTreeMap<String, Vec<ChunkRef>>,
    /// The number of rows of the input that are done.
    pub position: u64,
    /// The artifacts of all events with what the step needs to continue, in order.
    pub rests: Vec<ArtifactHash>,
}

impl StepProgress {
    /// Returns the progress after `event`, which follows `before`.
    ///
    /// # Errors
    /// Fails if the event does not continue where `before` ended, or does not advance.
    pub fn after(before: Option<Self>, event: &StepProgressed) -> Result<Self, String> {
        let (mut outputs, mut rests) = match before {
            _ if event.after == 0 => Default::default(),
            Some(before) if before.position == event.after && before.fingerprint == event.fingerprint => {
                (before.outputs, before.rests)
            }
            before => {
                let found = before.map_or(0, |before| before.position);
                return Err(format!("its progress continues at {}, but it has got to {found}", event.after));
            }
        };
        if event.position < event.after {
            return Err(format!("its progress goes back from {} to {}", event.after, event.position));
        }
        for (name, chunks) in &event.outputs {
            outputs.entry(name.clone()).or_default().extend(chunks.iter().cloned());
        }
        rests.push(event.rest);
        Ok(Self { code: event.code.clone(), fingerprint: event.fingerprint, outputs, position: event.position, rests })
    }

    /// Returns the number of finished chunks of all outputs.
    pub fn chunks(&self) -> usize {
        self.outputs.values().map(Vec::len).sum()
    }
}
