//! The signed decisions at gates.

use std::collections::BTreeSet;

use super::super::decision::{CheckedDecisions, Decided, InvalidDecision, check_decisions};
use super::super::error::EvidenceError;
use super::super::finding::Finding;
use super::super::signer::AllowedSigners;
use crate::store::{ErrorClass, EventStore, StoredEvent};

/// Returns whether the event says that its run has signed decisions, or a gate that demands them.
pub(super) fn has_signed_gates(event: &StoredEvent) -> bool {
    let member: &[u8] = match event.event_type.as_str() {
        "flowinitialized" => b"\"signed_by\":",
        "userinteractionprovided" => b"\"signed\":",
        _ => return false,
    };
    event.payload.windows(member.len()).any(|part| part == member)
}

/// Returns the signed decisions of `runs` that count, and adds the others to `findings`. What cannot be read is a finding of
/// another check.
pub(super) fn check_gates(
    store: &dyn EventStore,
    runs: &BTreeSet<String>,
    signers: Option<&AllowedSigners>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Decided>, EvidenceError> {
    let mut decided = Vec::new();
    for run in runs {
        let Ok(flow_id) = run.parse() else { continue };
        let events = match store.list(flow_id) {
            Err(error) if error.class() == ErrorClass::Corrupt => continue,
            events => events?,
        };
        let CheckedDecisions { signed, invalid } = check_decisions(&events, signers)?;
        decided.extend(signed);
        findings.extend(invalid.into_iter().map(|InvalidDecision { position, step, reason }| Finding::Decision {
            flow_id: run.clone(),
            position,
            step,
            reason,
        }));
    }
    Ok(decided)
}
