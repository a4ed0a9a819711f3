//! Defines what the function of a step may take and return.

use super::context::ExecutionContext;
use super::definition::StepOutput;
use super::error::StepError;
use super::port::{Input, MAIN_OUTPUT, OutputSpec, PortSpec, REJECTS};
use crate::artifact::{ArtifactValue, Table};

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

    /// Whether the port is optional: it need not be wired.
    const OPTIONAL: bool;

    /// Whether the step takes the rows of a table one by one.
    const ROWS: bool = false;

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

impl PortSpec {
    /// Returns a port for inputs of type `T`.
    pub const fn of<T: StepInput>(name: &'static str) -> Self {
        Self { name, kind: T::KIND, optional: T::OPTIONAL, rows: T::ROWS }
    }
}

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
