//! Maps failures to exit statuses and messages.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use serde_json::json;

use super::advice::advised;
use super::args::{Format, Shared};
use super::output::{self, CannotPrint};
use crate::artifact::ArtifactError;
use crate::engine::{CoreEngineError, GateError};
use crate::event::FlowId;
use crate::step::{DuplicateStepType, listed};
use crate::store::{ErrorClass, InvalidStoreUrl, LoadError, PersistenceError};
use crate::workbench::WorkbenchError;

/// The exit statuses other than success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    RunFailed = 1,
    Usage = 2,
    Store = 3,
    Waiting = 4,
    Output = 5,
    Interrupted = 130,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        ExitCode::from(status as u8)
    }
}

/// The failure of a command: its exit status, message, causes and hint.
#[derive(Debug)]
pub(super) struct Failure {
    status: Status,
    message: String,
    causes: Vec<String>,
    help: Option<String>,
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { status: Status::Usage, message: message.into(), causes: Vec::new(), help: None }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds `help` unless the failure already has a hint.
    pub(super) fn or_help(mut self, help: impl Into<String>) -> Self {
        self.help.get_or_insert_with(|| help.into());
        self
    }

    fn new(status: Status, error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self { status, message: error.to_string(), causes: Vec::new(), help: None };
        let mut next = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Many errors repeat their cause in their own message.
            if !failure.causes.last().unwrap_or(&failure.message).contains(&text) {
                failure.causes.push(text);
            }
            next = cause.source();
        }
        failure
    }

    /// Prints the failure and returns the exit status.
    pub(super) fn report(self, shared: &Shared) -> ExitCode {
        let help = self.help.as_deref().and_then(|help| advised(shared, help));
        if shared.format == Format::Json && self.status != Status::Output {
            // The status reports the failure even if stdout cannot be written.
            let _ = output::print_json(&json!({"error": self.message, "causes": self.causes, "help": help}));
        }
        output::print_error(&self.message, &self.causes, help.as_deref());
        self.status.into()
    }
}

/// The hint for a damaged artifact.
const MAKE_AGAIN: &str = "`chem store repair` makes it again where it can";

impl From<PersistenceError> for Failure {
    fn from(error: PersistenceError) -> Self {
        let failure = Self::new(Status::Store, &error);
        match error {
            PersistenceError::Absent { .. } => {
                failure.with_help("`chem run MANIFEST` makes one; `--store` names another")
            }
            PersistenceError::Artifact(ArtifactError::Corrupt { .. }) => failure.with_help(MAKE_AGAIN),
            PersistenceError::NotInLog { .. } => failure.with_help(
                "begin from the start with `chem log --follow`, or go on from a place that was read before that moment",
            ),
            _ => failure,
        }
    }
}

impl From<InvalidStoreUrl> for Failure {
    fn from(error: InvalidStoreUrl) -> Self {
        Self::new(Status::Store, &error)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::new(Status::Store, &error)
    }
}

impl From<crate::flow::ReplayError> for Failure {
    fn from(error: crate::flow::ReplayError) -> Self {
        Self::new(Status::Store, &error)
    }
}

impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Self {
        let failure = Self::new(Status::Store, &error);
        match error {
            ArtifactError::Corrupt { .. } | ArtifactError::Missing { .. } => failure.with_help(MAKE_AGAIN),
            _ => failure,
        }
    }
}

impl From<crate::fingerprint::CanonicalError> for Failure {
    fn from(error: crate::fingerprint::CanonicalError) -> Self {
        Self::new(Status::Usage, &error)
    }
}

