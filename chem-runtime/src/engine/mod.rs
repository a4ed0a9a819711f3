//! The engine: one loop around `decide` and `evolve`, and the only code that calls steps and appends to the log.
//!
//! Resuming takes the same path: a resumed run is a run whose log is not empty. Events are buffered until the next step
//! works or the run ends, so n steps cost at most n+1 commits. A step with side effects waits until the buffered events
//! are in the store; any other step works while they are written. The meaning of events, and what comes next, is
//! decided by `flow`.

mod after_death;
mod attempt;
mod begin;
mod branch;
mod builder;
mod child_logs;
mod child_runs;
mod children;
mod clock;
mod completed_logs;
mod deaths;
mod development;
mod earlier_rows;
mod environment;
mod error;
mod gate;
mod gather;
mod handle;
mod meter;
mod nested;
mod observer;
mod out_of_space;
mod repeat;
mod results;
mod retry;
mod reuse;
mod run;
mod shards;
mod shift;
mod shorthand;
mod stop;
mod taken;
mod verdict;
mod work;
mod workers;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use begin::begin_step;
pub use builder::{FlowEngineBuilder, HasSteps, NoSteps};
pub(crate) use children::{RecordedChildren, child_id, part_id};
pub use clock::Clock;
use clock::SystemClock;
use completed_logs::CompletedLogs;
pub(crate) use deaths::DIED;
pub(crate) use development::is_on as is_development;
pub(crate) use earlier_rows::earlier_rows;
pub use error::{BranchError, CoreEngineError, GateError};
pub use gate::Answer;
pub use handle::Run;
pub use observer::Observer;
use observer::Unobserved;
pub(crate) use out_of_space::OUT_OF_SPACE;
pub use out_of_space::OutOfSpace;
pub(crate) use repeat::Repetition;
pub(crate) use results::EarlierResults;
pub use results::Unbelievable;
pub(crate) use reuse::Verdict;
pub use reuse::{ReusePolicy, RunsBecause};
pub(crate) use shards::{ShardFlows, given, parts};
pub use work::{Stopped, WorkOptions, Worked};
pub(crate) use workers::GONE;
pub use workers::{Order, Submission, Workers, Workforce};

use crate::event::FlowId;
use crate::evidence::AllowedSigners;
use crate::flow::{FlowDefinition, FlowInstance, OutputAddress, build_flow_definition_auto};
use crate::step::{CancelToken, StepDefinition};
use crate::store::{EventStore, FlowRepository, InMemoryEventStore, IntoEventStore, Takeover};
use environment::RunPlace;
use run::{Session, Until};

/// The default name of a flow.
pub const DEFAULT_FLOW_NAME: &str = "flow";

/// Executes the runs of one flow definition against an event store.
///
/// Each engine has a default run with an id of its own, on which methods without a `flow_id` act. A [`Run`] is a handle
/// to any other run.
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
    /// Maps each output that a later step takes to the last step that does. Until then the engine keeps its typed
    /// value.
    last_use: HashMap<OutputAddress, usize>,
    default_flow: FlowId,
    /// Whether this engine generated the id of the default run and has not used it yet.
    default_is_new: AtomicBool,
    default_name: String,
    place: RunPlace,
    cancel: CancelToken,
    observer: Arc<dyn Observer>,
    reuse: ReusePolicy,
    clock: Arc<dyn Clock>,
    takeover: Takeover,
    /// Who may sign decisions.
    signers: Option<AllowedSigners>,
    /// Brings the processes that run the children of steps; `None` if this process runs them.
    workers: Option<Arc<dyn Workers>>,
    /// Whether a step without side effects may work while the log still records its start.
    runs_ahead: bool,
    /// Sessions of unfinished runs, kept between calls so that `next` does not load the log again.
    sessions: Mutex<HashMap<FlowId, Session>>,
    /// The logs of the completed children whose results were gathered last.
    completed_logs: Mutex<Arc<CompletedLogs>>,
}

impl FlowEngine {
    /// Returns a builder for an engine that keeps its log in memory.
    #[allow(clippy::new_ret_no_self, reason = "an engine without steps cannot exist; this is the start of its builder")]
    pub fn new() -> FlowEngineBuilder<NoSteps> {
        Self::on(InMemoryEventStore::new())
    }

