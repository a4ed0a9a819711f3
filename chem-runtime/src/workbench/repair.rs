//! `chem store repair`: makes artifacts again of which no copy is left that has their hash.
//!
//! The steps that put them out are run again by themselves, as `verify` does, over the stored artifacts that they were
//! given; a history is put together from the log. What comes of it is stored beside the damaged copy. Nothing is added to
//! the log.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::WorkbenchError;
use super::audit::{audit, heed};
use super::facts::FlowFacts;
use super::verify::bench::{Bench, Repeated};
use super::verify::{Outcome, Tolerances};
use crate::artifact::{Artifact, ArtifactValue as _, TableRoot};
use crate::event::{FlowId, RecordedStep, StepStarted};
use crate::fingerprint::{ArtifactHash, Fingerprint};
use crate::flow::{FlowDefinition, FlowInstance, StepState, StepStatus, history_of, replay};
use crate::step::{CancelToken, Registry};
use crate::store::{ErrorClass, EventStore};

/// What was made again, and what was not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Repair {
    /// The artifacts that have a sound copy again.
    pub repaired: Vec<ArtifactHash>,
    /// The artifacts that have none, each with why.
    pub left: BTreeMap<ArtifactHash, String>,
}

impl Repair {
    /// What came of it, for scripts.
    pub fn to_json(&self) -> Value {
        let left = |(hash, reason)| json!({ "hash": hash, "reason": reason });
        json!({ "repaired": self.repaired, "left": self.left.iter().map(left).collect::<Value>() })
    }
}

/// Makes again what can be made of the artifacts of `store` that are damaged or missing. What steps write goes below
/// `outputs`.
///
/// # Errors
/// What the store has to complain of, other than of what it holds; [`WorkbenchError::Cancelled`] if `cancel` asks to stop.
pub fn repair(
    store: &Arc<dyn EventStore>,
    registry: &Registry,
    outputs: &Path,
    cancel: &CancelToken,
) -> Result<Repair, WorkbenchError> {
    let damaged = audit(store.as_ref(), registry, cancel)?.unsound_artifacts;
    let mut workshop =
        Workshop { store, registry, outputs, cancel, damaged, tried: HashSet::new(), repair: Repair::default() };
    if workshop.damaged.is_empty() {
        return Ok(workshop.repair);
    }
    // An artifact that is sound again may be what another step, or the chunk of a table, was waiting for.
    loop {
        let before = workshop.repair.repaired.len();
        for flow_id in store.flows_with_prefix("", usize::MAX)? {
            workshop.run(flow_id)?;
        }
        if workshop.repair.repaired.len() == before || workshop.damaged.is_empty() {
            break;
        }
        workshop.tried.clear();
    }
    workshop.repair.left = workshop.damaged;
    Ok(workshop.repair)
}

struct Workshop<'a> {
    store: &'a Arc<dyn EventStore>,
    registry: &'a Registry,
    outputs: &'a Path,
    cancel: &'a CancelToken,
    /// What is still to be made, with what is wrong with it.
    damaged: BTreeMap<ArtifactHash, String>,
    /// The steps that were run since an artifact was last repaired.
    tried: HashSet<Fingerprint>,
    repair: Repair,
}

impl Workshop<'_> {
    /// Makes again what the steps of a run have put out.
    fn run(&mut self, flow_id: FlowId) -> Result<(), WorkbenchError> {
        let events = match self.store.list(flow_id) {
            // What cannot be read or replayed does not tell what its steps were given.
            Err(error) if error.class() == ErrorClass::Corrupt => return Ok(()),
            events => events?,
        };
        let Ok(instance) = replay(flow_id, &events) else { return Ok(()) };
        let facts = FlowFacts::of_run(&instance);
        let tolerances = Tolerances::new();
        let bench = Bench::of(self.store, &instance, self.registry, &tolerances, self.outputs, self.cancel);
        let recorded = instance.initialized().map(|began| began.definition.steps.as_slice()).unwrap_or_default();
        for (index, (recorded, state)) in recorded.iter().zip(instance.steps()).enumerate() {
            heed(self.cancel)?;
            let (Some(started), Some(facts)) = (&state.started, facts.step(&recorded.id)) else { continue };
            self.history(&instance, index, started)?;
            if state.status != StepStatus::FinishedOk
                || !self.is_wanted(state)?
                || !self.tried.insert(started.fingerprint)
            {
                continue;
            }
            match bench.repeat(recorded, index, started, facts)? {
                Ok(Repeated { outputs, .. }) => {
                    let made = outputs
                        .into_iter()
                        .flat_map(|output| output.packed.parts.into_iter().chain([output.packed.root]));
                    let made: Vec<Artifact> = made.collect();
                    self.store(&made)?;
                    self.say_why_not(state, recorded, flow_id, "it gives another result now");
                }
                Err(Outcome::NotRepeatable { reason }) => self.say_why_not(state, recorded, flow_id, &reason),
                Err(Outcome::Differs(fault)) => self.say_why_not(state, recorded, flow_id, &fault.to_string()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Puts the history together that a step was given, if that is damaged.
    fn history(&mut self, instance: &FlowInstance, index: usize, started: &StepStarted) -> Result<(), WorkbenchError> {
        let Some(began) = instance.initialized() else { return Ok(()) };
        if !started.inputs.values().any(|hash| self.damaged.contains_key(hash)) {
            return Ok(());
        }
        let Ok(definition) = FlowDefinition::from_recorded(&began.flow, &began.definition, self.registry) else {
            return Ok(());
        };
        if definition.steps()[index].history_port().is_some() {
            let known = |place: usize| {
                let state = &instance.steps()[place];
                Some((state.started.as_ref()?, state.outputs.as_slice()))
            };
            let packed = history_of(&definition, &began.flow, index, known).pack().map_err(WorkbenchError::Artifact)?;
            self.store(&[packed.root])?;
        }
        Ok(())
    }

    /// Whether an output of the step is damaged, or a chunk of one.
    fn is_wanted(&self, state: &StepState) -> Result<bool, WorkbenchError> {
        for output in &state.outputs {
            if self.damaged.contains_key(&output.hash) {
                return Ok(true);
            }
            let Some(root) = self.store.artifact(output.hash)? else { continue };
            // Only tables are more than their root.
            let chunks = TableRoot::of(&root).map(|root| root.chunks).unwrap_or_default();
            if chunks.iter().any(|chunk| self.damaged.contains_key(&chunk.hash)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stores those of the artifacts that are damaged.
    fn store(&mut self, made: &[Artifact]) -> Result<(), WorkbenchError> {
        let wanted: HashMap<ArtifactHash, &Artifact> = made
            .iter()
            .filter(|artifact| self.damaged.contains_key(&artifact.hash()))
            .map(|artifact| (artifact.hash(), artifact))
            .collect();
        let artifacts: Vec<Artifact> = wanted.into_values().cloned().collect();
        self.store.repair(&artifacts)?;
        for artifact in artifacts {
            self.damaged.remove(&artifact.hash());
            self.repair.repaired.push(artifact.hash());
        }
        Ok(())
    }

    /// Says of the step's outputs that are still damaged why they are.
    fn say_why_not(&mut self, state: &StepState, recorded: &RecordedStep, flow_id: FlowId, reason: &str) {
        for output in &state.outputs {
            if let Some(why) = self.damaged.get_mut(&output.hash) {
                *why = format!(
                    "artifact {} cannot be made again: step `{}` of run {flow_id} has put it out, and {reason}",
                    output.hash, recorded.id
                );
            }
        }
    }
}
