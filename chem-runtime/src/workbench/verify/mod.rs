//! `chem verify`: whether a stored run can be repeated.
//!
//! Every finished step is run again by itself: from the recorded definition, over the stored artifacts that it was given
//! then. So the first fault is found where it is, and a step that cannot be run again keeps no other from being verified.
//! Nothing is written to the store, and what sinks write goes to a directory that is thrown away. What two outputs have
//! in common is for `compare` to say.

mod compare;
mod describe;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::WorkbenchError;
use super::difference::{Difference, differences};
use super::facts::{FlowFacts, StepFacts};
use super::tables::TableRoot;
use crate::engine::{CoreEngineError, begin_step, repeat_step};
use crate::event::{FlowId, RecordedStep, StepStarted, UserInteractionProvided};
use crate::fingerprint::{ArtifactHash, DefinitionHash, Fingerprint};
use crate::flow::{FlowInstance, StepState, StepStatus, definition_hash, flow_fingerprint, replay};
use crate::step::{CancelToken, Files, Registry, StepDefinition, StepId};
use crate::store::EventStore;
use compare::Compared;

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
    /// What is wrong with the hashes over the whole run, if something is.
    pub flow_fault: Option<String>,
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
        self.flow_fault.is_none() && !self.steps.is_empty() && self.verified() == self.steps.len()
    }
}

/// Repeats the run whose state is `instance`, with the step types of `registry`. What its steps read is where it was; what
/// they write goes below `outputs`.
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
    cancel: &CancelToken,
) -> Result<Verification, WorkbenchError> {
    let facts = FlowFacts::of_run(instance);
    let initialized = instance.initialized();
    let directory = initialized.and_then(|it| it.environment.directory.clone()).unwrap_or_else(|| ".".to_owned());
    let recorded = initialized.map(|it| it.definition.steps.as_slice()).unwrap_or_default();
    let definition = definition_hash(recorded.iter().map(|step| step.id.as_str()));
    let files = Arc::new(Files::relative_to(directory).writing_to(outputs));
    let bench = Bench { store, instance, registry, tolerances, definition, files, cancel };
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
    let fingerprint = flow_fingerprint(instance.steps().iter().filter_map(StepState::fingerprint));
    let flow_fault = if facts.definition_hash.is_some_and(|hash| hash != definition) {
        Some(format!("the definition's hash is {definition}, and the log says otherwise"))
    } else if facts.flow_fingerprint.is_some_and(|recorded| recorded != fingerprint) {
        Some(format!("the steps give the flow fingerprint {fingerprint}, and the log says otherwise"))
    } else {
        None
    };
    Ok(Verification { flow_id: instance.flow_id(), flow: facts.flow, steps, flow_fault })
}

/// What every step is verified with.
struct Bench<'a> {
    store: &'a Arc<dyn EventStore>,
    instance: &'a FlowInstance,
    registry: &'a Registry,
    tolerances: &'a Tolerances,
    definition: DefinitionHash,
    files: Arc<Files>,
    cancel: &'a CancelToken,
}

