//! Computes the `StepStarted` event of a step, for the loop, which records it, and for a plan, which predicts it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::event::StepStarted;
use crate::fingerprint::{ArtifactHash, DefinitionHash, as_read_back};
use crate::flow::StepIdentity;
use crate::step::{Files, StepDefinition, StepError};

/// Returns every component of the fingerprint of `step`, the step at `index` of a flow with this definition. `inputs`
/// maps each port to the hash of its artifact.
///
/// # Errors
/// A file that the step reads cannot be read, or a parameter has no canonical form.
pub(crate) fn begin_step(
    definition: DefinitionHash,
    index: usize,
    step: &dyn StepDefinition,
    files: &Files,
    inputs: BTreeMap<String, ArtifactHash>,
) -> Result<StepStarted, StepError> {
    // Use the form that the log reads back, so that callers see the same value whether or not it was stored.
    let params: Map<String, Value> =
        step.identity(files)?.into_iter().map(|(name, value)| (name, as_read_back(value))).collect();
    let step_type = step.step_type();
    let identity = StepIdentity {
        step_id: step.id().as_str(),
        uses: step_type.name,
        version: step_type.version,
        inputs: &inputs,
        params: &params,
    };
    let fingerprint = identity.fingerprint(definition)?;
    Ok(StepStarted {
        step_id: step.id().to_string(),
        step_index: index,
        uses: step_type.name.to_owned(),
        version: step_type.version,
        inputs,
        params,
        fingerprint,
    })
}
