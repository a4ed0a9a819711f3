//! Resolves the policy of a step from its manifest to the form that the log records.

use std::collections::BTreeSet;

use chem_manifest::authored::{self, Policy};
use chem_manifest::params::Params;
use chem_manifest::{Diagnostic, Findings, Source, rules};

use super::binding::filled_text;
use crate::flow::check_schema;
use crate::step::{Gate, RetryOn, RetryPolicy, StepPolicy};

/// Resolves the policy of a step. Reports an invalid schema, or a placeholder that cannot be filled in, to `findings`.
pub(super) fn read(written: &Policy, params: &mut Params, source: &Source, findings: &mut Findings) -> StepPolicy {
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
        let can_be_filled = params.check(&gate.message, source, &mut BTreeSet::new(), findings);
        let message = filled_text(&gate.message, params).filter(|_| can_be_filled).unwrap_or_default();
        Gate { message, schema }
    });
    StepPolicy { retry, timeout_ms: written.timeout_ms, gate }
}
