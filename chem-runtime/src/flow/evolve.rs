//! Applies events to the state of a run. `proof.rs` verifies their hashes.

use super::instance::{FlowInstance, StepState, StepStatus};
use super::proof::{Misfit, check_completion, check_definition, check_finish, check_start};
use crate::event::{
    FlowEvent, FlowEventKind, FlowId, FlowInitialized, OutputRef, RetryScheduled, StepProgress, StepProgressed,
    UserInteractionProvided, UserInteractionRequested,
};
use crate::fingerprint::Fingerprint;

/// Error for a log that no run of this program could have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log of run {flow_id} is broken at position {position}: {reason}")]
pub struct ReplayError {
    /// The id of the run.
    pub flow_id: FlowId,
    /// The position of the invalid event.
    pub position: u64,
    /// Why the event is invalid.
    pub reason: String,
    /// The index of an earlier step whose outputs contradict the event. The outputs of other earlier steps remain valid.
    pub doubts: Option<usize>,
}

/// Returns the state after `event`. Recomputes every hash in the event.
///
/// # Errors
/// Fails if the event cannot follow the earlier ones, or if a hash does not match its content. The state is consumed.
pub fn evolve(instance: FlowInstance, event: &FlowEventKind) -> Result<FlowInstance, ReplayError> {
    let (flow_id, position) = (instance.flow_id, instance.events);
    check(&instance, event)
        .map_err(|Misfit { reason, doubts }| ReplayError { flow_id, position, reason, doubts })
        .and_then(|()| evolve_own(instance, event))
}

/// Returns the state after an event that this process has just created. Trusts its hashes.
pub(crate) fn evolve_own(mut instance: FlowInstance, event: &FlowEventKind) -> Result<FlowInstance, ReplayError> {
    let (flow_id, position) = (instance.flow_id, instance.events);
    apply(&mut instance, event).map_err(|reason| ReplayError { flow_id, position, reason, doubts: None })?;
    instance.events += 1;
    instance.status = event.status_after();
    Ok(instance)
}

/// Checks the hashes of an event. [`apply`] reports events that are out of order.
fn check(instance: &FlowInstance, event: &FlowEventKind) -> Result<(), Misfit> {
    match event {
        FlowEventKind::FlowInitialized(initialized) => check_definition(initialized),
        FlowEventKind::StepStarted(started) if is_current(instance, started.step_index, &started.step_id) => {
            check_start(instance, started)
        }
        FlowEventKind::StepFinished(finished) if is_current(instance, finished.step_index, &finished.step_id) => {
            check_finish(&instance.steps[finished.step_index], finished)
        }
        FlowEventKind::FlowCompleted(completed) if instance.current == instance.steps.len() => {
            check_completion(instance, completed)
        }
        _ => Ok(()),
    }
}

/// Computes the state of a run from all of its events, in order.
///
/// ```
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::flow::{FlowStatus, replay};
/// use chem_runtime::steps::demo::Seed;
///
/// let engine = FlowEngine::new().first_step(Seed { text: "CCO".into() }).build()?;
/// let run = engine.run_to_end()?.flow_id();
/// let events = engine.events()?;
/// assert_eq!(replay(run, &events)?.status(), FlowStatus::Completed);
/// assert_eq!(replay(run, &events[..2])?.status(), FlowStatus::Interrupted);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn replay<'a>(
    flow_id: FlowId,
    events: impl IntoIterator<Item = &'a FlowEvent>,
) -> Result<FlowInstance, ReplayError> {
    events.into_iter().try_fold(FlowInstance::new(flow_id), |instance, event| {
        let broken = |reason| Err(ReplayError { flow_id, position: instance.events, reason, doubts: None });
        if event.flow_id != flow_id {
            return broken(format!("it belongs to run {}", event.flow_id));
        }
        if event.position != instance.events {
            return broken(format!("found an event with position {}", event.position));
        }
        evolve(instance, &event.kind)
    })
}

