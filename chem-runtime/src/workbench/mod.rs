//! Inspection of runs: what a run would do (`plan`), why a step ran (`why`), whether a run can be repeated (`verify`), how
//! two runs differ (`diff`) or a run deviates from a plan (`deviations`), what became of a record (`trace`), which children a run has (`family`), what covers it (`covered`), and whether the content of a store is intact (`audit`) and can be restored (`repair`).
//! [`find_run`] finds a run by what a person types, and [`RecordedRun`] compares a run with its manifest.
//!
//! Everything builds on one comparison: the log contains every component of a step's identity, so that differences can be
//! named. The engine decides what a run does and whether a result can be reused; the command line formats the answers.
//!
//! ```
//! use std::sync::Arc;
//!
//! use chem_runtime::engine::{FlowEngine, ReusePolicy};
//! use chem_runtime::include_flow;
//! use chem_runtime::step::{CancelToken, Files, Registry};
//! use chem_runtime::store::{EventStore, InMemoryEventStore, StoredArtifacts};
//! use chem_runtime::workbench::{FlowFacts, Tolerances, diff, plan, verify, why};
//!
//! let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
//! let flow = include_flow!("../flows/demo.yaml");
//! let run = |text: &str| -> Result<_, Box<dyn std::error::Error>> {
//!     let builder = FlowEngine::on(store.clone());
//!     let engine = builder.included(&flow.clone().set("text", text))?;
//!     Ok(engine.run_to_end()?)
//! };
//! let (before, after) = (run("aspirin")?, run("aspirine")?);
//!
//! // What would a third run do, and why did the second run its last step?
//! let policy = ReusePolicy::wherever_possible();
//! let third = plan(&*store, &flow.definition()?, None, &Files::relative_to("."), &policy)?;
//! assert_eq!(third.steps.len(), 3);
//! let cause = why(&*store, &after, "count", None)?;
//! assert_eq!(cause.upstream["seed"][0].to_string(), "parameter text \"aspirin\" → \"aspirine\"");
//!
//! // Can the first be repeated, and where do the two diverge?
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
#[cfg(any(feature = "cli", feature = "ui"))]
mod covered;
mod deviation;
mod diff;
mod difference;
mod earlier;
mod facts;
mod family;
mod incidents;
mod listing;
mod lookup;
mod plan;
mod recorded;
mod repair;
mod rows;
mod set_apart;
mod tables;
mod trace;
mod verify;
mod why;

pub use audit::{Audit, Finding, FindingKind, audit};
#[cfg(feature = "cli")]
pub(crate) use covered::Covered;
#[cfg(any(feature = "cli", feature = "ui"))]
pub(crate) use covered::covered;
pub use deviation::{Deviation, deviations};
pub use diff::{Change, Comparison, Example, OutputComparison, RecordDifference, Side, StepComparison, diff};
pub use difference::{Difference, FileRead, differences};
#[cfg(feature = "ui")]
pub(crate) use facts::step_of;
pub use facts::{FlowFacts, StepFacts};
#[cfg(any(feature = "cli", feature = "ui"))]
pub(crate) use family::Family;
#[cfg(feature = "ui")]
pub(crate) use family::events_of_children;
pub use family::{Child, children};
pub use incidents::Incident;
pub use listing::{ListedRun, Listing, RunQuery, RunStatus, list_runs, running_process};
pub use lookup::{LookupError, find_artifact, find_run};
pub use plan::{
    Action, Origin, Plan, PlannedChild, PlannedParam, PlannedStep, Reason, ReusedFrom, TakesOver, plan, to_dot,
    to_mermaid,
};
#[cfg(feature = "cli")]
pub(crate) use recorded::lines;
pub use recorded::{BranchValues, ManifestComparison, RecordedRun, RecordedRunError, branch_point};
pub use repair::{Repair, repair};
pub use rows::{BrokenPromise, Regrouping, RowsError, check_rows};
#[cfg(feature = "testing")]
pub(crate) use tables::first_difference;
pub use trace::{
    Ancestor, Ancestry, CameFrom, Group, InWords, Kept, Parent, Partner, ReadRecord, RecordTrace, StepOutcome,
    StepTrace, Trace, Wanted, WhyDropped, WrittenText, ancestry, trace,
};
pub use verify::{Fault, Location, Outcome, StepVerification, Tolerances, Verification, verify};
pub use why::{Why, why};

use crate::artifact::ArtifactError;
use crate::engine::CoreEngineError;
use crate::event::FlowId;
use crate::flow::ReplayError;
use crate::store::PersistenceError;

/// Why a question about runs cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    /// The flow has no step of this id.
    #[error("the flow has no step `{step}`")]
    NoSuchStep {
        /// The id that was requested.
        step: String,
        /// The ids of the steps in the flow.
        known: Vec<String>,
    },
    /// The step has not started in this run.
    #[error("step `{step}` has not started in run {flow_id}")]
    NotStarted {
        /// The id of the step.
        step: String,
        /// The id of the run.
        flow_id: FlowId,
    },
    /// No source of the run read such a record.
    #[error("{} read no record {wanted}", sources_in_words(.sources))]
    NoSuchRecord {
        /// The record, in words.
        wanted: String,
        /// The ids of the sources that have finished.
        sources: Vec<String>,
    },
    /// An output has no such row.
    #[error("`{of}` has {rows} rows, and no row {row}")]
    NoSuchRow {
        /// The output, as `step` or `step.output`.
        of: String,
        /// The number of the row, from 1.
        row: u64,
        /// The number of rows.
        rows: usize,
    },
    /// An output is missing, or is not a table.
    #[error("{of} is not a table")]
    NoTable {
        /// What is not a table, in words.
        of: String,
    },
    /// The program cannot compare structures.
    #[error("this program cannot compare structures")]
    NoStructures,
    /// A tolerance names a column that no table of the run has.
    #[error("no table of this run has a column `{column}`")]
    NoSuchColumn {
        /// The name in the tolerance.
        column: String,
        /// The columns of the run's tables.
        known: Vec<String>,
    },
    /// The children of a run cannot be found.
    #[error("the children of run {flow_id} are not known: {reason}")]
    Children {
        /// The id of the run.
        flow_id: FlowId,
        /// Why.
        reason: String,
    },
    /// The work was cancelled.
    #[error("cancelled before the whole store was checked")]
    Cancelled,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PersistenceError),
    /// An artifact could not be read.
    #[error(transparent)]
    Artifact(ArtifactError),
    /// The log of a run is broken.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The engine could not decide what it would do.
    #[error(transparent)]
    Engine(#[from] CoreEngineError),
}

fn sources_in_words(sources: &[String]) -> String {
    match sources {
        [] => "no source of this run has finished, so it".to_owned(),
        [one] => format!("`{one}`"),
        several => format!("the sources `{}`", several.join("`, `")),
    }
}
