//! `chem store repair`: recomputes artifacts that have no intact copy.
//!
//! Runs the steps that produced them again in isolation, like `verify`, on their stored inputs; rebuilds histories from the
//! log. Stores the results beside the damaged copies. Does not append to the log.

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
use crate::flow::{FlowDefinition, FlowInstance, StepState, StepStatus, history_of, replay, step_types};
use crate::step::{CancelToken, Registry};
use crate::store::{ErrorClass, EventStore};

/// The result of a repair.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Repair {
    /// The artifacts that have an intact copy again.
    pub repaired: Vec<ArtifactHash>,
    /// The artifacts that could not be repaired, with the reasons.
    pub left: BTreeMap<ArtifactHash, String>,
}

impl Repair {
    /// Returns the result as JSON, for scripts.
    pub fn to_json(&self) -> Value {
        let left = |(hash, reason)| json!({ "hash": hash, "reason": reason });
        json!({ "repaired": self.repaired, "left": self.left.iter().map(left).collect::<Value>() })
    }
}

/// Recomputes the damaged and missing artifacts of `store` as far as possible. Files that steps write go to `outputs`.
///
/// # Errors
/// Fails if the store cannot be read or written, and with [`WorkbenchError::Cancelled`] after a cancellation.
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
    // A repaired artifact may be the input of another step or a chunk of a table, so repeat until nothing changes.
    loop {
        let before = workshop.repair.repaired.len();
        for flow_id in store.find_run_ids("", usize::MAX)? {
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
    /// The artifacts that remain to be repaired, with the reasons.
    damaged: BTreeMap<ArtifactHash, String>,
    /// The steps that were run in this round.
    tried: HashSet<Fingerprint>,
    repair: Repair,
}

impl Workshop<'_> {
    /// Recomputes the damaged outputs of a run.
    fn run(&mut self, flow_id: FlowId) -> Result<(), WorkbenchError> {
        let events = match self.store.list(flow_id) {
            // The inputs of steps in a broken run cannot be trusted.
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
                    self.explain(state, recorded, flow_id, "its result now differs");
                }
                Err(Outcome::NotRepeatable { reason }) => self.explain(state, recorded, flow_id, &reason),
                Err(Outcome::Differs(fault)) => self.explain(state, recorded, flow_id, &fault.to_string()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Rebuilds the history that a step received, if it is damaged.
    fn history(&mut self, instance: &FlowInstance, index: usize, started: &StepStarted) -> Result<(), WorkbenchError> {
        let Some(began) = instance.initialized() else { return Ok(()) };
        if !started.inputs.values().any(|hash| self.damaged.contains_key(hash)) {
            return Ok(());
        }
        let Ok(registry) = step_types(began, self.registry) else { return Ok(()) };
        let Ok(definition) = FlowDefinition::from_recorded(&began.flow, &began.definition, &registry) else {
            return Ok(());
        };
        if definition.steps()[index].history_port().is_some() {
            let known = |index: usize| {
                let state = &instance.steps()[index];
                Some((state.started.as_ref()?, state.outputs.as_slice()))
            };
            let packed = history_of(&definition, &began.flow, index, known).pack().map_err(WorkbenchError::Artifact)?;
            self.store(&[packed.root])?;
        }
        Ok(())
    }

    /// Returns whether an output of the step or a chunk of one is damaged.
    fn is_wanted(&self, state: &StepState) -> Result<bool, WorkbenchError> {
        for output in &state.outputs {
            if self.damaged.contains_key(&output.hash) {
                return Ok(true);
            }
            let Some(root) = self.store.read_artifact(output.hash)? else { continue };
            // Only tables consist of several artifacts.
            let chunks = TableRoot::of(&root).map(|root| root.chunks).unwrap_or_default();
            if chunks.iter().any(|chunk| self.damaged.contains_key(&chunk.hash)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stores the recomputed artifacts whose stored copies are damaged.
    fn store(&mut self, made: &[Artifact]) -> Result<(), WorkbenchError> {
        let wanted: HashMap<ArtifactHash, &Artifact> = made
            .iter()
            .filter(|artifact| self.damaged.contains_key(&artifact.hash()))
            .map(|artifact| (artifact.hash(), artifact))
            .collect();
        let artifacts: Vec<Artifact> = wanted.into_values().cloned().collect();
        self.store.repair_artifacts(&artifacts)?;
        for artifact in artifacts {
            self.damaged.remove(&artifact.hash());
            self.repair.repaired.push(artifact.hash());
        }
        Ok(())
    }

    /// Records why the step's damaged outputs could not be repaired.
    fn explain(&mut self, state: &StepState, recorded: &RecordedStep, flow_id: FlowId, reason: &str) {
        for output in &state.outputs {
            if let Some(why) = self.damaged.get_mut(&output.hash) {
                *why = format!(
                    "artifact {} cannot be recomputed by step `{}` of run {flow_id}: {reason}",
                    output.hash, recorded.id
                );
            }
        }
    }
}