fn apply(instance: &mut FlowInstance, event: &FlowEventKind) -> Result<(), String> {
    if instance.flow_fingerprint.is_some() {
        return Err("found an event after the end of the run".into());
    }
    if let FlowEventKind::FlowInitialized(initialized) = event {
        return begin(instance, initialized);
    }
    if instance.initialized.is_none() {
        return Err("the run has not begun".into());
    }
    match event {
        FlowEventKind::FlowInitialized(_) => {}
        FlowEventKind::BranchCreated(branch) => {
            if instance.events != 1 {
                return Err("the branch event is not the second event of the run".into());
            }
            if instance.steps.get(branch.step_index).is_none_or(|step| step.id != branch.step_id) {
                return Err(format!("the run branches at step `{}`, which is not at that index", branch.step_id));
            }
            instance.branch = Some(branch.clone());
        }
        FlowEventKind::UserInteractionRequested(question) => {
            ask(current(instance, question.step_index, &question.step_id)?, question)?;
        }
        FlowEventKind::UserInteractionProvided(decision) => {
            answer(current(instance, decision.step_index, &decision.step_id)?, decision)?;
        }
        FlowEventKind::StepStarted(started) => {
            let step = current(instance, started.step_index, &started.step_id)?;
            if !matches!(step.status, StepStatus::Pending | StepStatus::Running) {
                return Err(format!("step `{}` starts while it is {}", step.id, step.status.name()));
            }
            step.status = StepStatus::Running;
            // Equal work continues where an earlier attempt has got to.
            step.progress = step.progress.take().filter(|progress| progress.fingerprint == started.fingerprint);
            step.started = Some(started.clone());
        }
        FlowEventKind::StepFinished(finished) => {
            let step = current(instance, finished.step_index, &finished.step_id)?;
            finish(step, finished.fingerprint, &finished.outputs)?;
            step.taken_over = finished.rows.as_ref().and_then(|rows| rows.taken_over);
            instance.current += 1;
        }
        FlowEventKind::StepReused(reused) => {
            let step = current(instance, reused.step_index, &reused.step_id)?;
            finish(step, reused.fingerprint, &reused.outputs)?;
            step.reused = Some(reused.source);
            instance.current += 1;
        }
        FlowEventKind::StepFailed(failed) => {
            let step = current(instance, failed.step_index, &failed.step_id)?;
            if !matches!(step.status, StepStatus::Pending | StepStatus::Running) {
                return Err(format!("step `{}` fails while it is {}", step.id, step.status.name()));
            }
            step.status = StepStatus::Failed;
            step.error = Some((failed.error.clone(), failed.causes.clone()));
            step.transient = failed.transient;
            step.left_behind = failed.left_behind;
            step.deaths = failed.deaths;
        }
        FlowEventKind::RetryScheduled(retry) => {
            schedule_retry(current(instance, retry.step_index, &retry.step_id)?, retry)?;
        }
        FlowEventKind::StepSignal(signal) => {
            expect_running(current(instance, signal.step_index, &signal.step_id)?)?;
        }
        FlowEventKind::StepProgressed(progressed) => {
            progress(current(instance, progressed.step_index, &progressed.step_id)?, progressed)?;
        }
        FlowEventKind::FlowCompleted(completed) => {
            if instance.current < instance.steps.len() {
                return Err("the run completes before all of its steps have finished".into());
            }
            instance.flow_fingerprint = Some(completed.flow_fingerprint);
        }
    }
    Ok(())
}

fn begin(instance: &mut FlowInstance, initialized: &FlowInitialized) -> Result<(), String> {
    if instance.initialized.is_some() {
        return Err("the run begins a second time".into());
    }
    if initialized.step_count != initialized.definition.steps.len() {
        return Err("the number of steps differs from the recorded definition".into());
    }
    instance.steps = initialized.definition.steps.iter().map(|step| StepState::pending(&step.id)).collect();
    instance.initialized = Some(initialized.clone());
    Ok(())
}

