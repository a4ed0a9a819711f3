//! The rows of a step that were set apart because processes died at them, as the log has them.

use crate::event::{FlowEvent, FlowEventKind};
#[cfg(any(feature = "cli", feature = "ui"))]
use crate::flow::FlowInstance;
use crate::flow::StepState;
use crate::step::{RowSetApart, SET_APART};
use crate::store::{EventStore, PersistenceError};

/// Returns the rows that the step at `index` of a run set apart, in their order. `events` is the log of the run; that of another run
/// is read if the result came from there.
///
/// # Errors
/// Fails if the log of the other run cannot be read.
pub(super) fn rows_set_apart(
    store: &dyn EventStore,
    events: &[FlowEvent],
    index: usize,
    state: &StepState,
) -> Result<Vec<RowSetApart>, PersistenceError> {
    let Some(source) = state.reused else { return Ok(last_of(events, index)) };
    let there = store.list(source.flow_id)?;
    let index = there.iter().find_map(|event| match &event.kind {
        FlowEventKind::StepFinished(finished) if event.position == source.position => Some(finished.step_index),
        _ => None,
    });
    Ok(index.map(|index| last_of(&there, index)).unwrap_or_default())
}

/// Returns the rows that the steps of a run set apart, each with the id of its step, in their order. `events` is the log of the run.
///
/// # Errors
/// Fails if a log cannot be read.
#[cfg(any(feature = "cli", feature = "ui"))]
pub(super) fn set_apart_in(
    store: &dyn EventStore,
    events: &[FlowEvent],
    instance: &FlowInstance,
) -> Result<Vec<(String, RowSetApart)>, PersistenceError> {
    let mut found = Vec::new();
    for (index, state) in instance.steps().iter().enumerate() {
        let rows = rows_set_apart(store, events, index, state)?;
        found.extend(rows.into_iter().map(|row| (state.id.to_string(), row)));
    }
    Ok(found)
}

/// Returns the rows that the last attempt at a step set apart.
fn last_of(events: &[FlowEvent], index: usize) -> Vec<RowSetApart> {
    let rows = events.iter().rev().find_map(|event| match &event.kind {
        FlowEventKind::StepSignal(signal) if signal.step_index == index && signal.signal == SET_APART => {
            Some(serde_json::from_value(signal.data.clone()).unwrap_or_default())
        }
        FlowEventKind::StepStarted(started) if started.step_index == index => Some(Vec::new()),
        _ => None,
    });
    rows.unwrap_or_default()
}
