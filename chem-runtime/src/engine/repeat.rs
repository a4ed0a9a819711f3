//! Runs one step again over stored inputs, for comparison. Records nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Unobserved;
use super::attempt::Attempt;
use super::run::check_outputs;
use crate::fingerprint::ArtifactHash;
use crate::flow::FlowStep;
use crate::step::{CancelToken, Files, Inputs, StepDefinition, StepError, StepOutput, StepRunResult};
use crate::store::{EventStore, StoredArtifacts};

/// Runs `step` on the artifacts of `store` with these hashes, by port, and returns its outputs.
///
/// # Errors
/// The step fails, or returns outputs that it does not declare.
pub(crate) fn repeat_step(
    step: Box<dyn StepDefinition>,
    inputs: &BTreeMap<String, ArtifactHash>,
    files: Arc<Files>,
    store: Arc<dyn EventStore>,
    cancel: CancelToken,
) -> Result<Vec<StepOutput>, StepError> {
    let mut wired = Inputs::default();
    for (port, hash) in inputs {
        wired.wire(port, *hash, None);
    }
    let step = FlowStep::alone(step);
    let (artifacts, observer) = (Arc::new(StoredArtifacts(store)), Arc::new(Unobserved));
    let attempt = Attempt { step: step.clone(), inputs: wired, files, artifacts, observer, cancel };
    match attempt.make() {
        StepRunResult::Success { outputs, .. } => check_outputs(step.step(), outputs),
        StepRunResult::Failure { error, .. } => Err(error),
    }
}
