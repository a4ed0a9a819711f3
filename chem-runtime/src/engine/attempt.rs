//! One attempt at a step: its work, its signals and its time limit.
//!
//! A step without a timeout works on the engine's own thread. A step with a timeout gets its own thread, because Rust
//! cannot stop a thread from outside: after the timeout, the step is asked to stop, as a run is, and has two seconds to
//! reach its next `check_cancelled` (work on records checks before each record). If it does not stop, the engine
//! continues without it. The thread then works until it or the process ends, and its result is dropped. Such a step is
//! not retried automatically, so that two attempts never work side by side.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Observer;
use crate::artifact::ArtifactSource;
use crate::event::StepProgress;
use crate::flow::FlowStep;
use crate::step::children::Children;
use crate::step::{
    CancelToken, EarlierRows, ExecutionContext, Files, Inputs, Keeper, RowsRecord, Sample, ShardResults, Signal,
    StepError, StepRunResult,
};

/// How long a step has to stop after its timeout.
const GRACE: Duration = Duration::from_secs(2);

/// The stack of a step's own thread: 8 MiB, as the main thread has on most systems.
const STACK_BYTES: usize = 8 << 20;

/// The inputs of an attempt. All are shared, since the attempt may outlive its timeout.
pub(super) struct Attempt {
    pub(super) step: FlowStep,
    pub(super) inputs: Inputs,
    pub(super) files: Arc<Files>,
    pub(super) artifacts: Arc<dyn ArtifactSource + Send>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) cancel: CancelToken,
    /// Stores what the step finishes before it ends; `None` if nothing records it.
    pub(super) keeper: Option<Arc<dyn Keeper>>,
    /// How far an earlier attempt at the same work has got.
    pub(super) so_far: Option<StepProgress>,
    /// A result of the same work on other rows.
    pub(super) earlier_rows: Option<EarlierRows>,
    /// Receives what a row step leaves to later runs, once it has succeeded.
    pub(super) rows: Arc<OnceLock<RowsRecord>>,
    /// Runs the children of the step, if it has any.
    pub(super) children: Option<Arc<dyn Children>>,
    /// What the shards of the input computed; `None` if the step works on its rows itself.
    pub(super) shards: Option<ShardResults>,
    /// Whether the rows of the input are those of a shard.
    pub(super) is_part: bool,
    /// The sample that the input is, all in one batch.
    pub(super) sample: Option<Sample>,
}

impl Attempt {
    /// Makes the attempt and returns its result with all signals of the step.
    pub(super) fn make(self) -> StepRunResult {
        // The limit of a step in shards is that of its children.
        match self.step.policy().timeout_ms.filter(|_| self.shards.is_none()) {
            None => self.work(),
            Some(limit) => self.make_within(Duration::from_millis(limit)),
        }
    }

    /// Runs the step on the calling thread.
    fn work(self) -> StepRunResult {
        let step = self.step.step();
        let (artifacts, progress) = (self.artifacts.as_ref(), self.observer.as_ref());
        let context = ExecutionContext::new(step.id(), &self.inputs, artifacts, &self.files, &self.cancel, progress);
        let context = context.keeping(self.keeper.as_deref(), self.so_far.as_ref());
        let context = context.taking_over(self.earlier_rows.as_ref()).with_children(self.children.as_deref());
        let context = context.gathering(self.shards.as_ref()).on_part(self.is_part);
        let context = match self.sample {
            Some(sample) => context.in_batches_of(sample.len()).on_sample(sample),
            None => context,
        };
        let result = catch_unwind(AssertUnwindSafe(|| self.cancel.scope(|| step.run(&context))))
            .unwrap_or_else(|panic| StepRunResult::failure(panicked(panic.as_ref())));
        let with = |own: Vec<Signal>| context.take_signals().into_iter().chain(own).collect();
        match result {
            StepRunResult::Success { outputs, signals } => {
                if let Some(record) = context.take_rows() {
                    self.rows.get_or_init(|| record);
                }
                StepRunResult::Success { outputs, signals: with(signals) }
            }
            StepRunResult::Failure { error, signals } => StepRunResult::Failure { error, signals: with(signals) },
        }
    }

    fn make_within(mut self, limit: Duration) -> StepRunResult {
        let run = self.cancel.clone();
        let own = run.child();
        self.cancel = own.clone();
        self.files = Arc::new(self.files.as_ref().clone().heeding(&own));
        let (sender, receiver) = channel();
        let thread =
            std::thread::Builder::new().name(format!("chem-{}", self.step.step().id())).stack_size(STACK_BYTES);
        // After the timeout, no one receives the result.
        let started = thread.spawn(move || drop(sender.send(self.work())));
        if let Err(error) = started {
            return StepRunResult::failure(StepError::context("cannot start a thread for the step", error).transient());
        }
        let lost = || StepRunResult::failure(StepError::new("the thread of the step ended without a result"));
        match receiver.recv_timeout(limit) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return lost(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        own.cancel();
        let late = format!("the step did not end within {}", told(limit));
        match receiver.recv_timeout(GRACE) {
            // The run itself was cancelled meanwhile.
            Ok(_) if run.is_cancelled() => StepRunResult::failure(StepError::interrupted()),
            Ok(StepRunResult::Success { signals, .. } | StepRunResult::Failure { signals, .. }) => {
                StepRunResult::Failure { error: StepError::new(late).transient(), signals }
            }
            Err(RecvTimeoutError::Disconnected) => lost(),
            Err(RecvTimeoutError::Timeout) => {
                let left = "it does not stop when it is asked to, and was left behind; it is not tried again by itself";
                StepRunResult::failure(StepError::new(format!("{late}; {left}")).left_behind())
            }
        }
    }
}

/// Renders a duration as a manifest writes it, such as `90s` or `1500ms`.
fn told(time: Duration) -> String {
    match time.as_millis() {
        milliseconds if milliseconds % 1000 != 0 => format!("{milliseconds}ms"),
        milliseconds => format!("{}s", milliseconds / 1000),
    }
}

fn panicked(payload: &(dyn Any + Send)) -> StepError {
    let message = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    StepError::new(format!("the step panicked: {message}"))
}
