//! Formats the result of a verification, as text and as JSON.

use std::fmt;

use serde_json::{Value, json};

use super::{Fault, Outcome, Verification};

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint { differences, was, is } if differences.is_empty() => {
                write!(f, "fingerprint: {was} → {is}")
            }
            Self::Fingerprint { differences, .. } => {
                let words: Vec<String> = differences.iter().map(ToString::to_string).collect();
                f.write_str(&words.join("; "))
            }
            Self::Fails { error } => write!(f, "it succeeded in the run but now fails: {error}"),
            Self::Rows(broken) => broken.fmt(f),
            Self::Child { index, run, step, fault } => write!(f, "child {index}, run {run}: step {step}: {fault}"),
            Self::Outputs { was, is } => write!(f, "outputs {} → {}", was.join(", "), is.join(", ")),
            Self::Artifact { output, location, .. } => {
                write!(f, "output {output}, ")?;
                if let Some(record) = location.record {
                    write!(f, "record {record}, ")?;
                }
                write!(f, "{}: {} → {}", location.field, location.was, location.is)
            }
        }
    }
}

impl Outcome {
    /// Returns the outcome as scripts read it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Verified { .. } => "verified",
            Self::Differs(_) => "differs",
            Self::NotRepeatable { .. } => "not_repeatable",
            Self::NotFinished => "not_finished",
        }
    }
}

impl Verification {
    /// Returns the result as JSON, for scripts.
    pub fn to_json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                let (fault, reason, within) = match &step.outcome {
                    Outcome::Verified { within } => (Value::Null, None, json!(within)),
                    Outcome::Differs(fault) => (fault.to_json(), None, json!({})),
                    Outcome::NotRepeatable { reason } => (Value::Null, Some(reason), json!({})),
                    Outcome::NotFinished => (Value::Null, None, json!({})),
                };
                json!({
                    "id": step.step,
                    "uses": step.uses,
                    "version": step.version,
                    "outcome": step.outcome.name(),
                    "difference": fault,
                    "reason": reason,
                    "within_tolerance": within,
                })
            })
            .collect();
        let first = self.first_fault().map(|(step, fault)| {
            let mut first = fault.to_json();
            first["step"] = step.step.as_str().into();
            first
        });
        json!({
            "flow_id": self.flow_id.to_string(),
            "flow": self.flow,
            "verified": self.is_verified(),
            "steps_verified": self.verified(),
            "steps": steps,
            "first_difference": first,
        })
    }
}

impl Fault {
    fn to_json(&self) -> Value {
        let mut object = match self {
            Self::Fingerprint { differences, was, is } => json!({
                "kind": "fingerprint",
                "was": was,
                "is": is,
                "components": differences.iter().map(super::Difference::to_json).collect::<Value>(),
            }),
            Self::Fails { error } => json!({ "kind": "fails", "error": error }),
            Self::Rows(broken) => broken.to_json(),
            Self::Child { index, run, step, fault } => json!({
                "kind": "child",
                "index": index,
                "flow_id": run,
                "step": step,
                "difference": fault.to_json(),
            }),
            Self::Outputs { was, is } => json!({ "kind": "outputs", "was": was, "is": is }),
            Self::Artifact { output, was, is, location } => json!({
                "kind": "artifact",
                "output": output,
                "artifact": { "was": was, "is": is },
                "record": location.record,
                "field": location.field,
                "was": location.was,
                "is": location.is,
            }),
        };
        object["text"] = self.to_string().into();
        object
    }
}
