//! The children of a run: the runs that its steps with `map:` run, and those that work on shards.

use serde_json::{Map, Value, json};

#[cfg(any(feature = "cli", feature = "ui"))]
use super::incidents::{Incident, lines};
#[cfg(any(feature = "cli", feature = "ui"))]
use super::set_apart::set_apart_in;
use super::{WorkbenchError, running_process};
use crate::artifact::TableShard;
use crate::engine::{ShardFlows, child_id, given, part_id, parts};
use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::fingerprint::Fingerprint;
use crate::flow::{FlowDefinition, FlowInstance, FlowStatus};
#[cfg(any(feature = "cli", feature = "ui"))]
use crate::step::RowSetApart;
use crate::step::children::{MAP_STEP, MapParams, label};
use crate::step::{Registry, StepError};
use crate::store::{EventStore, Holder};

/// A child of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// The id of the step that runs it.
    pub step_id: String,
    /// Its index among the children of the step, from 0.
    pub index: usize,
    /// For a part of a shard that was cut: its index among the parts of the shard, then among those of that part, and so on.
    pub parts: Vec<usize>,
    /// The id of the run.
    pub flow_id: FlowId,
    /// The values of the parameters that differ between the children.
    pub given: Map<String, Value>,
    /// The status in the log; `None` if it has not begun.
    pub status: Option<FlowStatus>,
    /// The flow fingerprint; `None` until it is complete.
    pub flow_fingerprint: Option<Fingerprint>,
    /// The process that runs it, if that is another one.
    pub holder: Option<Holder>,
}

impl Child {
    /// Returns what distinguishes the child from the others, such as `max_weight=300`.
    pub fn label(&self) -> String {
        label(&self.given)
    }

    /// Returns the child as `chem show --format json` prints it.
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "step": self.step_id,
            "index": self.index,
            "flow_id": self.flow_id,
            "given": self.given,
            "status": self.status_name(),
            "flow_fingerprint": self.flow_fingerprint,
        });
        if !self.parts.is_empty() {
            json["parts"] = json!(self.parts);
        }
        json
    }

    /// Returns the name of the child among those of the run, such as `score/2`, or `score/2.5` for a part of a shard that was cut.
    pub fn name(&self) -> String {
        let parts: String = self.parts.iter().map(|part| format!(".{part}")).collect();
        format!("{}/{}{parts}", self.step_id, self.index)
    }

    /// Returns the status as lists print it.
    pub fn status_name(&self) -> &'static str {
        match (self.status, &self.holder) {
            (_, Some(_)) => "running",
            (Some(status), None) => status.name(),
            (None, None) => "not begun",
        }
    }
}

/// The most numbers of rows that a line has.
#[cfg(any(feature = "cli", feature = "ui"))]
const ROWS_SHOWN: usize = 10;

/// What the logs of a run and of its children say of the work of the children.
#[cfg(any(feature = "cli", feature = "ui"))]
#[derive(Default)]
pub(crate) struct Family {
    pub(crate) children: Vec<Child>,
    /// The rows that steps set apart, each with the id of its step.
    pub(crate) set_apart: Vec<(String, RowSetApart)>,
    /// What happened to processes and machines: in the run, then in each child.
    incidents: Vec<Incident>,
    /// Whether steps of the run have children.
    is_parent: bool,
}

#[cfg(any(feature = "cli", feature = "ui"))]
impl Family {
    /// Describes the children of a run with these events.
    ///
    /// # Errors
    /// Fails like [`children`].
    pub(crate) fn of(store: &dyn EventStore, events: &[FlowEvent], run: &FlowInstance) -> Result<Self, WorkbenchError> {
        let children = children(store, run)?;
        let mut incidents = Incident::all(run.flow_id(), events);
        for child in children.iter().filter(|child| child.status.is_some()) {
            incidents.extend(Incident::all(child.flow_id, &store.list(child.flow_id)?));
        }
        let steps = run.initialized().map(|begun| begun.definition.steps.as_slice()).unwrap_or_default();
        let is_parent = steps.iter().any(|step| step.uses == MAP_STEP || step.shards.is_some());
        Ok(Self { children, set_apart: set_apart_in(store, events, run)?, incidents, is_parent })
    }

    /// Adds to a run as JSON what there is to say of its children, and of the processes and machines that worked on it and on them.
    pub(crate) fn describe(&self, run: &mut Value) {
        run["incidents"] = self.incidents.iter().map(Incident::to_json).collect();
        if !self.is_parent {
            return;
        }
        run["children"] = self.children.iter().map(Child::to_json).collect();
        let rows = self.set_apart.iter();
        run["set_apart"] =
            rows.map(|(step, row)| json!({ "step": step, "row": row.row, "reason": row.reason })).collect();
    }

    /// Says what happened to the processes and machines that worked on the run and its children.
    pub(crate) fn lines_of_incidents(&self) -> Vec<String> {
        let at = |incident: &Incident| {
            let child = self.children.iter().find(|child| child.flow_id == incident.flow_id);
            match child.map(Child::name) {
                Some(name) => format!("step `{}` of {name}", incident.step),
                None => format!("step `{}`", incident.step),
            }
        };
        lines(&self.incidents.iter().collect::<Vec<_>>(), &at)
    }

    /// Says of each step that set rows apart how many, and which, on a line of its own.
    pub(crate) fn lines_of_set_apart(&self) -> Vec<String> {
        let of_steps = self.set_apart.chunk_by(|(one, _), (other, _)| one == other);
        let lines = of_steps.filter_map(|rows| {
            let (step, _) = rows.first()?;
            let mut numbers: Vec<String> = rows.iter().take(ROWS_SHOWN).map(|(_, row)| row.row.to_string()).collect();
            numbers.extend((rows.len() > ROWS_SHOWN).then(|| "…".to_owned()));
            let numbers = numbers.join(", ");
            let what =
                if rows.len() == 1 { format!("row {numbers}") } else { format!("{} rows ({numbers})", rows.len()) };
            Some(format!("{step} set apart {what}: processes died there again and again"))
        });
        lines.collect()
    }
}

