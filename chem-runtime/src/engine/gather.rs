//! Gathers what the children that work on shards computed for one step.

use super::children::ChildRuns;
use super::shards::ShardFlows;
use crate::artifact::TableRoot;
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId, StepFinished};
use crate::fingerprint::ArtifactHash;
use crate::flow::{FlowInstance, StepStatus};
use crate::step::{EarlierRows, ShardResults, StepError};

impl ChildRuns {
    /// Returns what the children, which have ended, computed for the step called `step`.
    ///
    /// # Errors
    /// Fails if the step failed in one of them, or if a log cannot be read.
    pub(super) fn results_of(&self, step: &str) -> Result<ShardResults, StepError> {
        let Some(flows) = self.shards() else { return Ok(ShardResults { shards: Vec::new() }) };
        let (mut shards, mut failures) = (Vec::new(), Vec::new());
        for index in 0..flows.count() {
            let (instance, events) = self.recorded().child(index)?;
            match instance.step(step) {
                Some(state) if state.status == StepStatus::FinishedOk => {}
                _ => {
                    failures.push((index, instance));
                    continue;
                }
            }
            let Some(started) = instance.step(step).and_then(|state| state.started.clone()) else { continue };
            let (port, is_first) = flows.port_of(step).unwrap_or_default();
            let input = started.inputs.get(port).copied();
            let rows = match input {
                _ if is_first => flows.len(index),
                Some(input) => self.rows_of(input)?,
                None => 0,
            };
            let finished = self.finished(instance.flow_id(), &events, started.step_index)?;
            let earlier = input.zip(finished).and_then(|(input, (source, finished))| {
                let outcomes = finished.rows?.outcomes?;
                Some(EarlierRows { source, input, outputs: finished.outputs, outcomes })
            });
            shards.push((rows, earlier));
        }
        match failures.first() {
            None => Ok(ShardResults { shards }),
            Some((index, instance)) => Err(failure(step, flows, *index, instance, failures.len())),
        }
    }

    fn rows_of(&self, table: ArtifactHash) -> Result<usize, StepError> {
        let artifact = self.store().read_artifact(table)?;
        Ok(artifact.map(|artifact| TableRoot::of(&artifact)).transpose()?.map_or(0, |root| root.rows))
    }

    /// Returns the event that finished a step of a run, in the run in which it worked; `None` if there is none.
    fn finished(
        &self,
        flow_id: FlowId,
        events: &[FlowEvent],
        step: usize,
    ) -> Result<Option<(EventAddress, StepFinished)>, StepError> {
        let end = events.iter().rev().find_map(|event| match &event.kind {
            FlowEventKind::StepFinished(finished) if finished.step_index == step => {
                Some((EventAddress { flow_id, position: event.position }, Some(finished.clone())))
            }
            FlowEventKind::StepReused(reused) if reused.step_index == step => Some((reused.source, None)),
            _ => None,
        });
        let Some((source, finished)) = end else { return Ok(None) };
        if let Some(finished) = finished {
            return Ok(Some((source, finished)));
        }
        let event = self.store().read_event(source.flow_id, source.position)?;
        Ok(event.and_then(|event| match event.kind {
            FlowEventKind::StepFinished(finished) => Some((source, finished)),
            _ => None,
        }))
    }
}

/// Returns the failure of a step that failed in `count` shards, the first of which is the run `instance`.
fn failure(step: &str, flows: &ShardFlows, index: usize, instance: &FlowInstance, count: usize) -> StepError {
    let failed = instance.steps().iter().find(|state| state.status == StepStatus::Failed);
    let (error, causes) = failed.and_then(|state| state.error.clone()).unwrap_or_default();
    let error = [error].into_iter().chain(causes).collect::<Vec<_>>().join(": ");
    let (flow_id, rows) = (instance.flow_id(), flows.rows(index));
    let at = failed.map(|state| state.id.as_str()).filter(|id| *id != step);
    let at = at.map(|id| format!(" at step `{id}`")).unwrap_or_default();
    let first = format!("run {flow_id}, with the rows {rows}, failed{at}: {error}");
    let failure = StepError::context(format!("{count} of {} shards failed", flows.count()), first);
    if failed.is_some_and(|state| state.transient) { failure.transient() } else { failure }
}
