//! How a step is run, from what the manifest says to what the log records.

use chem_manifest::authored::{self, Policy};
use chem_manifest::{Diagnostic, Findings, Source, rules};

use crate::flow::check_schema;
use crate::step::{Gate, RetryOn, RetryPolicy, StepPolicy};

/// The policy that `written` is. A schema that is none goes to `findings`.
pub(super) fn read(written: &Policy, source: &Source, findings: &mut Findings) -> StepPolicy {
    let retry = written.retry.as_ref().map(|retry| RetryPolicy {
        attempts: retry.attempts,
        backoff_ms: retry.backoff_ms,
        on: match retry.on {
            authored::RetryOn::Transient => RetryOn::Transient,
            authored::RetryOn::Any => RetryOn::Any,
        },
    });
    let gate = written.gate.as_ref().map(|gate| {
        let schema = gate.schema.as_ref().map(|(schema, at)| {
            if let Err(error) = check_schema(schema) {
                let help = "it is a JSON Schema of an object whose members are parameters of the step";
                findings.add(Diagnostic::new(&rules::GATE_SCHEMA, error.to_string(), source, *at).with_help(help));
            }
            schema.clone()
        });
        Gate { message: gate.message.clone(), schema }
    });
    StepPolicy { retry, timeout_ms: written.timeout_ms, gate }
}
