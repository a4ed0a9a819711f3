//! Decides whether a finished result may replace running a step. The loop and a plan both ask here, so a plan predicts
//! what the loop does.
//!
//! A step matches by its work (type, version, inputs and parameters), not by its name or flow. A result counts only if
//! its run confirms it (see `results.rs`), all its artifacts can be read, and every file that it wrote is unchanged. Where no
//! result matches, a row step takes over rows from one on other rows (`earlier_rows.rs`).

use std::collections::BTreeSet;
use std::fmt;

use super::CoreEngineError;
use super::results::{EarlierResult, EarlierResults, ResultKey, Unbelievable};
use crate::artifact::{ArtifactError, ArtifactSource as _, ArtifactValue as _, TableRoot};
use crate::event::{EventAddress, OutputRef, StepStarted};
use crate::fingerprint::{ArtifactHash, ContentHash};
use crate::flow::StepIdentity;
use crate::step::{FileWritten, Files, StepDefinition, StepKind};
use crate::store::{ArtifactStore, EventStore, PersistenceError, StoredArtifacts};

/// Which steps may reuse finished results. The default is none.
///
/// ```
/// use std::sync::Arc;
///
/// use chem_runtime::engine::{FlowEngine, ReusePolicy};
/// use chem_runtime::steps::demo::{Characters, Seed};
/// use chem_runtime::store::InMemoryEventStore;
///
/// let store = Arc::new(InMemoryEventStore::new());
/// let run = |policy: ReusePolicy| {
///     let builder = FlowEngine::on(store.clone()).reuse(policy);
///     let engine = builder.first_step(Seed { text: "CCO".into() }).add_step(Characters {}).build()?;
///     engine.run_to_end()?;
///     engine.event_variants()
/// };
/// let all = ReusePolicy::wherever_possible;
/// assert_eq!(run(all())?, "ISFSFC");
/// assert_eq!(run(all())?, "ISHSHC");
/// assert_eq!(run(all().refreshing("seed"))?, "ISFSHC");
/// # Ok::<_, chem_runtime::engine::CoreEngineError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReusePolicy {
    wherever_possible: bool,
    refreshed: BTreeSet<String>,
    no_rows: bool,
}

impl ReusePolicy {
    /// Runs every step.
    pub fn never() -> Self {
        Self::default()
    }

    /// Reuses every result that is in the store.
    pub fn wherever_possible() -> Self {
        Self { wherever_possible: true, ..Self::default() }
    }

    /// Does the same, but runs the step called `step`.
    pub fn refreshing(mut self, step: impl Into<String>) -> Self {
        self.refreshed.insert(step.into());
        self
    }

    /// Does the same, but computes all rows of a step that runs, also those that an earlier result has.
    pub fn computing_all_rows(mut self) -> Self {
        self.no_rows = true;
        self
    }

    /// Returns whether `step` may take over rows from an earlier result.
    pub(super) fn takes_over_rows(&self, step: &dyn StepDefinition) -> bool {
        !self.no_rows && self.refusal(step).is_none()
    }

    /// Returns why `step` is run whatever the store holds, or `None` if that depends on the store.
    pub(crate) fn refusal(&self, step: &dyn StepDefinition) -> Option<RunsBecause> {
        if !self.wherever_possible {
            Some(RunsBecause::NothingIsReused)
        } else if self.refreshed.contains(step.id().as_str()) {
            Some(RunsBecause::Refreshed)
        } else if !step.is_reusable() {
            Some(RunsBecause::NotReusable)
        } else if step.kind() == StepKind::Sink && step.outputs().is_empty() {
            Some(RunsBecause::LeavesNothing)
        } else {
            None
        }
    }

    /// Decides whether to run a step that would start as `started` describes. `earlier` caches replayed runs between
    /// calls; the caller takes the untrusted results from it.
    ///
    /// # Errors
    /// Errors of the store. Damaged events and artifacts of an earlier result are not errors: they disqualify that
    /// result.
    pub(crate) fn judge(
        &self,
        store: &dyn EventStore,
        files: &Files,
        step: &dyn StepDefinition,
        started: &StepStarted,
        earlier: &mut EarlierResults,
    ) -> Result<Verdict, CoreEngineError> {
        if let Some(refusal) = self.refusal(step) {
            return Ok(Verdict::Run(refusal));
        }
        let key = StepIdentity::of(started).cache_key()?;
        // Report the newest of several unusable results.
        let mut unusable = None;
        let mut seen: Vec<Vec<OutputRef>> = Vec::new();
        let found = earlier.find(store, ResultKey::Cache(key), |source, EarlierResult { finished, .. }| {
            let outputs = &finished.outputs;
            if seen.iter().any(|seen| seen == outputs) {
                return Ok(None);
            }
            seen.push(outputs.clone());
            for output in outputs {
                match spoilt(store, files, output)? {
                    None => {}
                    // An older result may have other outputs.
                    Some(because) if because.is_alarming() => {
                        unusable.get_or_insert(because);
                        return Ok(None);
                    }
                    Some(because) => return Ok(Some(Verdict::Run(because))),
                }
            }
            let by_other_code = step.code().zip(finished.code.as_deref()).is_some_and(|(now, then)| now != then);
            Ok(Some(Verdict::Reuse { source, outputs: outputs.clone(), by_other_code }))
        })?;
        let doubted = || earlier.first_doubted().cloned().map(RunsBecause::ResultUnbelievable);
        Ok(found.unwrap_or_else(|| Verdict::Run(unusable.or_else(doubted).unwrap_or(RunsBecause::NoResult))))
    }
}

