//! Gates: asks a person before a step starts, and continues with the answer.
//!
//! A question shows the fingerprint that the step would start with. It covers everything to decide on: the hashes of
//! the inputs, the parameters, and the content of the input files. The answer is valid for that fingerprint only. An
//! approval may set parameters of the step; the step then starts with these, and with the fingerprint it would have if
//! the manifest set them.

use serde_json::Value;

use super::run::{Session, Until};
use super::{CoreEngineError, GateError, Run};
use crate::event::{FlowEventKind, StepFailed, StepStarted, UserInteractionProvided, UserInteractionRequested};
use crate::flow::{Decision, FlowInstance, FlowStep, check_answer, decide};
use crate::step::{Registry, StepError};

/// A person's decision on a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Whether the step may start.
    pub approved: bool,
    /// The parameters to override, as an object; `None` means none.
    pub data: Option<Value>,
    /// The person's reason.
    pub reason: Option<String>,
    /// A prefix of the fingerprint that the person saw; `None` means the latest.
    pub shown: Option<String>,
}

impl Run<'_> {
    /// Records a person's decision on the step at which the run waits. After an approval, runs the flow to its end.
    ///
    /// # Errors
    /// [`CoreEngineError::Gate`] if the decision is refused. Nothing is then recorded, except the question anew if the
    /// inputs of an approved step have changed. After an approval, the errors of
    /// [`run_to_end`](Self::run_to_end).
    pub fn answer(self, step: &str, answer: Answer) -> Result<FlowInstance, CoreEngineError> {
        let Self { engine, flow_id } = self;
        let not_asked = || GateError::NotAsked { flow_id, step: step.to_owned() };
        let mut session = Session::load(engine, flow_id)?;
        let Decision::Wait(index) = decide(session.instance()) else { return Err(not_asked().into()) };
        let state = session.instance().steps().get(index).filter(|state| state.id == step);
        let Some(question) = state.and_then(|state| state.question.clone()) else { return Err(not_asked().into()) };

        let changed = || GateError::Changed { step: step.to_owned() };
        let Answer { approved, data, reason, shown } = answer;
        if shown.is_some_and(|shown| !question.shown.to_string().starts_with(&shown)) {
            return Err(changed().into());
        }
        // Preparing the step again yields the same question unless something has changed. A rejected step need not be
        // able to start.
        if approved {
            match session.prepare(engine, index)? {
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
            with_params(&engine.definition.steps()[index], data.as_ref())
                .map_err(|error| GateError::Params { step: step.to_owned(), reason: error.message().to_owned() })?;
        }
        let event = FlowEventKind::UserInteractionProvided(UserInteractionProvided {
            step_id: step.to_owned(),
            step_index: index,
            approved,
            by: engine.place.operator.clone(),
            data,
            reason: reason.map(|reason| reason.replace('\0', "\\0")),
            shown: question.shown,
        });
        // Refuse data that no store can hold before they take effect.
        event.payload_text()?;
        session.hold(event.into())?;
        if approved {
            return engine.drive_session(session, Until::FlowEnds);
        }
        session.flush()?;
        Ok(session.instance().clone())
    }
}

impl Session {
    /// Returns the question to ask before the step at `index` starts as `started` describes, or `None` if it has no
    /// gate or is approved.
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

    /// Returns the step at `index` with the parameters that its approval sets, or `None` if it sets none.
    pub(super) fn approved(&self, index: usize, planned: &FlowStep) -> Result<Option<FlowStep>, StepError> {
        let decision = self.instance().steps().get(index).and_then(|step| step.decision.as_ref());
        with_params(planned, decision.and_then(|decision| decision.data.as_ref()))
    }
}

/// Returns the step with the parameters in `data` overridden, or `None` if there are none.
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
