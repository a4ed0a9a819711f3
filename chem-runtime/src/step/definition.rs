//! Defines the engine's view of a step.

use std::fmt;

use chem_manifest::StepId;
use serde_json::{Map, Value};

use super::children::MapParams;
use super::columns::{ColumnContext, Columns};
use super::context::ExecutionContext;
use super::descent::{Descent, DroppedRow, Explanation};
use super::error::StepError;
use super::files::Files;
use super::misfit::Misfit;
use super::param::{ColumnReference, ParamProblem, ParamSpec};
use super::port::{OutputSpec, PortSpec};
use super::row_columns::RowColumns;
use super::signal::Signal;
use super::source_record::{SourceRecord, WrittenRecord};
use crate::artifact::{ArtifactValue, Handed, Packed};
use crate::event::{StepKind, StepPolicy};

/// A step type's name and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepTypeRef<'a> {
    /// For example `molecules.filter`.
    pub name: &'a str,
    /// Increased whenever the same inputs and parameters would give a different result.
    pub version: u32,
}

impl fmt::Display for StepTypeRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// One use of a step type in a flow.
///
/// Functions under `#[step]` get an implementation. A manual one needs only `id`, `kind` and `run`:
///
/// ```
/// use chem_runtime::step::*;
/// use chem_runtime::artifact::Artifact;
///
/// struct Greeting(StepId);
///
/// impl StepDefinition for Greeting {
///     fn id(&self) -> &StepId { &self.0 }
///     fn kind(&self) -> StepKind { StepKind::Source }
///     fn run(&self, _: &ExecutionContext<'_>) -> StepRunResult {
///         match Artifact::new("text", &"hello".into()) {
///             Ok(artifact) => StepRunResult::success([StepOutput::main(artifact.into())]),
///             Err(error) => StepRunResult::failure(error.into()),
///         }
///     }
/// }
/// # let greeting = Greeting(StepId::new("greet").unwrap());
/// # assert_eq!(greeting.step_type().to_string(), "greet@1");
/// ```
pub trait StepDefinition: Send + Sync {
    /// Returns the step's name in its flow.
    fn id(&self) -> &StepId;

    /// Returns whether the step is a source, a transform or a sink.
    fn kind(&self) -> StepKind;

    /// Returns the step type, which is part of the fingerprint. By default the name is the step's ID, at version 1.
    fn step_type(&self) -> StepTypeRef<'_> {
        StepTypeRef { name: self.id().as_str(), version: 1 }
    }

    /// Returns the input ports. By default a source has none, and other steps have one of any kind, called `input`.
    fn inputs(&self) -> &[PortSpec] {
        if self.kind() == StepKind::Source { &[] } else { &[PortSpec::ANY] }
    }

    /// Returns the outputs. By default there is one of any kind. A sink's outputs cannot be wired.
    fn outputs(&self) -> &[OutputSpec] {
        &[OutputSpec::ANY]
    }

    /// Returns the parameters with defaults filled in, as the log records them.
    fn params(&self) -> Result<Map<String, Value>, StepError> {
        Ok(Map::new())
    }

    /// Returns the parameters as they are hashed: like [`params`](Self::params), with the content of each input file in
    /// place of its path.
    fn identity(&self, _files: &Files) -> Result<Map<String, Value>, StepError> {
        self.params()
    }

    /// Returns whether a stored result of the same work may replace running the step. False by default, since a step
    /// written by hand may share its name with another that does something else.
    fn is_reusable(&self) -> bool {
        false
    }

    /// Returns a hash of the code that does the work, if there is one. Results of the same version but different code
    /// may differ, so the step's developer is warned when one replaces the other. The hash is not part of any
    /// fingerprint.
    fn code(&self) -> Option<&str> {
        None
    }

    /// Returns whether the work has effects besides the outputs, such as writing a file. By default only a sink's work
    /// has. Reusable work without effects can be repeated unnoticed, so it need not wait for the log.
    fn has_effects(&self) -> bool {
        self.kind() == StepKind::Sink
    }

    /// Returns the columns of the inputs that the parameters name, each with its parameter. A check verifies that they
    /// exist.
    fn named_columns(&self) -> Vec<(&'static str, ColumnReference)> {
        Vec::new()
    }

    /// Returns the columns that the step reads of each row, if it works row by row: what comes out for a row then depends
    /// on nothing else of the input. By default it does not.
    fn row_columns(&self) -> Option<RowColumns> {
        None
    }

    /// Returns the columns of the main output, as far as they are known before the step runs.
    fn columns(&self, _context: &ColumnContext<'_>) -> Columns {
        Columns::Unknown
    }

    /// Returns what would prevent the step from succeeding, as far as that is known before it runs. Checking a manifest
    /// reports it.
    fn check(&self, _context: &ColumnContext<'_>) -> Vec<Misfit> {
        Vec::new()
    }

    /// Returns how the rows of the main output descend from those of the inputs, for a step that does not work row by row. By
    /// default that is not known.
    fn descent(&self) -> Descent<'_> {
        Descent::Unknown
    }

    /// Returns why a row did not come out, or which other row came out in its place; `None` if the parameters say it all.
    ///
    /// # Errors
    /// Fails if the output cannot be read, or if the reason cannot be computed.
    fn explain(&self, _dropped: &DroppedRow<'_>) -> Result<Option<Explanation>, StepError> {
        Ok(None)
    }

    /// Returns the column that says why `column` has its value, if the step computes both, such as the names of the alerts that
    /// were counted.
    fn reason_column(&self, _column: &str) -> Option<String> {
        None
    }

    /// Finds records that the step read, as they are written in its files; `None` for a record that is not found, or not in a
    /// file. By default no record is found.
    ///
    /// # Errors
    /// Fails if a file cannot be read.
    fn written(&self, records: &[SourceRecord<'_>], _files: &Files) -> Result<Vec<Option<WrittenRecord>>, StepError> {
        Ok(vec![None; records.len()])
    }

    /// Returns the parameters of the step type. By default they are unknown.
    fn param_specs(&self) -> &'static [ParamSpec] {
        &[]
    }

    /// Returns this step with other parameters, which a manifest could give; `None` if its parameters cannot change.
    fn with_params(&self, _params: &Map<String, Value>) -> Option<Result<Box<dyn StepDefinition>, Vec<ParamProblem>>> {
        None
    }

    /// Returns the children that the step runs; `None` if it runs none.
    #[doc(hidden)]
    fn children(&self) -> Option<&MapParams> {
        None
    }

    /// Runs the step. The engine catches a panic and turns it into a failure.
    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult;
}

