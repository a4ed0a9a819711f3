//! The signatures of attestations.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::error::EvidenceError;
use super::super::signer::{AllowedSigners, is_signature_of};
use super::super::statement::Statement;
use crate::store::Attestation;

/// A signature in the store that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The number of the signed attestation.
    pub number: u64,
    /// What it is.
    pub kind: String,
    /// The statement, if it is one about a run.
    pub statement: Option<Statement>,
    /// Who signed, by the file of allowed signers; `None` if none was given.
    pub principal: Option<String>,
    /// When, by the clock of the machine that signed.
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
        let Attestation { number, kind, statement, signature, ts, .. } = attestation;
        let Some(signature) = signature else { return Ok(None) };
        let namespace = format!("{kind}@chem");
        let about = statement.parse().ok();
        let signed = |principal| Self { number: *number, kind: kind.clone(), statement: about, principal, ts: *ts };
        let checked = match signers {
            Some(signers) => signers.verify(&namespace, statement, signature, *ts)?.map(Some),
            None if is_signature_of(&namespace, statement, signature)? => Ok(None),
            None => Err("it is not a signature of this text".to_owned()),
        };
        Ok(Some(checked.map(signed).map_err(|reason| format!("the signature does not count: {reason}"))))
    }
}
