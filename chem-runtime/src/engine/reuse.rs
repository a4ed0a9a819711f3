//! Whether a finished result may stand in for running a step. The loop asks before it runs a step, and a plan asks to
//! say what the loop will do: there is one answer, and it is given here.
//!
//! What is compared is the step's work (its type and version, inputs and parameters), not its name or its flow. A result
//! counts only if its run bears it out (`results.rs`), every artifact of it can be read, and every file that it left is
//! still there as it was.

use std::collections::BTreeSet;
use std::fmt;

use super::CoreEngineError;
use super::results::{EarlierResults, Unbelievable};
use crate::artifact::{ArtifactError, ArtifactSource as _, ArtifactValue as _, TableRoot};
use crate::event::{EventAddress, OutputRef, StepStarted};
use crate::fingerprint::{ArtifactHash, ContentHash};
use crate::flow::StepIdentity;
use crate::step::{FileWritten, Files, StepDefinition, StepKind};
use crate::store::{EventStore, StoreError, StoredArtifacts};

/// Which steps may be spared by what is finished already. By default none: an engine runs what it is given.
///
/// ```
/// use std::sync::Arc;
///
/// use chem_runtime::engine::{FlowEngine, ReusePolicy};
/// use chem_runtime::steps::demo::{Characters, Seed};
/// use chem_runtime::store::{InMemoryEventStore, InMemoryFlowRepository};
///
/// let store = Arc::new(InMemoryEventStore::new());
/// let run = |policy: ReusePolicy| {
///     let builder = FlowEngine::builder(store.clone(), InMemoryFlowRepository).reuse(policy);
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
}

impl ReusePolicy {
    /// Every step is run.
    pub fn never() -> Self {
        Self::default()
    }

    /// A step whose result is in the store is not run again.
    pub fn wherever_possible() -> Self {
        Self { wherever_possible: true, refreshed: BTreeSet::new() }
    }

    /// The same, but the step called `step` is run.
    pub fn refreshing(mut self, step: impl Into<String>) -> Self {
        self.refreshed.insert(step.into());
        self
    }

    /// Why `step` is run whatever the store holds; nothing if that is for the store to decide.
    pub fn refusal(&self, step: &dyn StepDefinition) -> Option<RunsBecause> {
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

    /// What is to be done about a step that would start as `started` says. `earlier` keeps what is learnt of earlier runs
    /// from one step to the next; the caller takes what it has come to doubt.
    ///
    /// # Errors
    /// What the store has to complain of, other than of the events and artifacts of an earlier result: these make it no
    /// result.
    pub fn judge(
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
        // Of several results that will not do, the newest is the one to tell of.
        let mut unusable = None;
        let mut seen: Vec<Vec<OutputRef>> = Vec::new();
        let found = earlier.find(store, key, |source, finished| {
            let outputs = &finished.outputs;
            if seen.iter().any(|seen| seen == outputs) {
                return Ok(None);
            }
            seen.push(outputs.clone());
            for output in outputs {
                match spoilt(store, files, output)? {
                    None => {}
                    // An older result may be another one.
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

/// What is to be done about a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// What is finished already stands.
    Reuse {
        /// The `StepFinished` of the run in which the step worked.
        source: EventAddress,
        /// What it put out.
        outputs: Vec<OutputRef>,
        /// Whether the step's code was another then, as far as both are known.
        by_other_code: bool,
    },
    /// It is run.
    Run(RunsBecause),
}

/// Why a step is run rather than spared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunsBecause {
    /// Whoever runs the flow wants every step run.
    NothingIsReused,
    /// Whoever runs the flow wants this step run.
    Refreshed,
    /// The step's author says that no result stands in for running it.
    NotReusable,
    /// It is a sink that puts nothing out: that it was run once says nothing of what is there now.
    LeavesNothing,
    /// No run has finished this work.
    NoResult,
    /// A file that it wrote is gone.
    FileMissing {
        /// The path as the flow has it.
        path: String,
    },
    /// A file that it wrote is not as it was.
    FileChanged {
        /// The path as the flow has it.
        path: String,
    },
    /// An artifact of the result is not in the store.
    ArtifactMissing {
        /// The artifact.
        hash: ArtifactHash,
    },
    /// The run that the result is said to be of does not bear it out.
    ResultUnbelievable(Unbelievable),
    /// An artifact of the result cannot be read.
    ArtifactCorrupt {
        /// What is wrong with it.
        reason: String,
    },
}

impl RunsBecause {
    /// The reason as scripts read it.
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

    /// Whether something is wrong with the store.
    pub fn is_alarming(&self) -> bool {
        matches!(self, Self::ArtifactMissing { .. } | Self::ArtifactCorrupt { .. } | Self::ResultUnbelievable(_))
    }
}

impl fmt::Display for RunsBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingIsReused => f.write_str("nothing is reused"),
            Self::Refreshed => f.write_str("to be run again"),
            Self::NotReusable => f.write_str("a step of this type is always run"),
            Self::LeavesNothing => f.write_str("a sink that puts nothing out is always run"),
            Self::NoResult => f.write_str("no run has finished it"),
            Self::FileMissing { path } => write!(f, "output file `{path}` is missing"),
            Self::FileChanged { path } => write!(f, "output file `{path}` was changed"),
            Self::ArtifactMissing { hash } => write!(f, "artifact {hash} of its result is missing"),
            Self::ResultUnbelievable(doubted) => doubted.fmt(f),
            Self::ArtifactCorrupt { reason } => write!(f, "its result cannot be read: {reason}"),
        }
    }
}

/// What is wrong with an output of an earlier result.
fn spoilt(store: &dyn EventStore, files: &Files, output: &OutputRef) -> Result<Option<RunsBecause>, CoreEngineError> {
    match read(store, output) {
        Ok(None) => Ok(None),
        Ok(Some(written)) => Ok(file_is_not(files, &written)),
        Err(ArtifactError::Missing { hash }) => Ok(Some(RunsBecause::ArtifactMissing { hash })),
        Err(error) => {
            let error = StoreError::behind(error).map_err(CoreEngineError::Store)?;
            Ok(Some(RunsBecause::ArtifactCorrupt { reason: error.to_string() }))
        }
    }
}

/// Reads all of an output, the chunks of a table too. Gives the file that it stands for, if it does.
fn read(store: &dyn EventStore, output: &OutputRef) -> Result<Option<FileWritten>, ArtifactError> {
    let source = StoredArtifacts(store);
    let root = source.artifact(output.hash)?;
    if root.kind() == FileWritten::KIND {
        return FileWritten::unpack(&root, &source).map(Some);
    }
    // Only tables are more than their root.
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
