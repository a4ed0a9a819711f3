//! What the engine knows of a step.

use std::fmt;

use chem_manifest::StepId;
use serde_json::{Map, Value};

use super::columns::{ColumnContext, ColumnReference, Columns};
use super::context::ExecutionContext;
use super::error::StepError;
use super::file::Files;
use super::misfit::Misfit;
use super::port::{OutputSpec, PortSpec};
use crate::artifact::{ArtifactValue, Handed, Packed};
use crate::event::{StepKind, StepPolicy};

/// A step type's name and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepTypeRef<'a> {
    /// Its name, such as `molecules.filter`.
    pub name: &'a str,
    /// Raised whenever the same inputs and parameters would give another result.
    pub version: u32,
}

impl fmt::Display for StepTypeRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// One use of a step type in a flow.
///
/// Functions under `#[step]` get an implementation. By hand, `id`, `kind` and `run` are enough:
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
    /// The step's name in its flow.
    fn id(&self) -> &StepId;

    /// Source, transform or sink.
    fn kind(&self) -> StepKind;

    /// The step type, which is part of the fingerprint. A step written by hand is its own type, at version 1, unless it
    /// says otherwise.
    fn step_type(&self) -> StepTypeRef<'_> {
        StepTypeRef { name: self.id().as_str(), version: 1 }
    }

    /// What it takes. By default nothing for a source and one input of any kind, called `input`, for the others.
    fn inputs(&self) -> &[PortSpec] {
        if self.kind() == StepKind::Source { &[] } else { &[PortSpec::ANY] }
    }

    /// What it gives. By default one output of any kind; a sink's outputs cannot be wired.
    fn outputs(&self) -> &[OutputSpec] {
        &[OutputSpec::ANY]
    }

    /// Its parameters with their defaults filled in, as the log records them.
    fn params(&self) -> Result<Map<String, Value>, StepError> {
        Ok(Map::new())
    }

    /// Its parameters as they are hashed: like [`params`](Self::params), with the content of each input file in place
    /// of its path.
    fn identity(&self, _files: &Files) -> Result<Map<String, Value>, StepError> {
        self.params()
    }

    /// Whether a finished result of the same work may stand in for running the step. By default not: a step written by
    /// hand may share its name with another that does something else.
    fn is_reusable(&self) -> bool {
        false
    }

    /// A hash of the code that does its work, if there is one: two results of one version and of other code need not be the
    /// same, and who develops the step is warned where one stands in for the other. It is of no fingerprint.
    fn code(&self) -> Option<&str> {
        None
    }

    /// Whether its work leaves something behind besides its outputs, such as a file. By default that of a sink does. All
    /// other work that is reusable may be done again and nobody would know, so that it need not wait for the log.
    fn has_effects(&self) -> bool {
        self.kind() == StepKind::Sink
    }

    /// The columns of its inputs that its parameters name, each with the parameter. A check sees that they are there.
    fn named_columns(&self) -> Vec<(&'static str, ColumnReference)> {
        Vec::new()
    }

    /// The columns of its main output, as far as they are known before it runs.
    fn columns(&self, _context: &ColumnContext<'_>) -> Columns {
        Columns::Unknown
    }

    /// What would keep it from succeeding, as far as that can be told before it runs. A check of a manifest reports it.
    fn check(&self, _context: &ColumnContext<'_>) -> Vec<Misfit> {
        Vec::new()
    }

    /// Does the work. A panic is caught and becomes a failure.
    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult;
}

/// A step before it is wired: the step, and what its author said of its inputs.
pub struct PlannedStep {
    /// The step.
    pub step: Box<dyn StepDefinition>,
    /// For some of its ports, the output that feeds it: `step` or `step.output`.
    pub inputs: Vec<(String, String)>,
    /// How it is run: no part of any fingerprint.
    pub policy: StepPolicy,
}

impl From<Box<dyn StepDefinition>> for PlannedStep {
    fn from(step: Box<dyn StepDefinition>) -> Self {
        Self { step, inputs: Vec::new(), policy: StepPolicy::default() }
    }
}

/// What came of running a step.
#[derive(Debug)]
pub enum StepRunResult {
    /// It did its work.
    Success {
        /// What it put out, in the order of [`StepDefinition::outputs`].
        outputs: Vec<StepOutput>,
        /// What it had to say besides.
        signals: Vec<Signal>,
    },
    /// It could not.
    Failure {
        /// Why.
        error: StepError,
        /// What it had to say before.
        signals: Vec<Signal>,
    },
}

impl StepRunResult {
    /// Success without signals of its own; those sent through the context are added by the engine.
    pub fn success(outputs: impl IntoIterator<Item = StepOutput>) -> Self {
        Self::Success { outputs: outputs.into_iter().collect(), signals: Vec::new() }
    }

    /// Failure without signals of its own; those sent through the context are added by the engine.
    pub fn failure(error: StepError) -> Self {
        Self::Failure { error, signals: Vec::new() }
    }
}

/// An output of a step: its artifact, and the typed value that the next step is handed if it runs in this process.
#[derive(Clone)]
pub struct StepOutput {
    /// Which output of the step.
    pub name: &'static str,
    /// The artifact.
    pub packed: Packed,
    /// The value that the artifact was made from.
    pub handed: Option<Handed>,
}

impl StepOutput {
    /// The main output, from an artifact made by hand.
    pub fn main(packed: Packed) -> Self {
        Self { name: super::port::MAIN_OUTPUT, packed, handed: None }
    }

    /// The output `name` with `value`, packed here and handed on as it is.
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

/// Something a step says that is not an output: a count, a warning, a choice and its reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// What kind of thing it is.
    pub name: String,
    /// The thing.
    pub data: Value,
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
