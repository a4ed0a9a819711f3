//! The signatures of attestations.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::error::EvidenceError;
use super::super::signer::{AllowedSigners, is_signature_of};
use super::super::statement::Statement;
use crate::event::FlowId;
use crate::store::Attestation;

/// A signature in the store that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The number of the signed attestation.
    pub number: u64,
    /// What it is.
    pub kind: String,
    /// The run that it is about; `None` if it is about the whole log.
    pub flow_id: Option<FlowId>,
    /// The statement, if it is one about a run.
    pub statement: Option<Statement>,
    /// Who signed, by the file of allowed signers; `None` if none was given.
    pub principal: Option<String>,
    /// When, by the clock of the machine that signed. A statement contains its time.
    pub ts: Timestamp,
}

impl Signed {
    pub(super) fn to_json(&self) -> Value {
        let statement = self
            .statement
            .as_ref()
            .map(|it| json!({ "flow_id": it.flow_id, "events": it.events, "meaning": it.meaning, "by": it.by }));
        json!({
            "number": self.number,
            "kind": self.kind,
            "principal": self.principal,
            "ts": self.ts.to_string(),
            "statement": statement,
        })
    }

    /// Checks the signature of an attestation, if it has one. Returns the reason if it does not count.
    pub(super) fn check(
        attestation: &Attestation,
        signers: Option<&AllowedSigners>,
    ) -> Result<Option<Result<Self, String>>, EvidenceError> {
        let Attestation { number, kind, flow_id, statement, signature, ts } = attestation;
        let Some(signature) = signature else { return Ok(None) };
        let namespace = format!("{kind}@chem");
        let about: Option<Statement> = statement.parse().ok();
        // The time that was signed is the one at which the key had to be valid.
        let at = about.as_ref().map_or(*ts, |about| about.time);
        if at != *ts {
            return Ok(Some(Err(format!("it is stored with the time {ts}, and was signed at {at}"))));
        }
        let flow_id = about.as_ref().map(|about| about.flow_id).or(*flow_id);
        let signed =
            |principal| Self { number: *number, kind: kind.clone(), flow_id, statement: about, principal, ts: at };
        let checked = match signers {
            Some(signers) => signers.verify(&namespace, statement, signature, at)?.map(Some),
            None if is_signature_of(&namespace, statement, signature)? => Ok(None),
            None => Err("it is not a signature of this text".to_owned()),
        };
        Ok(Some(checked.map(signed).map_err(|reason| format!("the signature does not count: {reason}"))))
    }
}
