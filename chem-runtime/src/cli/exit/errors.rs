//! Makes failures from errors: the exit status of each, and the hint that helps against it.

use std::io;
use std::path::Path;

use super::{Failure, Status};
use crate::artifact::ArtifactError;
use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::output::CannotPrint;
use crate::engine::{CoreEngineError, GateError};
use crate::event::FlowId;
use crate::evidence::{EvidenceError, InvalidIdentity};
use crate::handover::HandoverError;
use crate::step::{DuplicateStepType, listed};
use crate::store::{ErrorClass, InvalidStoreUrl, LoadError, PersistenceError};
use crate::workbench::{LookupError, RecordedRunError, WorkbenchError};

/// Returns the hint for a damaged artifact.
fn to_repair() -> Advice {
    Advice::command(CommandName::Store, &[&"repair"]).then(" recomputes it if it can")
}

impl From<PersistenceError> for Failure {
    fn from(error: PersistenceError) -> Self {
        let failure = Self::new(Status::Store, &error);
        match error {
            PersistenceError::Absent { .. } => {
                let run = Advice::command(CommandName::Run, &[&"MANIFEST"]);
                failure.with_help(run.then(" creates it; `--store` names another"))
            }
            PersistenceError::Artifact(ArtifactError::Corrupt { .. }) => failure.with_help(to_repair()),
            PersistenceError::NotInLog { .. } => failure.with_help(
                Advice::text("start over with ")
                    .then_command(CommandName::Log, &[&"--follow"])
                    .then(", or continue from a cursor from before that moment"),
            ),
            _ => failure,
        }
    }
}

impl From<EvidenceError> for Failure {
    fn from(error: EvidenceError) -> Self {
        match error {
            EvidenceError::Store(error) => error.into(),
            EvidenceError::NotAsSealed(_) => {
                let audit =
                    Advice::command(CommandName::Audit, &[]).then(" names everything that is not as it was sealed");
                Self::new(Status::RunFailed, &error).with_help(audit)
            }
            EvidenceError::Unsupported => Self::new(Status::Store, &error)
                .with_help("a store with its runs can be sealed, once `store merge` has put them into an SQLite file"),
            EvidenceError::Busy | EvidenceError::Witness { .. } | EvidenceError::Tiles { .. } => {
                Self::new(Status::Store, &error)
            }
            EvidenceError::Timestamp { .. } => Self::new(Status::RunFailed, &error),
            EvidenceError::InvalidIdentity(InvalidIdentity::NoName) => {
                Self::new(Status::Usage, &error).with_help("give it with `--name NAME`")
            }
            EvidenceError::InvalidIdentity(_) => Self::new(Status::Usage, &error),
            EvidenceError::Signature { .. } | EvidenceError::Identity { .. } => Self::new(Status::Usage, &error),
        }
    }
}

impl From<HandoverError> for Failure {
    fn from(error: HandoverError) -> Self {
        match error {
            HandoverError::Store(error) => error.into(),
            HandoverError::Evidence(error) => error.into(),
            HandoverError::Artifact(error) => error.into(),
            HandoverError::NotSealed { .. } => {
                let seal = Advice::command(CommandName::Seal, &[]).then(" seals the log up to now");
                Self::new(Status::Usage, &error).with_help(seal)
            }
            HandoverError::TooLarge { .. } => {
                Self::new(Status::Usage, &error).with_help("`--without-data` leaves artifacts and files out")
            }
            HandoverError::NotSound { .. } | HandoverError::Damaged { .. } | HandoverError::NotAnExport { .. } => {
                Self::new(Status::RunFailed, &error)
            }
            HandoverError::Unreadable { .. }
            | HandoverError::Indescribable { .. }
            | HandoverError::WithoutData
            | HandoverError::OtherRun { .. }
            | HandoverError::LaterRelease { .. }
            | HandoverError::Io(_) => Self::new(Status::Usage, &error),
        }
    }
}

