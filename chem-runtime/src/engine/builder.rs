//! Builds an engine, step by step.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use super::environment::RunPlace;
use super::{Clock, CoreEngineError, FlowEngine, Observer, ReusePolicy, SystemClock, Unobserved, Workers};
use crate::event::Operator;
use crate::evidence::AllowedSigners;
use crate::flow::FlowDefinition;
use crate::manifest::{IncludedFlow, IncludedFlowError};
use crate::step::{CancelToken, Confinement, Follows, IntoStep, InvalidStepId, Leads, PlannedStep, StepId};
use crate::store::{EventStore, FlowRepository, InMemoryFlowRepository, Takeover};

/// Marks a builder that has no source yet.
#[derive(Debug)]
pub enum NoSteps {}

/// Marks a builder that has its source and accepts further steps.
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
    pub(super) signers: Option<AllowedSigners>,
    pub(super) workers: Option<Arc<dyn Workers>>,
    pub(super) runs_ahead: bool,
    name: Option<String>,
    steps: Vec<PlannedStep>,
    /// The first invalid step id; `build` returns it.
    invalid: Option<InvalidStepId>,
    stage: PhantomData<Stage>,
}

impl FlowEngineBuilder<NoSteps> {
    pub(super) fn on(store: Arc<dyn EventStore>) -> Self {
        Self {
            store,
            repository: Arc::new(InMemoryFlowRepository::new()),
            place: RunPlace::default(),
            cancel: CancelToken::default(),
            observer: Arc::new(Unobserved),
            reuse: ReusePolicy::never(),
            clock: Arc::new(SystemClock),
            takeover: Takeover::IfFree,
            signers: None,
            workers: None,
            runs_ahead: true,
            name: None,
            steps: Vec::new(),
            invalid: None,
            stage: PhantomData,
        }
    }

    /// Adds the flow's first source. Other steps do not compile; [`build`](Self::build) checks boxed steps.
    pub fn first_step<S: IntoStep<Role: Leads>>(self, step: S) -> FlowEngineBuilder<HasSteps> {
        self.into_stage().add(step)
    }

    /// Builds the engine for an existing definition.
    pub fn definition(mut self, definition: FlowDefinition) -> FlowEngine {
        let definition = match self.name.take() {
            Some(name) => definition.with_name(name),
            None => definition,
        };
        FlowEngine::assemble(self, definition)
    }

    /// Builds an engine for a flow that was compiled into the program. Relative paths start from the flow's directory.
    ///
    /// # Errors
    /// The manifest has errors, given the step types that are linked into the program.
    pub fn included(self, flow: &IncludedFlow) -> Result<FlowEngine, IncludedFlowError> {
        let definition = flow.definition()?;
        let name = flow.path().file_name().unwrap_or_default().to_string_lossy();
        Ok(self.directory(flow.directory()).manifest(name).definition(definition))
    }
}

impl FlowEngineBuilder<HasSteps> {
    /// Adds a transform or a sink. Sources do not compile; [`build`](Self::build) checks boxed steps.
    pub fn add_step<S: IntoStep<Role: Follows>>(self, step: S) -> Self {
        self.add(step)
    }

    /// Adds a further source, like `source: true` in a manifest. The next step takes its output by default; a step with
    /// several inputs takes what both sources lead to. Other steps do not compile; [`build`](Self::build) checks boxed
    /// steps.
    ///
    /// ```
    /// use chem_runtime::engine::FlowEngine;
    /// use chem_runtime::step::StepExt as _;
    /// use chem_runtime::steps::table::{ReadTable, UniteTables};
    ///
    /// let engine = FlowEngine::new()
    ///     .first_step(ReadTable::new("ours.csv").named("ours")?)
    ///     .add_source(ReadTable::new("theirs.csv").named("theirs")?)
    ///     .add_step(UniteTables::new().named("both")?.input("first", "ours").input("second", "theirs"))
    ///     .build()?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_source<S: IntoStep<Role: Leads>>(mut self, source: S) -> Self {
        let before = self.steps.len();
        self = self.add(source);
        self.steps.iter_mut().skip(before).for_each(|source| source.source = true);
        self
    }

    /// Builds the engine if the steps make a flow.
    ///
    /// # Errors
    /// [`CoreEngineError::Definition`] names the step that does not fit, and the reason.
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
        let Self {
            store,
            repository,
            place,
            cancel,
            observer,
            reuse,
            clock,
            takeover,
            signers,
            workers,
            runs_ahead,
            name,
            steps,
            invalid,
            stage: _,
        } = self;
        FlowEngineBuilder {
            store,
            repository,
            place,
            cancel,
            observer,
            reuse,
            clock,
            takeover,
            signers,
            workers,
            runs_ahead,
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

    /// Sets the directory that the steps' relative paths start from, and records it in the log. The default is the
    /// working directory.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.place.directory = Some(directory.into());
        self
    }

    /// Sets the directory that relative paths of output files start from. The default is the directory of the input
    /// files.
    pub fn output_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.place.outputs = Some(directory.into());
        self
    }

    /// Confines the files of the run to a folder. Neither the log nor any fingerprint covers this.
    pub fn confinement(mut self, confinement: Option<Confinement>) -> Self {
        self.place.confinement = confinement;
        self
    }

    /// Sets the file name of the manifest, for the log.
    pub fn manifest(mut self, name: impl Into<String>) -> Self {
        self.place.manifest = Some(name.into());
        self
    }

    /// Sets who runs the flow and decides, for the log. The default is that the log does not say.
    pub fn operator(mut self, operator: Option<Operator>) -> Self {
        self.place.operator = operator;
        self
    }

    /// Records when each step began and ended, and what it took. The default is that the log does not say, so that the logs
    /// of two runs are equal.
    pub fn measured(mut self) -> Self {
        self.place.measures = true;
        self
    }

    /// Sets the token that asks the engine's runs to stop.
    pub fn cancel_token(mut self, token: CancelToken) -> Self {
        self.cancel = token;
        self
    }

    /// Sets the observer of the engine's runs.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Sets which finished results in the store may replace running a step. The default is none.
    pub fn reuse(mut self, reuse: ReusePolicy) -> Self {
        self.reuse = reuse;
        self
    }

    /// Sets when to take over a run that another process holds. The default is only if that process is known to be dead
    /// or has released its lease.
    pub fn takeover(mut self, takeover: Takeover) -> Self {
        self.takeover = takeover;
        self
    }

    /// Sets whose signatures count at gates that accept only signed decisions. Without a file, such a gate accepts none.
    pub fn allowed_signers(mut self, signers: Option<AllowedSigners>) -> Self {
        self.signers = signers;
        self
    }

    /// Sets who runs the children of steps with `map:`. The default is this process.
    pub fn workers(mut self, workers: Option<Arc<dyn Workers>>) -> Self {
        self.workers = workers;
        self
    }

    /// Sets the repository that builds the states of runs from their events. The default replays them.
    pub fn repository(mut self, repository: Arc<dyn FlowRepository>) -> Self {
        self.repository = repository;
        self
    }

    /// Sets the clock that times the wait between two attempts at a step.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}
