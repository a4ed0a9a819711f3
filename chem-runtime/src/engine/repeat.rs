//! Runs one step again over stored inputs, for comparison. Records nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Unobserved;
use super::attempt::Attempt;
use super::run::check_outputs;
use crate::artifact::{ArtifactValue, Dataset};
use crate::fingerprint::ArtifactHash;
use crate::flow::FlowStep;
use crate::step::children::Children;
use crate::step::{
    CancelToken, Files, Inputs, Sample, ShardResults, StepDefinition, StepError, StepOutput, StepRunResult,
};
use crate::store::{EventStore, StoredArtifacts};

/// A step that runs again, any number of times.
pub(crate) struct Repetition {
    step: FlowStep,
    inputs: BTreeMap<String, ArtifactHash>,
    files: Arc<Files>,
    store: Arc<dyn EventStore>,
    cancel: CancelToken,
    children: Option<Arc<dyn Children>>,
    /// What is known about the rows of the input.
    known: Option<ShardResults>,
    is_part: bool,
}

impl Repetition {
    /// Prepares `step`, which takes the artifacts of `store` with these hashes, by port.
    pub(crate) fn of(
        step: Box<dyn StepDefinition>,
        inputs: &BTreeMap<String, ArtifactHash>,
        files: Arc<Files>,
        store: Arc<dyn EventStore>,
        cancel: CancelToken,
    ) -> Self {
        Self {
            step: FlowStep::alone(step),
            inputs: inputs.clone(),
            files,
            store,
            cancel,
            children: None,
            known: None,
            is_part: false,
        }
    }

    /// Takes the ends of the children of the step from `children`.
    pub(crate) fn with_children(self, children: Option<Arc<dyn Children>>) -> Self {
        Self { children, ..self }
    }

    /// Sets rows of the input apart again, as `known` says.
    pub(crate) fn setting_apart(self, known: Option<ShardResults>) -> Self {
        Self { known, ..self }
    }

    /// Declares whether the rows of the inputs are those of a shard, to which no condition on the whole applies.
    pub(crate) fn on_part(self, is_part: bool) -> Self {
        Self { is_part, ..self }
    }

    /// Returns the step.
    pub(crate) fn step(&self) -> &dyn StepDefinition {
        self.step.step()
    }

    /// Returns the hash of the artifact at `port`.
    pub(crate) fn input(&self, port: &str) -> Option<ArtifactHash> {
        self.inputs.get(port).copied()
    }

    /// Runs the step and returns its outputs.
    ///
    /// # Errors
    /// The step fails, or returns outputs that it does not declare.
    pub(crate) fn run(&self) -> Result<Vec<StepOutput>, StepError> {
        self.run_with(None)
    }

    /// Runs the step on a sample of the rows of `whole`, which is at `port`, all in one batch, and returns its outputs.
    ///
    /// # Errors
    /// Fails like [`run`](Self::run).
    pub(crate) fn run_on(&self, port: &str, whole: &Dataset, rows: &[usize]) -> Result<Vec<StepOutput>, StepError> {
        self.run_with(Some((port, whole, rows)))
    }

    fn run_with(&self, sample: Option<(&str, &Dataset, &[usize])>) -> Result<Vec<StepOutput>, StepError> {
        let mut wired = Inputs::default();
        for (port, hash) in &self.inputs {
            wired.wire(port, *hash, None);
        }
        if let Some((port, whole, rows)) = sample {
            let (packed, handed) = whole.gather(rows).pack_and_hand_on()?;
            wired.wire(port, packed.root.hash(), Some(handed));
        }
        let shards = self.known.clone().filter(|_| sample.is_none());
        let sample = sample.map(|(_, whole, rows)| Sample::of(whole, rows));
        let (artifacts, observer) = (Arc::new(StoredArtifacts(self.store.clone())), Arc::new(Unobserved));
        let (step, files, cancel) = (self.step.clone(), self.files.clone(), self.cancel.clone());
        // Nothing is recorded, and nothing is taken over.
        let (keeper, so_far, earlier_rows, rows, children) = (None, None, None, Arc::default(), self.children.clone());
        let attempt = Attempt {
            step,
            inputs: wired,
            files,
            artifacts,
            observer,
            cancel,
            keeper,
            so_far,
            earlier_rows,
            rows,
            children,
            shards,
            is_part: self.is_part,
            sample,
        };
        match attempt.make() {
            StepRunResult::Success { outputs, .. } => check_outputs(self.step(), outputs),
            StepRunResult::Failure { error, .. } => Err(error),
        }
    }
}
