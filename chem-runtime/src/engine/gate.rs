//! Gates: asks a person before a step starts, and continues with the answer.
//!
//! A question shows the fingerprint that the step would start with. It covers everything to decide on: the hashes of
//! the inputs, the parameters, and the content of the input files. The answer is valid for that fingerprint only. An
//! approval may set parameters of the step; the step then starts with these, and with the fingerprint it would have if
//! the manifest set them.
//!
//! A gate may name who has to sign the decision. A decision that none of them signed is refused before it is recorded, and
//! one that is in the log nevertheless is refused before the run continues.

use serde_json::Value;

use super::run::{Session, Until};
use super::{CoreEngineError, FlowEngine, GateError, Run};
use crate::event::{
    FlowEventKind, RecordedStep, StepFailed, StepStarted, UserInteractionProvided, UserInteractionRequested,
};
use crate::evidence::{AllowedSigners, InvalidDecision, Signing, check_decisions, check_signature};
use crate::flow::{Decision, FlowInstance, FlowStep, StepState, check_answer, decide};
use crate::step::StepError;

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
    /// How to sign the decision; `None` for an unsigned one.
    pub signing: Option<Signing>,
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
        let Answer { approved, data, reason, shown, signing } = answer;
        let gate = session.instance().recorded(index).and_then(|step| step.gate.as_ref());
        let signed_by = gate.map(|gate| gate.signed_by.clone()).unwrap_or_default();
        if !signed_by.is_empty() && signing.is_none() {
            return Err(GateError::NotSigned { step: step.to_owned(), signed_by }.into());
        }
        let signers = engine.allowed_signers(step, &signed_by)?;
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
        let mut decision = UserInteractionProvided {
            step_id: step.to_owned(),
            step_index: index,
            approved,
            by: engine.place.operator.clone(),
            data,
            reason: reason.map(|reason| reason.replace('\0', "\\0")),
            shown: question.shown,
            signed: None,
        };
        // Refuse data that no store can hold before they take effect.
        FlowEventKind::UserInteractionProvided(decision.clone()).payload_text()?;
        if let Some(signing) = signing {
            let signed = signing.sign(flow_id, &question, &decision)?;
            if let Some(signers) = signers
                && let Err(reason) = check_signature(&signed, &signed_by, signers)?
            {
                return Err(GateError::NotByThem { step: step.to_owned(), signed_by, reason }.into());
            }
            decision.signed = Some(signed);
        }
        let event = FlowEventKind::UserInteractionProvided(decision);
        session.hold(event.into())?;
        if approved {
            return engine.drive_session(session, Until::FlowEnds);
        }
        session.flush()?;
        Ok(session.instance().clone())
    }
}

impl FlowEngine {
    /// Returns the file of allowed signers, if the gate of `step` names some; `None` if it names none.
    fn allowed_signers(&self, step: &str, signed_by: &[String]) -> Result<Option<&AllowedSigners>, GateError> {
        if signed_by.is_empty() {
            return Ok(None);
        }
        self.signers.as_ref().map(Some).ok_or_else(|| GateError::NoSigners { step: step.to_owned() })
    }

    /// Refuses a run with a decision that the gate of its step does not accept.
    pub(super) fn check_decisions(&self, instance: &FlowInstance) -> Result<(), CoreEngineError> {
        let recorded = instance.initialized().map(|began| began.definition.steps.as_slice()).unwrap_or_default();
        let signed_by = |step: &RecordedStep| step.gate.as_ref().is_some_and(|gate| !gate.signed_by.is_empty());
        let demanded = recorded.iter().zip(instance.steps()).filter(|(step, _)| signed_by(step));
        // A step that has neither a decision nor a start has nothing to check.
        let decided = |state: &StepState| state.decision.is_some() || state.started.is_some();
        let Some((first, _)) = demanded.clone().find(|(_, state)| decided(state)) else { return Ok(()) };
        let Some(signers) = &self.signers else { return Err(GateError::NoSigners { step: first.id.clone() }.into()) };
        let events = self.store.list(instance.flow_id())?;
        let invalid = check_decisions(&events, Some(signers))?.invalid;
        let mut invalid = invalid.into_iter().filter(|one| demanded.clone().any(|(step, _)| step.id == one.step));
        match invalid.next() {
            Some(InvalidDecision { step, reason, .. }) => {
                Err(GateError::Invalid { flow_id: instance.flow_id(), step, reason }.into())
            }
            None => Ok(()),
        }
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
            signed_by: gate.signed_by.clone(),
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
    let mut params = step.params()?;
    params.extend(data.clone());
    let Some(bound) = step.with_params(&params) else {
        return Err(StepError::new(format!("`{}` is not among this program's step types", step.step_type())));
    };
    let bound = bound
        .map_err(|problems| StepError::new(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    Ok(Some(planned.with_step(bound)))
}