impl Bench<'_> {
    /// Refuses a tolerance that could never count, as one for a column that is misspelt.
    fn check_tolerances(&self) -> Result<(), WorkbenchError> {
        if self.tolerances.is_empty() {
            return Ok(());
        }
        let mut columns = BTreeSet::new();
        for output in self.instance.steps().iter().flat_map(|step| &step.outputs) {
            // What cannot be read may have any columns; its step will be said to be not repeatable.
            let Ok(Some(root)) = self.store.artifact(output.hash) else { return Ok(()) };
            if let Some(table) = TableRoot::of(&root) {
                columns.extend(table.columns.into_iter().map(|column| column.name.to_string()));
            }
        }
        match self.tolerances.keys().find(|column| !columns.contains(*column)) {
            Some(column) => {
                Err(WorkbenchError::NoSuchColumn { column: column.clone(), known: columns.into_iter().collect() })
            }
            None => Ok(()),
        }
    }

    fn step(
        &self,
        recorded: &RecordedStep,
        (index, state): (usize, &StepState),
        facts: Option<&StepFacts>,
    ) -> Result<Outcome, WorkbenchError> {
        let (Some(started), Some(facts), StepStatus::FinishedOk) = (&state.started, facts, state.status) else {
            return Ok(Outcome::NotFinished);
        };
        let approved = decision_on(self.store.as_ref(), self.instance, index)?.and_then(|decision| decision.data);
        let (step, approximate) = match self.bind(recorded, approved) {
            Ok(bound) => bound,
            Err(reason) => return Ok(Outcome::NotRepeatable { reason }),
        };
        let now =
            match begin_step(self.definition, started.step_index, step.as_ref(), &self.files, started.inputs.clone()) {
                Ok(now) => now,
                Err(error) => return Ok(Outcome::NotRepeatable { reason: told(&error) }),
            };
        if let Some(outcome) = starts_otherwise(started, &now, facts) {
            return Ok(outcome);
        }
        for hash in started.inputs.values() {
            if !matches!(self.store.artifact(*hash), Ok(Some(_))) {
                return Ok(Outcome::NotRepeatable { reason: format!("its input, artifact {hash}, cannot be read") });
            }
        }
        let repeated = repeat_step(step, &started.inputs, self.files.clone(), self.store.clone(), self.cancel.clone());
        let outputs = match repeated {
            Ok(outputs) => outputs,
            Err(error) if error.is_interrupted() => {
                return Err(CoreEngineError::Interrupted { flow_id: self.instance.flow_id() }.into());
            }
            Err(error) => return Ok(Outcome::Differs(Fault::Fails { error: told(&error) })),
        };
        let none = Tolerances::new();
        let tolerances = if approximate { self.tolerances } else { &none };
        Ok(match compare::outputs(self.store, &state.outputs, &outputs, tolerances)? {
            Compared::Same { within } => Outcome::Verified { within },
            Compared::Differs(fault) => Outcome::Differs(fault),
            Compared::Unreadable(reason) => Outcome::NotRepeatable { reason },
        })
    }

    /// The step of the record, and whether it is approximate; or why it cannot be run.
    fn bind(
        &self,
        recorded: &RecordedStep,
        approved: Option<Value>,
    ) -> Result<(Box<dyn StepDefinition>, bool), String> {
        let (uses, version) = (&recorded.uses, recorded.version);
        let Some(registration) = self.registry.get(uses) else {
            return Err(format!("this program has no step type `{uses}`"));
        };
        let spec = registration.spec();
        if spec.version != version {
            return Err(format!("it ran as `{uses}@{version}`, and this program has `{uses}@{}`", spec.version));
        }
        if !spec.cache {
            return Err("a step of this type acts on the world, or gives another result every time".to_owned());
        }
        let mut params = recorded.params.clone();
        // What a person gave with an approval stands in place of what the manifest says.
        if let Some(Value::Object(data)) = approved {
            params.extend(data);
        }
        let id = StepId::new(recorded.id.clone()).map_err(|error| error.to_string())?;
        let step = registration.bind(id, &params).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            format!("its recorded parameters are no longer taken: {}", problems.join("; "))
        })?;
        Ok((step, spec.approximate))
    }
}

/// What a person decided on the step at `index`: in the run itself or, where a branch shares the step, in the run that it
/// branched from.
fn decision_on(
    store: &dyn EventStore,
    run: &FlowInstance,
    index: usize,
) -> Result<Option<UserInteractionProvided>, WorkbenchError> {
    let mut parent: Option<FlowInstance> = None;
    loop {
        let run = parent.as_ref().unwrap_or(run);
        if let Some(decision) = run.steps().get(index).and_then(|step| step.decision.clone()) {
            return Ok(Some(decision));
        }
        let Some(branch) = run.branch().filter(|branch| index < branch.step_index) else { return Ok(None) };
        parent = Some(replay(branch.parent, &store.list(branch.parent)?)?);
    }
}

/// What is to be said of a step that does not start as it did; nothing if it does.
fn starts_otherwise(was: &StepStarted, is: &StepStarted, facts: &StepFacts) -> Option<Outcome> {
    if was.fingerprint == is.fingerprint {
        return None;
    }
    let now = StepFacts { params: is.params.clone(), uses: is.uses.clone(), version: is.version, ..facts.clone() };
    let found = differences(facts, &now);
    let file = |difference: &Difference| matches!(difference, Difference::File { .. });
    if !found.is_empty() && found.iter().all(file) {
        let words: Vec<String> = found.iter().map(ToString::to_string).collect();
        return Some(Outcome::NotRepeatable { reason: words.join("; ") });
    }
    Some(Outcome::Differs(Fault::Fingerprint { differences: found, was: was.fingerprint, is: is.fingerprint }))
}

fn told(error: &crate::step::StepError) -> String {
    std::iter::once(error.message().to_owned()).chain(error.causes()).collect::<Vec<_>>().join(": ")
}
