//! The engine: one loop around `decide` and `evolve` that alone calls steps and appends to the log.
//!
//! There is no second way through it for resuming: a resumed run is a run whose log was not empty. Events are held back
//! until the next step works or the run ends, so that n steps cost n+1 commits at the most. A step that leaves something
//! behind waits until what was held is in the store; any other works while it is written. What an event means, and what
//! happens next, is the flow's to know.

mod attempt;
mod begin;
mod branch;
mod builder;
mod clock;
mod development;
mod environment;
mod error;
mod gate;
mod observer;
mod repeat;
mod results;
mod retry;
mod reuse;
mod run;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use begin::begin_step;
pub use branch::BranchError;
pub use builder::{FlowEngineBuilder, HasSteps, NoSteps};
pub use clock::{Clock, SystemClock};
pub use error::CoreEngineError;
pub use gate::{Answer, GateError};
pub use observer::{Observer, Unobserved};
pub use repeat::repeat_step;
pub use results::{EarlierResults, Unbelievable};
pub use reuse::{ReusePolicy, RunsBecause, Verdict};

use crate::artifact::Artifact;
use crate::event::{FlowEvent, FlowId, event_variants};
use crate::fingerprint::Fingerprint;
use crate::flow::{FlowDefinition, FlowInstance, OutputAddress, build_flow_definition_auto};
use crate::step::{CancelToken, MAIN_OUTPUT, StepDefinition};
use crate::store::{EventStore, FlowRepository, InMemoryEventStore, InMemoryFlowRepository, Takeover};
use environment::RunPlace;
use run::{Session, Until};

/// What a run's flow is called if nobody has given it a name.
pub const DEFAULT_FLOW_NAME: &str = "flow";

/// Runs the runs of one flow definition against an event store.
///
/// An engine has a default run, with an id of its own, which the methods without an id speak of.
///
/// ```
/// use chem_runtime::engine::{CoreEngineError, FlowEngine};
/// use chem_runtime::steps::demo::{Characters, Count, Seed};
///
/// let engine = FlowEngine::new()
///     .first_step(Seed { text: "CCO".into() })
///     .add_step(Characters {})
///     .add_step(Count {})
///     .build()?;
/// engine.run_to_end()?;
/// assert_eq!(engine.event_variants()?, "ISFSFSGFC");
/// assert!(engine.flow_fingerprint()?.is_some());
/// assert!(matches!(engine.next(), Err(CoreEngineError::FlowCompleted { .. })));
/// # Ok::<_, CoreEngineError>(())
/// ```
///
/// A first step that is not a source does not compile:
///
/// ```compile_fail
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::steps::demo::Characters;
///
/// let engine = FlowEngine::new().first_step(Characters {});
/// ```
pub struct FlowEngine {
    store: Arc<dyn EventStore>,
    repository: Arc<dyn FlowRepository>,
    definition: FlowDefinition,
    /// For each output that a later step takes, the last step that does: until then its typed value is kept.
    last_use: HashMap<OutputAddress, usize>,
    default_flow: FlowId,
    /// The id of the default run was made here, and nothing has been done with it yet.
    default_is_new: AtomicBool,
    default_name: String,
    place: RunPlace,
    cancel: CancelToken,
    observer: Arc<dyn Observer>,
    reuse: ReusePolicy,
    clock: Arc<dyn Clock>,
    takeover: Takeover,
    /// Runs between two calls, so that `next` does not load the log again.
    sessions: Mutex<HashMap<FlowId, Session>>,
}

impl FlowEngine {
    /// Begins an engine that keeps its log in memory.
    #[allow(clippy::new_ret_no_self, reason = "an engine without steps cannot exist; this is the start of its builder")]
    pub fn new() -> FlowEngineBuilder<NoSteps> {
        Self::builder(InMemoryEventStore::new(), InMemoryFlowRepository::new())
    }

