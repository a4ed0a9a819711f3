//! Errors in flow definitions.

use super::answer::AnswerError;
use super::wiring::Problem;
use crate::event::StepKind;
use crate::step::{InvalidStepId, PlannedStep, StepId};

/// Why steps do not form a flow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowDefinitionError {
    /// There are no steps.
    #[error("a flow needs at least one step")]
    NoSteps,
    /// The first step is not a source.
    #[error("the first step, `{step}`, is a {kind}; a flow begins with a source", kind = kind.name())]
    FirstStepNotSource {
        /// The step.
        step: StepId,
        /// The kind that it has instead.
        kind: StepKind,
    },
    /// A source after the first step that is not marked as one.
    #[error(
        "step `{step}` is a source after the first step; add it with `add_source` (in a manifest `source: true`) if it is \
         meant, or put it into a flow of its own"
    )]
    SourceAfterFirst {
        /// The step.
        step: StepId,
    },
    /// A step is marked as a source and is not one.
    #[error("step `{step}` is added as a source, but it is a {kind}; use `add_step`", kind = kind.name())]
    NotSource {
        /// The step.
        step: StepId,
        /// The kind that it has instead.
        kind: StepKind,
    },
    /// Two steps have the same id.
    #[error("two steps have the id `{0}`")]
    DuplicateId(StepId),
    /// A malformed step id.
    #[error(transparent)]
    InvalidId(#[from] InvalidStepId),
    /// The wiring names a port that the step does not have.
    #[error("step `{step}` has no input `{port}`")]
    UnknownPort {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
    },
    /// The wiring names a step that is not before this one.
    #[error("the input `{port}` of step `{step}` is wired to `{from}`, which is not an earlier step")]
    UnknownStep {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
        /// What was written.
        from: String,
    },
    /// The wiring names an output that the earlier step does not have.
    #[error("the input `{port}` of step `{step}` is wired to `{from}`, which is not an output")]
    UnknownOutput {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
        /// What was written.
        from: String,
    },
    /// The wiring names a sink.
    #[error("the input `{port}` of step `{step}` is wired to `{from}`, a sink, which has no output for other steps")]
    WiredToSink {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
        /// The sink.
        from: StepId,
    },
    /// A required port without a source.
    #[error("the input `{port}` of step `{step}` is not wired")]
    OpenPort {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
    },
    /// An artifact of the wrong kind.
    #[error("the input `{port}` of step `{step}` expects `{expected}`, but `{from}` is `{found}`")]
    WrongKind {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
        /// The output that feeds it.
        from: String,
        /// The kind that the port accepts.
        expected: String,
        /// The kind of the output.
        found: String,
    },
    /// A step's parameters cannot be recorded.
    #[error("the parameters of step `{step}` cannot be used: {reason}")]
    Params {
        /// The step.
        step: StepId,
        /// What is wrong with them.
        reason: String,
    },
    /// The gate of a step has a schema that answers cannot be checked against.
    #[error("step `{step}`: {reason}")]
    Gate {
        /// The step.
        step: StepId,
        /// What is wrong with the schema.
        reason: AnswerError,
    },
    /// A module with step types of a run does not define them any more, or cannot run here.
    #[error("{}{reason}", module.as_ref().map(|module| format!("`{module}`: ")).unwrap_or_default())]
    StepSource {
        /// The module; `None` for the environment of all of them.
        module: Option<String>,
        /// What is wrong.
        reason: String,
    },
    /// This program lacks the type of a recorded step.
    #[error("step `{step}` uses `{uses}`, which this program does not have; use a program that links it ({here})")]
    UnknownStepType {
        /// The step.
        step: StepId,
        /// The step type.
        uses: String,
        /// The crates whose step types this program has, as text.
        here: String,
    },
    /// This program has another version of the type of a recorded step.
    #[error(
        "step `{step}` was recorded with `{uses}@{recorded}`, but this program has `{uses}@{linked}`; resume with the release that recorded it, or start a new run"
    )]
    OtherVersion {
        /// The step.
        step: StepId,
        /// The step type.
        uses: String,
        /// The version of the record.
        recorded: u32,
        /// The version of this program.
        linked: u32,
    },
}

impl FlowDefinitionError {
    /// Describes a problem with the wiring of `steps`.
    pub(super) fn of_wiring(problem: Problem, steps: &[PlannedStep]) -> Self {
        let id = |index: usize| steps[index].step.id().clone();
        let written = |step: usize, wire: usize| steps[step].inputs[wire].clone();
        match problem {
            Problem::FirstNotSource => Self::FirstStepNotSource { step: id(0), kind: steps[0].step.kind() },
            Problem::SourceAfterFirst { step } => Self::SourceAfterFirst { step: id(step) },
            Problem::NotSource { step, kind } => Self::NotSource { step: id(step), kind },
            Problem::UnknownPort { step, wire } => Self::UnknownPort { step: id(step), port: written(step, wire).0 },
            Problem::UnknownStep { step, wire } => {
                let (port, from) = written(step, wire);
                Self::UnknownStep { step: id(step), port, from }
            }
            Problem::FromSink { step, port, from, .. } => {
                Self::WiredToSink { step: id(step), port: port.name.to_owned(), from: id(from) }
            }
            Problem::UnknownOutput { step, port, from, output, .. } => {
                let from = format!("{}.{output}", id(from));
                Self::UnknownOutput { step: id(step), port: port.name.to_owned(), from }
            }
            Problem::OpenPort { step, port } => Self::OpenPort { step: id(step), port: port.name.to_owned() },
            Problem::WrongKind { step, port, from, output, .. } => Self::WrongKind {
                step: id(step),
                port: port.name.to_owned(),
                from: id(from).to_string(),
                expected: port.kind.to_owned(),
                found: output.kind.to_owned(),
            },
        }
    }
}
