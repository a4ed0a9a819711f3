//! Branches: new runs that share the finished first steps of another run and continue on their own.
//!
//! Steps are shared by reference: for each, the branch records that it started, with the same components as in its
//! parent, and that it reused the outputs of an event of an earlier run. No artifact is copied.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::run::{Session, Until};
use super::{BranchError, CoreEngineError, FlowEngine, Run};
use crate::event::{
    BranchCreated, EventAddress, FlowEvent, FlowEventKind, FlowId, RecordedStep, StepReused, StepStarted,
};
use crate::flow::{FlowInstance, StepIdentity, StepStatus, changes, divergence_hash, replay};

impl Run<'_> {
    /// Begins this run as a branch that shares the steps of `parent` before the step `from`, and runs it to its end. The
    /// log records `set`, the parameters that were set for the branch.
    ///
    /// If the list of steps differs from the parent's, a step that takes the history differs too. The branch then
    /// begins at the first such step before `from`.
    ///
    /// # Errors
    /// [`CoreEngineError::Branch`] if a step before `from` has not finished in `parent` or differs here, and the errors
    /// of [`run_to_end`](Self::run_to_end).
    pub fn branch_from(
        self,
        parent: FlowId,
        from: &str,
        set: Map<String, Value>,
    ) -> Result<FlowInstance, CoreEngineError> {
        let engine = self.engine;
        let events = engine.store.list(parent)?;
        let origin = replay(parent, &events)?;
        engine.check_decisions(&origin)?;
        let definition = engine.definition.recorded()?;
        let unknown = || BranchError::UnknownStep { step: from.to_owned() };
        let asked = definition.steps.iter().position(|step| step.id == from).ok_or_else(unknown)?;
        let Some(begun) = origin.initialized() else { return Err(unknown().into()) };
        // If the definition differs, so does every fingerprint, and a history contains fingerprints.
        let changed = |index: usize| engine.definition.steps()[index].history_port().is_some();
        let other = begun.definition_hash != engine.definition.hash();
        let step_index = (0..asked).find(|index| other && changed(*index)).unwrap_or(asked);
        let first = definition.steps[step_index].id.as_str();

        let changes = changes(&begun.definition, &definition);
        for (index, step) in definition.steps[..step_index].iter().enumerate() {
            if let Some(change) = changes.iter().find(|change| change.step == step.id) {
                let change = Box::new(change.clone());
                return Err(BranchError::SharedStepChanged { from: from.to_owned(), change }.into());
            }
            let status = origin.steps().get(index).map_or(StepStatus::Pending, |state| state.status);
            if status != StepStatus::FinishedOk {
                return Err(BranchError::NotFinished { parent, step: step.id.clone(), status }.into());
            }
        }
        let created = BranchCreated {
            parent,
            root: origin.branch().map_or(parent, |branch| branch.root),
            step_id: first.to_owned(),
            step_index,
            set,
            divergence: divergence_hash(&changes)?,
        };
        let mut session = Session::load(engine, self.flow_id)?;
        session.hold(engine.initialized()?.into())?;
        session.hold(FlowEventKind::BranchCreated(created).into())?;
        let ends = ends(&events);
        for (index, step) in definition.steps[..step_index].iter().enumerate() {
            let Some(shared) = engine.shared(&origin, index, step, &ends)? else { continue };
            shared.into_iter().try_for_each(|event| session.hold(event.into()))?;
        }
        engine.drive_session(session, Until::FlowEnds)
    }
}

impl FlowEngine {
    /// Returns the start and the end of a step that the branch shares with `origin`, or `None` if it has not finished
    /// there.
    fn shared(
        &self,
        origin: &FlowInstance,
        index: usize,
        step: &RecordedStep,
        ends: &HashMap<usize, EventAddress>,
    ) -> Result<Option<[FlowEventKind; 2]>, CoreEngineError> {
        let state = origin.steps().get(index);
        let Some((state, started)) = state.and_then(|state| Some((state, state.started.as_ref()?))) else {
            return Ok(None);
        };
        let Some(source) = ends.get(&index).copied() else { return Ok(None) };
        // Later steps may differ, which changes the definition's hash and so every fingerprint.
        let fingerprint = StepIdentity::of(started).fingerprint(self.definition.hash())?;
        let step_id = step.id.clone();
        let reused = StepReused { step_id, step_index: index, fingerprint, outputs: state.outputs.clone(), source };
        let started = StepStarted { fingerprint, ..started.clone() };
        Ok(Some([FlowEventKind::StepStarted(started), FlowEventKind::StepReused(reused)]))
    }
}

/// Maps each step that succeeded to the event that finished it, in the run in which it worked.
fn ends(events: &[FlowEvent]) -> HashMap<usize, EventAddress> {
    let end = |event: &FlowEvent| match &event.kind {
        FlowEventKind::StepFinished(finished) => {
            Some((finished.step_index, EventAddress { flow_id: event.flow_id, position: event.position }))
        }
        FlowEventKind::StepReused(reused) => Some((reused.step_index, reused.source)),
        _ => None,
    };
    events.iter().filter_map(end).collect()
}