fn finish(step: &mut StepState, fingerprint: Fingerprint, outputs: &[OutputRef]) -> Result<(), String> {
    expect_running(step)?;
    if step.fingerprint() != Some(fingerprint) {
        return Err(format!("step `{}` finishes with a different fingerprint than it started with", step.id));
    }
    step.status = StepStatus::FinishedOk;
    step.outputs = outputs.to_vec();
    step.progress = None;
    Ok(())
}

fn progress(step: &mut StepState, progressed: &StepProgressed) -> Result<(), String> {
    expect_running(step)?;
    if step.fingerprint() != Some(progressed.fingerprint) {
        return Err(format!("step `{}` makes progress with a different fingerprint than it started with", step.id));
    }
    let after = StepProgress::after(step.progress.take(), progressed);
    step.progress = Some(after.map_err(|reason| format!("step `{}`: {reason}", step.id))?);
    Ok(())
}

/// Resets a failed step to pending. Keeps only the number of the attempt, an approval, and how far the step has got.
fn schedule_retry(step: &mut StepState, retry: &RetryScheduled) -> Result<(), String> {
    if step.status != StepStatus::Failed {
        return Err(format!("step `{}` is retried while it is {}", step.id, step.status.name()));
    }
    // A rejected step was not attempted and keeps its number; earlier releases incremented it.
    let next = step.attempt.saturating_add(1);
    if retry.attempt != next && !(step.is_rejected() && retry.attempt == step.attempt) {
        return Err(format!("attempt {} of step `{}` follows attempt {}", retry.attempt, step.id, step.attempt));
    }
    if let Some(allowed) = retry.allowed.filter(|allowed| retry.attempt > *allowed) {
        return Err(format!("attempt {} of step `{}` exceeds the limit of {allowed}", retry.attempt, step.id));
    }
    *step = StepState {
        attempt: retry.attempt,
        not_before: retry.not_before,
        progress: step.progress.take(),
        question: step.question.take(),
        decision: step.decision.take().filter(|decision| decision.approved),
        ..StepState::pending(&step.id)
    };
    Ok(())
}

fn ask(step: &mut StepState, question: &UserInteractionRequested) -> Result<(), String> {
    // A running step is asked about again if it was interrupted and its files have changed since.
    if !matches!(step.status, StepStatus::Pending | StepStatus::Waiting | StepStatus::Running) {
        return Err(format!("a person is asked about step `{}` while it is {}", step.id, step.status.name()));
    }
    step.status = StepStatus::Waiting;
    step.started = None;
    step.question = Some(question.clone());
    step.decision = None;
    Ok(())
}

fn answer(step: &mut StepState, decision: &UserInteractionProvided) -> Result<(), String> {
    let open = step.question.as_ref().map(|question| question.shown);
    if step.status != StepStatus::Waiting || open != Some(decision.shown) {
        return Err(format!("the decision on step `{}` does not answer its last question", step.id));
    }
    if decision.approved {
        step.status = StepStatus::Pending;
    } else {
        step.status = StepStatus::Failed;
        let why = decision.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        step.error = Some((format!("rejected{why}"), Vec::new()));
    }
    step.decision = Some(decision.clone());
    Ok(())
}

/// Returns the step of an event, which must be the first unfinished step.
fn current<'a>(instance: &'a mut FlowInstance, index: usize, id: &str) -> Result<&'a mut StepState, String> {
    let expected = instance.current;
    match instance.steps.get_mut(index) {
        Some(step) if index == expected && step.id == id => Ok(step),
        _ => Err(format!("expected an event of the step at index {expected}, found one of `{id}` at index {index}")),
    }
}

fn is_current(instance: &FlowInstance, index: usize, id: &str) -> bool {
    index == instance.current && instance.steps.get(index).is_some_and(|step| step.id == id)
}

fn expect_running(step: &StepState) -> Result<(), String> {
    if step.status == StepStatus::Running { Ok(()) } else { Err(format!("step `{}` is not running", step.id)) }
}