    /// Returns a builder for an engine that keeps its log in `event_store`: a store, or an `Arc` or a `Box` of one.
    pub fn on(event_store: impl IntoEventStore) -> FlowEngineBuilder<NoSteps> {
        FlowEngineBuilder::on(event_store.into_event_store())
    }

    /// Returns a builder for an engine on `event_store` that builds the states of runs with `repository`.
    pub fn builder(
        event_store: impl IntoEventStore,
        repository: impl FlowRepository + 'static,
    ) -> FlowEngineBuilder<NoSteps> {
        Self::on(event_store).repository(Arc::new(repository))
    }

    /// Builds an engine for `definition` on `event_store` that builds the states of runs with `repository`.
    pub fn new_with_stores(
        event_store: impl IntoEventStore,
        repository: impl FlowRepository + 'static,
        definition: FlowDefinition,
    ) -> Self {
        Self::builder(event_store, repository).definition(definition)
    }

    /// Builds an engine for `definition` that keeps its log in memory.
    pub fn new_with_definition(definition: FlowDefinition) -> Self {
        Self::new().definition(definition)
    }

    /// Builds an engine with its log in memory, for steps that each take the output of the one before.
    pub fn new_with_steps(steps: impl IntoIterator<Item = Box<dyn StepDefinition>>) -> Result<Self, CoreEngineError> {
        Ok(Self::new_with_definition(build_flow_definition_auto(steps)?))
    }

    /// Does the same as [`new_with_steps`](Self::new_with_steps), with a name for the flow.
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
            signers: builder.signers,
            workers: builder.workers,
            runs_ahead: builder.runs_ahead,
            sessions: Mutex::default(),
            completed_logs: Mutex::default(),
        }
    }

    /// Names the flow. Existing runs keep the name they began with.
    pub fn set_name(&mut self, name: impl Into<String>) {
        self.definition = self.definition.clone().with_name(name);
    }

    /// Sets the name that the log records if the definition has none.
    pub fn set_default_flow_name(&mut self, name: impl Into<String>) {
        self.default_name = name.into();
    }

    /// Makes `flow_id` the default run, on which methods without an id act.
    pub fn set_default_flow(&mut self, flow_id: FlowId) {
        self.default_flow = flow_id;
        self.default_is_new = AtomicBool::new(false);
    }

    /// Returns the id of the default run.
    pub fn default_flow(&self) -> FlowId {
        self.default_flow
    }

    /// Returns the definition that this engine runs.
    pub fn definition(&self) -> &FlowDefinition {
        &self.definition
    }

    /// Returns the store that holds the log.
    pub fn event_store(&self) -> &dyn EventStore {
        self.store.as_ref()
    }

    /// Returns a handle to the run `flow_id`, whether or not it has begun.
    pub fn handle(&self, flow_id: FlowId) -> Run<'_> {
        Run::new(self, flow_id)
    }

    /// Returns a handle to the default run.
    pub fn default_run(&self) -> Run<'_> {
        self.handle(self.default_flow)
    }

    /// Replays the log of a run and returns its state.
    fn load(&self, flow_id: FlowId) -> Result<FlowInstance, CoreEngineError> {
        Ok(self.repository.load(flow_id, &self.store.list(flow_id)?, &self.definition)?)
    }

    /// Runs a run that has no events, as far as the caller knows, to its end. Reads no log.
    ///
    /// # Errors
    /// Fails like [`run`](Self::run), and with a conflict if another process has begun the run.
    fn begin(&self, flow_id: FlowId) -> Result<FlowInstance, CoreEngineError> {
        Session::begin(self, flow_id)?.drive(self, Until::FlowEnds)
    }

    fn drive(&self, flow_id: FlowId, until: Until) -> Result<FlowInstance, CoreEngineError> {
        let kept = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&flow_id);
        if let Some(session) = kept {
            return self.drive_session(session, until);
        }
        // A freshly generated id has no log to load. If the caller passed the id on and another process has begun the
        // run, the first append fails.
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
        // Drop the session after an error: the log is the authority on what happened.
        let instance = session.drive(self, until)?;
        Ok(self.keep(session, instance))
    }

    /// Keeps the session if the run has not completed.
    fn keep(&self, session: Session, instance: FlowInstance) -> FlowInstance {
        if instance.flow_fingerprint().is_none() {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(instance.flow_id(), session);
        }
        instance
    }
}