    /// Begins an engine on these stores.
    pub fn builder(
        event_store: impl EventStore + 'static,
        repository: impl FlowRepository + 'static,
    ) -> FlowEngineBuilder<NoSteps> {
        FlowEngineBuilder::on(Arc::new(event_store), Arc::new(repository))
    }

    /// An engine for `definition` on these stores.
    pub fn new_with_stores(
        event_store: impl EventStore + 'static,
        repository: impl FlowRepository + 'static,
        definition: FlowDefinition,
    ) -> Self {
        Self::builder(event_store, repository).definition(definition)
    }

    /// An engine for `definition` that keeps its log in memory.
    pub fn new_with_definition(definition: FlowDefinition) -> Self {
        Self::new().definition(definition)
    }

    /// An engine for steps that each take the output of the one before, with its log in memory.
    pub fn new_with_steps(steps: impl IntoIterator<Item = Box<dyn StepDefinition>>) -> Result<Self, CoreEngineError> {
        Ok(Self::new_with_definition(build_flow_definition_auto(steps)?))
    }

    /// The same with a name for the flow.
    pub fn new_with_steps_named(
        name: impl Into<String>,
        steps: impl IntoIterator<Item = Box<dyn StepDefinition>>,
    ) -> Result<Self, CoreEngineError> {
        Ok(Self::new_with_definition(build_flow_definition_auto(steps)?.with_name(name)))
    }

    fn assemble(builder: FlowEngineBuilder<NoSteps>, definition: FlowDefinition) -> Self {
        let mut last_use = HashMap::new();
        for (index, step) in definition.steps().iter().enumerate() {
            for address in step.inputs().values() {
                last_use.insert(address.clone(), index);
            }
        }
        Self {
            store: builder.store,
            repository: builder.repository,
            definition,
            last_use,
            default_flow: FlowId::new(),
            default_is_new: AtomicBool::new(true),
            default_name: DEFAULT_FLOW_NAME.to_owned(),
            place: builder.place,
            cancel: builder.cancel,
            observer: builder.observer,
            reuse: builder.reuse,
            clock: builder.clock,
            takeover: builder.takeover,
            sessions: Mutex::default(),
        }
    }

    /// Names the flow. Runs that have begun keep the name that they began with.
    pub fn set_name(&mut self, name: impl Into<String>) {
        self.definition = self.definition.clone().with_name(name);
    }

    /// The name that runs are recorded under when the definition has none.
    pub fn set_default_flow_name(&mut self, name: impl Into<String>) {
        self.default_name = name.into();
    }

    /// Makes `flow_id` the run that the methods without an id speak of.
    pub fn set_default_flow(&mut self, flow_id: FlowId) {
        self.default_flow = flow_id;
        self.default_is_new = AtomicBool::new(false);
    }

    /// The run that the methods without an id speak of.
    pub fn default_flow(&self) -> FlowId {
        self.default_flow
    }

    /// The definition that this engine runs.
    pub fn definition(&self) -> &FlowDefinition {
        &self.definition
    }

    /// The store that holds the log.
    pub fn event_store(&self) -> &dyn EventStore {
        self.store.as_ref()
    }

    /// Runs the next step of the default run.
    ///
    /// # Errors
    /// [`CoreEngineError::FlowCompleted`] and [`CoreEngineError::FlowHasFailed`] if there is none,
    /// [`CoreEngineError::StepFailed`] if it failed, and what else [`CoreEngineError`] lists.
    pub fn next(&self) -> Result<FlowInstance, CoreEngineError> {
        self.drive(self.default_flow, Until::StepEnds)
    }

    /// Runs the default run to its end: see [`run`](Self::run).
    pub fn run_to_end(&self) -> Result<FlowInstance, CoreEngineError> {
        self.run(self.default_flow)
    }

    /// Runs the default run to its end and says which run that is.
    pub fn run_to_end_default_flow(&self) -> Result<FlowId, CoreEngineError> {
        self.run(self.default_flow).map(|instance| instance.flow_id())
    }

