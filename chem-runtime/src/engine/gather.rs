//! Gathers what the children that work on shards computed for one step.

use std::collections::{BTreeMap, HashMap};

use super::child_runs::ChildRuns;
use super::children::{Child, died_at};
use super::deaths;
use super::shards::{ShardFlows, numbers};
use crate::artifact::TableRoot;
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId, StepFinished};
use crate::fingerprint::ArtifactHash;
use crate::flow::{FlowDefinition, FlowInstance, FlowStatus, FlowStep, OutputAddress, StepStatus, rows_port};
use crate::step::{EarlierRows, KnownShard, MAIN_OUTPUT, REJECTS, ShardResult, ShardResults, ShardTables, StepError};

/// What the children computed for a step, and those in which it failed.
#[derive(Default)]
struct Gathered {
    shards: Vec<ShardResult>,
    /// The numbers of the rows, and the state, of each child in which the step failed.
    failures: Vec<(String, FlowInstance)>,
    /// The tables of the children whose rows the step takes, if they are known.
    parts: ShardTables,
    /// Whether the step takes the table that was cut.
    takes_cut: bool,
}

impl Gathered {
    /// Returns the number of rows that a child gave to the step, and the offsets of their columns that locate rows, if they are
    /// known to be rows that the step takes.
    fn known_rows(&self, child: &Child, instance: &FlowInstance, input: ArtifactHash) -> Option<(usize, Vec<i64>)> {
        let given = instance.steps().first().and_then(|source| source.output(MAIN_OUTPUT));
        if let (Some(rows), true) = (&child.rows, self.takes_cut && given.is_some_and(|given| given.hash == input)) {
            return Some((rows.rows.len(), rows.offsets.clone()));
        }
        let part = self.parts.get(self.shards.len()).filter(|part| part.table == input)?;
        Some((part.rows, part.offsets.clone()))
    }
}

impl ChildRuns {
    /// Returns what the children, which have ended, computed for the step called `step`, which takes these `inputs`. `joined` has
    /// the tables of the run of which it is known that they have the rows of the children.
    ///
    /// # Errors
    /// Fails if the step failed in one of them, or if a log cannot be read.
    pub(super) fn results_of(
        &self,
        step: &str,
        inputs: &BTreeMap<String, ArtifactHash>,
        joined: &HashMap<ArtifactHash, ShardTables>,
    ) -> Result<ShardResults, StepError> {
        let Some(flows) = self.shards() else { return Ok(ShardResults::default()) };
        let rows = flows.port_of(step).and_then(|(port, _)| inputs.get(port));
        let parts = rows.and_then(|rows| joined.get(rows)).cloned().unwrap_or_default();
        let takes_cut = rows == Some(&flows.cut());
        let (mut gathered, mut failed) = (Gathered { parts, takes_cut, ..Gathered::default() }, 0);
        for index in 0..flows.count() {
            let before = gathered.failures.len();
            self.gather(flows, step, &self.recorded().at(index)?, &mut gathered)?;
            failed += usize::from(gathered.failures.len() > before);
        }
        let Gathered { shards, failures, .. } = gathered;
        // A part that was not worked on any more says nothing of why.
        let says_why = |(_, instance): &&(String, FlowInstance)| instance.status() == FlowStatus::Failed;
        match failures.iter().find(says_why).or(failures.first()) {
            None => Ok(ShardResults { shards }),
            Some((rows, instance)) => Err(failure(step, flows, rows, instance, failed)),
        }
    }

