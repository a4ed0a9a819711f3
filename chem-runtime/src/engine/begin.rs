//! What the log records of a step that is about to start. The loop records it, and a plan predicts it: both ask here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::event::StepStarted;
use crate::fingerprint::{ArtifactHash, DefinitionHash, as_read_back};
use crate::flow::StepIdentity;
use crate::step::{Files, StepDefinition, StepError};

/// Every component of the fingerprint of `step`, which stands at `index` of a flow with this definition, given the hash of the artifact
/// at each of its ports.
///
/// # Errors
/// A file that the step reads cannot be read, or a parameter has no canonical form.
pub fn begin_step(
    definition: DefinitionHash,
    index: usize,
    step: &dyn StepDefinition,
    files: &Files,
    inputs: BTreeMap<String, ArtifactHash>,
) -> Result<StepStarted, StepError> {
    // As the log gives them back: whoever compares, prints or hands them on sees one value, whether it was stored or not.
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
