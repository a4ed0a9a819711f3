//! What an event means for the state of a run.

use super::instance::{FlowInstance, StepState, StepStatus};
use crate::event::{FlowEvent, FlowEventKind, FlowId};

/// A log that no run of this program could have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log of run {flow_id} is broken at position {position}: {reason}")]
pub struct ReplayError {
    /// The run.
    pub flow_id: FlowId,
    /// The event that does not fit.
    pub position: u64,
    /// Why it does not.
    pub reason: String,
}

/// The state after `event`, in constant time.
///
/// # Errors
/// [`ReplayError`] if the event cannot follow what came before it. The state is then lost, as it should be.
pub fn evolve(mut instance: FlowInstance, event: &FlowEventKind) -> Result<FlowInstance, ReplayError> {
    let (flow_id, position) = (instance.flow_id, instance.events);
    apply(&mut instance, event).map_err(|reason| ReplayError { flow_id, position, reason })?;
    instance.events += 1;
    Ok(instance)
}

/// The state that `events` tell: all events of one run, in order.
pub fn replay<'a>(
    flow_id: FlowId,
    events: impl IntoIterator<Item = &'a FlowEvent>,
) -> Result<FlowInstance, ReplayError> {
    events.into_iter().try_fold(FlowInstance::new(flow_id), |instance, event| {
        let broken = |reason| Err(ReplayError { flow_id, position: instance.events, reason });
        if event.flow_id != flow_id {
            return broken(format!("it belongs to run {}", event.flow_id));
        }
        if event.position != instance.events {
            return broken(format!("the event found there says position {}", event.position));
        }
        evolve(instance, &event.kind)
    })
}

fn apply(instance: &mut FlowInstance, event: &FlowEventKind) -> Result<(), String> {
    if instance.flow_fingerprint.is_some() {
        return Err("there is an event after the end of the run".into());
    }
    if let FlowEventKind::FlowInitialized(initialized) = event {
        if instance.initialized.is_some() {
            return Err("the run begins a second time".into());
        }
        if initialized.step_count != initialized.definition.steps.len() {
            return Err("the recorded definition has another number of steps than it says".into());
        }
        instance.steps = initialized.definition.steps.iter().map(|step| StepState::pending(&step.id)).collect();
        instance.initialized = Some(initialized.clone());
        return Ok(());
    }
    if instance.initialized.is_none() {
        return Err("the run has not begun".into());
    }
    match event {
        FlowEventKind::FlowInitialized(_) => {}
        FlowEventKind::StepStarted(started) => {
            let step = current(instance, started.step_index, &started.step_id)?;
            match step.status {
                StepStatus::Pending | StepStatus::Running => {
                    step.status = StepStatus::Running;
                    step.started = Some(started.clone());
                }
                StepStatus::Failed | StepStatus::FinishedOk => {
                    return Err(format!("step `{}` starts after it has ended", step.id));
                }
            }
        }
        FlowEventKind::StepFinished(finished) => {
            let step = current(instance, finished.step_index, &finished.step_id)?;
            expect_running(step)?;
            if step.fingerprint() != Some(finished.fingerprint) {
                return Err(format!("step `{}` ends with another fingerprint than it started with", step.id));
            }
            step.status = StepStatus::FinishedOk;
            step.outputs = finished.outputs.clone();
            instance.current += 1;
        }
        FlowEventKind::StepFailed(failed) => {
            let step = current(instance, failed.step_index, &failed.step_id)?;
            if !matches!(step.status, StepStatus::Pending | StepStatus::Running) {
                return Err(format!("step `{}` fails after it has ended", step.id));
            }
            step.status = StepStatus::Failed;
            step.error = Some((failed.error.clone(), failed.causes.clone()));
        }
        FlowEventKind::StepSignal(signal) => {
            expect_running(current(instance, signal.step_index, &signal.step_id)?)?;
        }
        FlowEventKind::FlowCompleted(completed) => {
            if instance.current < instance.steps.len() {
                return Err("the run is complete before all its steps have finished".into());
            }
            instance.flow_fingerprint = Some(completed.flow_fingerprint);
        }
    }
    Ok(())
}

/// The step that an event speaks of, which can only be the first that has not finished.
fn current<'a>(instance: &'a mut FlowInstance, index: usize, id: &str) -> Result<&'a mut StepState, String> {
    let expected = instance.current;
    match instance.steps.get_mut(index) {
        Some(step) if index == expected && step.id == id => Ok(step),
        _ => Err(format!("an event of step `{id}` (number {index}) stands where step number {expected} is due")),
    }
}

fn expect_running(step: &StepState) -> Result<(), String> {
    if step.status == StepStatus::Running { Ok(()) } else { Err(format!("step `{}` is not running", step.id)) }
}
