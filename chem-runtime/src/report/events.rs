//! Describes events for people.

use jiff::SignedDuration;

use super::{bytes, seconds};
use crate::event::{FlowEventKind, OutputRef, Usage};

/// Describes an event, on one line unless a text in it has several.
pub(crate) fn event_words(kind: &FlowEventKind) -> String {
    match kind {
        FlowEventKind::FlowInitialized(it) => {
            let by = it.environment.operator.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
            let definition = it.definition_hash.short();
            format!("{} begins: {} steps, definition {definition}{by}", it.flow, it.step_count)
        }
        FlowEventKind::StepStarted(it) => {
            let inputs: Vec<String> = it.inputs.iter().map(|(port, hash)| format!("{port} {}", hash.short())).collect();
            let inputs = if inputs.is_empty() { String::new() } else { format!(" with {}", inputs.join(", ")) };
            format!("{} starts: {}@{}{inputs}", it.step_id, it.uses, it.version)
        }
        FlowEventKind::StepFinished(it) => {
            format!("{} finished{}{}", it.step_id, outputs(&it.outputs), took(it.usage.as_ref()))
        }
        FlowEventKind::StepReused(it) => {
            let source = format!("event {} of run {}", it.source.position, it.source.flow_id);
            format!("{} reused from {source}{}", it.step_id, outputs(&it.outputs))
        }
        FlowEventKind::StepFailed(it) => {
            let causes: String = it.causes.iter().map(|cause| format!(": {cause}")).collect();
            format!("{} failed: {}{causes}{}", it.step_id, it.error, took(it.usage.as_ref()))
        }
        FlowEventKind::RetryScheduled(it) => {
            let allowed = it.allowed.map(|allowed| format!(" of {allowed}")).unwrap_or_default();
            let begin = it.not_before.map(|begin| format!(", not before {begin:.0}")).unwrap_or_default();
            let by = it.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let attempt = format!("attempt {}{allowed}{begin}", it.attempt);
            format!("{} will be retried{by} ({attempt}): {}", it.step_id, it.reason)
        }
        FlowEventKind::StepProgressed(it) => {
            let chunks: usize = it.outputs.values().map(Vec::len).sum();
            format!("{} has done {} rows: {chunks} more chunks", it.step_id, it.position)
        }
        FlowEventKind::StepSignal(it) => format!("{} signals {} {}", it.step_id, it.signal, it.data),
        FlowEventKind::BranchCreated(it) => format!("branches from run {} at {}", it.parent, it.step_id),
        FlowEventKind::UserInteractionRequested(it) => format!("{} waits: {}", it.step_id, it.message),
        FlowEventKind::UserInteractionProvided(it) => {
            let verb = if it.approved { "approved" } else { "rejected" };
            let data = it.data.as_ref().map(|data| format!(" with {data}")).unwrap_or_default();
            let reason = it.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let by = it.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let signed = if it.signed.is_some() { ", signed" } else { "" };
            format!("{} {verb}{by}{signed}{data}{reason}", it.step_id)
        }
        FlowEventKind::FlowCompleted(it) => format!("complete: flow fingerprint {}", it.flow_fingerprint),
    }
}

fn outputs(outputs: &[OutputRef]) -> String {
    let outputs: Vec<String> =
        outputs.iter().map(|output| format!("{} {}", output.kind, output.hash.short())).collect();
    if outputs.is_empty() { String::new() } else { format!(": {}", outputs.join(", ")) }
}

/// Describes what a step took, for a line of the log; an empty text if it was not measured.
fn took(usage: Option<&Usage>) -> String {
    let Some(usage) = usage else { return String::new() };
    let mut parts = vec![seconds(usage.ended.duration_since(usage.started))];
    parts.extend(cpu(usage).map(|cpu| format!("CPU {cpu}")));
    parts.extend(usage.peak_memory.map(|peak| format!("memory {}", bytes(peak))));
    format!(" ({})", parts.join(", "))
}

/// Returns the CPU time of a step; `None` if it was not measured.
pub(crate) fn cpu(usage: &Usage) -> Option<String> {
    let cpu = SignedDuration::from_millis(i64::try_from(usage.cpu_ms?).ok()?);
    Some(seconds(cpu))
}
