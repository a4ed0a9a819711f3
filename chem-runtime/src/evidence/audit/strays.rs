//! Rows that readers of the log are not led to, so that no leaf covers them.

use super::super::finding::Finding;
use crate::store::{Attestations, PersistenceError, Stray};

/// The maximum number of rows to name.
const NAMED: usize = 100;

/// Returns the rows that no reader of the log is led to. `is_log_sealed` says whether the sealed events are as they were:
/// of one that is missing, the artifacts are no finding of their own.
pub(super) fn find_strays(
    attestations: &dyn Attestations,
    is_log_sealed: bool,
) -> Result<Vec<Finding>, PersistenceError> {
    let finding = |stray| match stray {
        Stray::Event { seq, flow_id, position, event_type } => Some(Finding::Hidden {
            event: format!("`{event_type}` at position {position} of run {flow_id}, seq {seq}"),
        }),
        Stray::Artifact { hash, seq } => is_log_sealed.then(|| Finding::Artifact {
            hash,
            reason: format!("the event that it is stored with, seq {seq}, is missing"),
        }),
    };
    Ok(attestations.strays(NAMED)?.into_iter().filter_map(finding).collect())
}
