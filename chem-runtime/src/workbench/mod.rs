//! Looking into runs: what a run would do (`plan`), why a step ran (`why`), whether a run can be repeated (`verify`), where
//! two part (`diff`), and whether all that a store holds is sound (`audit`) and can be made so (`repair`).
//!
//! All of it rests on one comparison: a step's log says every component of its identity, so that a difference can be
//! named. What a run is, and whether a result may stand in for running a step, is the engine's to know; how answers look
//! on a terminal is the command line's.
//!
//! ```
//! use std::sync::Arc;
//!
//! use chem_runtime::engine::{FlowEngine, ReusePolicy};
//! use chem_runtime::include_flow;
//! use chem_runtime::step::{CancelToken, Files, Registry};
//! use chem_runtime::store::{EventStore, InMemoryEventStore, InMemoryFlowRepository, StoredArtifacts};
//! use chem_runtime::workbench::{FlowFacts, Tolerances, diff, plan, verify, why};
//!
//! let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
//! let flow = include_flow!("../flows/demo.yaml");
//! let run = |text: &str| -> Result<_, Box<dyn std::error::Error>> {
//!     let builder = FlowEngine::builder(store.clone(), InMemoryFlowRepository);
//!     let engine = builder.included(&flow.clone().set("text", text))?;
//!     Ok(engine.run_to_end()?)
//! };
//! let (before, after) = (run("aspirin")?, run("aspirine")?);
//!
//! // What would a third run do, and why did the second run its last step?
//! let policy = ReusePolicy::wherever_possible();
//! let third = plan(&store, &flow.definition()?, None, &Files::relative_to("."), &policy)?;
//! assert_eq!(third.steps.len(), 3);
//! let cause = why(&store, &after, "count", None)?;
//! assert_eq!(cause.upstream["seed"][0].to_string(), "parameter text \"aspirin\" → \"aspirine\"");
//!
//! // Can the first be repeated, and where do the two part?
//! let outputs = tempfile::tempdir()?;
//! let registry = Registry::linked()?;
//! let repeated =
//!     verify(&store, &before, registry, &Tolerances::default(), outputs.path(), None, &CancelToken::default())?;
//! assert!(repeated.is_verified());
//! let artifacts = StoredArtifacts(&*store);
//! let compared = diff(&artifacts, &FlowFacts::of_run(&before), &FlowFacts::of_run(&after))?;
//! assert_eq!(compared.parted().unwrap().step, "seed");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod audit;
mod diff;
mod difference;
mod earlier;
mod facts;
mod plan;
mod repair;
mod tables;
mod verify;
mod why;

pub use audit::{Audit, Finding, FindingKind, audit};
pub use diff::{Change, Comparison, Example, OutputComparison, RecordDifference, Side, StepComparison, diff};
pub use difference::{Difference, FileRead, differences};
pub use facts::{FlowFacts, StepFacts};
pub use plan::{Action, Origin, Plan, PlannedParam, PlannedStep, Reason, ReusedFrom, plan, to_dot, to_mermaid};
pub use repair::{Repair, repair};
#[cfg(feature = "testing")]
pub(crate) use tables::first_difference;
pub use verify::{Fault, Outcome, Place, StepVerification, Tolerances, Verification, verify};
pub use why::{Why, why};

use crate::artifact::ArtifactError;
use crate::engine::CoreEngineError;
use crate::event::FlowId;
use crate::flow::ReplayError;
use crate::store::StoreError;

/// Why a question about runs has no answer.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    /// The run's flow has no such step.
    #[error("the flow has no step `{step}`")]
    NoSuchStep {
        /// What was asked for.
        step: String,
        /// The steps that there are.
        known: Vec<String>,
    },
    /// The step has not started in this run.
    #[error("step `{step}` has not started in run {flow_id}")]
    NotStarted {
        /// The step.
        step: String,
        /// The run.
        flow_id: FlowId,
    },
    /// There is a tolerance for a column that no table of the run has.
    #[error("no table of this run has a column `{column}`")]
    NoSuchColumn {
        /// What was given as one.
        column: String,
        /// The columns that there are.
        known: Vec<String>,
    },
    /// It was asked to stop.
    #[error("stopped before all of the store was looked at")]
    Cancelled,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An artifact could not be asked for.
    #[error(transparent)]
    Artifact(ArtifactError),
    /// A log does not tell the state of a run.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The engine cannot say what it would do.
    #[error(transparent)]
    Engine(#[from] CoreEngineError),
}