impl Failure {
    /// Returns the failure of reading the export in `file`.
    pub(in crate::cli) fn of_export(error: HandoverError, file: &Path) -> Self {
        let not_sound = matches!(error, HandoverError::NotSound { .. });
        let failure = Self::from(error);
        if !not_sound {
            return failure;
        }
        failure.with_help(
            Advice::command(CommandName::Audit, &[&file.display()])
                .then(" names everything that is not as it was exported"),
        )
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
            ArtifactError::Corrupt { .. } | ArtifactError::Missing { .. } => failure.with_help(to_repair()),
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
                let help = it_has(known);
                Self::new(Status::Usage, &error).with_help(help)
            }
            WorkbenchError::NotStarted { .. } | WorkbenchError::NoSuchRow { .. } => Self::new(Status::Usage, &error),
            WorkbenchError::NoTable { .. } => {
                Self::new(Status::Usage, &error).with_help("name a step with a table: `--of STEP`")
            }
            WorkbenchError::NoSuchRecord { .. } => Self::new(Status::Usage, &error)
                .with_help("name a record as its file does, or by its number: `--record 12`"),
            WorkbenchError::NoStructures => {
                Self::new(Status::Usage, &error).with_help("build it with the feature `chemistry` of chem-runtime")
            }
            WorkbenchError::Children { .. } => Self::new(Status::Usage, &error),
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

/// Returns the hint that lists what there is, for a name that is not among it.
fn it_has(known: &[String]) -> String {
    if known.is_empty() {
        return "it has none".to_owned();
    }
    format!("it has {}", listed(&known.iter().map(String::as_str).collect::<Vec<_>>()))
}

impl From<LookupError> for Failure {
    fn from(error: LookupError) -> Self {
        let failure = Self::new(Status::Usage, &error);
        match error {
            LookupError::UnknownRun { .. } => failure.with_help(
                Advice::command(CommandName::Ls, &[]).then(" lists the runs; `--store` names another store"),
            ),
            LookupError::UnknownArtifact { .. } => {
                failure.with_help(Advice::command(CommandName::Show, &[&"ID"]).then(" lists the artifacts of a run"))
            }
            LookupError::AmbiguousRun { .. } => failure.with_help("type more of the id"),
            LookupError::AmbiguousArtifact { .. } => failure.with_help("type more of the hash"),
            LookupError::NoRuns => failure,
            LookupError::Store(error) => error.into(),
        }
    }
}

impl From<RecordedRunError> for Failure {
    fn from(error: RecordedRunError) -> Self {
        const BY_STEP: &str = "set the parameter of a step instead: `--set STEP.PARAMETER=VALUE`";
        let failure = Self { diagnostics: error.diagnostics().to_vec(), ..Self::new(Status::Usage, &error) };
        match error {
            RecordedRunError::UnknownStep { known, .. } => failure.with_help(it_has(&known)),
            RecordedRunError::ManifestMissing | RecordedRunError::ManifestChanged { .. } => failure.with_help(BY_STEP),
            RecordedRunError::Replay(error) => error.into(),
            RecordedRunError::Store(error) => error.into(),
            _ => failure,
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
    pub(in crate::cli) fn of_run(flow_id: FlowId, error: CoreEngineError) -> Self {
        let show = Advice::command(CommandName::Show, &[&flow_id]);
        match error {
            CoreEngineError::Store(error) => {
                let conflict = error.class() == ErrorClass::Conflict;
                let held = matches!(error, PersistenceError::Held { .. });
                let failure = Self::from(error);
                let progress = Advice::command(CommandName::Log, &[&flow_id]).then(" shows its progress");
                if held {
                    failure.with_help(
                        progress
                            .then("; if the process is gone, for example with its container, ")
                            .then_command(CommandName::Resume, &[&flow_id, &"--take-over"])
                            .then(" takes the run over"),
                    )
                } else if conflict {
                    failure.with_help(progress)
                } else {
                    failure.with_help(
                        Advice::text("the recorded events are safe; once the store is available again, ")
                            .then_command(CommandName::Resume, &[&flow_id])
                            .then(" continues, unless nothing was recorded yet"),
                    )
                }
            }
            CoreEngineError::Load(error) => error.into(),
            CoreEngineError::Workers { .. } => Self::new(Status::Interrupted, &error).with_help(
                Advice::command(CommandName::Resume, &[&flow_id, &"--on", &"slurm"])
                    .then(" submits workers again; ")
                    .then_command(CommandName::Work, &[&flow_id])
                    .then(" works on this machine"),
            ),
            CoreEngineError::OutOfSpace { ref found, .. } => {
                let mut failure = Self::new(Status::OutOfSpace, &error);
                failure.causes.push(found.error.clone());
                let room = Advice::text(
                    "no step has failed, and other workers go on; free space there, or set TMPDIR to a \
                                         directory on another disk, then ",
                );
                failure.with_help(
                    room.then_command(CommandName::Resume, &[&flow_id])
                        .then(" continues the run, or ")
                        .then_command(CommandName::Work, &[&flow_id])
                        .then(" works on its children"),
                )
            }
            CoreEngineError::Interrupted { .. } => {
                let mut failure = Self::new(Status::Interrupted, &error);
                failure.message = "interrupted; every finished step is recorded".to_owned();
                failure.with_help(Advice::command(CommandName::Resume, &[&flow_id]).then(" continues the run"))
            }
            CoreEngineError::Waiting { .. } => Self::new(Status::Waiting, &error),
            CoreEngineError::Gate(GateError::Changed { .. }) => Self::new(Status::Waiting, &error)
                .with_help(show.then(" shows the current inputs and fingerprint; then decide again")),
            CoreEngineError::Gate(GateError::CannotStart { ref step, .. }) => {
                let help = Advice::text("fix the cause and approve again, or ")
                    .then_command(CommandName::Reject, &[&flow_id, step]);
                Self::new(Status::Waiting, &error).with_help(help)
            }
            CoreEngineError::Gate(GateError::NotSigned { .. }) => Self::new(Status::Waiting, &error)
                .with_help("sign it: `--sign`, with the key of the identity file or of `--key FILE`"),
            CoreEngineError::Gate(GateError::NotByThem { .. }) => {
                Self::new(Status::Waiting, &error).with_help("nothing was recorded: one of them has to decide")
            }
            CoreEngineError::Gate(GateError::NoSigners { .. }) => Self::new(Status::Usage, &error)
                .with_help("name it with `--allowed-signers FILE` or `CHEM_ALLOWED_SIGNERS`"),
            CoreEngineError::Gate(GateError::Invalid { .. }) => Self::new(Status::RunFailed, &error)
                .with_help("run the flow again: it reuses the finished steps, and asks for the decision"),
            CoreEngineError::Evidence(error) => error.into(),
            CoreEngineError::Gate(_) => {
                Self::new(Status::Usage, &error).with_help(show.then(" shows what the run waits for"))
            }
            CoreEngineError::Branch(_) => {
                Self::new(Status::Usage, &error).with_help(show.then(" shows the status of each step"))
            }
            CoreEngineError::NotFailed { .. } => {
                Self::new(Status::Usage, &error).with_help(show.then(" shows its status"))
            }
            CoreEngineError::NoAttemptsLeft { .. } => Self::new(Status::Usage, &error)
                .with_help("raise `attempts` in the manifest and run it again: it reuses the finished steps"),
            CoreEngineError::FlowCompleted { .. }
            | CoreEngineError::Definition(_)
            | CoreEngineError::Canonical(_)
            | CoreEngineError::Artifact(_) => Self::new(Status::Usage, &error),
            CoreEngineError::FlowHasFailed { .. }
            | CoreEngineError::StepFailed { .. }
            | CoreEngineError::Child(_)
            | CoreEngineError::MissingInputs { .. } => Self::new(Status::RunFailed, &error),
        }
    }
}
