//! The steps of a run, with what is needed to follow rows through them.

use chem_manifest::StepId;

use crate::artifact::{Artifact, ArtifactSource as _};
use crate::event::{FlowEvent, FlowEventKind, RecordedStep, StepFinished, StepKind};
use crate::fingerprint::ArtifactHash;
use crate::flow::{FlowInstance, StepState};
use crate::step::{MAIN_OUTPUT, Registry, RowOutcomes, StepDefinition, StepRegistration, StepSpec};
use crate::store::{EventStore, StoredArtifacts};
use crate::workbench::WorkbenchError;
use crate::workbench::facts::step_of;

use super::tables::Stored;

/// A run, with what is needed to follow rows through it.
pub(super) struct Run<'a> {
    pub(super) instance: &'a FlowInstance,
    store: &'a dyn EventStore,
    registry: &'a Registry,
    events: &'a [FlowEvent],
    artifacts: StoredArtifacts<&'a dyn EventStore>,
}

/// A finished step with what is known of its type.
pub(super) struct Ran<'a> {
    run: &'a Run<'a>,
    index: usize,
    pub(super) recorded: &'a RecordedStep,
    pub(super) state: &'a StepState,
    pub(super) spec: &'static StepSpec,
    /// `None` if this program does not have the step type.
    registration: Option<&'static StepRegistration>,
}

/// What is known of a step type that this program does not have.
const UNKNOWN: StepSpec = StepSpec {
    name: "",
    version: 0,
    kind: StepKind::Transform,
    cache: false,
    effects: false,
    approximate: false,
    rows: None,
    doc: "",
    inputs: &[],
    outputs: &[],
    params: &[],
    code: "",
    defined_in: ("", "", 0),
};

impl<'a> Run<'a> {
    pub(super) fn new(
        store: &'a dyn EventStore,
        registry: &'a Registry,
        instance: &'a FlowInstance,
        events: &'a [FlowEvent],
    ) -> Self {
        Self { instance, store, registry, events, artifacts: StoredArtifacts(store) }
    }

    /// Returns the steps of the flow as they are recorded.
    pub(super) fn recorded(&self) -> &'a [RecordedStep] {
        self.instance.initialized().map(|it| it.definition.steps.as_slice()).unwrap_or_default()
    }

    pub(super) fn spec(&self, uses: &str) -> Option<&'static StepSpec> {
        self.registry.get(uses).map(|registration| registration.spec())
    }

    /// Returns the step at `index`.
    pub(super) fn ran(&'a self, index: usize) -> Option<Ran<'a>> {
        let (recorded, state) = (self.recorded().get(index)?, self.instance.steps().get(index)?);
        let registration = self.registry.get(&recorded.uses);
        let spec = registration.map_or(&UNKNOWN, |registration| registration.shaped(&recorded.params));
        Some(Ran { run: self, index, recorded, state, spec, registration })
    }

    /// Opens an output of a step; `None` if it is not a table.
    pub(super) fn output(&self, state: &StepState, name: &str) -> Result<Option<Stored<'_>>, WorkbenchError> {
        match state.output(name) {
            Some(output) => self.open(output.hash),
            None => Ok(None),
        }
    }

    fn open(&self, hash: ArtifactHash) -> Result<Option<Stored<'_>>, WorkbenchError> {
        Stored::open(hash, &self.artifacts).map_err(WorkbenchError::Artifact)
    }

    /// Returns whether a later step takes this output of the step at `index`.
    pub(super) fn is_taken(&self, index: usize, output: &str) -> bool {
        let Some(step) = self.recorded().get(index) else { return false };
        let later = self.recorded().iter().skip(index + 1);
        later.flat_map(|later| later.inputs.values()).any(|wire| parts(wire) == (step.id.as_str(), output))
    }

    /// Returns the event with which the step ended, here or in the run whose result was reused.
    fn finished(&self, index: usize, state: &StepState) -> Result<Option<StepFinished>, WorkbenchError> {
        let there = match state.reused {
            Some(source) => self.store.read_event(source.flow_id, source.position)?,
            None => None,
        };
        let of = |event: &FlowEvent| match &event.kind {
            FlowEventKind::StepFinished(finished) => Some(finished.clone()),
            _ => None,
        };
        Ok(match there {
            Some(event) => of(&event),
            None => self.events.iter().rev().filter_map(of).find(|finished| finished.step_index == index),
        })
    }
}

