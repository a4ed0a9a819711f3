//! Steps that count their runs, and a store that counts its requests and can lose power.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chem_runtime::artifact::{Artifact, JsonArtifact};
use chem_runtime::event::{FlowEvent, FlowId};
use chem_runtime::fingerprint::{ArtifactHash, CacheKey};
use chem_runtime::flow::FlowDefinition;
use chem_runtime::step::{
    ExecutionContext, PlannedStep, Signal, StepDefinition, StepError, StepId, StepKind, StepOutput, StepPolicy,
    StepRunResult,
};
use chem_runtime::store::{
    ArtifactStore, Cursor, EventLog, EventStore, FlowSummary, Followed, InMemoryEventStore, Lease, LeaseRecord, Leases,
    NewEvent, PersistenceError, RunFilter, RunIndex, StoredResult, Writer,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The artifact that the steps in these tests pass on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Number(pub u64);

impl JsonArtifact for Number {
    const KIND: &'static str = "number";
}

/// The behaviour of a counting step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Returns the input plus one.
    Add,
    Fail,
    Panic,
    /// Succeeds without outputs.
    Nothing,
    /// Emits a signal that no store accepts.
    Unstorable,
    /// Fails with a transient error in its first runs, this many times.
    Busy(usize),
    /// Runs until it is cancelled.
    Endless,
    /// Runs forever and ignores cancellation.
    Deaf,
}

/// A step that counts its runs.
pub struct Counting {
    id: StepId,
    kind: StepKind,
    does: Does,
    pub runs: Arc<AtomicUsize>,
}

impl Counting {
    pub fn new(id: StepId, kind: StepKind, does: Does) -> Self {
        Self { id, kind, does, runs: Arc::default() }
    }
}

impl StepDefinition for Counting {
    fn id(&self) -> &StepId {
        &self.id
    }

    fn kind(&self) -> StepKind {
        self.kind
    }

    fn params(&self) -> Result<Map<String, Value>, StepError> {
        // The log writes this float, and reads it back, as an integer.
        Ok([("limit".to_owned(), json!(5.0))].into_iter().collect())
    }

    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
        let earlier = self.runs.fetch_add(1, Ordering::SeqCst);
        match self.does {
            Does::Busy(times) if earlier < times => {
                return StepRunResult::failure(StepError::new("the server is busy").transient());
            }
            Does::Busy(_) => {}
            Does::Endless => loop {
                if let Err(error) = context.check_cancelled() {
                    return StepRunResult::failure(error);
                }
                std::thread::yield_now();
            },
            Does::Deaf => loop {
                std::thread::park();
            },
            Does::Add => {}
            Does::Fail => {
                let cause = std::io::Error::other("no such molecule");
                return StepRunResult::failure(StepError::context("the library is empty", cause));
            }
            Does::Panic => panic!("bug in {}", self.id),
            Does::Nothing => return StepRunResult::success([]),
            Does::Unstorable => {
                let error = context.signal("note", &"a\u{0}b").unwrap_err();
                assert!(error.message().contains("`note`") && error.causes()[0].contains("U+0000"), "{error}");
                let signals = vec![Signal { name: "note".into(), data: "a\u{0}b".into() }];
                return StepRunResult::Success { outputs: Vec::new(), signals };
            }
        }
        let before = context.optional_input::<Number>("input").unwrap().map_or(0, |number| number.0);
        context.signal("sum", &(before + 1)).unwrap();
        StepRunResult::success([StepOutput::of("main", Number(before + 1)).unwrap()])
    }
}

/// Returns a flow of counting steps, the first a source, and the counter of each step.
pub fn flow(does: &[Does]) -> (FlowDefinition, Vec<Arc<AtomicUsize>>) {
    flow_under(does, &StepPolicy::default())
}

/// Returns a flow like [`flow`], with `policy` for every step.
pub fn flow_under(does: &[Does], policy: &StepPolicy) -> (FlowDefinition, Vec<Arc<AtomicUsize>>) {
    let counters: Vec<Arc<AtomicUsize>> = does.iter().map(|_| Arc::default()).collect();
    let steps = does.iter().zip(&counters).enumerate().map(|(index, (does, runs))| {
        let kind = if index == 0 { StepKind::Source } else { StepKind::Transform };
        let id = StepId::new(format!("s{index}")).unwrap();
        let step: Box<dyn StepDefinition> = Box::new(Counting { id, kind, does: *does, runs: runs.clone() });
        PlannedStep { policy: policy.clone(), ..step.into() }
    });
    (FlowDefinition::new(steps).unwrap(), counters)
}

/// Returns how often each step ran.
pub fn runs(counters: &[Arc<AtomicUsize>]) -> Vec<usize> {
    counters.iter().map(|counter| counter.load(Ordering::SeqCst)).collect()
}

