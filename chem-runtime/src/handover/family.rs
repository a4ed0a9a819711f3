//! The family of a run: its children, theirs, and so on, as the events say.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Map;

use super::contents::{FlowFile, relocated_params};
use crate::event::{FlowEvent, FlowEventKind, FlowId, FlowInitialized, RecordedDefinition, StepStarted};
use crate::step::children::{ChildFlow, MAP_STEP, MapParams};

/// The runs of an export, of which one was exported with all runs below it.
pub(super) struct Family<'a> {
    root: FlowId,
    runs: HashMap<FlowId, &'a [FlowEvent]>,
    /// The exported run, and those below it.
    members: Vec<FlowId>,
}

impl<'a> Family<'a> {
    /// Returns the family of the first of `runs`.
    pub(super) fn of(runs: &'a [Vec<FlowEvent>]) -> Option<Self> {
        let first = |events: &'a Vec<FlowEvent>| Some((events.first()?.flow_id, events.as_slice()));
        let root = runs.first()?.first()?.flow_id;
        let mut family = Self { root, runs: runs.iter().filter_map(first).collect(), members: Vec::new() };
        let ids = runs.iter().filter_map(|events| Some(events.first()?.flow_id));
        family.members = ids.filter(|id| family.is_member(*id)).collect();
        Some(family)
    }

    fn is_member(&self, mut id: FlowId) -> bool {
        // Each generation is one step; more than there are runs would be a circle.
        for _ in 0..=self.runs.len() {
            if id == self.root {
                return true;
            }
            let parent = self.runs.get(&id).and_then(|events| Some(events.first()?.child_of()?.parent));
            match parent {
                Some(parent) => id = parent,
                None => return false,
            }
        }
        false
    }

    /// Returns the exported run and the runs below it, each with its events and with its first.
    pub(super) fn members(&self) -> impl Iterator<Item = (FlowId, &'a [FlowEvent], &'a FlowInitialized)> + '_ {
        self.members.iter().filter_map(|id| {
            let events: &'a [FlowEvent] = self.runs.get(id)?;
            match events.first().map(|first| &first.kind) {
                Some(FlowEventKind::FlowInitialized(begun)) => Some((*id, events, begun)),
                _ => None,
            }
        })
    }

    /// Returns the directory of a member, relative to that of the exported run if it is below it.
    pub(super) fn directory_of(&self, begun: &FlowInitialized) -> PathBuf {
        let own = |begun: &FlowInitialized| PathBuf::from(begun.environment.directory.as_deref().unwrap_or("."));
        let root = self.members().next().map(|(_, _, root)| own(root)).unwrap_or_default();
        let directory = own(begun);
        directory.strip_prefix(root).map(Path::to_owned).unwrap_or(directory)
    }

    /// Returns the id by which the files of a run are listed; `None` for the exported run.
    pub(super) fn name_of(&self, id: FlowId) -> Option<String> {
        (id != self.root).then(|| id.to_string())
    }

    /// Returns the beginning of a member with the paths at which its files, and those of the runs below it, are in the export.
    /// All runs of the family start there.
    pub(super) fn relocated(&self, id: FlowId, begun: &FlowInitialized, files: &[FlowFile]) -> FlowInitialized {
        let mut relocated = begun.clone();
        self.relocate(id, &mut relocated.definition, files);
        relocated
    }

    fn relocate(&self, id: FlowId, definition: &mut RecordedDefinition, files: &[FlowFile]) {
        let name = self.name_of(id);
        for step in &mut definition.steps {
            relocated_params(name.as_deref(), step, files);
            let of_step = |(started, _): &(&StepStarted, Option<MapParams>)| started.step_id == step.id;
            let events = self.runs.get(&id).copied().unwrap_or_default();
            let Some((started, Some(mut params))) = map_steps(events).find(of_step) else { continue };
            for (index, child) in params.children.iter_mut().enumerate() {
                let child_id = id.child(started.fingerprint, index);
                if self.runs.contains_key(&child_id) {
                    self.relocate(child_id, &mut child.definition, files);
                }
            }
            if let Some((_, file)) = params.flow.rsplit_once('/') {
                params.flow = file.to_owned();
            }
            step.params = params.write().unwrap_or_else(|_| Map::new());
        }
    }
}

/// Returns the steps with `map:` that a run has started and not reused, each with its last start and its parameters, unless these
/// cannot be read.
pub(super) fn map_steps(events: &[FlowEvent]) -> impl Iterator<Item = (&StepStarted, Option<MapParams>)> {
    let begun = events.first().and_then(|first| match &first.kind {
        FlowEventKind::FlowInitialized(begun) => Some(begun),
        _ => None,
    });
    let steps = begun.into_iter().flat_map(|begun| begun.definition.steps.iter().enumerate());
    steps.filter(|(_, step)| step.uses == MAP_STEP).filter_map(move |(index, step)| {
        let started = events.iter().rev().find_map(|event| match &event.kind {
            FlowEventKind::StepStarted(started) if started.step_index == index => Some(started),
            _ => None,
        })?;
        let is_reused =
            |event: &FlowEvent| matches!(&event.kind, FlowEventKind::StepReused(reused) if reused.step_index == index);
        let params = MapParams::read(&step.params).ok();
        (!events.iter().any(is_reused)).then_some((started, params))
    })
}

/// Returns the ids of the children of the steps with `map:` of a run, each with its step and its flow.
pub(super) fn children_of(events: &[FlowEvent]) -> Vec<(FlowId, String, usize, ChildFlow)> {
    let Some(run) = events.first().map(|first| first.flow_id) else { return Vec::new() };
    let mut children = Vec::new();
    for (started, params) in map_steps(events) {
        for (index, child) in params.map(|params| params.children).unwrap_or_default().into_iter().enumerate() {
            children.push((run.child(started.fingerprint, index), started.step_id.clone(), index, child));
        }
    }
    children
}