impl From<WorkbenchError> for Failure {
    fn from(error: WorkbenchError) -> Self {
        match error {
            WorkbenchError::NoSuchStep { ref known, .. } | WorkbenchError::NoSuchColumn { ref known, .. } => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                Self::new(Status::Usage, &error).with_help(match known.is_empty() {
                    true => "it has none".to_owned(),
                    false => format!("it has {}", listed(&known)),
                })
            }
            WorkbenchError::NotStarted { .. } => Self::new(Status::Usage, &error),
            WorkbenchError::Cancelled => Self::new(Status::Interrupted, &error),
            WorkbenchError::Store(error) => error.into(),
            WorkbenchError::Replay(error) => error.into(),
            WorkbenchError::Artifact(error) => error.into(),
            WorkbenchError::Engine(CoreEngineError::Store(error)) => error.into(),
            WorkbenchError::Engine(CoreEngineError::Interrupted { .. }) => {
                Self { status: Status::Interrupted, ..Self::usage("interrupted") }
            }
            WorkbenchError::Engine(error) => Self::new(Status::Usage, &error),
        }
    }
}

impl From<DuplicateStepType> for Failure {
    fn from(error: DuplicateStepType) -> Self {
        Self::new(Status::Usage, &error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Status::Usage, &error)
    }
}

impl From<CannotPrint> for Failure {
    fn from(CannotPrint(error): CannotPrint) -> Self {
        Self { status: Status::Output, ..Self::usage(format!("cannot write to standard output: {error}")) }
    }
}

impl Failure {
    /// Returns the failure for a run that did not reach its end, other than because a step failed.
    pub(super) fn of_run(flow_id: FlowId, error: CoreEngineError) -> Self {
        match error {
            CoreEngineError::Store(error) => {
                let conflict = error.class() == ErrorClass::Conflict;
                let held = matches!(error, PersistenceError::Held { .. });
                let failure = Self::from(error);
                if held {
                    failure.with_help(format!(
                        "see how it gets on with `chem log {flow_id}`; if it is gone, as with a container that was started \
                         anew, `chem resume {flow_id} --take-over` takes the run from it"
                    ))
                } else if conflict {
                    failure.with_help(format!("see how it gets on with `chem log {flow_id}`"))
                } else {
                    failure.with_help(format!(
                        "what was recorded is safe; once the store is back, `chem resume {flow_id}` goes on from there, or \
                         says that there is no such run if nothing of it had been recorded yet"
                    ))
                }
            }
            CoreEngineError::Load(error) => error.into(),
            CoreEngineError::Interrupted { .. } => {
                let mut failure = Self::new(Status::Interrupted, &error);
                failure.message = "interrupted; every finished step is recorded".to_owned();
                failure.with_help(format!("go on with `chem resume {flow_id}`"))
            }
            CoreEngineError::Waiting { .. } => Self::new(Status::Waiting, &error),
            CoreEngineError::Gate(GateError::Changed { .. }) => Self::new(Status::Waiting, &error)
                .with_help(format!("`chem show {flow_id}` shows what there is now; then decide again")),
            CoreEngineError::Gate(GateError::CannotStart { ref step, .. }) => {
                let help = format!("put it right and approve again, or `chem reject {flow_id} {step}`");
                Self::new(Status::Waiting, &error).with_help(help)
            }
            CoreEngineError::Gate(_) => {
                Self::new(Status::Usage, &error).with_help(format!("`chem show {flow_id}` says what the run waits for"))
            }
            CoreEngineError::Branch(_) => Self::new(Status::Usage, &error)
                .with_help(format!("`chem show {flow_id}` shows the status of each step")),
            CoreEngineError::NotFailed { .. } => {
                Self::new(Status::Usage, &error).with_help(format!("`chem show {flow_id}` shows its status"))
            }
            CoreEngineError::NoAttemptsLeft { .. } => Self::new(Status::Usage, &error)
                .with_help("raise `attempts` in the manifest and run it anew; what has finished is not lost"),
            CoreEngineError::FlowCompleted { .. }
            | CoreEngineError::Definition(_)
            | CoreEngineError::Canonical(_)
            | CoreEngineError::Artifact(_) => Self::new(Status::Usage, &error),
            CoreEngineError::FlowHasFailed { .. }
            | CoreEngineError::StepFailed { .. }
            | CoreEngineError::MissingInputs { .. } => Self::new(Status::RunFailed, &error),
        }
    }
}