/// A step that is not wired yet, with the wiring and the policy that its author gave.
pub struct PlannedStep {
    /// The definition that the engine will run.
    pub step: Box<dyn StepDefinition>,
    /// The wiring of some ports: the port, and the output that feeds it, as `step` or `step.output`.
    pub inputs: Vec<(String, String)>,
    /// Whether this is meant to be a source: required of a source after the first step, an error for any other step. Not
    /// part of any fingerprint.
    pub source: bool,
    /// The retries, timeout, gate and resources. Not part of any fingerprint.
    pub policy: StepPolicy,
}

impl From<Box<dyn StepDefinition>> for PlannedStep {
    fn from(step: Box<dyn StepDefinition>) -> Self {
        Self { step, inputs: Vec::new(), source: false, policy: StepPolicy::default() }
    }
}

/// The outcome of running a step.
#[derive(Debug)]
pub enum StepRunResult {
    /// The step succeeded.
    Success {
        /// The outputs, in the order of [`StepDefinition::outputs`].
        outputs: Vec<StepOutput>,
        /// The signals to record besides those sent through the context.
        signals: Vec<Signal>,
    },
    /// The step failed or was interrupted.
    Failure {
        /// The reason, in words for the author of the flow.
        error: StepError,
        /// The signals to record besides those sent through the context.
        signals: Vec<Signal>,
    },
}

impl StepRunResult {
    /// Returns a success without signals. The engine adds those sent through the context.
    pub fn success(outputs: impl IntoIterator<Item = StepOutput>) -> Self {
        Self::Success { outputs: outputs.into_iter().collect(), signals: Vec::new() }
    }

    /// Returns a failure without signals. The engine adds those sent through the context.
    pub fn failure(error: StepError) -> Self {
        Self::Failure { error, signals: Vec::new() }
    }
}

/// An output of a step: its artifact, and the typed value for later steps in the same process.
#[derive(Clone)]
pub struct StepOutput {
    /// The name of the output, such as `main`.
    pub name: &'static str,
    /// The artifact, ready to be stored.
    pub packed: Packed,
    /// The value that was packed, or `None` if later steps must read the artifact.
    pub handed: Option<Handed>,
}

impl StepOutput {
    /// Returns the main output, from an artifact made by hand.
    pub fn main(packed: Packed) -> Self {
        Self { name: super::port::MAIN_OUTPUT, packed, handed: None }
    }

    /// Packs `value` as the output `name`, and keeps it for later steps in the same process.
    pub fn of<T: ArtifactValue>(name: &'static str, value: T) -> Result<Self, StepError> {
        let (packed, handed) = value.pack_and_hand_on()?;
        Ok(Self { name, packed, handed: Some(handed) })
    }
}

impl fmt::Debug for StepOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepOutput").field("name", &self.name).field("root", &self.packed.root).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_form() {
        for good in ["a", "read", "keep-2", "a_b", &"x".repeat(64)] {
            assert!(StepId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "2", "Read", "a.b", "a b", "-a", "é", &"x".repeat(65)] {
            assert!(StepId::new(bad).is_err(), "{bad}");
        }
    }
}
