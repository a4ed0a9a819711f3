//! What a step is given when it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chem_manifest::StepId;
use serde::Serialize;

use super::definition::Signal;
use super::error::StepError;
use super::file::Files;
use super::port::Input;
use crate::artifact::{ArtifactSource, ArtifactValue, Handed};
use crate::cancel::CancelToken;
use crate::fingerprint::{ArtifactHash, to_json};

/// What a step is given when it runs: its inputs, the run's files, and ways to report and to be stopped.
pub struct ExecutionContext<'a> {
    step: &'a StepId,
    inputs: &'a Inputs,
    artifacts: &'a dyn ArtifactSource,
    files: &'a Files,
    cancel: &'a CancelToken,
    progress: &'a dyn Progress,
    signals: Mutex<Vec<Signal>>,
}

impl<'a> ExecutionContext<'a> {
    /// A context. The engine makes one for each step that it runs; tests of a single step make their own.
    pub fn new(
        step: &'a StepId,
        inputs: &'a Inputs,
        artifacts: &'a dyn ArtifactSource,
        files: &'a Files,
        cancel: &'a CancelToken,
        progress: &'a dyn Progress,
    ) -> Self {
        Self { step, inputs, artifacts, files, cancel, progress, signals: Mutex::default() }
    }

    /// The step that runs.
    pub fn step_id(&self) -> &StepId {
        self.step
    }

    /// The value at `port`: the one that an earlier step handed on, or else read back from its artifact.
    ///
    /// # Errors
    /// Says that nothing is wired to the port, or why the artifact does not read.
    pub fn input<T: ArtifactValue>(&self, port: &str) -> Result<Input<T>, StepError> {
        self.optional_input(port)?.ok_or_else(|| StepError::new(format!("nothing is wired to the input `{port}`")))
    }

    /// The same for a port that may be left open.
    pub fn optional_input<T: ArtifactValue>(&self, port: &str) -> Result<Option<Input<T>>, StepError> {
        let Some(wired) = self.inputs.0.get(port) else {
            return Ok(None);
        };
        if let Some(value) = wired.handed.as_ref().and_then(T::take) {
            return Ok(Some(value.into()));
        }
        let root = self.artifacts.artifact(wired.hash)?;
        Ok(Some(Arc::new(T::unpack(&root, self.artifacts)?).into()))
    }

    /// The hash of the artifact at `port`.
    pub fn input_hash(&self, port: &str) -> Option<ArtifactHash> {
        self.inputs.0.get(port).map(|wired| wired.hash)
    }

    /// Where stored artifacts are read from.
    pub fn artifacts(&self) -> &dyn ArtifactSource {
        self.artifacts
    }

    /// The files of the run.
    pub fn files(&self) -> &Files {
        self.files
    }

    /// Says something that is not an output. It is stored as a `StepSignal` event before the step's end.
    pub fn signal(&self, name: &str, data: &impl Serialize) -> Result<(), StepError> {
        let data = to_json(data).map_err(|error| {
            StepError::context(format!("the signal `{}` cannot be stored", name.replace('\0', "\\0")), error)
        })?;
        let signal = Signal { name: name.to_owned(), data };
        self.signals.lock().unwrap_or_else(PoisonError::into_inner).push(signal);
        Ok(())
    }

    /// Says that `done` records are done, of `total` if that is known. Cheap enough to call every few records.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.progress.step_progress(self.step, done, total);
    }

    /// An error once the run is asked to stop. A step that works for long asks every few records, and passes it on by
    /// `?`.
    pub fn check_cancelled(&self) -> Result<(), StepError> {
        if self.cancel.is_cancelled() { Err(StepError::interrupted()) } else { Ok(()) }
    }

    pub(crate) fn take_signals(&self) -> Vec<Signal> {
        std::mem::take(&mut *self.signals.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The inputs of a step by port.
#[derive(Default)]
pub struct Inputs(BTreeMap<String, Wired>);

struct Wired {
    hash: ArtifactHash,
    handed: Option<Handed>,
}

impl Inputs {
    /// Wires the artifact named `hash` to `port`, with the value that was handed on if there is one.
    pub fn wire(&mut self, port: impl Into<String>, hash: ArtifactHash, handed: Option<Handed>) {
        self.0.insert(port.into(), Wired { hash, handed });
    }

    /// The hash at each port.
    pub fn hashes(&self) -> BTreeMap<String, ArtifactHash> {
        self.0.iter().map(|(port, wired)| (port.clone(), wired.hash)).collect()
    }
}

/// Hears how a step gets on. Calls may come from any thread.
pub trait Progress: Send + Sync {
    /// `done` records are done, of `total` if that is known.
    fn step_progress(&self, step: &StepId, done: u64, total: Option<u64>);
}

/// Hears and says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step_progress(&self, _: &StepId, _: u64, _: Option<u64>) {}
}
