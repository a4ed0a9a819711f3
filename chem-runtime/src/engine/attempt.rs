//! One attempt at a step: its work, what it said, and how long it may take.
//!
//! A step without a timeout works on the engine's own thread. One with a timeout gets a thread to itself, because Rust
//! cannot stop a thread from outside: when the time is up, the step is asked to stop, as a run is, and has two seconds
//! to do so at its next `check_cancelled` (work on records asks before each record). If it does not, the engine goes on
//! without it. The thread then works on until it ends by itself or the process does; what it gives is thrown away, and
//! the step is not tried again by itself, so that two attempts never work side by side.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::Observer;
use crate::artifact::ArtifactSource;
use crate::flow::FlowStep;
use crate::step::{CancelToken, ExecutionContext, Files, Inputs, Signal, StepError, StepRunResult};

/// How long a step whose time is up has to stop.
const GRACE: Duration = Duration::from_secs(2);

/// The stack of a step's own thread, 8 MiB: what the main thread has elsewhere.
const STACK_BYTES: usize = 8 << 20;

/// What an attempt works with. All of it is shared, since the attempt may outlive its time.
pub(super) struct Attempt {
    pub(super) step: FlowStep,
    pub(super) inputs: Inputs,
    pub(super) files: Arc<Files>,
    pub(super) artifacts: Arc<dyn ArtifactSource + Send>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) cancel: CancelToken,
}

impl Attempt {
    /// Makes the attempt, and returns what came of it with all that the step has said.
    pub(super) fn make(self) -> StepRunResult {
        match self.step.policy().timeout_ms {
            None => self.work(),
            Some(limit) => self.make_within(Duration::from_millis(limit)),
        }
    }

    /// The step's work on the thread that calls this.
    fn work(self) -> StepRunResult {
        let step = self.step.step();
        let (artifacts, progress) = (self.artifacts.as_ref(), self.observer.as_ref());
        let context = ExecutionContext::new(step.id(), &self.inputs, artifacts, &self.files, &self.cancel, progress);
        let result = catch_unwind(AssertUnwindSafe(|| self.cancel.scope(|| step.run(&context))))
            .unwrap_or_else(|panic| StepRunResult::failure(panicked(panic.as_ref())));
        let with = |own: Vec<Signal>| context.take_signals().into_iter().chain(own).collect();
        match result {
            StepRunResult::Success { outputs, signals } => StepRunResult::Success { outputs, signals: with(signals) },
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
        // Nobody hears of what comes too late.
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
            // The run itself was asked to stop meanwhile.
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

/// A time as a manifest writes it.
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
