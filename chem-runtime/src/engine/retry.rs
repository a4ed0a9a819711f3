//! Retries a failed step: automatically, under the manifest's policy, or on request.

use super::clock::after;
use super::run::{Session, Until};
use super::{CoreEngineError, FlowEngine};
use crate::event::{FlowEventKind, FlowId, RetryScheduled};
use crate::flow::{Decision, FlowInstance, decide};

impl FlowEngine {
    /// Retries the step that failed, and runs the flow to its end.
    ///
    /// # Errors
    /// [`CoreEngineError::NotFailed`] if no step has failed, [`CoreEngineError::NoAttemptsLeft`] if the step has used
    /// up the attempts that its manifest allows, and the errors of [`run`](Self::run).
    pub fn retry(&self, flow_id: FlowId, reason: &str) -> Result<FlowInstance, CoreEngineError> {
        let mut session = Session::load(self, flow_id)?;
        let index = match decide(session.instance()) {
            Decision::Failed(index) | Decision::Retry(index) => index,
            _ => return Err(CoreEngineError::NotFailed { flow_id }),
        };
        let event = self.retry_of(session.instance(), index, Some(reason))?;
        session.take_lease(self)?;
        session.hold(event.into())?;
        self.drive_session(session, Until::FlowEnds)
    }

    /// Returns the event that schedules the next attempt of a failed step. Without a `reason`, records the step's error
    /// instead and waits as the policy says.
    pub(super) fn retry_of(
        &self,
        instance: &FlowInstance,
        index: usize,
        reason: Option<&str>,
    ) -> Result<FlowEventKind, CoreEngineError> {
        let (flow_id, step_id) = (instance.flow_id(), self.step_id(index));
        // The attempts of a step in shards are those of its children.
        let policy = instance.recorded(index).filter(|step| step.shards.is_none());
        let policy = policy.and_then(|step| step.retry.as_ref());
        let (attempt, error) = instance
            .steps()
            .get(index)
            .map(|step| {
                let attempt = step.attempt.saturating_add(u32::from(!step.is_rejected()));
                (attempt, step.error.clone().unwrap_or_default().0)
            })
            .unwrap_or_default();
        let allowed = policy.map(|policy| policy.attempts);
        if let Some(allowed) = allowed.filter(|allowed| attempt > *allowed) {
            return Err(CoreEngineError::NoAttemptsLeft { flow_id, step: step_id, allowed });
        }
        // A retry on request does not wait.
        let wait = policy.filter(|_| reason.is_none()).map_or(0, |policy| policy.wait_ms(attempt));
        let not_before = (wait > 0).then(|| after(self.clock.now(), wait));
        let retry = RetryScheduled {
            step_id: step_id.to_string(),
            step_index: index,
            attempt,
            by: reason.and(self.place.operator.clone()),
            allowed,
            reason: reason.map_or(error, |reason| reason.replace('\0', "\\0")),
            not_before,
        };
        self.observer.retry_scheduled(&retry);
        Ok(FlowEventKind::RetryScheduled(retry))
    }
}
