//! Building an engine, one step after another.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use super::environment::RunPlace;
use super::{Clock, CoreEngineError, FlowEngine, Observer, ReusePolicy, SystemClock, Unobserved};
use crate::flow::FlowDefinition;
use crate::manifest::{IncludedFlow, IncludedFlowError};
use crate::step::{CancelToken, Confinement, Follows, IntoStep, InvalidStepId, Leads, PlannedStep, StepId};
use crate::store::{EventStore, FlowRepository, Takeover};

/// A builder that waits for its source.
#[derive(Debug)]
pub enum NoSteps {}

/// A builder that has its source, and may have more steps.
#[derive(Debug)]
pub enum HasSteps {}

/// Builds a [`FlowEngine`].
pub struct FlowEngineBuilder<Stage> {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) repository: Arc<dyn FlowRepository>,
    pub(super) place: RunPlace,
    pub(super) cancel: CancelToken,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) reuse: ReusePolicy,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) takeover: Takeover,
    name: Option<String>,
    steps: Vec<PlannedStep>,
    /// The first name that cannot be one; `build` returns it.
    invalid: Option<InvalidStepId>,
    stage: PhantomData<Stage>,
}

impl FlowEngineBuilder<NoSteps> {
    pub(super) fn on(store: Arc<dyn EventStore>, repository: Arc<dyn FlowRepository>) -> Self {
        Self {
            store,
            repository,
            place: RunPlace::default(),
            cancel: CancelToken::default(),
            observer: Arc::new(Unobserved),
            reuse: ReusePolicy::never(),
            clock: Arc::new(SystemClock),
            takeover: Takeover::IfFree,
            name: None,
            steps: Vec::new(),
            invalid: None,
            stage: PhantomData,
        }
    }

    /// The flow's source. Anything else does not compile; a boxed step is checked by [`build`](Self::build).
    pub fn first_step<S: IntoStep<Role: Leads>>(self, step: S) -> FlowEngineBuilder<HasSteps> {
        self.into_stage().add(step)
    }

    /// The engine for a definition that is made already.
    pub fn definition(mut self, definition: FlowDefinition) -> FlowEngine {
        let definition = match self.name.take() {
            Some(name) => definition.with_name(name),
            None => definition,
        };
        FlowEngine::assemble(self, definition)
    }

    /// An engine for a flow that is part of the program, with the directory that its relative paths start from.
    ///
    /// # Errors
    /// What is wrong with the manifest, with the step types that are linked into the program.
    pub fn included(self, flow: &IncludedFlow) -> Result<FlowEngine, IncludedFlowError> {
        let definition = flow.definition()?;
        let name = flow.path().file_name().unwrap_or_default().to_string_lossy();
        Ok(self.directory(flow.directory()).manifest(name).definition(definition))
    }
}

impl FlowEngineBuilder<HasSteps> {
    /// One more step: a transform or a sink. A source does not compile; a boxed step is checked by
    /// [`build`](Self::build).
    pub fn add_step<S: IntoStep<Role: Follows>>(self, step: S) -> Self {
        self.add(step)
    }

    /// The engine, if the steps make a flow.
    ///
    /// # Errors
    /// [`CoreEngineError::Definition`] says which step does not fit, and why.
    pub fn build(self) -> Result<FlowEngine, CoreEngineError> {
        let mut builder = self;
        if let Some(invalid) = builder.invalid.take() {
            return Err(invalid.into());
        }
        let definition = FlowDefinition::new(std::mem::take(&mut builder.steps))?;
        Ok(builder.into_stage().definition(definition))
    }

    fn add(mut self, step: impl IntoStep) -> Self {
        let steps = &self.steps;
        let mut name_for = |step_type: &'static str| {
            let name = step_type.rsplit('.').next().unwrap_or(step_type);
            let taken = |id: &StepId| steps.iter().any(|step| step.step.id() == id);
            let mut id = StepId::new(name)?;
            let mut number = 1;
            while taken(&id) {
                number += 1;
                id = StepId::new(format!("{name}_{number}"))?;
            }
            Ok(id)
        };
        match step.into_step(&mut name_for) {
            Ok(planned) => self.steps.push(planned),
            Err(error) => drop(self.invalid.get_or_insert(error)),
        }
        self
    }
}

impl<Stage> FlowEngineBuilder<Stage> {
    fn into_stage<Next>(self) -> FlowEngineBuilder<Next> {
        let Self { store, repository, place, cancel, observer, reuse, clock, takeover, name, steps, invalid, stage: _ } =
            self;
        FlowEngineBuilder {
            store,
            repository,
            place,
            cancel,
            observer,
            reuse,
            clock,
            takeover,
            name,
            steps,
            invalid,
            stage: PhantomData,
        }
    }

    /// Names the flow.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The directory that the steps' relative paths start from, which the log records; by default the working
    /// directory.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.place.directory = Some(directory.into());
        self
    }

    /// The directory that relative paths of files to write start from, if it is not that of the files to read.
    pub fn output_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.place.outputs = Some(directory.into());
        self
    }

    /// The folder that the files of the run have to lie in, if they have to. No part of the record or of any fingerprint.
    pub fn confinement(mut self, confinement: Option<Confinement>) -> Self {
        self.place.confinement = confinement;
        self
    }

    /// The file name of the manifest that the definition came from, for the record.
    pub fn manifest(mut self, name: impl Into<String>) -> Self {
        self.place.manifest = Some(name.into());
        self
    }

    /// What asks the engine's runs to stop.
    pub fn cancel_token(mut self, token: CancelToken) -> Self {
        self.cancel = token;
        self
    }

    /// Who watches the engine's runs.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Which finished results of the store stand in for running a step. Unless this is said, none does.
    pub fn reuse(mut self, reuse: ReusePolicy) -> Self {
        self.reuse = reuse;
        self
    }

    /// When to take a run that another process has in hand. Unless this is said, only if that process is known to be gone,
    /// or has let go of it.
    pub fn takeover(mut self, takeover: Takeover) -> Self {
        self.takeover = takeover;
        self
    }

    /// The clock by which the engine waits between two attempts at a step.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}
