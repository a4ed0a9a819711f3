//! Resolves the policy of a step from its manifest to the form that the log records.

use std::collections::BTreeSet;

use chem_manifest::authored::{self, AuthoredStep, InShards};
use chem_manifest::params::Params;
use chem_manifest::{Diagnostic, Findings, Source, rules};

use super::binding::filled_text;
use crate::flow::{AnswerError, check_schema};
use crate::step::{Gate, Resources, RetryOn, RetryPolicy, Shards, StepPolicy};

/// Resolves the policy of a step. Reports an invalid schema, or a placeholder that cannot be filled in, to `findings`.
pub(super) fn read(step: &AuthoredStep, params: &mut Params, source: &Source, findings: &mut Findings) -> StepPolicy {
    let written = &step.policy;
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
                let help = match &error {
                    AnswerError::NotBuilt => "without `schema`, a gate asks for an approval without data",
                    _ => "expected a JSON Schema of an object whose members are parameters of the step",
                };
                findings.add(Diagnostic::new(&rules::GATE_SCHEMA, error.to_string(), source, *at).with_help(help));
            }
            schema.clone()
        });
        let can_be_filled = params.check(&gate.message, source, &mut BTreeSet::new(), findings);
        let message = filled_text(&gate.message, params).filter(|_| can_be_filled).unwrap_or_default();
        Gate { message, schema, signed_by: gate.signed_by.clone() }
    });
    let resources = written.resources.clone().map(|needed| {
        let authored::Resources { cpus, memory_mib, gpus, time_ms } = needed;
        Resources { cpus, gpus, memory_mib, time_ms }
    });
    let shards = step.shards.as_ref().map(shards);
    StepPolicy { retry, timeout_ms: written.timeout_ms, gate, resources, shards }
}

fn shards(InShards { group, over, rows, .. }: &InShards) -> Shards {
    Shards { group: group.clone(), over: over.text.clone(), rows: *rows }
}

#[cfg(all(test, not(feature = "gate-schemas")))]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::manifest::check;
    use crate::step::Registry;

    #[test]
    fn a_schema_that_cannot_be_used_later_is_refused_at_once() {
        let flow = |gate: &str| format!("flow: asked\nsteps:\n  - {{ id: seed, uses: demo.seed, gate: {gate} }}\n");
        let messages = |gate: &str| {
            let source = Source::new("flow.yaml", &flow(gate));
            let checked = check(&source, &[], Registry::linked().unwrap(), Path::new("."));
            checked.diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect::<Vec<_>>()
        };
        assert_eq!(messages("{ message: Go? }"), [""; 0]);
        let refused = messages("{ message: Go?, schema: { type: object } }");
        assert!(refused[0].contains("the feature `gate-schemas`"), "{refused:?}");
    }
}