/// A store that counts requests and loses power at a given append. Requests then fail until the power returns.
pub struct Watched {
    pub inner: Arc<dyn EventStore>,
    pub appends: AtomicUsize,
    pub lists: AtomicUsize,
    /// The number of events returned by `read_run`.
    pub handed: AtomicUsize,
    power_loss: Option<PowerLoss>,
    dark: AtomicBool,
    /// The number of `find_cached` queries left before they fail; `None` for no limit.
    pub answers: Option<AtomicUsize>,
    /// Called at each append, before it is stored.
    pub meanwhile: Option<Box<dyn Fn() + Send + Sync>>,
}

/// When the power is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerLoss {
    /// At the append with this index, before it is stored.
    Before(usize),
    /// At the append with this index, after it is stored and before it is acknowledged.
    After(usize),
    /// For the append with this index alone, which is not stored.
    Blink(usize),
    /// For the question with this index for the log of a run alone.
    BlinkAtList(usize),
}

impl Watched {
    pub fn new(power_loss: Option<PowerLoss>) -> Self {
        Self::on(Arc::new(InMemoryEventStore::new()), power_loss)
    }

    /// Watches another store.
    pub fn on(inner: Arc<dyn EventStore>, power_loss: Option<PowerLoss>) -> Self {
        Self {
            inner,
            appends: AtomicUsize::new(0),
            lists: AtomicUsize::new(0),
            handed: AtomicUsize::new(0),
            power_loss,
            dark: AtomicBool::new(false),
            answers: None,
            meanwhile: None,
        }
    }

    /// Restores the power.
    pub fn light(&self) {
        self.dark.store(false, Ordering::SeqCst);
    }

    /// Returns whether the power is lost.
    pub fn is_dark(&self) -> bool {
        self.dark.load(Ordering::SeqCst)
    }

    fn see(&self) -> Result<(), PersistenceError> {
        if self.is_dark() { Err(power_lost()) } else { Ok(()) }
    }

    fn lose(&self) -> PersistenceError {
        self.dark.store(true, Ordering::SeqCst);
        power_lost()
    }

    /// Returns the events of a run, without counting the request.
    pub fn inner_events(&self, flow_id: FlowId) -> Vec<FlowEvent> {
        self.inner.list(flow_id).unwrap()
    }
}

fn power_lost() -> PersistenceError {
    PersistenceError::Backend {
        message: "the power is gone".into(),
        transient: false,
        source: std::io::Error::other("dark").into(),
    }
}

impl EventLog for Watched {
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        self.see()?;
        let number = self.appends.fetch_add(1, Ordering::SeqCst);
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile();
        }
        if self.power_loss == Some(PowerLoss::Before(number)) {
            return Err(self.lose());
        }
        if self.power_loss == Some(PowerLoss::Blink(number)) {
            return Err(power_lost());
        }
        self.inner.append_as(writer, expected, events)?;
        if self.power_loss == Some(PowerLoss::After(number)) { Err(self.lose()) } else { Ok(()) }
    }

    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError> {
        self.see()?;
        let events = self.inner.read_run(flow_id, position)?;
        self.handed.fetch_add(events.len(), Ordering::SeqCst);
        Ok(events)
    }

    fn read_log(&self, cursor: Cursor, limit: usize) -> Result<Followed, PersistenceError> {
        self.inner.read_log(cursor, limit)
    }

    fn read_event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, PersistenceError> {
        self.inner.read_event(flow_id, position)
    }

    fn next_position(&self, flow_id: FlowId) -> Result<u64, PersistenceError> {
        self.inner.next_position(flow_id)
    }
}

impl Leases for Watched {
    fn read_lease(&self, flow_id: FlowId) -> Result<Option<LeaseRecord>, PersistenceError> {
        self.inner.read_lease(flow_id)
    }

    fn record_lease(&self, lease: &Lease) -> Result<bool, PersistenceError> {
        self.see()?;
        self.inner.record_lease(lease)
    }

    fn release_lease(&self, lease: &Lease) -> Result<(), PersistenceError> {
        self.see()?;
        self.inner.release_lease(lease)
    }
}

impl ArtifactStore for Watched {
    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError> {
        self.inner.read_artifact(hash)
    }

    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError> {
        self.inner.find_artifact_hashes(prefix, limit)
    }

    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError> {
        self.inner.repair_artifacts(artifacts)
    }
}

impl RunIndex for Watched {
    fn find_runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowSummary>, PersistenceError> {
        self.inner.find_runs(filter, before, limit)
    }

    fn find_cached(
        &self,
        key: CacheKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        let left = |left: usize| left.checked_sub(1);
        match self.answers.as_ref().map(|answers| answers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)) {
            Some(Err(_)) => Err(power_lost()),
            _ => self.inner.find_cached(key, before, limit),
        }
    }
}

impl EventStore for Watched {
    fn list(&self, flow_id: FlowId) -> Result<Vec<FlowEvent>, PersistenceError> {
        self.see()?;
        let number = self.lists.fetch_add(1, Ordering::SeqCst);
        if self.power_loss == Some(PowerLoss::BlinkAtList(number)) {
            return Err(power_lost());
        }
        self.inner.list(flow_id)
    }
}
