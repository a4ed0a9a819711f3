//! The signatures of an export: of its statements, of decisions in its events, and of its list of files.

use jiff::Timestamp;

use super::{Checked, SignedFile};
use crate::event::FlowEvent;
use crate::evidence::{AllowedSigners, CheckedDecisions, InvalidDecision, Statement, check_decisions, is_signature_of};
use crate::handover::NAMESPACE;
use crate::handover::contents::{Contents, name_of};
use crate::handover::error::HandoverError;
use crate::handover::finding::Finding;
use crate::handover::names;
use crate::handover::read::Reading;
use crate::store::Attestation;

impl Checked {
    /// Checks the signatures, and that statements are about the runs as they are.
    pub(super) fn check_signatures(
        &mut self,
        contents: &Contents,
        reading: &Reading,
        runs: &[Vec<FlowEvent>],
        signers: Option<&AllowedSigners>,
    ) -> Result<(), HandoverError> {
        let mut own = None;
        if let (None, Some(text)) = (signers, &contents.signers) {
            let file = tempfile::NamedTempFile::new()?;
            std::fs::write(file.path(), text)?;
            self.signers_of_export = true;
            own = Some((AllowedSigners::new(file.path())?, file));
        }
        let signers = signers.or(own.as_ref().map(|(signers, _)| signers));
        for attestation in std::iter::once(&contents.checkpoint).chain(&contents.attestations) {
            let Attestation { number, kind, flow_id, statement, signature, ts } = attestation;
            let name = name_of(*flow_id, *number, kind);
            let about = statement.parse::<Statement>().ok();
            if let Some(about) = &about {
                let log = contents.runs.iter().find(|log| log.run == about.flow_id.to_string());
                if log.and_then(|log| log.head_at(about.events)) != Some(about.head) || *flow_id != Some(about.flow_id)
                {
                    let reason = format!("run {} is not as it was when this was stated", about.flow_id);
                    self.findings.push(Finding::attestation(&name, reason));
                }
            }
            // The time that was signed is the one at which the key had to be valid.
            if about.as_ref().is_some_and(|about| about.time != *ts) {
                let reason = format!("`{}` has another time for it than the statement itself", names::ATTESTATIONS);
                self.findings.push(Finding::attestation(&name, reason));
            } else if let Some(signature) = signature {
                let namespace = format!("{kind}@chem");
                let signed = verified(&namespace, statement, signature, *ts, signers)?;
                self.take_signature(name, signed, about, Some(*ts));
            }
        }
        for events in runs {
            let CheckedDecisions { signed, invalid } = check_decisions(events, signers)?;
            self.decisions.extend(signed);
            let run = events.first().map(|first| first.flow_id.to_string()).unwrap_or_default();
            self.findings.extend(invalid.into_iter().map(|InvalidDecision { position, step, reason }| {
                Finding::event(&run, position, format!("the decision on step `{step}` does not count: {reason}"))
            }));
        }
        let sums = reading.texts.get(names::SUMS).and_then(|text| str::from_utf8(text).ok());
        let signature = reading.texts.get(&names::signature_of(names::SUMS));
        if let (Some(sums), Some(signature)) = (sums, signature) {
            let signature = String::from_utf8_lossy(signature);
            let signed = verified(NAMESPACE, sums, &signature, Timestamp::now(), signers)?;
            self.take_signature(names::SUMS.to_owned(), signed, None, None);
        }
        Ok(())
    }

    fn take_signature(
        &mut self,
        name: String,
        signed: Result<Option<String>, String>,
        statement: Option<Statement>,
        ts: Option<Timestamp>,
    ) {
        match signed {
            Ok(principal) => self.signatures.push(SignedFile { name, statement, principal, ts }),
            Err(reason) => {
                self.findings.push(Finding::attestation(name, format!("the signature does not count: {reason}")));
            }
        }
    }
}

/// Returns who signed `text`, if that is known, or why the signature does not count.
fn verified(
    namespace: &str,
    text: &str,
    signature: &str,
    at: Timestamp,
    signers: Option<&AllowedSigners>,
) -> Result<Result<Option<String>, String>, HandoverError> {
    Ok(match signers {
        Some(signers) => signers.verify(namespace, text, signature, at)?.map(Some),
        None if is_signature_of(namespace, text, signature)? => Ok(None),
        None => Err("it is not a signature of this text".to_owned()),
    })
}
