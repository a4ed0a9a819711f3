//! The runs that work on rows for a step of another run: those of its shards, and those of the parts of a shard that was cut.
//!
//! Their ids follow from the run, the fingerprint of the step and their index, and the first event of each says which rows it works
//! on. So a set of runs shows whether it is complete: the rows follow each other without a gap, up to the last one.

use crate::event::{FlowEvent, FlowEventKind, FlowId, StepFailed, StepFinished, StepStarted};
use crate::step::shard_step::PARTS;

/// A step that runs in shards, and was neither reused nor is still to start.
pub(super) struct StepInShards<'a> {
    /// How the step started last.
    pub(super) started: &'a StepStarted,
    /// Its end, with the position of the event; `None` if it has not finished.
    pub(super) finished: Option<(u64, &'a StepFinished)>,
    /// Whether it is the first such step of its group, which begins the work on the shards.
    pub(super) is_first: bool,
}

/// Returns the steps of a run that run in shards, in their order.
pub(super) fn steps_in_shards(events: &[FlowEvent]) -> Vec<StepInShards<'_>> {
    let Some(FlowEventKind::FlowInitialized(begun)) = events.first().map(|first| &first.kind) else {
        return Vec::new();
    };
    let (mut groups, mut found) = (Vec::new(), Vec::new());
    for (index, step) in begun.definition.steps.iter().enumerate() {
        let Some(shards) = &step.shards else { continue };
        let is_reused =
            |event: &FlowEvent| matches!(&event.kind, FlowEventKind::StepReused(reused) if reused.step_index == index);
        let started = events.iter().rev().find_map(|event| match &event.kind {
            FlowEventKind::StepStarted(started) if started.step_index == index => Some(started),
            _ => None,
        });
        let Some(started) = started.filter(|_| !events.iter().any(is_reused)) else { continue };
        let finished = events.iter().rev().find_map(|event| match &event.kind {
            FlowEventKind::StepFinished(finished) if finished.step_index == index => Some((event.position, finished)),
            _ => None,
        });
        let is_first = !groups.contains(&&shards.group);
        groups.push(&shards.group);
        found.push(StepInShards { started, finished, is_first });
    }
    found
}

/// Returns how a run that works on rows was cut: how its step failed. `None` if it was not.
pub(super) fn cut_of(events: &[FlowEvent]) -> Option<&StepFailed> {
    let (first, last) = rows_of(events)?;
    match events.last().map(|last| &last.kind) {
        Some(FlowEventKind::StepFailed(failed)) if failed.deaths > 0 && first < last => Some(failed),
        _ => None,
    }
}

/// Returns the numbers of the first and the last row on which a run works, from 1; `None` if it does not work on rows.
pub(super) fn rows_of(events: &[FlowEvent]) -> Option<(usize, usize)> {
    events.first()?.child_of()?.rows()
}

/// Returns the ids that the parts of a run have, if it was cut.
pub(super) fn parts_of(events: &[FlowEvent]) -> Vec<FlowId> {
    let fingerprint = cut_of(events).and_then(|failed| failed.fingerprint);
    let of_cut = events.first().zip(fingerprint).zip(rows_of(events));
    let parts = of_cut.map(|((begun, fingerprint), (first, last))| {
        (0..PARTS.min(last + 1 - first)).map(move |index| begun.flow_id.child(fingerprint, index))
    });
    parts.into_iter().flatten().collect()
}

/// Returns the id of the shard at `index` of a step of `run`.
pub(super) fn shard_id(run: FlowId, step: &StepInShards<'_>, index: usize) -> FlowId {
    run.child(step.started.fingerprint, index)
}
