//! Parses a record into its steps: their definitions, outputs, signals and failures.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::format::{Pinned, PinnedEvent, UnreadableSnapshot};
use super::output::PinnedOutput;
use crate::event::{FlowEventKind, RecordedDefinition, RecordedStep, StepStarted};
use crate::fingerprint::Fingerprint;
use crate::workbench::StepFacts;

/// One of two records to compare.
pub(super) struct Side {
    pub(super) pinned: Pinned,
    pub(super) definition: RecordedDefinition,
    pub(super) steps: Vec<Step>,
    /// The kind and the step of each event.
    pub(super) log: Vec<(String, Option<String>)>,
}

/// A step of a record.
pub(super) struct Step {
    pub(super) recorded: RecordedStep,
    /// The latest start; `None` if it has not started.
    pub(super) started: Option<StepStarted>,
    pub(super) fingerprint: Option<Fingerprint>,
    /// The names of the parameters that the manifest sets.
    pub(super) given: Vec<String>,
    pub(super) outputs: Vec<PinnedOutput>,
    /// The names and data of its signals, in order.
    pub(super) signals: Vec<(String, Value)>,
    /// The error and its causes, if its last attempt failed.
    pub(super) failure: Option<String>,
}

impl Side {
    /// Reads a snapshot.
    pub(super) fn parse(text: &str) -> Result<Self, UnreadableSnapshot> {
        let pinned = Pinned::parse(text)?;
        let damaged = |reason: String| UnreadableSnapshot::Damaged(reason);
        let begun = pinned.events.first().and_then(|event| event.payload.get("definition"));
        let definition: RecordedDefinition = match begun {
            Some(definition) => {
                serde_json::from_value(definition.clone()).map_err(|error| damaged(error.to_string()))?
            }
            None => RecordedDefinition::default(),
        };
        let mut steps: Vec<Step> = Vec::new();
        for recorded in &definition.steps {
            let found = pinned.steps.iter().find(|step| step.id == recorded.id);
            let found = found.ok_or_else(|| damaged(format!("it has no step `{}`", recorded.id)))?;
            steps.push(Step {
                recorded: recorded.clone(),
                started: None,
                fingerprint: found.fingerprint,
                given: found.given.clone(),
                outputs: found.outputs.clone(),
                signals: Vec::new(),
                failure: None,
            });
        }
        for event in pinned.events.iter().skip(1) {
            let kind = FlowEventKind::from_stored(&event.event_type, &event.payload.to_string())
                .map_err(|error| damaged(error.to_string()))?;
            if let Some(step) = step_of(event).and_then(|id| steps.iter_mut().find(|step| step.recorded.id == id)) {
                step.apply(kind);
            }
        }
        let log = pinned.events.iter().map(|event| (event.event_type.clone(), step_of(event).map(str::to_owned)));
        Ok(Self { log: log.collect(), definition, steps, pinned })
    }
}

fn step_of(event: &PinnedEvent) -> Option<&str> {
    event.payload.get("step_id")?.as_str()
}

impl Step {
    fn apply(&mut self, event: FlowEventKind) {
        match event {
            FlowEventKind::StepStarted(started) => {
                self.failure = None;
                self.started = Some(started);
            }
            FlowEventKind::StepSignal(signal) => self.signals.push((signal.signal, signal.data)),
            FlowEventKind::StepFailed(failed) => {
                self.failure = Some([vec![failed.error], failed.causes].concat().join(": "));
            }
            FlowEventKind::RetryScheduled(_) => self.failure = None,
            _ => {}
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.recorded.id
    }

    /// Returns the facts to compare: as started, or as the flow defines the step, with unknown inputs. `name_now` maps the
    /// ids of renamed steps.
    pub(super) fn facts(&self, as_started: bool, name_now: impl Fn(&str) -> String) -> StepFacts {
        let wire_now = |wire: &String| match wire.split_once('.') {
            Some((step, output)) => format!("{}.{output}", name_now(step)),
            None => name_now(wire),
        };
        let started = self.started.as_ref().filter(|_| as_started);
        let recorded = &self.recorded;
        StepFacts {
            id: recorded.id.clone(),
            uses: recorded.uses.clone(),
            version: recorded.version,
            wiring: recorded.inputs.iter().map(|(port, wire)| (port.clone(), wire_now(wire))).collect(),
            inputs: match started {
                Some(started) => started.inputs.iter().map(|(port, hash)| (port.clone(), Some(*hash))).collect(),
                None => recorded.inputs.keys().map(|port| (port.clone(), None)).collect::<BTreeMap<_, _>>(),
            },
            params: started.map_or_else(|| recorded.params.clone(), |started| started.params.clone()),
            written: if started.is_some() { recorded.params.clone() } else { Map::new() },
            outputs: Vec::new(),
        }
    }
}