    /// Runs `flow_id` to its end, from wherever its log says that it has got to.
    ///
    /// # Errors
    /// [`CoreEngineError::FlowCompleted`] and [`CoreEngineError::FlowHasFailed`] if it has ended already,
    /// [`CoreEngineError::StepFailed`] if a step failed, and what else [`CoreEngineError`] lists.
    pub fn run(&self, flow_id: FlowId) -> Result<FlowInstance, CoreEngineError> {
        self.drive(flow_id, Until::FlowEnds)
    }

    /// The events of the default run.
    pub fn events(&self) -> Result<Vec<FlowEvent>, CoreEngineError> {
        self.events_for(self.default_flow)
    }

    /// The events of a run; none if it has not begun.
    pub fn events_for(&self, flow_id: FlowId) -> Result<Vec<FlowEvent>, CoreEngineError> {
        Ok(self.store.list(flow_id)?)
    }

    /// The events of the default run as letters, such as `ISFSFC`.
    pub fn event_variants(&self) -> Result<String, CoreEngineError> {
        self.event_variants_for(self.default_flow)
    }

    /// The events of a run as letters.
    pub fn event_variants_for(&self, flow_id: FlowId) -> Result<String, CoreEngineError> {
        Ok(event_variants(&self.store.list(flow_id)?))
    }

    /// The fingerprint of the default run once it is complete.
    pub fn flow_fingerprint(&self) -> Result<Option<Fingerprint>, CoreEngineError> {
        self.flow_fingerprint_for(self.default_flow)
    }

    /// The fingerprint of a run once it is complete.
    pub fn flow_fingerprint_for(&self, flow_id: FlowId) -> Result<Option<Fingerprint>, CoreEngineError> {
        Ok(self.instance_for(flow_id)?.flow_fingerprint())
    }

    /// The main output of a step of the default run; none until it has finished.
    pub fn last_step_output(&self, step_id: &str) -> Result<Option<Artifact>, CoreEngineError> {
        self.last_step_output_for(self.default_flow, step_id)
    }

    /// The main output of a step of a run; none until it has finished.
    pub fn last_step_output_for(&self, flow_id: FlowId, step_id: &str) -> Result<Option<Artifact>, CoreEngineError> {
        let instance = self.instance_for(flow_id)?;
        match instance.step(step_id).and_then(|step| step.output(MAIN_OUTPUT)) {
            Some(output) => Ok(self.store.artifact(output.hash)?),
            None => Ok(None),
        }
    }

    /// The state of a run as its log tells it.
    pub fn instance_for(&self, flow_id: FlowId) -> Result<FlowInstance, CoreEngineError> {
        Ok(self.repository.load(flow_id, &self.store.list(flow_id)?, &self.definition)?)
    }

    fn drive(&self, flow_id: FlowId, until: Until) -> Result<FlowInstance, CoreEngineError> {
        let kept = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&flow_id);
        if let Some(session) = kept {
            return self.drive_session(session, until);
        }
        // The log of a run that has just been named here is not asked for. If the id was given away and somebody has
        // begun the run, the first append tells.
        if flow_id == self.default_flow && self.default_is_new.swap(false, Ordering::Relaxed) {
            let mut session = Session::begin(self, flow_id)?;
            match session.drive(self, until) {
                Err(_) if !session.may_write() => {}
                result => return result.map(|instance| self.keep(session, instance)),
            }
        }
        self.drive_session(Session::load(self, flow_id)?, until)
    }

    fn drive_session(&self, mut session: Session, until: Until) -> Result<FlowInstance, CoreEngineError> {
        // A session that met an error is let go: the log knows better what has happened.
        let instance = session.drive(self, until)?;
        Ok(self.keep(session, instance))
    }

    /// Keeps the session of a run that has not ended.
    fn keep(&self, session: Session, instance: FlowInstance) -> FlowInstance {
        if instance.flow_fingerprint().is_none() {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(instance.flow_id(), session);
        }
        instance
    }
}
