//! The steps of a run, with what is needed to follow rows through them.

use chem_manifest::StepId;
use serde_json::Value;

use crate::artifact::{Artifact, ArtifactSource as _};
use crate::event::{FlowEvent, FlowEventKind, RecordedStep, StepFinished, StepKind};
use crate::fingerprint::ArtifactHash;
use crate::flow::{FlowInstance, StepState};
use crate::step::{Files, MAIN_OUTPUT, ParamType, Registry, RowOutcomes, StepDefinition, StepRegistration, StepSpec};
use crate::store::{EventStore, StoredArtifacts};
use crate::workbench::WorkbenchError;
use crate::workbench::facts::step_of;
use crate::workbench::set_apart::rows_set_apart;

use super::parameters::{is_of, texts_of};
use super::tables::Stored;

/// A run, with what is needed to follow rows through it.
pub(super) struct Run<'a> {
    pub(super) instance: &'a FlowInstance,
    store: &'a dyn EventStore,
    registry: &'a Registry,
    events: &'a [FlowEvent],
    artifacts: StoredArtifacts<&'a dyn EventStore>,
    /// Where the files of the run are.
    pub(super) files: &'a Files,
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

/// The types of parameters that name files to read.
const FILES: [ParamType; 2] = [ParamType::InputFile, ParamType::InputFiles];

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
        files: &'a Files,
    ) -> Self {
        Self { instance, store, registry, events, artifacts: StoredArtifacts(store), files }
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
    /// Returns where the files of the run are.
    pub(super) fn files(&self) -> &'a Files {
        self.run.files
    }

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

    /// Returns why the step set the row with this index apart; `None` if it did not.
    pub(super) fn set_apart(&self, row: usize) -> Result<Option<String>, WorkbenchError> {
        if self.recorded.shards.is_none() {
            return Ok(None);
        }
        let rows = rows_set_apart(self.run.store, self.run.events, self.index, self.state)?;
        Ok(rows.into_iter().find(|apart| apart.row == row + 1).map(|apart| apart.reason))
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

    /// Checks that the files which the step reads have the content with which it ran.
    ///
    /// # Errors
    /// Says which have changed, or why they cannot be read.
    pub(super) fn expect_same_files(&self, definition: &dyn StepDefinition) -> Result<(), String> {
        if self.file_params().next().is_none() {
            return Ok(());
        }
        let now = definition.identity(self.run.files).map_err(|error| error.to_string())?;
        let before = self.state.started.as_ref().map(|started| &started.params);
        if self.file_params().any(|name| before.and_then(|before| before.get(name)) != now.get(name)) {
            let named = texts_of(self.spec, &self.recorded.params, &FILES);
            return Err(format!("`{}` has changed since it was read", named.join("`, `")));
        }
        Ok(())
    }

    /// Returns whether the step read several files as one.
    pub(super) fn reads_several_files(&self) -> bool {
        let started = self.state.started.as_ref();
        self.file_params().any(|name| started.and_then(|started| started.params.get(name)).is_some_and(Value::is_array))
    }

    /// Returns the parameters that name files to read.
    fn file_params(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.spec.params.iter().filter(|param| is_of(&param.ty.make(), &FILES)).map(|param| param.name)
    }

    /// Returns the column that says why `column` has its value, if a step on the way to this one computed both.
    pub(super) fn reason_column(&self, column: &str) -> Option<String> {
        let steps = self.run.recorded();
        let (mut open, mut seen) = (vec![self.index], vec![self.index]);
        while let Some(at) = open.pop() {
            for wire in steps.get(at)?.inputs.values() {
                let Some(before) = steps.iter().position(|step| step.id == step_of(wire)) else { continue };
                if seen.contains(&before) {
                    continue;
                }
                let ran = self.run.ran(before)?;
                if let Some(reason) = ran.definition().ok().and_then(|definition| definition.reason_column(column)) {
                    return Some(reason);
                }
                seen.push(before);
                open.push(before);
            }
        }
        None
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
