//! Defines what flows between steps: input ports, outputs, and the types that step functions use for them.

use std::ops::Deref;
use std::sync::Arc;

use super::context::ExecutionContext;
use super::definition::StepOutput;
use super::error::StepError;
use crate::artifact::{ArtifactValue, Table};
use crate::event::StepKind;

/// The name of a step's first output, which is wired unless another is named.
pub const MAIN_OUTPUT: &str = "main";

/// The kind of a port or an output that declares none. It matches every kind.
pub const ANY_KIND: &str = "*";

/// An input port of a step type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortSpec {
    /// The name that `inputs:` uses in a manifest.
    pub name: &'static str,
    /// The kind of artifact that the port accepts.
    pub kind: &'static str,
    /// Whether the port may be left open.
    pub optional: bool,
}

impl PortSpec {
    /// A required port, called `input`, for any kind of artifact.
    pub const ANY: Self = Self { name: "input", kind: ANY_KIND, optional: false };

    /// Returns a port for inputs of type `T`.
    pub const fn of<T: StepInput>(name: &'static str) -> Self {
        Self { name, kind: T::KIND, optional: T::OPTIONAL }
    }

    /// Returns whether `output` can feed this port.
    pub fn accepts(&self, output: &OutputSpec) -> bool {
        self.kind == ANY_KIND
            || output.kind == ANY_KIND
            || self.kind == output.kind
            || output.reads_as.contains(&self.kind)
    }
}

/// An output of a step type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputSpec {
    /// The name, [`MAIN_OUTPUT`] for the first output.
    pub name: &'static str,
    /// The kind of the artifact.
    pub kind: &'static str,
    /// The other kinds as which the artifact can be read.
    pub reads_as: &'static [&'static str],
    /// Whether the output has the kind of the output that feeds the step's first input; `kind` is then only a bound.
    pub kind_of_input: bool,
}

impl OutputSpec {
    /// A main output of any kind.
    pub const ANY: Self = Self { name: MAIN_OUTPUT, kind: ANY_KIND, reads_as: &[], kind_of_input: false };

    /// Returns an output with values of type `T`.
    pub const fn of<T: ArtifactValue>(name: &'static str) -> Self {
        Self { name, kind: T::KIND, reads_as: T::READS_AS, kind_of_input: T::KIND_OF_INPUT }
    }

    /// Returns the output as it is when `fed` feeds the step's first input.
    pub fn fed_by(&self, fed: &Self) -> Self {
        if self.kind_of_input { Self { name: self.name, ..*fed } } else { *self }
    }
}

/// An input of a step function: an output value of an earlier step. Dereferences to `T`.
#[derive(Debug)]
pub struct Input<T>(Arc<T>);

impl<T> Input<T> {
    /// Returns the shared value.
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> From<Arc<T>> for Input<T> {
    fn from(value: Arc<T>) -> Self {
        Self(value)
    }
}

impl<T> Clone for Input<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Input<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A type that a step function may take from earlier steps: `Input<T>`, or `Option<Input<T>>` for a port that may be
/// left open.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an input of a step",
    label = "not an input",
    note = "take an `Input<T>` or an `Option<Input<T>>`, where `T` implements `ArtifactValue`"
)]
pub trait StepInput: Sized {
    /// The kind of artifact that the port accepts.
    const KIND: &'static str;

    /// Whether the port may be left open.
    const OPTIONAL: bool;

    /// Takes the value at `port` from `context`.
    fn take(context: &ExecutionContext<'_>, port: &str) -> Result<Self, StepError>;
}

impl<T: ArtifactValue> StepInput for Input<T> {
    const KIND: &'static str = T::KIND;
    const OPTIONAL: bool = false;

    fn take(context: &ExecutionContext<'_>, port: &str) -> Result<Self, StepError> {
        context.input(port)
    }
}

impl<T: ArtifactValue> StepInput for Option<Input<T>> {
    const KIND: &'static str = T::KIND;
    const OPTIONAL: bool = true;

    fn take(context: &ExecutionContext<'_>, port: &str) -> Result<Self, StepError> {
        context.optional_input(port)
    }
}

/// A type that a step function may return inside its `Result`.
#[diagnostic::on_unimplemented(
    message = "a step cannot return `{Self}`",
    label = "not an output",
    note = "return a type that implements `ArtifactValue` (such as `Table`), `WithRejects<T>`, or `()` from a sink"
)]
pub trait StepReturn {
    /// The outputs, the main one first.
    const OUTPUTS: &'static [OutputSpec];

    /// Packs the outputs.
    fn into_outputs(self) -> Result<Vec<StepOutput>, StepError>;
}

#[diagnostic::do_not_recommend]
impl<T: ArtifactValue> StepReturn for T {
    const OUTPUTS: &'static [OutputSpec] = &[OutputSpec::of::<T>(MAIN_OUTPUT)];

    fn into_outputs(self) -> Result<Vec<StepOutput>, StepError> {
        Ok(vec![StepOutput::of(MAIN_OUTPUT, self)?])
    }
}

impl StepReturn for () {
    const OUTPUTS: &'static [OutputSpec] = &[];

    fn into_outputs(self) -> Result<Vec<StepOutput>, StepError> {
        Ok(Vec::new())
    }
}

/// The name of the output with the records that a step could not use.
pub const REJECTS: &str = "rejects";

/// A main output, and a second output `rejects` with a table of the records that could not be used.
///
/// ```
/// use chem_runtime::prelude::*;
///
/// /// Keeps the rows that have a name.
/// #[step("table.named", version = 1)]
/// fn named(table: Input<Table>, context: &ExecutionContext<'_>) -> Result<WithRejects<Table>, StepError> {
///     let mut named = Vec::new();
///     let mut others = Vec::new();
///     for row in 0..table.rows() {
///         context.check_cancelled()?;
///         if table.row(row)[0].is_null() { others.push(row) } else { named.push(row) }
///     }
///     Ok(WithRejects { kept: table.gather(&named), rejects: table.gather(&others) })
/// }
/// # fn main() {
/// assert_eq!(Named::SPEC.outputs.len(), 2);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct WithRejects<T> {
    /// The main output: what could be used.
    pub kept: T,
    /// The records that could not be used: where each was, what it was, and why it was refused.
    pub rejects: Table,
}

impl<T: ArtifactValue> StepReturn for WithRejects<T> {
    const OUTPUTS: &'static [OutputSpec] = &[OutputSpec::of::<T>(MAIN_OUTPUT), OutputSpec::of::<Table>(REJECTS)];

    fn into_outputs(self) -> Result<Vec<StepOutput>, StepError> {
        Ok(vec![StepOutput::of(MAIN_OUTPUT, self.kept)?, StepOutput::of(REJECTS, self.rejects)?])
    }
}

impl StepKind {
    /// Returns `source`, `transform` or `sink`.
    pub fn name(self) -> &'static str {
        match self {
            StepKind::Source => "source",
            StepKind::Transform => "transform",
            StepKind::Sink => "sink",
        }
    }
}
