//! The children of a step as the log has them, which are combinations of values or shards of its rows: each is a run of its own,
//! with its own log, lease and reuse of results.
//!
//! The id of a child follows from the run, from the fingerprint of the step and from the index of the child. So a resumed
//! run, a retry and another process find the same children without a list of them, and the first append decides who begins
//! one. A shard whose workers died is cut into parts, which are children of the child in the same way.

use std::path::Path;
use std::sync::Arc;

use super::shards::{self, ShardFlows};
use crate::artifact::TableShard;
use crate::event::{ChildOf, FlowEvent, FlowId, FlowStatus, RecordedDefinition, StepStarted};
use crate::fingerprint::{Fingerprint, canonical_text};
use crate::flow::{FlowDefinition, FlowInstance, StepState, StepStatus, replay, step_types_of};
use crate::step::children::{Advance, ChildEnd, ChildFailure, Children, MapParams};
use crate::step::{CancelToken, Files, Registry, StepError};
use crate::store::EventStore;

/// The children of a step that has started, as the log has them.
pub(crate) struct RecordedChildren {
    parent: FlowId,
    step: StepStarted,
    flows: ChildFlows,
    store: Arc<dyn EventStore>,
}

/// The flows of the children of a step.
pub(crate) enum ChildFlows {
    /// One for each combination of values.
    Map(MapParams),
    /// One for each shard.
    Shards(Box<ShardFlows>),
}

/// A child: a combination of values, a shard, or a part of one.
#[derive(Debug, Clone)]
pub(crate) struct Child {
    pub(super) flow_id: FlowId,
    pub(super) place: ChildOf,
    /// The rows that it works on; `None` for a combination of values.
    pub(super) rows: Option<TableShard>,
    /// Whether it works on a part of a shard that was cut.
    pub(super) is_part: bool,
}

impl ChildFlows {
    fn count(&self) -> usize {
        match self {
            Self::Map(params) => params.children.len(),
            Self::Shards(shards) => shards.count(),
        }
    }

    fn recorded(&self, child: &Child) -> Result<RecordedDefinition, StepError> {
        match (self, &child.rows) {
            (Self::Map(params), _) => Ok(params.children[child.place.index].definition.clone()),
            (Self::Shards(shards), Some(rows)) => Ok(shards.definition(rows)?.recorded()?),
            (Self::Shards(_), None) => Err(no_rows()),
        }
    }

    /// Returns the flow of a child, with the modules below `base`, the directory of the run. `files` are those of the run.
    pub(super) fn definition(&self, child: &Child, base: &Path, files: &Files) -> Result<FlowDefinition, StepError> {
        match (self, &child.rows) {
            (Self::Map(params), _) => {
                let child = &params.children[child.place.index];
                if child.definition.step_sources.is_some() {
                    files.check_program("python")?;
                }
                let types = step_types_of(&child.definition, &params.directory_in(base), Registry::linked()?)?;
                Ok(FlowDefinition::from_recorded(&child.flow, &child.definition, &types)?)
            }
            (Self::Shards(shards), Some(rows)) => shards.definition(rows),
            (Self::Shards(_), None) => Err(no_rows()),
        }
    }
}

fn no_rows() -> StepError {
    StepError::new("a child that works on rows has none")
}

/// Returns the id of the child at `index` of a step that has started.
pub(crate) fn child_id(parent: FlowId, step: &StepStarted, index: usize) -> FlowId {
    parent.child(step.fingerprint, index)
}

/// Returns the id of the part at `index` of the shard of the run `shard`, whose workers died at the step with this fingerprint.
pub(crate) fn part_id(shard: FlowId, step: Fingerprint, index: usize) -> FlowId {
    shard.child(step, index)
}

impl RecordedChildren {
    pub(super) fn new(store: Arc<dyn EventStore>, parent: FlowId, step: StepStarted, flows: ChildFlows) -> Self {
        Self { parent, step, flows, store }
    }

    /// Returns the children of the step with `map:` of `parent` that started as `step` says.
    pub(crate) fn of(store: Arc<dyn EventStore>, parent: FlowId, step: StepStarted, params: MapParams) -> Self {
        Self::new(store, parent, step, ChildFlows::Map(params))
    }

    /// Returns the number of children.
    pub(crate) fn count(&self) -> usize {
        self.flows.count()
    }

    pub(super) fn flows(&self) -> &ChildFlows {
        &self.flows
    }

    pub(super) fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    pub(super) fn parent(&self) -> FlowId {
        self.parent
    }

    /// Returns the id of the child at `index`.
    pub(super) fn id(&self, index: usize) -> FlowId {
        child_id(self.parent, &self.step, index)
    }

