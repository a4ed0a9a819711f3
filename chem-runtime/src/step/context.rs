//! Defines what the engine passes to a running step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chem_manifest::StepId;
use serde::Serialize;

use super::children::Children;
use super::earlier_rows::{EarlierRows, RowsRecord, ShardResults};
use super::error::StepError;
use super::files::Files;
use super::keeper::Keeper;
use super::port::Input;
use super::row_kind::RowKind;
use super::sample::Sample;
use super::signal::Signal;
use super::stored_rows::StoredRows;
use crate::artifact::{ArtifactSource, ArtifactValue, Handed, TableStream};
use crate::cancel::CancelToken;
use crate::event::StepProgress;
use crate::fingerprint::{ArtifactHash, to_json};

/// The context of a running step: its inputs, the files of the run, signals, progress and cancellation.
pub struct ExecutionContext<'a> {
    step: &'a StepId,
    inputs: &'a Inputs,
    artifacts: &'a dyn ArtifactSource,
    files: &'a Files,
    cancel: &'a CancelToken,
    progress: &'a dyn Progress,
    signals: Mutex<Vec<Signal>>,
    batch_rows: Option<usize>,
    sample: Option<Sample>,
    earlier_rows: Option<&'a EarlierRows>,
    shards: Option<&'a ShardResults>,
    is_part: bool,
    rows: Mutex<Option<RowsRecord>>,
    keeper: Option<&'a dyn Keeper>,
    progress_so_far: Option<&'a StepProgress>,
    children: Option<&'a dyn Children>,
}

