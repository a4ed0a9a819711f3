//! Defines the work of a row step under `#[derive(Step)]`, whose parameters are a struct.

use super::drive::{Driven, reads};
use super::work::{RowReturn, RowWork};
use crate::step::context::ExecutionContext;
use crate::step::definition::StepOutput;
use crate::step::error::StepError;
use crate::step::port::{OutputSpec, PortSpec};
use crate::step::run_step::StepInputs;
use crate::step::typed::Step;

/// The work of a row step under `#[derive(Step)]` and `#[step(…, rows)]`.
///
/// ```
/// use chem_runtime::prelude::*;
///
/// /// Keeps the rows with a text of at least so many characters.
/// #[derive(Step)]
/// #[step("table.longer", version = 1, rows)]
/// pub struct Longer {
///     /// The column of the text.
///     column: ColumnName,
///     /// The number of characters.
///     #[param(default = 1, min = 1)]
///     length: usize,
/// }
///
/// impl RunRows for Longer {
///     type Inputs = Rows<Dataset>;
///     type Output = Dataset;
///
///     fn run(&self, rows: Rows<Dataset>, _: &ExecutionContext<'_>) -> Result<RowWork<Dataset>, StepError> {
///         let (column, length) = (self.column.clone(), self.length);
///         Ok(rows.each(move |batch, _| {
///             let long = |text: Option<&str>| text.is_some_and(|text| text.chars().count() >= length);
///             let kept = batch.texts(column.as_str())?.enumerate().filter(|(_, text)| long(*text));
///             Ok(BatchOutput::of(kept.map(|(row, _)| row).collect()))
///         }))
///     }
/// }
///
/// # fn main() {
/// assert!(Longer::new("name").row_columns().unwrap().contains("name"));
/// # }
/// ```
pub trait RunRows: Sized {
    /// The inputs: `Rows<T>` for a step with one input, which is then called `input`, or a struct under
    /// `#[derive(StepInputs)]` with one field of that type.
    type Inputs: StepInputs;

    /// The output: a table of some kind, or [`WithRejects`](crate::step::WithRejects) of one.
    type Output: RowReturn;

    /// Prepares the work. It sees the parameters and the columns of the input; only the work sees the rows.
    fn run(&self, inputs: Self::Inputs, context: &ExecutionContext<'_>) -> Result<RowWork<Self::Output>, StepError>;
}

/// The runtime's view of [`RunRows`], like [`Method`](crate::step::run_step::Method) of `RunStep`.
#[diagnostic::on_unimplemented(
    message = "the row step `{Self}` has no `run`",
    label = "`RunRows` is not implemented for it",
    note = "write `impl RunRows for {Self} {{ type Inputs = Rows<…>; type Output = …; fn run(&self, inputs: Self::Inputs, context: &ExecutionContext<'_>) -> Result<RowWork<Self::Output>, StepError> {{ … }} }}`, or leave `rows` out of `#[step(…)]`"
)]
pub trait RowMethod {
    /// The input ports, in order.
    const INPUTS: &'static [PortSpec];

    /// The outputs, the main one first.
    const OUTPUTS: &'static [OutputSpec];

    /// Takes the inputs from `context`, does the work and packs the outputs.
    fn execute(&self, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError>;
}

impl<S: RunRows + Step> RowMethod for S {
    const INPUTS: &'static [PortSpec] = S::Inputs::PORTS;

    const OUTPUTS: &'static [OutputSpec] = <S::Output as crate::step::StepReturn>::OUTPUTS;

    fn execute(&self, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError> {
        self.run(S::Inputs::take(context)?, context)?.drive(&reads(self), context)
    }
}

/// Returns the number of `ports` whose rows the step takes one by one. `#[derive(Step)]` evaluates this at compile time.
pub const fn row_ports(ports: &[PortSpec]) -> usize {
    let (mut at, mut found) = (0, 0);
    while at < ports.len() {
        found += ports[at].rows as usize;
        at += 1;
    }
    found
}