/// Returns the children of a run, in the order of its steps. A step that has not started has none yet, and one whose result
/// is reused has none in this run.
///
/// # Errors
/// Fails if the store cannot be read, or if the recorded parameters of a step do not say which children it has.
pub fn children(store: &dyn EventStore, run: &FlowInstance) -> Result<Vec<Child>, WorkbenchError> {
    let mut children = Vec::new();
    for (Member { step_id, index, parts, flow_id, given, .. }, last) in family(store, run)? {
        let status = last.as_ref().map(|event| event.kind.status_after());
        let holder = match status {
            Some(status) => running_process(store, flow_id, status)?,
            None => None,
        };
        let flow_fingerprint = match last.map(|event| event.kind) {
            Some(FlowEventKind::FlowCompleted(completed)) => Some(completed.flow_fingerprint),
            _ => None,
        };
        children.push(Child { step_id, index, parts, flow_id, given, status, flow_fingerprint, holder });
    }
    Ok(children)
}

/// Returns the number of events that the children of a run have together. It grows whenever one of them goes on.
///
/// # Errors
/// Fails like [`children`].
#[cfg(feature = "ui")]
pub(crate) fn events_of_children(store: &dyn EventStore, run: &FlowInstance) -> Result<u64, WorkbenchError> {
    let events = |(_, last): (Member, Option<FlowEvent>)| last.map_or(0, |last| last.position + 1);
    Ok(family(store, run)?.into_iter().map(events).sum())
}

/// A child by what the log of its parent says.
struct Member {
    step_id: String,
    index: usize,
    flow_id: FlowId,
    given: Map<String, Value>,
    /// The rows that it works on, if it works on rows.
    rows: Option<TableShard>,
    parts: Vec<usize>,
}

impl Member {
    /// Returns the part at `index` with these rows of a member whose last event is `last`; `None` if it was not cut.
    fn part(&self, last: Option<&FlowEvent>, index: usize, rows: TableShard) -> Option<Self> {
        let Some(FlowEventKind::StepFailed(failed)) = last.map(|event| &event.kind) else { return None };
        let fingerprint = failed.fingerprint.filter(|_| failed.deaths > 0)?;
        let parts = self.parts.iter().copied().chain([index]).collect();
        let flow_id = part_id(self.flow_id, fingerprint, index);
        Some(Self {
            step_id: self.step_id.clone(),
            index: self.index,
            flow_id,
            given: given(&rows),
            rows: Some(rows),
            parts,
        })
    }
}

/// Returns the children of a run, each with its last event and followed by its parts, if it was cut.
fn family(store: &dyn EventStore, run: &FlowInstance) -> Result<Vec<(Member, Option<FlowEvent>)>, WorkbenchError> {
    let mut left = members(store, run)?;
    left.reverse();
    let mut family = Vec::new();
    while let Some(member) = left.pop() {
        let last = match store.next_position(member.flow_id)?.checked_sub(1) {
            Some(last) => store.read_event(member.flow_id, last)?,
            None => None,
        };
        let cut = member.rows.as_ref().and_then(parts).unwrap_or_default();
        let parts = cut.into_iter().enumerate().filter_map(|(index, rows)| member.part(last.as_ref(), index, rows));
        left.extend(parts.collect::<Vec<_>>().into_iter().rev());
        family.push((member, last));
    }
    Ok(family)
}

fn members(store: &dyn EventStore, run: &FlowInstance) -> Result<Vec<Member>, WorkbenchError> {
    let unreadable =
        |error: StepError| WorkbenchError::Children { flow_id: run.flow_id(), reason: format!("{error:#}") };
    let recorded = run.initialized().map(|begun| begun.definition.steps.as_slice()).unwrap_or_default();
    let in_shards = recorded.iter().any(|step| step.shards.is_some());
    let definition = || FlowDefinition::of_run(run, Registry::linked()?).map_err(StepError::from);
    let definition = in_shards.then(definition).transpose().map_err(unreadable)?;
    let mut members = Vec::new();
    for (step_index, (step, state)) in recorded.iter().zip(run.steps()).enumerate() {
        let (Some(started), None) = (&state.started, state.reused) else { continue };
        let given: Vec<(Map<String, Value>, Option<TableShard>)> = if step.uses == MAP_STEP {
            let invalid = |reason: String| StepError::new(format!("step `{}`: {reason}", step.id));
            let params = MapParams::read(&step.params).map_err(|reason| unreadable(invalid(reason)))?;
            params.children.into_iter().map(|child| (child.given, None)).collect()
        } else if let (Some(definition), Some(_)) = (&definition, &step.shards) {
            let shards = ShardFlows::of(definition, run, step_index, store).map_err(unreadable)?;
            // The other steps of the group have the same children.
            let begun = shards.filter(|(_, begun)| begun.step_index == step_index);
            let shards = begun.as_ref().map(|(shards, _)| shards.all()).unwrap_or_default();
            shards.iter().map(|shard| (given(shard), Some(shard.clone()))).collect()
        } else {
            continue;
        };
        members.extend(given.into_iter().enumerate().map(|(index, (given, rows))| {
            let flow_id = child_id(run.flow_id(), started, index);
            Member { step_id: step.id.clone(), index, flow_id, given, rows, parts: Vec::new() }
        }));
    }
    Ok(members)
}