impl<'a> Ran<'a> {
    /// Opens the table at an input; `None` if nothing is wired to it, or something else than a table.
    pub(super) fn input(&self, port: &str) -> Result<Option<Stored<'a>>, WorkbenchError> {
        match self.state.started.as_ref().and_then(|started| started.inputs.get(port)) {
            Some(hash) => self.run.open(*hash),
            None => Ok(None),
        }
    }

    pub(super) fn output(&self, name: &str) -> Result<Option<Stored<'a>>, WorkbenchError> {
        self.run.output(self.state, name)
    }

    /// Returns what the flow names at a port, such as `read` or `read.rejects`.
    pub(super) fn wired(&self, port: &str) -> String {
        self.recorded.inputs.get(port).cloned().unwrap_or_else(|| port.to_owned())
    }

    /// Returns the input whose rows the step takes one by one, if there is one. A step of an unknown type may do so with its only
    /// input.
    pub(super) fn port_of_rows(&self) -> Option<&'a str> {
        if self.is_unknown() {
            let mut ports = self.recorded.inputs.keys();
            return ports.next().filter(|_| ports.next().is_none()).map(String::as_str);
        }
        self.spec.inputs.iter().find(|port| port.rows).map(|port| port.name)
    }

    /// Returns whether this program does not have the step type.
    pub(super) fn is_unknown(&self) -> bool {
        self.registration.is_none()
    }

    /// Returns what came out for each row, if the step has recorded it. Its input, output and rejects have `counts` rows.
    pub(super) fn outcomes(&self, counts: [usize; 3]) -> Result<Option<RowOutcomes>, WorkbenchError> {
        let Some(hash) = self.run.finished(self.index, self.state)?.and_then(|finished| finished.rows?.outcomes) else {
            return Ok(None);
        };
        let artifact: Artifact = self.run.artifacts.artifact(hash).map_err(WorkbenchError::Artifact)?;
        RowOutcomes::of(&artifact, counts).map(Some).map_err(WorkbenchError::Artifact)
    }

    /// Returns the step with its parameters, or why this program has no such step.
    pub(super) fn definition(&self) -> Result<Box<dyn StepDefinition>, String> {
        let Some(registration) = self.registration else {
            return Err(self.silent());
        };
        let (uses, ran) = (&self.recorded.uses, self.state.started.as_ref().map(|started| started.version));
        if let Some(version) = ran.filter(|version| *version != self.spec.version) {
            return Err(format!(
                "the step ran as `{uses}@{version}`, and this program has version {}",
                self.spec.version
            ));
        }
        let id = StepId::new(self.recorded.id.clone()).map_err(|error| error.to_string())?;
        registration
            .bind(id, &self.recorded.params)
            .map_err(|_| format!("`{uses}` of this program does not take the parameters of the step"))
    }

    /// Says that the tables do not tell which row came of which.
    pub(super) fn silent(&self) -> String {
        let to = match self.recorded.params.get("command").and_then(|command| command.as_array()) {
            Some(command) => {
                let words: Vec<&str> = command.iter().filter_map(|word| word.as_str()).collect();
                format!("the program `{}`", words.join(" "))
            }
            None => "this step".to_owned(),
        };
        let rows = self.output(MAIN_OUTPUT).ok().flatten().map(|main| main.rows());
        match rows {
            Some(rows) => format!("given to {to}, whose {rows} rows do not say which rows they come from"),
            None => format!("given to {to}"),
        }
    }
}

/// Returns the step and the output of a wire of the form `step` or `step.output`.
pub(super) fn parts(wire: &str) -> (&str, &str) {
    (step_of(wire), wire.split_once('.').map_or(MAIN_OUTPUT, |(_, output)| output))
}