/// Whether to run a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Reuse a finished result.
    Reuse {
        /// The address of the `StepFinished` event in the run in which the step worked.
        source: EventAddress,
        /// The outputs of the result.
        outputs: Vec<OutputRef>,
        /// Whether other code computed the result; `false` if unknown.
        by_other_code: bool,
    },
    /// Run the step.
    Run(RunsBecause),
}

/// Why a step is run instead of reusing a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunsBecause {
    /// The caller asked to run every step.
    NothingIsReused,
    /// The caller asked to run this step.
    Refreshed,
    /// The step type declares that its results cannot be reused.
    NotReusable,
    /// The step is a sink without outputs: an earlier run says nothing about the present state of its target.
    LeavesNothing,
    /// No run has a result for this work.
    NoResult,
    /// A file of the result is missing.
    FileMissing {
        /// The path as the flow writes it.
        path: String,
    },
    /// The content of a file of the result has changed.
    FileChanged {
        /// The path as the flow writes it.
        path: String,
    },
    /// An artifact of the result is not in the store.
    ArtifactMissing {
        /// The artifact.
        hash: ArtifactHash,
    },
    /// The run of the result does not confirm it.
    ResultUnbelievable(Unbelievable),
    /// An artifact of the result cannot be read.
    ArtifactCorrupt {
        /// The error on reading it.
        reason: String,
    },
}

impl RunsBecause {
    /// Returns the reason as an identifier for scripts, such as `no_result`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NothingIsReused => "nothing_is_reused",
            Self::Refreshed => "refreshed",
            Self::NotReusable => "not_reusable",
            Self::LeavesNothing => "leaves_nothing",
            Self::NoResult => "no_result",
            Self::FileMissing { .. } => "file_missing",
            Self::FileChanged { .. } => "file_changed",
            Self::ArtifactMissing { .. } => "artifact_missing",
            Self::ResultUnbelievable(_) => "result_unbelievable",
            Self::ArtifactCorrupt { .. } => "artifact_corrupt",
        }
    }

    /// Whether the reason points to damage in the store.
    pub fn is_alarming(&self) -> bool {
        matches!(self, Self::ArtifactMissing { .. } | Self::ArtifactCorrupt { .. } | Self::ResultUnbelievable(_))
    }
}

impl fmt::Display for RunsBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingIsReused => f.write_str("nothing is reused"),
            Self::Refreshed => f.write_str("the caller asked to run it again"),
            Self::NotReusable => f.write_str("a step of this type is always run"),
            Self::LeavesNothing => f.write_str("a sink without outputs is always run"),
            Self::NoResult => f.write_str("no run has finished it"),
            Self::FileMissing { path } => write!(f, "output file `{path}` is missing"),
            Self::FileChanged { path } => write!(f, "output file `{path}` was changed"),
            Self::ArtifactMissing { hash } => write!(f, "artifact {hash} of its result is missing"),
            Self::ResultUnbelievable(doubted) => doubted.fmt(f),
            Self::ArtifactCorrupt { reason } => write!(f, "its result cannot be read: {reason}"),
        }
    }
}

/// Returns why an output of an earlier result is unusable, or `None` if it is usable.
fn spoilt(
    store: &dyn ArtifactStore,
    files: &Files,
    output: &OutputRef,
) -> Result<Option<RunsBecause>, CoreEngineError> {
    match read(store, output) {
        Ok(None) => Ok(None),
        Ok(Some(written)) => Ok(file_is_not(files, &written)),
        Err(ArtifactError::Missing { hash }) => Ok(Some(RunsBecause::ArtifactMissing { hash })),
        Err(error) => {
            let error = PersistenceError::behind(error).map_err(CoreEngineError::Store)?;
            Ok(Some(RunsBecause::ArtifactCorrupt { reason: error.to_string() }))
        }
    }
}

/// Reads an output in full, including the chunks of a table. Returns the file that the output describes, if it does.
fn read(store: &dyn ArtifactStore, output: &OutputRef) -> Result<Option<FileWritten>, ArtifactError> {
    let source = StoredArtifacts(store);
    let root = source.artifact(output.hash)?;
    if root.kind() == FileWritten::KIND {
        return FileWritten::unpack(&root, &source).map(Some);
    }
    // Only tables have artifacts besides their root.
    for chunk in TableRoot::of(&root).map(|root| root.chunks).unwrap_or_default() {
        source.artifact(chunk.hash)?;
    }
    Ok(None)
}

fn file_is_not(files: &Files, written: &FileWritten) -> Option<RunsBecause> {
    let path = written.path.clone();
    let Ok(file) = std::fs::File::open(files.output(&path)) else {
        return Some(RunsBecause::FileMissing { path });
    };
    match ContentHash::of_reader(file) {
        Ok((hash, _)) if hash == written.sha256 => None,
        _ => Some(RunsBecause::FileChanged { path }),
    }
}
