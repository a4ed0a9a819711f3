//! Gates: asking a person before a step starts, and going on with the answer.
//!
//! A question shows the fingerprint that the step would start with, which covers all that there is to decide on: the
//! hashes of its inputs, its parameters, and the content of the files that it reads. The answer counts for that
//! fingerprint and for no other. What an approval brings along are parameters of the step; it then starts with these in
//! place of its own, and with the fingerprint that a flow would have whose manifest says so.

use serde_json::Value;

use super::run::{Session, Until};
use super::{CoreEngineError, FlowEngine};
use crate::event::{FlowEventKind, FlowId, StepFailed, StepStarted, UserInteractionProvided, UserInteractionRequested};
use crate::flow::{AnswerError, Decision, FlowInstance, FlowStep, check_answer, decide};
use crate::step::{Registry, StepError};

/// What a person has decided on a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Whether the step may start.
    pub approved: bool,
    /// Parameters of the step to start it with.
    pub data: Option<Value>,
    /// Why, in the person's words.
    pub reason: Option<String>,
    /// The beginning of the fingerprint that the person was shown; none for the one that was shown last.
    pub shown: Option<String>,
}

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The run does not wait for a decision on this step.
    #[error("run {flow_id} does not wait for a decision on step `{step}`")]
    NotAsked {
        /// The run.
        flow_id: FlowId,
        /// The step.
        step: String,
    },
    /// What the person was shown is not what there is now. The question has been asked anew.
    #[error("what there is to decide on at step `{step}` has changed since it was shown; look at it again")]
    Changed {
        /// The step.
        step: String,
    },
    /// The step could not start as things are, so that there is nothing to approve.
    #[error("step `{step}` could not start as things are, and is not approved: {reason}")]
    CannotStart {
        /// The step.
        step: String,
        /// What it lacks.
        reason: String,
    },
    /// The data are not what was asked for.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The data cannot be parameters of the step.
    #[error("the data cannot be used for step `{step}`: {reason}")]
    Params {
        /// The step.
        step: String,
        /// What is wrong.
        reason: String,
    },
}

impl FlowEngine {
    /// Takes a person's decision on the step at which the run waits. After an approval the run goes on to its end.
    ///
    /// # Errors
    /// [`CoreEngineError::Gate`] if the decision does not count, and nothing is then recorded but, where the inputs of what
    /// is approved have changed, the question anew; and after an approval what [`run`](Self::run) lists.
    pub fn answer(&self, flow_id: FlowId, step: &str, answer: Answer) -> Result<FlowInstance, CoreEngineError> {
        let not_asked = || GateError::NotAsked { flow_id, step: step.to_owned() };
        let mut session = Session::load(self, flow_id)?;
        let Decision::Wait(index) = decide(session.instance()) else { return Err(not_asked().into()) };
        let state = session.instance().steps().get(index).filter(|state| state.id == step);
        let Some(question) = state.and_then(|state| state.question.clone()) else { return Err(not_asked().into()) };

        let changed = || GateError::Changed { step: step.to_owned() };
        let Answer { approved, data, reason, shown } = answer;
        if shown.is_some_and(|shown| !question.shown.to_string().starts_with(&shown)) {
            return Err(changed().into());
        }
        // What there is to decide on now, asked anew, is what was asked, unless it has changed. What is rejected need not
        // be there any more.
        if approved {
            match session.prepare(self, index)? {
                FlowEventKind::UserInteractionRequested(now) if now.shown == question.shown => {}
                FlowEventKind::StepFailed(StepFailed { error, causes, .. }) => {
                    let reason = [&[error][..], &causes].concat().join(": ");
                    return Err(GateError::CannotStart { step: step.to_owned(), reason }.into());
                }
                event => {
                    session.hold_start(event)?;
                    session.flush()?;
                    return Err(changed().into());
                }
            }
        }
        if approved || data.is_some() {
            check_answer(question.schema.as_ref(), data.as_ref()).map_err(GateError::from)?;
            with_params(&self.definition.steps()[index], data.as_ref())
                .map_err(|error| GateError::Params { step: step.to_owned(), reason: error.message().to_owned() })?;
        }
        let event = FlowEventKind::UserInteractionProvided(UserInteractionProvided {
            step_id: step.to_owned(),
            step_index: index,
            approved,
            data,
            reason: reason.map(|reason| reason.replace('\0', "\\0")),
            shown: question.shown,
        });
        // Data that no store can hold are refused before anything is made of them.
        event.payload_text()?;
        session.hold(event.into())?;
        if approved {
            return self.drive_session(session, Until::FlowEnds);
        }
        session.flush()?;
        Ok(session.instance().clone())
    }
}

impl Session {
    /// What a person has to be asked before the step at `index` starts as `started` says; none if nobody has to be, or
    /// has answered.
    pub(super) fn question(&self, index: usize, started: &StepStarted) -> Option<UserInteractionRequested> {
        let gate = self.instance().recorded(index)?.gate.as_ref()?;
        let decision = self.instance().steps().get(index).and_then(|step| step.decision.as_ref());
        if decision.is_some_and(|decision| decision.approved && decision.shown == started.fingerprint) {
            return None;
        }
        Some(UserInteractionRequested {
            step_id: started.step_id.clone(),
            step_index: index,
            message: gate.message.clone(),
            schema: gate.schema.clone(),
            inputs: started.inputs.clone(),
            shown: started.fingerprint,
        })
    }

    /// The step at `index` with the parameters that its approval brought along; none if there are none.
    pub(super) fn approved(&self, index: usize, planned: &FlowStep) -> Result<Option<FlowStep>, StepError> {
        let decision = self.instance().steps().get(index).and_then(|step| step.decision.as_ref());
        with_params(planned, decision.and_then(|decision| decision.data.as_ref()))
    }
}

/// The step with these parameters in place of its own; none if there are none.
fn with_params(planned: &FlowStep, data: Option<&Value>) -> Result<Option<FlowStep>, StepError> {
    let Some(data) = data.and_then(Value::as_object).filter(|data| !data.is_empty()) else {
        return Ok(None);
    };
    let step = planned.step();
    let step_type = step.step_type();
    let registration = Registry::linked()?.get(step_type.name);
    let Some(registration) = registration.filter(|found| found.spec().version == step_type.version) else {
        return Err(StepError::new(format!("`{step_type}` is not among this program's step types")));
    };
    let mut params = step.params()?;
    params.extend(data.clone());
    let bound = registration
        .bind(step.id().clone(), &params)
        .map_err(|problems| StepError::new(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    Ok(Some(planned.with_step(bound)))
}
