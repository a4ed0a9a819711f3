//! `chem verify`: whether a stored run can be repeated.
//!
//! Every finished step is run again by itself: from the recorded definition, over the stored artifacts that it was given
//! then. So the first fault is found where it is, and a step that cannot be run again keeps no other from being verified.
//! Nothing is written to the store, and what sinks write goes to a directory that is thrown away. How a step is repeated
//! is for `bench` to know, and what two outputs have in common for `compare` to say.

pub(super) mod bench;
mod compare;
mod describe;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::WorkbenchError;
use super::difference::Difference;
use super::facts::FlowFacts;
use crate::engine::CoreEngineError;
use crate::event::FlowId;
use crate::fingerprint::{ArtifactHash, Fingerprint};
use crate::flow::FlowInstance;
use crate::step::{CancelToken, Confinement, Registry};
use crate::store::EventStore;
use bench::Bench;

/// How far values of a column may lie apart, for steps that declare themselves approximate.
pub type Tolerances = BTreeMap<String, f64>;

/// What came of repeating a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// The run.
    pub flow_id: FlowId,
    /// The flow's name.
    pub flow: String,
    /// Its steps in order.
    pub steps: Vec<StepVerification>,
}

/// What came of repeating a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepVerification {
    /// The step.
    pub step: String,
    /// Its step type.
    pub uses: String,
    /// The step type's version.
    pub version: u32,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of repeating a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Its fingerprint and all that it puts out are as they were.
    Verified {
        /// By how much values were off at most, within the tolerance; by column.
        within: BTreeMap<String, f64>,
    },
    /// Something is not as it was.
    Differs(Fault),
    /// It cannot be run again, and is not verified.
    NotRepeatable {
        /// Why not.
        reason: String,
    },
    /// It has not finished in this run: there is nothing to compare with.
    NotFinished,
}

/// The first thing about a step that is not as it was.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The step does not start as the log says that it did.
    Fingerprint {
        /// The components that differ; none if only the hash over them does.
        differences: Vec<Difference>,
        /// The fingerprint that is recorded.
        was: Fingerprint,
        /// The one that it has now.
        is: Fingerprint,
    },
    /// It fails.
    Fails {
        /// Why.
        error: String,
    },
    /// It puts out other outputs.
    Outputs {
        /// The outputs of the record.
        was: Vec<String>,
        /// Those of now.
        is: Vec<String>,
    },
    /// An output is not what it was.
    Artifact {
        /// The output.
        output: String,
        /// The artifact of the record.
        was: ArtifactHash,
        /// That of now.
        is: ArtifactHash,
        /// Where they first differ.
        place: Place,
    },
}

/// Where two artifacts first differ, and what stands there.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The record, from 0; none if the artifact is no table, or differs as a whole.
    pub record: Option<usize>,
    /// The column, or the path within the payload.
    pub field: String,
    /// What the record has.
    pub was: Value,
    /// What there is now.
    pub is: Value,
}

impl Verification {
    /// The first step that is not as it was.
    pub fn first_fault(&self) -> Option<(&StepVerification, &Fault)> {
        self.steps.iter().find_map(|step| match &step.outcome {
            Outcome::Differs(fault) => Some((step, fault)),
            _ => None,
        })
    }

    /// How many steps are verified.
    pub fn verified(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.outcome, Outcome::Verified { .. })).count()
    }

    /// Whether every step is verified. One that has not finished is not: there is nothing that it could be held to.
    pub fn is_verified(&self) -> bool {
        !self.steps.is_empty() && self.verified() == self.steps.len()
    }
}

/// Repeats the run whose state is `instance`, with the step types of `registry`. What its steps read is where it was; what
/// they write goes below `outputs`. They read only what `confinement` holds, if there is one.
///
/// # Errors
/// What the store has to complain of, [`CoreEngineError::Interrupted`] if `cancel` asks to stop, and
/// [`WorkbenchError::NoSuchColumn`] if there is a tolerance for a column that no table of the run has.
pub fn verify(
    store: &Arc<dyn EventStore>,
    instance: &FlowInstance,
    registry: &Registry,
    tolerances: &Tolerances,
    outputs: &std::path::Path,
    confinement: Option<Confinement>,
    cancel: &CancelToken,
) -> Result<Verification, WorkbenchError> {
    let facts = FlowFacts::of_run(instance);
    let initialized = instance.initialized();
    let recorded = initialized.map(|it| it.definition.steps.as_slice()).unwrap_or_default();
    let bench = Bench::of(store, instance, registry, tolerances, outputs, cancel).confined(confinement);
    bench.check_tolerances()?;
    let mut steps = Vec::new();
    for (recorded, state) in recorded.iter().zip(instance.steps()) {
        if cancel.is_cancelled() {
            return Err(CoreEngineError::Interrupted { flow_id: instance.flow_id() }.into());
        }
        steps.push(StepVerification {
            step: recorded.id.clone(),
            uses: recorded.uses.clone(),
            version: recorded.version,
            outcome: bench.step(recorded, (steps.len(), state), facts.step(&recorded.id))?,
        });
    }
    Ok(Verification { flow_id: instance.flow_id(), flow: facts.flow, steps })
}