    /// Adds what a child computed or, if it was cut, its parts.
    fn gather(&self, flows: &ShardFlows, step: &str, child: &Child, gathered: &mut Gathered) -> Result<(), StepError> {
        let log = self.logs().get(child.flow_id, || self.recorded().read(child))?;
        let (instance, events) = log.as_ref();
        if let Some(parts) = self.recorded().parts(child, instance) {
            return parts.iter().try_for_each(|part| self.gather(flows, step, part, gathered));
        }
        let rows = child.rows.as_ref();
        let state = instance.step(step).filter(|state| state.status == StepStatus::FinishedOk);
        let Some(started) = state.and_then(|state| state.started.clone()) else {
            match rows.zip(died_at(instance)) {
                Some((rows, (index, died))) if rows.rows.len() == 1 => {
                    let definition = flows.definition(rows)?;
                    let apart = self.set_apart_at(&definition, instance, step)?;
                    let died = deaths::died_at(&died.id, died.deaths);
                    let is_there = definition.steps().get(index).is_some_and(|it| it.step().id().as_str() == step);
                    let reason = if is_there { died } else { format!("set apart by an earlier step: {died}") };
                    let known = KnownShard::SetApart { run: Some(child.flow_id), reason };
                    gathered.shards.push(ShardResult::new(apart, known));
                }
                _ => gathered.failures.push((rows.map(numbers).unwrap_or_default(), instance.clone())),
            }
            return Ok(());
        };
        let (port, is_first) = flows.port_of(step).unwrap_or_default();
        let input = started.inputs.get(port).copied();
        let (found, offsets) = input.and_then(|input| gathered.known_rows(child, instance, input)).unzip();
        let count = match (found, input) {
            (Some(found), _) => found,
            _ if is_first => rows.map_or(0, |rows| rows.rows.len()),
            (None, Some(input)) => self.rows_of(input)?,
            (None, None) => 0,
        };
        let finished = self.finished(instance.flow_id(), events, started.step_index)?;
        let earlier = input.zip(finished).and_then(|(input, (source, finished))| {
            let outcomes = finished.rows?.outcomes?;
            Some(EarlierRows { source, input, outputs: finished.outputs, outcomes })
        });
        let known = earlier.map_or(KnownShard::Nothing, KnownShard::Result);
        gathered.shards.push(ShardResult { rows: count, known, offsets });
        Ok(())
    }

    /// Returns how many rows the step called `step`, which has not finished, takes if the row of the child `instance` is set apart.
    fn set_apart_at(
        &self,
        definition: &FlowDefinition,
        instance: &FlowInstance,
        step: &str,
    ) -> Result<usize, StepError> {
        let from = |step: &FlowStep| -> Option<OutputAddress> {
            let port = rows_port(step.step())?;
            step.inputs().get(port.name).cloned()
        };
        let Some(step) = definition.steps().iter().find(|found| found.step().id().as_str() == step) else {
            return Ok(0);
        };
        let mut address = from(step);
        // A reject of a row that is set apart is a row of a later step, too; nothing else comes out for it.
        while let Some(OutputAddress { step, output }) = &address {
            let (state, planned) = (&instance.steps()[*step], &definition.steps()[*step]);
            if state.status == StepStatus::FinishedOk {
                return state.output(output).map_or(Ok(0), |output| self.rows_of(output.hash));
            }
            if output != REJECTS {
                return Ok(0);
            }
            address = from(planned);
        }
        Ok(0)
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

/// Returns the failure of a step that failed in `count` children, the first of which is the run `instance` with these `rows`.
fn failure(step: &str, flows: &ShardFlows, rows: &str, instance: &FlowInstance, count: usize) -> StepError {
    let failed = instance.steps().iter().find(|state| state.status == StepStatus::Failed);
    let (error, causes) = failed.and_then(|state| state.error.clone()).unwrap_or_default();
    let error = [error].into_iter().chain(causes).collect::<Vec<_>>().join(": ");
    let flow_id = instance.flow_id();
    let at = failed.map(|state| state.id.as_str()).filter(|id| *id != step);
    let at = at.map(|id| format!(" at step `{id}`")).unwrap_or_default();
    let first = format!("run {flow_id}, with the rows {rows}, failed{at}: {error}");
    let failure = StepError::context(format!("{count} of {} shards failed", flows.count()), first);
    if failed.is_some_and(|state| state.transient) { failure.transient() } else { failure }
}