impl<'a> ExecutionContext<'a> {
    /// Creates a context. The engine creates one for each step that it runs; tests of a single step create their own.
    pub fn new(
        step: &'a StepId,
        inputs: &'a Inputs,
        artifacts: &'a dyn ArtifactSource,
        files: &'a Files,
        cancel: &'a CancelToken,
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            step,
            inputs,
            artifacts,
            files,
            cancel,
            progress,
            signals: Mutex::default(),
            batch_rows: None,
            sample: None,
            earlier_rows: None,
            shards: None,
            is_part: false,
            rows: Mutex::default(),
            keeper: None,
            progress_so_far: None,
            children: None,
        }
    }

    /// Takes over from this result what came out for rows that the input has, too.
    pub(crate) fn taking_over(self, earlier: Option<&'a EarlierRows>) -> Self {
        Self { earlier_rows: earlier, ..self }
    }

    pub(super) fn earlier_rows(&self) -> Option<&'a EarlierRows> {
        self.earlier_rows
    }

    /// Takes over what came out for the rows of the input in its shards.
    pub(crate) fn gathering(self, shards: Option<&'a ShardResults>) -> Self {
        Self { shards, ..self }
    }

    pub(super) fn shards(&self) -> Option<&'a ShardResults> {
        self.shards
    }

    /// Declares whether the rows of a row step are a part of its input, to which no condition on the whole input applies.
    pub(crate) fn on_part(self, is_part: bool) -> Self {
        Self { is_part, ..self }
    }

    /// Returns whether the rows of a row step are only some of those of its input.
    pub(super) fn is_partial(&self) -> bool {
        self.is_part || self.sample.is_some()
    }

    /// Records what a row step leaves to later runs.
    pub(super) fn record_rows(&self, record: RowsRecord) {
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = Some(record);
    }

    pub(crate) fn take_rows(&self) -> Option<RowsRecord> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Stores what the step finishes before it ends with `keeper`, and continues where an earlier attempt has got to.
    pub(crate) fn keeping(self, keeper: Option<&'a dyn Keeper>, so_far: Option<&'a StepProgress>) -> Self {
        Self { keeper, progress_so_far: so_far, ..self }
    }

    /// Runs the children of the step by `children`.
    pub(crate) fn with_children(self, children: Option<&'a dyn Children>) -> Self {
        Self { children, ..self }
    }

    pub(super) fn children(&self) -> Option<&'a dyn Children> {
        self.children
    }

    pub(super) fn keeper(&self) -> Option<&'a dyn Keeper> {
        self.keeper
    }

    pub(super) fn progress_so_far(&self) -> Option<&'a StepProgress> {
        self.progress_so_far
    }

    /// Sets the number of rows of a batch for a row step, to check that nothing depends on it.
    pub fn in_batches_of(self, rows: usize) -> Self {
        Self { batch_rows: Some(rows), ..self }
    }

    /// Declares that the rows of a row step are a sample of its input, to which no condition on the whole input applies.
    pub fn on_sample(self, sample: Sample) -> Self {
        Self { sample: Some(sample), ..self }
    }

    pub(super) fn sample(&self) -> Option<&Sample> {
        self.sample.as_ref()
    }

    pub(super) fn batch_rows(&self) -> Option<usize> {
        self.batch_rows
    }

    /// Returns the ID of the running step.
    pub fn step_id(&self) -> &StepId {
        self.step
    }

    /// Returns the value at `port`: the one that an earlier step passed on in this process, or else the one read from
    /// its artifact.
    ///
    /// # Errors
    /// Fails if nothing is wired to the port, or if the artifact cannot be read.
    pub fn input<T: ArtifactValue>(&self, port: &str) -> Result<Input<T>, StepError> {
        self.optional_input(port)?.ok_or_else(|| StepError::new(format!("nothing is wired to the input `{port}`")))
    }

    /// Returns the value at `port` like [`input`](Self::input), or `None` if nothing is wired to it.
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

    /// Returns the rows of the table at `port`, with the kind of the artifact: those that an earlier step passed on in this
    /// process, or else a stream that reads its chunks.
    ///
    /// # Errors
    /// Fails if nothing is wired to the port, if the artifact cannot be read, or if it is not a table.
    pub(super) fn stream<K: RowKind>(&self, port: &str) -> Result<(Arc<str>, TableStream), StepError> {
        let Some(wired) = self.inputs.0.get(port) else {
            return Err(StepError::new(format!("nothing is wired to the input `{port}`")));
        };
        if let Some(StoredRows { kind, rows }) = wired.handed.as_ref().and_then(|handed| handed.downcast_ref()) {
            return Ok((kind.clone(), rows.clone()));
        }
        if let Some(value) = wired.handed.as_ref().and_then(K::take) {
            let (kind, table) = value.into_rows();
            return Ok((kind, table.into()));
        }
        let root = self.artifacts.artifact(wired.hash)?;
        Ok((root.kind().into(), TableStream::of(&root)?))
    }

    /// Returns the hash of the artifact at `port`, or `None` if nothing is wired to it.
    pub fn input_hash(&self, port: &str) -> Option<ArtifactHash> {
        self.inputs.0.get(port).map(|wired| wired.hash)
    }

    /// Returns the source of stored artifacts.
    pub fn artifacts(&self) -> &dyn ArtifactSource {
        self.artifacts
    }

    /// Returns the files of the run.
    pub fn files(&self) -> &Files {
        self.files
    }

    /// Records a signal: data about the step that is not one of its outputs. It is stored as a `StepSignal` event,
    /// before the event that ends the step.
    pub fn signal(&self, name: &str, data: &impl Serialize) -> Result<(), StepError> {
        let data = to_json(data).map_err(|error| {
            StepError::context(format!("the signal `{}` cannot be stored", name.replace('\0', "\\0")), error)
        })?;
        let signal = Signal { name: name.to_owned(), data };
        self.signals.lock().unwrap_or_else(PoisonError::into_inner).push(signal);
        Ok(())
    }

    /// Reports that `done` records are done, of `total` if that is known. Cheap enough to call every few records.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.progress.step_progress(self.step, done, total);
    }

    /// Returns an error once the run is asked to stop. A step that works for long calls this every few records and
    /// passes the error on with `?`.
    pub fn check_cancelled(&self) -> Result<(), StepError> {
        if self.cancel.is_cancelled() { Err(StepError::interrupted()) } else { Ok(()) }
    }

    /// Returns the token by which the step is asked to stop.
    pub(crate) fn cancel(&self) -> &CancelToken {
        self.cancel
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
    /// Wires the artifact with this `hash` to `port`, with the value that was passed on in this process, if any.
    pub fn wire(&mut self, port: impl Into<String>, hash: ArtifactHash, handed: Option<Handed>) {
        self.0.insert(port.into(), Wired { hash, handed });
    }

    /// Returns the hash of the artifact at each port.
    pub fn hashes(&self) -> BTreeMap<String, ArtifactHash> {
        self.0.iter().map(|(port, wired)| (port.clone(), wired.hash)).collect()
    }
}

/// Receives progress reports. Calls may come from any thread.
pub trait Progress: Send + Sync {
    /// Reports that `done` records of `step` are done, of `total` if that is known.
    fn step_progress(&self, step: &StepId, done: u64, total: Option<u64>);
}

/// Ignores progress reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step_progress(&self, _: &StepId, _: u64, _: Option<u64>) {}
}
