//! Compares the manifest of a run with the flow that the run recorded.

use std::path::Path;

use super::{RecordedRun, RecordedRunError};
use crate::flow::{Change, FlowDefinition, FlowInstance, StepStatus, changes, policy_changes};
use crate::manifest::{self, Diagnostic};
use crate::step::Registry;

/// How the manifest of a run compares with the flow that the run recorded.
#[derive(Debug)]
pub enum ManifestComparison {
    /// The manifest gives the recorded flow.
    Same,
    /// The manifest cannot be compared: it is missing, or it lacks nothing but input files and programs, which the rest of
    /// the run may not need.
    Unavailable,
    /// The manifest gives another flow.
    Changed {
        /// The flow that the manifest gives now.
        definition: Box<FlowDefinition>,
        /// The changes that alter a fingerprint; empty if only policies have changed.
        changes: Vec<Change>,
        /// The changes to retries, timeouts, gates and resources.
        policies: Vec<Change>,
    },
    /// The manifest has errors.
    Invalid {
        /// The errors and warnings.
        diagnostics: Vec<Diagnostic>,
    },
}

impl RecordedRun<'_> {
    /// Compares the manifest at `path`, or at its recorded path if `path` is `None`, with the recorded flow. Flow parameters
    /// have the values that were set when the run began.
    ///
    /// # Errors
    /// Fails if a recorded value has no canonical form, or if the values that branches set do not fit the manifest's steps.
    pub fn compare_manifest(
        &self,
        path: Option<&Path>,
        registry: &Registry,
    ) -> Result<ManifestComparison, RecordedRunError> {
        let Some(path) = path.map(Path::to_owned).or_else(|| self.existing_manifest()) else {
            return Ok(ManifestComparison::Unavailable);
        };
        let checked = self.check(&path, &[], registry)?;
        let Some(definition) = checked.definition else {
            let mut errors = checked.diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
            return Ok(if errors.all(|diagnostic| manifest::is_of_the_machine(diagnostic.rule)) {
                ManifestComparison::Unavailable
            } else {
                ManifestComparison::Invalid { diagnostics: checked.diagnostics }
            });
        };
        let definition = self.with_own_values(&path, definition, registry)?;
        let (then, now) = (&self.recorded.definition, definition.recorded()?);
        let (changes, policies) = (changes(then, &now), policy_changes(then, &now));
        if changes.is_empty() && policies.is_empty() {
            return Ok(ManifestComparison::Same);
        }
        Ok(ManifestComparison::Changed { definition: Box::new(definition), changes, policies })
    }
}

/// Returns the step from which a branch of the run with the state `instance` has to begin to have the flow `definition`,
/// which differs from the recorded one by `changes`: the first that has changed or is not finished, or else the last.
pub fn branch_point(instance: &FlowInstance, definition: &FlowDefinition, changes: &[Change]) -> String {
    let is_shared = |index: usize, id: &str| {
        let state = instance.steps().get(index).filter(|state| state.id == id);
        state.is_some_and(|state| state.status == StepStatus::FinishedOk)
            && !changes.iter().any(|change| change.step == id)
    };
    let ids: Vec<&str> = definition.steps().iter().map(|step| step.step().id().as_str()).collect();
    let first = ids.iter().enumerate().find(|(index, id)| !is_shared(*index, id)).map(|(_, id)| *id);
    // If steps were only removed, the last step runs again.
    first.or(ids.last().copied()).unwrap_or_default().to_owned()
}
