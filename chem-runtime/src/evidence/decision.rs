//! Signed decisions at gates.
//!
//! A statement names the run, the step, the question with the fingerprint that was shown, the decision, its data, reason and
//! meaning, and the time. It is in the event of the decision, so that the decision and its signature are stored together,
//! and the run can be checked in every store. It counts only if it says what the event says: a signature that was copied to
//! another run, step, question or answer does not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::EvidenceError;
use super::signer::{AllowedSigners, Signer, is_signature_of};
use crate::event::{FlowEvent, FlowEventKind, FlowId, SignedText, UserInteractionProvided, UserInteractionRequested};
use crate::fingerprint::{CanonicalError, canonical_json};
use crate::store::append_time;

/// The namespace of the signatures of decisions.
const NAMESPACE: &str = "decision@chem";
const TITLE: &str = "chem decision v1";

/// How to sign a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// The key.
    pub signer: Signer,
    /// What the signature means, such as `approved`.
    pub meaning: String,
}

impl Signing {
    /// Returns the signed statement of `decision`, which answers `question` of the run.
    ///
    /// # Errors
    /// [`EvidenceError::Signature`] if the key does not sign.
    pub(crate) fn sign(
        &self,
        flow_id: FlowId,
        question: &UserInteractionRequested,
        decision: &UserInteractionProvided,
    ) -> Result<SignedText, EvidenceError> {
        let meaning = self.meaning.replace(char::is_control, " ");
        let statement = statement(flow_id, question, decision, &meaning, append_time()).map_err(|error| {
            let message = format!("the decision on step `{}` has no canonical form", decision.step_id);
            EvidenceError::Signature { message, source: Some(error.into()) }
        })?;
        Ok(SignedText { signature: self.signer.sign(NAMESPACE, &statement)?, statement })
    }
}

/// Returns the text to sign: one line for each fact, its name and its value. Text of a person is written as JSON, so that it
/// stays on its line.
fn statement(
    flow_id: FlowId,
    question: &UserInteractionRequested,
    decision: &UserInteractionProvided,
    meaning: &str,
    time: Timestamp,
) -> Result<String, CanonicalError> {
    let UserInteractionProvided { approved, by, data, reason, shown, step_id, .. } = decision;
    let verb = if *approved { "approved" } else { "rejected" };
    let message = json!(question.message);
    let mut text =
        format!("{TITLE}\nrun {flow_id}\nstep {step_id}\nquestion {message}\nshown {shown}\ndecision {verb}\n");
    if let Some(data) = data {
        text.push_str(&format!("data {}\n", canonical_json(data)?));
    }
    if let Some(reason) = reason {
        text.push_str(&format!("reason {}\n", json!(reason)));
    }
    text.push_str(&format!("meaning {meaning}\n"));
    if let Some(by) = by {
        text.push_str(&format!("by {}\n", by.to_string().replace(char::is_control, " ")));
    }
    text.push_str(&format!("time {time:.6}\n"));
    Ok(text)
}

/// A signed decision of a run, whose signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The run.
    pub flow_id: FlowId,
    /// The position of the decision in the run.
    pub position: u64,
    /// The id of the step.
    pub step: String,
    /// Whether the step may start.
    pub approved: bool,
    /// What the signature means.
    pub meaning: String,
    /// Who decided, as the log has it.
    pub by: Option<String>,
    /// Who signed, by the file of allowed signers; `None` if none was given.
    pub principal: Option<String>,
    /// When, by the clock of the machine that signed.
    pub time: Timestamp,
}

impl Decided {
    /// Returns the decision as JSON.
    pub fn to_json(&self) -> Value {
        let Self { flow_id, position, step, approved, meaning, by, principal, time } = self;
        json!({
            "flow_id": flow_id,
            "position": position,
            "step": step,
            "approved": approved,
            "meaning": meaning,
            "by": by,
            "principal": principal,
            "ts": time.to_string(),
        })
    }
}

/// A decision that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidDecision {
    /// The position in the run of the decision, or of the start of the step without one.
    pub(crate) position: u64,
    /// The id of the step.
    pub(crate) step: String,
    /// Why it does not count.
    pub(crate) reason: String,
}

