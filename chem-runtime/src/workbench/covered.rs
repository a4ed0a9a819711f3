//! What covers a run, as `chem show` prints it.

use serde_json::{Value, json};

use crate::event::FlowId;
use crate::evidence::{EvidenceError, evidence_of};
use crate::store::{EventStore, PersistenceError};

/// What covers a run: seals and statements.
pub(crate) struct Covered {
    /// A line for each fact.
    pub(crate) lines: Vec<String>,
    /// Whether something is not as it was sealed or stated.
    pub(crate) is_changed: bool,
    /// For scripts.
    pub(crate) json: Value,
}

/// Returns what covers a run. A damaged attestation hides neither the run nor itself.
///
/// # Errors
/// Returns the error of the store.
pub(crate) fn covered(store: &dyn EventStore, flow_id: FlowId) -> Result<Covered, PersistenceError> {
    match evidence_of(store, flow_id) {
        Ok(Some(evidence)) => {
            Ok(Covered { lines: evidence.lines(), is_changed: !evidence.is_unchanged(), json: evidence.to_json() })
        }
        Ok(None) => Ok(Covered { lines: Vec::new(), is_changed: false, json: Value::Null }),
        Err(EvidenceError::Store(error)) => Err(error),
        Err(error) => Ok(Covered {
            lines: vec![format!("what covers the run cannot be read: {error}")],
            is_changed: true,
            json: json!({"error": error.to_string()}),
        }),
    }
}
