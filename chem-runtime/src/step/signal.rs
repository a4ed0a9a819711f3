//! What a step reports besides its outputs.

use serde_json::Value;

/// Data about a step that is not one of its outputs: a count, a warning, a choice and its reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// The kind of signal, chosen by the step.
    pub name: String,
    /// The signal's payload.
    pub data: Value,
}
