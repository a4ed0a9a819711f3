//! `chem verify`: checks whether a stored run can be repeated.
//!
//! Runs every finished step again in isolation: from the recorded definition, on its stored inputs. This locates the first
//! fault exactly, and a step that cannot run again does not prevent the verification of others. A step that works row by row
//! also runs on a sample of its rows, one by one and in another order. Nothing is written to the
//! store, and sinks write to a temporary directory. `bench` repeats steps, and `compare` compares outputs.

pub(super) mod bench;
mod compare;
mod describe;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::WorkbenchError;
use super::difference::Difference;
use super::rows::BrokenPromise;
use crate::event::FlowId;
use crate::fingerprint::{ArtifactHash, Fingerprint};
use crate::flow::FlowInstance;
use crate::step::{CancelToken, Confinement, Registry};
use crate::store::EventStore;
use bench::Bench;

/// The maximum deviation of values by column, for steps that declare their results approximate.
pub type Tolerances = BTreeMap<String, f64>;

/// The result of repeating a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// The id of the run.
    pub flow_id: FlowId,
    /// The name of the flow.
    pub flow: String,
    /// The results of the steps, in order.
    pub steps: Vec<StepVerification>,
}

/// The result of repeating a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepVerification {
    /// The id of the step.
    pub step: String,
    /// The name of the step type.
    pub uses: String,
    /// The version of the step type.
    pub version: u32,
    /// Whether the step could be repeated.
    pub outcome: Outcome,
}

/// The outcome of repeating a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The fingerprint and all outputs are the same.
    Verified {
        /// The maximum deviation within the tolerance, for each column that deviates.
        within: BTreeMap<String, f64>,
    },
    /// Something differs.
    Differs(Fault),
    /// The step cannot run again, and is not verified.
    NotRepeatable {
        /// Why not.
        reason: String,
    },
    /// The step has not finished in this run, so there is nothing to compare with.
    NotFinished,
}

/// The first difference of a repeated step.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The fingerprint differs.
    Fingerprint {
        /// The components that differ; empty if only the fingerprint itself does.
        differences: Vec<Difference>,
        /// The recorded fingerprint.
        was: Fingerprint,
        /// The fingerprint of the repeated step.
        is: Fingerprint,
    },
    /// The repeated step fails.
    Fails {
        /// The error.
        error: String,
    },
    /// The step does not keep the promise of a row step.
    Rows(BrokenPromise),
    /// A step of a child differs.
    Child {
        /// The index of the child.
        index: usize,
        /// The run of the child.
        run: FlowId,
        /// The id of its step.
        step: String,
        /// The difference.
        fault: Box<Fault>,
    },
    /// The names of the outputs differ.
    Outputs {
        /// The recorded outputs.
        was: Vec<String>,
        /// The outputs of the repeated step.
        is: Vec<String>,
    },
    /// The content of an output differs.
    Artifact {
        /// The name of the output.
        output: String,
        /// The recorded artifact.
        was: ArtifactHash,
        /// The artifact of the repeated step.
        is: ArtifactHash,
        /// The first difference.
        location: Location,
    },
}

/// The location of the first difference between two artifacts, and the values there.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// The record, from 0; `None` if the artifact is not a table or differs as a whole.
    pub record: Option<usize>,
    /// The column, or the JSON path in the payload.
    pub field: String,
    /// The recorded value.
    pub was: Value,
    /// The value of the repeated step.
    pub is: Value,
}

impl Verification {
    /// Returns the first step that differs.
    pub fn first_fault(&self) -> Option<(&StepVerification, &Fault)> {
        self.steps.iter().find_map(|step| match &step.outcome {
            Outcome::Differs(fault) => Some((step, fault)),
            _ => None,
        })
    }

    /// Returns the number of verified steps.
    pub fn verified(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.outcome, Outcome::Verified { .. })).count()
    }

    /// Returns whether every step is verified. An unfinished step is not.
    pub fn is_verified(&self) -> bool {
        !self.steps.is_empty() && self.verified() == self.steps.len()
    }
}

/// Repeats the run with the state `instance`, with the step types of `registry`. Steps read files from their original paths,
/// restricted to `confinement` if set, and write to `outputs`.
///
/// # Errors
/// Fails if the store cannot be read, with [`CoreEngineError::Interrupted`](crate::engine::CoreEngineError::Interrupted) after a cancellation, and with
/// [`WorkbenchError::NoSuchColumn`] if a tolerance names a column that no table of the run has.
pub fn verify(
    store: &Arc<dyn EventStore>,
    instance: &FlowInstance,
    registry: &Registry,
    tolerances: &Tolerances,
    outputs: &std::path::Path,
    confinement: Option<Confinement>,
    cancel: &CancelToken,
) -> Result<Verification, WorkbenchError> {
    let bench = Bench::of(store, instance, registry, tolerances, outputs, cancel).confined(confinement);
    bench.check_tolerances()?;
    bench.run()
}