    /// Returns the child at `index`, which is less than the number of children.
    ///
    /// # Errors
    /// Fails if there is no such shard.
    pub(super) fn at(&self, index: usize) -> Result<Child, StepError> {
        let (given, rows) = match &self.flows {
            ChildFlows::Map(params) => (params.children[index].given.clone(), None),
            ChildFlows::Shards(shards) => {
                let shard = shards.shard(index)?;
                (shards::given(shard), Some(shard.clone()))
            }
        };
        let (step_id, step_index) = (self.step.step_id.clone(), self.step.step_index);
        let place = ChildOf { given, index, parent: self.parent, step_id, step_index };
        Ok(Child { flow_id: self.id(index), place, rows, is_part: false })
    }

    /// Returns the parts into which a child is cut whose state is `instance`; `None` if it is not cut.
    pub(super) fn parts(&self, child: &Child, instance: &FlowInstance) -> Option<Vec<Child>> {
        let (index, failed) = died_at(instance)?;
        let fingerprint = failed.fingerprint()?;
        let part = |(part, rows): (usize, TableShard)| Child {
            flow_id: part_id(child.flow_id, fingerprint, part),
            place: ChildOf {
                given: shards::given(&rows),
                index: part,
                parent: child.flow_id,
                step_id: failed.id.clone(),
                step_index: index,
            },
            rows: Some(rows),
            is_part: true,
        };
        Some(shards::parts(child.rows.as_ref()?)?.into_iter().enumerate().map(part).collect())
    }

    /// Reads the log of the child at `index` and its state, and checks that it is that child.
    pub(crate) fn child(&self, index: usize) -> Result<(FlowInstance, Vec<FlowEvent>), StepError> {
        self.read(&self.at(index)?)
    }

    /// Reads the log of a child and its state, and checks that it is that child.
    pub(super) fn read(&self, child: &Child) -> Result<(FlowInstance, Vec<FlowEvent>), StepError> {
        let flow_id = child.flow_id;
        let events = self.store.list(flow_id)?;
        let instance = replay(flow_id, &events)?;
        if let Some(begun) = instance.initialized() {
            let (expected, found) = (self.flows.recorded(child)?, &begun.definition);
            let same_flow = canonical_text(&expected)?.text == canonical_text(found)?.text;
            // Numbers of the log may be written otherwise than they were given.
            let same_place = canonical_text(&child.place)?.text == canonical_text(&begun.child_of)?.text;
            if !same_flow || !same_place {
                let index = child.place.index;
                let message = format!("run {flow_id} has the id of child {index}, and is another run");
                return Err(StepError::new(message));
            }
        }
        Ok((instance, events))
    }
}

/// Finds the children that have ended, and runs none.
impl Children for RecordedChildren {
    fn advance(&self, index: usize, cancel: &CancelToken) -> Result<Advance, StepError> {
        if cancel.is_cancelled() {
            return Err(StepError::interrupted());
        }
        let (instance, _) = self.child(index)?;
        let unfinished = || StepError::new(format!("run {}, its child {index}, has not ended", instance.flow_id()));
        end_of(&instance).map(Advance::Ended).ok_or_else(unfinished)
    }
}

/// Returns the step that failed because the processes that worked on it died, with its index; `None` if that is not how the run
/// ended.
pub(super) fn died_at(instance: &FlowInstance) -> Option<(usize, &StepState)> {
    let failed = |step: &&StepState| step.status == StepStatus::Failed && step.deaths > 0;
    let (index, step) = instance.steps().iter().enumerate().find(|(_, step)| failed(step))?;
    (instance.status() == FlowStatus::Failed).then_some((index, step))
}

/// Returns the end of a child; `None` if it has not ended.
pub(super) fn end_of(instance: &FlowInstance) -> Option<ChildEnd> {
    let flow_id = instance.flow_id();
    let outputs = |step: &StepState| (step.id.clone(), step.outputs.clone());
    let result = match (instance.status(), instance.flow_fingerprint()) {
        (FlowStatus::Completed, Some(fingerprint)) => Ok((fingerprint, instance.steps().iter().map(outputs).collect())),
        (FlowStatus::Failed, _) => {
            let step = instance.steps().iter().find(|step| step.status == StepStatus::Failed)?;
            let (error, _) = step.error.clone().unwrap_or_default();
            let (transient, deaths) = (step.transient, step.deaths);
            Err(ChildFailure { step: step.id.clone(), error, transient, deaths })
        }
        _ => return None,
    };
    Some(ChildEnd { flow_id, result })
}