/// The decisions of a run.
#[derive(Debug, Default)]
pub(crate) struct CheckedDecisions {
    /// The signed ones that count.
    pub(crate) signed: Vec<Decided>,
    /// Those that do not count.
    pub(crate) invalid: Vec<InvalidDecision>,
}

/// Checks the signatures of the decisions in the events of a run. Where a gate names principals, a decision must be signed by
/// one of them, and the step starts only after it. Without `signers`, whose keys those are is not checked.
///
/// # Errors
/// Fails if `ssh-keygen` is missing.
pub(crate) fn check_decisions(
    events: &[FlowEvent],
    signers: Option<&AllowedSigners>,
) -> Result<CheckedDecisions, EvidenceError> {
    let mut checked = CheckedDecisions::default();
    let mut demands: BTreeMap<&str, &[String]> = BTreeMap::new();
    // The step that a person was asked about last, and whether they approved.
    let mut open: Option<(&UserInteractionRequested, bool)> = None;
    let mut shared = 0;
    for event in events {
        let mut invalid = |step: &str, reason: String| {
            checked.invalid.push(InvalidDecision { position: event.position, step: step.to_owned(), reason });
        };
        match &event.kind {
            FlowEventKind::FlowInitialized(it) => {
                let gates = it.definition.steps.iter().filter_map(|step| Some((step.id.as_str(), step.gate.as_ref()?)));
                demands.extend(gates.map(|(step, gate)| (step, gate.signed_by.as_slice())));
            }
            FlowEventKind::BranchCreated(it) => shared = it.step_index,
            FlowEventKind::UserInteractionRequested(it) => open = Some((it, false)),
            FlowEventKind::UserInteractionProvided(it) => {
                let principals = demands.get(it.step_id.as_str()).copied().unwrap_or_default();
                let question =
                    open.filter(|(question, _)| question.step_id == it.step_id).map(|(question, _)| question);
                match (&it.signed, question) {
                    (None, _) if principals.is_empty() => {}
                    (None, _) => invalid(&it.step_id, "it is not signed".to_owned()),
                    (Some(_), None) => invalid(&it.step_id, "it answers no question".to_owned()),
                    (Some(signed), Some(question)) => {
                        match check_one(event, question, it, signed, principals, signers)? {
                            Ok(decided) => checked.signed.push(decided),
                            Err(reason) => invalid(&it.step_id, reason),
                        }
                    }
                }
                open = question.map(|question| (question, it.approved));
            }
            FlowEventKind::StepStarted(it) if it.step_index >= shared => {
                let is_demanded = demands.get(it.step_id.as_str()).is_some_and(|principals| !principals.is_empty());
                let is_approved = open.is_some_and(|(question, approved)| approved && question.step_id == it.step_id);
                if is_demanded && !is_approved {
                    invalid(&it.step_id, "the step started without one".to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(checked)
}

/// Checks a signed decision. Returns the reason if it does not count.
fn check_one(
    event: &FlowEvent,
    question: &UserInteractionRequested,
    decision: &UserInteractionProvided,
    signed: &SignedText,
    principals: &[String],
    signers: Option<&AllowedSigners>,
) -> Result<Result<Decided, String>, EvidenceError> {
    let SignedText { signature, statement: text } = signed;
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let Some((meaning, time)) = line("meaning").zip(line("time").and_then(|time| time.parse::<Timestamp>().ok()))
    else {
        return Ok(Err("its statement cannot be read".to_owned()));
    };
    if !statement(event.flow_id, question, decision, meaning, time).is_ok_and(|expected| expected == *text) {
        return Ok(Err("what was signed is another decision".to_owned()));
    }
    let principal = match signers {
        None if is_signature_of(NAMESPACE, text, signature)? => None,
        None => return Ok(Err("the signature is not one of its statement".to_owned())),
        Some(signers) => {
            // A key that was no longer valid when the decision was stored cannot sign for an earlier time.
            if let Err(reason) = verify(signed, principals, signers, time)? {
                return Ok(Err(reason));
            }
            match verify(signed, principals, signers, event.ts)? {
                Ok(principal) => Some(principal),
                Err(reason) => return Ok(Err(reason)),
            }
        }
    };
    Ok(Ok(Decided {
        flow_id: event.flow_id,
        position: event.position,
        step: decision.step_id.clone(),
        approved: decision.approved,
        meaning: meaning.to_owned(),
        by: decision.by.as_ref().map(ToString::to_string),
        principal,
        time,
    }))
}

/// Returns which of `principals` made a signature now, or why it does not count.
///
/// # Errors
/// Fails if `ssh-keygen` is missing.
pub(crate) fn check_signature(
    signed: &SignedText,
    principals: &[String],
    signers: &AllowedSigners,
) -> Result<Result<String, String>, EvidenceError> {
    verify(signed, principals, signers, append_time())
}

/// Returns who signed, one of `principals` unless they are empty, or the reason why the signature does not count.
fn verify(
    signed: &SignedText,
    principals: &[String],
    signers: &AllowedSigners,
    at: Timestamp,
) -> Result<Result<String, String>, EvidenceError> {
    let SignedText { signature, statement } = signed;
    match principals {
        [] => signers.verify(NAMESPACE, statement, signature, at),
        _ => signers.verify_one_of(principals, NAMESPACE, statement, signature, at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Operator, Person};

    fn asked() -> (FlowId, UserInteractionRequested, UserInteractionProvided) {
        let shown = format!("{:064x}", 1).parse().unwrap();
        let question = UserInteractionRequested {
            inputs: BTreeMap::new(),
            message: "Go on?\ndecision rejected".into(),
            schema: None,
            shown,
            signed_by: Vec::new(),
            step_id: "keep".into(),
            step_index: 1,
        };
        let decision = UserInteractionProvided {
            approved: true,
            by: Some(Operator { host: "lab".into(), login: "ada".into(), person: None }),
            data: Some(json!({ "limit": 5.0 })),
            reason: Some("as\nplanned".into()),
            shown,
            signed: None,
            step_id: "keep".into(),
            step_index: 1,
        };
        (FlowId::new(), question, decision)
    }

    #[test]
    fn a_statement_is_one_of_its_decision_alone() {
        let (run, question, decision) = asked();
        let time = Timestamp::UNIX_EPOCH;
        let text = |run, question: &UserInteractionRequested, decision: &UserInteractionProvided| {
            statement(run, question, decision, "approved", time).unwrap()
        };
        let signed = text(run, &question, &decision);
        let expected = format!(
            "chem decision v1\nrun {run}\nstep keep\nquestion \"Go on?\\ndecision rejected\"\nshown {}\n\
             decision approved\ndata {{\"limit\":5}}\nreason \"as\\nplanned\"\nmeaning approved\nby ada on lab\n\
             time 1970-01-01T00:00:00.000000Z\n",
            question.shown
        );
        assert_eq!(signed, expected);
        // A store returns 5 for 5.0.
        let read = UserInteractionProvided { data: Some(json!({ "limit": 5 })), ..decision.clone() };
        assert_eq!(text(run, &question, &read), signed);

        let other = |change: &dyn Fn(&mut UserInteractionProvided)| {
            let mut other = decision.clone();
            change(&mut other);
            text(run, &question, &other)
        };
        let person = Some(Person { name: "Eve".into(), ..Person::default() });
        let others = [
            text(FlowId::new(), &question, &decision),
            text(run, &UserInteractionRequested { message: "Stop?".into(), ..question.clone() }, &decision),
            other(&|it| it.step_id = "drop".into()),
            other(&|it| it.shown = format!("{:064x}", 2).parse().unwrap()),
            other(&|it| it.approved = false),
            other(&|it| it.data = Some(json!({ "limit": 6 }))),
            other(&|it| it.data = None),
            other(&|it| it.reason = Some("as planned".into())),
            other(&|it| it.reason = None),
            other(&|it| it.by = None),
            other(&|it| it.by = it.by.clone().map(|by| Operator { person: person.clone(), ..by })),
        ];
        for (index, other) in others.iter().enumerate() {
            assert_ne!(*other, signed, "{index}");
        }
    }
}
